package syslog

import (
	"strings"
	"time"
)

// A header is what stands before an entry's words, and the first line of those.
type header struct {
	stamp
	when     string // the stamp as it stands
	priority int    // RFC 3164, 4.1.1: facility times 8 and severity; -1: none
	host     string // empty: left out
	reporter string // the program; empty: not told
	pid      string // empty: not told
	id       string // RFC 5424 MSGID
	data     string // RFC 5424 STRUCTURED-DATA, as it stands
	comment  bool   // "Feb 29 01:15:43: --- last message repeated ---": nobody sends it
	framed   bool   // RFC 5424: nothing else looks like it
	body     string
}

// convincing tells whether a header is unlikely to begin the line of another format.
func (h *header) convincing() bool {
	return h.framed || h.reporter != "" || h.comment || h.priority >= 0
}

// The names of RFC 5424, 6.2.1, as syslog.h and plaso spell them.
var facilities = [...]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit",
	"alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

var severities = [...]string{"EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG"}

// readHeader reads the beginning of an entry; false: the line begins none.
func readHeader(line string) (header, bool) {
	h := header{priority: -1}
	rest := line
	if p, r, ok := priority(rest); ok {
		h.priority, rest = p, r
		if r, ok := strings.CutPrefix(rest, "1 "); ok {
			return h, h.protocol23(r)
		}
	}
	stamp, rest, ok := readStamp(rest)
	if !ok {
		return h, false
	}
	h.stamp, h.when = stamp, line[:len(line)-len(rest)]
	if body, ok := strings.CutPrefix(rest, ":"); ok {
		h.comment, h.body = true, strings.TrimPrefix(body, " ")
		return h, true
	}
	rest, ok = strings.CutPrefix(rest, " ")
	if !ok {
		return h, rest == ""
	}
	h.sender(rest)
	return h, true
}

// priority reads "<34>".
func priority(s string) (n int, rest string, ok bool) {
	if len(s) < 3 || s[0] != '<' {
		return 0, s, false
	}
	i := 1
	for ; i < len(s) && i < 5 && isDigit(s[i]); i++ {
		n = n*10 + int(s[i]-'0')
	}
	if i == 1 || i >= len(s) || s[i] != '>' || n >= 8*len(facilities) {
		return 0, s, false
	}
	return n, s[i+1:], true
}

// protocol23 reads what follows "<34>1 " in RFC 5424: TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG].
func (h *header) protocol23(s string) bool {
	stamp, rest, cut := strings.Cut(s, " ")
	if !cut {
		return false
	}
	if stamp != "-" {
		var ok bool
		if h.stamp, stamp, ok = readStamp(stamp); !ok || stamp != "" {
			return false
		}
	}
	var words [4]string
	for i := range words {
		if words[i], rest, cut = strings.Cut(rest, " "); !cut && i < 3 {
			return false
		}
		if words[i] == "-" {
			words[i] = ""
		}
	}
	h.host, h.reporter, h.pid, h.id = words[0], words[1], words[2], words[3]
	h.data, h.body = structured(rest)
	h.body = strings.TrimLeft(strings.TrimPrefix(h.body, "\ufeff"), " ")
	h.framed = true
	return true
}

// structured splits STRUCTURED-DATA from the message: "-", or elements in brackets in which quotes hide a bracket.
func structured(s string) (data, rest string) {
	if r, ok := strings.CutPrefix(s, "-"); ok {
		return "", strings.TrimPrefix(r, " ")
	}
	at, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case i == at && s[i] != '[':
			return s[:at], strings.TrimPrefix(s[at:], " ")
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ']' && !quoted:
			at = i + 1
		}
	}
	return s[:at], strings.TrimPrefix(s[at:], " ")
}

// sender reads "host tag[pid]: body" of RFC 3164, 4.1.2 and 4.1.3, and its forms without host or without tag.
func (h *header) sender(s string) {
	if tag, pid, body, ok := readTag(s); ok {
		h.reporter, h.pid, h.body = tag, pid, body
		return
	}
	host, rest, ok := strings.Cut(s, " ")
	if !ok || strings.ContainsAny(host, "[]():=\"'") && !strings.Contains(host, ":") {
		h.body = s
		return
	}
	h.host = host
	if tag, pid, body, ok := readTag(strings.TrimLeft(rest, " ")); ok {
		h.reporter, h.pid, h.body = tag, pid, body
		return
	}
	h.body = rest
}

const maxTag = 128 // RFC 3164 says 32; systemd units and containers go beyond

// readTag reads "tag: ", "tag[pid]: " and "[tag]: ". The colon may be missing behind a bracket.
func readTag(s string) (tag, pid, body string, ok bool) {
	end := strings.IndexAny(s, " :[")
	if end == 0 && s[0] == '[' { // "[sshd]: User root …"
		if name, rest, cut := strings.Cut(s[1:], "]"); cut && len(name) <= maxTag && !strings.ContainsAny(name, " [.") && name != "" {
			return name, "", trimBody(rest), true
		}
	}
	if end <= 0 || end > maxTag {
		return "", "", "", false
	}
	tag = s[:end]
	switch s[end] {
	case ':':
		if end+1 < len(s) && s[end+1] != ' ' && s[end+1] != '\t' {
			return "", "", "", false // "::1", "12:30"
		}
		return tag, "", trimBody(s[end:]), true
	case '[':
		pid, rest, cut := strings.Cut(s[end+1:], "]")
		if !cut || pid == "" || len(pid) > maxTag || strings.ContainsAny(pid, " [") {
			return "", "", "", false
		}
		return tag, pid, trimBody(rest), true
	}
	return "", "", "", false
}

func trimBody(s string) string { return strings.TrimLeft(strings.TrimPrefix(s, ":"), " ") }

// A stamp is a date and time as an entry spells it. Month 0: the entry has none.
type stamp struct {
	year  int // 0: left out
	month time.Month
	day   int
	clock time.Duration  // since midnight
	zone  *time.Location // nil: left out
}

func (s stamp) at(year int, zone *time.Location) time.Time {
	return time.Date(year, s.month, s.day, 0, 0, 0, 0, time.UTC).Add(s.clock).Add(-offset(year, s, zone)).UTC()
}

// offset is the zone's at the wall-clock time.
func offset(year int, s stamp, zone *time.Location) time.Duration {
	c := int(s.clock / time.Second)
	_, seconds := time.Date(year, s.month, s.day, c/3600, c/60%60, c%60, 0, zone).Zone()
	return time.Duration(seconds) * time.Second
}

// leap is the latest year, not after y, in which the stamp's day exists.
func (s stamp) leap(y int) int {
	for s.month == time.February && s.day == 29 && y > 4 && (y%4 != 0 || y%100 == 0 && y%400 != 0) {
		y--
	}
	return y
}

// readStamp reads "Jan  2 15:04:05", with a fraction, a year after the day, or as RFC 3339.
func readStamp(s string) (stamp, string, bool) {
	if len(s) > 0 && isDigit(s[0]) {
		return readISO(s)
	}
	if len(s) < 14 {
		return stamp{}, s, false
	}
	st := stamp{month: month(s[:3])}
	rest := strings.TrimLeft(s[3:], " ")
	if st.month == 0 || s[3] != ' ' {
		return stamp{}, s, false
	}
	var ok bool
	if st.day, rest, ok = number(rest, 1, 2); !ok || st.day < 1 || st.day > 31 || !strings.HasPrefix(rest, " ") {
		return stamp{}, s, false
	}
	rest = strings.TrimLeft(rest, " ")
	if y, r, ok := number(rest, 4, 4); ok && strings.HasPrefix(r, " ") && y > 1900 {
		st.year, rest = y, r[1:]
	}
	if st.clock, rest, ok = clock(rest); !ok || !st.exists() {
		return stamp{}, s, false
	}
	return st, rest, true
}

// exists refuses days the month does not have.
func (s stamp) exists() bool {
	if s.month == time.February && s.day == 29 && s.year == 0 {
		return true
	}
	return time.Date(s.year, s.month, s.day, 0, 0, 0, 0, time.UTC).Day() == s.day
}

// readISO reads RFC 3339, with or without zone.
func readISO(s string) (stamp, string, bool) {
	var st stamp
	y, r, ok1 := number(s, 4, 4)
	r, dash1 := strings.CutPrefix(r, "-")
	mo, r, ok2 := number(r, 2, 2)
	r, dash2 := strings.CutPrefix(r, "-")
	d, r, ok3 := number(r, 2, 2)
	r, tee := strings.CutPrefix(r, "T")
	if !ok1 || !ok2 || !ok3 || !dash1 || !dash2 || !tee || mo < 1 || mo > 12 || d < 1 || d > 31 || y == 0 {
		return st, s, false
	}
	st = stamp{year: y, month: time.Month(mo), day: d}
	var ok bool
	if st.clock, r, ok = clock(r); !ok || !st.exists() {
		return st, s, false
	}
	st.zone, r, ok = zone(r)
	return st, r, ok
}

// zone reads "Z", "+01:00" or "+0100", or nothing.
func zone(s string) (*time.Location, string, bool) {
	if r, ok := strings.CutPrefix(s, "Z"); ok {
		return time.UTC, r, true
	}
	if s == "" || s[0] != '+' && s[0] != '-' {
		return nil, s, true
	}
	h, r, ok1 := number(s[1:], 2, 2)
	m, r, ok2 := number(strings.TrimPrefix(r, ":"), 2, 2)
	if !ok1 || !ok2 || h > 15 || m > 59 {
		return nil, s, false
	}
	seconds := h*3600 + m*60
	switch {
	case seconds == 0:
		return time.UTC, r, true
	case s[0] == '-':
		seconds = -seconds
	}
	return time.FixedZone("", seconds), r, true
}

// clock reads "15:04:05", with a fraction of up to nine digits. A leap second is the second before.
func clock(s string) (time.Duration, string, bool) {
	h, r, ok1 := number(s, 2, 2)
	r, c1 := strings.CutPrefix(r, ":")
	m, r, ok2 := number(r, 2, 2)
	r, c2 := strings.CutPrefix(r, ":")
	sec, r, ok3 := number(r, 2, 2)
	if !ok1 || !ok2 || !ok3 || !c1 || !c2 || h > 23 || m > 59 || sec > 60 {
		return 0, s, false
	}
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(min(sec, 59))*time.Second
	if len(r) > 1 && (r[0] == '.' || r[0] == ',') && isDigit(r[1]) {
		unit := time.Second
		for r = r[1:]; len(r) > 0 && isDigit(r[0]); r = r[1:] {
			unit /= 10
			d += time.Duration(r[0]-'0') * unit
		}
	}
	return d, r, true
}

// number reads a decimal number of least to most digits.
func number(s string, least, most int) (n int, rest string, ok bool) {
	i := 0
	for ; i < len(s) && i < most && isDigit(s[i]); i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n, s[i:], i >= least
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func month(s string) time.Month {
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	if i := strings.Index(names, s); i >= 0 && i%3 == 0 {
		return time.Month(i/3 + 1)
	}
	return 0
}
