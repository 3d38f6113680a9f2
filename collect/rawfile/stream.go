package rawfile

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"sort"
	"sync"

	"spor/artifacts"
)

// A run is a stretch of a stream's clusters: where it begins in the stream and on the volume.
type run struct {
	at, on, count int64 // on is hole where nothing is stored
}

const hole = -1

// A stream is the content of one attribute.
type stream struct {
	v           *Volume
	isResident  bool
	torn        bool // the piece that tells its size is missing
	resident    []byte
	flags       uint16
	unit        uint8
	size, valid int64
	pieces      []*attr

	once    sync.Once
	err     error
	runs    []run
	covered int64 // bytes that runs tell of

	mu      sync.Mutex
	decoded int64 // number of the unit in plain, plus one
	plain   []byte
	packed  []byte
}

// map_ reads the run lists. What they cover is known afterwards, and need not be all.
func (s *stream) map_() error {
	s.once.Do(func() {
		if s.isResident {
			return
		}
		if s.torn {
			s.err = damaged("the first piece of a run list is missing")
			return
		}
		s.err = s.readRuns()
	})
	return s.err
}

func (s *stream) readRuns() error {
	slices.SortStableFunc(s.pieces, func(a, b *attr) int { return cmp.Compare(a.first, b.first) })
	var next int64
	for _, p := range s.pieces {
		if p.first != next {
			break // what is missing is an error to those who read it
		}
		runs, end, err := s.v.readPairs(p.pairs, next)
		if err != nil {
			return err
		}
		if len(s.runs)+len(runs) > maxRuns {
			return damaged("more than %d runs", maxRuns)
		}
		if end != p.last+1 {
			return damaged("a run list of %d clusters that should be %d", end-next, p.last+1-next)
		}
		s.runs = append(s.runs, runs...)
		next = end
	}
	s.covered = next * s.v.cluster
	return nil
}

// readPairs decodes a run list: a byte with the sizes of two numbers, the length of the run, and how far it lies from
// the one before.
func (v *Volume) readPairs(b []byte, at int64) (runs []run, end int64, err error) {
	var on, stored int64
	for len(b) > 0 && b[0] != 0 {
		n, m := int(b[0]&15), int(b[0]>>4)
		if n == 0 || n > 8 || m > 8 || len(b) < 1+n+m {
			return nil, 0, damaged("a run of sizes %d and %d", n, m)
		}
		count, by := signed(b[1:1+n]), signed(b[1+n:1+n+m])
		b = b[1+n+m:]
		if count <= 0 || count > (1<<62)/v.cluster-at {
			return nil, 0, damaged("a run of %d clusters", count)
		}
		r := run{at: at, on: hole, count: count}
		if m > 0 {
			if on += by; on < 0 || on > v.total || count > v.total-on {
				return nil, 0, damaged("a run of %d clusters at %d of %d", count, on, v.total)
			}
			if stored += count; stored > v.total {
				return nil, 0, damaged("more clusters than the volume has")
			}
			r.on = on
		}
		runs = append(runs, r)
		at += count
	}
	return runs, at, nil
}

func signed(b []byte) (n int64) {
	for i, c := range b {
		n |= int64(c) << (8 * i)
	}
	if len(b) == 0 {
		return 0
	}
	shift := 64 - 8*len(b)
	return n << shift >> shift
}

// find gives the index of the run that holds a cluster; -1 where none does.
func (s *stream) find(cluster int64) int {
	i := sort.Search(len(s.runs), func(i int) bool { return s.runs[i].at > cluster }) - 1
	if i < 0 || cluster >= s.runs[i].at+s.runs[i].count {
		return -1
	}
	return i
}

var errMethod = errors.New("compressed by a method that is not read")

// readable tells why the content cannot be given.
func (s *stream) readable() error {
	switch {
	case s.flags&flagEncrypted != 0:
		return ErrEncrypted
	case s.flags&flagCompressed > 1:
		return errMethod
	case s.flags&flagCompressed == 1 && !s.isResident && (s.unit == 0 || s.unit > 8 || s.v.cluster<<s.unit > 2<<20):
		return damaged("a compression unit of 2^%d clusters", s.unit)
	}
	return s.map_()
}

