// Package export writes events for other tools. Each writer takes a stream of events, in the order they come, and ends
// at the stream's first error. What they write is what the evidence says: nothing is changed to protect a program that
// opens it later. A CSV opened in a spreadsheet can therefore hold a formula that an intruder wrote; import it
// as text, or use another format.
package export

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"spor/timeline"
)

// A Format is a way of writing events.
type Format struct {
	Name  string // of --format
	Doc   string
	Ext   string // by which others know the file
	Write func(io.Writer, iter.Seq2[timeline.Event, error]) error
}

// Formats are all of them; the first is the default.
var Formats = []*Format{
	{"timesketch", "JSON lines as Timesketch imports them", ".jsonl", JSONL},
	{"jsonl", "one JSON object an event", ".jsonl", JSONL},
	{"csv", "Timesketch's columns, the record's own fields as JSON in the last", ".csv", CSV},
	{"bodyfile", "The Sleuth Kit's body file 3.x, for mactime", ".body", Bodyfile},
	{"l2tcsv", "log2timeline's seventeen columns", ".csv", L2TCSV},
	{"parquet", "Apache Parquet with zstd, for DuckDB, pandas and Spark", ".parquet", Parquet},
	{"opensearch", "bulk lines for OpenSearch and Elasticsearch, in the names of ECS", ".ndjson", OpenSearch},
}

// Find gives the format of a name, or nil.
func Find(name string) *Format {
	if i := slices.IndexFunc(Formats, func(f *Format) bool { return f.Name == name }); i >= 0 {
		return Formats[i]
	}
	return nil
}

// JSONL writes the lines of timeline.jsonl. Timesketch asks for message, datetime and timestamp_desc and takes timestamp,
// in microseconds, as it is (docs/guides/user/import-from-json-csv.md).
func JSONL(w io.Writer, events iter.Seq2[timeline.Event, error]) error {
	const many = 64 << 10
	lines := make([]byte, 0, many+many/4)
	for e, err := range events {
		if err != nil {
			return err
		}
		if lines = append(e.AppendJSON(lines), '\n'); len(lines) < many {
			continue
		}
		if _, err := w.Write(lines); err != nil {
			return err
		}
		lines = lines[:0]
	}
	_, err := w.Write(lines)
	return err
}

// csvHeader begins with the columns Timesketch must have.
var csvHeader = []string{
	"message", "datetime", "timestamp", "timestamp_desc", "data_type", "parser", "host", "path", "offset", "sha256", "recovered", "fields",
}

// CSV writes RFC 4180 with csvHeader.
func CSV(w io.Writer, events iter.Seq2[timeline.Event, error]) error {
	return table(w, csvHeader, events, func(e *timeline.Event, src *timeline.Source) []string {
		when, desc := moment(e)
		return []string{
			text(e.Message), when, strconv.FormatInt(e.Micros(), 10), desc, text(e.Type), src.Parser, text(src.Host), src.Path.String(),
			strconv.FormatInt(e.Offset, 10), src.SHA256.String(), strconv.FormatBool(e.Recovered), ownFields(e),
		}
	})
}

// ownFields is a JSON object of the record's own fields, as in timeline.jsonl.
func ownFields(e *timeline.Event) string {
	own := timeline.Event{Fields: e.Fields, Also: e.Also}
	_, fields, _ := strings.Cut(string(own.AppendJSON(nil)), `"sha256":""`)
	return "{" + strings.TrimPrefix(fields, ",")
}

// text is s as UTF-8, in the escaped form of artifacts.Path where it is not.
func text(s string) string { return timeline.Text("", s).String() }

// moment is datetime and timestamp_desc.
func moment(e *timeline.Event) (datetime, desc string) {
	if !e.Timed() {
		return "1970-01-01T00:00:00+00:00", timeline.DescNone
	}
	return e.Time.UTC().Format("2006-01-02T15:04:05.000000+00:00"), text(e.Desc)
}

