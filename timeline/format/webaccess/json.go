package webaccess

import (
	"errors"
	"strings"

	"spor/timeline/dates"
	"spor/timeline/format/web"
	"spor/timeline/textlog"
)

var errAccess = errors.New("no request in the object")

// isObject tells a line that may be a JSON object.
func isObject(line string) bool { return len(line) > 2 && line[0] == '{' }

// members are the places of what a request is made of in the JSON of web servers, by the path of the member:
// Caddy (caddyserver.com/docs/logging), Traefik (doc.traefik.io, Access Logs), and what administrators call the variables
// of nginx in a log_format of their own.
var members = map[string]part{
	// Caddy
	"ts": {kind: date}, "request.remote_ip": {slot: web.Address}, "request.remote_addr": {kind: endpoint, slot: web.Address}, "request.remote_port": {slot: web.ClientPort},
	"request.client_ip": {slot: web.Forwarded}, "request.proto": {slot: web.Version}, "request.method": {slot: web.Method}, "request.host": {slot: web.Server}, "request.uri": {slot: web.URL},
	"request.headers.User-Agent": {slot: web.Agent}, "request.headers.Referer": {slot: web.Referer}, "request.headers.X-Forwarded-For": {slot: web.Forwarded},
	"user_id": {slot: web.User}, "duration": {kind: took, unit: 1e6}, "size": {slot: web.Bytes}, "status": {slot: web.Status}, "bytes_read": {slot: web.Received},
	"logger": {name: "logger"}, "request.tls.server_name": {name: "tls_server_name"},
	// Traefik
	"StartUTC": {kind: date}, "ClientHost": {slot: web.Address}, "ClientPort": {slot: web.ClientPort}, "ClientUsername": {slot: web.User}, "DownstreamStatus": {slot: web.Status},
	"DownstreamContentSize": {slot: web.Bytes}, "RequestContentSize": {slot: web.Received}, "RequestMethod": {slot: web.Method}, "RequestPath": {slot: web.URL}, "RequestProtocol": {slot: web.Version},
	"RequestHost": {slot: web.Server}, "RequestPort": {slot: web.Port}, "request_User-Agent": {slot: web.Agent}, "request_Referer": {slot: web.Referer}, "request_X-Forwarded-For": {slot: web.Forwarded},
	"ServiceAddr": {slot: web.Upstream}, "RouterName": {name: "router"}, "entryPointName": {name: "entry_point"},
	// nginx and others, by custom
	"time": {kind: date}, "timestamp": {kind: date}, "@timestamp": {kind: date}, "date": {kind: date}, "time_local": {kind: date}, "time_iso8601": {kind: date}, "msec": {kind: date},
	"ip": {slot: web.Address}, "remote_addr": {slot: web.Address}, "remote_ip": {slot: web.Address}, "client": {slot: web.Address}, "client_ip": {slot: web.Address}, "clientip": {slot: web.Address},
	"remote_user": {slot: web.User}, "user": {slot: web.User}, "method": {slot: web.Method}, "request_method": {slot: web.Method}, "http_method": {slot: web.Method},
	"path": {slot: web.URL}, "uri": {slot: web.URL}, "url": {slot: web.URL}, "request_uri": {slot: web.URL}, "args": {slot: web.Query}, "query": {slot: web.Query}, "query_string": {slot: web.Query},
	"request": {kind: request}, "host": {slot: web.Server}, "http_host": {slot: web.Server}, "server_name": {slot: web.Server}, "vhost": {slot: web.Server}, "domain": {slot: web.Server},
	"server_port": {slot: web.Port}, "protocol": {slot: web.Version}, "server_protocol": {slot: web.Version}, "proto": {slot: web.Version}, "code": {slot: web.Status}, "response": {slot: web.Status},
	"status_code": {slot: web.Status}, "length": {slot: web.Bytes}, "bytes": {slot: web.Bytes}, "body_bytes_sent": {slot: web.Bytes}, "bytes_sent": {slot: web.Sent}, "request_length": {slot: web.Received},
	"referer": {slot: web.Referer}, "referrer": {slot: web.Referer}, "http_referer": {slot: web.Referer}, "http_referrer": {slot: web.Referer}, "user_agent": {slot: web.Agent}, "agent": {slot: web.Agent}, "ua": {slot: web.Agent},
	"http_user_agent": {slot: web.Agent}, "useragent": {slot: web.Agent}, "x_forwarded_for": {slot: web.Forwarded}, "http_x_forwarded_for": {slot: web.Forwarded}, "xff": {slot: web.Forwarded},
	"Duration": {kind: took}, "request_time": {kind: took, unit: 1e6}, "generation_time_milli": {kind: took, unit: 1e6}, "upstream_addr": {slot: web.Upstream}, "request_id": {name: "request_identifier"},
}

