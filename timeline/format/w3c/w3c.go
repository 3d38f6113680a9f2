// Package w3c reads logs whose lines are described by a line of their own, "#Fields: date time c-ip …": the W3C extended
// format (www.w3.org/TR/WD-logfile) of IIS, of its HTTP.sys (HTTPERR), FTP and SMTP services, of the Windows Firewall and
// of others, and with commas between the values the logs of Exchange Server. The fields may change in mid file. IIS' own
// older format, fixed and with commas, is read too.
//
//   - IIS: learn.microsoft.com, "W3C Logging", "IIS Log File Formats"; times are UTC whatever the rollover
//   - HTTPERR: learn.microsoft.com, "Error logging in HTTP APIs"; UTC
//   - Windows Firewall: "#Time Format: Local"
//   - Exchange: learn.microsoft.com, "Message tracking", "Protocol logging"; UTC
//
// What serves HTTP gives the events of package web. IIS writes "+" for a blank and "-" for what is absent; the values stay
// as they are logged.
package w3c

import (
	"bytes"
	"errors"
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/web"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package.
var Formats = []*timeline.Format{
	described(),
	(&textlog.Dialect{Name: "iis_native", Type: web.Access, Begin: nativeBegin, Read: native, Single: true}).Format(),
}

// described is the parser of what has "#Fields:".
func described() *timeline.Format {
	f := (&textlog.Dialect{Name: "w3c", Type: "w3c:line", Begin: begin, New: newLog, Single: true}).Format()
	f.Sniff = sniff
	return f
}

// sniff asks for a line of fields that a date or a time is among; HTTP proxy logs of Exchange begin with such a line
// without its mark.
func sniff(_ string, head []byte) bool {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	if exchangeHeader(string(head[:min(len(head), 64)])) {
		return true
	}
	if len(head) == 0 || head[0] != '#' {
		return false
	}
	for line := range bytes.Lines(head) {
		if line[0] != '#' {
			return false
		}
		if fields, ok := bytes.CutPrefix(line, []byte("#Fields:")); ok {
			lower := bytes.ToLower(fields)
			return bytes.Contains(lower, []byte("date")) || bytes.Contains(lower, []byte("time"))
		}
	}
	return false
}

// exchangeHeader tells a line that names fields without saying so.
func exchangeHeader(line string) bool {
	return strings.HasPrefix(line, "DateTime,") || strings.HasPrefix(line, "date-time,") || strings.HasPrefix(line, "dateTime,sessionId,") || strings.HasPrefix(line, "TimeStamp,")
}

// begin reads the date where it comes first, as it nearly always does.
func begin(line string) (dates.Stamp, int, bool) {
	if line == "" || line[0] == '#' {
		return dates.Stamp{}, 0, line != ""
	}
	s, _ := dates.ISO(line)
	return s, 0, true
}

// A column says what a field is.
type column struct {
	slot  web.Slot
	name  string
	role  role
	digit bool
}

type role uint8

const (
	plain role = iota
	day
	clock
	both     // date and time
	took     // in milliseconds
	message  // what happened, in words
	endpoint // "192.0.2.7:25"
)

// columns are the fields that have a place, by their name in lower case.
var columns = map[string]column{
	"date": {role: day}, "time": {role: clock}, "date-time": {role: both}, "datetime": {role: both}, "timestamp": {role: both},
	"c-ip": {slot: web.Address}, "c-port": {slot: web.ClientPort}, "cs-username": {slot: web.User}, "cs-method": {slot: web.Method}, "cs-uri-stem": {slot: web.URL}, "cs-uri": {slot: web.URL},
	"cs-uri-query": {slot: web.Query}, "cs-version": {slot: web.Version}, "sc-status": {slot: web.Status}, "c-status": {slot: web.Status}, "sc-bytes": {slot: web.Sent}, "cs-bytes": {slot: web.Received},
	"cs(referer)": {slot: web.Referer}, "cs(user-agent)": {slot: web.Agent}, "cs(cookie)": {slot: web.Cookie}, "cs-host": {slot: web.Server}, "cs(host)": {slot: web.Server}, "s-port": {slot: web.Port},
	"s-ip": {slot: web.ServerIP}, "x-forwarded-for": {slot: web.Forwarded}, "cs(x-forwarded-for)": {slot: web.Forwarded}, "time-taken": {role: took},
	"s-sitename": {name: "site_name"}, "s-computername": {name: "computer_name"}, "sc-substatus": {name: "http_response_substatus", digit: true}, "sc-win32-status": {name: "win32_status", digit: true},
	"s-reason": {name: "reason", role: message}, "s-siteid": {name: "site_identifier"}, "s-queuename": {name: "queue_name"},
	// Windows Firewall, by plaso's names
	"action": {name: "action"}, "protocol": {name: "protocol"}, "src-ip": {name: "source_ip"}, "dst-ip": {name: "destination_ip"}, "src-port": {name: "source_port", digit: true}, "dst-port": {name: "destination_port", digit: true},
	"size": {name: "packet_size", digit: true}, "tcpflags": {name: "tcp_flags"}, "tcpsyn": {name: "tcp_sequence_number", digit: true}, "tcpack": {name: "tcp_ack", digit: true}, "tcpwin": {name: "tcp_window_size", digit: true},
	"icmptype": {name: "icmp_type", digit: true}, "icmpcode": {name: "icmp_code", digit: true}, "info": {name: "information"}, "path": {name: "direction"},
	// Exchange: message tracking, protocol logs, HTTP proxy
	"client-ip": {slot: web.Address}, "clientipaddress": {slot: web.Address}, "clientip": {slot: web.Address}, "cip": {role: endpoint, slot: web.Address}, "remote-endpoint": {role: endpoint, slot: web.Address},
	"server-ip": {slot: web.ServerIP}, "event-id": {name: "event", role: message}, "event": {name: "event"}, "sender-address": {name: "sender"}, "recipient-address": {name: "recipient"}, "message-subject": {name: "subject"},
	"message-id": {name: "message_identifier"}, "total-bytes": {name: "size", digit: true}, "recipient-count": {name: "recipient_count", digit: true}, "data": {name: "data", role: message}, "user": {slot: web.User},
	"authenticateduser": {slot: web.User}, "method": {slot: web.Method}, "urlstem": {slot: web.URL}, "urlquery": {slot: web.Query}, "httpstatus": {slot: web.Status}, "useragent": {slot: web.Agent},
	"urlhost": {slot: web.Server}, "command": {name: "command", role: message}, "requestbytes": {slot: web.Received}, "responsebytes": {slot: web.Sent}, "totalrequesttime": {role: took},
}

// maxColumns bounds the fields of a line; Exchange's HTTP proxy has about a hundred.
const maxColumns = 256

// A log is one file while it is read.
type log struct {
	columns  []column
	comma    bool
	local    bool // times are not UTC
	day      string
	software string
	kind     string // of Exchange's logs
	kernel   bool   // of HTTP.sys
	request  bool   // there is a URL
	files    bool   // of FTP
	dated    bool   // a line begins with its date and time
	site     int    // the column of the site; negative: there is none
	named    []int
	values   []string
	scratch  [32]byte
}

func newLog() func(*textlog.Entry) {
	var l log
	return l.read
}

var (
	errFields  = errors.New("the line has not as many values as there are fields")
	errNoField = errors.New("no line has said what the fields are")
)

func (l *log) read(e *textlog.Entry) {
	if l.directive(e.Text) {
		e.Skip = true
		return
	}
	if len(l.columns) == 0 {
		e.Damage = errNoField
		return
	}
	l.split(e)
	if n := len(l.values); n > len(l.columns) || n < len(l.columns) && e.Cut == 0 {
		e.Damage = errFields
		return
	}
	l.give(e)
}

// directive reads "#Fields: …" and its like.
func (l *log) directive(line string) bool {
	if l.comma && exchangeHeader(line) || len(l.columns) == 0 && exchangeHeader(line) {
		l.fields(line)
		return true
	}
	if line[0] != '#' {
		return false
	}
	key, value, _ := strings.Cut(line[1:], ":")
	value = strings.TrimSpace(value)
	switch strings.ToLower(key) {
	case "fields":
		l.fields(value)
	case "software":
		l.software = value
	case "log-type":
		l.kind = value
	case "date":
		l.day, _, _ = strings.Cut(value, " ")
	case "time format":
		l.local = strings.EqualFold(value, "local")
	}
	return true
}

// fields reads the names of the fields.
func (l *log) fields(names string) {
	l.columns, l.named, l.site = l.columns[:0], l.named[:0], -1
	l.kernel, l.request, l.files = false, false, false
	l.comma = strings.IndexByte(names, ',') >= 0
	by := " \t"
	if l.comma {
		by = ","
	}
	for name := range strings.FieldsFuncSeq(names, func(r rune) bool { return strings.ContainsRune(by, r) }) {
		if len(l.columns) == maxColumns {
			break
		}
		lower := strings.ToLower(strings.TrimSpace(name))
		c, ok := columns[lower]
		if !ok {
			c = column{name: fieldName(lower)}
		}
		if c.name != "" {
			l.named = append(l.named, len(l.columns))
		}
		switch lower {
		case "s-reason":
			l.kernel = true
		case "x-fullpath":
			l.files = true
		case "s-sitename":
			l.site = len(l.columns)
		}
		l.columns = append(l.columns, c)
		l.request = l.request || c.slot == web.URL
	}
	n := len(l.columns)
	l.dated = n > 0 && l.columns[0].role == both || n > 1 && l.columns[0].role == day && l.columns[1].role == clock
}

// fieldName makes a field's name of a column's.
func fieldName(lower string) string {
	b := []byte(lower)
	for i, c := range b {
		if (c < 'a' || c > 'z') && c-'0' > 9 {
			b[i] = '_'
		}
	}
	return strings.Trim(string(b), "_")
}

// split cuts a line into its values. Between them are blanks, also several; a value with blanks within is in quotes, where
// the number of fields says so, for IIS does not hide a quote of the client's.
func (l *log) split(e *textlog.Entry) {
	if l.comma {
		l.values = e.Columns(l.values, e.Text, ',')
		if n := len(l.values); n == len(l.columns)+1 && l.values[n-1] == "" {
			l.values = l.values[:n-1]
		}
		return
	}
	l.values = words(l.values[:0], e.Text, false)
	if len(l.values) != len(l.columns) && strings.IndexByte(e.Text, '"') >= 0 {
		l.values = words(l.values[:0], e.Text, true)
	}
}

// words cuts at blanks; quotes hide them.
func words(values []string, s string, quotes bool) []string {
	if !quotes && strings.IndexByte(s, '\t') < 0 {
		return blanks(values, s)
	}
	for i := 0; len(values) <= maxColumns; {
		for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
			i++
		}
		if i == len(s) {
			break
		}
		if quotes && s[i] == '"' {
			if text, rest, ok := web.Quoted(s[i:]); ok {
				values, i = append(values, text), len(s)-len(rest)
				continue
			}
		}
		start := i
		for i < len(s) && s[i] != ' ' && s[i] != '\t' {
			i++
		}
		values = append(values, s[start:i])
	}
	return values
}

