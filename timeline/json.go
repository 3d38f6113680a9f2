package timeline

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"spor/artifacts"
)

const epoch = "1970-01-01T00:00:00+00:00"

// AppendJSON appends the event as one JSON object, without a line end: the line of timeline.jsonl, which Timesketch
// imports as it is. The keys always come in this order: message, datetime, timestamp, timestamp_desc, data_type,
// parser, host, path, offset, sha256, recovered (only if true), also_in (the paths of other files that hold the same record, only if any), nanosecond (what microseconds leave of the time, 1 to
// 999, only if any), then the fields. A field whose name is one of these gets an underscore behind it.
//
// Strings that are not UTF-8 come out escaped as artifacts.Path escapes itself, and percent_escaped lists the keys for
// which that was done; all other strings are exact. The path is always in that form.
func (e *Event) AppendJSON(b []byte) []byte {
	w := writer{b: append(b, `{"message":`...)}
	w.value("message", e.Message)
	w.time(e)
	w.place(e)
	if e.Recovered {
		w.key("recovered")
		w.b = append(w.b, "true"...)
	}
	if len(e.Also) > 0 {
		w.key("also_in")
		w.list("also_in", func(yield func(string) bool) {
			for _, src := range e.Also {
				if !yield(src.Path.String()) {
					return
				}
			}
		})
	}
	if ns := e.Time.Nanosecond() % 1000; ns != 0 && e.Timed() {
		w.b = strconv.AppendInt(append(w.b, `,"nanosecond":`...), int64(ns), 10)
	}
	w.fields(e)
	if len(w.escaped) > 0 {
		w.key("percent_escaped")
		w.list("percent_escaped", slices.Values(w.escaped))
	}
	return append(w.b, '}')
}

// writer appends the members of one object.
type writer struct {
	b       []byte
	escaped []string // keys whose values are not UTF-8
}

// key appends a name, which is UTF-8, and what stands around it.
func (w *writer) key(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b, _ = appendString(w.b, name)
	w.b = append(w.b, ':')
}

func (w *writer) text(name, v string) {
	w.key(name)
	w.value(name, v)
}

// value appends the text of a member.
func (w *writer) value(name, v string) {
	if !w.string(v) {
		w.string(w.clean(name, v))
	}
}

// string appends a text; false: it did not, because it is not UTF-8.
func (w *writer) string(v string) bool {
	n := len(w.b)
	b, ok := appendString(w.b, v)
	if !ok {
		b = b[:n]
	}
	w.b = b
	return ok
}

// clean gives v as UTF-8 and notes where that changed it.
func (w *writer) clean(name, v string) string {
	if utf8.ValidString(v) {
		return v
	}
	if len(w.escaped) == 0 || w.escaped[len(w.escaped)-1] != name {
		w.escaped = append(w.escaped, name)
	}
	return artifacts.Path(v).String()
}

// time appends the time, what it means, and the kind of event.
func (w *writer) time(e *Event) {
	w.b = append(w.b, `,"datetime":"`...)
	if !e.Timed() {
		w.b = append(w.b, epoch+`","timestamp":0,"timestamp_desc":"`+DescNone+`"`...)
		w.text("data_type", e.Type)
		return
	}
	w.b = appendTime(w.b, e.Time)
	w.b = append(w.b, `","timestamp":`...)
	w.b = strconv.AppendInt(w.b, e.Time.UnixMicro(), 10)
	if s := e.shape; s != nil && s.kind != "" && s.desc == e.Desc && s.typ == e.Type {
		w.b = append(w.b, s.kind...)
		return
	}
	w.text("timestamp_desc", e.Desc)
	w.text("data_type", e.Type)
}

// place appends where the event comes from.
func (w *writer) place(e *Event) {
	p := e.place
	if p == nil || p.source != e.Source {
		p = &place{source: e.Source}
	}
	src := cmp.Or(p.source, &noSource)
	if p.file == "" {
		w.text("parser", src.Parser)
		w.text("host", src.Host)
		w.text("path", src.Path.String())
	} else {
		w.b = append(w.b, p.file...)
	}
	w.b = append(w.b, `,"offset":`...)
	w.b = strconv.AppendInt(w.b, e.Offset, 10)
	w.b = append(w.b, `,"sha256":"`...)
	if p.digest != "" {
		w.b = append(w.b, p.digest...)
	} else {
		w.b = src.SHA256.append(w.b)
	}
	w.b = append(w.b, '"')
}

