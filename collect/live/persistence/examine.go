package persistence

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"spor/artifacts"
	"spor/collect/live/packages"
	"spor/collect/live/procfs"
)

// Bounds against a host that means to choke us.
const (
	maxConfig  = 1 << 20 // bytes of a file of settings
	maxNames   = 20000   // of one folder
	maxEntries = 100000  // in all
	maxTargets = 8       // of one entry
	maxLine    = 8 << 10 // bytes of a command that are kept
	maxHashed  = 256 << 20
	maxHashAll = 1 << 30
	maxLinks   = 40
)

var (
	errRemote = errors.New("lies on a network or FUSE file system: not read")
	errLinks  = errors.New("too many links")
	errLong   = fmt.Errorf("longer than %d bytes: not hashed", maxHashed)
	errEnough = fmt.Errorf("%d bytes were hashed, which is the limit", maxHashAll)
)

// An examiner reads settings and describes what they run. Each file is described once.
type examiner struct {
	ctx   context.Context
	host  *artifacts.Host
	files artifacts.Files
	index *packages.Index
	rec   artifacts.Recorder
	users map[string]string // names by uid
	homes []home

	err     error // that ends the collector
	entries int
	left    int64 // bytes that may still be hashed
	known   map[artifacts.Path]File
	dirs    map[artifacts.Path]artifacts.Path // folders by name: where they really are
	notes   []artifacts.Outcome
	buf     []byte
}

// A home is a folder of a user, named once however many accounts share it.
type home struct {
	dir  artifacts.Path
	user string
	uid  string
}

func newExaminer(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, index *packages.Index) *examiner {
	x := &examiner{
		ctx: ctx, host: h, files: h.Files, index: index, rec: rec, left: maxHashAll,
		users: map[string]string{}, known: map[artifacts.Path]File{}, dirs: map[artifacts.Path]artifacts.Path{"/": "/"},
	}
	seen := map[artifacts.Path]bool{"/": true, "/nonexistent": true, "/dev": true, "/bin": true, "/usr/sbin": true, "/proc": true, "": true}
	for _, u := range h.Users {
		x.users[u.ID] = cmp.Or(x.users[u.ID], u.Name)
		dir := artifacts.Path(path.Clean(string(u.Home)))
		if !seen[dir] && path.IsAbs(string(dir)) && len(x.homes) < maxNames {
			seen[dir] = true
			x.homes = append(x.homes, home{dir, u.Name, u.ID})
		}
	}
	return x
}

// over tells whether the collector is to end.
func (x *examiner) over() bool {
	if x.err == nil && x.ctx.Err() != nil {
		x.err = context.Cause(x.ctx)
	}
	return x.err != nil
}

func (x *examiner) emit(e Entry) {
	if x.over() || x.entries > maxEntries {
		return
	}
	if x.entries++; x.entries > maxEntries {
		x.notes = append(x.notes, artifacts.Outcome{Status: artifacts.Truncated, Reason: fmt.Sprintf("more than %d entries", maxEntries)})
		return
	}
	switch {
	case len(e.Targets) > 0 && e.Targets[0].Path == e.Path:
		e.Config = nil
	case e.Config == nil && e.Path != "":
		e.Config = new(x.describe(e.Path))
	}
	e.Command, e.When, e.Details, e.Name = text(e.Command), text(e.When), text(e.Details), text(e.Name)
	if len(e.Targets) > maxTargets {
		e.Targets = e.Targets[:maxTargets]
	}
	x.err = x.rec.Record(e)
}

// text is valid UTF-8 of a bounded length.
func text(s string) string {
	if len(s) > maxLine {
		s = s[:maxLine] + "…"
	}
	return procfs.Text(s)
}

// settle notes what could not be read.
func (x *examiner) settle() {
	for _, o := range procfs.Distinct(x.notes) {
		x.rec.Note(o)
	}
}

func (x *examiner) noteError(p artifacts.Path, err error) {
	if o, bad := procfs.Outcome(p, err); bad && len(x.notes) < maxNames {
		x.notes = append(x.notes, o)
	}
}

// real follows the links in a path, name by name and without leaving the local file systems. What is not there is named
// as far as it could be followed, with fs.ErrNotExist.
func (x *examiner) real(p artifacts.Path) (artifacts.Path, error) {
	rest := strings.Split(strings.Trim(path.Clean("/"+string(p)), "/"), "/")
	at := artifacts.Path("/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		if name == ".." {
			at = artifacts.Path(path.Dir(string(at)))
			continue
		}
		next := artifacts.Linux.Join(at, name)
		if to, ok := x.dirs[next]; ok {
			at = to
			continue
		}
		if m, ok := x.files.Mount(next); ok && m.Class == artifacts.Remote {
			return next, &fs.PathError{Op: "follow", Path: next.String(), Err: errRemote}
		}
		to, err := x.files.Readlink(next)
		switch {
		case err == nil:
			if links++; links > maxLinks {
				return next, errLinks
			}
			if path.IsAbs(string(to)) {
				at = "/"
			}
			rest = append(strings.Split(string(to), "/"), rest...)
			continue
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			return artifacts.Path(path.Join(append([]string{string(next)}, rest...)...)), err
		}
		if len(rest) > 0 && len(x.dirs) < maxEntries {
			x.dirs[next] = next
		}
		at = next
	}
	return at, nil
}

