package webaccess

import (
	"strings"

	"spor/timeline/format/web"
	"spor/timeline/textlog"
)

// apacheParts are the directives of LogFormat (httpd.apache.org/docs/2.4/mod/mod_log_config.html) and of lighttpd's
// accesslog.format, by their letter.
var apacheParts = map[byte]part{
	'a': {slot: web.Address}, 'A': {slot: web.ServerIP}, 'B': {slot: web.Bytes}, 'b': {slot: web.Bytes}, 'D': {kind: took, unit: 1}, 'h': {slot: web.Address},
	'H': {slot: web.Version}, 'l': {slot: web.RemoteName}, 'm': {slot: web.Method}, 'p': {slot: web.Port}, 'q': {kind: query}, 'r': {kind: request},
	's': {slot: web.Status}, 'T': {kind: took, unit: 1e6}, 'u': {slot: web.User}, 'U': {slot: web.URL}, 'v': {slot: web.Server}, 'V': {slot: web.Server},
	'I': {slot: web.Received}, 'O': {slot: web.Sent}, 'f': {name: "filename"}, 'P': {name: "pid"}, 'R': {name: "handler"}, 'X': {name: "connection_status"},
	'L': {name: "log_identifier"}, 'k': {name: "keepalive_requests"}, 'S': {name: "bytes_total"},
}

// headers are the names of what a client sends, in lower case, that have a slot.
var headers = map[string]web.Slot{
	"referer": web.Referer, "user-agent": web.Agent, "host": web.Server, "x-forwarded-for": web.Forwarded, "cookie": web.Cookie,
}

// Apache compiles a LogFormat.
func Apache(format string) (*Layout, error) { return percent(format, false) }

// Tomcat compiles the pattern of an AccessLogValve (tomcat.apache.org/tomcat-10.1-doc/config/valve.html), which is much like it.
func Tomcat(pattern string) (*Layout, error) {
	switch pattern {
	case "common", "":
		pattern = `%h %l %u %t "%r" %s %b`
	case "combined":
		pattern = `%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-Agent}i"`
	}
	return percent(pattern, true)
}

func percent(format string, tomcat bool) (*Layout, error) {
	var b builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.literal.WriteByte(format[i])
			continue
		}
		i++
		for i < len(format) && strings.IndexByte("<>!,^0123456789", format[i]) >= 0 { // "%>s", "%!200,304{Referer}i", "%^FU"
			i++
		}
		argument := ""
		if i < len(format) && format[i] == '{' {
			length := strings.IndexByte(format[i:], '}')
			if length < 0 {
				break
			}
			argument = format[i+1 : i+length]
			i += length + 1
			for i < len(format) && (format[i] == '>' || format[i] == '<') {
				i++
			}
		}
		if i >= len(format) {
			break
		}
		switch letter := format[i]; letter {
		case '%':
			b.literal.WriteByte('%')
		case 't':
			b.time(argument)
		default:
			b.add(directive(letter, argument, tomcat))
		}
	}
	return b.done(format)
}

// time adds the parts of "%t" and "%{format}t".
func (b *builder) time(format string) {
	format = strings.TrimPrefix(strings.TrimPrefix(format, "begin:"), "end:")
	switch format {
	case "":
		b.literal.WriteByte('[')
		b.add(part{kind: date})
		b.literal.WriteByte(']')
	case "msec_frac", "usec_frac":
		b.add(part{kind: fraction})
	case "%z":
		b.add(part{kind: zone})
	default:
		open := strings.TrimLeft(format, "[ ")
		b.literal.WriteString(format[:len(format)-len(open)])
		b.add(part{kind: date})
		b.literal.WriteString(open[len(strings.TrimRight(open, "] ")):])
	}
}

