package schema

import (
	"encoding/binary"
	"iter"
	"slices"

	"spor/artifacts"
)

// A hit is a path that a pattern matched.
type hit struct {
	path    artifacts.Path
	pattern int32
	kind    artifacts.Kind
}

// hits are the hits of a target by pattern, each pattern's in the order of the walk. There may be a million: a path is
// kept as what differs from the one before.
type hits struct {
	lists map[int32]*hitList
}

// A hitList is the hits of one pattern, in blocks that grow from few bytes and do not lean on each other.
type hitList struct {
	blocks [][]byte
	last   artifacts.Path
}

const hitBlock = 16 << 10 // bytes; a block is not begun in beyond

func (h *hits) none() bool { return len(h.lists) == 0 }

// of tells whether a pattern has hits.
func (h *hits) of(pattern int32) bool { return h.lists[pattern] != nil }

// patterns are those that have hits, in order.
func (h *hits) patterns() []int32 {
	sorted := make([]int, 0, len(h.lists)) // of ints, for which there is sorting code already
	for p := range h.lists {
		sorted = append(sorted, int(p))
	}
	slices.Sort(sorted)
	all := make([]int32, len(sorted))
	for i, p := range sorted {
		all[i] = int32(p)
	}
	return all
}

func (h *hits) add(one hit) {
	if h.lists == nil {
		h.lists = make(map[int32]*hitList)
	}
	l := h.lists[one.pattern]
	if l == nil {
		l = new(hitList)
		h.lists[one.pattern] = l
	}
	n := len(l.blocks) - 1
	if n < 0 || len(l.blocks[n]) >= hitBlock {
		l.blocks, l.last = append(l.blocks, nil), ""
		n++
	}
	same := 0
	for same < len(l.last) && same < len(one.path) && l.last[same] == one.path[same] {
		same++
	}
	b := append(l.blocks[n], byte(one.kind))
	b = binary.AppendUvarint(b, uint64(same))
	b = binary.AppendUvarint(b, uint64(len(one.path)-same))
	l.blocks[n], l.last = append(b, one.path[same:]...), one.path
}

// take gives the hits of a pattern, once: their memory is given back on the way.
func (h *hits) take(pattern int32) iter.Seq[hit] {
	return func(yield func(hit) bool) {
		l := h.lists[pattern]
		if l == nil {
			return
		}
		delete(h.lists, pattern)
		for i, b := range l.blocks {
			l.blocks[i] = nil
			if !inBlock(b, func(kind artifacts.Kind, path artifacts.Path) bool { return yield(hit{path, pattern, kind}) }) {
				return
			}
		}
	}
}

// inBlock gives what a block holds, as long as it is wanted.
func inBlock(b []byte, yield func(artifacts.Kind, artifacts.Path) bool) bool {
	var path []byte
	for len(b) > 0 {
		kind := artifacts.Kind(b[0])
		same, n := binary.Uvarint(b[1:])
		b = b[1+n:]
		rest, n := binary.Uvarint(b)
		path = append(path[:same], b[n:n+int(rest)]...)
		b = b[n+int(rest):]
		if !yield(kind, artifacts.Path(path)) {
			return false
		}
	}
	return true
}