// read gives a file of settings, where links lead, at most maxConfig bytes of it.
func (x *examiner) read(p artifacts.Path) []byte {
	if x.over() {
		return nil
	}
	at, err := x.real(p)
	if err != nil {
		x.noteError(p, err)
		return nil
	}
	data, err := procfs.Read(x.files, at, maxConfig)
	if errors.Is(err, artifacts.ErrNotRegular) {
		return nil // /dev/null, a folder
	}
	x.noteError(p, err)
	return data
}

// list gives the names in a folder, in order; those of a network file system are left alone.
func (x *examiner) list(dir artifacts.Path) []artifacts.DirEntry {
	if x.over() {
		return nil
	}
	at, err := x.real(dir)
	if err != nil {
		x.noteError(dir, err)
		return nil
	}
	if st, err := x.files.Lstat(at); err != nil || st.Kind != artifacts.Directory {
		return nil
	}
	entries, err := x.files.ReadDir(at)
	x.noteError(dir, err)
	if len(entries) > maxNames {
		x.notes = append(x.notes, artifacts.Outcome{Path: dir, Status: artifacts.Truncated, Reason: fmt.Sprintf("%d names; the limit is %d", len(entries), maxNames)})
		entries = entries[:maxNames]
	}
	return entries
}

// isDir tells whether a name, or what it links to, is a folder.
func (x *examiner) isDir(p artifacts.Path) bool {
	at, err := x.real(p)
	if err != nil {
		return false
	}
	st, err := x.files.Lstat(at)
	return err == nil && st.Kind == artifacts.Directory
}

// temporary are folders that anyone can write to.
var temporary = []string{"/tmp/", "/var/tmp/", "/dev/shm/", "/run/shm/", "/run/lock/", "/var/crash/"}

func isTemporary(p artifacts.Path) bool {
	for _, dir := range temporary {
		if strings.HasPrefix(string(p), dir) {
			return true
		}
	}
	return false
}

// describe says what lies at a path, once for each.
func (x *examiner) describe(p artifacts.Path) File {
	if f, ok := x.known[p]; ok {
		return f
	}
	f := x.look(p)
	if len(x.known) < maxEntries {
		x.known[p] = f
	}
	return f
}

func (x *examiner) look(p artifacts.Path) File {
	f := File{Path: p, Temporary: isTemporary(p)}
	at, err := x.real(p)
	if at != p {
		f.Real, f.Temporary = at, f.Temporary || isTemporary(at)
	}
	if err == nil {
		var st artifacts.Stat
		if st, err = x.files.Lstat(at); err == nil {
			x.stat(&f, at, st)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		f.Missing = true
		return f
	}
	if err != nil {
		f.Error = err.Error()
	}
	return f
}

func (x *examiner) stat(f *File, at artifacts.Path, st artifacts.Stat) {
	f.Size, f.Mode, f.UID, f.GID, f.Times = st.Size, packages.Octal(st.Mode), st.UID, st.GID, st.Times
	f.WorldWritable = st.Mode&0o002 != 0 && st.Kind != artifacts.Device
	dir, _ := artifacts.Linux.Split(at)
	if ds, err := x.files.Lstat(dir); err == nil && ds.Mode&0o002 != 0 && ds.Mode&fs.ModeSticky == 0 {
		f.WorldWritable = true
	}
	if p, ok := x.index.Owner(at); ok {
		f.Package = p.Name
	} else if p, ok := x.index.Owner(f.Path); ok {
		f.Package = p.Name
	}
	if st.Kind != artifacts.Regular {
		f.Error = fmt.Sprintf("is a %s", st.Kind)
		return
	}
	if pseudo(at) { // of the kernel, and new each time it is read
		return
	}
	x.hash(f, at)
}

func pseudo(p artifacts.Path) bool {
	return strings.HasPrefix(string(p), "/proc/") || strings.HasPrefix(string(p), "/sys/")
}

func (x *examiner) hash(f *File, at artifacts.Path) {
	switch {
	case f.Size > maxHashed:
		f.Error = errLong.Error()
		return
	case f.Size > x.left:
		f.Error = errEnough.Error()
		return
	}
	in, err := x.files.Open(at)
	if err != nil {
		f.Error = err.Error()
		return
	}
	defer in.Close()
	sum := sha256.New()
	if x.buf == nil {
		x.buf = make([]byte, 128<<10)
	}
	n, err := io.CopyBuffer(sum, &stoppable{x.ctx, io.LimitReader(in, maxHashed+1)}, x.buf)
	x.left -= n
	switch {
	case err != nil:
		f.Error = err.Error()
	case n > maxHashed:
		f.Error = errLong.Error()
	default:
		f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	}
	if d, ok := x.index.Shipped(at); ok && f.Error == "" {
		f.Shipped = x.shipped(at, d)
	}
}

// shipped compares a configuration file with what its package installed.
func (x *examiner) shipped(at artifacts.Path, d packages.Digest) *bool {
	same, err := d.Matches(x.ctx, x.files, at)
	if err != nil {
		return nil
	}
	return &same
}

// stoppable ends with its context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.r.Read(p)
}
