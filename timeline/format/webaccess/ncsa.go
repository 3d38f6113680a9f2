package webaccess

import (
	"errors"
	"strings"

	"spor/timeline/dates"
	"spor/timeline/format/web"
	"spor/timeline/textlog"
)

var errRequest = errors.New("no request behind the date")

// Begin reads the date of a request in the common log format, for files in which a server puts more than requests; Carried
// reads the request.
func Begin(line string) (dates.Stamp, int, bool) {
	if !ncsaSure(line) {
		return dates.Stamp{}, 0, false
	}
	return ncsaBegin(line)
}

// ncsaBegin finds "[10/Oct/2000:13:55:36 -0700]" behind some words, and says where what follows begins.
func ncsaBegin(line string) (dates.Stamp, int, bool) {
	if line == "" || (line[0]-'0' > 9 || len(line) > 4 && line[4] == '-') && isSyslog(line) {
		return dates.Stamp{}, 0, false
	}
	start := 0
	for range 8 {
		at := strings.IndexByte(line[start:], '[')
		if at < 0 || start+at > maxPrefix {
			break
		}
		start += at + 1
		if at == 0 || start < 2 || line[start-2] != ' ' {
			continue
		}
		s, n := dates.Apache(line[start:])
		if n == 0 {
			continue
		}
		end := start + n
		if end < len(line) && line[end] == ' ' { // "[31/Jan/2015:14:29:44 ]", where a format has no zone
			end++
		}
		if end < len(line) && line[end] == ']' && end+1 < len(line) && line[end+1] == ' ' {
			return s, end + 2, true
		}
	}
	return dates.Stamp{}, 0, false
}

// isSyslog tells a line that came by syslog: the file is one of many programs', and package syslog reads it.
func isSyslog(line string) bool {
	reporter, _ := web.BehindSyslog(line)
	return reporter != ""
}

// maxPrefix is how far from the beginning of a line its date may be.
const maxPrefix = 2048

// ncsaSure asks for the request and a status behind the date.
func ncsaSure(line string) bool {
	_, at, ok := ncsaBegin(line)
	if !ok {
		return false
	}
	var r web.Request
	return ncsaTail(&r, line[at:], false) == nil
}

// ncsaWhole reads one line of the family.
func ncsaWhole(e *textlog.Entry) bool {
	s, at, ok := ncsaBegin(e.Text)
	if !ok {
		return false
	}
	e.Stamp, e.At = s, at
	e.Damage = ncsaLine(e, e.Text, at)
	return true
}

// ncsaLine reads a line whose request begins at an offset.
func ncsaLine(e *textlog.Entry, line string, at int) error {
	var r web.Request
	if err := ncsaTail(&r, line[at:], e.Cut > 0); err != nil {
		return err
	}
	open := strings.LastIndexByte(line[:at], '[')
	ncsaHead(&r, line[:open-1])
	extra := r.Values[web.None]
	r.Values[web.None] = ""
	known := extra != "" && (traefikTail(&r, e, extra) || ingressTail(&r, e, extra))
	r.Give(e)
	if extra != "" && !known {
		if text, rest, ok := web.Quoted(extra); ok && rest == "" { // nginx's "main" has "$http_x_forwarded_for" there
			if text != "" && text != "-" && web.IsAddress(firstOf(text)) {
				e.Add("x_forwarded_for", text)
			} else if text != "-" {
				e.Add("extra", text)
			}
		} else {
			e.Add("extra", extra)
		}
	}
	return nil
}

func firstOf(list string) string {
	first, _, _ := strings.Cut(list, ",")
	return first
}

// ncsaHead reads "host ident user", also behind the server's name. A user may have blanks.
func ncsaHead(r *web.Request, s string) {
	v := &r.Values
	first, rest := word(s)
	second, behind := word(rest)
	switch {
	case web.IsAddress(first):
	case web.IsAddress(second), second != "-" && third(behind): // the server's name comes first
		v[web.Server], v[web.Port] = web.HostPort(first)
		first, rest = second, behind
	}
	for strings.HasSuffix(first, ",") { // "192.0.2.7, 10.0.0.1 - -": a list of X-Forwarded-For
		v[web.Forwarded] = s
		_, rest = word(rest)
		first = strings.TrimSuffix(first, ",")
	}
	v[web.Address] = web.Bare(first)
	ident, user := word(rest)
	switch {
	case strings.IndexByte(ident, '.') > 0: // lighttpd puts the server's name there
		v[web.Server] = ident
	default:
		v[web.RemoteName] = ident
	}
	v[web.User] = user
}