// blanks cuts at blanks alone.
func blanks(values []string, s string) []string {
	for len(values) <= maxColumns {
		for s != "" && s[0] == ' ' {
			s = s[1:]
		}
		if s == "" {
			break
		}
		end := 1 // most values that are absent, and many numbers
		if len(s) > 1 && s[1] != ' ' {
			if end = strings.IndexByte(s, ' '); end < 0 {
				end = len(s)
			}
		}
		values, s = append(values, s[:end]), s[end:]
	}
	return values
}

// give makes the event of the values.
func (l *log) give(e *textlog.Entry) {
	var r web.Request
	date, time, said := l.day, "", ""
	known := l.dated && !e.Stamp.IsZero() // begin has read it
	if !known {
		e.Stamp = dates.Stamp{}
	}
	for i, v := range l.values {
		switch c := &l.columns[i]; {
		case v == "" || v == "-":
		case c.role == day:
			date = v
		case c.role == clock:
			time = v
		case c.role == both:
			if !known {
				e.Stamp, _ = dates.ISO(v)
			}
		case c.role == took:
			r.Took(v, 1000)
		case c.role == endpoint:
			r.Values[c.slot], r.Values[c.slot+1] = web.HostPort(v)
		case c.slot != web.None:
			r.Values[c.slot] = v
		case c.role == message && said == "":
			said = v
		}
	}
	if e.Stamp.IsZero() {
		l.stamp(e, date, time)
	}
	if !e.Stamp.Zoned && !e.Stamp.IsZero() && !l.local {
		e.Stamp.Zoned = true
	}
	r.Fields(e)
	l.name(e, &r, said)
	for _, i := range l.named {
		if i >= len(l.values) {
			break
		}
		if c, v := &l.columns[i], l.values[i]; v != "" && v != "-" && (!c.digit || !e.Digits(c.name, v)) {
			e.Add(c.name, v)
		}
	}
}

