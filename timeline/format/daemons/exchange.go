package daemons

import (
	"strings"

	"spor/timeline/textlog"
)

// Exchanged reads what firewalls, antivirus and gateways send to each other's collectors, whatever program brought it: CEF
// (ArcSight Common Event Format Implementation Standard, revision 25) and LEEF 1.0 and 2.0 (IBM QRadar LEEF guide); false: it
// is neither.
func Exchanged(f *textlog.Fields, words string) bool {
	if len(words) < 6 || words[0] != 'C' && words[0] != 'L' {
		return false
	}
	switch {
	case strings.HasPrefix(words, "CEF:0|"), strings.HasPrefix(words, "CEF:1|"):
		head, rest, ok := headOf(words[len("CEF:0|"):], 6)
		if !ok {
			return false
		}
		f.Add("device_vendor", head[0])
		f.Add("device_product", head[1])
		f.Add("signature_identifier", head[3])
		f.Add("signature", head[4])
		f.Add("severity", head[5])
		cefPairs(f, rest)
	case strings.HasPrefix(words, "LEEF:1.0|"), strings.HasPrefix(words, "LEEF:2.0|"):
		head, rest, ok := headOf(words[len("LEEF:1.0|"):], 4)
		if !ok {
			return false
		}
		f.Add("device_vendor", head[0])
		f.Add("device_product", head[1])
		f.Add("signature_identifier", head[3])
		by := "\t"
		if words[len("LEEF:")] == '2' {
			named, after, ok := strings.Cut(rest, "|")
			if ok && len(named) < 6 {
				by, rest = delimiter(named), after
			}
		}
		for pair := range strings.SplitSeq(rest, by) {
			if k, v, ok := strings.Cut(pair, "="); ok {
				exchangedField(f, leefNames[k], v)
			}
		}
	default:
		return false
	}
	exchangedDid(f)
	return true
}

// headOf gives the first columns, apart by "|", which a backslash hides.
func headOf(s string, n int) (head [6]string, rest string, ok bool) {
	for i := range n {
		end := 0
		for end < len(s) && s[end] != '|' {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(s) {
			return head, "", false
		}
		head[i], s = s[:end], s[end+1:]
	}
	return head, s, true
}

// delimiter is the sign that a head of LEEF 2.0 names, itself or in hexadecimal: "^", "x09", "0x7c".
func delimiter(name string) string {
	hex := strings.TrimPrefix(strings.TrimPrefix(name, "0"), "x")
	if hex == name || len(hex) != 2 {
		if name == "" {
			return "\t"
		}
		return name
	}
	n := byte(0)
	for i := range len(hex) {
		c := hex[i] | 0x20
		switch {
		case c-'0' <= 9:
			n = n<<4 | (c - '0')
		case c-'a' < 6:
			n = n<<4 | (c - 'a' + 10)
		default:
			return name
		}
	}
	return string([]byte{n})
}

// cefPairs reads "src=192.0.2.7 msg=words with blanks dpt=22": a value goes on up to the next word that "=" follows. What a
// stranger chose may look like a pair: the first of a name counts, as of all fields.
func cefPairs(f *textlog.Fields, s string) {
	key, rest, ok := strings.Cut(s, "=")
	for n := 0; ok && n < maxPairs; n++ {
		end, next := len(rest), ""
		for at := 0; ; {
			i := strings.IndexByte(rest[at:], '=')
			if i < 0 {
				break
			}
			word := rest[at : at+i] // what stands before it has a "=": it is no key
			if blank := strings.LastIndexByte(word, ' '); blank >= 0 && isKey(word[blank+1:]) {
				end, next = at+blank, rest[at+blank+1:]
				break
			}
			at += i + 1
		}
		exchangedField(f, cefNames[strings.TrimSpace(key)], strings.TrimRight(rest[:end], " "))
		key, rest, ok = strings.Cut(next, "=")
	}
}

const maxPairs = 256

func isKey(s string) bool {
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && (c|0x20)-'a' > 25 && c != '_' && c != '.' {
			return false
		}
	}
	return s != ""
}

