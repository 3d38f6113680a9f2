package textlog

import (
	"errors"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

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
	arena   strings.Builder
	scratch []byte
}

// Fields are those of an event while they are gathered; what holds nothing is left out.
type Fields []timeline.Field

// Words is the text behind the date.
func (e *Entry) Words() string { return e.Text[e.At:] }

// Add adds a field, if it holds anything.
func (f *Fields) Add(name, value string) {
	if value != "" {
		*f = append(*f, timeline.Text(name, value))
	}
}

// Number adds a field.
func (f *Fields) Number(name string, n int64) { *f = append(*f, timeline.Int(name, n)) }

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
	*f = append(*f, timeline.Text("action", action))
	f.Add("authentication_result", result)
}

// arenaSize is how much text one allocation holds.
const arenaSize = 32 << 10

// room makes room for a text, and says where it begins.
func (e *Entry) room(n int) (start int) {
	if e.arena.Cap()-e.arena.Len() < n {
		e.arena = strings.Builder{} // texts of the old one stay
		e.arena.Grow(max(n, arenaSize))
	}
	return e.arena.Len()
}

// Keep makes a text of bytes that may change.
func (e *Entry) Keep(b []byte) string {
	start := e.room(len(b))
	e.arena.Write(b)
	return e.arena.String()[start:]
}

// Join makes one text of several.
func (e *Entry) Join(parts ...string) string {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	start := e.room(n)
	for _, p := range parts {
		e.arena.WriteString(p)
	}
	return e.arena.String()[start:]
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

// errJSON says that a line is no JSON object.
var errJSON = errors.New("no JSON object")

// maxDepth bounds how deep a JSON object may be nested.
const maxDepth = 16

// JSON shows each member of a JSON object that is no object itself (RFC 8259), by its path ("alert.signature"); members
// of lists have the list's path. Texts have their escapes resolved, other values stand as they are spelled, null is passed
// over.
func (e *Entry) JSON(text string, visit func(path, value string, isText bool)) error {
	j := jsonReader{e: e, s: text, visit: visit}
	j.space()
	if j.peek() != '{' || !j.value("", 0) {
		return errJSON
	}
	if j.space(); j.i != len(text) {
		return errJSON
	}
	return nil
}

type jsonReader struct {
	e     *Entry
	s     string
	i     int
	visit func(path, value string, isText bool)
}

func (j *jsonReader) space() {
	for j.i < len(j.s) && (j.s[j.i] == ' ' || j.s[j.i] == '\t' || j.s[j.i] == '\n' || j.s[j.i] == '\r') {
		j.i++
	}
}

func (j *jsonReader) peek() byte {
	if j.i < len(j.s) {
		return j.s[j.i]
	}
	return 0
}

// value reads the value of a path.
func (j *jsonReader) value(path string, depth int) bool {
	j.space()
	switch c := j.peek(); {
	case c == '{' || c == '[':
		return depth < maxDepth && j.members(path, c, depth+1)
	case c == '"':
		v, ok := j.text()
		if ok {
			j.visit(path, v, true)
		}
		return ok
	}
	start := j.i
	for j.i < len(j.s) && stops[j.s[j.i]]&jsonStop == 0 {
		j.i++
	}
	if v := j.s[start:j.i]; v != "null" && v != "" {
		j.visit(path, v, false)
	}
	return j.i > start
}

// members reads an object or a list.
func (j *jsonReader) members(path string, open byte, depth int) bool {
	j.i++
	end := open + 2 // of "{" and "[" in ASCII
	j.space()
	if j.peek() == end {
		j.i++
		return true
	}
	for {
		inner := path
		if open == '{' {
			j.space()
			key, ok := j.text()
			if !ok {
				return false
			}
			if j.space(); j.peek() != ':' {
				return false
			}
			j.i++
			if inner = key; path != "" {
				inner = j.e.Join(path, ".", key)
			}
		}
		if !j.value(inner, depth) {
			return false
		}
		j.space()
		c := j.peek()
		j.i++
		if c == end {
			return true
		}
		if c != ',' {
			return false
		}
	}
}

// text reads a string.
func (j *jsonReader) text() (string, bool) {
	if j.peek() != '"' {
		return "", false
	}
	s := j.s[j.i+1:]
	end := strings.IndexByte(s, '"')
	if end < 0 {
		return "", false
	}
	if strings.IndexByte(s[:end], '\\') < 0 {
		j.i += end + 2
		return s[:end], true
	}
	if end = quotedEnd(s, '"'); end == len(s) {
		return "", false
	}
	j.i += end + 2
	j.e.scratch = unescape(j.e.scratch[:0], s[:end])
	return j.e.Keep(j.e.scratch), true
}

// unescape resolves the escapes of JSON, RFC 8259, 7, and those of C that logs use. What is none stands as it is.
func unescape(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		next := strings.IndexByte(s[i:], '\\')
		if next < 0 || i+next+1 == len(s) {
			return append(b, s[i:]...)
		}
		b = append(b, s[i:i+next]...)
		i += next + 1
		switch s[i] {
		case 'n':
			b = append(b, '\n')
		case 't':
			b = append(b, '\t')
		case 'r':
			b = append(b, '\r')
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'u':
			r, n := escapedRune(s[i-1:])
			b = utf8.AppendRune(b, r)
			i += n - 2
		default:
			b = append(b, s[i])
		}
	}
	return b
}

// escapedRune reads "\u00e6", or two of them that make one character, and says how long that is.
func escapedRune(s string) (rune, int) {
	r, ok := hex4(s)
	if !ok {
		return utf8.RuneError, 2
	}
	if utf16.IsSurrogate(r) {
		if low, ok := hex4(s[6:]); ok {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return both, 12
			}
		}
		return utf8.RuneError, 6
	}
	return r, 6
}

func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 32)
	return rune(n), err == nil
}
