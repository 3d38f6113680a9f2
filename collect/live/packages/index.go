package packages

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"path"
	"slices"
	"strings"
	"sync"
	"weak"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// Bounds against a database that means to choke us.
const (
	maxPackages = 1 << 17
	maxFiles    = 3 << 20 // entries of the index, 16 bytes each
	maxConfig   = 1 << 17
	maxDatabase = 256 << 20 // bytes of one file of a database
)

// An Index tells which package a file belongs to. It keeps a keyed hash of each path, not the path: 16 bytes a file.
// It is safe for concurrent use.
type Index struct {
	Packages []Package
	Notes    []artifacts.Outcome // what of the databases could not be read

	seed   maphash.Seed
	merges []merge
	owners []owned
	config map[artifacts.Path]Digest
	moved  map[artifacts.Path]diversion
}

type owned struct {
	key   uint64
	owner uint32 // index in Packages
}

// A merge is a folder at the top that is a link to another, as /bin is to /usr/bin: packages name files by either.
type merge struct{ from, to string }

// A Digest is what a package says the content of a file is. The zero value is none.
type Digest struct {
	Algorithm string // "md5", "sha1", "sha256", "sha384", "sha512"
	Sum       string // lower-case hex
	Config    bool   // a configuration file: to be changed by whoever runs the machine
}

// last is the index of the host that was asked about last: several collectors of one run ask for it.
var last struct {
	sync.Mutex
	host  weak.Pointer[artifacts.Host]
	index *Index
}

// Load reads the databases of a host, once for a host. Its error is the context's.
func Load(ctx context.Context, h *artifacts.Host) (*Index, error) {
	last.Lock()
	defer last.Unlock()
	if host := last.host.Value(); host != nil && host == h {
		return last.index, nil
	}
	x := &Index{seed: maphash.MakeSeed(), config: map[artifacts.Path]Digest{}}
	x.findMerges(h.Files)
	r := &reader{ctx: ctx, files: h.Files, index: x}
	r.file = func(p *Package, name []byte, d Digest) bool {
		p.Files++
		x.own(p.id, name)
		if d.Config && d.Sum != "" && len(x.config) < maxConfig {
			x.config[x.canonical(artifacts.Path(name))] = d
		}
		return len(x.owners) < maxFiles
	}
	r.all()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if len(x.owners) >= maxFiles {
		x.note("", artifacts.Truncated, "more than %d files of packages: owners of the rest are not known", maxFiles)
	}
	slices.SortFunc(x.owners, func(a, b owned) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.owner, b.owner)) })
	x.owners = slices.Clip(x.owners)
	last.host, last.index = weak.Make(h), x
	return x, nil
}

func (x *Index) note(p artifacts.Path, status artifacts.Status, format string, args ...any) {
	x.Notes = append(x.Notes, artifacts.Outcome{Path: p, Status: status, Reason: fmt.Sprintf(format, args...)})
}

