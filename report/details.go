package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// What an event has besides the columns, the hash of its item and its own fields, is looked at one event at a time. It
// travels in blocks of detailBlock events, each a zlib stream of its own, which the script opens when one of its events is
// selected. A block is lines of text: the shape of each event (the names of its fields, of which there are few), then
// by shape, in order of appearance, and by name the values of all events of that shape, one a line. A value that is a
// part of the event's message is written as where that part is.

const (
	detailBlock  = 4096
	detailText   = 4000      // characters of a value
	detailFields = 120       // of an event
	maxShapes    = 4000      // the fields of events of further shapes stand in one, as JSON
	maxNames     = 4 << 20   // bytes of the names of all shapes
	maxDetails   = 192 << 20 // of all blocks, compressed
	manyBytes    = 3 << 30   // of all lines: over it, the telling fields alone are taken
	quoted       = 8         // bytes from which on a part of the message is not written again
)

// telling are the names of fields that answer who, from where, with what and to what; sha256 is always there.
var telling = []string{
	"username", "user", "user_sid", "TargetUserName", "SubjectUserName", "computer_name", "remote_ip", "IpAddress", "source_address", "WorkstationName", "LogonType", "event_identifier", "record_number",
	"source_name", "pid", "process_id", "command", "CommandLine", "NewProcessName", "ParentProcessName", "Image", "ParentImage", "executable", "run_count", "service_name", "ServiceName", "ImagePath",
	"url", "http_request", "http_response_code", "file_size", "inode", "status", "reporter", "key_path", "value_name",
}

// details builds the blocks.
type details struct {
	few    bool // the telling fields alone
	shapes map[string]int
	names  [][]string   // by shape
	named  int          // bytes of names
	of     []int        // shapes of the events of the open block
	values [][][]string // by shape, by name: of the open block
	done   []piece
	size   int   // of done, compressed
	left   int64 // events whose fields are not in the page
}

func newDetails(few bool) *details { return &details{few: few, shapes: map[string]int{}} }

// add notes what is an event's own. Its message is tidy, as the page has it.
func (d *details) add(e *event) {
	names, values := d.fields(e)
	id := d.shape(names)
	if id < 0 {
		names = []string{"…"}
		values = []string{tidy(string(e.Own), detailText, lineBreak)}
		id = d.shape(names)
	}
	d.of = append(d.of, id)
	for len(d.values) <= id {
		d.values = append(d.values, nil)
	}
	if d.values[id] == nil {
		d.values[id] = make([][]string, len(names))
	}
	for i, v := range values {
		d.values[id][i] = append(d.values[id][i], quote(e.Message, v))
	}
	if len(d.of) == detailBlock {
		d.close()
	}
}

// fields are the names and values, ready to be shown.
func (d *details) fields(e *event) (names, values []string) {
	add := func(name, value string) {
		names, values = append(names, cmp.Or(tidy(name, 120, ' '), "—")), append(values, tidy(value, detailText, lineBreak))
	}
	if e.SHA256 != "" {
		add("sha256", e.SHA256)
	}
	more := 0
	for name, value := range e.own {
		switch {
		case len(names) >= detailFields:
			more++
		case !d.few || slices.Contains(telling, name):
			add(name, value)
		}
	}
	if more > 0 {
		add("…", "+ "+strconv.Itoa(more))
	}
	return names, values
}

// shape gives the number of a list of names; -1: there are too many.
func (d *details) shape(names []string) int {
	key := strings.Join(names, "\n")
	id, known := d.shapes[key]
	if known {
		return id
	}
	rest := len(names) == 1 && names[0] == "…" // where the fields of further shapes stand
	if !rest && (len(d.names) >= maxShapes || d.named+len(key) > maxNames) {
		return -1
	}
	id = len(d.names)
	d.shapes[key] = id
	d.names = append(d.names, names)
	d.named += len(key)
	return id
}

// quote writes a value that stands in the message as "\x01", where it begins and, unless it goes on to the end, how long it
// is, both in the units of UTF-16 that a script counts in. No tidy text has such a byte.
func quote(message, value string) string {
	if len(value) < quoted {
		return value
	}
	at := strings.Index(message, value)
	if at < 0 {
		return value
	}
	out := "\x01" + strconv.Itoa(units(message[:at]))
	if at+len(value) < len(message) {
		out += "," + strconv.Itoa(units(value))
	}
	return out
}

func units(s string) (n int) {
	for _, r := range s {
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}

// close ends the open block. Where the page has no room for it, its events are without fields.
func (d *details) close() {
	if len(d.of) == 0 {
		return
	}
	c := newColumn()
	line := func(s string) { c.write(append([]byte(s), '\n')) }
	for _, id := range d.of {
		line(strconv.Itoa(id))
	}
	for _, id := range d.of {
		for _, column := range d.values[id] {
			for _, v := range column {
				line(v)
			}
		}
		d.values[id] = nil
	}
	p := c.piece("d" + strconv.Itoa(len(d.done)))
	if d.size += len(p.data); d.size > maxDetails {
		d.left += int64(len(d.of))
		p = piece{ID: p.ID}
	}
	d.done, d.of = append(d.done, p), d.of[:0]
}

// table is the names of each shape: a line each, tabs between them. No tidy text has a tab.
func (d *details) table() piece {
	c := newColumn()
	for _, names := range d.names {
		c.write([]byte(strings.Join(names, "\t") + "\n"))
	}
	return c.piece("shapes")
}

// known are the keys of a line that the page has columns for.
var known = []string{"message", "datetime", "timestamp", "timestamp_desc", "data_type", "parser", "host", "path", "offset", "sha256", "recovered"}

// ownOf gives the members of a line that have no column, as they follow a column in it: `,"a":1,"b":"c"`.
func ownOf(line []byte) []byte {
	var all map[string]json.RawMessage
	if json.Unmarshal(line, &all) != nil {
		return nil
	}
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !slices.Contains(known, name) {
			key, _ := json.Marshal(name) // a string
			b.WriteByte(',')
			b.Write(key)
			b.WriteByte(':')
			json.Compact(&b, all[name])
		}
	}
	return b.Bytes()
}

// own gives the names and values of the event's own fields, in the order of the line. What does not read ends them.
func (e *event) own(yield func(name, value string) bool) {
	r := reading{rest: e.Own, ok: true}
	for len(r.rest) > 0 {
		name := r.text(`,"`)
		value := r.value()
		if !r.ok || !yield(name, value) {
			return
		}
	}
}

// value reads what stands after a key, as text: a string as it is, a list of strings as lines, anything else as its JSON.
func (r *reading) value() string {
	if len(r.rest) > 1 && r.rest[1] == '"' {
		return r.text(`:"`)
	}
	if !r.after(":") {
		return ""
	}
	raw := r.rest[:jsonEnd(r.rest)]
	r.rest = r.rest[len(raw):]
	var list []string
	if len(raw) > 0 && raw[0] == '[' && json.Unmarshal(raw, &list) == nil {
		return strings.Join(list, "\n")
	}
	return string(raw)
}

// jsonEnd is where a value of JSON that is no string ends: before the next comma outside of brackets and quotes.
func jsonEnd(b []byte) int {
	depth, inside := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case inside:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 0:
			return i
		}
	}
	return len(b)
}
