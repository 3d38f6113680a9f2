package ext4

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"

	"spor/artifacts"
)

// A Tree is the file systems of a Linux host, each at its place. It is safe for concurrent use once it is set up.
type Tree struct {
	mounts map[artifacts.Path]mounted
}

type mounted struct {
	volume *Volume
	source string
	device uint64
}

var _ artifacts.Files = (*Tree)(nil)

// NewTree makes a tree of the volume that is "/". The source names the volume in words.
func NewTree(root *Volume, source string) *Tree {
	return &Tree{mounts: map[artifacts.Path]mounted{"/": {root, source, 1}}}
}

// Attach puts a volume at a folder, given by a clean path without links. It is for the time before the tree is read.
func (t *Tree) Attach(p artifacts.Path, v *Volume, source string) {
	t.mounts[p] = mounted{v, source, uint64(len(t.mounts) + 1)}
}

// A place is where a walk stands: a thing of a volume and its path without links.
type place struct {
	mounted
	node *inode
	path artifacts.Path
}

func (at place) same(other place) bool {
	return at.node.number == other.node.number && at.device == other.device
}

// Bounds of a walk.
const (
	maxLinks = 40 // as the kernel's, path_resolution(7)
	maxNames = 1 << 14
)

// find walks to a path. Links on the way are followed, that of the last name is not.
func (t *Tree) find(op string, p artifacts.Path) (place, error) {
	at, err := t.walk(string(p))
	if err != nil {
		return place{}, &fs.PathError{Op: op, Path: p.String(), Err: err}
	}
	return at, nil
}

func (t *Tree) walk(p string) (place, error) {
	if !strings.HasPrefix(p, "/") {
		return place{}, fs.ErrNotExist
	}
	stack := make([]place, 0, 8)
	root, err := t.enter("/")
	if err != nil {
		return place{}, err
	}
	stack = append(stack, root)
	names := split(p)
	for links, turn := 0, 0; len(names) > 0; turn++ {
		if turn > maxNames {
			return place{}, errors.New("a path of too many names")
		}
		name := names[0]
		names = names[1:]
		here := stack[len(stack)-1]
		if here.node.kind() != artifacts.Directory {
			return place{}, fs.ErrNotExist
		}
		if name == ".." {
			stack = stack[:max(1, len(stack)-1)]
			continue
		}
		next, err := t.step(here, name)
		if err != nil {
			return place{}, err
		}
		if next.node.kind() == artifacts.Directory && slices.ContainsFunc(stack, next.same) {
			return place{}, damaged("a folder lies in itself: inode %d", next.node.number)
		}
		if next.node.kind() != artifacts.Symlink || len(names) == 0 {
			stack = append(stack, next)
			continue
		}
		if links++; links > maxLinks {
			return place{}, errors.New("too many links")
		}
		text, err := next.volume.link(next.node)
		if err != nil {
			return place{}, err
		}
		if strings.HasPrefix(text, "/") {
			stack = stack[:1]
		}
		names = slices.Concat(split(text), names)
	}
	return stack[len(stack)-1], nil
}

// split gives the names of a path that mean something.
func split(p string) []string {
	return slices.DeleteFunc(strings.Split(p, "/"), func(s string) bool { return s == "" || s == "." })
}

// enter gives the top of what is mounted at a path.
func (t *Tree) enter(p artifacts.Path) (place, error) {
	m := t.mounts[p]
	n, err := m.volume.inode(rootInode)
	return place{m, n, p}, err
}

// step goes from a folder to a name in it. A name that was read before damage is found all the same.
func (t *Tree) step(here place, name string) (place, error) {
	path := artifacts.Linux.Join(here.path, name)
	if _, ok := t.mounts[path]; ok {
		return t.enter(path)
	}
	list, err := here.volume.folder(here.node)
	if e, ok := find(list, name); ok {
		n, err := here.volume.inode(e.inode)
		return place{here.mounted, n, path}, err
	}
	if err != nil {
		return place{}, err
	}
	return place{}, fs.ErrNotExist
}

// Roots implements artifacts.Files.
func (*Tree) Roots() []artifacts.Path { return []artifacts.Path{"/"} }