func directive(letter byte, argument string, tomcat bool) part {
	switch lower := strings.ToLower(argument); {
	case letter == 'i':
		if slot, ok := headers[lower]; ok {
			return part{slot: slot}
		}
		return part{name: "http_request_header_" + fieldName(argument)}
	case letter == 'o':
		return part{name: "http_response_header_" + fieldName(argument)}
	case letter == 'e' || letter == 'n' || letter == 'x' || letter == 'C' || letter == 'c' && tomcat || letter == 'r' && argument != "":
		return part{name: fieldName(argument)}
	case letter == 'p' && lower == "remote":
		return part{slot: web.ClientPort}
	case letter == 'T' && lower == "ms", letter == 'D' && tomcat:
		return part{kind: took, unit: 1000}
	case letter == 'T' && lower == "us":
		return part{kind: took, unit: 1}
	case letter == 'I' && tomcat:
		return part{name: "thread"}
	case letter == 'S' && tomcat:
		return part{name: "session"}
	}
	return apacheParts[letter]
}

// fieldName makes a field's name of a header's or variable's.
func fieldName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s) && i < 64; i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		} else if (c < 'a' || c > 'z') && c-'0' > 9 {
			c = '_'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// nginxParts are the variables of nginx (nginx.org/en/docs/varindex.html) that have a place.
var nginxParts = map[string]part{
	"remote_addr": {slot: web.Address}, "remote_port": {slot: web.ClientPort}, "remote_user": {slot: web.User}, "time_local": {kind: date}, "time_iso8601": {kind: date},
	"msec": {kind: date}, "request": {kind: request}, "status": {slot: web.Status}, "body_bytes_sent": {slot: web.Bytes}, "bytes_sent": {slot: web.Sent},
	"request_length": {slot: web.Received}, "http_referer": {slot: web.Referer}, "http_user_agent": {slot: web.Agent}, "http_x_forwarded_for": {slot: web.Forwarded},
	"request_time": {kind: took, unit: 1e6}, "upstream_addr": {slot: web.Upstream}, "host": {slot: web.Server}, "http_host": {slot: web.Server}, "server_name": {slot: web.Server},
	"server_port": {slot: web.Port}, "server_addr": {slot: web.ServerIP}, "request_method": {slot: web.Method}, "request_uri": {slot: web.URL}, "uri": {slot: web.URL},
	"args": {slot: web.Query}, "query_string": {slot: web.Query}, "server_protocol": {slot: web.Version}, "http_cookie": {slot: web.Cookie},
}

// Nginx compiles a log_format (nginx.org/en/docs/http/ngx_http_log_module.html). One that is a JSON object is read as such.
func Nginx(format string) (*Layout, error) {
	if trimmed := strings.TrimSpace(format); strings.HasPrefix(trimmed, "{") {
		return nginxObject(trimmed)
	}
	var b builder
	for i := 0; i < len(format); i++ {
		name, n := variable(format[i:])
		if n == 0 {
			b.literal.WriteByte(format[i])
			continue
		}
		i += n - 1
		b.add(nginxPart(name))
	}
	return b.done(format)
}

func nginxPart(name string) part {
	if p, ok := nginxParts[name]; ok {
		return p
	}
	return part{name: fieldName(name)}
}

// variable reads "$name" or "${name}" at the beginning of s, and says how long it is.
func variable(s string) (name string, n int) {
	if len(s) < 2 || s[0] != '$' {
		return "", 0
	}
	if s[1] == '{' {
		if at := strings.IndexByte(s, '}'); at > 0 {
			return s[2:at], at + 1
		}
		return "", 0
	}
	n = 1
	for n < len(s) && (s[n] == '_' || s[n]-'0' <= 9 || (s[n]|0x20) >= 'a' && (s[n]|0x20) <= 'z') {
		n++
	}
	return s[1:n], n
}

// nginxObject reads which variable each member of a JSON object holds.
func nginxObject(format string) (*Layout, error) {
	var e textlog.Entry
	l := &Layout{object: map[string]string{}, text: format}
	err := e.JSON(format, func(m *textlog.Member, value string, _ bool) {
		if name, n := variable(value); n == len(value) && n > 0 {
			l.object[m.Path] = name
		}
	})
	switch {
	case err != nil:
		return nil, err
	case len(l.object) > maxParts:
		return nil, errMany
	}
	for _, name := range l.object {
		if nginxPart(name).kind == date {
			return l, nil
		}
	}
	return nil, errNoDate
}
