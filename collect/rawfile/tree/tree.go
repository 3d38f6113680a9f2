// Package tree makes trees of files, as a host knows them, out of volumes that are read by their own structures: a Tree
// is the file systems of a Linux host, a Drive is one volume under a letter of Windows.
package tree

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"

	"spor/artifacts"
)

// A Volume is one file system. It is safe for concurrent use, as its nodes are.
type Volume interface {
	FileSystem() string // "ext4", "XFS", "FAT32"
	Root() (Node, error)
}

// A Node is a file, folder or link of a volume.
type Node interface {
	Stat() artifacts.Stat
	// Names lists a folder in order of name. Those that were read before an error are returned with it.
	Names() ([]artifacts.DirEntry, error)
	// Child gives what a folder has under a name; fs.ErrNotExist where there is none. Whether case matters is the file
	// system's affair.
	Child(name string) (Node, error)
	// Link gives a symbolic link's text.
	Link() (string, error)
	// Content prepares a regular file for reading.
	Content() (Content, error)
	Details() (artifacts.Details, error)
}

// A Content is what a file holds. Reading behind its size gives io.EOF.
type Content interface {
	io.ReaderAt
	Size() int64 // bytes
	// Extents is that of artifacts.SparseFile.
	Extents(most int) (runs []artifacts.Extent, whole bool, err error)
}

// A Tree is the file systems of a Linux host, each at its place. It is safe for concurrent use once it is set up.
type Tree struct {
	mounts map[artifacts.Path]mounted
}

type mounted struct {
	volume Volume
	source string
	device uint64
}

var _ artifacts.Files = (*Tree)(nil)

// New makes a tree of the volume that is "/". The source names the volume in words.
func New(root Volume, source string) *Tree {
	return &Tree{mounts: map[artifacts.Path]mounted{"/": {root, source, 1}}}
}

// Attach puts a volume at a folder, given by a clean path without links. It is for the time before the tree is read.
func (t *Tree) Attach(p artifacts.Path, v Volume, source string) {
	t.mounts[p] = mounted{v, source, uint64(len(t.mounts) + 1)}
}

// A place is where a walk stands: a thing of a volume and its path without links.
type place struct {
	mounted
	node Node
	stat artifacts.Stat
	path artifacts.Path
}

func (at place) same(other place) bool {
	return at.stat.Inode != 0 && at.stat.Inode == other.stat.Inode && at.device == other.device
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
		if here.stat.Kind != artifacts.Directory {
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
		if next.stat.Kind == artifacts.Directory && slices.ContainsFunc(stack, next.same) {
			return place{}, ErrLoop
		}
		if next.stat.Kind != artifacts.Symlink || len(names) == 0 {
			stack = append(stack, next)
			continue
		}
		if links++; links > maxLinks {
			return place{}, errors.New("too many links")
		}
		text, err := next.node.Link()
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

// ErrLoop is in the chain of errors about a folder that lies in itself, which only damage makes.
var ErrLoop = errors.New("damaged: a folder lies in itself")

// split gives the names of a path that mean something.
func split(p string) []string {
	return slices.DeleteFunc(strings.Split(p, "/"), func(s string) bool { return s == "" || s == "." })
}

// enter gives the top of what is mounted at a path.
func (t *Tree) enter(p artifacts.Path) (place, error) {
	m := t.mounts[p]
	n, err := m.volume.Root()
	if err != nil {
		return place{}, err
	}
	return place{m, n, n.Stat(), p}, nil
}

// step goes from a folder to a name in it. A name that was read before damage is found all the same.
func (t *Tree) step(here place, name string) (place, error) {
	path := artifacts.Linux.Join(here.path, name)
	if _, ok := t.mounts[path]; ok {
		return t.enter(path)
	}
	n, err := here.node.Child(name)
	if err != nil {
		return place{}, err
	}
	return place{here.mounted, n, n.Stat(), path}, nil
}

// Roots implements artifacts.Files.
func (*Tree) Roots() []artifacts.Path { return []artifacts.Path{"/"} }

// Lstat implements artifacts.Files.
func (t *Tree) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	at, err := t.find("lstat", p)
	if err != nil {
		return artifacts.Stat{}, err
	}
	return at.described(), nil
}

func (at place) described() artifacts.Stat {
	st := at.stat
	st.Device = at.device
	return st
}

// ReadDir implements artifacts.Files.
func (t *Tree) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	at, err := t.find("readdir", p)
	if err != nil {
		return nil, err
	}
	return at.list(p)
}

func (at place) list(p artifacts.Path) ([]artifacts.DirEntry, error) {
	if at.stat.Kind != artifacts.Directory {
		return nil, &fs.PathError{Op: "readdir", Path: p.String(), Err: errors.New("not a directory")}
	}
	list, err := at.node.Names()
	if err != nil {
		err = &fs.PathError{Op: "readdir", Path: p.String(), Err: err}
	}
	return list, err
}

// Readlink implements artifacts.Files.
func (t *Tree) Readlink(p artifacts.Path) (artifacts.Path, error) {
	at, err := t.find("readlink", p)
	if err != nil {
		return "", err
	}
	text := ""
	if err = fs.ErrInvalid; at.stat.Kind == artifacts.Symlink {
		text, err = at.node.Link()
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
	return artifacts.Mount{Path: p, Type: m.volume.FileSystem(), Source: m.source}, true
}

// Open implements artifacts.Files.
func (t *Tree) Open(p artifacts.Path) (artifacts.File, error) {
	at, err := t.find("open", p)
	if err != nil {
		return nil, err
	}
	return at.open(p)
}
