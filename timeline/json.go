package timeline

import (
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
	src := e.Source
	if src == nil {
		src = &Source{}
	}
	w := writer{b: append(b, '{')}
	w.text("message", e.Message)
	w.time(e)
	w.text("data_type", e.Type)
	w.text("parser", src.Parser)
	w.text("host", src.Host)
	w.key("path")
	w.b = appendString(w.b, src.Path.String())
	w.key("offset")
	w.b = strconv.AppendInt(w.b, e.Offset, 10)
	w.key("sha256")
	w.b = append(src.SHA256.append(append(w.b, '"')), '"')
	if e.Recovered {
		w.key("recovered")
		w.b = append(w.b, "true"...)
	}
	if len(e.Also) > 0 {
		w.list("also_in", func(yield func(string) bool) {
			for _, src := range e.Also {
				if !yield(src.Path.String()) {
					return
				}
			}
		})
	}
	if ns := e.Time.Nanosecond() % 1000; ns != 0 && e.Timed() {
		w.key("nanosecond")
		w.b = strconv.AppendInt(w.b, int64(ns), 10)
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		if e.shape == nil || len(e.shape.keys) <= i || e.shape.fields[i].Name != f.Name || !w.known(e.shape.keys[i], f) {
			w.field(f)
		}
	}
	if len(w.escaped) > 0 {
		w.list("percent_escaped", slices.Values(w.escaped))
	}
	return append(w.b, '}')
}

// writer appends the members of one object.
type writer struct {
	b       []byte
	escaped []string // keys whose values are not UTF-8
}

func (w *writer) key(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	if plain(name) {
		w.b = append(append(append(w.b, '"'), name...), '"', ':')
		return
	}
	w.b = append(appendString(w.b, name), ':')
}

func (w *writer) text(name, v string) {
	w.key(name)
	if plain(v) {
		w.b = append(append(append(w.b, '"'), v...), '"')
		return
	}
	w.b = appendString(w.b, w.clean(name, v))
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

func (w *writer) time(e *Event) {
	w.key("datetime")
	if !e.Timed() {
		w.b = append(w.b, `"`+epoch+`","timestamp":0,"timestamp_desc":"`+DescNone+`"`...)
		return
	}
	w.b = append(w.b, '"')
	w.b = appendTime(w.b, e.Time)
	w.b = append(w.b, `","timestamp":`...)
	w.b = strconv.AppendInt(w.b, e.Time.UnixMicro(), 10)
	w.text("timestamp_desc", e.Desc)
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

// known appends a field whose member name is at hand, with comma and colon; false: it did not, the value needs more care.
func (w *writer) known(key string, f *Field) bool {
	switch {
	case f.kind == listField:
		return false
	case f.kind != textField:
		w.b = f.appendNumber(append(w.b, key...))
	case plain(f.text):
		w.b = append(append(append(append(w.b, key...), '"'), f.text...), '"')
	case utf8.ValidString(f.text):
		w.b = appendString(append(w.b, key...), f.text)
	default:
		return false
	}
	return true
}

func (w *writer) field(f *Field) {
	name := fieldKey(f.Name)
	if f.kind == listField {
		w.list(name, f.list())
		return
	}
	if f.kind == textField {
		w.text(name, f.text)
		return
	}
	w.key(name)
	w.b = f.appendNumber(w.b)
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

// list appends a member that is an array.
func (w *writer) list(name string, list iter.Seq[string]) {
	w.key(name)
	w.b = append(w.b, '[')
	for v := range list {
		if w.b[len(w.b)-1] != '[' {
			w.b = append(w.b, ',')
		}
		w.b = appendString(w.b, w.clean(name, v))
	}
	w.b = append(w.b, ']')
}

// plain tells whether a text is ASCII that JSON takes as it is; most are.
func plain(s string) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for len(s) >= 8 {
		x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		// A borrow can only make a byte suspicious that is not, behind one that is.
		if (x|(x-' '*ones)|((x^'"'*ones)-ones)|((x^'\\'*ones)-ones)|((x^0x7f*ones)-ones))&high != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return false
		}
	}
	return true
}

const hexDigits = "0123456789abcdef"

// appendString appends valid UTF-8 as a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(b, s[start:]...), '"')
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
