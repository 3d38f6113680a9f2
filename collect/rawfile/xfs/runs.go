package xfs

import (
	"fmt"
	"io"
	"slices"

	"spor/artifacts"
)

// A run is a stretch of a file that has blocks and was written: what lies in no run is a hole, and reads as zeros.
type run struct {
	first uint64 // block of the file
	count uint64
	at    int64 // byte of the volume
}

// Bounds of the map of one file.
const (
	maxRuns  = 1 << 20
	maxNodes = 1 << 16 // blocks of the map itself
	maxDepth = 9       // of a tree (XFS_BTREE_MAXLEVELS)
)

// mapping collects the runs of a fork in order.
type mapping struct {
	v     *Volume
	runs  []run
	limit uint64 // blocks of the file that are of use
	nodes int
}

// runs reads the map of a fork, as far as so many bytes.
func (v *Volume) runs(number uint64, f fork, size int64) ([]run, error) {
	m := &mapping{v: v, limit: (uint64(size) + uint64(v.block) - 1) / uint64(v.block)}
	var err error
	switch f.format {
	case inRuns:
		if f.count > uint64(len(f.b)/16) {
			err = damaged("%d runs in %d bytes", f.count, len(f.b))
		} else {
			err = m.records(f.b[:16*f.count])
		}
	case inTree:
		err = m.root(f.b)
	default:
		err = damaged("a map of kind %d", f.format)
	}
	if err != nil {
		return m.runs, fmt.Errorf("map of inode %d: %w", number, err)
	}
	return m.runs, nil
}

// records reads runs of 128 bits: a flag for those that were allocated and not written, the block of the file, that of
// the volume, and how many.
func (m *mapping) records(b []byte) error {
	for ; len(b) >= 16; b = b[16:] {
		high, low := be.Uint64(b), be.Uint64(b[8:])
		first, count := high&(1<<63-1)>>9, low&(1<<21-1)
		end := uint64(0)
		if k := len(m.runs) - 1; k >= 0 {
			end = m.runs[k].first + m.runs[k].count
		}
		switch {
		case high>>63 == 1 || first >= m.limit:
			continue
		case first < end:
			return damaged("block %d is mapped twice", first)
		case len(m.runs) == maxRuns:
			return fmt.Errorf("more than %d runs", maxRuns)
		}
		number := high&(1<<9-1)<<43 | low>>21
		at, ok := m.v.place(number, count)
		if !ok || count == 0 {
			return damaged("%d blocks at %#x", count, number)
		}
		if k := len(m.runs) - 1; k >= 0 && first == end && m.runs[k].at+int64(m.runs[k].count)*m.v.block == at {
			m.runs[k].count += count
			continue
		}
		m.runs = append(m.runs, run{first, count, at})
	}
	return nil
}

// root reads the root of a tree, which is in the inode: a depth, a count, keys, and as far behind as keys have room,
// the blocks of the children.
func (m *mapping) root(b []byte) error {
	if len(b) < 4 {
		return damaged("a root of %d bytes", len(b))
	}
	return m.children(b[4:], int(be.Uint16(b)), int(be.Uint16(b[2:])))
}

func (m *mapping) children(b []byte, level, count int) error {
	room := len(b) / 16
	if level < 1 || level > maxDepth || count > room {
		return damaged("a node of depth %d with %d children, with room for %d", level, count, room)
	}
	for i := range count {
		if err := m.node(be.Uint64(b[8*room+8*i:]), level-1); err != nil {
			return err
		}
	}
	return nil
}

// node reads a block of a tree, which must be less deep than its parent.
func (m *mapping) node(number uint64, level int) error {
	if m.nodes++; m.nodes > maxNodes {
		return fmt.Errorf("a map of more than %d blocks", maxNodes)
	}
	b, err := m.v.readBlock(number)
	if err != nil {
		return err
	}
	head := 24
	if m.v.version == 5 {
		head = 72
	}
	magic, count := string(b[:4]), int(be.Uint16(b[6:]))
	if magic != "BMAP" && magic != "BMA3" || int(be.Uint16(b[4:])) != level {
		return damaged("block %#x is no node of depth %d", number, level)
	}
	if level > 0 {
		return m.children(b[head:], level, count)
	}
	if count > (len(b)-head)/16 {
		return damaged("block %#x: %d runs", number, count)
	}
	return m.records(b[head : head+16*count])
}

// content reads the bytes of a file: from its runs, or from the inode.
type content struct {
	v      *Volume
	size   int64
	runs   []run
	inline []byte // not nil: there are no runs
}

// Size implements tree.Content.
func (c *content) Size() int64 { return c.size }

// ReadAt implements io.ReaderAt. Holes are zeros.
func (c *content) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 || at >= c.size {
		return 0, io.EOF
	}
	end := error(nil)
	if int64(len(p)) > c.size-at {
		p, end = p[:c.size-at], io.EOF
	}
	if c.inline != nil {
		clear(p[copy(p, c.inline[min(at, int64(len(c.inline))):]):])
		return len(p), end
	}
	for n < len(p) {
		m, err := c.piece(p[n:], at+int64(n))
		if n += m; err != nil {
			return n, err
		}
	}
	return n, end
}

// piece reads up to the end of the run or hole that a place lies in.
func (c *content) piece(p []byte, at int64) (int, error) {
	block := uint64(at / c.v.block)
	i, _ := slices.BinarySearchFunc(c.runs, block, func(r run, b uint64) int {
		if r.first+r.count <= b {
			return -1
		}
		return 1
	})
	switch {
	case i == len(c.runs): // a hole up to the end
		clear(p)
		return len(p), nil
	case c.runs[i].first > block:
		n := min(int64(len(p)), int64(c.runs[i].first)*c.v.block-at)
		clear(p[:n])
		return int(n), nil
	}
	r := c.runs[i]
	n := min(int64(len(p)), int64(r.first+r.count-block)*c.v.block-at%c.v.block)
	if err := c.v.readAt(p[:n], r.at+at-int64(r.first)*c.v.block); err != nil {
		return 0, err
	}
	return int(n), nil
}

// Extents implements tree.Content.
func (c *content) Extents(most int) (runs []artifacts.Extent, whole bool, err error) {
	if c.inline != nil {
		return []artifacts.Extent{{Length: c.size}}, true, nil
	}
	for _, r := range c.runs {
		from := int64(r.first) * c.v.block
		length := min(int64(r.count)*c.v.block, c.size-from)
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
