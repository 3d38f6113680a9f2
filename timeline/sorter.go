package timeline

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"
)

// SorterOptions bound a Sorter.
type SorterOptions struct {
	Memory int64                              // bytes held before events are written out; zero: 32 MiB. The process needs about three times as much
	Dir    string                             // where a sealed temporary file may be written; empty: nowhere, what is over the bound is dropped and counted
	Temp   func(dir string) (TempFile, error) // makes that file; nil: CreateTemp
}

func (o SorterOptions) temp() (TempFile, error) {
	if o.Temp != nil {
		return o.Temp(o.Dir)
	}
	return CreateTemp(o.Dir)
}

const defaultMemory = 32 << 20

// ErrFull is why a Sorter drops events: its memory is used up and there is no place to write to.
var ErrFull = errors.New("timeline memory is used up")

// A Sorter takes events in any order and gives them in the order of time, then of host, path and offset; what has no
// time comes at 1970. The same events give the same order. It holds at most Memory; what is over goes, sorted, to a
// temporary file that is sealed under a key which is nowhere but in memory, so that nothing of the evidence touches a
// disk readable. Add may be called by several goroutines; Events when all Adds are done, and again for the same events.
//
// Events of one host that are equal in time, kind, message and all fields, but not in their place, are the same record in
// several files: a live log, an archived one, a shadow copy. They come as one, that of the first path, live before
// recovered, which names the others in Also. Equal events of one file are never one, unless one was carved: a file that
// says a thing twice means it, so the second there is the same as the second elsewhere. A file with a Source of its own is
// a file of its own, whatever its path: one that was given twice, or collected from one host on two days, tells what it
// told before.
type Sorter struct {
	mu      sync.Mutex
	opts    SorterOptions
	codec   *codec
	records runs
	full    error // why nothing more is taken
	dropped int64
}

// NewSorter gives an empty sorter.
func NewSorter(o SorterOptions) *Sorter {
	if o.Memory <= 0 {
		o.Memory = defaultMemory
	}
	c := newCodec()
	return &Sorter{opts: o, codec: c, records: runs{compare: c.byContent, memory: o.Memory, dir: o.Dir, temp: o.temp}}
}

// Add takes an event. An error means that this event, and all later ones, are dropped; they are counted.
func (s *Sorter) Add(e *Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full == nil {
		b, err := s.records.room()
		if err == nil {
			s.records.hold(s.codec.append(b, e))
			return nil
		}
		s.full = err
	}
	s.dropped++
	return s.full
}

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
	return s.records.close()
}

// Events gives all events in order. The slice of an event's fields is used again for the next; who keeps an event clones
// it. An error ends it.
func (s *Sorter) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		m := moment{codec: s.codec, opts: s.opts, yield: yield}
		for r, err := range s.records.all() {
			if err == nil {
				err = m.add(r)
			}
			if err != nil {
				yield(Event{}, fmt.Errorf("timeline: %w", err))
				return
			}
			if m.done {
				return
			}
		}
		if err := m.end(); err != nil {
			yield(Event{}, fmt.Errorf("timeline: %w", err))
		}
	}
}

// A moment is the records of one time. They come in order of content, which finds those that tell the same, and go in the
// order of place.
type moment struct {
	codec *codec
	opts  SorterOptions
	yield func(Event, error) bool
	done  bool // the consumer had enough

	held  []byte // data of the records that tell the same, one after the other
	ends  []int  // where each ends
	rest  *runs  // what this moment told before; kept from moment to moment for its memory
	empty bool   // rest has nothing
	key   uint64 // of all of it
	nanos uint16 // the same
	spare []byte
	told  []told // by the files of one path
}

// maxSame is how many bytes of records that tell the same are compared; beyond, which nothing but a file of one line
// repeated in no time reaches, each is taken for itself.
const maxSame = 8 << 20

func (m *moment) at(i int) record {
	from := 0
	if i > 0 {
		from = m.ends[i-1]
	}
	return record{m.key, m.held[from:m.ends[i]]}
}

