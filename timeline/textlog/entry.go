package textlog

import (
	"iter"
	"slices"
	"strings"
	"unsafe"

	"spor/timeline"
	"spor/timeline/dates"
)

// An Entry is one entry of a log while it is read. Texts given to it must be parts of Text, constants, or made by Join,
// so that the events hold nothing that changes.
type Entry struct {
	Stamp   dates.Stamp
	Text    string // all of it, the lines joined by LF
	At      int    // where the words begin, behind the date
	Offset  int64
	Cut     int64 // bytes of too long lines, left out
	Type    string
	Desc    string
	Message string // empty: the words
	Damage  error  // set: the entry is no event but this error
	Skip    bool   // set: the entry is no event: a heading

	Fields
	arena   []byte
	scratch []byte
	row     []string // of Columns
	members members
	json    jsonReader
}

// Fields are those of an event while they are gathered; what holds nothing is left out.
type Fields []timeline.Field

// Words is the text behind the date.
func (e *Entry) Words() string { return e.Text[e.At:] }

// Add adds a field, if it holds anything.
func (f *Fields) Add(name, value string) {
	if value != "" {
		f.next().SetText(name, value)
	}
}

// next makes room for one field more.
func (f *Fields) next() *timeline.Field {
	n := len(*f)
	if n == cap(*f) {
		*f = slices.Grow(*f, max(n, 32))
	}
	*f = (*f)[:n+1]
	return &(*f)[n]
}

// Number adds a field.
func (f *Fields) Number(name string, n int64) { f.next().SetInt(name, n) }

// Digits adds a field that holds a number, if the text is one.
func (f *Fields) Digits(name, text string) bool {
	n, ok := Atoi(text)
	if ok {
		f.Number(name, n)
	}
	return ok
}

// Atoi reads a decimal number that fits in 64 bits.
func Atoi(s string) (n int64, ok bool) {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(digits) > 19 {
		return 0, false
	}
	for i := range len(digits) {
		if digits[i]-'0' > 9 {
			return 0, false
		}
		n = n*10 + int64(digits[i]-'0')
	}
	if n < 0 { // 19 digits can be too many
		return 0, false
	}
	if len(digits) < len(s) {
		n = -n
	}
	return n, true
}

// Flag adds a field that is true.
func (f *Fields) Flag(name string) { *f = append(*f, timeline.Bool(name, true)) }

// List adds a field of several texts, if there are any.
func (f *Fields) List(name string, v []string) {
	if len(v) > 0 {
		*f = append(*f, timeline.List(name, v))
	}
}

// Has tells whether there is a field of the name.
func (f Fields) Has(name string) bool {
	for i := range f {
		if f[i].Name == name {
			return true
		}
	}
	return false
}

// Once keeps the first of fields that share a name: what a program says of itself comes before what a stranger may have made
// it say, and a reader of JSON would believe the last.
func (f *Fields) Once() {
	seen := uint64(0) // by length and two letters: most names differ in these
	for i := range *f {
		name := (*f)[i].Name
		if name == "" {
			continue
		}
		bit := uint64(1) << ((len(name) + 7*int(name[0]) + 3*int(name[len(name)-1])) & 63)
		if all := *f; seen&bit != 0 && all[:i].Has(name) {
			*f = all[:i]
			for _, field := range all[i+1:] {
				if !f.Has(field.Name) {
					*f = append(*f, field)
				}
			}
			return
		}
		seen |= bit
	}
}

// Did adds what was done, and with what result: "success", "failure", or empty where there is none.
func (f *Fields) Did(action, result string) {
	f.next().SetText("action", action)
	f.Add("authentication_result", result)
}

// arenaSize is how much text one allocation holds.
const arenaSize = 32 << 10

// Keep makes a text of bytes that may change.
func (e *Entry) Keep(b []byte) string {
	e.room(len(b))
	return e.kept(append(e.arena, b...))
}

// Join makes one text of several.
func (e *Entry) Join(parts ...string) string {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	e.room(n)
	b := e.arena
	for _, p := range parts {
		b = append(b, p...)
	}
	return e.kept(b)
}

// room makes room for a text.
func (e *Entry) room(n int) {
	if cap(e.arena)-len(e.arena) < n {
		e.arena = make([]byte, 0, max(n, arenaSize)) // texts of the old one stay
	}
}

// kept is what was appended to the arena. Nothing writes to it again.
func (e *Entry) kept(b []byte) string {
	text := b[len(e.arena):]
	e.arena = e.arena[:len(b)]
	return unsafe.String(unsafe.SliceData(text), len(text))
}

// Pairs gives the pairs of "key=value key=\"a value\" …", separated by blanks, commas or semicolons. Quotes hide all of
// these, and a backslash a quote; quotes are taken off. A key is a word before "=" without any of them.
func Pairs(s string) iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		p := pairs{s: s}
		for {
			key, v, ok := p.next()
			if !ok || !yield(key, s[v.At:v.End]) {
				return
			}
		}
	}
}

// A Span is where a value stands in a text, without its quotes.
type Span struct {
	At, End int
	Quoted  bool
}

// Spans is Pairs for those who must know whether a value stood in quotes.
func Spans(s string) iter.Seq2[string, Span] {
	return func(yield func(key string, v Span) bool) {
		p := pairs{s: s}
		for {
			key, v, ok := p.next()
			if !ok || !yield(key, v) {
				return
			}
		}
	}
}

// pairs goes through a text from pair to pair.
type pairs struct {
	s string
	i int // where to go on
}

func (p *pairs) next() (key string, v Span, ok bool) {
	s, start := p.s, p.i // of the word
	for i := start; i < len(s); i++ {
		c := s[i]
		if c != '=' {
			if stops[c]&pairStop != 0 {
				start = i + 1
			}
			continue
		}
		key, v.At = s[start:i], i+1
		if i++; i < len(s) && (s[i] == '"' || s[i] == '\'') {
			v.At, v.Quoted = i+1, true
			i += 1 + quotedEnd(s[i+1:], s[i])
		} else {
			for i < len(s) && stops[s[i]]&valueStop == 0 {
				i++
			}
		}
		start, v.End = i+1, i
		if key != "" {
			p.i = start
			return key, v, true
		}
		v = Span{}
	}
	return "", Span{}, false
}

// stops says what each byte ends.
var stops = func() (t [256]byte) {
	for set, bit := range map[string]byte{" ,;\t\"'|": pairStop, " ,;\t": valueStop, " ,;()[]<>\t\n\"'": wordStop, ",}] \t\r\n\":{[": jsonStop} {
		for i := range len(set) {
			t[set[i]] |= bit
		}
	}
	return t
}()

const (
	pairStop  = 1 << iota // a key cannot hold it
	valueStop             // it ends a value without quotes
	wordStop              // it ends a word of a Pattern
	jsonStop              // it ends a number or a name of JSON
)

// quotedEnd is where the quote is that ends a text, or its length.
func quotedEnd(s string, quote byte) int {
	for at := 0; ; {
		i := strings.IndexByte(s[at:], quote)
		if i < 0 {
			return len(s)
		}
		at += i
		escapes := 0
		for escapes < at && s[at-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return at
		}
		at++
	}
}
