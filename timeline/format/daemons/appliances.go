package daemons

import (
	"strings"

	"spor/timeline/dates"
	"spor/timeline/textlog"
)

// NetScalerDate reads what begins a message of Citrix NetScaler (Citrix ADC, NetScaler Gateway): "03/09/2026:09:00:00 GMT",
// in the order of days that it is set to, of which the American is the default, and without a zone where it writes its own.
func NetScalerDate(s string) (dates.Stamp, int) {
	const length = len("03/09/2026:09:00:00")
	if len(s) <= length || s[2] != '/' || s[5] != '/' || s[10] != ':' || s[length] != ' ' {
		return dates.Stamp{}, 0
	}
	month, day := s[:2], s[3:5]
	if month > "12" {
		month, day = day, month
	}
	st, n := dates.ISO(s[6:10] + "-" + month + "-" + day + "T" + s[11:length])
	if n != length {
		return dates.Stamp{}, 0
	}
	if strings.HasPrefix(s[length:], " GMT ") {
		st.Zoned = true
		return st, length + len(" GMT")
	}
	return st, length
}

// netscalerKeys are what stands before a value between hyphens (NetScaler Syslog Message Reference), and the field.
var netscalerKeys = map[string]string{
	"Client_ip": "ip_address", "Remote_ip": "ip_address", "ClientIP": "ip_address", "Source": "source", "Destination": "destination", "User": "username", "Vserver": "virtual_server", "Nat_ip": "nat_ip", "NatIP": "nat_ip",
	"Failure_reason": "reason", "Browser": "user_agent", "Command": "command", "Status": "status", "SessionId:": "session", "Duration": "duration", "Total_bytes_send": "bytes_sent", "Total_bytes_recv": "bytes_received",
	"LogoutMethod": "logout_method", "Group(s)": "group", "ClientPort": "port", "ClientVersion": "tls_version",
}

// netscalerActions are events of NetScaler by feature and name.
var netscalerActions = map[string][2]string{
	"AAA LOGIN_FAILED": {"login_failed", "failure"}, "AAA LOGIN": {"login", "success"}, "AAA EXTRACTED_GROUPS": {"groups_read", ""}, "SSLVPN LOGIN": {"vpn_session_opened", "success"}, "SSLVPN LOGOUT": {"vpn_session_closed", ""},
	"SSLVPN TCPCONNSTAT": {"vpn_connection", ""}, "SSLVPN UDPFLOWSTAT": {"vpn_connection", ""}, "SSLVPN HTTPREQUEST": {"vpn_request", ""}, "SSLVPN ICASTART": {"vpn_application_opened", ""}, "SSLVPN ICAEND_CONNSTAT": {"vpn_application_closed", ""},
	"CLI CMD_EXECUTED": {"command", ""}, "GUI CMD_EXECUTED": {"command", ""}, "API CMD_EXECUTED": {"command", ""}, "UI CMD_EXECUTED": {"command", ""}, "TCP CONN_TERMINATE": {"connection_closed", ""}, "TCP CONN_DELINK": {"connection_closed", ""},
	"SSLLOG SSL_HANDSHAKE_FAILURE": {"negotiation_failed", "failure"}, "SSLLOG SSL_HANDSHAKE_SUCCESS": {"connection_opened", ""},
}

// NetScaler reads "ns1 0-PPE-0 : default AAA LOGIN_FAILED 139115982 0 :  User eve - Client_ip 192.0.2.7 - …", what follows
// the date. A key that stands twice is not believed: a stranger may have put it into a name.
func NetScaler(f *textlog.Fields, words string) bool {
	head, said, ok := strings.Cut(strings.TrimLeft(words, " "), " : ")
	host, engine, ok2 := strings.Cut(strings.TrimSpace(head), " ")
	if !ok || !ok2 || !strings.Contains(engine, "PPE-") {
		return false
	}
	said = strings.TrimPrefix(strings.TrimLeft(said, " "), "default ")
	feature, rest, _ := strings.Cut(said, " ")
	event, rest, _ := strings.Cut(rest, " ")
	if a, ok := netscalerActions[feature+" "+event]; ok {
		f.Did(a[0], a[1])
	}
	f.Add("device", host)
	f.Add("packet_engine", engine)
	f.Add("feature", feature)
	f.Add("event", event)
	_, pairs, _ := strings.Cut(rest, " : ")
	seen := map[string]int{}
	parts := strings.Split(pairs, " - ")
	for _, part := range parts {
		key, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		seen[key]++
	}
	for _, part := range parts {
		key, v, _ := strings.Cut(strings.TrimSpace(part), " ")
		name := netscalerKeys[key]
		if name == "" || seen[key] > 1 {
			continue
		}
		netscalerValue(f, name, strings.Trim(strings.TrimSpace(v), `"`))
	}
	return true
}

func netscalerValue(f *textlog.Fields, name, v string) {
	switch name {
	case "source", "destination":
		host, port, _ := cutLast(v, ":")
		if name == "destination" {
			f.Add("destination_ip", host)
			f.Digits("destination_port", port)
		} else if !f.Has("ip_address") {
			f.Add("ip_address", host)
			f.Digits("port", port)
		}
	case "bytes_sent", "bytes_received", "port", "session":
		if !f.Digits(name, v) {
			f.Add(name, v)
		}
	default:
		f.Add(name, v)
	}
}

// hostd reads the words of VMware ESXi's host agent and vCenter's: "[Originator@6876 sub=Vimsvc.ha-eventmgr] Event 77 : User
// root@192.0.2.7 logged in as x".
func hostd(f *textlog.Fields, words string) {
	if strings.HasPrefix(words, "[") {
		origin, rest, _ := strings.Cut(words, "] ")
		for k, v := range textlog.Pairs(strings.TrimSuffix(origin[1:], "]")) {
			if k == "user" {
				f.Add("by_username", v)
			} else if k == "opID" {
				f.Add("operation_identifier", v)
			}
		}
		words = rest
	}
	if number, rest, ok := strings.Cut(words, " : "); ok && strings.HasPrefix(number, "Event ") {
		f.Digits("event_number", number[len("Event "):])
		words = rest
	}
	f.Match(hostdSays, words)
}

var (
	hostdSays = []textlog.Pattern{
		say("login_failed", "failure", "Cannot login {username*}@{ip_address@}{.}"),
		say("login_failed", "failure", "Rejected password for user {username*} from {ip_address@}"),
		say("login", "success", "Accepted password for user {username*} from {ip_address@}"),
		say("login", "success", "User {username*}@{ip_address@} logged in as {client}"),
		say("session_closed", "", "User {username*}@{ip_address@} logged out"),
		say("service_started", "", "SSH access has been enabled"),
		say("shell_enabled", "", "The ESXi command line shell has been enabled"),
		say("account_changed", "", "Account {username} was {change}"),
		say("virtual_machine_stopped", "", "{virtual_machine} on  {} in {} is powered off"),
		say("virtual_machine_removed", "", "Removed {virtual_machine} on {} from {}"),
	}
	// The shell of ESXi: /var/log/shell.log.
	esxiShellSays = []textlog.Pattern{
		say("command", "", "[{username}]: {command}"),
		say("shell_enabled", "", "ESXi shell {}"),
	}
)
