package timeline

import (
	"encoding/binary"
	"iter"
	"slices"
)

// runs sorts records within a memory bound: what is over it is written out as a sorted run, and all runs are merged when
// they are read. Too many runs are merged into one before.
type runs struct {
	compare func(a, b record) int
	memory  int64
	dir     string // where the spill file may be; empty: nowhere
	temp    func() (TempFile, error)
	chunks  [][]byte
	entries []entry
	spare   []entry // for sorting
	used    int64
	touched byte
	spill   *spill
}

// entry is a record in memory: its key, and where its data lie behind their length.
type entry struct {
	key   uint64
	chunk uint32
	pos   uint32
}

const (
	chunkSize  = 1 << 20
	entryBytes = 2*16 + 4  // with its spare, and the length before the record
	runBuffers = 128 << 10 // of a run being merged, at least: a frame, which is somewhat larger than asked for
)

// room makes room for a record and gives where to append its data.
func (s *runs) room() ([]byte, error) {
	if s.used >= s.memory {
		if err := s.flush(); err != nil {
			return nil, err
		}
	}
	last := len(s.chunks) - 1
	if last < 0 || cap(s.chunks[last])-len(s.chunks[last]) < chunkSize/16 {
		s.grow()
		last++
	}
	return append(s.chunks[last], 0, 0, 0, 0), nil
}

// hold keeps the record whose data were appended to what room gave.
func (s *runs) hold(key uint64, b []byte) {
	last := len(s.chunks) - 1
	pos := len(s.chunks[last])
	binary.LittleEndian.PutUint32(b[pos:], uint32(len(b)-pos-4))
	s.used += int64(len(b)-pos) + entryBytes
	s.chunks[last] = b // a large record may have made it a larger one
	s.entries = append(s.entries, entry{key: key, chunk: uint32(last), pos: uint32(pos)})
}

// grow adds an empty chunk, one that was spilled before where there is one.
func (s *runs) grow() {
	n := len(s.chunks)
	if n < cap(s.chunks) && cap(s.chunks[:n+1][n]) == chunkSize {
		s.chunks = s.chunks[:n+1]
		s.chunks[n] = s.chunks[n][:0]
		return
	}
	s.chunks = append(s.chunks, make([]byte, 0, chunkSize))
}

func (s *runs) at(e entry) record {
	b := s.chunks[e.chunk][e.pos:]
	return record{e.key, b[4 : 4+binary.LittleEndian.Uint32(b)]}
}

// ordered gives the records in memory in the order of the entries. They lie anywhere: the memory of several is asked for
// at once before they are given, which takes little longer than to wait for that of one.
func (s *runs) ordered() iter.Seq[record] {
	const ahead, cacheLine = 32, 64
	return func(yield func(record) bool) {
		for i := 0; i < len(s.entries); i += ahead {
			some := s.entries[i:min(i+ahead, len(s.entries))]
			touched := byte(0)
			for _, e := range some {
				chunk := s.chunks[e.chunk]
				touched ^= chunk[e.pos] ^ chunk[min(int(e.pos)+cacheLine, len(chunk)-1)]
			}
			s.touched = touched
			for _, e := range some {
				if !yield(s.at(e)) {
					return
				}
			}
		}
	}
}

// sort orders what is in memory: by the keys with a radix sort, which does in passes over the bytes that differ what a
// sort that compares does in log n, then those of equal keys by comparison.
func (s *runs) sort() {
	s.entries, s.spare = sortKeys(s.entries, s.spare)
	for i := 0; i < len(s.entries); {
		j := i + 1
		for j < len(s.entries) && s.entries[j].key == s.entries[i].key {
			j++
		}
		if j > i+1 {
			slices.SortFunc(s.entries[i:j], func(a, b entry) int { return s.compare(s.at(a), s.at(b)) })
		}
		i = j
	}
}

