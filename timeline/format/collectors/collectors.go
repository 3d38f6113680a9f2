// Package collectors makes events of what other collectors say of the files that they took or listed: their own logs have the
// times of the files on the host, which their archives do not keep. The events have plaso's shape, fs:stat, as those of
// package listing; which file they are of says the field filename.
//
//   - the body file of the Sleuth Kit 3 and later, of fls -m and UAC (wiki.sleuthkit.org, Body file)
//   - KAPE's CopyLog.csv, in UTC
//   - Velociraptor's Windows.KapeFiles.Targets, Windows.Triage.Targets and Generic.Collectors.File: results of Uploads and of
//     All File Metadata
//
// The desk alone reads them.
package collectors

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/lines"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package.
var Formats = timeline.Formats{
	{Name: "bodyfile", Sniff: sniff(bodyLine), Parse: parse(func() row { return bodyLine })},
	{Name: "kape_copylog", Sniff: copyLogSniff, Parse: parse(copyLog)},
	{Name: "velociraptor_files", Sniff: velociraptorSniff, Parse: parse(func() row { return velociraptor })},
}

// A file is what a line says of one.
type file struct {
	name, link, kind  string
	size              int64 // negative: not told
	inode, mode       string
	uid, gid          string
	md5, sha1, sha256 string
	deleted           bool
	times             [4]time.Time // as descs has them; zero: not told
}

var descs = [...]string{timeline.DescModified, timeline.DescAccessed, timeline.DescChanged, timeline.DescCreated}

// A row reads a line; a file without a name: the line is a heading.
type row func(e *textlog.Entry, line string) (file, error)

var errRow = errors.New("no record of a file")

// sniff asks that the first line is a record.
func sniff(read row) func(string, []byte) bool {
	return func(_ string, head []byte) bool {
		line, _, _ := bytes.Cut(head, []byte("\n"))
		_, err := read(&textlog.Entry{}, strings.TrimSuffix(string(line), "\r"))
		return err == nil
	}
}

// parse gives an event for each time of a file; a file without any is one event without a time. A line that is no record is an
// error.
func parse(begin func() row) func(timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(in timeline.Input) iter.Seq2[timeline.Event, error] {
		return func(yield func(timeline.Event, error) bool) {
			read := begin()
			var e textlog.Entry
			for line, err := range lines.Read(in.R) {
				if err == nil && line.Text == "" {
					continue
				}
				var f file
				if err == nil {
					f, err = read(&e, line.Text)
				}
				if err != nil {
					if !yield(timeline.Event{}, fmt.Errorf("line at offset %d: %w", line.Offset, err)) {
						return
					}
					continue
				}
				if f.name != "" && !f.events(line.Offset, &e.Fields, yield) {
					return
				}
			}
		}
	}
}

func (f *file) events(offset int64, fields *textlog.Fields, yield func(timeline.Event, error) bool) bool {
	*fields = (*fields)[:0]
	fields.Add("filename", f.name)
	fields.Add("file_entry_type", f.kind)
	if f.size >= 0 {
		fields.Number("file_size", f.size)
	}
	fields.Add("link_target", f.link)
	if !fields.Digits("inode", f.inode) {
		fields.Add("inode", f.inode)
	}
	fields.Add("mode_text", f.mode)
	fields.Add("owner_identifier", f.uid)
	fields.Add("group_identifier", f.gid)
	fields.Add("file_md5", f.md5)
	fields.Add("file_sha1", f.sha1)
	fields.Add("file_sha256", f.sha256)
	if f.deleted {
		fields.Flag("deleted")
	}
	e := timeline.Event{Type: "fs:stat", Message: f.name + " Type: " + f.kind, Offset: offset, Fields: *fields}
	if f.link != "" {
		e.Message += ", to " + f.link
	}
	if f.deleted {
		e.Message += ", deleted"
	}
	none := true
	for i, at := range f.times {
		if at.IsZero() {
			continue
		}
		none = false
		if e.Time, e.Desc = at, descs[i]; !yield(e, nil) {
			return false
		}
	}
	if none {
		e.Desc = timeline.DescNone
		return yield(e, nil)
	}
	return true
}

// kinds are plaso's names of the letters that begin a mode.
var kinds = map[byte]string{'-': "file", 'r': "file", 'd': "directory", 'l': "link", 'c': "device", 'b': "device", 'p': "pipe", 's': "socket", 'h': "socket", 'v': "virtual", 'V': "virtual"}

