package timeline

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
)

// SorterOptions bound a Sorter.
type SorterOptions struct {
	Memory int64  // bytes held before events are written out; zero: 64 MiB
	Dir    string // where a sealed temporary file may be written; empty: nowhere, what is over the bound is dropped and counted
}

const defaultMemory = 64 << 20

// ErrFull is why a Sorter drops events: its memory is used up and there is no place to write to.
var ErrFull = errors.New("timeline memory is used up")

// A Sorter takes events in any order and gives them in the order of time, then of host, path and offset; what has no
// time comes at 1970. The same events give the same order. It holds at most Memory; what is over goes, sorted, to a
// temporary file that is sealed under a key which is nowhere but in memory, so that nothing of the evidence touches a
// disk readable. Add may be called by several goroutines; Events when all Adds are done, and again for the same events.
type Sorter struct {
	opts SorterOptions

	mu      sync.Mutex
	numbers map[*Source]uint32
	sources []*Source
	chunks  [][]byte // encoded events; all but the last are full
	entries []entry
	used    int64
	spill   *spill
	full    error // why nothing more is taken
	dropped int64
}

// entry is the sorting key of an event and where its encoding lies.
type entry struct {
	micros int64
	offset int64
	chunk  uint32
	pos    uint32
	size   uint32
	source uint32
	nanos  uint16
}

const (
	chunkSize  = 1 << 20
	entryBytes = 2 * 40 // a grown slice is up to twice its content
)

// NewSorter gives an empty sorter.
func NewSorter(o SorterOptions) *Sorter {
	if o.Memory <= 0 {
		o.Memory = defaultMemory
	}
	return &Sorter{opts: o, numbers: map[*Source]uint32{}}
}

// Add takes an event. An error means that this event, and all later ones, are dropped; they are counted.
func (s *Sorter) Add(e *Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full != nil {
		s.dropped++
		return s.full
	}
	if s.used >= s.opts.Memory {
		if s.full = s.flush(); s.full != nil {
			s.dropped++
			return s.full
		}
	}
	s.hold(e)
	return nil
}

// hold encodes the event into the last chunk.
func (s *Sorter) hold(e *Event) {
	src := s.number(e.Source)
	last := len(s.chunks) - 1
	if last < 0 || cap(s.chunks[last])-len(s.chunks[last]) < chunkSize/8 {
		s.grow()
		last++
	}
	chunk := s.chunks[last]
	pos := len(chunk)
	chunk = appendEvent(chunk, e, src)
	s.chunks[last] = chunk // a large event may have made it a larger one
	s.entries = append(s.entries, entry{
		micros: e.Micros(), nanos: uint16(e.Time.Nanosecond() % 1000), offset: e.Offset, source: src,
		chunk: uint32(last), pos: uint32(pos), size: uint32(len(chunk) - pos),
	})
	s.used += int64(len(chunk)-pos) + entryBytes
}

// grow adds an empty chunk, one that was spilled before where there is one.
func (s *Sorter) grow() {
	n := len(s.chunks)
	if n < cap(s.chunks) && cap(s.chunks[:n+1][n]) == chunkSize {
		s.chunks = s.chunks[:n+1]
		s.chunks[n] = s.chunks[n][:0]
		return
	}
	s.chunks = append(s.chunks, make([]byte, 0, chunkSize))
}

func (s *Sorter) number(src *Source) uint32 {
	if src == nil {
		src = &noSource
	}
	n, ok := s.numbers[src]
	if !ok {
		n = uint32(len(s.sources))
		s.numbers[src] = n
		s.sources = append(s.sources, src)
	}
	return n
}

var noSource Source

// Dropped says how many events were not taken, and why; nil: none were dropped.
func (s *Sorter) Dropped() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped, s.full
}

// Close removes the temporary file.
func (s *Sorter) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spill == nil {
		return nil
	}
	err := s.spill.close()
	s.spill = nil
	return err
}

// bytes is the encoding of an entry's event.
func (s *Sorter) bytes(e *entry) []byte { return s.chunks[e.chunk][e.pos : e.pos+e.size] }

