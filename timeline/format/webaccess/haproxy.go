package webaccess

import (
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/daemons"
	"spor/timeline/format/web"
	"spor/timeline/textlog"
)

// haproxyParts are the variables of HAProxy's log-format (HAProxy 2.8 Configuration Manual, 8.2.6). Two that stand together
// have a name of their own: an address of IPv6 has no brackets before its port.
var haproxyParts = map[string]part{
	"ci:%cp": {kind: behindColon, slot: web.Address}, "b/%s": {slot: web.Upstream}, "ci": {slot: web.Address}, "cp": {slot: web.ClientPort}, "s": {slot: web.Upstream}, "b": {name: "backend"},
	"f": {kind: frontend, slot: web.Server}, "ft": {kind: frontend, slot: web.Server}, "fp": {slot: web.Port}, "fi": {slot: web.ServerIP}, "H": {name: "node"}, "pid": {name: "pid"}, "ID": {name: "request_identifier"},
	"ST": {slot: web.Status}, "B": {slot: web.Sent}, "U": {slot: web.Received}, "r": {kind: request}, "HM": {slot: web.Method}, "HU": {slot: web.URL}, "HP": {slot: web.URL}, "HPO": {slot: web.URL}, "HQ": {kind: query}, "HV": {slot: web.Version},
	"t": {kind: date}, "tr": {kind: date}, "T": {kind: date}, "trg": {kind: date}, "Tl": {kind: date}, "trl": {kind: date}, "Ts": {kind: date}, "ms": {kind: fraction},
	"Ta": {kind: took, unit: 1000}, "Tt": {kind: took, unit: 1000}, "tsc": {name: "termination_state"}, "ts": {name: "termination_state"}, "hr": {name: "captured"}, "hs": {name: "captured_response"},
	"CC": {name: "captured_cookie"}, "CS": {name: "captured_response_cookie"}, "bi": {name: "backend_source_ip"}, "bp": {name: "backend_source_port"}, "si": {name: "upstream_ip"}, "sp": {name: "upstream_port"},
	"sslv": {name: "tls_version"}, "sslc": {name: "tls_cipher"}, "rt": {name: "request_counter"}, "lc": {name: "log_counter"}, "hrl": {name: "captured"}, "hsl": {name: "captured_response"},
	"ac": {}, "bc": {}, "fc": {}, "sc": {}, "bq": {}, "sq": {}, "rc": {}, "Tc": {}, "Td": {}, "Th": {}, "Ti": {}, "Tq": {}, "TR": {}, "Tr": {}, "Tw": {}, // counters and parts of the time: read over
}

const longestVariable = len("ci:%cp")

// HAProxy compiles a log-format.
func HAProxy(format string) (*Layout, error) {
	var b builder
	quoted := false // of all that follows
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.literal.WriteByte(format[i])
			continue
		}
		i++
		quote := quoted
		if format[i] == '%' {
			b.literal.WriteByte('%')
			continue
		}
		flags := ""
		if format[i] == '{' {
			end := strings.IndexByte(format[i:], '}')
			if end < 0 {
				return nil, errFit
			}
			flags = format[i+1 : i+end]
			quote = (quote || strings.Contains(flags, "+Q")) && !strings.Contains(flags, "-Q")
			i += end + 1
		}
		name, p, n := haproxyVariable(format[i:])
		switch {
		case n == 0:
			return nil, errFit
		case name == "o":
			quoted = quote
		case quote:
			b.literal.WriteByte('"')
			b.add(p)
			b.literal.WriteByte('"')
		default:
			b.add(p)
		}
		i += n - 1
	}
	return b.done(format)
}

// haproxyVariable reads a variable, the longest that there is, or an expression in brackets, and says how long it is.
func haproxyVariable(s string) (name string, p part, n int) {
	if strings.HasPrefix(s, "[") {
		depth := 0
		for n < len(s) {
			switch s[n] {
			case '[', '(':
				depth++
			case ']', ')':
				depth--
			}
			if n++; depth == 0 {
				return s[:n], expression(s[1 : n-1]), n
			}
		}
		return "", p, 0
	}
	for n = min(longestVariable, len(s)); n > 0; n-- {
		if p, ok := haproxyParts[s[:n]]; ok {
			return s[:n], p, n
		}
	}
	if strings.HasPrefix(s, "o") {
		return "o", p, 1
	}
	return "", p, 0
}

