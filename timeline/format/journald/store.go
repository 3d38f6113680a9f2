package journald

// A datum is what a data object holds, as far as it is wanted.
type datum struct {
	field field  // none: nobody asks for it
	left  uint32 // entries that are still to come by its count; 0: it may go
	cut   uint32 // bytes of the text that are left out
	text  string // behind the "="
}

// Bounds of what is kept of data that entries share. Data that were used as often as they say are kept for a while too,
// because entries were added while a live file was copied.
const (
	maxText  = 64 << 10 // of one text, and what of compressed data is expanded
	maxKept  = 32 << 20 // bytes of all texts
	maxData  = 1 << 19
	maxSpent = 1 << 14 // data that may go
)

// store holds data by offset.
type store struct {
	data    map[int64]datum
	bytes   int
	spent   []int64 // offsets of data that may go, a ring
	oldest  int
	again   int64 // bytes that may still be read again
	scratch [80]byte
}

func (s *store) init() {
	s.data = make(map[int64]datum, 1024)
	s.spent = make([]int64, maxSpent)
	s.again = 256 << 20
}

// add keeps a datum. Where there is no more room, it is not kept, and read again where that is possible.
func (s *store) add(off int64, d datum) {
	s.drop(off)
	if len(s.data) >= maxData || s.bytes+len(d.text) > maxKept {
		return
	}
	s.data[off] = d
	s.bytes += len(d.text)
}

func (s *store) drop(off int64) {
	if d, ok := s.data[off]; ok {
		s.bytes -= len(d.text)
		delete(s.data, off)
	}
}

// use gives a datum to an entry.
func (s *store) use(off int64) (datum, bool) {
	d, ok := s.data[off]
	if !ok || d.left == 0 || d.left == many {
		return d, ok
	}
	d.left--
	s.data[off] = d
	if d.left == 0 {
		s.drop(s.spent[s.oldest])
		s.spent[s.oldest] = off
		s.oldest = (s.oldest + 1) % maxSpent
	}
	return d, true
}

// many is a count that is not counted down.
const many = 1<<32 - 1

// keep reads a data object; b is as much of it as the window holds.
func (j *journal) keep(o object, b []byte) {
	if d, ok := j.datum(o, b); ok {
		j.data.add(o.off, d)
	}
}

// datum reads a data object; false: it is damaged, which was told.
func (j *journal) datum(o object, b []byte) (datum, bool) {
	head := j.dataHead()
	if len(b) <= head {
		return datum{}, false
	}
	d := datum{left: uint32(min(le.Uint64(b[56:]), many))}
	packed, payload := int(o.size)-head, b[head:]
	size := int64(packed)
	if o.flags != 0 {
		var err error
		if payload, size, err = j.unpack.expand(o.flags, payload); err != nil {
			j.fail("data at offset %d: %w", o.off, err)
			return datum{}, false
		}
	}
	name, value, ok := cutName(payload)
	if !ok {
		if len(payload) >= 64 || o.flags == 0 {
			j.fail("data at offset %d name no field", o.off)
		}
		return datum{}, false
	}
	if d.field = fieldNamed(name); d.field == none {
		return d, true
	}
	if int64(len(payload)) == size && j.hash(payload) != le.Uint64(b[16:]) {
		j.fail("the hash of the data at offset %d does not fit", o.off)
	}
	if len(value) > maxText {
		value = value[:maxText]
	}
	d.cut = uint32(min(max(0, size-int64(len(name)+1+len(value))), many))
	if d.left <= 1 {
		d.text = j.build.once.Keep(value)
	} else {
		d.text = string(value)
	}
	return d, true
}

// cutName parts "FIELD=value".
func cutName(b []byte) (name, value []byte, ok bool) {
	for i := range min(len(b), 65) {
		if b[i] == '=' {
			return b[:i], b[i+1:], i > 0
		}
	}
	return nil, nil, false
}

// fetch reads data again that were not kept, where the file allows it.
func (j *journal) fetch(off int64) (datum, bool) {
	if j.at == nil || j.data.again <= 0 {
		return datum{}, false
	}
	b := make([]byte, 4096)
	n, _ := j.at.ReadAt(b, off)
	if n < objectHead {
		return datum{}, false
	}
	o, ok := j.plausible(b[:n], off)
	if !ok || o.kind != kindData {
		j.data.again -= int64(n)
		return datum{}, false
	}
	if size := min(o.size, maxText+4096); size > int64(n) {
		b = make([]byte, size)
		n, _ = j.at.ReadAt(b, off)
	}
	j.data.again -= int64(n)
	return j.datum(o, b[:min(int64(max(n, 0)), o.size)])
}