// stamp joins a date and a time of day that stand apart.
func (l *log) stamp(e *textlog.Entry, date, time string) {
	if len(date) != 10 || len(time) < 8 || len(time) > 20 {
		return
	}
	text := append(append(append(l.scratch[:0], date...), ' '), time...)
	e.Stamp, _ = dates.ISO(string(text))
}

// name gives the event its type and message, by what wrote it.
func (l *log) name(e *textlog.Entry, r *web.Request, said string) {
	site := ""
	if l.site >= 0 && l.site < len(l.values) {
		site = l.values[l.site]
	}
	switch {
	case l.kernel: // HTTP.sys refused it before a server saw it
		e.Type, e.Desc = web.Error, ""
		e.Message = e.Join(said, ": ", r.Say(e))
	case strings.Contains(l.software, "Firewall"):
		e.Type, e.Desc = "windows:firewall_log:entry", ""
		e.Message = strings.TrimSpace(e.Text)
	case strings.HasPrefix(site, "SMTPSVC"):
		e.Type, e.Message = "iis:smtp:line", e.Join(r.Values[web.Method], " ", r.Values[web.Query], " from: ", r.Values[web.Address])
	case strings.HasPrefix(site, "MSFTPSVC"), strings.HasPrefix(site, "FTPSVC"), l.files:
		e.Type, e.Message = "iis:ftp:line", r.Say(e)
	case l.comma && !l.request:
		e.Type, e.Desc = "exchange:log:entry", ""
		e.Add("log_type", l.kind)
		e.Message = said
		if said == "" {
			e.Message = e.Text
		}
	case !l.request:
		e.Type, e.Desc, e.Message = "w3c:line", "", strings.TrimSpace(e.Text)
	default:
		e.Message = r.Say(e)
	}
}