func table(w io.Writer, header []string, events iter.Seq2[timeline.Event, error], row func(*timeline.Event, *timeline.Source) []string) error {
	c := csv.NewWriter(w)
	if err := c.Write(header); err != nil {
		return err
	}
	for e, err := range events {
		if err != nil {
			return err
		}
		if err := c.Write(row(&e, source(&e))); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func source(e *timeline.Event) *timeline.Source {
	if e.Source == nil {
		return &timeline.Source{}
	}
	return e.Source
}

// l2tHeader is log2timeline's, docs/sources/user/Output-format-l2tcsv.md of plaso.
var l2tHeader = []string{
	"date", "time", "timezone", "MACB", "source", "sourcetype", "type", "user", "host", "short", "desc", "version", "filename", "inode", "notes", "format", "extra",
}

// L2TCSV writes log2timeline's format. Its date has no place for more than seconds; extra has the rest.
func L2TCSV(w io.Writer, events iter.Seq2[timeline.Event, error]) error {
	return table(w, l2tHeader, events, func(e *timeline.Event, src *timeline.Source) []string {
		date, clock, desc := "00/00/0000", "00:00:00", timeline.DescNone
		var extra []string
		if e.Timed() {
			t := e.Time.UTC()
			date, clock, desc = t.Format("01/02/2006"), t.Format("15:04:05"), text(e.Desc)
			extra = append(extra, "microsecond: "+strconv.Itoa(t.Nanosecond()/1000))
		}
		for _, f := range e.Fields {
			extra = append(extra, text(f.Name)+": "+f.String())
		}
		extra = append(extra, "sha256: "+src.SHA256.String())
		short, _, _ := strings.Cut(text(e.Message), "\n")
		if len([]rune(short)) > 80 {
			short = string([]rune(short)[:77]) + "..."
		}
		return []string{
			date, clock, "UTC", macb(e), shortSource(e.Type), text(e.Type), desc, dash(field(e, "username")), dash(text(src.Host)), short,
			flat(text(e.Message)), "2", src.Path.String(), dash(field(e, "inode")), "-", src.Parser, flat(strings.Join(extra, "; ")),
		}
	})
}

// flat keeps a value in one line, as l2tcsv must.
func flat(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

func dash(s string) string { return cmp.Or(s, "-") }

func field(e *timeline.Event, name string) string {
	f, _ := e.Get(name)
	return f.String()
}

// macb marks which of a file's times the event is; for others that it was written.
func macb(e *timeline.Event) string {
	switch e.Desc {
	case timeline.DescModified:
		return "M..."
	case timeline.DescAccessed:
		return ".A.."
	case timeline.DescChanged:
		return "..C."
	case timeline.DescCreated:
		return "...B"
	}
	return "...."
}

func shortSource(dataType string) string {
	switch family, _, _ := strings.Cut(dataType, ":"); family {
	case "fs":
		return "FILE"
	case "windows":
		return "WIN"
	default:
		return "LOG"
	}
}

// Bodyfile writes MD5|name|inode|mode|UID|GID|size|atime|mtime|ctime|crtime, one line an event, times in seconds, for
// mactime to read (wiki.sleuthkit.org, Body file). Each of a file's times is an event, and so a line
// with the other times 0; what is no file time is put at mtime with the message as the name. Events
// without a time are left out: a body file cannot hold them. There is no MD5; the field is 0.
func Bodyfile(w io.Writer, events iter.Seq2[timeline.Event, error]) error {
	b := bufio.NewWriterSize(w, 64<<10)
	for e, err := range events {
		if err != nil {
			return err
		}
		if !e.Timed() {
			continue
		}
		if _, err := b.WriteString(bodyLine(&e)); err != nil {
			return err
		}
	}
	return b.Flush()
}

func bodyLine(e *timeline.Event) string {
	var times [4]int64 // atime, mtime, ctime, crtime
	slot := 1
	name := source(e).Path.String()
	if e.Type == "fs:stat" {
		name = cmp.Or(field(e, "filename"), name) // of one that a listing names
		slot = max(0, slices.Index([]string{timeline.DescAccessed, timeline.DescModified, timeline.DescChanged, timeline.DescCreated}, e.Desc))
	} else {
		name = "[" + text(e.Type) + "] " + text(e.Message) + " (" + name + ")"
	}
	times[slot] = e.Time.Unix()
	mode := "0"
	if n, err := strconv.ParseUint(field(e, "mode"), 10, 32); err == nil {
		mode = modeString(uint32(n), field(e, "file_entry_type") == "link")
	}
	return fmt.Sprintf("0|%s|%s|%s|%s|%s|%s|%d|%d|%d|%d\n", escapeBody(name), cmp.Or(field(e, "inode"), "0"), mode, number(e, "owner_identifier"),
		number(e, "group_identifier"), cmp.Or(field(e, "file_size"), "0"), times[0], times[1], times[2], times[3])
}

// number is a field that a body file wants as a number; a SID becomes 0.
func number(e *timeline.Event, name string) string {
	if v := field(e, name); v != "" && strings.Trim(v, "0123456789") == "" {
		return v
	}
	return "0"
}

// modeString is "r/rrwxr-xr-x", as fls writes it.
func modeString(mode uint32, link bool) string {
	b := []byte("r/r---------")
	if link {
		b = []byte("l/l---------")
	}
	for i, c := range "rwxrwxrwx" {
		if mode&(0o400>>i) != 0 {
			b[3+i] = byte(c)
		}
	}
	return string(b)
}

// escapeBody keeps the separator and line ends out of a name.
func escapeBody(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '|' || c < ' ':
			b.WriteString(`\x` + hex.EncodeToString([]byte{c}))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