// expression is what a sample is: some of them are what a variable is.
func expression(s string) part {
	fetch, _, _ := strings.Cut(s, ",") // converters follow
	switch fetch = strings.ToLower(fetch); fetch {
	case "src":
		return part{slot: web.Address}
	case "src_port":
		return part{slot: web.ClientPort}
	case "method":
		return part{slot: web.Method}
	case "status":
		return part{slot: web.Status}
	case "url", "capture.req.uri":
		return part{slot: web.URL}
	case "ssl_fc_sni", "req.hdr(host)":
		return part{slot: web.Server}
	case "req.hdr(user-agent)":
		return part{slot: web.Agent}
	case "req.hdr(referer)":
		return part{slot: web.Referer}
	case "req.hdr(x-forwarded-for)":
		return part{slot: web.Forwarded}
	}
	return part{name: strings.Trim(fieldName(fetch), "_")}
}

// haproxy reads the forms in HAProxy's configuration. It logs to a syslog, so that no file is named: those that have its name
// are tried.
func (c *Config) haproxy(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "log-format")
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '\t' || len(c.proxy) >= maxForms {
			continue
		}
		if l, err := HAProxy(haproxyWord(strings.TrimSpace(rest))); err == nil {
			c.proxy = append(c.proxy, l)
		}
	}
}

// haproxyWord reads a word of the configuration (2.8 Configuration Manual, 2.2): quotes hide blanks, and a backslash what follows.
func haproxyWord(s string) string {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && (c == ' ' || c == '\t' || c == '#' || c == '\r'):
			return b.String()
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// proxied are the forms of HAProxy, whose lines a syslog daemon wrote to a file among what HAProxy says of itself.
type proxied []*Layout

func (ls proxied) format() *timeline.Format {
	return (&textlog.Dialect{
		Name: "haproxy_configured", Type: web.Access, Names: func(base string) bool { return strings.Contains(base, "haproxy") },
		Begin: ls.begin, Sure: ls.fit, New: func() func(*textlog.Entry) { return ls.read(new(reading)) },
	}).Format()
}

// said is where HAProxy's words begin behind the head that a syslog daemon put before them; 0: there is none.
func said(line string) int {
	const name, most = "haproxy", 300
	at := strings.Index(line[:min(len(line), most)], " "+name)
	if at < 0 {
		return 0
	}
	at += 1 + len(name)
	if rest := line[at:]; strings.HasPrefix(rest, "[") {
		end := strings.Index(rest, "]: ")
		if end < 0 {
			return 0
		}
		return at + end + len("]: ")
	} else if strings.HasPrefix(rest, ": ") {
		return at + len(": ")
	}
	for range 4 { // RFC 5424: PROCID MSGID STRUCTURED-DATA
		next := strings.IndexByte(line[at:], ' ')
		if next < 0 {
			return 0
		}
		at += next + 1
	}
	return at
}

// begin reads the date of a request, or else that of the head.
func (ls proxied) begin(line string) (dates.Stamp, int, bool) {
	at := said(line)
	for _, l := range ls {
		if s, ok := l.stampOf(line[at:]); ok {
			return s, at, true
		}
	}
	if at == 0 {
		return dates.Stamp{}, 0, false
	}
	head := line
	if strings.HasPrefix(head, "<") {
		head = strings.TrimPrefix(head[strings.IndexByte(head, '>')+1:], "1 ")
	}
	for _, read := range [...]dates.Reader{dates.RFC3339, dates.BSD} {
		if s, n := read(head); n > 0 {
			return s, at, true
		}
	}
	return dates.Stamp{}, 0, false
}

func (ls proxied) fit(line string) bool {
	var r reading
	at := said(line)
	for _, l := range ls {
		if l.read(&r, line[at:], len(l.parts), false) {
			return true
		}
	}
	return false
}

// read gives a request, or what HAProxy says else, as it comes by syslog.
func (ls proxied) read(r *reading) func(*textlog.Entry) {
	return func(e *textlog.Entry) {
		words := e.Words()
		for _, l := range ls {
			if l.read(r, words, len(l.parts), e.Cut > 0) {
				l.give(r, e)
				return
			}
		}
		if Carried(e, "haproxy", words) {
			return
		}
		e.Type, e.Message = "syslog:line", e.Join("[haproxy] ", strings.TrimSpace(words))
		e.Add("reporter", "haproxy")
		daemons.Read(&e.Fields, "haproxy", words)
		e.Add("body", words)
	}
}