var (
	cefNames = map[string]string{
		"src": "ip_address", "spt": "port", "dst": "destination_ip", "dpt": "destination_port", "proto": "protocol", "suser": "username", "duser": "target_username", "act": "event_action", "msg": "detail",
		"reason": "reason", "request": "url", "requestMethod": "method", "requestClientApplication": "user_agent", "fname": "filename", "filePath": "file_path", "fileHash": "file_hash", "shost": "client_name",
		"dhost": "destination_host", "dvchost": "device", "dvc": "device_address", "deviceExternalId": "device_identifier", "in": "bytes_received", "out": "bytes_sent", "app": "application", "cat": "category",
		"outcome": "result", "deviceInboundInterface": "interface", "deviceOutboundInterface": "out_interface", "sproc": "process", "dproc": "target_process", "deviceProcessName": "reporter_process",
	}
	leefNames = map[string]string{
		"src": "ip_address", "srcPort": "port", "dst": "destination_ip", "dstPort": "destination_port", "proto": "protocol", "usrName": "username", "action": "event_action", "cat": "category", "sev": "severity",
		"srcBytes": "bytes_sent", "dstBytes": "bytes_received", "url": "url", "policy": "policy", "identHostName": "client_name", "resource": "device", "reason": "reason", "msg": "detail", "domain": "domain",
	}
	exchangedNumbers = map[string]bool{"port": true, "destination_port": true, "bytes_sent": true, "bytes_received": true}
	// exchangedActions are what products say was done with a connection or a file, in lower case.
	exchangedActions = map[string][2]string{
		"accept": {"packet_allowed", "success"}, "accepted": {"packet_allowed", "success"}, "allow": {"packet_allowed", "success"}, "allowed": {"packet_allowed", "success"}, "permit": {"packet_allowed", "success"}, "pass": {"packet_allowed", "success"},
		"drop": {"packet_refused", "failure"}, "deny": {"packet_refused", "failure"}, "denied": {"packet_refused", "failure"}, "reject": {"packet_refused", "failure"}, "block": {"packet_refused", "failure"},
		"blocked": {"packet_refused", "failure"}, "prevent": {"packet_refused", "failure"}, "decrypt": {"packet_allowed", "success"}, "encrypt": {"packet_allowed", "success"},
		"log in": {"login", "success"}, "login": {"login", "success"}, "failed log in": {"login_failed", "failure"}, "log out": {"logout", ""}, "logout": {"logout", ""}, "detect": {"alert", ""},
	}
)

// exchangedField adds a value under a name of ours; empty: there is none for it.
func exchangedField(f *textlog.Fields, name, value string) {
	if name == "" || f.Has(name) || exchangedNumbers[name] && f.Digits(name, value) {
		return
	}
	f.Add(name, value)
}

// exchangedDid says what was done, as far as the product's word for it is known.
func exchangedDid(f *textlog.Fields) {
	for i := range *f {
		if (*f)[i].Name == "event_action" {
			if did, ok := exchangedActions[strings.ToLower((*f)[i].String())]; ok {
				f.Did(did[0], did[1])
			}
			return
		}
	}
}

// CheckPoint reads what Check Point's Log Exporter sends (sk122323; "Log Fields Description", sk144192): one element in brackets
// of `action:"Accept"; src:"192.0.2.7"; …`, where RFC 5424 has its own structured data.
func CheckPoint(f *textlog.Fields, data string) {
	data = strings.Trim(data, "[] ")
	for range maxPairs {
		key, rest, ok := strings.Cut(data, `:"`)
		if !ok {
			break
		}
		end := 0
		for end < len(rest) && rest[end] != '"' {
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end, len(rest))
		exchangedField(f, checkpointNames[strings.TrimLeft(key, "; ")], rest[:end])
		data = rest[min(end+1, len(rest)):]
	}
	exchangedDid(f)
}

