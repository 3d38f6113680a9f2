// Package syslog reads the text logs of syslog daemons: the traditional form of RFC 3164 (as rsyslog and syslog-ng
// write it to files, with and without priority), RFC 5424, and the RFC 3339 form that rsyslog writes by default since
// Debian 12. Dialects may be mixed in a file, as an upgrade leaves them.
//
// The traditional form has neither year nor zone. The year is inferred: the last entry is not later than the file's
// modification time, and going back, each step from January to December is a year; an entry of the same file that has
// its year is believed instead. Such events carry year_inferred. The zone is the host's, named in zone_assumed.
//
// Lines that begin no entry belong to the one before. sshd, sudo, su, account tools, cron and PAM have their words read
// into fields.
package syslog

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"spor/timeline"
)

// Format is the parser of syslog files.
var Format = &timeline.Format{Name: "syslog", Sniff: sniff, Parse: parse}

// maxEntry bounds an entry that goes over several lines; what is over begins a new one.
const maxEntry = 256 << 10

// sniff asks that of the lines of the head, the first among them, at least half begin an entry.
func sniff(_ string, head []byte) bool {
	head = bytes.TrimLeft(head, "\x00\n")
	if bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	lines := bytes.Split(head, []byte("\n"))
	if len(lines) > 1 {
		lines = lines[:len(lines)-1] // cut, or empty
	}
	good := 0
	for i, line := range lines {
		h, ok := readHeader(string(line))
		if ok && h.convincing() {
			good++
		} else if i == 0 {
			return false
		}
	}
	return 2*good >= len(lines)
}

// An entry is a header, or none, and its lines.
type entry struct {
	header
	offset int64
	cut    int64 // bytes of too long lines, left out
}

// parse gives one event per entry. Text before the first entry is an event without a time.
func parse(in timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(yield func(timeline.Event, error) bool) {
		years, r, err := guess(in)
		if err != nil {
			yield(timeline.Event{}, err)
			return
		}
		for e, err := range entries(r) {
			if err != nil {
				if !yield(timeline.Event{}, err) {
					return
				}
				continue
			}
			if !yield(e.event(years), nil) {
				return
			}
		}
	}
}

// entries joins lines to entries. An error is about damage in the text, or ends the stream.
func entries(r io.Reader) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		var e *entry
		for line, err := range timeline.Lines(r) {
			if err != nil {
				if e == nil || yield(e, nil) {
					yield(nil, fmt.Errorf("after offset %d: %w", line.Offset, err))
				}
				return
			}
			text := bytes.TrimLeft(line.Text, "\x00") // a crash leaves zeros where nothing was written yet
			zeros := len(line.Text) - len(text)
			if zeros > 0 && !yield(nil, fmt.Errorf("%d zero bytes at offset %d", zeros, line.Offset)) {
				return
			}
			if len(text) == 0 && zeros > 0 {
				continue
			}
			h, ok := readHeader(string(text))
			if !ok && e != nil && len(e.body)+len(text) < maxEntry {
				e.body += "\n" + string(text)
				e.cut += line.Cut
				continue
			}
			if !ok {
				h = header{priority: -1, body: string(text)}
			}
			if e != nil && !yield(e, nil) {
				return
			}
			e = &entry{header: h, offset: line.Offset + int64(zeros), cut: line.Cut}
		}
		if e != nil {
			yield(e, nil)
		}
	}
}

// event gives the entry in plaso's shape, syslog:line (entries without a sender: syslog:comment).
func (e *entry) event(years *years) timeline.Event {
	ev := timeline.Event{Desc: timeline.DescModified, Type: "syslog:line", Offset: e.offset, Message: e.message()}
	if e.comment {
		ev.Type = "syslog:comment"
	}
	text := func(name, v string) {
		if v != "" {
			ev.Fields = append(ev.Fields, timeline.Text(name, v))
		}
	}
	text("hostname", e.host)
	text("reporter", e.reporter)
	if pid, err := strconv.ParseInt(e.pid, 10, 64); err == nil {
		ev.Fields = append(ev.Fields, timeline.Int("pid", pid))
	} else {
		text("process", e.pid) // RFC 5424 allows any word
	}
	if e.priority >= 0 {
		text("facility", facilities[e.priority/8])
		text("severity", severities[e.priority%8])
	}
	text("message_identifier", e.id)
	text("structured_data", e.data)
	text("body", e.body)
	ev.Fields = append(ev.Fields, details(e.reporter, e.body)...)
	var inferred bool
	if ev.Time, inferred = years.time(e.stamp); inferred {
		ev.Fields = append(ev.Fields, timeline.Bool("year_inferred", true))
	}
	if e.stamp.zone == nil && !ev.Time.IsZero() {
		ev.Fields = append(ev.Fields, timeline.Text("zone_assumed", years.zone.String()))
	}
	if ev.Time.IsZero() {
		text("time_text", e.when)
	}
	if e.cut > 0 {
		ev.Fields = append(ev.Fields, timeline.Int("bytes_left_out", e.cut))
	}
	return ev
}

// message is plaso's wording: "[sshd, pid: 77] Accepted password for …".
func (e *entry) message() string {
	body := strings.TrimSpace(e.body)
	switch {
	case e.reporter == "" && body == "":
		return "(empty line)"
	case e.reporter == "":
		return body
	case e.pid == "":
		return "[" + e.reporter + "] " + body
	default:
		return "[" + e.reporter + ", pid: " + e.pid + "] " + body
	}
}
