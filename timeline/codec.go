package timeline

import (
	"encoding/binary"
	"errors"
	"time"
)

// errCodec says that bytes are no event; from a spill file whose frames are authenticated it cannot happen.
var errCodec = errors.New("event cannot be decoded")

// appendEvent appends the event in the form the sorter holds it in: seconds and nanoseconds, the source's number, the
// offset, then the rest, each text preceded by its length. It is never written anywhere but to a sealed spill file of
// the same process, so it has no version.
func appendEvent(b []byte, e *Event, source uint32) []byte {
	b = binary.AppendVarint(b, e.Time.Unix())
	b = binary.AppendUvarint(b, uint64(e.Time.Nanosecond()))
	b = binary.AppendUvarint(b, uint64(source))
	b = binary.AppendVarint(b, e.Offset)
	b = appendText(b, e.Desc)
	b = appendText(b, e.Type)
	b = appendText(b, e.Message)
	flags := byte(0)
	if e.Recovered {
		flags = 1
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(len(e.Fields)))
	for i := range e.Fields {
		f := &e.Fields[i]
		b = append(appendText(b, f.Name), byte(f.kind))
		switch f.kind {
		case textField:
			b = appendText(b, f.text)
		case listField:
			b = binary.AppendUvarint(b, uint64(len(f.list)))
			for _, v := range f.list {
				b = appendText(b, v)
			}
		default:
			b = binary.AppendVarint(b, f.num)
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// cursor reads what appendEvent wrote; after a fault everything it gives is zero.
type cursor struct {
	b    []byte
	fail bool
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	return v * c.skip(n)
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.b)
	return v * int64(c.skip(n))
}

// skip goes n bytes on and gives 1, or 0 where n is none.
func (c *cursor) skip(n int) uint64 {
	if n <= 0 || c.fail {
		c.fail, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return 1
}

func (c *cursor) text() string {
	n := c.uvarint()
	if n > uint64(len(c.b)) {
		c.fail, c.b = true, nil
		return ""
	}
	s := string(c.b[:n])
	c.b = c.b[n:]
	return s
}

func (c *cursor) byte() byte {
	if len(c.b) == 0 {
		c.fail = true
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

// decodeEvent reads what appendEvent wrote and gives the source's number.
func decodeEvent(b []byte) (e Event, source uint32, err error) {
	c := cursor{b: b}
	sec, nsec := c.varint(), c.uvarint()
	e.Time = time.Unix(sec, int64(nsec)).UTC()
	source = uint32(c.uvarint())
	e.Offset = c.varint()
	e.Desc, e.Type, e.Message = c.text(), c.text(), c.text()
	e.Recovered = c.byte() == 1
	if n := c.uvarint(); n > 0 && n <= uint64(len(c.b)) {
		e.Fields = make([]Field, n)
	}
	for i := range e.Fields {
		e.Fields[i] = c.field()
	}
	if c.fail || len(c.b) > 0 {
		return Event{}, 0, errCodec
	}
	return e, source, nil
}

func (c *cursor) field() Field {
	f := Field{Name: c.text(), kind: fieldKind(c.byte())}
	switch f.kind {
	case textField:
		f.text = c.text()
	case listField:
		n := c.uvarint()
		if n > uint64(len(c.b)) {
			c.fail = true
			return f
		}
		f.list = make([]string, n)
		for i := range f.list {
			f.list[i] = c.text()
		}
	default:
		f.num = c.varint()
	}
	return f
}