// Lstat implements artifacts.Files.
func (t *Tree) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	at, err := t.find("lstat", p)
	if err != nil {
		return artifacts.Stat{}, err
	}
	return at.stat(), nil
}

func (at place) stat() artifacts.Stat {
	st := at.node.stat()
	st.Device = at.device
	return st
}

// ReadDir implements artifacts.Files.
func (t *Tree) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	at, err := t.find("readdir", p)
	if err != nil {
		return nil, err
	}
	if at.node.kind() != artifacts.Directory {
		return nil, &fs.PathError{Op: "readdir", Path: p.String(), Err: errors.New("not a directory")}
	}
	list, err := at.volume.folder(at.node)
	if err != nil {
		err = &fs.PathError{Op: "readdir", Path: p.String(), Err: err}
	}
	entries := make([]artifacts.DirEntry, 0, len(list))
	for _, e := range list {
		entries = append(entries, artifacts.DirEntry{Name: e.name, Kind: e.kind})
	}
	return entries, err
}

// Readlink implements artifacts.Files.
func (t *Tree) Readlink(p artifacts.Path) (artifacts.Path, error) {
	at, err := t.find("readlink", p)
	if err != nil {
		return "", err
	}
	text := ""
	if err = fs.ErrInvalid; at.node.kind() == artifacts.Symlink {
		text, err = at.volume.link(at.node)
	}
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: p.String(), Err: err}
	}
	return artifacts.Path(text), nil
}

// Mount implements artifacts.Files: the volumes, at their places.
func (t *Tree) Mount(p artifacts.Path) (artifacts.Mount, bool) {
	m, ok := t.mounts[p]
	if !ok {
		return artifacts.Mount{}, false
	}
	return artifacts.Mount{Path: p, Type: m.volume.Type, Source: m.source}, true
}

// Open implements artifacts.Files.
func (t *Tree) Open(p artifacts.Path) (artifacts.File, error) {
	at, err := t.find("open", p)
	if err != nil {
		return nil, err
	}
	if at.node.kind() != artifacts.Regular {
		return nil, &fs.PathError{Op: "open", Path: p.String(), Err: artifacts.ErrNotRegular}
	}
	c, err := at.volume.content(at.node)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: p.String(), Err: err}
	}
	return &file{SectionReader: io.NewSectionReader(c, 0, c.size), content: c, at: at}, nil
}

// content prepares a file for reading.
func (v *Volume) content(n *inode) (*content, error) {
	c := &content{v: v, size: n.size}
	if n.flags&encrypted != 0 {
		return nil, ErrEncrypted
	}
	if n.flags&inlineData != 0 {
		c.inline = v.inline(n)
		if n.size > int64(len(c.inline)) {
			return nil, damaged("%d bytes in inode %d", n.size, n.number)
		}
		return c, nil
	}
	var err error
	c.runs, err = v.runs(n)
	return c, err
}

// file is a regular file of a volume.
type file struct {
	*io.SectionReader
	content *content
	at      place
}

var (
	_ artifacts.SparseFile   = (*file)(nil)
	_ artifacts.DetailedFile = (*file)(nil)
)

// Close implements io.Closer.
func (*file) Close() error { return nil }

// Stat implements artifacts.File.
func (f *file) Stat() (artifacts.Stat, error) { return f.at.stat(), nil }

// Method implements artifacts.File.
func (*file) Method() string { return "raw ext4" }

// Extents implements artifacts.SparseFile.
func (f *file) Extents(most int) (runs []artifacts.Extent, whole bool, err error) {
	if f.content.inline != nil {
		return []artifacts.Extent{{Length: f.content.size}}, true, nil
	}
	size := f.content.v.block
	for _, r := range f.content.runs {
		from := int64(r.first) * size
		length := min(int64(r.count)*size, f.content.size-from)
		if k := len(runs) - 1; k >= 0 && runs[k].Offset+runs[k].Length == from {
			runs[k].Length += length
			continue
		}
		if len(runs) == most {
			return nil, false, nil
		}
		runs = append(runs, artifacts.Extent{Offset: from, Length: length})
	}
	return runs, true, nil
}

// Details implements artifacts.DetailedFile.
func (f *file) Details() (d artifacts.Details, err error) {
	d.Xattrs, err = f.content.v.attributes(f.at.node)
	return d, err
}
