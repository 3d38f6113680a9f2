// Package security reads the logs of what watches: fail2ban, Suricata, Zeek, firewalld, ClamAV, Microsoft Defender on Linux,
// ESET, Sophos, Symantec and Trend Micro.
//
//   - fail2ban 1.0: fail2ban/server, "%(asctime)s %(name)-24s[%(process)d]: %(levelname)-7s %(message)s"
//   - Suricata 7: eve.json (User Guide, 19.1) and fast.log; Snort 2 and 3: alert_fast (src/loggers, ts_print)
//   - Zeek 6: tab-separated logs with their own heading, and JSON (docs.zeek.org, Log Formats)
//   - firewalld 2: /var/log/firewalld; ClamAV 1.3 with LogTime: clamd.log, freshclam.log
//   - Defender for Endpoint on Linux: /var/log/microsoft/mdatp (learn.microsoft.com, Troubleshoot … on Linux)
package security

import (
	"slices"
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/daemons"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package, the strictest first.
var Formats = slices.Concat(linux, vendors, antivirus)

var linux = []*timeline.Format{
	eve.Dialect().Format(),
	zeekJSON.Dialect().Format(),
	(&textlog.Dialect{Name: "suricata_fast", Type: "suricata:fast:alert", Begin: fastBegin, Single: true, Read: fast}).Format(),
	(&textlog.Dialect{Name: "zeek", Type: "zeek:log:entry", Begin: zeekBegin, Sure: zeekSure, Single: true, Long: true, New: zeek}).Format(),
	(&textlog.Dialect{Name: "fail2ban", Type: "fail2ban:log:entry", Begin: fail2banBegin, Read: fail2ban}).Format(),
	(&textlog.Dialect{Name: "clamav", Type: "clamav:log:entry", Begin: clamBegin, Read: clam}).Format(),
	(&textlog.Dialect{Name: "defender_linux", Type: "av:defender:linux:entry", Begin: defenderBegin, Read: defender}).Format(),
	(&textlog.Dialect{Name: "firewalld", Type: "firewalld:log:entry", Names: func(base string) bool { return strings.HasPrefix(base, "firewalld") }, Begin: firewalldBegin, Read: firewalld}).Format(),
}

// flow are the members that all events of Suricata share, and those of its alerts and protocols that matter most.
var flow = map[string]string{
	"event_type": "event_type", "src_ip": "ip_address", "src_port": "port", "dest_ip": "destination_ip", "dest_port": "destination_port", "proto": "protocol", "app_proto": "application",
	"in_iface": "interface", "flow_id": "flow", "alert.action": "event_action", "alert.signature": "signature", "alert.signature_id": "signature_identifier", "alert.category": "category",
	"alert.severity": "severity", "http.hostname": "url_host", "http.url": "url", "http.http_user_agent": "user_agent", "http.http_method": "method", "http.status": "status_code",
	"dns.rrname": "query_name", "dns.query.rrname": "query_name", "dns.rrtype": "query_type", "tls.sni": "server_name", "tls.subject": "certificate_subject", "tls.ja3.hash": "ja3", "fileinfo.filename": "filename",
	"fileinfo.sha256": "file_sha256", "fileinfo.size": "file_size", "ssh.client.software_version": "client", "smb.filename": "filename", "smb.command": "command", "flow.bytes_toserver": "bytes_sent",
	"flow.bytes_toclient": "bytes_received", "flow.start": "start_time", "anomaly.event": "anomaly", "smtp.mail_from": "sender", "smtp.rcpt_to": "recipient", "host": "sensor",
}

var eve = textlog.JSONLog{
	Name: "suricata_eve", Type: "suricata:eve:event", Marks: []string{`"event_type":"`, `"timestamp":"`}, Time: "timestamp", Names: flow,
	Done: func(e *textlog.Entry) {
		kind := text(e, "event_type")
		if kind == "alert" {
			e.Did("alert", "")
		}
		what := text(e, "signature")
		for _, name := range [...]string{"url", "query_name", "server_name", "filename"} {
			if what == "" {
				what = text(e, name)
			}
		}
		e.Message = e.Join("[", kind, "] ", text(e, "ip_address"), " -> ", text(e, "destination_ip"), " ", what)
	},
}

// text is a field's text, else empty.
func text(e *textlog.Entry, name string) string {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return e.Fields[i].String()
		}
	}
	return ""
}

// fastBegin reads "07/11/2022-10:29:01.860293  [**] [1:2200074:2] …" of Suricata, and Snort's forms: without a year, and
// with one of two digits behind (Snort 2) or before (Snort 3).
func fastBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.American(line)
	if n == 0 {
		s, n = snortDate(line)
	}
	return s, n, n > 0 && strings.HasPrefix(strings.TrimLeft(line[n:min(len(line), n+8)], " "), "[**] ")
}

