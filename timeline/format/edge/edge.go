// Package edge reads the logs of firewalls and VPN gateways, as files of their own or as a collector stored them: FortiGate,
// Sophos Firewall, Palo Alto Networks PAN-OS, Ivanti (Pulse) Connect Secure, Citrix NetScaler, SonicWall, OpenVPN and strongSwan. Cisco's, netfilter's
// and WireGuard's lines come through syslog. What the words mean is in package daemons.
//
//   - FortiOS 7.4 Log Message Reference; Sophos Firewall 20 Log file guide: pairs of key and value
//   - PAN-OS 11 Administrator's Guide, Syslog Field Descriptions: columns by the type of record
//   - Ivanti Connect Secure 22, WELF format; OpenVPN 2.6 --log; strongSwan 5.9 filelog
package edge

import (
	"strings"
	"time"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/daemons"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package, the strictest first.
var Formats = []*timeline.Format{
	(&textlog.Dialect{Name: "fortigate", Type: "fortigate:log", Begin: fortiBegin, Single: true, Read: forti}).Format(),
	(&textlog.Dialect{Name: "sophos_firewall", Type: "sophos:firewall:log", Begin: sophosBegin, Single: true, Read: sophos}).Format(),
	(&textlog.Dialect{Name: "ivanti", Type: "ivanti:connect_secure:log", Begin: welfBegin, Single: true, Read: welf}).Format(),
	(&textlog.Dialect{Name: "sonicwall", Type: "sonicwall:log", Begin: sonicBegin, Single: true, Read: sonic}).Format(),
	(&textlog.Dialect{Name: "panos", Type: "panos:log", Begin: panosBegin, Single: true, New: panos}).Format(),
	(&textlog.Dialect{Name: "netscaler", Type: "netscaler:log", Begin: netscalerBegin, Read: netscaler}).Format(),
	(&textlog.Dialect{Name: "openvpn", Type: "openvpn:log", Begin: openvpnBegin, Sure: openvpnSure, Read: openvpn}).Format(),
	(&textlog.Dialect{Name: "strongswan", Type: "strongswan:log", Begin: charonBegin, Read: charon}).Format(),
}

// netscalerBegin reads "<134> 03/09/2026:09:00:00 GMT ns1 0-PPE-0 : ". What comes by a syslog daemon is for package syslog.
func netscalerBegin(line string) (dates.Stamp, int, bool) {
	s := strings.TrimLeft(behindPriority(line), " ")
	st, n := daemons.NetScalerDate(s)
	engine := strings.Index(s[n:min(len(s), n+128)], "PPE-")
	return st, len(line) - len(s) + n, n > 0 && engine > 0 && strings.Contains(s[n:min(len(s), n+160)], " : ")
}

func netscaler(e *textlog.Entry) {
	words := strings.TrimSpace(e.Words())
	daemons.NetScaler(&e.Fields, words)
	e.Add("body", words)
}

// behindPriority is a text without "<189>".
func behindPriority(line string) string {
	if line != "" && line[0] == '<' {
		if at := strings.IndexByte(line, '>'); at > 0 && at < 6 {
			return line[at+1:]
		}
	}
	return line
}

// pairDate reads "date=2024-10-14 time=13:46:40", which other pairs may stand between or before.
func pairDate(line string) (dates.Stamp, bool) {
	_, day, ok := strings.Cut(line, "date=")
	_, clock, ok2 := strings.Cut(line, "time=")
	if day, clock = strings.TrimPrefix(day, `"`), strings.TrimPrefix(clock, `"`); !ok || !ok2 || len(day) < 10 || len(clock) < 8 {
		return dates.Stamp{}, false
	}
	var b [19]byte
	copy(b[:], day[:10])
	b[10] = ' '
	copy(b[11:], clock[:8])
	s, n := dates.ISO(string(b[:]))
	return s, n > 0
}

func fortiBegin(line string) (dates.Stamp, int, bool) {
	s := behindPriority(line)
	if !strings.HasPrefix(s, "date=") && !strings.HasPrefix(s, "logver=") && !strings.HasPrefix(s, "itime=") || !strings.Contains(s, "logid=") && !strings.Contains(s, "log_id=") {
		return dates.Stamp{}, 0, false
	}
	stamp, ok := pairDate(s)
	return stamp, len(line) - len(s), ok
}

// forti prefers eventtime, which is UTC, to the clock's own date.
func forti(e *textlog.Entry) {
	words := e.Words()
	at, offset := daemons.FortiGate(&e.Fields, words)
	switch n, ok := textlog.Atoi(at); {
	case ok && len(at) == 19:
		e.Stamp = dates.UnixNano(n)
	case ok && len(at) == 10:
		e.Stamp = dates.Unix(n)
	}
	zone(e, offset)
	e.Message = pick(e, words, "description", "detail")
}

// zone reads "-0700", for a date that has none yet.
func zone(e *textlog.Entry, v string) {
	if e.Stamp.Zoned || len(v) != 5 {
		return
	}
	if s, n := dates.ISO("2000-01-01T00:00:00" + v); n == 24 {
		e.Stamp.Offset, e.Stamp.Zoned = s.Offset, true
	}
}

// pick makes a message of the fields that there are, else all of the words.
func pick(e *textlog.Entry, words string, names ...string) string {
	var parts []string
	for _, name := range names {
		for i := range e.Fields {
			if e.Fields[i].Name == name {
				parts = append(parts, e.Fields[i].String())
			}
		}
	}
	if len(parts) == 0 {
		return strings.TrimSpace(words)
	}
	return strings.Join(parts, ": ")
}

func sophosBegin(line string) (dates.Stamp, int, bool) {
	s := behindPriority(line)
	if !strings.HasPrefix(s, "device=") && !strings.HasPrefix(s, "device_name=") || !strings.Contains(s, "log_type=") {
		return dates.Stamp{}, 0, false
	}
	if _, rest, ok := strings.Cut(s, `timestamp="`); ok { // since version 19
		stamp, n := dates.RFC3339(rest)
		return stamp, len(line) - len(s), n > 0
	}
	stamp, ok := pairDate(s)
	return stamp, len(line) - len(s), ok
}

var sophosNames = map[string]string{
	"src_ip": "ip_address", "dst_ip": "destination_ip", "src_port": "port", "dst_port": "destination_port", "user_name": "username", "user": "username", "usergroupname": "group",
	"log_type": "log_type", "log_component": "log_component", "log_subtype": "log_subtype", "status": "status", "priority": "severity", "message": "detail", "protocol": "protocol",
	"fw_rule_id": "policy_identifier", "device_name": "device", "url": "url", "auth_mechanism": "authentication_method", "reason": "reason", "client_used": "client", "virus": "threat_name",
	"signature_msg": "attack", "src_country": "country", "sent_bytes": "bytes_sent", "recv_bytes": "bytes_received",
}

func sophos(e *textlog.Entry) {
	words := e.Words()
	kind, status := "", ""
	for k, v := range textlog.Pairs(words) {
		switch k {
		case "log_type":
			kind = v
		case "log_subtype", "status":
			status = v
		}
		if name, ok := sophosNames[k]; ok && !e.Has(name) && !e.Digits(name, v) {
			e.Add(name, v)
		}
	}
	switch {
	case kind == "Firewall" && status == "Denied", kind == "Firewall" && status == "Deny":
		e.Did("packet_refused", "failure")
	case kind == "Firewall":
		e.Did("packet_allowed", "success")
	case status == "Failed" || status == "Fail":
		e.Did("login_failed", "failure")
	case status == "Successful" || status == "Success":
		e.Did("login", "success")
	}
	e.Message = pick(e, words, "detail")
}

func welfBegin(line string) (dates.Stamp, int, bool) {
	s := behindPriority(line)
	if !strings.HasPrefix(s, "id=firewall ") || !strings.Contains(s, " vpn=") {
		return dates.Stamp{}, 0, false
	}
	_, rest, ok := strings.Cut(s, `time="`)
	stamp, n := dates.ISO(rest)
	return stamp, len(line) - len(s), ok && n > 0
}

var welfNames = map[string]string{
	"user": "username", "realm": "realm", "roles": "roles", "src": "ip_address", "dst": "destination_ip", "fw": "device", "type": "log_type", "op": "operation", "result": "result",
	"agent": "user_agent", "msg": "detail", "arg": "argument", "dstname": "url_host",
}

func welf(e *textlog.Entry) {
	words := e.Words()
	said := ""
	for k, v := range textlog.Pairs(words) {
		if k == "msg" {
			said = v
		}
		if name, ok := welfNames[k]; ok {
			e.Add(name, v)
		}
	}
	if id, rest, ok := strings.Cut(said, ": "); ok {
		e.Add("message_identifier", id)
		for _, p := range welfSays {
			if strings.Contains(rest, p.words) {
				e.Did(p.action, p.result)
				break
			}
		}
	}
	e.Message = pick(e, words, "detail")
}

var welfSays = [...]struct{ words, action, result string }{
	{"ogin failed", "login_failed", "failure"}, // before success, which a name may spell
	{"authentication failed", "authentication_failed", "failure"},
	{"login succeeded", "login", "success"},
	{"authentication successful", "authenticated", "success"},
	{"Session started", "vpn_session_opened", "success"},
	{"Session ended", "vpn_session_closed", ""},
	{"Logout from", "logout", ""},
	{"Session timed out", "vpn_session_closed", ""},
}

// panosTypes are the kinds of records: the columns that become fields, at their place.
var panosTypes = map[string][]string{
	"TRAFFIC": {4: "log_subtype", 7: "ip_address", 8: "destination_ip", 11: "policy", 12: "username", 13: "target_username", 14: "application", 16: "source_zone", 17: "destination_zone", 24: "port", 25: "destination_port", 29: "protocol", 30: "event_action", 31: "bytes"},
	"THREAT":  {4: "log_subtype", 7: "ip_address", 8: "destination_ip", 11: "policy", 12: "username", 13: "target_username", 14: "application", 24: "port", 25: "destination_port", 29: "protocol", 30: "event_action", 31: "filename", 32: "threat_name", 33: "category", 34: "severity"},
	"SYSTEM":  {4: "log_subtype", 8: "event", 9: "object", 13: "severity", 14: "detail"},
	"CONFIG":  {7: "ip_address", 9: "operation", 10: "username", 11: "client", 12: "result", 13: "configuration_path"},
	"GLOBALPROTECT": {
		8: "event", 9: "stage", 10: "authentication_method", 11: "tunnel_type", 12: "username", 13: "country", 14: "machine", 15: "ip_address", 17: "inner_ip_address", 27: "reason", 30: "status",
	},
}

// panosBegin reads "1,2012/04/10 04:39:56,001606001116,TRAFFIC,start,…"; the time it was made, in the seventh column, counts.
func panosBegin(line string) (dates.Stamp, int, bool) {
	const length = len("2012/04/10 04:39:56")
	at := strings.IndexByte(line, ',') // behind what a collector may have put before it
	if at < 0 || len(line) < at+1+length {
		return dates.Stamp{}, 0, false
	}
	s, n := dates.ISO(line[at+1 : at+1+length])
	if n == 0 {
		return s, 0, false
	}
	start := at
	for start > 0 && line[start-1] != ' ' && line[start-1] != ':' {
		start--
	}
	_, rest, ok := strings.Cut(line[at+1+n:], ",")
	_, rest, ok2 := strings.Cut(rest, ",")
	kind, _, ok3 := strings.Cut(rest, ",")
	return s, start, ok && ok2 && ok3 && panosTypes[kind] != nil
}

func panos() func(*textlog.Entry) {
	var row []string
	return func(e *textlog.Entry) {
		row = e.Columns(row, e.Words(), ',')
		if len(row) < 8 {
			e.Message = strings.TrimSpace(e.Text)
			return
		}
		if s, n := dates.ISO(row[6]); n > 0 {
			e.Stamp = s
		}
		kind := row[3]
		e.Add("device_identifier", row[2])
		e.Add("log_type", kind)
		for i, name := range panosTypes[kind] {
			if i < len(row) && name != "" && row[i] != "" && !(number[name] && e.Digits(name, row[i])) {
				e.Add(name, row[i])
			}
		}
		e.Message = e.Join("[", kind, " ", row[4], "] ", panosDid(e, kind, row))
	}
}

// number are the columns that hold one.
var number = map[string]bool{"port": true, "destination_port": true, "bytes": true}

// panosDid adds what was done, and gives the message.
func panosDid(e *textlog.Entry, kind string, row []string) string {
	at := func(i int) string {
		if i < len(row) {
			return row[i]
		}
		return ""
	}
	switch kind {
	case "TRAFFIC", "THREAT":
		if action := at(30); action == "allow" || action == "alert" {
			e.Did("packet_allowed", "success")
		} else {
			e.Did("packet_refused", "failure")
		}
		return e.Join(at(7), ":", at(24), " -> ", at(8), ":", at(25), " ", at(30))
	case "GLOBALPROTECT":
		if at(30) == "success" {
			e.Did("vpn_login", "success")
		} else {
			e.Did("vpn_refused", "failure")
		}
		return e.Join(at(8), " ", at(12), " ", at(15), " ", at(30))
	case "CONFIG":
		e.Did("config_changed", "")
		return e.Join(at(10), " ", at(9), " ", at(13))
	}
	switch event := at(8); {
	case strings.Contains(event, "auth-fail"):
		e.Did("login_failed", "failure")
	case strings.Contains(event, "auth-succ"):
		e.Did("login", "success")
	}
	return at(14)
}

func openvpnBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.CTime(line)
	if n == 0 {
		s, n = dates.ISO(line)
	}
	if n > 0 && strings.HasPrefix(line[n:], " us=") { // --verb 4
		if end := strings.IndexByte(line[n+4:], ' '); end > 0 {
			if micros, ok := textlog.Atoi(line[n+4 : n+4+end]); ok && micros >= 0 && micros < 1e6 {
				s.Clock += time.Duration(micros) * time.Microsecond
			}
			n += 4 + end
		}
	}
	return s, n, n > 0 && n < len(line) && line[n] == ' '
}

// openvpnSure tells a line whose words OpenVPN says.
func openvpnSure(line string) bool {
	_, n, ok := openvpnBegin(line)
	var f textlog.Fields
	if ok && line[4] != '/' {
		daemons.OpenVPN(&f, line[n+1:])
	}
	return len(f) > 0 && f[0].String() != "vpn" || strings.Contains(line, " OpenVPN ") || strings.Contains(line, "[AF_INET") || strings.Contains(line, "TUN/TAP")
}

func openvpn(e *textlog.Entry) {
	words := strings.TrimSpace(e.Words())
	daemons.OpenVPN(&e.Fields, words)
	e.Add("body", words)
}

// charonBegin reads a date and " 12[IKE] ".
func charonBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.BSD(line)
	if n == 0 {
		s, n = dates.ISO(line)
	}
	if n == 0 || len(line) < n+8 || line[n] != ' ' || line[n+1]-'0' > 9 || line[n+2]-'0' > 9 || line[n+3] != '[' || line[n+7] != ']' && line[n+6] != ']' {
		return s, 0, false
	}
	return s, n, true
}

func charon(e *textlog.Entry) {
	words := strings.TrimSpace(e.Words())
	daemons.Read(&e.Fields, "charon", words)
	e.Add("body", words)
}
