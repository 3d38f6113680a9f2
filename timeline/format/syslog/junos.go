package syslog

import (
	"strings"

	"spor/timeline/textlog"
)

// junosNames are the parameters of Juniper's structured data (Junos OS System Log Explorer) that have a name of ours.
var junosNames = map[string]string{
	"source-address": "ip_address", "source-port": "port", "destination-address": "destination_ip", "destination-port": "destination_port", "remote-address": "ip_address", "local-address": "local_ip",
	"username": "username", "user": "username", "command": "command", "policy-name": "policy", "service-name": "service", "application": "application", "protocol-id": "protocol_number", "source-zone-name": "source_zone",
	"destination-zone-name": "destination_zone", "reason": "reason", "attack-name": "signature", "threat-severity": "threat_severity", "url": "url", "bytes-from-client": "bytes_sent", "bytes-from-server": "bytes_received",
	"nat-source-address": "nat_ip", "packet-incoming-interface": "interface", "interface-name": "interface", "mac-address": "mac_address", "message": "detail", "action": "event_action",
}

// junosActions are what messages tell, by their name or the end of it.
var junosActions = []struct{ name, action, result string }{
	{"SSHD_LOGIN_FAILED", "login_failed", "failure"},
	{"LOGIN_FAILED", "login_failed", "failure"},
	{"LOGIN_FAILED_INCORRECT_PASSWORD", "login_failed", "failure"},
	{"UI_LOGIN_EVENT", "login", "success"},
	{"UI_AUTH_EVENT", "login", "success"},
	{"UI_LOGOUT_EVENT", "session_closed", ""},
	{"UI_CMDLINE_READ_LINE", "command", ""},
	{"UI_COMMIT", "config_changed", ""},
	{"SNMPD_AUTH_FAILURE", "login_failed", "failure"},
	{"KMD_PM_SA_ESTABLISHED", "vpn_session_opened", "success"},
	{"SESSION_CREATE", "packet_allowed", "success"},
	{"SESSION_DENY", "packet_refused", "failure"},
	{"SESSION_CLOSE", "connection_closed", ""},
	{"ATTACK_LOG_EVENT", "alert", ""},
	{"DOT1XD_USR_AUTHENTICATED", "login", "success"},
}

// junos reads a message of Junos OS: "RT_FLOW_SESSION_CREATE [junos@2636.1.1.1.2.129 source-address="192.0.2.7" …]".
func junos(e *textlog.Entry, h *header) {
	for _, a := range junosActions {
		if strings.HasSuffix(h.id, a.name) {
			e.Did(a.action, a.result)
			break
		}
	}
	for k, v := range textlog.Pairs(strings.TrimSuffix(h.data, "]")) {
		name := junosNames[k]
		switch {
		case name == "" || v == "N/A" || v == "None" || v == "UNKNOWN":
		case !numbers[name] || !e.Digits(name, v):
			e.Add(name, v)
		}
	}
}

// numbers are the fields that hold one.
var numbers = map[string]bool{"port": true, "destination_port": true, "bytes_sent": true, "bytes_received": true}
