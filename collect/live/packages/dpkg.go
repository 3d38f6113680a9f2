package packages

import (
	"bytes"
	"iter"
	"path"
	"strconv"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

const dpkgDir = "/var/lib/dpkg"

// A diversion says that the file of any other package at a path lies elsewhere: dpkg-divert(1).
type diversion struct {
	to artifacts.Path
	by string
}

// readDpkg reads status, then the lists and digests in info.
func readDpkg(r *reader) error {
	r.diversions()
	data := r.read(dpkgDir + "/status")
	for _, p := range r.statusParts() {
		data = append(append(data, '\n', '\n'), r.read(p)...)
	}
	for fields := range stanzas(data) {
		if fields["Package"] == "" || strings.HasSuffix(fields["Status"], "not-installed") {
			continue
		}
		p := Package{
			Manager: "dpkg", Name: procfs.Text(fields["Package"]), Version: procfs.Text(fields["Version"]), Architecture: procfs.Text(fields["Architecture"]),
			Status: procfs.Text(fields["Status"]), Source: procfs.Text(fields["Source"]), Vendor: procfs.Text(fields["Maintainer"]),
		}
		kib, _ := strconv.ParseInt(fields["Installed-Size"], 10, 40)
		p.Size = max(0, kib) << 10
		if strings.Contains(fields["Package"], "/") { // no name of a package, and part of a path below
			continue
		}
		if err := r.dpkgPackage(p, fields["Package"], conffiles(fields["Conffiles"])); err != nil {
			return err
		}
	}
	return nil
}

// statusParts are the files of images without a dpkg program (distroless): status.d/NAME.
func (r *reader) statusParts() (parts []artifacts.Path) {
	entries, _ := r.files.ReadDir(dpkgDir + "/status.d")
	for _, e := range entries {
		if !strings.HasSuffix(e.Name, ".md5sums") && len(parts) < 10000 {
			parts = append(parts, artifacts.Linux.Join(dpkgDir+"/status.d", e.Name))
		}
	}
	return parts
}

// dpkgPackage reads the files of one package. Those of a package that can be there for several architectures carry the
// architecture in their name.
func (r *reader) dpkgPackage(p Package, name string, config map[string]string) error {
	var list []byte
	base := ""
	for _, try := range []string{name, name + ":" + p.Architecture} {
		base = dpkgDir + "/info/" + try
		if st, err := r.files.Lstat(artifacts.Path(base + ".list")); err == nil {
			p.Path, p.Installed = artifacts.Path(base+".list"), st.Times.Modified
			break
		}
	}
	known, err := r.begin(p)
	if known == nil || err != nil {
		return err
	}
	if r.known == nil {
		if p.Path != "" {
			list = r.read(p.Path)
		}
		for line := range lines(list) {
			sum := config[string(line)]
			r.give(known, line, Digest{Algorithm: "md5", Sum: sum, Config: sum != ""})
		}
		return nil
	}
	for line, sum := range config {
		r.give(known, []byte(line), Digest{Algorithm: "md5", Sum: sum, Config: true})
	}
	full := make([]byte, 0, 4096)
	for line := range lines(r.read(artifacts.Path(base + ".md5sums"))) {
		if len(line) < 35 || line[32] != ' ' {
			continue
		}
		full = append(append(full[:0], '/'), bytes.TrimLeft(line[33:], " *")...)
		r.give(known, full, Digest{Algorithm: "md5", Sum: string(line[:32])})
	}
	return nil
}

// diversions reads triples of lines: where, to where, for which package (":" for the administrator).
func (r *reader) diversions() {
	var part []string
	r.index.moved = map[artifacts.Path]diversion{}
	for line := range lines(r.read(dpkgDir + "/diversions")) {
		if part = append(part, string(line)); len(part) == 3 && len(r.index.moved) < maxConfig {
			r.index.moved[r.index.canonical(artifacts.Path(part[0]))] = diversion{artifacts.Path(path.Clean("/" + part[1])), part[2]}
			part = part[:0]
		}
	}
}

// place is where a package's file lies, diversions followed.
func (x *Index) place(p *Package, name artifacts.Path) artifacts.Path {
	name = x.canonical(name)
	if d, ok := x.moved[name]; ok && p.Manager == "dpkg" && d.by != p.Name {
		return d.to
	}
	return name
}

// conffiles reads " /etc/x 0123… obsolete" lines; the digest by path. A new one that was not installed yet has no digest.
func conffiles(field string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(field) {
		w := strings.Fields(line)
		if len(w) < 2 || len(w) > 2 && w[2] == "obsolete" || !isHex(w[len(w)-1], 32) && !isHex(w[1], 32) {
			continue
		}
		all[w[0]] = w[1]
	}
	return all
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

// wanted are the fields that are kept.
var wanted = map[string]bool{
	"Package": true, "Status": true, "Version": true, "Architecture": true, "Source": true, "Maintainer": true,
	"Installed-Size": true, "Conffiles": true,
}

// stanzas gives the fields of each block of "Field: value" lines; lines that begin with space go on with the field before.
func stanzas(data []byte) iter.Seq[map[string]string] {
	return func(yield func(map[string]string) bool) {
		current := map[string]string{}
		field := ""
		var more []byte // of a field that goes on
		end := func() {
			if len(more) > 0 {
				current[field] += string(more)
			}
			field, more = "", nil
		}
		for line := range bytes.Lines(data) {
			line = bytes.TrimRight(line, "\r\n")
			switch {
			case len(line) == 0:
				end()
				if len(current) > 0 && !yield(current) {
					return
				}
				current = map[string]string{}
			case line[0] == ' ' || line[0] == '\t':
				if field != "" {
					more = append(append(more, '\n'), line...)
				}
			default:
				end()
				key, value, _ := bytes.Cut(line, []byte(":"))
				if wanted[string(key)] {
					field = string(key)
					current[field] = string(bytes.TrimSpace(value))
				}
			}
		}
		end()
		if len(current) > 0 {
			yield(current)
		}
	}
}

// lines gives the lines of a text that are not empty.
func lines(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for line := range bytes.Lines(data) {
			line = bytes.TrimRight(line, "\r\n")
			if len(line) > 0 && !yield(line) {
				return
			}
		}
	}
}
