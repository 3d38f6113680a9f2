// Package timeline turns evidence into what happened when: Event is one thing a record tells, Format the parser of one
// kind of file, Sorter the order of them within a memory bound. A Tap makes the timeline of a collection from the very
// bytes that are being stored; Files and Reader make it at the desk, from opened folders and loose files, with the same
// code. The list of parsers is package formats.
package timeline

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"time"

	"spor/artifacts"
)

// An Event is one thing that happened, by the word of one record.
type Event struct {
	Time      time.Time // zero: the record has none, or an impossible one
	Desc      string    // what the time means, in plaso's words: one of the Desc constants, or the format's own
	Type      string    // data_type, plaso's name where plaso has one: "syslog:line"
	Message   string    // for people: one line or more, never empty
	Offset    int64     // of the record in the file, in bytes; of the expanded file where it was compressed
	Recovered bool      // carved from slack or free space: no live record
	Fields    []Field   // the record's own, in the format's order
	Also      []*Source // other files that hold the same record; set by the Sorter
	Source    *Source   // where the record lies; set by whoever runs the parser, the same for all events of a file
	shape     *shape    // of an event from a Sorter, for AppendJSON
	place     *place    // the same
}

// What a time can mean, as plaso's data/timeliner.yaml words it (2024 and later).
const (
	DescModified = "Content Modification Time" // also: when a log line was written
	DescAccessed = "Last Access Time"
	DescChanged  = "Metadata Modification Time"
	DescCreated  = "Creation Time"
	DescNone     = "Not a time"
)

// A Source is the file that events come from.
type Source struct {
	Host   string         // name of the examined machine
	Path   artifacts.Path // origin, as the host spells it
	Parser string         // name of the Format
	SHA256 Digest         // of the file; may be set late, but before the events are read from the Sorter
	few    bool           // it is complete and has few events, whose message begins with Path: they carry it through the Sorter
}

// A Digest is a SHA-256; zero: it is not known. It is no text, because a host has a million files.
type Digest [sha256.Size]byte

// ParseDigest reads 64 hex digits; anything else is no digest.
func ParseDigest(s string) (d Digest) {
	if b, err := hex.DecodeString(s); err == nil && len(b) == len(d) {
		copy(d[:], b)
	}
	return d
}

// String gives lower-case hex; of zero, nothing.
func (d Digest) String() string { return string(d.append(nil)) }

func (d *Digest) append(b []byte) []byte {
	if *d == (Digest{}) {
		return b
	}
	return hex.AppendEncode(b, d[:])
}

// Timed tells whether the event has a time that a calendar knows: one in the years 1 to 9999.
func (e *Event) Timed() bool {
	s := e.Time.Unix()
	return firstSecond <= s && s <= lastSecond && !e.Time.IsZero()
}

// The years 1 to 9999 in seconds since 1970.
const (
	firstSecond = -62135596800
	lastSecond  = 253402300799
)

// Micros is the time in microseconds since 1970 UTC, rounded down; 0 where there is none.
func (e *Event) Micros() int64 {
	if !e.Timed() {
		return 0
	}
	return e.Time.UnixMicro()
}

// Get finds a field by name.
func (e *Event) Get(name string) (Field, bool) {
	for _, f := range e.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// A Field is a named value of a record: a text, a number, a truth or a list of texts. The zero Field is an empty text.
type Field struct {
	Name string
	kind fieldKind
	word uint8  // of an event from a Sorter: which of its shape's words the text is, from 1; 0: none
	num  int64  // int: itself; uint: its bits; bool: 0 or 1
	text string // list: the texts, each behind its length
}

type fieldKind uint8

const (
	textField fieldKind = iota
	intField
	uintField
	boolField
	listField
)

// Text is a field that holds a string. It need not be UTF-8: see AppendJSON.
func Text(name, v string) Field { return Field{Name: name, text: v} }

// SetText is Text in place. Parsers that make many fields use it: a field that is copied costs more than it holds.
func (f *Field) SetText(name, v string) { f.Name, f.kind, f.num, f.text = name, textField, 0, v }

// SetInt is Int in place.
func (f *Field) SetInt(name string, v int64) { f.Name, f.kind, f.num, f.text = name, intField, v, "" }

// SetUint is Uint in place.
func (f *Field) SetUint(name string, v uint64) {
	f.Name, f.kind, f.num, f.text = name, uintField, int64(v), ""
}

// Int is a field that holds a signed number.
func Int(name string, v int64) Field { return Field{Name: name, kind: intField, num: v} }

// Uint is a field that holds an unsigned number.
func Uint(name string, v uint64) Field { return Field{Name: name, kind: uintField, num: int64(v)} }

// Bool is a field that is true or false.
func Bool(name string, v bool) Field {
	f := Field{Name: name, kind: boolField}
	if v {
		f.num = 1
	}
	return f
}

// List is a field that holds several strings.
func List(name string, v []string) Field {
	var b []byte
	for _, s := range v {
		b = appendText(b, s)
	}
	return Field{Name: name, kind: listField, text: string(b)}
}

// list gives the texts of a list.
func (f *Field) list() iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := f.text; rest != ""; {
			var s string
			if s, rest = cutText(rest); !yield(s) {
				return
			}
		}
	}
}
