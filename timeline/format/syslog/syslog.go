// Package syslog reads the text logs of syslog daemons: the traditional form of RFC 3164 (as rsyslog, syslog-ng, busybox
// and journalctl write it to files, with and without priority), RFC 5424, the RFC 3339 form that rsyslog writes by default
// since Debian 12, and what network devices send. Dialects may be mixed in a file, as an upgrade leaves them.
//
// The traditional form has neither year nor zone. The year is inferred: the last entry is not later than the file's
// modification time, and going back, each step from January to December is a year; an entry of the same file that has
// its year is believed instead. Such events carry year_inferred. The zone is the host's, named in zone_assumed.
//
// Lines that begin no entry belong to the one before. Package daemons reads the words of known programs into fields.
package syslog

import (
	"strings"

	"spor/timeline/dates"
	"spor/timeline/format/daemons"
	"spor/timeline/format/webaccess"
	"spor/timeline/format/weberror"
	"spor/timeline/textlog"
)

// Format is the parser of syslog files.
var Format = (&textlog.Dialect{Name: "syslog", Type: "syslog:line", Begin: begin, Sure: sure, Read: read}).Format()

// begin reads what stands before the host: priority, number, date.
func begin(line string) (dates.Stamp, int, bool) {
	if len(line) < 5 {
		return dates.Stamp{}, 0, false
	}
	at := 0
	if line[0] == '<' {
		_, n := priority(line)
		if at = n; n > 0 && strings.HasPrefix(line[n:], "1 ") {
			return protocol23(line, n+2)
		}
		if n > 0 && strings.HasPrefix(line[n:], " 2") { // Cisco ASA with timestamps of RFC 5424, without its version
			at++
		}
	}
	stamp, n := stampAt(line[at:])
	if n == 0 {
		if at > 0 {
			return cisco(line, at)
		}
		return dates.Stamp{}, 0, false
	}
	if at += n; at < len(line) && line[at] != ' ' && line[at] != ':' {
		return dates.Stamp{}, 0, false
	}
	return stamp, at, true
}

// cisco reads the date in "<190>2361044: sw01: Jan  6 2022 22:11:43.398 UTC: %SYS-6-BAR: ", where a number that counts
// messages, a host, and a number of its own may stand before it (Cisco IOS, service sequence-numbers, logging origin-id).
func cisco(line string, at int) (dates.Stamp, int, bool) {
	const parts = 4
	for range parts {
		_, rest, ok := strings.Cut(line[at:], ": ")
		if !ok || len(line)-at-len(rest) > 80 {
			break
		}
		at = len(line) - len(rest)
		if first := strings.IndexByte(rest, ' '); first > 0 && strings.Count(rest[:first], ".") == 3 { // "192.0.2.7 3132513: "
			continue
		}
		if st, n := stampAt(rest); n > 0 {
			zone := strings.IndexByte(rest[n:], ':')
			return st, at + n, zone >= 0 && zone <= 6 && strings.HasPrefix(rest[n+zone:], ": %")
		}
	}
	return dates.Stamp{}, 0, false
}

// stampAt reads a date of any dialect. Those that other logs write too must be followed by a host and a program.
func stampAt(s string) (dates.Stamp, int) {
	if s == "" {
		return dates.Stamp{}, 0
	}
	switch c := s[0]; {
	case c-'0' <= 9:
		return numbered(s)
	case c == '*' || c == '.': // Cisco: the clock is not synchronised
		if st, n := dates.BSD(s[1:]); n > 0 {
			return st, n + 1
		}
		return dates.Stamp{}, 0
	}
	if st, n := dates.BSD(s); n > 0 {
		return st, n
	}
	if len(s) < 4 || s[3] != ' ' {
		return dates.Stamp{}, 0
	}
	if st, n := dates.CTime(s); n > 0 && named(s[n:]) {
		return st, n
	}
	return shortFull(s)
}

// shortFull reads "Fri 2026-11-20 09:00:00 CET", as journalctl -o short-full writes. Letters of a zone that have more than
// one meaning have that of the host's own.
func shortFull(s string) (dates.Stamp, int) {
	st, n := dates.ISO(s[4:])
	if n == 0 || strings.IndexByte("MTWFS", s[0]) < 0 {
		return dates.Stamp{}, 0
	}
	if n += 4; !st.Zoned {
		zone, _, ok := strings.Cut(strings.TrimPrefix(s[n:], " "), " ")
		if !ok || len(zone) < 2 || len(zone) > 5 || strings.Trim(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return dates.Stamp{}, 0
		}
		n += 1 + len(zone)
	}
	if !named(s[n:]) {
		return dates.Stamp{}, 0
	}
	return st, n
}