// jsonMarks are what the JSON of an access log holds, one of each group.
var jsonMarks = [][]string{
	{`"status`, `"DownstreamStatus"`, `"code"`, `"response"`},
	{`"method"`, `"RequestMethod"`, `"uri"`, `"path"`, `"request"`, `"request_uri"`, `"request_method"`, `"url"`},
	{`"ip"`, `"remote_addr"`, `"remote_ip"`, `"ClientHost"`, `"client`, `"remote_port"`},
}

func jsonBegin(line string) (dates.Stamp, int, bool) { return dates.Stamp{}, 0, isObject(line) }

// jsonSure asks for a whole request.
func jsonSure(line string) bool {
	if !marked(line) {
		return false
	}
	e := textlog.Entry{Text: line}
	newObject(new(reading)).read(&e, customary)
	return e.Damage == nil && !e.Stamp.IsZero()
}

func marked(line string) bool {
	for _, group := range jsonMarks {
		found := false
		for _, mark := range group {
			found = found || strings.Contains(line, mark)
		}
		if !found {
			return false
		}
	}
	return true
}

// jsonCut tells the beginning of a line that is longer than the head.
func jsonCut(beginning string) bool { return isObject(beginning) && marked(beginning) }

// wholeJSON gives the reader of objects whose members have names of custom.
func wholeJSON() func(*textlog.Entry) bool {
	o := newObject(new(reading))
	return func(e *textlog.Entry) bool {
		if !isObject(e.Text) {
			return false
		}
		o.read(e, customary)
		return true
	}
}

// customary is the place of a member, nil where it has none.
func customary(path string) *part {
	p, ok := members[path]
	if !ok && hasUpper(path) {
		p, ok = members[strings.ToLower(path)] // "Status"
	}
	if !ok {
		return nil
	}
	return &p
}

// hasUpper tells a short name at the top that begins with a capital letter.
func hasUpper(s string) bool {
	return s != "" && len(s) < 24 && s[0] >= 'A' && s[0] <= 'Z' && strings.IndexByte(s, '.') < 0
}

// named is the place of a member that the configuration names.
func (l *Layout) named(path string) *part {
	p := part{name: fieldName(path)}
	if name, ok := l.object[path]; ok {
		p = nginxPart(name)
	}
	return &p
}

// isWhole tells whether a line is an object with a request in it.
func (l *Layout) isWhole(line string) bool {
	e := textlog.Entry{Text: line}
	newObject(new(reading)).read(&e, l.named)
	return e.Damage == nil
}

// maxMembers bounds how many members without a place become fields.
const maxMembers = 64

// An object is a line of JSON while it is read.
type object struct {
	*reading
	find   func(path string) *part // the place of a member; nil: it has none
	visit  func(m *textlog.Member, value string, isText bool)
	others []string // names and values of what has no slot
}

func newObject(r *reading) *object {
	o := &object{reading: r}
	o.visit = o.take
	return o
}

func (o *object) take(m *textlog.Member, value string, _ bool) {
	if m.Path == "" {
		return
	}
	p, ok := m.Note.(*part)
	if !ok {
		p = o.find(m.Path)
		m.Note = p
	}
	switch {
	case p == nil || value == "" || value == "-":
	case p.kind == date:
		if o.stamp.IsZero() && value[0]-'0' <= 9 {
			o.date(value)
		}
	case p.name != "":
		if len(o.others) < 2*maxMembers {
			o.others = append(o.others, p.name, value)
		}
	case p.kind == took:
		o.Took(seconds(value), p.unit)
	default:
		o.put(p, value)
	}
}

// read reads an object.
func (o *object) read(e *textlog.Entry, find func(path string) *part) {
	o.begin()
	o.find, o.others = find, o.others[:0]
	err := e.JSON(e.Text, o.visit)
	v := &o.Values
	if err == nil && (v[web.Status] == "" || v[web.URL] == "" && v[web.Method] == "" && v[web.Line] == "") && e.Cut == 0 {
		err = errAccess
	}
	if err != nil && e.Cut == 0 {
		e.Damage = err
		return
	}
	if !o.stamp.IsZero() {
		e.Stamp = o.stamp
	}
	o.Give(e)
	for i := 0; i < len(o.others); i += 2 {
		e.Add(o.others[i], o.others[i+1])
	}
}

// seconds spells "1.5e-05" without its exponent, and "12ms" and "1.5s" without their unit.
func seconds(s string) string {
	mantissa, exponent, ok := strings.Cut(s, "e-")
	if !ok {
		return strings.TrimSuffix(s, "s")
	}
	n, ok := textlog.Atoi(exponent)
	switch {
	case !ok || n < 0 || n > 9:
		return "0"
	case n == 0:
		return mantissa
	}
	return "0." + strings.Repeat("0", int(n)-1) + strings.Replace(mantissa, ".", "", 1)
}