// A place is what AppendJSON writes of a source, at hand for the many events of it.
type place struct {
	source *Source
	file   string // the members parser, host and path; empty: they are not UTF-8
	digest string
}

func newPlace(src *Source) *place {
	p := &place{source: src, digest: src.SHA256.String()}
	w := writer{b: []byte{','}}
	w.text("parser", src.Parser)
	w.text("host", src.Host)
	w.text("path", src.Path.String())
	if len(w.escaped) == 0 {
		p.file = string(w.b[1:])
	}
	return p
}

// memberKey is what stands before the value of a field that follows others: comma, name, colon, and before a text its
// quotation mark.
func memberKey(f *Field) string {
	w := writer{b: []byte{' '}}
	if w.key(fieldKey(f.Name)); f.kind == textField {
		w.b = append(w.b, '"')
	}
	return string(w.b[1:])
}

// fieldKey is the member name of a field.
func fieldKey(name string) string {
	if !utf8.ValidString(name) || strings.IndexByte(name, '%') >= 0 {
		name = artifacts.Path(name).String()
	}
	if reserved(name) {
		name += "_"
	}
	return name
}

// fields appends them; their keys are at hand where the event's shape has them.
func (w *writer) fields(e *Event) {
	var known *shape
	if e.shape != nil && len(e.shape.keys) == len(e.Fields) {
		known = e.shape
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		if known == nil || known.fields[i].Name != f.Name || known.fields[i].kind != f.kind {
			w.field(f)
			continue
		}
		if word := known.word(i, f.word); word != nil && word.text == f.text {
			w.b = append(w.b, word.member...)
			continue
		}
		n := len(w.b)
		b, ok := append(w.b, known.keys[i]...), true
		switch f.kind {
		case textField:
			b, ok = appendRest(b, f.text)
		case listField:
			ok = false
		default:
			b = f.appendNumber(b)
		}
		if w.b = b; !ok {
			w.b = b[:n]
			w.field(f)
		}
	}
}

// field appends one.
func (w *writer) field(f *Field) {
	name := fieldKey(f.Name)
	w.key(name)
	switch f.kind {
	case textField:
		w.value(name, f.text)
	case listField:
		w.list(name, f.list())
	default:
		w.b = f.appendNumber(w.b)
	}
}

// appendNumber appends a number or truth as JSON has it.
func (f *Field) appendNumber(b []byte) []byte {
	switch f.kind {
	case intField:
		return strconv.AppendInt(b, f.num, 10)
	case uintField:
		return strconv.AppendUint(b, uint64(f.num), 10)
	default:
		return strconv.AppendBool(b, f.num != 0)
	}
}

// String is the value as text: lists joined by a comma, bytes that are not UTF-8 escaped as in artifacts.Path.
func (f Field) String() string {
	switch f.kind {
	case textField:
		return valid(f.text)
	case listField:
		return valid(strings.Join(slices.Collect(f.list()), ", "))
	default:
		return string(f.appendNumber(nil))
	}
}

func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return artifacts.Path(s).String()
}

// reserved tells the keys that AppendJSON writes itself, and those that Timesketch uses (docs/guides/user/import…).
func reserved(name string) bool {
	switch name {
	case "message", "datetime", "timestamp", "timestamp_desc", "data_type", "parser", "host", "path", "offset", "sha256",
		"recovered", "also_in", "nanosecond", "percent_escaped", "tag", "label":
		return true
	}
	return strings.HasPrefix(name, "__ts_")
}

// list appends the value of a member that is an array.
func (w *writer) list(name string, list iter.Seq[string]) {
	w.b = append(w.b, '[')
	for v := range list {
		if w.b[len(w.b)-1] != '[' {
			w.b = append(w.b, ',')
		}
		w.value(name, v)
	}
	w.b = append(w.b, ']')
}

// appendTime appends t as Timesketch wants it: ISO 8601 with microseconds and the offset spelled out.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	y, mo, d := t.Date()
	h, mi, s := t.Clock()
	b = digits(digits(b, y/100), y%100)
	b = digits(append(b, '-'), int(mo))
	b = digits(append(b, '-'), d)
	b = digits(append(b, 'T'), h)
	b = digits(append(b, ':'), mi)
	b = digits(append(b, ':'), s)
	us := t.Nanosecond() / 1000
	b = digits(digits(digits(append(b, '.'), us/10000), us/100%100), us%100)
	return append(b, "+00:00"...)
}

// digits appends two decimal digits.
func digits(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }
