package syslog

import (
	"strings"

	"spor/timeline/dates"
)

// A header is what stands before an entry's words, and the words.
type header struct {
	priority int    // RFC 3164, 4.1.1: facility times 8 and severity; -1: none
	facility string // as busybox and BSD spell it, where there is no priority
	severity string
	host     string // empty: left out
	reporter string // the program; empty: not told
	pid      string // empty: not told
	id       string // RFC 5424 MSGID
	data     string // RFC 5424 STRUCTURED-DATA, as it stands
	comment  bool   // "Feb 29 01:15:43: --- last message repeated ---": nobody sends it
	framed   bool   // RFC 5424: nothing else looks like it
	body     string
	stamp    dates.Stamp // in the words, which a relay put its own header before; zero: none
}

// The names of RFC 5424, 6.2.1, as syslog.h and plaso spell them.
var facilities = [...]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit",
	"alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

var severities = [...]string{"EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG"}

// severityNames are the severities as syslog.conf(5) spells them.
var severityNames = map[string]string{
	"emerg": "EMERG", "panic": "EMERG", "alert": "ALERT", "crit": "CRIT", "err": "ERR", "error": "ERR", "warning": "WARNING", "warn": "WARNING",
	"notice": "NOTICE", "info": "INFO", "debug": "DEBUG",
}

// read reads an entry whose words, or sender, begin at at.
func (h *header) read(text string, at int) {
	h.priority = -1
	if text[0] == '<' {
		p, n := priority(text)
		h.priority = p
		if strings.HasPrefix(text[n:], "1 ") {
			h.framed = true
			h.words23(text[at:])
			return
		}
	}
	rest := text[at:]
	if strings.HasPrefix(rest, ":") {
		rest = strings.TrimPrefix(rest[1:], " ")
		if !strings.HasPrefix(rest, "%") { // Cisco: "Mar  1 18:46:11.123: %SYS-5-CONFIG_I: …"
			h.comment, h.body = true, rest
			return
		}
	} else if rest != "" {
		rest = rest[1:]
	}
	if strings.HasPrefix(rest, "--- last message repeated ") { // macOS
		h.comment, h.body = true, rest
		return
	}
	if at > 0 && text[at-1] == 'Z' { // UTC by that letter: VMware ESXi
		rest = h.level(rest)
	}
	if strings.HasPrefix(rest, "<") { // FreeBSD: "Mar  1 18:46:11 <auth.info> host sshd[5]: …"
		if names, after, ok := strings.Cut(rest[1:], "> "); ok && h.spelled(names) {
			rest = after
		}
	}
	if len(rest) > 8 && rest[0]-'A' <= 25 && rest[1]-'A' <= 25 { // Cisco: "EDT: %SYS-5-CONFIG_I: …"
		if zone, _, ok := strings.Cut(rest[:8], ": %"); ok && strings.Trim(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
			rest = rest[len(zone)+2:]
		}
	}
	h.sender(rest)
	h.relayed()
}

// relayed reads "1 2026-03-09T09:00:00+01:00 host app - - - words", RFC 5424 behind the header of a relay that does not know it.
func (h *header) relayed() {
	if h.counted() {
		return
	}
	said, ok := strings.CutPrefix(h.body, "1 ")
	if !ok || h.reporter != "" {
		return
	}
	st, at, ok := protocol23(said, 0)
	if !ok || st.IsZero() {
		return
	}
	h.stamp, h.framed = st, true
	h.words23(said[at:])
}

// counted reads "3132779: Jul 14 2023 08:23:43.398 UTC: %SYS-6-BAR: words" of Cisco's behind a relay's header, where the number
// was taken for the program, or stands behind the host's name.
func (h *header) counted() bool {
	said := h.body
	if said == "" || said[0]-'0' > 9 && (h.reporter == "" || h.reporter[0]-'0' > 9) { // nearly every line
		return false
	}
	if number, rest, ok := strings.Cut(said, ": "); ok && number != "" && len(number) <= 10 && strings.Trim(number, "0123456789") == "" {
		said = rest
	} else if h.reporter == "" || h.reporter[0]-'0' > 9 || strings.Trim(h.reporter, "0123456789") != "" {
		return false
	}
	st, n := stampAt(said)
	if n == 0 {
		return false
	}
	_, words, ok := strings.Cut(said[n:], ": ")
	if !ok || !strings.HasPrefix(words, "%") {
		return false
	}
	h.stamp = st
	h.sender(words)
	return true
}

// vmware are the levels that VMware's own daemons write before their name, and what they are here.
var vmware = map[string]string{
	"panic": "EMERG", "crit": "CRIT", "error": "ERR", "Er": "ERR", "warning": "WARNING", "Wa": "WARNING", "info": "INFO", "In": "INFO", "verbose": "DEBUG", "trivia": "DEBUG", "Db": "DEBUG", "No": "NOTICE", "Al": "ALERT", "Cr": "CRIT", "Em": "EMERG",
}

// level reads what VMware ESXi writes instead of a host: "info hostd[526501] …", and since 8.0 "In(182) vmkernel: …", with
// the priority in brackets.
func (h *header) level(s string) string {
	word, rest, ok := strings.Cut(s, " ")
	if !ok || len(word) > 8 {
		return s
	}
	if name, number, ok := strings.Cut(word, "("); ok && vmware[name] != "" && strings.HasSuffix(number, ")") {
		p, n := priority("<" + number[:len(number)-1] + ">")
		if n == 0 {
			return s
		}
		h.priority = p
		return rest
	}
	var named header
	if vmware[word] == "" || !named.tag(rest) {
		return s
	}
	h.severity = word
	return rest
}

