package fat

import (
	"context"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/rawfile/tree"
)

// A node is a file or folder as its entry describes it.
type node struct {
	v          *Volume
	at         int64 // byte of the entry in the volume
	first      uint32
	size       int64
	valid      int64
	whole      bool // it lies in one piece, whatever the table says (exFAT)
	dir, root  bool
	attributes uint32
	times      artifacts.Times
	content    *content // known from the beginning: the root of FAT12 and FAT16
}

// Stat implements tree.Node.
func (n *node) Stat() artifacts.Stat {
	st := artifacts.Stat{Kind: artifacts.Regular, Size: n.size, Times: n.times, Attributes: n.attributes, Inode: uint64(n.at)/32 + 1}
	if n.dir {
		st.Kind, st.Size = artifacts.Directory, 0
		st.Inode = 1<<40 | uint64(n.first) // the same, by whatever entry one comes
	}
	return st
}

// maxKept bounds how many names are kept in memory.
const maxKept = 1 << 17

// A listing is a folder that was read, and what was wrong with it.
type listing struct {
	*folder
	err error
}

// list reads a folder, or remembers it. Where the names are too many, all others are forgotten.
func (n *node) list() (*folder, error) {
	v := n.v
	v.mu.Lock()
	l, ok := v.folders[n.first]
	v.mu.Unlock()
	if ok {
		return l.folder, l.err
	}
	d, err := n.read()
	d.names = make(map[string]*node, len(d.list))
	for _, e := range d.list {
		if _, twice := d.names[e.name]; !twice && !e.gone {
			d.names[e.name] = e.node
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.kept += len(d.list) + 1; v.kept > maxKept {
		clear(v.folders)
		v.kept = len(d.list) + 1
	}
	v.folders[n.first] = listing{d, err}
	return d, err
}

// Names implements tree.Node.
func (n *node) Names() ([]artifacts.DirEntry, error) {
	d, err := n.list()
	var all []artifacts.DirEntry
	for _, e := range d.list {
		if !e.gone {
			all = append(all, artifacts.DirEntry{Name: e.name, Kind: e.Stat().Kind})
		}
	}
	slices.SortStableFunc(all, func(a, b artifacts.DirEntry) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// Child implements tree.Node: by long name or short, without regard to case, the exact spelling first.
func (n *node) Child(name string) (tree.Node, error) {
	d, err := n.list()
	if found := d.names[name]; found != nil {
		return found, nil
	}
	for _, e := range d.list {
		if !e.gone && (strings.EqualFold(e.name, name) || strings.EqualFold(e.alias, name)) {
			return e.node, nil
		}
	}
	if err == nil {
		err = fs.ErrNotExist
	}
	return nil, err
}

// Link implements tree.Node: there are none.
func (*node) Link() (string, error) { return "", fs.ErrInvalid }

// Details implements tree.Node: there are none.
func (*node) Details() (artifacts.Details, error) { return artifacts.Details{}, nil }

// Content implements tree.Node. What of a file its chain does not cover is an error where it is read.
func (n *node) Content() (tree.Content, error) {
	c, err := n.open(n.size)
	if c == nil {
		return nil, err
	}
	return c, nil
}

// open finds where a file or folder lies; of a folder whose size is not told, as much as its chain has, up to most.
func (n *node) open(most int64) (*content, error) {
	if n.content != nil {
		return n.content, nil
	}
	c := &content{v: n.v, size: n.size, valid: min(n.valid, n.size)}
	sized := !n.dir || n.v.Type == "exFAT" && !n.root
	if n.size < 0 || sized && n.size > n.v.size+n.v.short {
		return nil, damaged("%d bytes on a volume of %d", n.size, n.v.size)
	}
	if sized {
		most = min(most, n.size)
	}
	if n.whole {
		if n.size > 0 && (n.first < 2 || int64(n.first-2)+(n.size-1)/n.v.cluster >= int64(n.v.clusters)) {
			return nil, damaged("%d bytes from cluster %d of %d", n.size, n.first, n.v.clusters)
		}
		c.runs = []run{{0, n.v.place(max(2, n.first)), n.size}}
	} else {
		c.runs, c.cut = n.v.chain(n.first, most)
	}
	if !sized {
		c.size, c.valid = c.covered(), c.covered()
	}
	if n.dir {
		c.valid = c.size
		return c, c.cut
	}
	return c, nil
}

// Bounds of a walk for deleted names.
const (
	maxWalk  = 4 << 20 // names
	maxDeep  = 256
	maxBytes = 1 << 30  // of folders
	maxPaths = 16 << 20 // bytes of the paths of folders that are still to be looked through
)

var errWide = damaged("more names in folders than are looked through for deleted ones: from here on none are listed")

// A visit is a folder that is to be looked through.
type visit struct {
	*node
	path string
	deep int
	gone bool // it was deleted, and so was all in it
}

// Undelete implements tree.Undeleter. A folder that was deleted is looked into where its first cluster is free and still
// begins as a folder does; the rest of its chain is lost.
func (v *Volume) Undelete(ctx context.Context) iter.Seq2[artifacts.DeletedFile, error] {
	return func(yield func(artifacts.DeletedFile, error) bool) {
		seen := map[uint32]bool{}
		left, bytes, paths := maxWalk, int64(maxBytes), 0
		for todo := []visit{{node: v.top}}; len(todo) > 0 && ctx.Err() == nil; {
			if left <= 0 || bytes <= 0 || paths > maxPaths {
				yield(artifacts.DeletedFile{Path: artifacts.Path(todo[0].path)}, errWide)
				return
			}
			at := todo[0]
			todo = todo[1:]
			paths -= len(at.path)
			d, err := at.read()
			if err != nil && !yield(artifacts.DeletedFile{Path: artifacts.Path(at.path)}, err) {
				return
			}
			bytes -= d.size
			for _, e := range d.list {
				left--
				path, gone := strings.TrimPrefix(at.path+"/"+e.name, "/"), e.gone || at.gone
				if e.dir && at.deep < maxDeep && !seen[e.first] && (!gone || e.remains()) {
					seen[e.first] = true
					todo = append(todo, visit{e.node, path, at.deep + 1, gone})
					paths += len(path)
				}
				if gone && !yield(e.deleted(path), nil) {
					return
				}
			}
		}
	}
}

func (e entry) deleted(path string) artifacts.DeletedFile {
	return artifacts.DeletedFile{
		Path: artifacts.Path(path), Record: uint64(e.at) / 32, Directory: e.dir, Size: e.size, Attributes: e.attributes, Times: e.times,
	}
}

// remains tells whether what a deleted folder held can still be listed, and makes it one cluster.
func (e entry) remains() bool {
	n := e.node
	if n.first < 2 || n.first-2 >= n.v.clusters {
		return false
	}
	b := make([]byte, 32)
	if err := n.v.readAt(b, n.v.place(n.first)); err != nil {
		return false
	}
	length := n.v.cluster
	if n.v.Type == "exFAT" {
		if b[0]|inUse != exFile {
			return false
		}
		if n.whole && n.size > 0 {
			length = min(n.size, maxFolder)
		}
	} else if next, err := n.v.next(n.first); err != nil || next != 0 || string(b[:11]) != ".          " {
		return false
	}
	n.content = &content{v: n.v, size: length, valid: length, runs: []run{{0, n.v.place(n.first), length}}}
	return true
}