// numbered reads a date that begins with a digit, or a number before it, as Cisco counts messages.
func numbered(s string) (dates.Stamp, int) {
	if st, n := dates.RFC3339(s); n > 0 {
		return st, n
	}
	if st, n := dates.ISO(s); n > 0 {
		if named(s[n:]) {
			return st, n
		}
		return dates.Stamp{}, 0
	}
	if st, n := dates.BSD(s); n > 0 && (named(s[n:]) || strings.HasPrefix(s[n:], ": %")) {
		return st, n
	}
	if st, n := dates.Epoch(s); n > 0 && named(s[n:]) {
		return st, n
	}
	if number, rest, ok := strings.Cut(s, ": "); ok && len(number) <= 10 && strings.Trim(number, "0123456789") == "" {
		if c := rest[:min(1, len(rest))]; c == "" || c[0]-'0' <= 9 {
			return dates.Stamp{}, 0
		}
		if st, n := stampAt(rest); n > 0 {
			return st, n + len(number) + 2
		}
	}
	return dates.Stamp{}, 0
}

// named tells whether a host and a program follow.
func named(s string) bool {
	if s == "" || s[0] != ' ' {
		return false
	}
	var h header
	h.sender(s[1:])
	return h.reporter != ""
}

// sure tells whether an entry is unlikely to be another format's.
func sure(line string) bool {
	var h header
	_, at, ok := begin(line)
	if !ok {
		return false
	}
	h.read(line, at)
	return h.framed || h.reporter != "" || h.comment || h.priority >= 0 || strings.HasPrefix(h.body, "CEF:") || strings.HasPrefix(h.body, "LEEF:")
}

// read gives the entry in plaso's shape, syslog:line (entries without a sender: syslog:comment).
func read(e *textlog.Entry) {
	var h header
	h.read(e.Text, e.At)
	if !h.stamp.IsZero() {
		e.Stamp = h.stamp
	}
	if h.comment {
		e.Type = "syslog:comment"
	}
	e.Add("hostname", h.host)
	e.Add("reporter", h.reporter)
	if !e.Digits("pid", h.pid) {
		e.Add("process", h.pid) // RFC 5424 allows any word
	}
	switch {
	case h.priority >= 0:
		e.Add("facility", facilities[h.priority/8])
		e.Add("severity", severities[h.priority%8])
	case h.facility != "":
		e.Add("facility", h.facility)
		e.Add("severity", severityNames[h.severity])
	case h.severity != "":
		e.Add("severity", vmware[h.severity])
	}
	e.Add("message_identifier", h.id)
	e.Add("structured_data", h.data)
	if webaccess.Carried(e, h.reporter, h.body) || weberror.Carried(e, h.reporter, h.body) {
		return
	}
	e.Add("body", h.body)
	switch {
	case h.reporter == "CheckPoint" && h.body == "":
		daemons.CheckPoint(&e.Fields, h.data)
	case h.reporter == "ERAServer" && strings.HasPrefix(h.body, "{"):
		daemons.ESET(e, h.body)
	case strings.HasPrefix(h.data, "[junos@"):
		junos(e, &h)
	case h.reporter != "":
		daemons.Read(&e.Fields, h.reporter, h.body)
	case daemons.Exchanged(&e.Fields, h.body):
	case strings.HasPrefix(h.body, "date=") || strings.HasPrefix(h.body, "devname="):
		daemons.FortiGate(&e.Fields, h.body)
	default:
		if at, n := daemons.NetScalerDate(h.body); n > 0 && daemons.NetScaler(&e.Fields, h.body[n:]) {
			e.Stamp = at
		}
	}
	body := strings.TrimSpace(h.body)
	if body == "" && h.data != "" {
		body = e.Join(h.id, " ", h.data)
	}
	switch { // plaso's wording: "[sshd, pid: 77] Accepted password for …"
	case h.reporter == "":
		e.Message = body
	case h.pid == "":
		e.Message = e.Join("[", h.reporter, "] ", body)
	default:
		e.Message = e.Join("[", h.reporter, ", pid: ", h.pid, "] ", body)
	}
	if e.Message == "" {
		e.Message = "(empty line)"
	}
}