// nativeBegin reads "192.168.114.201, -, 03/20/01, 7:55:20, W3SVC2, SALES1, ": IIS' own format, in local time, the month
// first unless it can be none.
func nativeBegin(line string) (dates.Stamp, int, bool) {
	client, rest, ok := strings.Cut(line, ", ")
	if !ok || !web.IsAddress(client) {
		return dates.Stamp{}, 0, false
	}
	_, rest, _ = strings.Cut(rest, ", ")
	date, rest, _ := strings.Cut(rest, ", ")
	clock, rest, ok := strings.Cut(rest, ", ")
	if !ok || len(date) > 10 || len(clock) > 8 || strings.Count(rest, ", ") < 8 {
		return dates.Stamp{}, 0, false
	}
	month, behind, _ := strings.Cut(date, "/")
	day, year, _ := strings.Cut(behind, "/")
	if n, _ := textlog.Atoi(month); n > 12 {
		month, day = day, month
	}
	if len(clock) == 7 {
		clock = "0" + clock
	}
	if len(year) == 2 {
		year = "20" + year
	}
	s, n := dates.American(month + "/" + day + "/" + year + " " + clock)
	return s, 0, n > 0
}

// nativeSlots are the values of IIS' own format in their order.
var nativeSlots = [...]web.Slot{2: web.None, 6: web.ServerIP, 8: web.Received, 9: web.Sent, 10: web.Status, 12: web.Method, 13: web.URL, 14: web.Query}

func native(e *textlog.Entry) {
	var r web.Request
	v := strings.Split(strings.TrimRight(e.Text, ", "), ", ")
	if len(v) < 14 && e.Cut == 0 {
		e.Damage = errFields
		return
	}
	if n := len(v); n > len(nativeSlots) { // a URL may have commas
		v = append(v[:13:13], strings.Join(v[13:n-1], ", "), strings.TrimSuffix(v[n-1], ","))
	}
	r.Values[web.Address], r.Values[web.User] = v[0], v[1]
	for i, slot := range nativeSlots {
		if slot != web.None && i < len(v) {
			r.Values[slot] = v[i]
		}
	}
	if len(v) > 7 {
		r.Took(v[7], 1000)
		e.Add("site_name", v[4])
		e.Add("computer_name", v[5])
	}
	r.Give(e)
	if len(v) > 11 {
		e.Digits("win32_status", v[11])
	}
}
