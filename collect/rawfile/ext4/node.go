package ext4

import (
	"io/fs"

	"spor/artifacts"
	"spor/collect/rawfile/tree"
)

var _ tree.Volume = (*Volume)(nil)

// FileSystem implements tree.Volume.
func (v *Volume) FileSystem() string { return v.Type }

// Root implements tree.Volume.
func (v *Volume) Root() (tree.Node, error) { return v.at(rootInode) }

func (v *Volume) at(number uint32) (tree.Node, error) {
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
	if e, ok := find(list, name); ok {
		return n.v.at(e.inode)
	}
	if err != nil {
		return nil, err
	}
	return nil, fs.ErrNotExist
}

// Link implements tree.Node.
func (n node) Link() (string, error) { return n.v.link(n.inode) }

// Details implements tree.Node.
func (n node) Details() (d artifacts.Details, err error) {
	d.Xattrs, err = n.v.attributes(n.inode)
	return d, err
}

// Content implements tree.Node.
func (n node) Content() (tree.Content, error) {
	c, err := n.v.content(n.inode)
	if err != nil {
		return nil, err
	}
	return c, nil
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

// Size implements tree.Content.
func (c *content) Size() int64 { return c.size }

// Extents implements tree.Content.
func (c *content) Extents(most int) (runs []artifacts.Extent, whole bool, err error) {
	if c.inline != nil {
		return []artifacts.Extent{{Length: c.size}}, true, nil
	}
	size := c.v.block
	for _, r := range c.runs {
		from := int64(r.first) * size
		length := min(int64(r.count)*size, c.size-from)
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
