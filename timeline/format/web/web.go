// Package web is the one shape that the events of all web servers have, whatever wrote the log: which fields a request
// becomes, and its message. Names are plaso's apache_access where it has them.
package web

import (
	"strings"

	"spor/timeline/dates"
	"spor/timeline/textlog"
)

// The data types of what web servers log.
const (
	Access = "webserver:access"
	Error  = "webserver:error"
)

// Desc is what the time of an access means, in plaso's words.
const Desc = "Recorded Time"

// A Slot is a part of a request that logs hold.
type Slot uint8

// The slots, in the order their fields have.
const (
	None       Slot = iota // read over
	Address                // of the client
	ClientPort             //
	RemoteName             // by identd
	User                   //
	Line                   // "GET / HTTP/1.1", which is taken apart
	Method                 //
	URL                    // as logged: nothing is decoded
	Query                  // is put behind the URL, with a "?"
	Version                // "HTTP/1.1"
	Status                 //
	Bytes                  // of the body that was sent
	Sent                   // bytes with headers
	Received               // bytes with headers
	Referer                //
	Agent                  //
	Server                 // the name that was asked for, or the server's own
	Port                   // of the server
	ServerIP               //
	Forwarded              // whom a proxy says it asked for: the client's word
	Upstream               // the server behind that answered
	Cookie                 //
	Slots
)

var fields = [Slots]struct {
	name   string
	number bool
}{
	Address: {"ip_address", false}, ClientPort: {"client_port", true}, RemoteName: {"remote_name", false}, User: {"username", false},
	Line: {"http_request", false}, Method: {"http_request_method", false}, URL: {"url", false}, Version: {"http_version", false},
	Status: {"http_response_code", true}, Bytes: {"http_response_bytes", true}, Sent: {"bytes_sent", true}, Received: {"bytes_received", true},
	Referer: {"http_request_referer", false}, Agent: {"http_request_user_agent", false}, Server: {"server_name", false}, Port: {"port", true},
	ServerIP: {"server_ip_address", false}, Forwarded: {"x_forwarded_for", false}, Upstream: {"upstream", false}, Cookie: {"http_cookie", false},
}

// A Request is what one line says. The zero Request says nothing; empty and "-" stand for what is absent.
type Request struct {
	Values [Slots]string
	Taken  int64 // microseconds
	Timed  bool  // Taken is told
}

// Split takes the first line of a request apart, RFC 9112, 3. What is none stays whole: TLS and worse comes to these ports.
func (r *Request) Split(line string) {
	if line == "" || line == "-" {
		return
	}
	first := strings.IndexByte(line, ' ')
	if first <= 0 || first > 32 || !isMethod(line[:first]) {
		r.Values[Line] = line
		return
	}
	url := line[first+1:]
	if last := strings.LastIndexByte(url, ' '); last >= 0 && strings.HasPrefix(url[last+1:], "HTTP/") {
		r.Values[Version], url = url[last+1:], url[:last]
	}
	r.Values[Method], r.Values[URL] = line[:first], url
}

// isMethod tells a token of letters; WebDAV and RPC have "-" and "_".
func isMethod(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return true
}

// Give makes the event of a request.
func (r *Request) Give(e *textlog.Entry) {
	r.Fields(e)
	e.Message = r.Say(e)
}

// Fields gives an entry all that makes the event of a request but the message.
func (r *Request) Fields(e *textlog.Entry) {
	e.Type, e.Desc = Access, Desc
	v := &r.Values
	if q := v[Query]; q != "" && q != "-" {
		v[URL], v[Query] = e.Join(v[URL], "?", q), ""
	}
	for i := Address; i < Slots; i++ {
		value := v[i]
		if value == "" || value == "-" || fields[i].name == "" {
			continue
		}
		if !fields[i].number || !e.Digits(fields[i].name, value) {
			e.Add(fields[i].name, value)
		}
	}
	if r.Timed {
		e.Number("time_taken", r.Taken)
	}
}

