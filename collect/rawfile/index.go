package rawfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"spor/collect/winapi"
)

// A directory is what the index of one lists. Names are those of the index: a file with several hard links has one for
// each, and its record does not tell which of them is meant here.
type directory struct {
	entries []entry
	byName  map[string]int // upper case
	err     error          // why it may not be all
}

type entry struct {
	reference
	name string
	info fileName
}

// Bounds of what is kept of directories.
const (
	maxNames = 8 << 20 // of one directory
	keepDirs = 1 << 10
	keepList = 1 << 18 // names
)

// Flags of index entries.
const (
	hasBelow = 1
	isLast   = 2
)

// directory reads a directory, or gives it as it was read before.
func (v *Volume) directory(n uint64) (*directory, error) {
	v.mu.Lock()
	d := v.dirs[n]
	v.mu.Unlock()
	if d != nil {
		return d, nil
	}
	nd, err := v.node(n)
	if err != nil {
		return nil, err
	}
	if nd.flags&isDirectory == 0 {
		return nil, fmt.Errorf("%w: record %d is no directory", fs.ErrNotExist, n)
	}
	d = &directory{byName: map[string]int{}}
	d.err = nd.walkIndex(d)
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.dirs) >= keepDirs || v.listed+len(d.entries) > keepList {
		clear(v.dirs)
		v.listed = 0
	}
	v.dirs[n] = d
	v.listed += len(d.entries)
	return d, nil
}

// Refresh drops what was read of directories: a volume that is in use changes.
func (v *Volume) Refresh() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.dirs)
	v.listed = 0
}

// walkIndex reads the tree of names: its root lies in the record, the blocks below in $INDEX_ALLOCATION. No block is
// read twice, so that there is an end.
func (n *node) walkIndex(d *directory) error {
	root, err := n.content(typeRoot, "$I30", int64(n.v.record))
	if err != nil {
		return err
	}
	if len(root) < 32 || binary.LittleEndian.Uint32(root) != typeName {
		return damaged("the root of an index")
	}
	below, err := n.v.indexEntries(d, root[16:])
	if err != nil || len(below) == 0 {
		return err
	}
	size := int64(binary.LittleEndian.Uint32(root[8:])) // of a block
	blocks := n.stream(typeIndex, "$I30")
	if blocks == nil {
		return damaged("an index without blocks")
	}
	if err := blocks.map_(); err != nil {
		return err
	}
	if size < 512 || size > 1<<20 || size&(size-1) != 0 || blocks.size > n.v.size {
		return damaged("an index of %d bytes in blocks of %d", blocks.size, size)
	}
	unit := n.v.cluster // in which blocks are numbered
	if unit > size {
		unit = 512
	}
	var errs []error
	seen := map[int64]bool{}
	block := make([]byte, size)
	for len(below) > 0 && len(errs) < 16 {
		number := below[len(below)-1]
		below = below[:len(below)-1]
		if number < 0 || number > blocks.size/unit || seen[number] {
			errs = append(errs, damaged("block %d of an index, which leads there twice or has no such block", number))
			continue
		}
		seen[number] = true
		more, err := n.v.indexBlock(d, blocks, block, number*unit)
		if err != nil {
			errs = append(errs, err)
		}
		below = append(below, more...)
	}
	return errors.Join(errs...)
}

func (v *Volume) indexBlock(d *directory, blocks *stream, b []byte, at int64) (below []int64, err error) {
	if _, err := blocks.ReadAt(b, at); err != nil {
		return nil, notEOF(err)
	}
	if err := fixUp(b, "INDX"); err != nil {
		return nil, err
	}
	return v.indexEntries(d, b[24:])
}

// indexEntries reads what follows an index header: the names, and the blocks below them.
func (v *Volume) indexEntries(d *directory, b []byte) (below []int64, err error) {
	le := binary.LittleEndian
	at, end := int64(le.Uint32(b)), int64(le.Uint32(b[4:]))
	if at < 16 || end > int64(len(b)) {
		return nil, damaged("an index from %d to %d of %d", at, end, len(b))
	}
	for at+16 <= end {
		size, key, flags := int64(le.Uint16(b[at+8:])), int64(le.Uint16(b[at+10:])), le.Uint16(b[at+12:])
		if size < 16 || size > end-at || 16+key > size {
			return below, damaged("an index entry of %d bytes at %d of %d", size, at, end)
		}
		if flags&hasBelow != 0 {
			if size < 24 {
				return below, damaged("an index entry of %d bytes", size)
			}
			below = append(below, int64(le.Uint64(b[at+size-8:])))
		}
		if flags&isLast != 0 {
			return below, nil
		}
		if err := v.addEntry(d, readReference(b[at:]), b[at+16:at+16+key]); err != nil {
			return below, err
		}
		at += size
	}
	return below, damaged("an index without an end")
}

func (v *Volume) addEntry(d *directory, ref reference, key []byte) error {
	info, err := readFileName(key)
	if err != nil {
		return damaged("%v", err)
	}
	if len(d.entries) >= maxNames {
		return damaged("a directory of more than %d names", maxNames)
	}
	name := winapi.Decode(info.units)
	upper := v.upper(info.units)
	if info.namespace == namespaceDOS {
		upper = "\x00" + upper // found by Windows too, but not listed
	}
	if _, twice := d.byName[upper]; !twice {
		d.byName[upper] = len(d.entries)
	}
	d.entries = append(d.entries, entry{ref, name, info})
	return nil
}

// find looks a name up: as it is spelled, without regard to case, and as a short name.
func (v *Volume) find(d *directory, name string) (entry, error) {
	u := winapi.Encode(name)
	upper := v.upper(u)
	i, ok := d.byName[upper]
	if !ok {
		i, ok = d.byName["\x00"+upper]
	}
	if !ok {
		if d.err != nil {
			return entry{}, d.err
		}
		return entry{}, fs.ErrNotExist
	}
	if d.entries[i].name != name { // of a directory that regards case, another may fit better
		for _, e := range d.entries {
			if e.name == name {
				return e, nil
			}
		}
	}
	return d.entries[i], nil
}
