package textlog

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// errJSON says that a line is no JSON object.
var errJSON = errors.New("no JSON object")

// maxDepth bounds how deep a JSON object may be nested.
const maxDepth = 16

// A Member is a place in the JSON objects of one log. Lines of one program have the same members, mostly in the same order:
// what is found out of a path is found once.
type Member struct {
	Path   string // "alert.signature"; members of lists have the list's
	Note   any    // what the reader of the log makes of the path; nil at first
	key    string
	parent *Member
	next   *Member // that came behind it when it was seen last
}

// members are those that were seen in a file.
type members struct {
	root  Member
	known map[place]*Member
}

type place struct {
	parent *Member
	key    string
}

// Bounds of what is remembered: how many members, and how long a path, in bytes.
const (
	maxKnown = 1024
	maxPath  = 256
)

// JSON shows each member of a JSON object that is no object itself (RFC 8259). Texts have their escapes resolved, other
// values stand as they are spelled, null is passed over.
func (e *Entry) JSON(text string, visit func(m *Member, value string, isText bool)) error {
	root := &e.members.root
	j := &e.json
	*j = jsonReader{e: e, s: text, visit: visit, last: root, escapes: strings.IndexByte(text, '\\') >= 0}
	j.space()
	if j.peek() != '{' || !j.value(root, 0) {
		return errJSON
	}
	if j.space(); j.i != len(text) {
		return errJSON
	}
	return nil
}

type jsonReader struct {
	e       *Entry
	s       string
	i       int
	visit   func(m *Member, value string, isText bool)
	last    *Member // that was begun
	escapes bool    // there are any
}

// member is the one that a key has in an object.
func (j *jsonReader) member(parent *Member, key string) *Member {
	m := j.last.next
	if m == nil || m.parent != parent || m.key != key {
		if m = j.e.members.known[place{parent, key}]; m != nil {
			j.last.next = m
		} else {
			m = j.e.members.add(parent, key)
		}
	}
	j.last = m
	return m
}

func (ms *members) add(parent *Member, key string) *Member {
	m := &Member{Path: key, parent: parent, key: key}
	if parent.Path != "" {
		m.Path = parent.Path + "." + key
	}
	if len(ms.known) < maxKnown && len(m.Path) <= maxPath {
		if ms.known == nil {
			ms.known = map[place]*Member{}
		}
		m.Path, m.key = strings.Clone(m.Path), strings.Clone(key) // keeping them does not keep the text of the file
		ms.known[place{parent, m.key}] = m
	}
	return m
}

func (j *jsonReader) space() {
	for j.i < len(j.s) && j.s[j.i] <= ' ' && (j.s[j.i] == ' ' || j.s[j.i] == '\t' || j.s[j.i] == '\n' || j.s[j.i] == '\r') {
		j.i++
	}
}

func (j *jsonReader) peek() byte {
	if j.i < len(j.s) {
		return j.s[j.i]
	}
	return 0
}

// value reads the value of a member.
func (j *jsonReader) value(m *Member, depth int) bool {
	j.space()
	switch c := j.peek(); {
	case c == '{' || c == '[':
		return depth < maxDepth && j.inner(m, c, depth+1)
	case c == '"':
		v, ok := j.text()
		if ok {
			j.visit(m, v, true)
		}
		return ok
	}
	start := j.i
	for j.i < len(j.s) && stops[j.s[j.i]]&jsonStop == 0 {
		j.i++
	}
	if v := j.s[start:j.i]; v != "null" && v != "" {
		j.visit(m, v, false)
	}
	return j.i > start
}

// inner reads an object or a list.
func (j *jsonReader) inner(m *Member, open byte, depth int) bool {
	j.i++
	end := open + 2 // of "{" and "[" in ASCII
	j.space()
	if j.peek() == end {
		j.i++
		return true
	}
	for {
		of := m
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
			of = j.member(m, key)
		}
		if !j.value(of, depth) {
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
	if !j.escapes || strings.IndexByte(s[:end], '\\') < 0 {
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