// Say is the message, in plaso's manner.
func (r *Request) Say(e *textlog.Entry) string {
	v := &r.Values
	method, blank, url := v[Method], " ", v[URL]
	if url == "" || method == "" {
		blank = ""
	}
	if url == "" && method == "" {
		url = v[Line]
	}
	if url == "" && method == "" {
		url = "(no request)"
	}
	code, status := " code: ", v[Status]
	if status == "" {
		code = ""
	}
	return e.Join(method, blank, url, " from: ", absent(v[Address]), code, status)
}

func absent(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Took reads how long a request took, a decimal number of a unit in microseconds. It may have a fraction.
func (r *Request) Took(text string, unit int64) {
	if n, ok := Micros(text, unit); ok {
		r.Taken, r.Timed = n, true
	}
}

// Micros reads a decimal number with a fraction, in units of so many microseconds; 0 is a unit of nanoseconds.
func Micros(text string, unit int64) (int64, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, ok := textlog.Atoi(whole)
	if !ok || n < 0 || len(whole) > 13 && unit > 0 {
		return 0, false
	}
	if unit == 0 {
		return n / 1000, true
	}
	n *= unit
	for i := 0; i < len(fraction) && unit >= 10; i++ {
		if fraction[i]-'0' > 9 {
			return 0, false
		}
		unit /= 10
		n += int64(fraction[i]-'0') * unit
	}
	return n, true
}

// Quoted reads a text in quotes at the beginning of s, and gives what is behind the closing one; false: it has none. A
// backslash hides a quote, and a quote ends a text only before a blank or the end, because some servers write those of the
// client as they come.
func Quoted(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); {
		at := strings.IndexByte(s[i:], '"')
		if at < 0 {
			break
		}
		at += i
		if (at+1 == len(s) || s[at+1] == ' ') && !escaped(s[1:at]) {
			return s[1:at], s[at+1:], true
		}
		i = at + 1
	}
	return s[1:], "", false
}

// escaped tells whether a text ends in an odd number of backslashes.
func escaped(s string) bool {
	n := len(s)
	for n > 0 && s[n-1] == '\\' {
		n--
	}
	return (len(s)-n)%2 == 1
}

// IsAddress tells an address of IPv4 or IPv6 by its letters, also with brackets or a zone.
func IsAddress(s string) bool {
	if len(s) < 2 {
		return false
	}
	dots, colons := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c-'0' <= 9:
		case c == '.':
			dots++
		case c == ':':
			colons++
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
			if colons == 0 && i > 4 {
				return false
			}
		case c == '[' && i == 0 || c == ']' && i == len(s)-1:
		case c == '%' && colons > 1:
			return true
		default:
			return false
		}
	}
	return colons >= 2 || dots == 3 && colons == 0
}

// HostPort cuts "192.0.2.7:80", "[2001:db8::1]:80" and "host:80"; what has no port is all host.
func HostPort(s string) (host, port string) {
	at := strings.LastIndexByte(s, ':')
	if at <= 0 || at+1 == len(s) || !isDigits(s[at+1:]) || strings.IndexByte(s[:at], ':') >= 0 && s[at-1] != ']' {
		return Bare(s), ""
	}
	return Bare(s[:at]), s[at+1:]
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}

// Bare is an address without brackets around it.
func Bare(s string) string {
	if s == "" || s[0] != '[' && s[len(s)-1] != ']' {
		return s
	}
	return strings.Trim(s, "[]")
}

// BehindSyslog cuts the date, host and program that syslog puts before a line, RFC 3164, 4.1 and RFC 3339 dates; empty
// reporter: there is none.
func BehindSyslog(line string) (reporter, rest string) {
	text := line
	if text != "" && text[0] == '<' {
		if at := strings.IndexByte(text, '>'); at > 0 && at < 6 {
			text = text[at+1:]
		}
	}
	_, n := dates.BSD(text)
	if n == 0 {
		if _, n = dates.RFC3339(text); n == 0 {
			return "", line
		}
	}
	host, words, ok := strings.Cut(strings.TrimPrefix(text[n:], " "), " ")
	if !ok || host == "" || len(host) > 255 {
		return "", line
	}
	tag, said, ok := strings.Cut(words, ": ")
	if !ok || len(tag) > 64 || tag == "" || strings.IndexByte(tag, ' ') >= 0 {
		return "", line
	}
	name, _, _ := strings.Cut(tag, "[")
	return name, said
}