// ReadAt implements io.ReaderAt. What was never written reads as zeros, as the file system gives it.
func (s *stream) ReadAt(p []byte, off int64) (n int, err error) {
	if err := s.readable(); err != nil {
		return 0, err
	}
	if off < 0 || off >= s.size {
		return 0, io.EOF
	}
	if int64(len(p)) > s.size-off {
		p, err = p[:s.size-off], io.EOF
	}
	if s.isResident {
		return copy(p, s.resident[off:]), err
	}
	for n < len(p) {
		at := off + int64(n)
		var m int
		var failed error
		switch rest := p[n:]; {
		case at >= s.valid:
			m = len(rest)
			clear(rest)
		case s.flags&flagCompressed == 1:
			m, failed = s.readUnit(rest[:min(int64(len(rest)), s.valid-at)], at)
		default:
			m, failed = s.readRun(rest[:min(int64(len(rest)), s.valid-at)], at)
		}
		n += m
		if failed != nil {
			return n, failed
		}
	}
	return n, err
}

// readRun reads within one run.
func (s *stream) readRun(p []byte, at int64) (int, error) {
	c := s.v.cluster
	i := s.find(at / c)
	if i < 0 {
		return 0, damaged("byte %d of %d is in no run", at, s.size)
	}
	r := s.runs[i]
	p = p[:min(int64(len(p)), (r.at+r.count)*c-at)]
	if r.on == hole {
		clear(p)
		return len(p), nil
	}
	n, err := s.v.from.ReadAt(p, r.on*c+at-r.at*c)
	if n < len(p) {
		return n, notEOF(err)
	}
	return n, nil
}

// readUnit reads within one compression unit, of which the last is kept: all of it stored is as it is, nothing stored
// is zeros, and anything between is compressed.
func (s *stream) readUnit(p []byte, at int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := s.v.cluster << s.unit
	number := at / size
	if s.decoded != number+1 {
		s.decoded = 0
		if err := s.decode(number); err != nil {
			return 0, err
		}
		s.decoded = number + 1
	}
	return copy(p, s.plain[at-number*size:]), nil
}

func (s *stream) decode(number int64) error {
	size := s.v.cluster << s.unit
	if s.plain == nil {
		s.plain, s.packed = make([]byte, size), make([]byte, 0, size)
	}
	s.packed = s.packed[:0]
	end := (number + 1) << s.unit
	var holes int64
	for at := number << s.unit; at < end; {
		i := s.find(at)
		if i < 0 && at*s.v.cluster >= s.size {
			break // the last unit need not be whole
		}
		if i < 0 {
			return damaged("cluster %d of a compressed stream is in no run", at)
		}
		r := s.runs[i]
		n := min(r.at+r.count, end) - at
		switch {
		case r.on == hole:
			holes += n
		case holes > 0:
			return damaged("cluster %d is stored behind a hole within a compression unit", at)
		default:
			was := len(s.packed)
			s.packed = s.packed[:was+int(n*s.v.cluster)]
			if m, err := s.v.from.ReadAt(s.packed[was:], (r.on+at-r.at)*s.v.cluster); m < len(s.packed)-was {
				return notEOF(err)
			}
		}
		at += n
	}
	if holes == 0 && len(s.packed) > 0 {
		clear(s.plain[copy(s.plain, s.packed):])
		return nil
	}
	n, err := lznt1(s.plain, s.packed)
	clear(s.plain[n:])
	return err
}

// extents lists what is stored, in bytes; the same as SparseFile.Extents.
func (s *stream) extents(most int) (runs []artifacts.Extent, whole bool, err error) {
	if err := s.map_(); err != nil {
		return nil, false, err
	}
	if s.isResident || s.covered < s.size || s.flags&flagCompressed != 0 {
		return nil, false, nil
	}
	c := s.v.cluster
	end := min(s.size, s.valid)
	for _, r := range s.runs {
		if r.on == hole || r.at*c >= end {
			continue
		}
		e := artifacts.Extent{Offset: r.at * c, Length: min(r.count*c, end-r.at*c)}
		if last := len(runs) - 1; last >= 0 && runs[last].Offset+runs[last].Length == e.Offset {
			runs[last].Length += e.Length
			continue
		}
		if len(runs) == most {
			return runs, false, nil
		}
		runs = append(runs, e)
	}
	return runs, true, nil
}

// stored tells whether any byte of the stream is on the volume.
func (s *stream) stored() bool {
	return s.isResident || s.map_() != nil || slices.ContainsFunc(s.runs, func(r run) bool { return r.on != hole })
}
