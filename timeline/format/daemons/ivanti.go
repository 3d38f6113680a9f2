package daemons

import (
	"strings"

	"spor/timeline"
	"spor/timeline/textlog"
)

// pulse reads Ivanti (Pulse) Connect Secure's messages (Ivanti Connect Secure 22 Log Messages): "2026-03-09 09:00:00 - ive -
// [192.0.2.7] Default Network::eve(Realm)[Role][session] - Login failed. Reason: …". Failures come before successes, which a
// name may spell.
func pulse(f *textlog.Fields, words string) {
	if !f.Match(pulseSays, words) {
		return
	}
	for i := range *f {
		field := &(*f)[i]
		v := field.String()
		switch field.Name {
		case "username":
			_, name, ok := strings.Cut(v, "Network::")
			if ok && strings.HasPrefix(v, "Default ") {
				*field = timeline.Text("username", name)
			}
		case "roles":
			if roles, session, ok := strings.Cut(v, "]["); ok {
				*field = timeline.Text("roles", roles)
				f.Add("session", strings.Trim(session, "[]"))
				return
			}
		}
	}
}

// pulseHead is what stands before what is said.
const pulseHead = "{} - [{ip_address}] {username*}({realm})[{roles}] - "

var pulseSays = []textlog.Pattern{
	say("login_failed", "failure", pulseHead+"Login failed. Reason: {reason}"),
	say("login_failed", "failure", pulseHead+"Login failed using auth server {server}. Reason: {reason}"),
	say("login_failed", "failure", pulseHead+"Login failed {reason}"),
	say("login_failed", "failure", pulseHead+"Primary authentication failed for {reason}"),
	say("login_failed", "failure", pulseHead+"Secondary authentication failed for {reason}"),
	say("login", "success", pulseHead+"Login succeeded for "),
	say("login", "success", pulseHead+"Agent login succeeded for "),
	say("login", "success", pulseHead+"Primary authentication successful for {}"),
	say("login", "success", pulseHead+"Secondary authentication successful for {}"),
	say("vpn_session_opened", "success", pulseHead+"VPN Tunneling: Session started for user{}with IPv4 address {inner_ip_address@}, hostname {client_name}"),
	say("vpn_session_opened", "success", pulseHead+"VPN Tunneling: Session started for user{}with IPv4 address {inner_ip_address@}"),
	say("vpn_session_closed", "", pulseHead+"VPN Tunneling: Session ended for user{}with IPv4 address {inner_ip_address@}"),
	say("logout", "", pulseHead+"Logout from {}"),
	say("logout", "", pulseHead+"Session timed out for {}"),
	say("vpn_request", "", pulseHead+"WebRequest completed, {http_request_method@} to {url} from {} result={http_response_code#}"),
	say("user_changed", "", pulseHead+"User Accounts modified. {detail}"),
	say("vpn", "", pulseHead+"{detail}"),
}
