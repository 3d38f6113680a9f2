package rawfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/winapi"
)

var (
	_ artifacts.Files        = (*Volume)(nil)
	_ artifacts.Undeleter    = (*Volume)(nil)
	_ artifacts.SparseFile   = (*File)(nil)
	_ artifacts.DetailedFile = (*File)(nil)
)

// Roots implements artifacts.Files: the one of this volume.
func (v *Volume) Roots() []artifacts.Path { return []artifacts.Path{v.root()} }

// Mount implements artifacts.Files.
func (v *Volume) Mount(p artifacts.Path) (artifacts.Mount, bool) {
	if !strings.EqualFold(string(p), string(v.root())) {
		return artifacts.Mount{}, false
	}
	return artifacts.Mount{Path: v.root(), Type: "NTFS", Source: fmt.Sprintf("serial %016X", v.serial)}, true
}

// maxDeep is how many folders a path can name; Windows takes 32767 characters.
const maxDeep = 16384

// open finds the file a path leads to, and the name of the stream behind its last colon. Reparse points on the way are
// not followed.
func (v *Volume) open(op string, p artifacts.Path) (n *node, stream string, err error) {
	fail := func(err error) (*node, string, error) {
		return nil, "", &fs.PathError{Op: op, Path: p.String(), Err: err}
	}
	s := string(p)
	if len(s) < 3 || !strings.EqualFold(s[:2], v.drive) || s[2] != '\\' || strings.Contains(s, "/") || len(s) > 4*winapi.MaxPath {
		return fail(fs.ErrNotExist)
	}
	file, stream := winapi.Stream(s)
	path := strings.Trim(file[2:], `\`)
	if path == "" {
		n, err = v.node(recordRoot)
	} else {
		n, err = v.named(path)
	}
	if err != nil {
		return fail(err)
	}
	return n, strings.TrimPrefix(stream, ":"), nil
}

// named gives the file that a path leads to, which must be the one that had the name when its folder was written.
func (v *Volume) named(path string) (*node, error) {
	ref, err := v.lookup(path)
	if err != nil {
		return nil, err
	}
	n, err := v.node(ref.record)
	if err == nil && (n.sequence != ref.sequence || n.flags&inUse == 0) {
		err = damaged("the name leads to record %d, which is another file by now", ref.record)
	}
	return n, err
}

func (v *Volume) lookup(path string) (reference, error) {
	at := reference{record: recordRoot}
	names := strings.Split(path, `\`)
	if len(names) > maxDeep {
		return at, fs.ErrNotExist
	}
	for _, name := range names {
		d, err := v.directory(at.record)
		if err != nil {
			return at, err
		}
		e, err := v.find(d, name)
		if err != nil {
			return at, err
		}
		at = e.reference
	}
	return at, nil
}

// attributes are those of the file as the running system would show them. On the volume 0x40000 means that there are
// extended attributes, and not that opening the file fetches it.
func (n *node) attributes() uint32 {
	a := n.standard().attributes &^ winapi.AttrRecallOpn
	if n.flags&isDirectory != 0 {
		a |= winapi.AttrDirectory
	}
	return a
}

// reparse is the content of the file's reparse point: nil where it has none.
func (n *node) reparse() ([]byte, error) {
	if n.stream(typeReparse, "") == nil {
		return nil, nil
	}
	b, err := n.content(typeReparse, "", winapi.MaxReparse+8)
	if err == nil && len(b) < 8 {
		err = damaged("a reparse point of %d bytes", len(b))
	}
	return b, err
}

func (n *node) tag() uint32 {
	b, err := n.reparse()
	if err != nil || b == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

func (n *node) kind() artifacts.Kind {
	a := n.attributes()
	tag := n.tag()
	if tag != 0 {
		a |= winapi.AttrReparse
	}
	return winapi.KindOf(a, tag)
}

// stat describes the file, or one of its streams.
func (n *node) stat(name string) artifacts.Stat {
	std := n.standard()
	st := artifacts.Stat{
		Kind: n.kind(), Attributes: n.attributes(), Times: std.times.Artifacts(),
		Inode: n.record | uint64(n.sequence)<<48, Device: n.v.serial, Links: uint64(len(n.fileNames())),
		UID: n.v.owner(std.security),
	}
	if s := n.data(name); s != nil {
		st.Size = s.size
		if name != "" && st.Kind == artifacts.Directory {
			st.Kind = artifacts.Regular
		}
	}
	return st
}

// data is a stream of content; of a directory, its index by the name Windows gives it.
func (n *node) data(name string) *stream {
	if s := n.stream(typeData, name); s != nil {
		return s
	}
	if name == "" {
		return nil
	}
	for i := range n.attrs {
		if a := &n.attrs[i]; a.kind == typeData && strings.EqualFold(a.name, name) {
			return n.stream(typeData, a.name)
		}
	}
	index, _ := strings.CutSuffix(name, ":$INDEX_ALLOCATION")
	if strings.EqualFold(index, "$I30") {
		return n.stream(typeIndex, "$I30")
	}
	for _, kind := range []uint32{typeIndex, typeRoot} { // those of $Secure, $ObjId and others; a small one is in the record
		for i := range n.attrs {
			if a := &n.attrs[i]; a.kind == kind && strings.EqualFold(a.name, index) {
				return n.stream(kind, a.name)
			}
		}
	}
	return nil
}

// Lstat implements artifacts.Files.
func (v *Volume) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	n, stream, err := v.open("lstat", p)
	if err != nil {
		return artifacts.Stat{}, err
	}
	if stream != "" && n.data(stream) == nil {
		return artifacts.Stat{}, &fs.PathError{Op: "lstat", Path: p.String(), Err: fs.ErrNotExist}
	}
	return n.stat(stream), nil
}

// ReadDir implements artifacts.Files. NTFS's own files in the root are not listed, as Windows does not list them; asked
// for by name they are there.
func (v *Volume) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	n, _, err := v.open("readdir", p)
	if err != nil {
		return nil, err
	}
	if kind := n.kind(); kind != artifacts.Directory {
		return nil, &fs.PathError{Op: "readdir", Path: p.String(), Err: fmt.Errorf("%s, not a directory", kind)}
	}
	d, err := v.directory(n.record)
	if err == nil {
		err = d.err
	}
	if d == nil {
		return nil, &fs.PathError{Op: "readdir", Path: p.String(), Err: err}
	}
	entries := make([]artifacts.DirEntry, 0, len(d.entries))
	for _, e := range d.entries {
		switch {
		case e.info.namespace == namespaceDOS || e.record < firstUser:
		case strings.ContainsAny(e.name, "\\\x00"):
			err = errors.Join(err, fmt.Errorf("a name that no path can hold is not read: %q", e.name))
		default:
			entries = append(entries, artifacts.DirEntry{Name: e.name, Kind: e.kind()})
		}
	}
	slices.SortFunc(entries, func(a, b artifacts.DirEntry) int { return strings.Compare(a.Name, b.Name) })
	if err != nil {
		err = &fs.PathError{Op: "readdir", Path: p.String(), Err: err}
	}
	return entries, err
}

// kind is what the index tells of a name. What is behind a reparse point only its record tells.
func (e entry) kind() artifacts.Kind {
	const directory = 0x10000000 // in $FILE_NAME alone
	a := e.info.attributes &^ winapi.AttrRecallOpn
	switch {
	case a&winapi.AttrReparse != 0 || a&(winapi.AttrOffline|winapi.AttrRecall) != 0:
		return artifacts.Unknown
	case a&directory != 0:
		return artifacts.Directory
	}
	return artifacts.Regular
}

// Readlink implements artifacts.Files.
func (v *Volume) Readlink(p artifacts.Path) (artifacts.Path, error) {
	n, _, err := v.open("readlink", p)
	if err != nil {
		return "", err
	}
	b, err := n.reparse()
	if err == nil && b == nil {
		err = fmt.Errorf("%w: not a link", fs.ErrInvalid)
	}
	var target artifacts.Path
	if err == nil {
		target, err = winapi.ReparseTarget(b)
	}
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: p.String(), Err: err}
	}
	return target, nil
}

// Open implements artifacts.Files. Files that Windows keeps compressed behind a reparse point (CompactOS) are given
// unpacked, as it does.
func (v *Volume) Open(p artifacts.Path) (artifacts.File, error) {
	f, err := v.OpenFile(p)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenFile is Open with its own type.
func (v *Volume) OpenFile(p artifacts.Path) (*File, error) {
	n, stream, err := v.open("open", p)
	if err != nil {
		return nil, err
	}
	from, err := n.contentOf(stream)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: p.String(), Err: err}
	}
	return &File{v: v, node: n, path: p, name: stream, from: from, size: n.stat(stream).Size}, nil
}

// contentOf gives what is read of a file's stream, and why it cannot be.
func (n *node) contentOf(name string) (io.ReaderAt, error) {
	if kind := n.stat(name).Kind; kind != artifacts.Regular {
		return nil, fmt.Errorf("%w: %s", artifacts.ErrNotRegular, kind)
	}
	s := n.data(name)
	if s == nil {
		return nil, fs.ErrNotExist
	}
	if name == "" {
		switch tag := n.tag(); {
		case tag == tagWOF:
			return n.openWOF(s.size)
		case winapi.Filtered(tag) && s.size > 0 && !s.stored():
			return nil, fmt.Errorf("%w: reparse tag %#x", ErrElsewhere, tag)
		}
	}
	if err := s.readable(); err != nil {
		return nil, err
	}
	if s.covered < min(s.size, s.valid) {
		return nil, damaged("%d bytes, of which the run list covers %d", s.size, s.covered)
	}
	return s, nil
}

// A File is an open file of a volume.
type File struct {
	v      *Volume
	node   *node
	path   artifacts.Path
	name   string // of the stream
	from   io.ReaderAt
	size   int64
	at     int64
	closed bool
}

// Method implements artifacts.File.
func (f *File) Method() string { return Method }

// Stat implements artifacts.File: as it is on the volume now.
func (f *File) Stat() (artifacts.Stat, error) {
	n, err := f.v.node(f.node.record)
	if err == nil && (n.sequence != f.node.sequence || n.flags&inUse == 0 && f.node.flags&inUse != 0) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return artifacts.Stat{}, &fs.PathError{Op: "stat", Path: f.path.String(), Err: err}
	}
	return n.stat(f.name), nil
}

// NameTimes are those of $FILE_NAME, which no call of Windows changes, by each of the file's names.
func (f *File) NameTimes() []Times {
	var all []Times
	for _, name := range f.node.fileNames() {
		all = append(all, name.times)
	}
	return all
}

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.at)
	f.at += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if f.closed {
		return 0, &fs.PathError{Op: "read", Path: f.path.String(), Err: fs.ErrClosed}
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.from.ReadAt(p, off)
	if err != nil && err != io.EOF {
		err = &fs.PathError{Op: "read", Path: f.path.String(), Err: err}
	}
	return n, err
}

// Close implements io.Closer.
func (f *File) Close() error {
	f.closed = true
	return nil
}

// Extents implements artifacts.SparseFile.
func (f *File) Extents(most int) ([]artifacts.Extent, bool, error) {
	if s, ok := f.from.(*stream); ok {
		return s.extents(most)
	}
	return nil, false, nil
}

// objectID is the name under which a file's object id is kept, as ntfs-3g gives it: the id, and where the file was born.
const objectID = "system.ntfs_object_id"

// Details implements artifacts.DetailedFile: owner, group and DACL, the object id, and the other streams of the file,
// except the one in which Windows keeps what it compressed.
func (f *File) Details() (d artifacts.Details, err error) {
	if f.name != "" {
		return d, nil
	}
	d.ACL, err = f.node.acl()
	if f.node.stream(typeObject, "") != nil {
		id, bad := f.node.content(typeObject, "", 64)
		d.Xattrs = map[string][]byte{objectID: id} // nil says that it cannot be read
		err = errors.Join(err, bad)
	}
	for _, name := range f.node.streams() {
		if name != "" && !(name == streamWOF && f.node.tag() == tagWOF) {
			d.Streams = append(d.Streams, name)
		}
	}
	slices.Sort(d.Streams)
	if err != nil {
		err = &fs.PathError{Op: "details", Path: f.path.String(), Err: err}
	}
	return d, err
}
