package webaccess

import (
	"errors"
	"slices"
	"strings"
	"time"

	"spor/timeline/dates"
	"spor/timeline/format/web"
	"spor/timeline/textlog"
)

// A Layout is a form of access log as a server's configuration spells it, compiled: literal text, and values between.
type Layout struct {
	parts  []part
	tail   string            // behind the last value
	date   int               // the part with the date
	object map[string]string // of a form that is a JSON object: the variables by path; nil: it is none
	text   string            // as spelled
}

// A part is a value, and the literal before it.
type part struct {
	before string
	kind   kind
	slot   web.Slot // where it goes; None: into a field of its own
	name   string   // of that field; empty: it is read over
	unit   int64    // of a duration, in microseconds; 0: nanoseconds
}

type kind uint8

const (
	text        kind = iota
	request          // the first line of a request
	query            // "?a=b", or nothing
	endpoint         // address and port
	date             // of any form that package dates reads
	fraction         // of a second, behind a date
	zone             // "+0100", behind a date
	took             // a duration
	behindColon      // address and port, the last colon between them
	frontend         // a name, behind which "~" stands for TLS
)

// maxParts bounds a form; none in use comes near.
const maxParts = 64

var (
	errNoDate   = errors.New("a form of log without a date")
	errAdjacent = errors.New("two values with nothing between them")
	errMany     = errors.New("too many values")
	errFit      = errors.New("the line does not have the form that the configuration gives it")
)

// joins tells a part that is read with the one before it: the reader of a date takes its fraction and zone, and a URL
// goes over its query.
func (p *part) joins(before *part) bool {
	switch p.kind {
	case fraction:
		return before.kind == date && (p.before == "." || p.before == ",")
	case zone:
		return before.kind == date && (p.before == " " || p.before == "")
	}
	return before.slot == web.URL && p.before == "" && (p.kind == query || p.slot == web.Query || p.name == "is_args")
}

// finish checks a layout.
func (l *Layout) finish() (*Layout, error) {
	for i := 1; i < len(l.parts); {
		if l.parts[i].joins(&l.parts[i-1]) {
			l.parts = slices.Delete(l.parts, i, i+1)
			continue
		}
		i++
	}
	l.date = slices.IndexFunc(l.parts, func(p part) bool { return p.kind == date })
	switch {
	case len(l.parts) > maxParts:
		return nil, errMany
	case l.date < 0:
		return nil, errNoDate
	}
	for i := 1; i < len(l.parts); i++ {
		if k := l.parts[i-1].kind; l.parts[i].before == "" && k != date && k != fraction && k != zone {
			return nil, errAdjacent
		}
	}
	return l, nil
}

// builder gathers the parts of a layout.
type builder struct {
	Layout
	literal strings.Builder
}

func (b *builder) add(p part) {
	p.before = b.literal.String()
	b.literal.Reset()
	b.parts = append(b.parts, p)
}

// done ends a layout.
func (b *builder) done(text string) (*Layout, error) {
	b.tail, b.text = b.literal.String(), text
	return b.finish()
}

// A reading is a line while it is taken apart.
type reading struct {
	web.Request
	stamp  dates.Stamp
	values [maxParts]string // of the parts, as far as they were read
}

// begin forgets the line before.
func (r *reading) begin() { r.Request, r.stamp = web.Request{}, dates.Stamp{} }

// stampOf reads a line as far as its date.
func (l *Layout) stampOf(line string) (dates.Stamp, bool) {
	var r reading
	ok := l.read(&r, line, l.date+1, false)
	return r.stamp, ok
}

// read takes a line apart, its first so many parts. Of one that was cut short, what is there is taken.
func (l *Layout) read(r *reading, s string, parts int, cut bool) bool {
	r.begin()
	if cut {
		clear(r.values[:])
	}
	for i := range parts {
		p := &l.parts[i]
		if !strings.HasPrefix(s, p.before) {
			return cut && i > l.date
		}
		s = s[len(p.before):]
		next := l.tail
		if i+1 < len(l.parts) {
			next = l.parts[i+1].before
		}
		n := r.value(p, s, next, cut)
		if n < 0 {
			return false
		}
		if !p.takes(s[:n]) {
			return cut && i+1 == len(l.parts)
		}
		r.values[i] = s[:n]
		s = s[n:]
	}
	return parts < len(l.parts) || s == l.tail || cut
}

// takes tells whether a text can be the value of a part: a line of another form must not become a request.
func (p *part) takes(v string) bool {
	switch {
	case p.slot == web.Status:
		return isStatus(v)
	case p.slot == web.Address: // "GET" is no host: the form has a value more than the line
		return v == "" || !isUpper(v)
	case p.kind == took:
		return v == "-" || v == "" || v[0]-'0' <= 9 || v[0] == '-' || v[0] == '.'
	case p.slot == web.Bytes || p.slot == web.Sent || p.slot == web.Received || p.slot == web.Port:
		for i := range len(v) {
			if v[i]-'0' > 9 && v[i] != '-' {
				return false
			}
		}
	}
	return true
}

// isUpper tells a text of capital letters alone.
func isUpper(s string) bool {
	for i := range len(s) {
		if s[i]-'A' > 'Z'-'A' {
			return false
		}
	}
	return true
}

// value reads the value of a part at the beginning of s and says how long it is; negative: there is none.
func (r *reading) value(p *part, s, next string, cut bool) int {
	switch p.kind {
	case date:
		return r.date(s)
	case fraction:
		n := 0
		unit := time.Second
		for n < len(s) && s[n]-'0' <= 9 {
			unit /= 10
			r.stamp.Clock += time.Duration(s[n]-'0') * unit
			n++
		}
		return n
	case zone:
		at, n := dates.ISO("2000-01-01T00:00:00" + s[:min(len(s), 6)])
		if !at.Zoned {
			return -1
		}
		r.stamp.Offset, r.stamp.Zoned = at.Offset, true
		return n - 19
	case request:
		if next == "" || next[0] == '"' {
			break
		}
		if at := strings.Index(s, " HTTP/"); at >= 0 { // without quotes, blanks are part of it
			if n := end(s[at+1:], next, cut); n >= 0 {
				return at + 1 + n
			}
		}
	}
	return end(s, next, cut)
}

