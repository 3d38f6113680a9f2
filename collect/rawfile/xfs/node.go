package xfs

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/rawfile/tree"
)

// Root implements tree.Volume.
func (v *Volume) Root() (tree.Node, error) { return v.at(v.root) }

func (v *Volume) at(number uint64) (tree.Node, error) {
	n, err := v.inode(number)
	if err != nil {
		return nil, err
	}
	return node{n, v}, nil
}

// A node is an inode and the volume that it is of.
type node struct {
	*inode
	v *Volume
}

// Stat implements tree.Node.
func (n node) Stat() artifacts.Stat { return n.stat() }

// Names implements tree.Node.
func (n node) Names() ([]artifacts.DirEntry, error) {
	list, err := n.v.folder(n.inode)
	entries := make([]artifacts.DirEntry, 0, len(list))
	for _, e := range list {
		entries = append(entries, artifacts.DirEntry{Name: e.name, Kind: e.kind})
	}
	return entries, err
}

// Child implements tree.Node. A name that was read before damage is found all the same.
func (n node) Child(name string) (tree.Node, error) {
	list, err := n.v.folder(n.inode)
	i, ok := slices.BinarySearchFunc(list, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
	if ok {
		return n.v.at(list[i].inode)
	}
	if err == nil {
		err = fs.ErrNotExist
	}
	return nil, err
}

// Link implements tree.Node.
func (n node) Link() (string, error) { return n.v.link(n.inode) }

// Details implements tree.Node.
func (n node) Details() (d artifacts.Details, err error) {
	d.Xattrs, err = n.v.attributes(n.inode)
	return d, err
}

// errRealtime says of a file that it is elsewhere.
var errRealtime = errors.New("its content lies on the realtime device, which is another")

// Content implements tree.Node.
func (n node) Content() (tree.Content, error) {
	c := &content{v: n.v, size: n.size}
	if be.Uint16(n.raw[90:])&onRealtime != 0 {
		return nil, errRealtime
	}
	f := n.data()
	if f.format == inInode {
		if c.inline = f.b; n.size > int64(len(f.b)) {
			return nil, damaged("%d bytes in inode %d", n.size, n.number)
		}
		return c, nil
	}
	var err error
	if c.runs, err = n.v.runs(n.number, f, n.size); err != nil {
		return nil, err
	}
	return c, nil
}
