package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"spor/artifacts"
)

// The folders and files of a bundle that are not evidence.
const (
	filesDir      = "files/"
	recordsDir    = "records/"
	volumesDir    = "volumes/"
	manifestName  = "manifest.json"
	signatureName = "manifest.json.sig"
)

// Bounds of names in a bundle, in bytes. An extracted path stays below the 260 characters of old Windows programs.
const (
	maxComponent = 120
	maxName      = 200
)

// safeName is the name of a host's file in the bundle: its path below files/, in ASCII, legal on Linux, Windows and
// FAT, each odd byte written %XX. Different origins may share a name; names.claim sets them apart.
func safeName(origin artifacts.Path) string {
	s := string(origin)
	if len(s) >= 2 && s[1] == ':' && (len(s) == 2 || s[2] == '\\') { // C:\… is files/C/…
		s = s[:1] + s[2:]
	}
	if !strings.HasPrefix(string(origin), "/") {
		s = strings.ReplaceAll(s, `\`, "/")
	}
	var parts []string
	for part := range strings.SplitSeq(s, "/") {
		if part != "" {
			parts = append(parts, safeComponent(part))
		}
	}
	if len(parts) == 0 {
		parts = []string{"%2F"}
	}
	name := filesDir + strings.Join(parts, "/")
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(origin))
		last := parts[len(parts)-1]
		name = filesDir + "long/" + hex.EncodeToString(sum[:8]) + "-" + last[max(0, len(last)-maxComponent):]
	}
	return name
}

func safeComponent(s string) string {
	if isSafe(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; !legal(c) || i == 0 && reserved(s) || i == len(s)-1 && (c == '.' || c == ' ') {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(s[i])
	}
	if b.Len() <= maxComponent {
		return b.String()
	}
	sum := sha256.Sum256([]byte(s))
	return b.String()[:maxComponent-33] + "~" + hex.EncodeToString(sum[:8]) + b.String()[b.Len()-16:]
}

// isSafe tells whether a name of a host can stand in a bundle as it is.
func isSafe(s string) bool {
	for i := range len(s) {
		if !legal(s[i]) {
			return false
		}
	}
	last := s[len(s)-1]
	return len(s) <= maxComponent && last != '.' && last != ' ' && !reserved(s)
}

// legal tells whether a byte stands for itself in a safe name.
func legal(c byte) bool { return isLegal[c] }

var isLegal = func() (is [256]bool) {
	for c := byte(0x20); c <= 0x7e; c++ {
		is[c] = strings.IndexByte(`%"*/:<>?\|`, c) < 0
	}
	return is
}()

// reserved tells whether Windows gives a name to a device, whatever its extension.
func reserved(s string) bool {
	stem, _, _ := strings.Cut(s, ".")
	device := strings.TrimRight(stem, " ")
	if len(device) < 3 || len(device) > len("CONOUT$") {
		return false
	}
	whole := len(device) == len(stem)
	device = strings.ToUpper(device) // may be shorter: ſ becomes S
	switch device {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	return whole && len(device) == 4 && (strings.HasPrefix(device, "COM") || strings.HasPrefix(device, "LPT")) && device[3] >= '0' && device[3] <= '9'
}

// validName tells whether a name found in a bundle is one that this package writes: the only kind that is extracted.
func validName(name string) bool {
	if len(name) > 2*maxName || !fs.ValidPath(name) {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if reserved(part) || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") {
			return false
		}
		for i := range len(part) {
			if !legal(part[i]) && part[i] != '%' {
				return false
			}
		}
	}
	return true
}

// names remembers what is in use in a bundle, without regard to case. The key of a folder is even.
type names struct{ artifacts.Keys }

// claim gives name, or name with ~2, ~3 … before its extension where it is taken.
func (n *names) claim(name string) string {
	try := name
	for i := 2; !n.free(try); i++ {
		dir, base := "", name
		if j := strings.LastIndexByte(name, '/'); j >= 0 {
			dir, base = name[:j+1], name[j+1:]
		}
		stem, ext := base, ""
		if j := strings.LastIndexByte(base, '.'); j > 0 {
			stem, ext = base[:j], base[j:]
		}
		try = fmt.Sprintf("%s%s~%d%s", dir, stem, i, ext)
	}
	for h, folder := range prefixes(try) {
		n.Put(kindOf(h, folder), 0)
	}
	return try
}

func (n *names) free(name string) bool {
	for h, folder := range prefixes(name) {
		if n.Has(kindOf(h, false)) || !folder && n.Has(kindOf(h, true)) {
			return false
		}
	}
	return true
}

// kindOf puts into the last bit of a key what it is of.
func kindOf(key uint64, folder bool) uint64 {
	if folder {
		return key &^ 1
	}
	return key | 1
}

// prefixes gives the keys of all folders above a name, and its own.
func prefixes(name string) iter.Seq2[uint64, bool] {
	return func(yield func(uint64, bool) bool) {
		h := uint64(fnvOffset)
		for i := range len(name) {
			c := name[i]
			if c == '/' && !yield(h, true) {
				return
			}
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			h = (h ^ uint64(c)) * fnvPrime
		}
		yield(h, false)
	}
}

// FNV-1a, 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// key is a name's own key.
func key(name string) (own uint64) {
	for h := range prefixes(name) {
		own = h
	}
	return own
}
