package evtx

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"

	"spor/timeline"
	"spor/timeline/format/eventlog"
)

var (
	errNoTemplate = errors.New("the template of the record is not in its chunk")
	errNoEvent    = errors.New("the record has no event")
	errUnsure     = errors.New("the template was overwritten")
)

// Bounds of what one record may ask for: records are at most 64 KiB, but templates can repeat a value.
const (
	maxText      = 1 << 20
	maxInstances = 256
	maxNested    = 8
	maxValues    = 8192
)

// builder makes the event of one record at a time. All text of a record is one string.
type builder struct {
	templates *cache
	chunk     []byte
	carved    bool
	instances int
	values    []value
	text      []byte
	fields    []field
	strings   []span // the values without a name
	provider  span
	id        uint64
	recordID  uint64
	created   uint64 // FILETIME; zero: not said
	rendered  span   // the message as a forwarding host rendered it
	room      []timeline.Field
	texts     strings.Builder
}

// A span is a stretch of the text.
type span struct{ from, to int }

// A field is one of the event, as long as its text is being made.
type field struct {
	slot   *slot  // its name, and what is known of it
	number uint64 // where the span begins below zero
	span   span
}

// decode reads the binary XML chunk[at:end] of a record.
func (b *builder) decode(chunk []byte, at, end int, carved bool) error {
	b.chunk, b.carved, b.instances = chunk, carved, 0
	b.values, b.text, b.fields, b.strings = b.values[:0], b.text[:0], b.fields[:0], b.strings[:0]
	b.provider, b.id, b.recordID, b.created, b.rendered = span{}, 0, 0, 0, span{}
	if err := b.fragment(at, end, 0); err != nil {
		return err
	}
	if len(b.fields) == 0 {
		return errNoEvent
	}
	return nil
}