// snortDate reads "12/28-12:55:38.765402", "12/28/21-…" and "21/12/28-…": a year of Snort 3's, of 2014, is no month.
func snortDate(line string) (dates.Stamp, int) {
	n := strings.IndexByte(line[:min(len(line), 32)], ' ')
	if n < 14 || line[2] != '/' {
		return dates.Stamp{}, 0
	}
	day, clock, ok := strings.Cut(line[:n], "-")
	if !ok || strings.Trim(day, "/0123456789") != "" || len(day) != 5 && (len(day) != 8 || day[5] != '/') {
		return dates.Stamp{}, 0
	}
	year, month, mday := "2000", day[:2], day[3:5] // leap: any day that may be
	if len(day) == 8 {
		if year = day[6:]; month > "12" {
			year, month, mday = day[:2], day[3:5], day[6:]
		}
		year = "20" + year
	}
	text := year + "-" + month + "-" + mday + "T" + clock
	s, read := dates.ISO(text)
	if read != len(text) {
		return dates.Stamp{}, 0
	}
	if len(day) == 5 {
		s.Year = 0
	}
	return s, n
}

// fast reads "[**] [gid:sid:rev] text [**] [Classification: …] [Priority: 3] {TCP} 192.0.2.7:5 -> 198.51.100.7:80".
func fast(e *textlog.Entry) {
	words := strings.TrimSpace(e.Words())
	e.Message = words
	rest := strings.TrimPrefix(words, "[**] [")
	id, rest, _ := strings.Cut(rest, "] ")
	signature, rest, _ := strings.Cut(rest, " [**] ")
	e.Did("alert", "")
	e.Add("signature", strings.Trim(signature, `"`))
	if _, sid, ok := strings.Cut(id, ":"); ok {
		sid, _, _ = strings.Cut(sid, ":")
		e.Digits("signature_identifier", sid)
	}
	if _, class, ok := strings.Cut(rest, "[Classification: "); ok {
		class, _, _ = strings.Cut(class, "]")
		e.Add("category", class)
	}
	if _, priority, ok := strings.Cut(rest, "[Priority: "); ok {
		priority, _, _ = strings.Cut(priority, "]")
		e.Digits("severity", priority)
	}
	if _, ends, ok := strings.Cut(rest, "{"); ok {
		protocol, ends, _ := strings.Cut(ends, "} ")
		from, to, _ := strings.Cut(ends, " -> ")
		e.Add("protocol", protocol)
		endpoint(e, from, "ip_address", "port")
		endpoint(e, to, "destination_ip", "destination_port")
	}
}

// endpoint reads "192.0.2.7:5", with the last colon before the port, which Snort leaves out where there is none. IPv6
// addresses have all their eight parts.
func endpoint(e *textlog.Entry, s, address, port string) {
	at := strings.LastIndexByte(s, ':')
	if at < 0 || strings.Count(s, ":") == 7 && !strings.Contains(s, "::") {
		e.Add(address, s)
		return
	}
	e.Add(address, s[:at])
	e.Digits(port, s[at+1:])
}

// zeekNames are the columns of Zeek that have a name of ours; others keep theirs, with "_" for ".".
var zeekNames = map[string]string{
	"id.orig_h": "ip_address", "id.orig_p": "port", "id.resp_h": "destination_ip", "id.resp_p": "destination_port", "proto": "protocol", "uid": "flow", "service": "service", "host": "url_host",
	"uri": "url", "user_agent": "user_agent", "method": "method", "status_code": "status_code", "query": "query_name", "qtype_name": "query_type", "server_name": "server_name", "note": "notice",
	"msg": "detail", "user": "username", "username": "username", "orig_bytes": "bytes_sent", "resp_bytes": "bytes_received", "filename": "filename", "sha256": "file_sha256",
}

var zeekJSON = textlog.JSONLog{
	Name: "zeek_json", Type: "zeek:log:entry", Marks: []string{`"ts":`, `"id.orig_h":`}, Time: "ts", Names: zeekNames, Rest: true,
	Done: func(e *textlog.Entry) { zeekMessage(e) },
}

func zeekMessage(e *textlog.Entry) {
	what := ""
	for _, name := range [...]string{"notice", "url", "query_name", "server_name", "service"} {
		if what == "" {
			what = text(e, name)
		}
	}
	e.Message = strings.TrimSpace(e.Join(text(e, "ip_address"), " -> ", text(e, "destination_ip"), " ", what))
	if e.Message == "->" {
		e.Message = strings.TrimSpace(e.Text)
	}
}

// zeekBegin reads the heading's lines and rows that begin with seconds.
func zeekBegin(line string) (dates.Stamp, int, bool) {
	if strings.HasPrefix(line, "#") {
		return dates.Stamp{}, 0, true
	}
	s, n := dates.Epoch(line)
	return s, n, n > 0 && strings.HasPrefix(line[n:], "\t")
}

