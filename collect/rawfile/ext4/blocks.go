package ext4

import (
	"fmt"
	"io"
	"slices"
)

// A run is a stretch of a file that has blocks: what lies in no run is a hole.
type run struct {
	first uint64 // block of the file
	count uint64
	block uint64 // of the volume
}

// Bounds of the map of one file.
const (
	maxRuns  = 1 << 20
	maxNodes = 1 << 16 // blocks of the map itself
	maxDepth = 5       // of an extent tree: no kernel makes a deeper one
)

// mapping collects the runs of a file in order.
type mapping struct {
	v     *Volume
	runs  []run
	limit uint64 // blocks that the file has by its size
	nodes int
}

// runs reads the map of an inode. Extents that were allocated and never written are holes, as they read as zeros.
func (v *Volume) runs(n *inode) ([]run, error) {
	m := &mapping{v: v, limit: (uint64(n.size) + uint64(v.block) - 1) / uint64(v.block)}
	root := n.raw[0x28 : 0x28+60]
	var err error
	if n.flags&inExtents != 0 {
		err = m.extents(root, maxDepth+1)
	} else {
		err = m.indirect(root)
	}
	if err != nil {
		return m.runs, fmt.Errorf("map of inode %d: %w", n.number, err)
	}
	return m.runs, nil
}

func (m *mapping) add(r run) error {
	if r.first >= m.limit { // allocated beyond the end
		return nil
	}
	r.count = min(r.count, m.limit-r.first)
	if r.block == 0 || r.block >= m.v.blocks || r.count > m.v.blocks-r.block {
		return damaged("%d blocks at %d of %d", r.count, r.block, m.v.blocks)
	}
	if k := len(m.runs) - 1; k >= 0 {
		last := &m.runs[k]
		end := last.first + last.count
		if r.first < end {
			return damaged("block %d is mapped twice", r.first)
		}
		if r.first == end && r.block == last.block+last.count {
			last.count += r.count
			return nil
		}
	}
	if len(m.runs) == maxRuns {
		return fmt.Errorf("more than %d runs", maxRuns)
	}
	m.runs = append(m.runs, r)
	return nil
}

// node reads one block of the map.
func (m *mapping) node(block uint64) ([]byte, error) {
	if m.nodes++; m.nodes > maxNodes {
		return nil, fmt.Errorf("a map of more than %d blocks", maxNodes)
	}
	return m.v.readBlock(block)
}

// extents reads a node of an extent tree, which must be less deep than its parent.
func (m *mapping) extents(b []byte, below int) error {
	magic, count, depth := le.Uint16(b), int(le.Uint16(b[2:])), int(le.Uint16(b[6:]))
	if magic != 0xf30a || count > (len(b)-12)/12 || depth >= below {
		return damaged("extent node: magic %#x, %d entries, depth %d", magic, count, depth)
	}
	for i := range count {
		e := b[12+12*i:]
		if depth > 0 {
			child, err := m.node(uint64(le.Uint32(e[4:])) | uint64(le.Uint16(e[8:]))<<32)
			if err == nil {
				err = m.extents(child, depth)
			}
			if err != nil {
				return err
			}
			continue
		}
		length := uint64(le.Uint16(e[4:]))
		if length > 32768 { // not written
			continue
		}
		if length == 0 {
			return damaged("an extent of no blocks")
		}
		if err := m.add(run{uint64(le.Uint32(e)), length, uint64(le.Uint32(e[8:])) | uint64(le.Uint16(e[6:]))<<32}); err != nil {
			return err
		}
	}
	return nil
}

// indirect reads the map of ext2: twelve blocks, then one of pointers, one of pointers to pointers, and once more.
func (m *mapping) indirect(root []byte) error {
	if err := m.pointers(root[:48], 0, 1); err != nil {
		return err
	}
	first, span := uint64(12), uint64(m.v.block/4)
	for i := range 3 {
		if block := le.Uint32(root[48+4*i:]); block != 0 && first < m.limit {
			b, err := m.node(uint64(block))
			if err == nil {
				err = m.pointers(b, first, span/uint64(m.v.block/4))
			}
			if err != nil {
				return err
			}
		}
		first += span
		span *= uint64(m.v.block / 4)
	}
	return nil
}

// pointers reads a block of pointers, each of which stands for so many blocks of the file, from first on.
func (m *mapping) pointers(b []byte, first, each uint64) error {
	for ; len(b) >= 4 && first < m.limit; b, first = b[4:], first+each {
		block := uint64(le.Uint32(b))
		if block == 0 {
			continue
		}
		var err error
		if each == 1 {
			err = m.add(run{first, 1, block})
		} else {
			var child []byte
			if child, err = m.node(block); err == nil {
				err = m.pointers(child, first, each/uint64(m.v.block/4))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// content reads the bytes of a file: from its runs, or from the inode.
type content struct {
	v      *Volume
	size   int64
	runs   []run
	inline []byte // not nil: the file has no blocks
}

// ReadAt implements io.ReaderAt. Holes are zeros.
func (c *content) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 || at >= c.size {
		return 0, io.EOF
	}
	short := int64(len(p)) > c.size-at
	p = p[:min(int64(len(p)), c.size-at)]
	if c.inline != nil {
		clear(p[copy(p, c.inline[min(at, int64(len(c.inline))):]):])
		n = len(p)
	}
	for n < len(p) {
		m, err := c.piece(p[n:], at+int64(n))
		if n += m; err != nil {
			return n, err
		}
	}
	if short {
		return n, io.EOF
	}
	return n, nil
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
	n := min(int64(len(p)), int64(r.first+r.count)*c.v.block-at)
	if err := c.v.readAt(p[:n], int64(r.block)*c.v.block+at-int64(r.first)*c.v.block); err != nil {
		return 0, err
	}
	return int(n), nil
}