func (s *Sorter) sort() {
	slices.SortFunc(s.entries, func(a, b entry) int {
		if c := s.compare(&a, &b); c != 0 {
			return c
		}
		return bytes.Compare(s.bytes(&a), s.bytes(&b))
	})
}

// compare orders by all but the content.
func (s *Sorter) compare(a, b *entry) int {
	if c := cmp.Compare(a.micros, b.micros); c != 0 {
		return c
	}
	if c := cmp.Compare(a.nanos, b.nanos); c != 0 {
		return c
	}
	if a.source != b.source {
		x, y := s.sources[a.source], s.sources[b.source]
		if c := cmp.Or(strings.Compare(x.Host, y.Host), strings.Compare(string(x.Path), string(y.Path))); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.source, b.source))
}

// flush writes what is held as a sorted run.
func (s *Sorter) flush() error {
	if s.opts.Dir == "" {
		return ErrFull
	}
	if s.spill == nil {
		var err error
		if s.spill, err = newSpill(s.opts.Dir); err != nil {
			return err
		}
	}
	s.sort()
	for i := range s.entries {
		if err := s.spill.add(s.bytes(&s.entries[i])); err != nil {
			return fmt.Errorf("timeline spill: %w", err)
		}
	}
	if err := s.spill.endRun(); err != nil {
		return fmt.Errorf("timeline spill: %w", err)
	}
	s.entries, s.chunks, s.used = s.entries[:0], s.chunks[:0], 0
	return nil
}

// Events gives all events in order. An error ends it.
func (s *Sorter) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sort()
		m := merge{s: s}
		if err := m.open(); err != nil {
			yield(Event{}, err)
			return
		}
		for len(m.heads) > 0 {
			if !yield(m.heads[0].event, nil) {
				return
			}
			if err := m.advance(); err != nil {
				yield(Event{}, err)
				return
			}
		}
	}
}

// merge is a heap of sorted runs: those of the spill file and what is in memory.
type merge struct {
	s     *Sorter
	heads []*head
}

// head is the next event of a run.
type head struct {
	entry
	event Event
	raw   []byte
	next  func() ([]byte, error) // io.EOF-free: nil bytes at the end
}

func (m *merge) open() error {
	var nexts []func() ([]byte, error)
	if m.s.spill != nil {
		for _, r := range m.s.spill.runs {
			nexts = append(nexts, m.s.spill.reader(r))
		}
	}
	i := 0
	nexts = append(nexts, func() ([]byte, error) {
		if i == len(m.s.entries) {
			return nil, nil
		}
		i++
		return m.s.bytes(&m.s.entries[i-1]), nil
	})
	for _, next := range nexts {
		h := &head{next: next}
		ok, err := m.load(h)
		if err != nil {
			return err
		}
		if ok {
			m.heads = append(m.heads, h)
		}
	}
	for i := len(m.heads)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	return nil
}

// load reads the next event of a run; false: there is none.
func (m *merge) load(h *head) (bool, error) {
	raw, err := h.next()
	if err != nil || raw == nil {
		return false, err
	}
	e, n, err := decodeEvent(raw)
	if err != nil {
		return false, err
	}
	if int(n) >= len(m.s.sources) {
		return false, errCodec
	}
	if e.Source = m.s.sources[n]; e.Source == &noSource {
		e.Source = nil
	}
	h.raw, h.event = raw, e
	h.entry = entry{micros: e.Micros(), nanos: uint16(e.Time.Nanosecond() % 1000), offset: e.Offset, source: n}
	return true, nil
}

func (m *merge) advance() error {
	ok, err := m.load(m.heads[0])
	if err != nil {
		return err
	}
	if !ok {
		last := len(m.heads) - 1
		m.heads[0] = m.heads[last]
		m.heads = m.heads[:last]
	}
	m.down(0)
	return nil
}

func (m *merge) less(i, j int) bool {
	a, b := m.heads[i], m.heads[j]
	c := m.s.compare(&a.entry, &b.entry)
	if c == 0 {
		c = bytes.Compare(a.raw, b.raw)
	}
	return c < 0
}

func (m *merge) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(m.heads); c++ {
			if m.less(c, least) {
				least = c
			}
		}
		if least == i {
			return
		}
		m.heads[i], m.heads[least] = m.heads[least], m.heads[i]
		i = least
	}
}