// add takes the next record.
func (m *moment) add(r record) error {
	if len(m.ends) > 0 {
		now := r.key == m.key && r.nanos() == m.nanos
		switch {
		case now && len(m.held) < maxSame && m.codec.same(m.at(0), r):
		case now:
			if err := m.put(); err != nil {
				return err
			}
		default:
			if err := m.end(); err != nil {
				return err
			}
		}
	}
	m.key, m.nanos = r.key, r.nanos()
	m.held = append(m.held, r.data...)
	m.ends = append(m.ends, len(m.held))
	return nil
}

// put hands what tells the same on to be ordered by place.
func (m *moment) put() error {
	if m.rest == nil {
		m.rest = &runs{compare: m.codec.byPlace, memory: m.opts.Memory / 4, dir: m.opts.Dir, temp: m.opts.temp}
		if m.opts.Dir == "" {
			m.rest.memory = math.MaxInt64 // it is part of what is in memory anyway
		}
	}
	m.empty = false
	return m.unite(func(r record) error {
		b, err := m.rest.room()
		if err == nil {
			m.rest.hold(r.key, append(b, r.data...))
		}
		return err
	})
}

// end gives the events of the moment.
func (m *moment) end() error {
	switch whole := m.rest == nil || m.empty; {
	case whole && len(m.ends) == 1: // most moments
		err := m.give(m.at(0))
		m.held, m.ends = m.held[:0], m.ends[:0]
		return err
	case whole:
		return m.unite(m.give)
	}
	if err := m.put(); err != nil {
		return err
	}
	for r, err := range m.rest.all() {
		if err == nil {
			err = m.give(r)
		}
		if err != nil {
			return err
		}
		if m.done {
			break
		}
	}
	err := m.rest.close()
	m.rest.entries, m.rest.chunks, m.rest.used = m.rest.entries[:0], m.rest.chunks[:0], 0
	m.empty = true
	return err
}

func (m *moment) give(r record) error {
	if m.done {
		return nil
	}
	e, err := m.codec.decode(r)
	if err == nil && !m.yield(e, nil) {
		m.done = true
	}
	return err
}

// unite makes one record of those held: the n-th in each file are the same.
func (m *moment) unite(do func(record) error) error {
	defer func() { m.held, m.ends = m.held[:0], m.ends[:0] }()
	if len(m.ends) <= 1 {
		if len(m.ends) == 0 {
			return nil
		}
		return do(m.at(0))
	}
	for _, same := range m.occurrences() {
		r := m.at(same[0])
		var others []uint32
		told := same[:1:1] // one of each path: two collections of a host may have the same file
		for _, i := range same[1:] {
			if !slices.ContainsFunc(told, func(j int) bool { return m.codec.byPath(m.at(i), m.at(j)) == 0 }) { // those that carry their source tell it
				told, others = append(told, i), append(others, m.at(i).source())
			}
		}
		if len(others) > 0 {
			r = r.alsoIn(m.spare[:0], others)
			m.spare = r.data
		}
		if err := do(r); err != nil {
			return err
		}
	}
	return nil
}

// occurrences gives the numbers of the records held, those together that are the first of their files, those that are the
// second, and so on. What is live comes before what is recovered.
func (m *moment) occurrences() [][]int {
	var nth [][]int
	for i := range m.ends {
		if i == 0 || !m.samePath(m.at(i-1), m.at(i)) {
			m.told = m.told[:0]
		}
		n := m.before(m.at(i))
		if n == len(nth) {
			nth = append(nth, nil)
		}
		nth[n] = append(nth[n], i)
	}
	return nth
}

// told is how often a file told a thing.
type told struct {
	source *Source
	times  int
}

// before is how often the file of the record told the same before it. A file's own times are told once, however often they
// were read.
func (m *moment) before(r record) int {
	if _, own := r.ownPath(); own {
		return 0
	}
	src := m.codec.sources[r.source()]
	for i := range m.told {
		if m.told[i].source == src {
			m.told[i].times++
			return m.told[i].times
		}
	}
	m.told = append(m.told, told{source: src})
	return 0
}

func (m *moment) samePath(a, b record) bool {
	return m.codec.byPath(a, b) == 0 && a.flags() == b.flags()
}
