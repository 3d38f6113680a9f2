package timeline

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"spor/artifacts"
)

// errCodec says that bytes are no event; from a spill file whose frames are authenticated it cannot happen.
var errCodec = errors.New("event cannot be decoded")

// A record is an event as the sorter holds it; it is written nowhere but to a sealed spill file of the same process, so
// it has no version: a key, and data:
//
//	0  nanoseconds beyond the key, big-endian
//	2  flags
//	3  number of the source, as uvarint; offset in the file, as varint
//	   other sources of the same event: how many, then their numbers, all as uvarint
//	   where flagOwn is set, the source: SHA-256, and as uvarint how long the path is that the message begins with. What
//	   it shares with others, host and parser, the numbered one has
//	   the content: shape, message, values of the fields; of a shape that is kept, texts are as lexicon.append has them
//
// Two records tell the same if host, time and content are the same.
type record struct {
	key  uint64 // microseconds since 1970, the sign turned so that it orders as times do
	data []byte
}

const (
	recordHead    = 3
	flagRecovered = 1
	flagUntimed   = 2
	flagOwn       = 4
)

func (r record) nanos() uint16 { return binary.BigEndian.Uint16(r.data) }
func (r record) flags() byte   { return r.data[2] }

func (r record) source() uint32 {
	n, _ := binary.Uvarint(r.data[recordHead:])
	return uint32(n)
}

func (r record) offset() int64 {
	_, k := binary.Uvarint(r.data[recordHead:])
	n, _ := binary.Varint(r.data[recordHead+k:])
	return n
}

// others is what stands behind the offset.
func (r record) others() []byte {
	_, k := binary.Uvarint(r.data[recordHead:])
	_, n := binary.Uvarint(r.data[recordHead+k:])
	return r.data[recordHead+k+n:]
}

// place is what stands before the content.
func (r record) place() []byte {
	b := r.others()
	n, k := binary.Uvarint(b)
	for b = b[k:]; n > 0; n-- {
		_, k := binary.Uvarint(b)
		b = b[k:]
	}
	return b
}

// content is what the event says.
func (r record) content() []byte {
	b := r.place()
	if r.flags()&flagOwn != 0 {
		_, k := binary.Uvarint(b[len(Digest{}):])
		b = b[len(Digest{})+k:]
	}
	return b
}

// ownPath is the path of a record that carries its source; false: it does not.
func (r record) ownPath() ([]byte, bool) {
	if r.flags()&flagOwn == 0 {
		return nil, false
	}
	b := r.place()[len(Digest{}):]
	n, k := binary.Uvarint(b)
	_, shape := binary.Uvarint(b[k:])
	_, message := binary.Uvarint(b[k+shape:])
	return b[k+shape+message:][:n], true
}

