package xfs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"spor/artifacts"
)

// An entry is a name in a folder.
type entry struct {
	name  string
	inode uint64
	kind  artifacts.Kind // Unknown where the folder does not tell
}

// Bounds of a folder, and of the names kept in memory.
const (
	maxEntries = 4 << 20
	maxFolder  = 1 << 30 // bytes
	maxKept    = 1 << 18 // names
	namesEnd   = 1 << 35 // byte of a folder behind which it keeps hashes and free space, no names
)

// A listing is what was read of a folder: its names in order, and what was wrong with it.
type listing struct {
	names []entry
	err   error
}

// folder reads the names of a folder. Those that were read are returned beside an error.
func (v *Volume) folder(n *inode) ([]entry, error) {
	v.mu.Lock()
	known, ok := v.folders[n.number]
	v.mu.Unlock()
	if ok {
		return known.names, known.err
	}
	d := &folder{v: v}
	if f := n.data(); f.format == inInode {
		d.inline(f.b[:min(n.size, int64(len(f.b)))])
	} else {
		d.blocks(n, f)
	}
	if d.bad > 0 {
		d.err = errors.Join(d.err, damaged("%d places in the folder", d.bad))
	}
	slices.SortStableFunc(d.list, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.kept += len(d.list) + 1; v.kept > maxKept { // all others are forgotten
		clear(v.folders)
		v.kept = len(d.list) + 1
	}
	v.folders[n.number] = listing{d.list, d.err}
	return d.list, d.err
}

// folder collects names, and what was wrong on the way.
type folder struct {
	v    *Volume
	list []entry
	bad  int // places that contradict themselves
	err  error
}

func (d *folder) add(name []byte, number uint64, kind byte) {
	s := string(name)
	if s == "." || s == ".." {
		return
	}
	if s == "" || strings.ContainsAny(s, "/\x00") {
		d.bad++
		return
	}
	e := entry{name: s, inode: number}
	if d.v.fileTypes && int(kind) < len(kinds) {
		e.kind = kinds[kind]
	}
	d.list = append(d.list, e)
}

// inline reads a folder that lies in its inode (struct xfs_dir2_sf_hdr): a count, how many numbers need eight bytes, the
// parent, and names.
func (d *folder) inline(b []byte) {
	if len(b) < 6 {
		d.err = damaged("a folder of %d bytes", len(b))
		return
	}
	count, width := int(b[0]), 4
	if b[1] > 0 {
		width, count = 8, max(count, int(b[1]))
	}
	b = b[min(len(b), 2+width):]
	for range count {
		kind := 0
		if d.v.fileTypes {
			kind = 1
		}
		if len(b) < 3 || len(b) < 3+int(b[0])+kind+width {
			d.bad++
			return
		}
		name := b[3 : 3+int(b[0])]
		b = b[3+int(b[0]):]
		typ := b[0]
		b = b[kind:]
		number := uint64(be.Uint32(b))
		if width == 8 {
			number = be.Uint64(b)
		}
		b = b[width:]
		d.add(name, number, typ)
	}
}

// blocks reads a folder's blocks up to where its names end. A damaged one is said, and the next is read.
func (d *folder) blocks(n *inode, f fork) {
	runs, err := d.v.runs(n.number, f, namesEnd)
	d.err = err
	size, left := d.v.folderBlock, min(maxFolder, d.v.size)
	b := make([]byte, size)
	c := content{v: d.v, size: namesEnd, runs: runs}
	next := int64(0) // the first that was not read
	for _, r := range runs {
		from := max(next, int64(r.first)*d.v.block/size*size)
		for ; from < int64(r.first+r.count)*d.v.block; from += size {
			if left -= size; left < 0 || len(d.list) >= maxEntries {
				d.err = errors.Join(d.err, fmt.Errorf("a folder of more than %d bytes or %d names", maxFolder, maxEntries))
				return
			}
			if _, err := c.ReadAt(b, from); err != nil {
				d.err = errors.Join(d.err, err)
				return
			}
			d.names(b)
		}
		next = from
	}
}

// names reads the entries of a block (struct xfs_dir2_data_entry): numbers and names, and gaps between them. Where the
// folder is one block, the places of hashes are at its end.
func (d *folder) names(b []byte) {
	end, head := len(b), 16
	switch string(b[:4]) {
	case "XDB3":
		head = 64
		end -= 8 + 8*int(be.Uint32(b[end-8:])&(1<<16-1))
	case "XD2B":
		end -= 8 + 8*int(be.Uint32(b[end-8:])&(1<<16-1))
	case "XDD3":
		head = 64
	case "XD2D":
	default:
		d.bad++
		return
	}
	if end < head {
		d.bad++
		return
	}
	kind := 0
	if d.v.fileTypes {
		kind = 1
	}
	for b = b[head:end]; len(b) >= 16; {
		if be.Uint16(b) == 0xffff { // a gap
			length := int(be.Uint16(b[2:]))
			if length < 8 || length > len(b) || length%8 != 0 {
				d.bad++
				return
			}
			b = b[length:]
			continue
		}
		named := int(b[8])
		length := (8 + 1 + named + kind + 2 + 7) &^ 7
		if named == 0 || length > len(b) {
			d.bad++
			return
		}
		d.add(b[9:9+named], be.Uint64(b), b[9+named])
		b = b[length:]
	}
}

// kinds of the file types in a folder (XFS_DIR3_FT).
var kinds = [...]artifacts.Kind{
	artifacts.Unknown, artifacts.Regular, artifacts.Directory, artifacts.Device, artifacts.Device, artifacts.Pipe, artifacts.Socket, artifacts.Symlink,
}