// mergeable are the folders that distributions have made links to others.
var mergeable = []artifacts.Path{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr/sbin", "/usr/lib64", "/usr/local/sbin", "/var/run", "/var/lock"}

func (x *Index) findMerges(f artifacts.Files) {
	for _, p := range mergeable {
		text, err := f.Readlink(p)
		if err != nil {
			continue
		}
		to := string(text)
		if !path.IsAbs(to) {
			to = path.Join(path.Dir(string(p)), to)
		}
		if to = path.Clean(to); to != "/" && to != string(p) {
			x.merges = append(x.merges, merge{string(p) + "/", to + "/"})
		}
	}
}

// canonical spells a path as the file system does where folders at the top are links.
func (x *Index) canonical(p artifacts.Path) artifacts.Path {
	for range 3 { // /bin to /usr/sbin to /usr/bin
		i := slices.IndexFunc(x.merges, func(m merge) bool { return strings.HasPrefix(string(p), m.from) })
		if i < 0 {
			break
		}
		p = artifacts.Path(x.merges[i].to) + p[len(x.merges[i].from):]
	}
	return p
}

// key is the hash of the canonical path, without making it.
func (x *Index) key(p []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(x.seed)
	head := ""
	for range 3 {
		i := slices.IndexFunc(x.merges, func(m merge) bool { return hasPrefix(head, p, m.from) })
		if i < 0 {
			break
		}
		p, head = p[len(x.merges[i].from)-len(head):], x.merges[i].to
	}
	h.WriteString(head)
	h.Write(p)
	return h.Sum64()
}

// hasPrefix tells whether head and rest together begin with a prefix that is longer than head.
func hasPrefix(head string, rest []byte, prefix string) bool {
	return strings.HasPrefix(prefix, head) && bytes.HasPrefix(rest, []byte(prefix[len(head):]))
}

func (x *Index) own(id uint32, name []byte) {
	x.owners = append(x.owners, owned{x.key(name), id})
}

// Owner gives the package that a path belongs to. A path that several packages share, as folders are, gives the first.
func (x *Index) Owner(p artifacts.Path) (*Package, bool) {
	key := x.key([]byte(p))
	i, found := slices.BinarySearchFunc(x.owners, key, func(o owned, key uint64) int { return cmp.Compare(o.key, key) })
	if !found {
		return nil, false
	}
	return &x.Packages[x.owners[i].owner], true
}

// Shipped gives the digest that a configuration file was installed with.
func (x *Index) Shipped(p artifacts.Path) (Digest, bool) {
	d, ok := x.config[x.canonical(p)]
	return d, ok
}

// A reader goes through the databases. Whoever sets it up says what is wanted of them.
type reader struct {
	ctx   context.Context
	files artifacts.Files
	index *Index
	known map[string]uint32                            // a second time through: ids by manager and place
	wants func(p *Package) bool                        // whose digests are wanted; nil: of configuration files alone
	file  func(p *Package, name []byte, d Digest) bool // each file; false: no more
	full  bool                                         // no more files are wanted
}

var managers = []struct {
	name string
	read func(*reader) error
}{
	{"dpkg", readDpkg}, {"rpm", readRPM}, {"apk", readApk}, {"pacman", readPacman},
}

func (r *reader) all() {
	for _, m := range managers {
		if r.ctx.Err() != nil {
			return
		}
		if err := m.read(r); err != nil && r.known == nil {
			r.index.note("", artifacts.Failed, "%s: %v", m.name, err)
		}
	}
}

var errTooMany = errors.New("too many packages")

// begin makes a package known and gives it its number; nil where it is not wanted.
func (r *reader) begin(p Package) (*Package, error) {
	place := p.Manager + "\x00" + string(p.Path) + "\x00" + p.Name + "\x00" + p.Version + "\x00" + p.Architecture
	if r.known != nil {
		id, ok := r.known[place]
		if !ok || r.wants != nil && !r.wants(&r.index.Packages[id]) {
			return nil, r.ctx.Err()
		}
		return &r.index.Packages[id], r.ctx.Err()
	}
	if len(r.index.Packages) >= maxPackages {
		return nil, errTooMany
	}
	p.id = uint32(len(r.index.Packages))
	r.index.Packages = append(r.index.Packages, p)
	return &r.index.Packages[p.id], r.ctx.Err()
}

func (r *reader) give(p *Package, name []byte, d Digest) {
	if !r.full && len(name) > 1 && name[0] == '/' {
		r.full = !r.file(p, name, d)
	}
}

// read gives a file of a database; what of it is not to be had is noted.
func (r *reader) read(p artifacts.Path) []byte {
	data, err := procfs.Read(r.files, p, maxDatabase)
	if o, bad := procfs.Outcome(p, err); bad && r.known == nil {
		r.index.Notes = append(r.index.Notes, o)
	}
	return data
}

// digests goes through the databases again for the digests of the files of some packages.
func (x *Index) digests(ctx context.Context, f artifacts.Files, wants func(*Package) bool, file func(p *Package, name []byte, d Digest)) {
	known := make(map[string]uint32, len(x.Packages))
	for i := range x.Packages {
		p := &x.Packages[i]
		known[p.Manager+"\x00"+string(p.Path)+"\x00"+p.Name+"\x00"+p.Version+"\x00"+p.Architecture] = p.id
	}
	r := &reader{ctx: ctx, files: f, index: x, known: known, wants: wants, file: func(p *Package, name []byte, d Digest) bool {
		file(p, name, d)
		return true
	}}
	r.all()
}