// fragment reads template instances and plain elements.
func (b *builder) fragment(at, end, depth int) error {
	for at < end {
		var err error
		switch b.chunk[at] &^ tokenMore {
		case tokenFragment:
			at += 4
			continue
		case tokenEnd:
			return nil
		case tokenTemplate:
			at, err = b.instance(at, end, depth)
		default:
			at, err = b.plain(at, end, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plain reads elements that have no template, up to the end of the fragment.
func (b *builder) plain(at, end, depth int) (int, error) {
	if err := b.enter(depth); err != nil {
		return 0, err
	}
	t, err := compile(b.chunk, at, end, depth == 0)
	if err != nil {
		return 0, err
	}
	if b.carved && !t.sure {
		return 0, errUnsure
	}
	return end, b.fill(t, nil, depth)
}

func (b *builder) enter(depth int) error {
	if b.instances++; b.instances > maxInstances || depth > maxNested {
		return errDeep
	}
	return nil
}

// instance reads a template and its values: id (4) and offset (4) of the definition, which may follow, the number of the
// values, size (2) and type (2) of each, the values.
func (b *builder) instance(at, end, depth int) (next int, err error) {
	if err := b.enter(depth); err != nil {
		return 0, err
	}
	if end-at < 10 {
		return 0, errCut
	}
	offset := int(le.Uint32(b.chunk[at+6:]))
	id := le.Uint32(b.chunk[at+2:])
	t, size, err := b.templates.at(b.chunk, offset, id)
	if b.carved && (err != nil || !t.sure) && offset != at+10 {
		t, err = b.templates.byID[id], nil
		if t == nil {
			return 0, errNoTemplate
		}
	}
	if err != nil {
		return 0, err
	}
	if at += 10; offset == at {
		at += size
	}
	if end-at < 4 {
		return 0, errCut
	}
	n := int(le.Uint32(b.chunk[at:]))
	at += 4
	if n > maxValues || 4*n > end-at {
		return 0, errWide
	}
	base := len(b.values)
	data := at + 4*n
	for i := range n {
		v := value{at: uint32(data), size: le.Uint16(b.chunk[at+4*i:]), kind: b.chunk[at+4*i+2]}
		if data += int(v.size); data > end {
			return 0, errCut
		}
		b.values = append(b.values, v)
	}
	if b.carved && (!t.sure || !t.fits(b.values[base:])) {
		return 0, errUnsure
	}
	if err := b.fill(t, b.values[base:], depth); err != nil {
		return 0, err
	}
	b.values = b.values[:base]
	return data, nil
}

// fill puts the values into the slots of a template.
func (b *builder) fill(t *template, values []value, depth int) error {
	for i := range t.slots {
		s := &t.slots[i]
		if p := &s.only; p.index >= 0 {
			v := &noValue
			if p.index < len(values) {
				v = &values[p.index]
			}
			if v.kind == typeBinXML {
				if err := b.fragment(int(v.at), int(v.at)+int(v.size), depth+1); err != nil {
					return err
				}
				continue
			}
			if p.optional && (v.kind == typeNull || v.size == 0) {
				continue
			}
			b.put(s, v, values)
		} else {
			b.join(s, values)
		}
		if len(b.text) > maxText || len(b.fields) > maxValues {
			return errWide
		}
	}
	return nil
}

// noValue is what a record has that brings fewer than its template asks for.
var noValue value

// put gives a slot the one value it consists of.
func (b *builder) put(s *slot, v *value, values []value) {
	raw := v.of(b.chunk)
	switch {
	case s.system == created && v.kind == typeFiletime && v.size == 8:
		b.created = le.Uint64(raw)
		return
	case s.system.number() && isUnsigned(v.kind):
		b.number(s, unsigned(raw))
		return
	case s.system == notSystem && s.name == "" && s.dynamic == nil && v.kind&typeArray != 0:
		for kind := v.kind &^ typeArray; len(raw) > 0; {
			var one []byte
			one, raw = element(kind, raw)
			from := len(b.text)
			b.text = appendValue(b.text, kind, one)
			b.strings = append(b.strings, span{from, len(b.text)})
		}
		return
	}
	from := len(b.text)
	b.text = appendValue(b.text, v.kind, raw)
	b.add(s, from, values)
}

func isUnsigned(kind byte) bool {
	return kind == typeUint8 || kind == typeUint16 || kind == typeUint32 || kind == typeUint64
}

// join gives a slot the texts and values it is made of.
func (b *builder) join(s *slot, values []value) {
	from := len(b.text)
	b.appendParts(s.parts, values)
	b.add(s, from, values)
}

func (b *builder) appendParts(parts []part, values []value) {
	for _, p := range parts {
		switch {
		case p.index < 0:
			b.text = append(b.text, p.text...)
		case p.index < len(values) && len(b.text) < maxText:
			v := values[p.index]
			b.text = appendValue(b.text, v.kind, v.of(b.chunk))
		}
	}
}

// add makes a field of the text from an offset on.
func (b *builder) add(s *slot, from int, values []value) {
	at := span{from, len(b.text)}
	switch {
	case s.system != notSystem:
		b.addSystem(s, at)
		return
	case s.dynamic != nil:
		b.appendParts(s.dynamic, values)
		name := string(b.text[at.to:])
		s = &slot{name: name, kind: eventlog.KindOf(name)}
		if systemNames[name] {
			s.name += "_"
		}
	case s.rendered:
		b.rendered = at
		return
	}
	if s.name == "" {
		b.strings = append(b.strings, at)
		return
	}
	b.fields = append(b.fields, field{slot: s, span: at})
}

// addSystem keeps a value of System that came as text.
func (b *builder) addSystem(s *slot, at span) {
	text := b.text[at.from:at.to]
	if s.system.number() {
		if n, err := strconv.ParseUint(string(text), 0, 64); err == nil {
			b.number(s, n)
			return
		}
	}
	switch s.system {
	case created:
		if t, err := time.Parse(time.RFC3339, string(text)); err == nil {
			b.created = uint64(t.Unix()+11644473600)*1e7 + uint64(t.Nanosecond()/100)
		}
		return
	case provider:
		b.provider = at
	}
	if len(text) > 0 {
		b.fields = append(b.fields, field{slot: s, span: at})
	}
}

func (b *builder) number(s *slot, n uint64) {
	switch s.system {
	case eventID:
		b.id = n
	case recordID:
		b.recordID = n
		return
	case qualifiers:
		if n == 0 {
			return
		}
	}
	b.fields = append(b.fields, field{slot: s, number: n, span: span{-1, -1}})
}

// event makes the event of what was decoded; number and written are what the record in the file has.
func (b *builder) event(number, written uint64) timeline.Event {
	writer := eventlog.Of(b.text[b.provider.from:b.provider.to])
	explained := b.explain(writer)
	body := len(b.text)
	b.message(writer)
	text := b.string()
	fields := b.take(len(b.fields) + 5)
	fields[0].SetUint(recordNumberField, number)
	n := 1
	if b.recordID != 0 && b.recordID != number {
		fields[n].SetUint(systemFields[recordID], b.recordID)
		n++
	}
	if b.created != 0 && b.created != written {
		fields[n].SetText(systemFields[created], string(appendTime(nil, filetime(b.created))))
		n++
	}
	for i := range b.fields {
		if f := &b.fields[i]; f.span.from < 0 {
			fields[n].SetUint(f.slot.name, f.number)
		} else {
			fields[n].SetText(f.slot.name, text[f.span.from:f.span.to])
		}
		n++
	}
	if len(b.strings) > 0 {
		list := make([]string, len(b.strings))
		for i, s := range b.strings {
			list[i] = text[s.from:s.to]
		}
		fields[n] = timeline.List(stringsField, list)
		n++
	}
	if explained.to > explained.from {
		fields[n].SetText(explainedField, text[explained.from:explained.to])
		n++
	}
	message := text[body:]
	if b.rendered.to > b.rendered.from {
		message = text[b.rendered.from:b.rendered.to]
	}
	return timeline.Event{Type: "windows:evtx:record", Message: message, Fields: fields[:n:n]}
}

// textBlock is how many bytes the texts of several records share.
const textBlock = 16 << 10

// string gives the text of the record; that of several records is one piece of memory.
func (b *builder) string() string {
	if len(b.text) > textBlock/4 {
		return string(b.text)
	}
	if b.texts.Cap()-b.texts.Len() < len(b.text) {
		b.texts = strings.Builder{}
		b.texts.Grow(textBlock)
	}
	n := b.texts.Len()
	b.texts.Write(b.text)
	return b.texts.String()[n:]
}

// take gives room for the fields of an event, the same each time.
func (b *builder) take(n int) []timeline.Field {
	if n > cap(b.room) {
		b.room = make([]timeline.Field, 2*n)
	}
	return b.room[:n]
}

// message appends what is said to people.
func (b *builder) message(writer *eventlog.Provider) {
	text, known := writer.AppendMessage(b.text, b.id, b)
	if known {
		b.text = text
		if writer.Explained() && b.refused() {
			b.text = append(b.text, ", audit failure"...)
		}
		return
	}
	if b.provider.from == b.provider.to {
		b.text = append(b.text, "An event log record"...)
	} else {
		b.text = append(b.text, b.text[b.provider.from:b.provider.to]...)
	}
	b.text = strconv.AppendUint(append(b.text, ": event "...), b.id, 10)
	b.leading()
}

// auditFailure is the keyword of audit events that say that what was tried was not done, WINEVENT_KEYWORD_AUDIT_FAILURE.
const auditFailure = 1 << 52

// refused tells whether the event has that keyword.
func (b *builder) refused() bool {
	for i := range b.fields {
		if f := &b.fields[i]; f.slot.system == keywords {
			n, err := strconv.ParseUint(string(b.value(f)), 0, 64)
			return err == nil && n&auditFailure != 0
		}
	}
	return false
}

// explain appends what numbers and references among the values mean, as "LogonType: network; ElevatedToken: Yes". The values
// themselves stay as they were written: rules and other programs look for those.
func (b *builder) explain(writer *eventlog.Provider) span {
	from := len(b.text)
	if !writer.Explained() {
		return span{}
	}
	for i := range b.fields {
		f := &b.fields[i]
		if f.slot.system != notSystem || f.span.from >= f.span.to {
			continue
		}
		v := b.text[f.span.from:f.span.to]
		if f.slot.kind == nil && (v[0] > '%' || !bytes.HasPrefix(bytes.TrimLeft(v, " \t\r\n"), references)) {
			continue
		}
		start := len(b.text)
		if start > from {
			b.text = append(b.text, "; "...)
		}
		text, ok := writer.Explain(append(append(b.text, f.slot.name...), ": "...), b.id, f.slot.kind, v)
		if b.text = text; !ok {
			b.text = text[:start]
		}
	}
	return span{from, len(b.text)}
}

// references is how a value begins that stands for texts of its provider: %%1842.
var references = []byte("%%")

// How much of the data goes into a message that is made of the first of them.
const (
	leadingValues = 5
	leadingBytes  = 120
)

// leading appends the first data with something in them.
func (b *builder) leading() {
	n := 0
	for i := range b.fields {
		f := &b.fields[i]
		if f.slot.system != notSystem || strings.HasPrefix(f.slot.name, "Execution.") || eventlog.Empty(b.text[f.span.from:f.span.to]) {
			continue
		}
		b.text = append(append(append(b.text, "; "...), f.slot.name...), ": "...)
		b.short(f.span)
		if n++; n == leadingValues {
			return
		}
	}
	for _, s := range b.strings {
		if eventlog.Empty(b.text[s.from:s.to]) {
			continue
		}
		b.text = append(b.text, "; "...)
		b.short(s)
		if n++; n == leadingValues {
			return
		}
	}
}

// short appends the beginning of a value.
func (b *builder) short(s span) {
	b.text = eventlog.AppendFlat(b.text, eventlog.Cut(b.text[s.from:s.to], leadingBytes))
}

// Value gives a field, or one of the strings by its number from 1.
func (b *builder) Value(name string) ([]byte, bool) {
	for i := range b.fields {
		if b.fields[i].slot.name == name {
			return b.value(&b.fields[i]), true
		}
	}
	if n, err := strconv.Atoi(name); err == nil && 0 < n && n <= len(b.strings) {
		s := b.strings[n-1]
		return b.text[s.from:s.to], true
	}
	return nil, false
}

func (b *builder) value(f *field) []byte {
	if f.span.from < 0 {
		return strconv.AppendUint(nil, f.number, 10)
	}
	return b.text[f.span.from:f.span.to]
}
