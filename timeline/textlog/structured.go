package textlog

import (
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
)

// A JSONLog is a log of one JSON object a line.
type JSONLog struct {
	Name  string            // of the Format
	Type  string            // data_type
	Marks []string          // what each line holds, the first near its beginning: `"event_type":`
	Time  string            // the member with the time, at the top: a date, or seconds, milli-, micro- or nanoseconds since 1970
	Say   string            // the path of the member that is the message; empty: Done makes one, or the line is
	Names map[string]string // paths of members, and the fields they become
	Rest  bool              // other members become fields by their path, with "_" for "."
	Done  func(e *Entry)    // looks at the fields in the end; nil: nothing is left to say
}

// maxMembers bounds how many members of an object become fields.
const maxMembers = 256

// Dialect is the dialect of such a log.
func (j *JSONLog) Dialect() *Dialect {
	return &Dialect{Name: j.Name, Type: j.Type, Single: true, Begin: j.begin, Cut: j.cut, Whole: j.whole}
}

func (j *JSONLog) cut(beginning string) bool {
	return beginning[0] == '{' && strings.Contains(beginning, j.Marks[0])
}

func (j *JSONLog) begin(line string) (dates.Stamp, int, bool) {
	if len(line) < 2 || line[0] != '{' {
		return dates.Stamp{}, 0, false
	}
	for _, mark := range j.Marks {
		if !contains(line, mark) {
			return dates.Stamp{}, 0, false
		}
	}
	return dates.Stamp{}, 0, true
}

// contains is strings.Contains for a mark that begins with a quote, as every member does: it looks for what follows.
func contains(s, mark string) bool {
	if mark[0] != '"' {
		return strings.Contains(s, mark)
	}
	for at := 0; ; {
		i := strings.Index(s[at:], mark[1:])
		if i < 0 {
			return false
		}
		if at += i; at > 0 && s[at-1] == '"' {
			return true
		}
		at++
	}
}

// A use is what becomes of a member.
type use struct {
	field string // its name; empty: none
	time  bool
	said  bool // it is the message
}

func (j *JSONLog) use(path string) *use {
	u := &use{field: j.Names[path], time: path == j.Time, said: path == j.Say}
	if _, ok := j.Names[path]; !ok && j.Rest {
		u.field = strings.ReplaceAll(path, ".", "_")
	}
	return u
}

// whole gives the reader of a file's lines.
func (j *JSONLog) whole() func(*Entry) bool {
	r := object{log: j}
	take := r.take
	return func(e *Entry) bool {
		if _, _, ok := j.begin(e.Text); !ok {
			return false
		}
		r.e, r.n, r.many = e, 0, r.many[:0]
		if e.Damage = e.JSON(e.Text, take); e.Damage == nil && j.Done != nil {
			j.Done(e)
		}
		return true
	}
}

// An object is a line of a JSONLog while it is read.
type object struct {
	log   *JSONLog
	e     *Entry
	n     int      // of fields
	first string   // value of the last field
	many  []string // its values, where there is more than one
}

func (o *object) take(m *Member, value string, isText bool) {
	e := o.e
	u, ok := m.Note.(*use)
	if !ok {
		u = o.log.use(m.Path)
		m.Note = u
	}
	if u.time && e.Stamp.IsZero() {
		e.Stamp = anyTime(value)
		return
	}
	if u.said {
		e.Message = value
	}
	if u.field == "" || o.n == maxMembers {
		return
	}
	o.n++
	switch last := len(e.Fields) - 1; {
	case last >= 0 && e.Fields[last].Name == u.field: // a list
		if len(o.many) == 0 {
			o.many = append(o.many, o.first)
		}
		o.many = append(o.many, value)
		e.Fields[last] = timeline.List(u.field, o.many)
	case isText || !e.Digits(u.field, value):
		e.Add(u.field, value)
		fallthrough
	default:
		o.first, o.many = value, o.many[:0]
	}
}

// anyTime reads a date of RFC 3339 or like it, or a number since 1970 in the unit that its size tells.
func anyTime(v string) dates.Stamp {
	whole, _, _ := strings.Cut(v, ".")
	switch n, ok := Atoi(whole); {
	case ok && len(whole) >= 18:
		return dates.UnixNano(n)
	case ok && len(whole) >= 15:
		return dates.UnixNano(n * 1000)
	case ok && len(whole) >= 12:
		return dates.UnixNano(n * 1e6)
	case ok:
		s, _ := dates.Epoch(v)
		return s
	}
	if s, n := dates.ISO(v); n > 0 {
		return s
	}
	s, _ := dates.Apache(v)
	return s
}

// maxColumns bounds how many values of a row are read.
const maxColumns = 512

// Columns gives the values of a row that are separated by a byte (RFC 4180): one in quotes may hold it, and two quotes for
// one. They are put in the slice; nil: in one that is the same each time.
func (e *Entry) Columns(values []string, row string, by byte) []string {
	if values == nil {
		defer func() { e.row = values }()
		values = e.row
	}
	values = values[:0]
	for len(values) < maxColumns {
		if row != "" && row[0] == '"' {
			v, n := column(row)
			values, row = append(values, v), row[n:]
			if row == "" || row[0] != by {
				return values
			}
			row = row[1:]
			continue
		}
		end := strings.IndexByte(row, by)
		if end < 0 {
			return append(values, row)
		}
		values = append(values, row[:end])
		row = row[end+1:]
	}
	return values
}

// column reads a value in quotes, and says how long it is with them.
func column(row string) (v string, length int) {
	doubled := false
	for end := 1; ; end++ {
		at := strings.IndexByte(row[end:], '"')
		if at < 0 {
			end = len(row)
		} else if end += at; end+1 < len(row) && row[end+1] == '"' {
			doubled = true
			end++
			continue
		}
		v = row[1:end]
		if doubled {
			v = strings.ReplaceAll(v, `""`, `"`)
		}
		return v, min(end+1, len(row))
	}
}
