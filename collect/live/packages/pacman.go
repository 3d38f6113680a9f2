package packages

import (
	"bytes"
	"compress/gzip"
	"io"
	"strconv"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

const pacmanDir = "/var/lib/pacman/local"

// readPacman reads the folder of each package: desc and files in blocks that begin with "%NAME%", and mtree, which is
// gzipped and holds the digests (mtree(5)).
func readPacman(r *reader) error {
	entries, _ := r.files.ReadDir(pacmanDir)
	for _, e := range entries {
		dir := artifacts.Linux.Join(pacmanDir, e.Name)
		if e.Kind != artifacts.Directory && e.Kind != artifacts.Unknown {
			continue
		}
		desc := blocks(r.read(dir + "/desc"))
		p := Package{
			Manager: "pacman", Name: desc.first("NAME"), Version: desc.first("VERSION"), Architecture: desc.first("ARCH"),
			Source: desc.first("BASE"), Vendor: desc.first("PACKAGER"), Installed: unixTime(desc.first("INSTALLDATE")), Path: dir + "/files",
		}
		if p.Name == "" {
			continue
		}
		p.Size, _ = strconv.ParseInt(desc.first("SIZE"), 10, 64)
		known, err := r.begin(p)
		if err != nil {
			return err
		}
		if known != nil {
			r.pacmanFiles(known, dir)
		}
	}
	return nil
}

func (r *reader) pacmanFiles(p *Package, dir artifacts.Path) {
	list := blocks(r.read(p.Path))
	config := map[string]string{}
	for _, line := range list["BACKUP"] {
		if name, sum, ok := strings.Cut(line, "\t"); ok && isHex(sum, 32) {
			config[name] = sum
		}
	}
	if r.known == nil {
		for _, name := range list["FILES"] {
			sum := config[name]
			r.give(p, []byte("/"+strings.TrimSuffix(name, "/")), Digest{Algorithm: "md5", Sum: sum, Config: sum != ""})
		}
		return
	}
	z, err := gzip.NewReader(bytes.NewReader(r.read(dir + "/mtree")))
	if err != nil {
		return
	}
	text, _ := io.ReadAll(io.LimitReader(z, 64<<20)) // what was unpacked before an error is used
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(name, "./") || strings.HasPrefix(name, "./.") {
			continue
		}
		for word := range strings.SplitSeq(rest, " ") {
			if sum, ok := strings.CutPrefix(word, "sha256digest="); ok {
				name = unvis(name[2:])
				_, changeable := config[name]
				r.give(p, []byte("/"+name), Digest{Algorithm: "sha256", Sum: sum, Config: changeable})
			}
		}
	}
}

// unvis undoes the octal escapes of vis(3), in which mtree writes odd bytes.
func unvis(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

type alpmBlocks map[string][]string

func (b alpmBlocks) first(name string) string {
	if len(b[name]) == 0 {
		return ""
	}
	return procfs.Text(b[name][0])
}

func blocks(data []byte) alpmBlocks {
	all := alpmBlocks{}
	name := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "":
		case len(line) > 2 && line[0] == '%' && line[len(line)-1] == '%':
			name = line[1 : len(line)-1]
		case name != "":
			all[name] = append(all[name], line)
		}
	}
	return all
}