// spelled reads "auth.info".
func (h *header) spelled(s string) bool {
	if len(s) < 8 || len(s) > 20 || strings.IndexByte(s, '.') < 3 {
		return false
	}
	facility, severity, ok := strings.Cut(s, ".")
	if !ok || severityNames[severity] == "" {
		return false
	}
	h.facility, h.severity = facility, severity
	return true
}

// priority reads "<34>" and how long it is; 0: there is none.
func priority(s string) (p, length int) {
	i := 1
	for ; i < len(s) && i < 5 && s[i]-'0' <= 9; i++ {
		p = p*10 + int(s[i]-'0')
	}
	if i == 1 || i >= len(s) || s[i] != '>' || p >= 8*len(facilities) {
		return -1, 0
	}
	return p, i + 1
}

// protocol23 reads the date in "<34>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG]" of RFC 5424, and
// asks that the words after it are there.
func protocol23(line string, at int) (dates.Stamp, int, bool) {
	var stamp dates.Stamp
	if strings.HasPrefix(line[at:], "- ") {
		at++
	} else {
		st, n := dates.RFC3339(line[at:])
		if n == 0 {
			return stamp, 0, false
		}
		stamp, at = st, at+n
	}
	rest := line[at:]
	for range 4 {
		i := strings.IndexByte(rest, ' ')
		if i < 0 {
			return stamp, 0, false
		}
		rest = rest[i+1:]
	}
	return stamp, at, line[at] == ' '
}

// words23 reads what follows the date in RFC 5424.
func (h *header) words23(rest string) {
	rest = strings.TrimPrefix(rest, " ")
	for _, word := range [...]*string{&h.host, &h.reporter, &h.pid, &h.id} {
		if *word, rest, _ = strings.Cut(rest, " "); *word == "-" {
			*word = ""
		}
	}
	h.reporter = strings.TrimSuffix(h.reporter, ":") // of the form before, by mistake
	h.data, h.body = structured(rest)
	h.body = strings.TrimLeft(strings.TrimPrefix(h.body, "\ufeff"), " ")
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

// sender reads "host tag[pid]: body" of RFC 3164, 4.1.2 and 4.1.3, and its forms without host or without tag, or with a
// facility before the tag, as busybox writes.
func (h *header) sender(s string) {
	if h.tag(s) {
		return
	}
	end := strings.IndexByte(s, ' ')
	if end <= 0 || !isHost(s[:end]) {
		h.body = s
		return
	}
	host, rest := s[:end], strings.TrimLeft(s[end:], " ")
	if strings.HasPrefix(rest, ": %") { // Cisco ASA
		rest = rest[2:]
	}
	if h.spelled(host) { // OpenWrt leaves the host out
		if !h.tag(rest) {
			h.body = rest
		}
		return
	}
	h.host = host
	if h.tag(rest) {
		return
	}
	if names, after, ok := strings.Cut(rest, " "); ok && h.spelled(names) {
		if !h.tag(after) {
			h.body = after
		}
		return
	}
	h.body = rest
}

// isHost refuses words with brackets, quotes or "=", unless a colon says that it is an address.
func isHost(s string) bool {
	odd := false
	for i := range len(s) {
		switch s[i] {
		case ':':
			return true
		case '[', ']', '(', ')', '=', '"', '\'':
			odd = true
		}
	}
	return !odd
}

const maxTag = 128 // RFC 3164 says 32; systemd units and containers go beyond

// tag reads "tag: ", "tag[pid]: " and "[tag]: ", and the words behind it. The colon may be missing behind a bracket.
func (h *header) tag(s string) bool {
	end := 0
	for end < len(s) && end <= maxTag && s[end] != ' ' && s[end] != ':' && s[end] != '[' {
		end++
	}
	if end == len(s) || end > maxTag {
		return false
	}
	if end == 0 {
		return s[0] == '[' && h.bracketed(s)
	}
	switch s[end] {
	case ':':
		if end+1 < len(s) && s[end+1] != ' ' && s[end+1] != '\t' {
			return false // "::1", "12:30"
		}
		h.reporter, h.body = s[:end], trimBody(s[end:])
		return true
	case '[':
		n := strings.IndexByte(s[end:], ']')
		pid := s[end+1 : end+max(n, 1)]
		if pid == "" || len(pid) > maxTag || strings.IndexByte(pid, ' ') >= 0 || strings.IndexByte(pid, '[') >= 0 {
			return false
		}
		h.reporter, h.pid, h.body = s[:end], pid, trimBody(s[end+n+1:])
		return true
	}
	return false
}

// bracketed reads "[sshd]: User root …".
func (h *header) bracketed(s string) bool {
	name, rest, ok := strings.Cut(s[1:], "]")
	if !ok || len(name) > maxTag || name == "" || strings.ContainsAny(name, " [.") {
		return false
	}
	h.reporter, h.body = name, trimBody(rest)
	return true
}

func trimBody(s string) string {
	if s != "" && s[0] == ':' {
		s = s[1:]
	}
	for s != "" && s[0] == ' ' {
		s = s[1:]
	}
	return s
}