// date reads a date of any form.
func (r *reading) date(s string) int {
	for _, read := range [...]dates.Reader{dates.Apache, dates.ISO, dates.CTime, milliseconds, dates.Epoch, dates.BSD} {
		if at, n := read(s); n > 0 {
			r.stamp = at
			return n
		}
	}
	return -1
}

// milliseconds reads milli- and microseconds since 1970: 13 and 16 digits.
func milliseconds(s string) (dates.Stamp, int) {
	n := 0
	for n < len(s) && n < 17 && s[n]-'0' <= 9 {
		n++
	}
	v, ok := textlog.Atoi(s[:n])
	switch {
	case ok && n == 13:
		return dates.UnixNano(v * 1e6), n
	case ok && n == 16:
		return dates.UnixNano(v * 1e3), n
	}
	return dates.Stamp{}, 0
}

// end is where a value ends that goes before a literal. Within quotes a backslash hides one.
func end(s, next string, cut bool) int {
	if next == "" {
		return len(s)
	}
	for i := 0; ; {
		at := find(s[i:], next)
		if at < 0 {
			if cut {
				return len(s)
			}
			return -1
		}
		at += i
		switch {
		case next[0] == '"' && odd(s[:at]):
		case next == " " && at > 0 && s[at-1] == ',' && at+1 < len(s): // "192.0.2.7, 10.0.0.1" is one list
		default:
			return at
		}
		i = at + 1
	}
}

// find is strings.Index for a literal whose first byte is rare before it: a quote, a blank.
func find(s, literal string) int {
	for i := 0; ; i++ {
		at := strings.IndexByte(s[i:], literal[0])
		if at < 0 {
			return -1
		}
		if i += at; strings.HasPrefix(s[i:], literal) {
			return i
		}
	}
}

// odd tells whether a text ends in an odd number of backslashes.
func odd(s string) bool {
	n := len(s)
	for n > 0 && s[n-1] == '\\' {
		n--
	}
	return (len(s)-n)%2 == 1
}

// give puts what was read into an entry.
func (l *Layout) give(r *reading, e *textlog.Entry) {
	for i := range l.parts {
		r.put(&l.parts[i], r.values[i])
	}
	r.Give(e)
	for i := range l.parts {
		if p := &l.parts[i]; p.name != "" {
			if v := r.values[i]; v != "" && v != "-" {
				e.Add(p.name, v)
			}
		}
	}
}

// put takes the value of a part that has a slot.
func (r *reading) put(p *part, v string) {
	if v == "" || v == "-" {
		return
	}
	switch p.kind {
	case request:
		r.Split(v)
	case query:
		r.Values[web.Query] = strings.TrimPrefix(v, "?")
	case endpoint:
		r.Values[p.slot], r.Values[p.slot+1] = web.HostPort(v)
	case behindColon:
		if at := strings.LastIndexByte(v, ':'); at >= 0 {
			r.Values[p.slot], r.Values[p.slot+1] = web.Bare(v[:at]), v[at+1:]
		}
	case frontend:
		r.Values[p.slot] = strings.TrimSuffix(v, "~")
	case took:
		r.Took(v, p.unit)
	case text:
		if p.slot == web.Address {
			if first, _, several := strings.Cut(v, ","); several { // with whom proxies say they asked for
				r.Values[web.Forwarded], v = v, first
			}
		}
		if p.slot != web.None && r.Values[p.slot] == "" {
			r.Values[p.slot] = v
		}
	}
}

// layouts are forms that the lines of one file may have, the likeliest first. Behind them comes the common log format:
// servers are given another form in mid file.
type layouts []*Layout

// begin reads the date of a line.
func (ls layouts) begin(line string) (dates.Stamp, int, bool) {
	for _, l := range ls {
		if l.object != nil && isObject(line) {
			return dates.Stamp{}, 0, true
		}
		if l.object == nil {
			if s, ok := l.stampOf(line); ok {
				return s, 0, true
			}
		}
	}
	return ncsaBegin(line)
}

// whole gives the reader of a file's lines.
func (ls layouts) whole() func(*textlog.Entry) bool {
	var r reading
	o := newObject(&r)
	return func(e *textlog.Entry) bool {
		for _, l := range ls {
			if l.object != nil && isObject(e.Text) {
				o.read(e, l.named)
				return true
			}
			if l.object == nil && l.read(&r, e.Text, len(l.parts), e.Cut > 0) {
				e.Stamp = r.stamp
				l.give(&r, e)
				return true
			}
		}
		if ncsaWhole(e) {
			return true
		}
		e.Stamp, e.At, _ = ls.begin(e.Text)
		e.Damage = errFit
		return !e.Stamp.IsZero()
	}
}

// fit tells whether a line has one of the forms, as a whole, or is of the common log format.
func (ls layouts) fit(line string) bool {
	for _, l := range ls {
		var r reading
		if l.object != nil && l.isWhole(line) || l.object == nil && l.read(&r, line, len(l.parts), false) {
			return true
		}
	}
	return ncsaSure(line)
}

// dialect is the dialect of a file that has the forms.
func (ls layouts) dialect(name string) *textlog.Dialect {
	return &textlog.Dialect{Name: name, Type: web.Access, Single: true, Begin: ls.begin, Sure: ls.fit, Whole: ls.whole}
}