// third tells whether "- user" follows the second word, so that the first two are names.
func third(s string) bool {
	ident, user := word(s)
	return ident == "-" && user != ""
}

// word cuts the first word off, and the blanks around it.
func word(s string) (first, rest string) {
	s = behindBlanks(s)
	before, after, ok := strings.Cut(s, " ")
	if !ok {
		return s, ""
	}
	return before, behindBlanks(after)
}

func behindBlanks(s string) string {
	for s != "" && s[0] == ' ' {
		s = s[1:]
	}
	return s
}

// ncsaTail reads `"request" status bytes "referer" "agent"`, of which the last two may lack; what follows goes to None. Of
// a line that was cut short, what is there is taken.
func ncsaTail(r *web.Request, s string, cut bool) error {
	v := &r.Values
	if s != "" && s[0] != '"' { // some formats have the server's name before
		v[web.Server], s = word(s)
	}
	request, rest, ok := web.Quoted(s)
	if !ok && !cut || s == "" || s[0] != '"' {
		return errRequest
	}
	r.Split(request)
	if rest == "" {
		if cut {
			return nil
		}
		return errRequest
	}
	rest = rest[1:]
	v[web.Status], rest = word(rest)
	if !isStatus(v[web.Status]) && !cut {
		return errRequest
	}
	v[web.Bytes], rest = word(rest)
	if rest == "" {
		return nil
	}
	if text, after, ok := web.Quoted(rest); ok || cut && rest[0] == '"' {
		v[web.Referer], rest = text, strings.TrimPrefix(after, " ")
		if text, after, ok = web.Quoted(rest); ok || rest != "" && rest[0] == '"' { // an agent without its end is a torn line's
			v[web.Agent], rest = text, strings.TrimPrefix(after, " ")
		}
	}
	v[web.None] = rest
	return nil
}

func isStatus(s string) bool {
	return len(s) == 3 && s[0]-'0' <= 9 && s[1]-'0' <= 9 && s[2]-'0' <= 9 || s == "-" || s == "0"
}

// traefikTail reads `12 "router" "http://10.0.0.1:80" 5ms`, which Traefik puts behind (doc.traefik.io, Access Logs).
func traefikTail(r *web.Request, e *textlog.Entry, s string) bool {
	count, rest := word(s)
	if _, ok := textlog.Atoi(count); !ok || !strings.HasSuffix(rest, "ms") {
		return false
	}
	router, rest, ok := web.Quoted(rest)
	if !ok {
		return false
	}
	server, rest, ok := web.Quoted(strings.TrimPrefix(rest, " "))
	if !ok {
		return false
	}
	if router != "-" {
		e.Add("router", router)
	}
	r.Values[web.Upstream] = server
	r.Took(strings.TrimSuffix(strings.TrimPrefix(rest, " "), "ms"), 1000)
	return true
}

// ingressTail reads `89 0.001 [default-web-80] [] 10.0.0.5:8080, 10.0.0.6:8080 0, 59 0.000, 0.004 502, 200 529a…`, which
// ingress-nginx puts behind (kubernetes.github.io/ingress-nginx, Log format): where a request was tried again, lists.
func ingressTail(r *web.Request, e *textlog.Entry, s string) bool {
	length, rest := word(s)
	took, rest := word(rest)
	if _, ok := textlog.Atoi(length); !ok || took == "" || took[0]-'0' > 9 || !strings.HasPrefix(rest, "[") {
		return false
	}
	service, rest, ok := strings.Cut(rest[1:], "] [")
	other, rest, ok2 := strings.Cut(rest, "] ")
	if !ok || !ok2 {
		return false
	}
	at := strings.IndexByte(rest, ' ')
	for at > 0 && rest[at-1] == ',' {
		next := strings.IndexByte(rest[at+1:], ' ')
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	last := strings.LastIndexByte(rest, ' ')
	if at < 0 || last < at {
		return false
	}
	r.Values[web.Received], r.Values[web.Upstream] = length, rest[:at]
	r.Took(took, 1e6)
	e.Add("upstream_name", service)
	e.Add("alternative_upstream_name", other)
	e.Add("request_identifier", rest[last+1:])
	return true
}