// zeekSure asks for the heading, which comes first.
func zeekSure(line string) bool {
	return strings.HasPrefix(line, `#separator \x09`) || strings.HasPrefix(line, "#set_separator") || strings.HasPrefix(line, "#empty_field") || strings.HasPrefix(line, "#unset_field") ||
		strings.HasPrefix(line, "#path\t") || strings.HasPrefix(line, "#fields\t") || strings.HasPrefix(line, "#types\t") || strings.HasPrefix(line, "#open\t")
}

// zeek keeps the names of the columns and of the log.
func zeek() func(*textlog.Entry) {
	var fields, row []string
	log := ""
	return func(e *textlog.Entry) {
		if strings.HasPrefix(e.Text, "#") {
			e.Skip = true
			if names, ok := strings.CutPrefix(e.Text, "#fields\t"); ok && len(names) < 16<<10 {
				fields = zeekFields(strings.Split(names, "\t"))
			} else if name, ok := strings.CutPrefix(e.Text, "#path\t"); ok {
				log = name
			}
			return
		}
		row = e.Columns(row, e.Text, '\t')
		e.Add("log", log)
		for i, v := range row {
			if i < len(fields) && fields[i] != "" && v != "-" && v != "(empty)" && !e.Digits(fields[i], v) {
				e.Add(fields[i], v)
			}
		}
		zeekMessage(e)
		e.Message = e.Join("[", log, "] ", e.Message)
	}
}

// zeekFields are the fields that columns become; empty: none.
func zeekFields(columns []string) []string {
	for i, name := range columns {
		switch field, ok := zeekNames[name]; {
		case name == "ts":
			columns[i] = ""
		case ok:
			columns[i] = field
		default:
			columns[i] = strings.ReplaceAll(name, ".", "_")
		}
	}
	return columns
}

// fail2banBegin reads "2026-05-20 09:00:00,123 fail2ban.actions        [1234]: NOTICE  [sshd] Ban 192.0.2.7".
func fail2banBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.ISO(line)
	return s, n, n > 0 && strings.HasPrefix(strings.TrimLeft(line[n:], " "), "fail2ban.")
}

func fail2ban(e *textlog.Entry) {
	head, words, _ := strings.Cut(strings.TrimLeft(e.Words(), " "), ": ")
	name, pid, _ := strings.Cut(head, "[")
	level, said, _ := strings.Cut(words, " ")
	said = strings.TrimSpace(said)
	e.Add("reporter", strings.TrimSpace(name))
	e.Digits("pid", strings.TrimSuffix(pid, "]"))
	e.Add("severity", level)
	daemons.Read(&e.Fields, "fail2ban.actions", said)
	e.Add("body", said)
	if e.Message = said; said == "" {
		e.Message = strings.TrimSpace(e.Text)
	}
}

// clamBegin reads "Sat Mar  9 09:00:00 2026 -> /tmp/x: Eicar-Signature FOUND".
func clamBegin(line string) (dates.Stamp, int, bool) {
	if rest, ok := strings.CutPrefix(line, "+++ Started at "); ok {
		s, n := dates.CTime(rest)
		return s, 0, n > 0
	}
	s, n := dates.CTime(line)
	return s, n, n > 0 && strings.HasPrefix(line[n:], " -> ")
}

func clam(e *textlog.Entry) {
	words := strings.TrimSpace(strings.TrimPrefix(e.Words(), " -> "))
	daemons.Read(&e.Fields, "clamd", strings.TrimPrefix(words, "^"))
	e.Add("body", words)
	e.Message = words
	if words == "" {
		e.Message = "(empty line)"
	}
}

// defenderBegin reads "[8732][2026-03-09 09:00:00.123456 UTC][info]: text".
func defenderBegin(line string) (dates.Stamp, int, bool) {
	end := strings.Index(line, "][")
	if !strings.HasPrefix(line, "[") || end < 0 || end > 12 {
		return dates.Stamp{}, 0, false
	}
	s, n := dates.ISO(line[end+2:])
	return s, end + 2 + n, n > 0 && strings.HasPrefix(line[end+2+n:], "][")
}

func defender(e *textlog.Entry) {
	pid, _, _ := strings.Cut(e.Text[1:], "]")
	level, words, _ := strings.Cut(strings.TrimPrefix(e.Words(), "]["), "]")
	words = strings.TrimSpace(strings.TrimPrefix(words, ":"))
	e.Digits("pid", pid)
	e.Add("severity", level)
	e.Add("body", words)
	e.Message = words
	if words == "" {
		e.Message = "(empty line)"
	}
}

func firewalldBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.ISO(line)
	return s, n, n > 0 && strings.Contains(line[n:], ": ")
}

func firewalld(e *textlog.Entry) {
	words := strings.TrimSpace(e.Words())
	daemons.Read(&e.Fields, "firewalld", words)
	e.Add("body", words)
}