// alsoIn gives the record with other sources; its data are made in b.
func (r record) alsoIn(b []byte, others []uint32) record {
	b = append(b, r.data[:len(r.data)-len(r.others())]...)
	b = binary.AppendUvarint(b, uint64(len(others)))
	for _, n := range others {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return record{r.key, append(b, r.place()...)}
}

// A codec makes records of events and back.
type codec struct {
	sources []*Source
	recent  [8]numbered // the sources seen last
	oldest  int         // of them
	shared  []numbered  // host and parser of those that records carry
	own     *Source     // that was decoded last

	shapes []*shape
	byHash map[uint64][]*shape
	latest *shape // of the event appended last
	held   int    // bytes of their names
	words  lexicon
	fields []Field // of the event decoded last
	last   *shape  // of them: the names and kinds that stand there
	text   strings.Builder
	places [64]seen
}

// A numbered source stands in records by its number. A source may have several: the events of a file come together, and
// to remember all of a million files costs more than to number one anew.
type numbered struct {
	source *Source
	number uint32
}

// seen is a source that was decoded lately, and from the second time on what AppendJSON writes of it.
type seen struct {
	source *Source
	place  *place
}

// A shape is what events of one kind have in common, kept once.
type shape struct {
	number uint64
	desc   string
	typ    string
	kind   string        // the members of both as AppendJSON writes them, comma first; empty: they are not UTF-8
	fields []Field       // their names and kinds
	keys   []string      // what AppendJSON writes before their values
	words  []*vocabulary // of the fields' texts, and of the message behind them
}

// What goes beyond spells its shape out each time: names may come from a hostile file.
const (
	maxShapes     = 1 << 14
	maxShapeBytes = 2 << 20
)

func newCodec() *codec {
	return &codec{byHash: map[uint64][]*shape{}, shapes: []*shape{nil}}
}

var noSource Source

func (c *codec) sourceNumber(src *Source) uint32 {
	if src == nil {
		src = &noSource
	}
	for i := range c.recent {
		if c.recent[i].source == src {
			return c.recent[i].number
		}
	}
	n := uint32(len(c.sources))
	c.sources = append(c.sources, src)
	c.recent[c.oldest] = numbered{src, n}
	c.oldest = (c.oldest + 1) % len(c.recent)
	return n
}

// sharedNumber is the number of what stands for all sources of a host and parser that records carry.
func (c *codec) sharedNumber(src *Source) uint32 {
	for _, s := range c.shared {
		if s.source.Host == src.Host && s.source.Parser == src.Parser {
			return s.number
		}
	}
	s := numbered{&Source{Host: src.Host, Parser: src.Parser}, uint32(len(c.sources))}
	c.sources, c.shared = append(c.sources, s.source), append(c.shared, s)
	return s.number
}

// shapeOf gives the event's shape; nil: it is not kept.
func (c *codec) shapeOf(e *Event) *shape {
	if c.latest != nil && c.latest.is(e) {
		return c.latest
	}
	h := uint64(len(e.Type))<<32 | uint64(len(e.Desc))
	for i := range e.Fields {
		n := e.Fields[i].Name
		h = h*0x9e3779b97f4a7c15 + uint64(len(n))<<8 + uint64(e.Fields[i].kind)
		if n != "" {
			h ^= uint64(n[0])<<40 | uint64(n[len(n)-1])<<48
		}
	}
	for _, s := range c.byHash[h] {
		if s.is(e) {
			c.latest = s
			return s
		}
	}
	if len(c.shapes) >= maxShapes || c.held >= maxShapeBytes || len(c.byHash[h]) >= 8 {
		return nil
	}
	s := &shape{
		number: uint64(len(c.shapes)), desc: strings.Clone(e.Desc), typ: strings.Clone(e.Type),
		fields: make([]Field, len(e.Fields)), keys: make([]string, len(e.Fields)), words: make([]*vocabulary, len(e.Fields)+1),
	}
	c.held += len(s.desc) + len(s.typ)
	for i := range e.Fields {
		s.fields[i] = Field{Name: strings.Clone(e.Fields[i].Name), kind: e.Fields[i].kind}
		s.keys[i] = memberKey(&e.Fields[i])
		c.held += 2*len(s.fields[i].Name) + 80
	}
	if w := (writer{b: []byte{','}}); utf8.ValidString(s.desc) && utf8.ValidString(s.typ) {
		w.text("timestamp_desc", s.desc)
		w.text("data_type", s.typ)
		s.kind = string(w.b[1:])
	}
	c.shapes = append(c.shapes, s)
	c.byHash[h] = append(c.byHash[h], s)
	return s
}

func (s *shape) is(e *Event) bool {
	if s.typ != e.Type || s.desc != e.Desc || len(s.fields) != len(e.Fields) {
		return false
	}
	for i := range s.fields {
		if s.fields[i].kind != e.Fields[i].kind || s.fields[i].Name != e.Fields[i].Name {
			return false
		}
	}
	return true
}

// append gives the key of an event's record and appends the data.
func (c *codec) append(b []byte, e *Event) (key uint64, data []byte) {
	flags := byte(0)
	if e.Recovered {
		flags |= flagRecovered
	}
	micros, nanos := int64(0), 0
	if e.Timed() {
		micros, nanos = e.Time.UnixMicro(), e.Time.Nanosecond()%1000
	} else {
		flags |= flagUntimed
	}
	s := c.shapeOf(e)
	own := e.Source != nil && e.Source.few && s != nil && strings.HasPrefix(e.Message, string(e.Source.Path))
	var source uint32
	if own {
		flags |= flagOwn
		source = c.sharedNumber(e.Source)
	} else {
		source = c.sourceNumber(e.Source)
	}
	b = append(binary.BigEndian.AppendUint16(b, uint16(nanos)), flags)
	b = binary.AppendVarint(binary.AppendUvarint(b, uint64(source)), e.Offset)
	b = append(b, 0)
	if own {
		b = binary.AppendUvarint(append(b, e.Source.SHA256[:]...), uint64(len(e.Source.Path)))
	}
	return uint64(micros) ^ 1<<63, c.appendContent(b, e, s, own)
}

// appendContent appends what the event says. Of one that brings its own path, the message is spelled out: ownPath reads it.
func (c *codec) appendContent(b []byte, e *Event, s *shape, own bool) []byte {
	if s == nil {
		return appendWhole(b, e)
	}
	b = binary.AppendUvarint(b, s.number)
	if own {
		b = appendLetters(b, e.Message)
	} else {
		b = c.words.append(b, s, len(s.fields), e.Message)
	}
	for i := range e.Fields {
		switch f := &e.Fields[i]; f.kind {
		case textField, listField:
			b = c.words.append(b, s, i, f.text)
		default:
			b = binary.AppendVarint(b, f.num)
		}
	}
	return b
}

// appendWhole appends the content of an event whose shape is not kept.
func appendWhole(b []byte, e *Event) []byte {
	b = appendText(appendText(append(b, 0), e.Desc), e.Type)
	b = binary.AppendUvarint(b, uint64(len(e.Fields)))
	for i := range e.Fields {
		b = append(appendText(b, e.Fields[i].Name), byte(e.Fields[i].kind))
	}
	b = appendText(b, e.Message)
	for i := range e.Fields {
		switch f := &e.Fields[i]; f.kind {
		case textField, listField:
			b = appendText(b, f.text)
		default:
			b = binary.AppendVarint(b, f.num)
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// cutText cuts what appendText appended off the beginning; of anything else it takes all.
func cutText(s string) (text, rest string) {
	n, k := uvarint(s)
	if k <= 0 || n > uint64(len(s)-k) {
		return s, ""
	}
	return s[k : k+int(n)], s[k+int(n):]
}

// uvarint is binary.Uvarint of a string.
func uvarint(s string) (uint64, int) {
	if len(s) > 0 && s[0] < 0x80 {
		return uint64(s[0]), 1
	}
	var v uint64
	for i := 0; i < len(s) && i < binary.MaxVarintLen64; i++ {
		if v |= uint64(s[i]&0x7f) << (7 * i); s[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// cursor reads what append wrote; after a fault everything it gives is zero.
type cursor struct {
	s    string
	at   int
	fail bool
}

// left is how many bytes there are still.
func (c *cursor) left() int { return len(c.s) - c.at }

func (c *cursor) uvarint() uint64 {
	if c.at < len(c.s) && c.s[c.at] < 0x80 {
		c.at++
		return uint64(c.s[c.at-1])
	}
	v, n := uvarint(c.s[c.at:])
	if n == 0 {
		c.broken()
		return 0
	}
	c.at += n
	return v
}

func (c *cursor) broken() { c.at, c.fail = len(c.s), true }

func (c *cursor) varint() int64 {
	v := c.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (c *cursor) text() string { return c.cut(c.uvarint()) }

// cut gives the next n bytes.
func (c *cursor) cut(n uint64) string {
	if n > uint64(c.left()) {
		c.broken()
		return ""
	}
	c.at += int(n)
	return c.s[c.at-int(n) : c.at]
}

// decode gives the event of a record. Its texts stay; its fields are there until the next is decoded.
func (c *codec) decode(r record) (e Event, err error) {
	if len(r.data) < recordHead {
		return e, errCodec
	}
	micros := int64(r.key ^ 1<<63)
	if r.flags()&flagUntimed == 0 {
		e.Time = time.Unix(micros/1e6, micros%1e6*1000+int64(r.nanos())).UTC()
	}
	p := cursor{s: c.string(r.data), at: recordHead}
	source := p.uvarint()
	if source >= uint64(len(c.sources)) {
		return Event{}, errCodec
	}
	e.Offset, e.Recovered, e.Source = p.varint(), r.flags()&flagRecovered != 0, c.sourceAt(source)
	for n := min(p.uvarint(), uint64(p.left())); n > 0; n-- {
		i := p.uvarint()
		if i >= uint64(len(c.sources)) {
			return Event{}, errCodec
		}
		e.Also = append(e.Also, c.sourceAt(i))
	}
	var digest Digest
	own := r.flags()&flagOwn != 0
	path := uint64(0)
	if own {
		p.at += copy(digest[:], p.s[p.at:])
		path = p.uvarint()
	}
	s := c.shape(&p)
	if s == nil {
		return Event{}, errCodec
	}
	e.shape = s
	e.Desc, e.Type, e.Fields = s.desc, s.typ, c.take(s)
	e.Message, _ = p.word(s, len(s.fields))
	for i := range e.Fields {
		switch f := &e.Fields[i]; f.kind {
		case textField, listField:
			f.text, f.word = p.word(s, i)
		default:
			f.num = p.varint()
		}
	}
	if p.fail || p.left() > 0 || path > uint64(len(e.Message)) || own && e.Source == nil {
		return Event{}, errCodec
	}
	if own {
		e.Source = c.ownSource(Source{Host: e.Source.Host, Path: artifacts.Path(e.Message[:path]), Parser: e.Source.Parser, SHA256: digest, few: true})
	}
	e.place = c.placeOf(uint32(source), e.Source)
	return e, nil
}

// ownSource gives the source that a record carries, the same as for the event before where that has it too.
func (c *codec) ownSource(src Source) *Source {
	if c.own == nil || *c.own != src {
		c.own = &src
	}
	return c.own
}

func (c *codec) sourceAt(n uint64) *Source {
	if src := c.sources[n]; src != &noSource {
		return src
	}
	return nil
}

// shape reads a record's shape; nil: it has none.
func (c *codec) shape(p *cursor) *shape {
	if n := p.uvarint(); n != 0 || p.fail {
		if p.fail || n >= uint64(len(c.shapes)) {
			return nil
		}
		return c.shapes[n]
	}
	s := &shape{desc: p.text(), typ: p.text()}
	n := p.uvarint()
	if n > uint64(p.left()) {
		return nil
	}
	s.fields = make([]Field, n)
	for i := range s.fields {
		s.fields[i].Name = p.text()
		s.fields[i].kind = fieldKind(p.uvarint())
	}
	return s
}

// take gives the fields of a shape, without values, in room that is the same each time.
func (c *codec) take(s *shape) []Field {
	n := len(s.fields)
	if n == 0 {
		return nil
	}
	if n > cap(c.fields) {
		c.fields, c.last = make([]Field, max(n, 64)), nil
	}
	if c.last != s {
		copy(c.fields[:n], s.fields)
		c.last = s
	}
	return c.fields[:n:n]
}

// textBlock is how many bytes the texts of several events share: few enough that who keeps one text does not keep much.
const textBlock = 4 << 10

// string gives bytes as a text; those of several events are one piece of memory.
func (c *codec) string(b []byte) string {
	if len(b) > textBlock/2 {
		return string(b)
	}
	if c.text.Cap()-c.text.Len() < len(b) {
		c.text = strings.Builder{}
		c.text.Grow(textBlock)
	}
	n := c.text.Len()
	c.text.Write(b)
	return c.text.String()[n:]
}

// placeOf gives what AppendJSON writes of a source, if it was asked for before.
func (c *codec) placeOf(n uint32, src *Source) *place {
	if src == nil {
		return nil
	}
	s := &c.places[n%uint32(len(c.places))]
	if s.source != src {
		*s = seen{source: src}
		return nil
	}
	if s.place == nil {
		s.place = newPlace(src)
	}
	return s.place
}

// byContent orders records so that those that tell the same are next to each other, live ones first, then by their place.
func (c *codec) byContent(a, b record) int {
	if n := compareTime(a, b); n != 0 {
		return n
	}
	if n := strings.Compare(c.sources[a.source()].Host, c.sources[b.source()].Host); n != 0 {
		return n
	}
	if n := c.compareContent(a.content(), b.content()); n != 0 {
		return n
	}
	if n := cmp.Compare(a.flags(), b.flags()); n != 0 {
		return n
	}
	return c.byPlace(a, b)
}

// byPlace orders records of the same time as people want them: by host, path and offset.
func (c *codec) byPlace(a, b record) int {
	if n := compareTime(a, b); n != 0 {
		return n
	}
	if a.source() != b.source() {
		if n := strings.Compare(c.sources[a.source()].Host, c.sources[b.source()].Host); n != 0 {
			return n
		}
	}
	if n := c.byPath(a, b); n != 0 {
		return n
	}
	if n := cmp.Compare(a.offset(), b.offset()); n != 0 {
		return n
	}
	if n := cmp.Or(cmp.Compare(a.source(), b.source()), cmp.Compare(a.flags(), b.flags())); n != 0 {
		return n
	}
	v, w, x, y := a.others(), b.others(), a.content(), b.content()
	return cmp.Or(bytes.Compare(v[:len(v)-len(x)], w[:len(w)-len(y)]), c.compareContent(x, y))
}

// compareTime orders records by their times.
func compareTime(a, b record) int {
	if a.key != b.key {
		return cmp.Compare(a.key, b.key)
	}
	return cmp.Compare(a.nanos(), b.nanos())
}

func (c *codec) byPath(a, b record) int {
	x, own := a.ownPath()
	y, also := b.ownPath()
	switch {
	case own && also:
		return bytes.Compare(x, y)
	case own:
		return strings.Compare(string(x), string(c.sources[b.source()].Path))
	case also:
		return strings.Compare(string(c.sources[a.source()].Path), string(y))
	case a.source() == b.source():
		return 0
	}
	return strings.Compare(string(c.sources[a.source()].Path), string(c.sources[b.source()].Path))
}

// same tells whether records tell the same.
func (c *codec) same(a, b record) bool {
	return compareTime(a, b) == 0 && c.sources[a.source()].Host == c.sources[b.source()].Host && c.compareContent(a.content(), b.content()) == 0
}
