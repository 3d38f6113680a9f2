package accounts

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"path"
	"regexp"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// A Key is a line of an authorized_keys file, without the key itself.
type Key struct {
	Path        artifacts.Path `json:"path"`
	Line        int            `json:"line"` // from 1
	Type        string         `json:"type"`
	Fingerprint string         `json:"fingerprint"` // as ssh-keygen -l writes it: "SHA256:…"
	Bits        int            `json:"bits,omitempty"`
	Comment     string         `json:"comment,omitempty"`
	Options     string         `json:"options,omitempty"`
}

// maxKeys bounds the keys of one account.
const maxKeys = 2000

// keyFiles are the patterns of AuthorizedKeysFile, with sshd's own (sshd_config(5)) and that of older versions.
func (r *reader) keyFiles() []string {
	patterns := []string{".ssh/authorized_keys", ".ssh/authorized_keys2"}
	files := []artifacts.Path{"/etc/ssh/sshd_config"}
	entries, _ := r.files.ReadDir("/etc/ssh/sshd_config.d")
	for _, e := range entries[:min(len(entries), 100)] {
		files = append(files, artifacts.Linux.Join("/etc/ssh/sshd_config.d", e.Name))
	}
	for _, p := range files {
		for line := range procfs.Lines(r.read(p, procfs.Small)) {
			w := strings.Fields(strings.Replace(line, "=", " ", 1))
			if len(w) < 2 || !strings.EqualFold(w[0], "AuthorizedKeysFile") {
				continue
			}
			for _, pattern := range w[1:] {
				if pattern = strings.Trim(pattern, `"`); pattern != "none" && !slices.Contains(patterns, pattern) && len(patterns) < 20 {
					patterns = append(patterns, pattern)
				}
			}
		}
	}
	return patterns
}

func (r *reader) ssh(a *Account, patterns []string) {
	if !path.IsAbs(string(a.Home)) || r.remote(a.Home) {
		return
	}
	for _, pattern := range patterns {
		name := strings.NewReplacer("%%", "%", "%h", string(a.Home), "%u", a.Name, "%U", a.UID).Replace(pattern)
		if strings.Contains(a.Name, "/") {
			continue
		}
		if !path.IsAbs(name) {
			name = path.Join(string(a.Home), name)
		}
		r.keys(a, artifacts.Path(path.Clean(name)))
	}
	dir := artifacts.Path(path.Join(string(a.Home), ".ssh"))
	for range procfs.Lines(r.read(dir+"/known_hosts", 4<<20)) {
		a.KnownHosts++
	}
	entries, _ := r.files.ReadDir(dir)
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name] = e.Kind == artifacts.Regular || e.Kind == artifacts.Unknown
	}
	for name, file := range names {
		if file && !strings.HasSuffix(name, ".pub") && (names[name+".pub"] || strings.HasPrefix(name, "id_")) {
			a.PrivateKeys++
		}
	}
}

func (r *reader) keys(a *Account, p artifacts.Path) {
	n := 0
	for line := range strings.Lines(string(r.read(p, 4<<20))) {
		n++
		if k, ok := parseKey(line); ok && len(a.Keys) < maxKeys {
			k.Path, k.Line = p, n
			a.Keys = append(a.Keys, k)
		}
	}
}

var keyType = regexp.MustCompile(`^(?:sk-)?(?:ssh|ecdsa|rsa)-[A-Za-z0-9@.-]+$`)

// parseKey reads "[options] type base64 [comment]" (sshd(8), "authorized_keys file format"). The fingerprint is the SHA-256 of
// what the base64 stands for.
func parseKey(line string) (Key, bool) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return Key{}, false
	}
	var k Key
	first, rest := word(line)
	if !keyType.MatchString(first) {
		k.Options = procfs.Text(first)
		first, rest = word(rest)
	}
	encoded, comment := word(rest)
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !keyType.MatchString(first) || len(blob) < 4 {
		return Key{}, false
	}
	sum := sha256.Sum256(blob)
	k.Type, k.Comment = first, procfs.Text(comment)
	k.Fingerprint = "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	if first == "ssh-rsa" {
		k.Bits = rsaBits(blob)
	}
	return k, true
}

// word takes the first word off a line; within double quotes, space does not end it.
func word(s string) (first, rest string) {
	s = strings.TrimLeft(s, " \t")
	inside := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && inside:
			i++
		case c == '"':
			inside = !inside
		case (c == ' ' || c == '\t') && !inside:
			return s[:i], strings.TrimSpace(s[i:])
		}
	}
	return s, ""
}

// rsaBits is the length of the modulus: type, exponent, modulus, each after its length (RFC 4253, 6.6).
func rsaBits(blob []byte) int {
	var part []byte
	for range 3 {
		if len(blob) < 4 {
			return 0
		}
		n := int64(binary.BigEndian.Uint32(blob))
		if n > int64(len(blob)-4) {
			return 0
		}
		part, blob = blob[4:4+n], blob[4+n:]
	}
	bits := 8 * len(part)
	for _, b := range part {
		for mask := byte(0x80); mask != 0; mask >>= 1 {
			if b&mask != 0 {
				return bits
			}
			bits--
		}
	}
	return bits
}