var checkpointNames = map[string]string{
	"action": "event_action", "src": "ip_address", "s_port": "port", "dst": "destination_ip", "service": "destination_port", "proto": "protocol_number", "product": "device_product", "origin": "device_address",
	"originsicname": "device", "rule_name": "rule", "rule_uid": "rule_identifier", "user": "username", "src_user_name": "source_username", "administrator": "username", "ifname": "interface", "ifdir": "direction",
	"severity": "severity", "protection_name": "signature", "attack": "attack", "malware_action": "malware_action", "resource": "url", "reason": "reason", "auth_method": "authentication_method", "office_mode_ip": "inner_ip_address",
	"file_name": "filename", "file_sha256": "file_sha256", "operation": "operation", "objectname": "object", "machine": "client_name", "loguid": "log_identifier", "service_id": "service", "sent_bytes": "bytes_sent",
	"received_bytes": "bytes_received", "app_name": "application", "appi_name": "application", "status": "status", "additional_info": "detail",
}

// ESETNames are the members of the events that ESET PROTECT exports as JSON (help.eset.com/protect_admin, "Events exported to
// JSON format"), and the fields they become.
var ESETNames = map[string]string{
	"event_type": "event_type", "ipv4": "computer_address", "ipv6": "computer_address6", "hostname": "computer", "source_uuid": "computer_identifier", "severity": "severity", "threat_type": "threat_type",
	"threat_name": "threat_name", "scanner_id": "scanner", "engine_version": "engine_version", "object_type": "object_type", "object_uri": "filename", "action_taken": "event_action", "action_error": "reason",
	"threat_handled": "handled", "need_restart": "restart_needed", "username": "username", "processname": "process", "circumstances": "detail", "hash": "file_sha1", "firstseen": "first_seen", "event": "signature",
	"source_address": "ip_address", "source_port": "port", "target_address": "destination_ip", "target_port": "destination_port", "protocol": "protocol", "account": "username", "process_name": "process",
	"rule_name": "rule", "rule_id": "rule", "inbound": "inbound", "domain": "domain", "action": "event_action", "target": "object", "detail": "detail", "user": "username", "result": "result", "command_line": "command",
	"triggerevent": "signature", "rulename": "rule", "description": "detail", "application": "process", "operation": "operation",
}

// ESET reads such an object where a syslog brought it.
func ESET(e *textlog.Entry, object string) {
	e.JSON(object, func(m *textlog.Member, value string, _ bool) { exchangedField(&e.Fields, ESETNames[m.Path], value) }) // of what is no object, what there is
	ESETDid(&e.Fields)
}

// ESETDid says what an event of ESET's means.
func ESETDid(f *textlog.Fields) {
	text := func(name string) string {
		for i := range *f {
			if (*f)[i].Name == name {
				return (*f)[i].String()
			}
		}
		return ""
	}
	switch kind, action, result := text("event_type"), text("event_action"), text("result"); {
	case text("threat_name") != "":
		f.Did("malware_found", "")
	case strings.EqualFold(kind, "FirewallAggregated_Event"):
		f.Did("packet_refused", "failure")
	case strings.EqualFold(action, "Login attempt") && strings.EqualFold(result, "Success"):
		f.Did("login", "success")
	case strings.EqualFold(action, "Login attempt"):
		f.Did("login_failed", "failure")
	}
}

// snapd says what is asked of it (overlord/snapstate, daemon/api_snaps.go of snapd 2.61), flatpak what it did
// (common/flatpak-dir.c, flatpak_dir_log, of flatpak 1.14).
var (
	snapdSays = []textlog.Pattern{
		say("package_install_asked", "", "{}: Installing snap \"{package}\" revision {version}"),
		say("package_install_asked", "", "{}: Installing snap \"{package}\" from cohort {}"),
		say("started", "", "{}: started snapd/{snapd_version@} "),
	}
	flatpakSays = []textlog.Pattern{
		say("package_installed", "", "{installation}: Installed {package@} from {origin}"),
		say("package_upgraded", "", "{installation}: Updated {package@} from {origin}"),
		say("package_removed", "", "{installation}: Uninstalled {package@}"),
		say("repository_added", "", "{installation}: Added remote {origin} to {url}"),
		say("repository_removed", "", "{installation}: Removed remote {origin}"),
	}
)
