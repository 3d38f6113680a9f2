package report

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"strings"

	"github.com/klauspost/compress/zlib"
)

// Events travel in the page by column: numbers as varints of what changes from one event to the next, each text once.
// Every column is a zlib stream of its own, which any browser opens without help (DecompressionStream, "deflate").

const level = 7 // of the compression: measured, the highest takes twice as long for a hundredth

// A column is a stream of varints.
type column struct {
	buf  bytes.Buffer
	z    *zlib.Writer
	size int // bytes before compression
	tmp  [binary.MaxVarintLen64]byte
}

func newColumn() *column {
	c := &column{}
	c.z, _ = zlib.NewWriterLevel(&c.buf, level) // only a level that is none is an error
	return c
}

func (c *column) write(b []byte) {
	c.size += len(b)
	c.z.Write(b) // into memory: it does not fail
}

func (c *column) uint(v uint64) { c.write(c.tmp[:binary.PutUvarint(c.tmp[:], v)]) }
func (c *column) int(v int64)   { c.write(c.tmp[:binary.PutVarint(c.tmp[:], v)]) } // zigzag

// piece ends the column.
func (c *column) piece(id string) piece {
	c.z.Close()
	return piece{ID: id, Size: c.size, data: c.buf.Bytes()}
}

// A piece is a stream as the page carries it.
type piece struct {
	ID    string `json:"id"`
	Size  int    `json:"size"` // bytes when opened
	Count int    `json:"count,omitempty"`
	data  []byte
}

// A dictionary keeps each text once, in order of appearance, one a line, in segments of a few megabytes. It remembers
// the texts by a keyed 128-bit hash alone, so that a million long ones take no more room than short ones.
type dictionary struct {
	name       string
	ids        map[[2]uint64]uint32
	seeds      [2]maphash.Seed
	refs       *column // of each event: 0 is the next new text, n the one n before that
	segment    *column
	inSegment  int
	done       []piece
	total, max int // bytes of text
}

const segmentSize = 4 << 20

func newDictionary(name string, most int) *dictionary {
	return &dictionary{name: name, ids: map[[2]uint64]uint32{}, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, refs: newColumn(), segment: newColumn(), max: most}
}

func (d *dictionary) key(s string) [2]uint64 {
	return [2]uint64{maphash.String(d.seeds[0], s), maphash.String(d.seeds[1], s)}
}

// fits tells whether a text is known or there is still room for it.
func (d *dictionary) fits(s string) bool {
	if d.total+len(s) < d.max {
		return true
	}
	_, known := d.ids[d.key(s)]
	return known
}

// add notes the text of the next event.
func (d *dictionary) add(s string) uint32 {
	k := d.key(s)
	next := uint32(len(d.ids))
	if id, known := d.ids[k]; known {
		d.refs.uint(uint64(next - id))
		return id
	}
	d.refs.uint(0)
	d.ids[k] = next
	d.total += len(s) + 1
	d.segment.write(append([]byte(s), '\n'))
	if d.inSegment++; d.segment.size >= segmentSize {
		d.close()
	}
	return next
}

func (d *dictionary) close() {
	if d.inSegment == 0 {
		return
	}
	p := d.segment.piece("")
	p.Count = d.inSegment
	d.done = append(d.done, p)
	d.segment, d.inSegment = newColumn(), 0
}

// lineBreak stands for a line's end within a text: no text has it, since tidy writes control characters out.
const lineBreak = '\v'

// tidyEvent makes the texts of an event fit to be shown.
func tidyEvent(e *event) {
	e.Message = tidy(strings.TrimRight(e.Message, "\r\n"), longText, lineBreak)
	e.Path = tidy(e.Path, longText, ' ')
	e.Host = cmp.Or(e.Host, "—") // to be chosen among hosts
	for _, s := range []*string{&e.Desc, &e.Type, &e.Parser, &e.Host} {
		*s = tidy(*s, 120, ' ')
	}
}

const longText = 1000 // characters of a message or path in the viewer