// sortKeys sorts a by key, b is room for as many; it gives both back, swapped or not.
func sortKeys(a, b []entry) (sorted, spare []entry) {
	low, high, ordered := ^uint64(0), uint64(0), true
	for i := range a {
		low, high = low&a[i].key, high|a[i].key
		ordered = ordered && (i == 0 || a[i-1].key <= a[i].key)
	}
	if ordered {
		return a, b
	}
	b = slices.Grow(b[:0], len(a))[:len(a)]
	for shift := 0; shift < 64; shift += 8 {
		if byte((low^high)>>shift) == 0 {
			continue
		}
		var count [257]int
		for i := range a {
			count[int(byte(a[i].key>>shift))+1]++
		}
		for i := range 255 {
			count[i+1] += count[i]
		}
		for i := range a {
			d := byte(a[i].key >> shift)
			b[count[d]] = a[i]
			count[d]++
		}
		a, b = b, a
	}
	return a, b
}

// flush writes what is held as a sorted run.
func (s *runs) flush() error {
	if len(s.entries) == 0 {
		return nil
	}
	if s.dir == "" {
		return ErrFull
	}
	if s.spill == nil {
		var err error
		if s.spill, err = newSpill(s.temp); err != nil {
			return err
		}
	}
	s.sort()
	for r := range s.ordered() {
		if err := s.spill.add(r); err != nil {
			return err
		}
	}
	s.entries, s.chunks, s.used = s.entries[:0], s.chunks[:0], 0
	if err := s.spill.endRun(); err != nil {
		return err
	}
	if len(s.spill.runs) < s.most() {
		return nil
	}
	for r, err := range s.merged(s.spill.runs) {
		if err == nil {
			err = s.spill.add(r)
		}
		if err != nil {
			return err
		}
	}
	s.spill.runs = s.spill.runs[:0]
	return s.spill.endRun()
}

// most is how many runs are merged at once.
func (s *runs) most() int { return int(min(max(s.memory/runBuffers, 8), 256)) }

// all gives the records in order, each valid until the next. It may be read again.
func (s *runs) all() iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		if s.spill == nil {
			s.sort()
			for r := range s.ordered() {
				if !yield(r, nil) {
					return
				}
			}
			return
		}
		if err := s.flush(); err != nil {
			yield(record{}, err)
			return
		}
		s.chunks, s.entries, s.spare = nil, nil, nil // for the buffers of the merge
		for r, err := range s.merged(s.spill.runs) {
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func (s *runs) close() error {
	if s.spill == nil {
		return nil
	}
	err := s.spill.close()
	s.spill = nil
	return err
}

// merged gives the records of several runs in order.
func (s *runs) merged(of []run) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		m := merge{compare: s.compare}
		for _, r := range of {
			m.readers = append(m.readers, s.spill.reader(r))
			if err := m.push(uint32(len(m.readers) - 1)); err != nil {
				yield(record{}, err)
				return
			}
		}
		for i := len(m.heap)/2 - 1; i >= 0; i-- {
			m.down(i)
		}
		for len(m.heap) > 0 {
			if !yield(m.readers[m.heap[0].run].record(), nil) {
				return
			}
			if err := m.advance(); err != nil {
				yield(record{}, err)
				return
			}
		}
	}
}

// merge is a heap of sorted runs. It has no pointers to move.
type merge struct {
	compare func(a, b record) int
	readers []*runReader
	heap    []head
}

// head is the next record of a run: its key; the data are with the reader.
type head struct {
	key uint64
	run uint32
}

// push adds a run that has records.
func (m *merge) push(n uint32) error {
	ok, err := m.readers[n].next()
	if ok {
		m.heap = append(m.heap, head{m.readers[n].key, n})
	}
	return err
}

func (m *merge) advance() error {
	r := m.readers[m.heap[0].run]
	ok, err := r.next()
	switch {
	case err != nil:
		return err
	case ok:
		m.heap[0].key = r.key
	default:
		last := len(m.heap) - 1
		m.heap[0] = m.heap[last]
		m.heap = m.heap[:last]
	}
	m.down(0)
	return nil
}

func (m *merge) less(a, b head) bool {
	if a.key != b.key {
		return a.key < b.key
	}
	return m.compare(m.readers[a.run].record(), m.readers[b.run].record()) < 0
}

// down puts the head at i where it belongs.
func (m *merge) down(i int) {
	h := m.heap
	if i >= len(h) {
		return
	}
	top := h[i]
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && m.less(h[c+1], h[c]) {
			c++
		}
		if !m.less(h[c], top) {
			break
		}
		h[i], i = h[c], c
	}
	h[i] = top
}
