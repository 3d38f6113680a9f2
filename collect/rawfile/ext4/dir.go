package ext4

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
	inode uint32
	kind  artifacts.Kind // Unknown where the folder does not tell
}

// Bounds of a folder, and of the names kept in memory.
const (
	maxEntries = 4 << 20
	maxFolder  = 1 << 30 // bytes
	maxKept    = 1 << 18 // names
)

// A listing is what was read of a folder: its names in order, and what was wrong with it.
type listing struct {
	names []entry
	err   error
}

// folder reads the names of a folder, block after block, which is right for those with a hash tree too: its nodes look
// like empty blocks. Names that were read are returned beside an error.
func (v *Volume) folder(n *inode) ([]entry, error) {
	v.mu.Lock()
	known, ok := v.folders[n.number]
	v.mu.Unlock()
	if ok {
		return known.names, known.err
	}
	if n.flags&encrypted != 0 {
		return nil, fmt.Errorf("names are %w", ErrEncrypted)
	}
	d := &folder{v: v}
	if n.flags&inlineData != 0 {
		d.inline(v.inline(n), n.size)
	} else {
		d.blocks(n)
	}
	slices.SortStableFunc(d.list, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	v.keep(n.number, listing{d.list, d.err})
	return d.list, d.err
}

// keep remembers a folder. Where the names are too many, the largest folder stays beside it and the others are
// forgotten.
func (v *Volume) keep(number uint32, l listing) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.folders[number] = l
	v.kept += len(l.names) + 1
	if v.kept <= maxKept {
		return
	}
	largest := number
	for other, l := range v.folders {
		if len(l.names) > len(v.folders[largest].names) {
			largest = other
		}
	}
	v.kept = 0
	for other, l := range v.folders {
		if other != largest && other != number {
			delete(v.folders, other)
			continue
		}
		v.kept += len(l.names) + 1
	}
}

// find looks for a name in a folder's list.
func find(list []entry, name string) (entry, bool) {
	i, ok := slices.BinarySearchFunc(list, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
	if !ok {
		return entry{}, false
	}
	return list[i], true
}

// folder collects names, and what was wrong on the way.
type folder struct {
	v    *Volume
	list []entry
	bad  int // places that contradict themselves
	err  error
}

// blocks reads a folder's blocks. A damaged one is said, and the next is read.
func (d *folder) blocks(n *inode) {
	runs, err := d.v.runs(n)
	d.err = err
	if n.size > min(maxFolder, d.v.size) {
		d.err = errors.Join(err, damaged("a folder of %d bytes", n.size))
	}
	left := min(maxFolder, d.v.size) / d.v.block
	b := make([]byte, d.v.block)
	for _, r := range runs {
		for i := uint64(0); i < r.count && left > 0; i, left = i+1, left-1 {
			if err := d.v.readAt(b, int64(r.block+i)*d.v.block); err != nil {
				d.err = errors.Join(d.err, err)
				return
			}
			d.names(b)
			if len(d.list) >= maxEntries {
				d.err = errors.Join(d.err, fmt.Errorf("more than %d names", maxEntries))
				return
			}
		}
	}
	if d.bad > 0 {
		d.err = errors.Join(d.err, damaged("%d of its blocks", d.bad))
	}
}

// inline reads a folder that lies in its inode: the parent's number, names, and in the attribute more names.
func (d *folder) inline(b []byte, size int64) {
	b = b[:min(size, int64(len(b)))]
	if len(b) < 4 {
		d.err = damaged("a folder of %d bytes", size)
		return
	}
	d.names(b[4:min(60, len(b))])
	if len(b) > 60 {
		d.names(b[60:])
	}
	if d.bad > 0 {
		d.err = damaged("names in the inode")
	}
}

// names reads the entries of a block (struct ext4_dir_entry_2).
func (d *folder) names(b []byte) {
	for len(b) >= 8 {
		number, length := le.Uint32(b), recordLength(le.Uint16(b[4:]), len(b))
		named := int(b[6])
		if length < 8 || length > len(b) || length%4 != 0 || number != 0 && (named == 0 || 8+named > length) {
			d.bad++
			return
		}
		name := string(b[8 : 8+min(named, length-8)])
		switch {
		case number == 0 || name == "." || name == "..":
		case number > d.v.inodes || strings.ContainsAny(name, "/\x00"):
			d.bad++
		default:
			e := entry{name: name, inode: number}
			if d.v.incompat&hasFileType != 0 && int(b[7]) < len(kinds) {
				e.kind = kinds[b[7]]
			}
			d.list = append(d.list, e)
		}
		b = b[length:]
	}
}

// recordLength reads rec_len, which in blocks of 64 KiB has no room for their whole length (ext4_rec_len_from_disk).
func recordLength(stored uint16, left int) int {
	if stored == 0 || stored == 65535 {
		return left
	}
	return int(stored&^3) | int(stored&3)<<16
}

// kinds of the file types in a folder.
var kinds = [...]artifacts.Kind{
	artifacts.Unknown, artifacts.Regular, artifacts.Directory, artifacts.Device, artifacts.Device, artifacts.Pipe, artifacts.Socket, artifacts.Symlink,
}
