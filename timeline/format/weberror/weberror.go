// Package weberror reads the error logs of web servers, which say what a server refused, and what a script that was
// attacked complained of: Apache httpd 2.2 and 2.4, nginx, lighttpd, LiteSpeed, and Tomcat's and other Java containers' own;
// and Nextcloud's, which is of one kind with them.
//
//   - httpd.apache.org/docs/2.4/mod/core.html, ErrorLogFormat and its defaults; 2.2: server/log.c
//   - nginx 1.24: ngx_log.c, and ngx_http_log_error_handler for what follows a message
//   - LiteSpeed Web Server 6 and OpenLiteSpeed (src/log4cxx/layout); Nextcloud 28 Administration Manual, Logging
//   - Confluence's and Jira's log4j (confluence.atlassian.com, Configuring Logging; log4j.properties, log4j2.xml)
//   - lighttpd 1.4: log.c; Tomcat: juli's OneLineFormatter and java.util.logging.SimpleFormatter
package weberror

import (
	"strings"
	"time"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/web"
	"spor/timeline/format/webaccess"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package, the strictest first.
var Formats = []*timeline.Format{
	(&textlog.Dialect{Name: "nginx_error", Type: web.Error, Begin: mixed(nginxBegin), Read: withAccess(nginxBegin, nginx)}).Format(),
	(&textlog.Dialect{Name: "apache_error", Type: web.Error, Begin: mixed(apacheBegin), Sure: apacheMixed, Read: withAccess(apacheBegin, apache), Comment: "# "}).Format(),
	(&textlog.Dialect{Name: "lighttpd_error", Type: web.Error, Begin: lighttpdBegin, Read: lighttpd}).Format(),
	(&textlog.Dialect{Name: "litespeed_error", Type: web.Error, Begin: mixed(litespeedBegin), Sure: litespeedSure, Read: withAccess(litespeedBegin, litespeed)}).Format(),
	nextcloud.Dialect().Format(),
	(&textlog.Dialect{Name: "log4j", Type: "log4j:log:entry", Begin: log4jBegin, Read: log4j}).Format(),
	(&textlog.Dialect{Name: "tomcat", Type: web.Error, Begin: tomcatBegin, Sure: tomcatSure, Read: tomcat}).Format(),
}

// A begin is a Dialect's Begin.
type begin func(line string) (dates.Stamp, int, bool)

// mixed also begins an entry with a request: what a container or a service says goes to one file.
func mixed(b begin) begin {
	return func(line string) (dates.Stamp, int, bool) {
		if s, at, ok := b(line); ok {
			return s, at, ok
		}
		return webaccess.Begin(line)
	}
}

// withAccess reads an entry that may be a request.
func withAccess(b begin, read func(*textlog.Entry)) func(*textlog.Entry) {
	return func(e *textlog.Entry) {
		line, more, _ := strings.Cut(e.Text, "\n")
		if _, _, ok := b(line); ok {
			read(e)
		} else if webaccess.Carried(e, "nginx", line) {
			e.Add("body", more)
		} else {
			e.Add("body", e.Text)
		}
	}
}

// apacheMixed tells an error, or a request.
func apacheMixed(line string) bool {
	_, _, ok := webaccess.Begin(line)
	return ok || apacheSure(line)
}

// nginxBegin reads "2026/03/09 09:00:00 [error] 12#34: ".
func nginxBegin(line string) (dates.Stamp, int, bool) {
	if len(line) < 26 || line[4] != '/' {
		return dates.Stamp{}, 0, false
	}
	s, n := dates.ISO(line)
	if n == 0 || !strings.HasPrefix(line[n:], " [") {
		return s, 0, false
	}
	end := strings.IndexByte(line[n:min(len(line), n+20)], ']')
	return s, n, end > 2 && strings.IndexByte(line[n+end:min(len(line), n+end+24)], '#') > 0
}

// nginxParts are what nginx puts behind a message, in its order.
var nginxParts = []struct{ key, name string }{
	{", client: ", "ip_address"}, {", server: ", "server_name"}, {", request: ", "request"}, {", subrequest: ", "subrequest"}, {", upstream: ", "upstream"}, {", host: ", "http_host"}, {", referrer: ", "http_request_referer"},
}

func nginx(e *textlog.Entry) { nginxLine(e, e.Words()) }

// nginxLine reads what is behind the date.
func nginxLine(e *textlog.Entry, words string) {
	level, rest, _ := strings.Cut(strings.TrimRight(words[2:], "\n"), "] ") // an empty line behind is not the last value's
	e.Add("severity", level)
	process, said, _ := strings.Cut(rest, ": ")
	pid, thread, _ := strings.Cut(process, "#")
	e.Digits("pid", pid)
	if thread != pid {
		e.Digits("thread_identifier", thread)
	}
	if strings.HasPrefix(said, "*") {
		connection, after, ok := strings.Cut(said[1:], " ")
		if ok && e.Digits("connection_identifier", connection) {
			said = after
		}
	}
	message := said
	if at := textlog.LastIndex(said, nginxParts[0].key); at >= 0 { // the last: a client may write the words before it
		message = said[:at]
		context(e, said[at:])
	}
	told(e, nginxSays, message)
	e.Add("body", message)
	e.Message = e.Join("[", level, "] ", said)
}

// context reads ", client: 192.0.2.7, server: x, request: "GET / HTTP/1.1", host: "x"".
func context(e *textlog.Entry, s string) {
	for i := range nginxParts {
		p := &nginxParts[i]
		rest, ok := strings.CutPrefix(s, p.key)
		if !ok {
			continue
		}
		value := rest
		if strings.HasPrefix(rest, `"`) {
			end := -1
			for _, next := range nginxParts[i+1:] { // a quote of the client's is written as it comes
				if at := strings.Index(rest, `"`+next.key); at > 0 && (end < 0 || at < end) {
					end = at
				}
			}
			if end < 0 {
				end = len(rest) - 1
			}
			value, s = rest[1:max(end, 1)], rest[min(end+1, len(rest)):]
		} else {
			end := strings.Index(rest, ", ")
			if end < 0 {
				end = len(rest)
			}
			value, s = rest[:end], rest[end:]
		}
		if p.name == "request" {
			asked(e, value)
			continue
		}
		e.Add(p.name, value)
	}
}

// asked adds the first line of a request.
func asked(e *textlog.Entry, line string) {
	var r web.Request
	r.Split(line)
	if r.Values[web.URL] == "" {
		e.Add("http_request", line)
		return
	}
	e.Add("http_request_method", r.Values[web.Method])
	e.Add("url", r.Values[web.URL])
	e.Add("http_version", r.Values[web.Version])
}

// apacheBegin reads "[Fri Oct 08 17:08:41.203277 2021] [", the form since 1.3.
func apacheBegin(line string) (dates.Stamp, int, bool) {
	if len(line) < 28 || line[0] != '[' {
		return dates.Stamp{}, 0, false
	}
	end := strings.IndexByte(line[:min(len(line), 48)], ']')
	if end < 0 || !strings.HasPrefix(line[end:], "] ") {
		return dates.Stamp{}, 0, false
	}
	s, n := dates.CTime(line[1:end])
	return s, end + 2, n == end-1
}

// apacheSure asks for a severity, or Apache's module and severity.
func apacheSure(line string) bool {
	_, n, ok := apacheBegin(line)
	if !ok || n >= len(line) || line[n] != '[' {
		return false
	}
	word, _, _ := strings.Cut(line[n+1:], "]")
	_, severity, found := strings.Cut(word, ":")
	if !found {
		severity = word
	}
	switch severity {
	case "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug":
		return true
	}
	return strings.HasPrefix(severity, "trace")
}

func apache(e *textlog.Entry) { apacheLine(e, e.Words()) }

// apacheLine reads what is behind the date.
func apacheLine(e *textlog.Entry, rest string) {
	severity, before := "", ""
	for {
		if n := place(rest); n > 0 && before == "" {
			before, rest = rest[:n], rest[n:]
			name := "code_location"
			if before[0] == '(' {
				name = "system_error"
			}
			e.Add(name, strings.TrimSuffix(before, ": "))
		}
		word, after, ok := strings.Cut(strings.TrimPrefix(rest, "["), "] ")
		if !strings.HasPrefix(rest, "[") {
			break
		}
		if !ok {
			break
		}
		if !bracket(e, word, &severity) {
			break
		}
		rest = strings.TrimLeft(after, " ")
	}
	said := rest
	if at := textlog.LastIndex(said, ", referer: "); at >= 0 {
		e.Add("http_request_referer", said[at+len(", referer: "):])
		said = said[:at]
	}
	words := said
	if len(said) > 8 && strings.HasPrefix(said, "AH") && said[7] == ':' {
		e.Add("event_identifier", said[:7])
		words = strings.TrimPrefix(said[8:], " ")
	}
	told(e, apacheSays, strings.TrimPrefix(words, "Digest: "))
	e.Add("body", said)
	e.Message = e.Join("[", severity, "] ", before, rest)
}

// bracket reads what stands in one pair of brackets: "core:error", "pid 7005:tid 140667133085440", "client 192.0.2.7:14532",
// "remote 192.0.2.7:80". Anything else belongs to the message.
func bracket(e *textlog.Entry, word string, severity *string) bool {
	key, value, _ := strings.Cut(word, " ")
	switch {
	case key == "pid":
		pid, thread, _ := strings.Cut(value, ":tid ")
		e.Digits("pid", pid)
		e.Digits("thread_identifier", thread)
	case key == "client" || key == "remote":
		host, port := web.HostPort(value)
		e.Add("ip_address", host)
		e.Digits("client_port", port)
	case *severity == "" && value == "":
		module, level, ok := strings.Cut(word, ":")
		if !ok {
			module, level = "", word
		}
		if module != "" && module != "-" {
			e.Add("module", module)
		}
		*severity = level
		e.Add("severity", level)
	default:
		return false
	}
	return true
}

// Carried reads the error that nginx or Apache said by syslog, which names the severity and the process before it: those
// stay. What is none is left alone.
func Carried(e *textlog.Entry, reporter, said string) bool {
	known := len(e.Fields)
	switch program, _, _ := strings.Cut(reporter, "/"); program {
	case "nginx":
		_, n, ok := nginxBegin(said)
		if !ok {
			return false
		}
		nginxLine(e, said[n:])
	case "httpd", "apache2", "apache": // no date: syslog has one; "httpd/backend1": administrators name their servers
		if !apacheSure(anyDate + said) {
			return false
		}
		apacheLine(e, said)
	default:
		return false
	}
	kept := e.Fields[:known]
	for _, f := range e.Fields[known:] {
		if !kept.Has(f.Name) {
			kept = append(kept, f)
		}
	}
	e.Fields, e.Type = kept, web.Error
	return true
}

// anyDate is what Apache writes before an error that goes to a file.
const anyDate = "[Mon Jan 02 15:04:05 2006] "

// lighttpdBegin reads "2026-03-09 09:00:00: (server.c.1588) ".
func lighttpdBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.ISO(line)
	if n == 0 || !strings.HasPrefix(line[n:], ": (") {
		return s, 0, false
	}
	end := strings.IndexByte(line[n:min(len(line), n+64)], ')')
	return s, n + 2, end > 0 && strings.Contains(line[n:n+end], ".c.")
}

