// Package livetest makes up hosts and keeps what collectors leave, for their tests.
package livetest

import (
	"context"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
)

// A Tree is a made-up file system by path. Folders are there because something lies in them.
type Tree map[artifacts.Path]Node

// A Node is one file or link. One that has both content and a link text is a link of /proc, which Open follows.
type Node struct {
	Data string
	Link artifacts.Path
	Stat artifacts.Stat // what Lstat says of it; Kind and Size are filled in where they are zero
	Err  error          // what every call on it answers
}

// Text is a regular file.
func Text(data string) Node { return Node{Data: data} }

// Link is a symbolic link.
func Link(target artifacts.Path) Node { return Node{Link: target} }

// Fails answers every call with an error.
func Fails(err error) Node { return Node{Err: err} }

// Files gives the tree as a host's, with mounts besides.
func (t Tree) Files(mounts ...artifacts.Mount) artifacts.Files {
	return &files{tree: t, mounts: mounts}
}

type files struct {
	tree   Tree
	mounts []artifacts.Mount
}

func (*files) Roots() []artifacts.Path { return []artifacts.Path{"/"} }

func (f *files) Mount(p artifacts.Path) (artifacts.Mount, bool) {
	i := slices.IndexFunc(f.mounts, func(m artifacts.Mount) bool { return m.Path == p })
	if i < 0 {
		return artifacts.Mount{}, false
	}
	return f.mounts[i], true
}

func (f *files) node(op string, p artifacts.Path) (Node, error) {
	n, ok := f.tree[p]
	if ok && n.Err == nil {
		return n, nil
	}
	if ok {
		return n, &fs.PathError{Op: op, Path: p.String(), Err: n.Err}
	}
	prefix := strings.TrimSuffix(string(p), "/") + "/"
	for other := range f.tree {
		if strings.HasPrefix(string(other), prefix) {
			return Node{Stat: artifacts.Stat{Kind: artifacts.Directory}}, nil
		}
	}
	return n, &fs.PathError{Op: op, Path: p.String(), Err: fs.ErrNotExist}
}

func (f *files) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	n, err := f.node("lstat", p)
	return n.stat(), err
}

func (n Node) stat() artifacts.Stat {
	s := n.Stat
	if s.Kind == artifacts.Unknown {
		if s.Kind = artifacts.Regular; n.Link != "" {
			s.Kind = artifacts.Symlink
		}
	}
	if s.Size == 0 {
		s.Size = int64(len(n.Data))
	}
	return s
}

func (f *files) Readlink(p artifacts.Path) (artifacts.Path, error) {
	n, err := f.node("readlink", p)
	if err == nil && n.Link == "" {
		err = &fs.PathError{Op: "readlink", Path: p.String(), Err: fs.ErrInvalid}
	}
	return n.Link, err
}

func (f *files) Open(p artifacts.Path) (artifacts.File, error) {
	n, err := f.node("open", p)
	if err != nil {
		return nil, err
	}
	s := n.stat()
	if n.Link != "" && n.Data != "" {
		s.Kind = artifacts.Regular
	}
	if s.Kind != artifacts.Regular {
		return nil, &fs.PathError{Op: "open", Path: p.String(), Err: artifacts.ErrNotRegular}
	}
	return &file{Reader: strings.NewReader(n.Data), stat: s}, nil
}

func (f *files) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	n, err := f.node("readdir", p)
	if err != nil {
		return nil, err
	}
	if n.Stat.Kind != artifacts.Directory {
		return nil, &fs.PathError{Op: "readdir", Path: p.String(), Err: fs.ErrInvalid}
	}
	prefix := strings.TrimSuffix(string(p), "/") + "/"
	kinds := map[string]artifacts.Kind{}
	for other, node := range f.tree {
		rest, ok := strings.CutPrefix(string(other), prefix)
		if !ok || rest == "" {
			continue
		}
		name, _, below := strings.Cut(rest, "/")
		if kinds[name] = node.stat().Kind; below {
			kinds[name] = artifacts.Directory
		}
	}
	var list []artifacts.DirEntry
	for name, kind := range kinds {
		list = append(list, artifacts.DirEntry{Name: name, Kind: kind})
	}
	slices.SortFunc(list, func(a, b artifacts.DirEntry) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

type file struct {
	io.Reader
	stat artifacts.Stat
}

func (*file) Close() error                    { return nil }
func (*file) Method() string                  { return "made up" }
func (f *file) Stat() (artifacts.Stat, error) { return f.stat, nil }

// A Recorder keeps what a collector leaves.
type Recorder struct {
	Records []any
	Taken   []artifacts.Path
	Items   []artifacts.Item
	Notes   []artifacts.Outcome
}

var _ artifacts.Recorder = (*Recorder)(nil)

// Record implements artifacts.Recorder.
func (r *Recorder) Record(v any) error {
	r.Records = append(r.Records, v)
	return nil
}

// Take implements artifacts.Recorder.
func (r *Recorder) Take(_ context.Context, p artifacts.Path) error {
	r.Taken = append(r.Taken, p)
	return nil
}

// Put implements artifacts.Recorder.
func (r *Recorder) Put(_ context.Context, it artifacts.Item, content io.Reader) error {
	r.Items = append(r.Items, it)
	_, err := io.Copy(io.Discard, content)
	return err
}

// Note implements artifacts.Recorder.
func (r *Recorder) Note(o artifacts.Outcome) { r.Notes = append(r.Notes, o) }

// Run runs a collector and gives its records, which must all be of type T, and its notes.
func Run[T any](t testing.TB, c *artifacts.Collector, h *artifacts.Host) ([]T, []artifacts.Outcome) {
	t.Helper()
	r := &Recorder{}
	if err := c.Collect(t.Context(), h, r); err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	list := make([]T, len(r.Records))
	for i, v := range r.Records {
		record, ok := v.(T)
		if !ok {
			t.Fatalf("%s: record %d is a %T", c.Name, i, v)
		}
		list[i] = record
	}
	return list, r.Notes
}