// bodyLine reads "MD5|name|inode|mode|UID|GID|size|atime|mtime|ctime|crtime". A name may hold the sign between them.
func bodyLine(_ *textlog.Entry, line string) (file, error) {
	const behind = 9 // columns behind the name
	md5, rest, ok := strings.Cut(line, "|")
	var columns [behind]string
	for i := behind - 1; i >= 0 && ok; i-- {
		at := strings.LastIndexByte(rest, '|')
		if ok = at >= 0; ok {
			columns[i], rest = rest[at+1:], rest[:at]
		}
	}
	if !ok || rest == "" || len(md5) > 1 && len(md5) != 32 || columns[1] == "" {
		return file{}, errRow
	}
	f := file{name: rest, inode: columns[0], mode: columns[1], uid: columns[2], gid: columns[3], kind: kinds[columns[1][0]]}
	if len(md5) == 32 && strings.Trim(md5, "0") != "" {
		f.md5 = md5
	}
	if f.size, ok = textlog.Atoi(columns[4]); !ok || f.kind == "" {
		return file{}, errRow
	}
	for i, column := range [...]int{6, 5, 7, 8} { // modified, accessed, changed, born
		at, ok := seconds(columns[column])
		if !ok {
			return file{}, errRow
		}
		f.times[i] = at
	}
	for _, mark := range [...]string{" (deleted)", " (deleted-realloc)"} {
		if name, ok := strings.CutSuffix(f.name, mark); ok {
			f.name, f.deleted = name, true
		}
	}
	if f.kind == "link" {
		f.name, f.link, _ = strings.Cut(f.name, " -> ")
	}
	return f, nil
}

// seconds reads seconds since 1970 with a fraction; 0, "-" and "?" are no time.
func seconds(s string) (at time.Time, ok bool) {
	if s == "" || s == "-" || s == "?" {
		return at, true
	}
	whole, fraction, _ := strings.Cut(s, ".")
	n, ok := textlog.Atoi(whole)
	if !ok || n == 0 && strings.Trim(fraction, "0") == "" {
		return at, ok
	}
	nanos, ok := int64(0), len(fraction) <= 9
	if fraction != "" && ok {
		nanos, ok = textlog.Atoi(fraction + "000000000"[len(fraction):])
	}
	if !ok || nanos < 0 || n > 1<<40 || n < -1<<40 {
		return at, false
	}
	return time.Unix(n, nanos).UTC(), true
}

// copyLogHead begins CopyLog.csv (KAPE 1.3).
const copyLogHead = "CopiedTimestamp,SourceFile,DestinationFile,FileSize,SourceFileSha1,DeferredCopy,CreatedOnUtc,ModifiedOnUtc,LastAccessedOnUtc,"

func copyLogSniff(_ string, head []byte) bool {
	return bytes.HasPrefix(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), []byte(copyLogHead))
}

// copyLog reads rows behind the heading.
func copyLog() row {
	var columns []string
	return func(e *textlog.Entry, line string) (file, error) {
		if strings.HasPrefix(strings.TrimPrefix(line, "\xef\xbb\xbf"), copyLogHead) {
			return file{}, nil
		}
		columns = e.Columns(columns, line, ',')
		if len(columns) < 9 || columns[1] == "" {
			return file{}, errRow
		}
		f := file{name: columns[1], kind: "file", size: -1, sha1: strings.ToLower(columns[4])}
		if n, ok := textlog.Atoi(columns[3]); ok {
			f.size = n
		}
		for i, column := range [...]int{7, 8, -1, 6} {
			if column < 0 || columns[column] == "" {
				continue
			}
			at, ok := utc(columns[column])
			if !ok {
				return file{}, errRow
			}
			f.times[i] = at
		}
		return f, nil
	}
}

// utc reads "2026-03-09 09:00:00.1234567", with or without "T" and zone.
func utc(s string) (time.Time, bool) {
	stamp, n := dates.ISO(s)
	if n == 0 || n < len(s) {
		return time.Time{}, false
	}
	return stamp.In(stamp.Year, &dates.Zone{}), true
}

// velociraptorSniff asks for a first line that tells of a file and its times.
func velociraptorSniff(_ string, head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return bytes.HasPrefix(line, []byte("{")) && bytes.Contains(line, []byte(`"SourceFile":"`)) && bytes.Contains(line, []byte(`"LastAccessed":"`)) && bytes.Contains(line, []byte(`"Created":"`))
}

// velociraptor reads a JSON object a line.
func velociraptor(e *textlog.Entry, line string) (file, error) {
	f := file{kind: "file", size: -1}
	var bad error
	err := e.JSON(line, func(m *textlog.Member, v string, _ bool) {
		which := -1
		switch m.Path {
		case "SourceFile":
			f.name = v
		case "FileSize", "Size":
			if n, ok := textlog.Atoi(v); ok {
				f.size = n
			}
		case "SourceFileSha256":
			f.sha256 = v
		case "Modified":
			which = 0
		case "LastAccessed":
			which = 1
		case "Changed":
			which = 2
		case "Created":
			which = 3
		}
		if which < 0 || strings.HasPrefix(v, "0001-01-01T") || strings.HasPrefix(v, "1601-01-01T") {
			return
		}
		at, ok := utc(v)
		if !ok {
			bad = errRow
		}
		f.times[which] = at
	})
	if err == nil && f.name == "" {
		err = errRow
	}
	return f, errors.Join(err, bad)
}