func lighttpd(e *textlog.Entry) {
	place, said, _ := strings.Cut(e.Words()[1:], ") ")
	module, _, _ := strings.Cut(place, ".c.")
	e.Add("module", module)
	told(e, lighttpdSays, said)
	e.Add("body", said)
	e.Message = said
	if said == "" {
		e.Message = place
	}
}

// levels are those of java.util.logging, and what its languages make of them is not known here.
var levels = [...]string{"SEVERE", "WARNING", "INFO", "CONFIG", "FINE", "FINER", "FINEST"}

// tomcatBegin reads "09-Mar-2026 09:00:00.123 INFO [main] " and, before Tomcat 8, "Mar 9, 2026 9:00:00 AM org.apache.".
func tomcatBegin(line string) (dates.Stamp, int, bool) {
	if s, n := dates.Apache(line); n > 0 && len(line) > 12 && (line[2] == '-' || line[1] == '-') {
		level, _, ok := strings.Cut(strings.TrimPrefix(line[n:], " "), " ")
		return s, n, ok && isLevel(level)
	}
	s, n := american(line)
	return s, n, n > 0
}

func isLevel(s string) bool {
	for _, l := range levels {
		if s == l {
			return true
		}
	}
	return false
}

// american reads "Mar 9, 2026 9:00:00 AM" and, since Java 9, "Mar 09, 2026 9:00:00 AM".
func american(line string) (dates.Stamp, int) {
	comma := strings.IndexByte(line[:min(len(line), 8)], ',')
	if comma < 5 || len(line) < comma+16 || line[3] != ' ' || line[comma+1] != ' ' {
		return dates.Stamp{}, 0
	}
	half := strings.Index(line[:min(len(line), 32)], "M ")
	if half < comma+14 || line[half-2] != ' ' || line[half-1] != 'A' && line[half-1] != 'P' {
		return dates.Stamp{}, 0
	}
	clock := strings.TrimPrefix(line[comma+6:half-2], " ")
	var b [32]byte // "Mar 9 09:00:00 2026", which is asctime's
	text := append(append(append(append(b[:0], line[:comma]...), ' '), clock...), line[comma+1:comma+6]...)
	s, n := dates.BSD(string(text))
	h := s.Clock / time.Hour
	if n == 0 || s.Year == 0 || h > 12 || h == 0 {
		return dates.Stamp{}, 0
	}
	if h == 12 {
		s.Clock -= 12 * time.Hour
	}
	if line[half-1] == 'P' {
		s.Clock += 12 * time.Hour
	}
	return s, half + 1
}

