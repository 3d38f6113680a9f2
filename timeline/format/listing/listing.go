// Package listing makes the times of files that were listed, but not taken, into events: of the listings that a collection
// brings (artifacts/schema, one JSON object a line with path, kind, size, times, mode and owner), and of the samples of
// malware, whose own times a locked archive does not tell. The events have plaso's shape, fs:stat, as those of collected
// items do; which file they are of says the field filename.
package listing

import (
	"bytes"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"spor/timeline"
	"spor/timeline/lines"
	"spor/timeline/textlog"
)

// Format is the parser of listings, Samples that of what a collection says of samples. They are two because a listing of
// everything is longer than the rest of the timeline: the desk reads it, the run itself does not.
var (
	Format  = &timeline.Format{Name: "listing", Sniff: sniff(`{"path":"`), Parse: parse}
	Samples = &timeline.Format{Name: "samples", Sniff: sniff(`{"zip":"`), Parse: parse}
)

// sniff asks for a first line that begins as a record does, and has times.
func sniff(begin string) func(string, []byte) bool {
	return func(name string, head []byte) bool {
		line, _, _ := bytes.Cut(head, []byte("\n"))
		return strings.HasSuffix(name, ".jsonl") && bytes.HasPrefix(line, []byte(begin)) && bytes.Contains(line, []byte(`"times":{"`)) &&
			(bytes.Contains(line, []byte(`,"kind":"`)) || bytes.Contains(line, []byte(`,"method":"`)))
	}
}

// A record is a line.
type record struct {
	path, link, kind, mode string
	uid, gid               string
	sha256, zip            string
	size, inode            int64
	attributes             int64
	times                  [4]string // as descs has them
}

// descs are what the times mean, by their names in a line.
var descs = [...]struct{ name, desc string }{
	{"times.modified", timeline.DescModified},
	{"times.accessed", timeline.DescAccessed},
	{"times.changed", timeline.DescChanged},
	{"times.born", timeline.DescCreated},
}

// parse gives an event for each time of a file; a file without any is one event without a time. A line that is no record
// is an error.
func parse(in timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(yield func(timeline.Event, error) bool) {
		var e textlog.Entry
		for line, err := range lines.Read(in.R) {
			if err == nil && line.Text == "" {
				continue
			}
			var r record
			if err == nil {
				err = e.JSON(line.Text, r.take)
			}
			if err == nil && r.path == "" {
				err = fmt.Errorf("no path")
			}
			if err != nil {
				if !yield(timeline.Event{}, fmt.Errorf("line at offset %d: %w", line.Offset, err)) {
					return
				}
				continue
			}
			if !r.events(line.Offset, &e.Fields, yield) {
				return
			}
		}
	}
}

// take takes a member of a line.
func (r *record) take(m *textlog.Member, value string, _ bool) {
	switch m.Path {
	case "path":
		r.path = value
	case "link":
		r.link = value
	case "kind":
		r.kind = value
	case "mode":
		r.mode = value
	case "uid":
		r.uid = value
	case "gid":
		r.gid = value
	case "sha256":
		r.sha256 = value
	case "zip":
		r.zip = value
	case "size":
		r.size, _ = textlog.Atoi(value)
	case "inode":
		r.inode, _ = textlog.Atoi(value)
	case "attributes":
		r.attributes, _ = textlog.Atoi(value)
	default:
		for i := range descs {
			if m.Path == descs[i].name {
				r.times[i] = value
			}
		}
	}
}

// kinds are plaso's names of what it calls otherwise.
var kinds = map[string]string{"": "file", "regular": "file", "symlink": "link", "named pipe": "pipe", "fifo": "pipe", "char device": "device", "block device": "device"}

func (r *record) events(offset int64, f *textlog.Fields, yield func(timeline.Event, error) bool) bool {
	kind := r.kind
	if other, ok := kinds[kind]; ok {
		kind = other
	}
	*f = (*f)[:0]
	f.Add("filename", r.path)
	f.Add("file_entry_type", kind)
	f.Number("file_size", r.size)
	f.Add("link_target", r.link)
	if r.inode != 0 {
		f.Number("inode", r.inode)
	}
	if mode, ok := modeBits(r.mode); ok {
		f.Number("mode", mode)
	}
	f.Add("owner_identifier", r.uid)
	f.Add("group_identifier", r.gid)
	if r.attributes != 0 {
		f.Number("file_attribute_flags", r.attributes)
	}
	f.Add("sample_sha256", r.sha256)
	f.Add("sample_archive", r.zip)
	e := timeline.Event{Type: "fs:stat", Message: r.path + " Type: " + kind, Offset: offset, Fields: *f}
	if r.link != "" {
		e.Message += ", to " + r.link
	}
	if r.zip != "" {
		e.Message += ", taken as a sample"
	}
	none := true
	for i, d := range descs {
		at, err := time.Parse(time.RFC3339Nano, r.times[i])
		if err != nil {
			continue
		}
		none = false
		if e.Time, e.Desc = at.UTC(), d.desc; !yield(e, nil) {
			return false
		}
	}
	if none {
		e.Desc = timeline.DescNone
		return yield(e, nil)
	}
	return true
}

// modeBits reads a mode as a number, or as package fs writes it: "ugtrwxr-xr-x", of which only permissions count.
func modeBits(s string) (bits int64, ok bool) {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return n, true
	}
	if len(s) < 9 {
		return 0, false
	}
	kind, permissions := s[:len(s)-9], s[len(s)-9:]
	for i := range permissions {
		if bits <<= 1; permissions[i] != '-' {
			bits |= 1
		}
	}
	for i, letter := range []string{"t", "g", "u"} {
		if strings.Contains(kind, letter) {
			bits |= 1 << (9 + i)
		}
	}
	return bits, true
}