// tomcatSure asks for a class behind the old form.
func tomcatSure(line string) bool {
	s, n, ok := tomcatBegin(line)
	if !ok || s.IsZero() {
		return false
	}
	if line[3] != ' ' {
		return true
	}
	class, _, _ := strings.Cut(strings.TrimPrefix(line[n:], " "), " ")
	return strings.Count(class, ".") >= 2
}

func tomcat(e *textlog.Entry) {
	words := strings.TrimPrefix(e.Words(), " ")
	first, rest, _ := strings.Cut(words, " ")
	if !isLevel(first) { // "org.apache.catalina.core.StandardService start\nINFO: Starting service"
		head, said, _ := strings.Cut(words, "\n")
		level, body, ok := strings.Cut(said, ": ")
		if ok && isLevel(level) {
			e.Add("severity", level)
			said = body
		}
		class, _, _ := strings.Cut(head, " ")
		e.Add("module", class)
		e.Add("body", said)
		e.Message = words
		return
	}
	e.Add("severity", first)
	if thread, after, ok := strings.Cut(rest, "] "); ok && strings.HasPrefix(rest, "[") {
		e.Add("thread", thread[1:])
		rest = after
	}
	class, said, _ := strings.Cut(rest, " ")
	e.Add("module", class)
	told(e, tomcatSays, said)
	e.Add("body", said)
	e.Message = e.Join("[", first, "] ", rest)
}
