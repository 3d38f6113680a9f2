package daemons

import (
	"strings"

	"spor/timeline/textlog"
)

// dropbear reads dropbear's words (src/svr-auth.c, svr-authpasswd.c, svr-session.c): sshd's table has its sentences, which
// began with small letters before 2012, and a journal may have its own number and date before them.
func dropbear(f *textlog.Fields, words string) {
	if pid, rest, ok := strings.Cut(words, "] "); ok && strings.HasPrefix(pid, "[") && len(rest) > 16 && rest[15] == ' ' {
		words = rest[16:]
	}
	if words == "" {
		return
	}
	if c := words[0]; 'a' <= c && c <= 'z' {
		words = string(c-'a'+'A') + words[1:]
	}
	if !f.Match(dropbearSays, words) {
		f.Match(sshdSays, words)
	}
}

var dropbearSays = []textlog.Pattern{
	say("login_failed", "failure", "Exit before auth (user '{username*}', {failures#} fails): {reason} - user '{}' from {ip_address@}:{port#}"),
	say("login_failed", "failure", "Exit before auth from <{ip_address@}:{port#}>: (user '{username*}', {failures#} fails): {reason}"),
	say("disconnected", "", "Exit before auth from <{ip_address@}:{port#}>: {reason}"),
	say("disconnected", "", "Exit ({username*}) from <{ip_address@}:{port#}>: {reason}"),
	say("login", "success", "PAM password auth succeeded for '{username*}' from {ip_address@}:{port#}"),
	say("login_failed", "failure", "PAM_login_access attempt for nonexistent user from {ip_address@}:{port#}"),
}

// pamOlder reads what PAM said before 2005, "(pam_unix) authentication failure; …", and what sshd says of it when a
// connection ends, "PAM 2 more authentication failures; …".
func pamOlder(f *textlog.Fields, words string) bool {
	older := false
	for _, before := range [...]string{"(pam_unix) authentication failure; ", "pam_unix: authentication failure; "} {
		older = older || strings.HasPrefix(words, before)
	}
	if more, ok := strings.CutPrefix(words, "PAM "); ok {
		n, rest, _ := strings.Cut(more, " ")
		if !strings.HasPrefix(rest, "more authentication failure") {
			return false
		}
		pamFailure(f, rest)
		f.Digits("failures", n)
		return true
	}
	if !older {
		return false
	}
	pamFailure(f, words)
	return true
}

// imapd reads what three servers of the name say: Cyrus' (imap/imapd.c, pop3d.c), Courier's (imap/imaplogin.c), UW's.
func imapd(f *textlog.Fields, words string) {
	if !f.Match(cyrusSays, words) && !f.Match(courierSays, words) {
		f.Match(imapSays, words)
	}
}

var (
	cyrusSays = []textlog.Pattern{
		say("login_failed", "failure", "badlogin: {client_name} [{ip_address}] {authentication_method@} [SASL({}): {reason}]"),
		say("login_failed", "failure", "badlogin: {client_name}[{ip_address}] {authentication_method@} [SASL({}): {reason}]"),
		say("login_failed", "failure", "badlogin: {client_name} [{ip_address}] {authentication_method@} {username*} SASL({}): {reason}"),
		say("login_failed", "failure", "badlogin: {client_name}[{ip_address}] {authentication_method@} {username*} SASL({}): {reason}"),
		say("login_failed", "failure", "badlogin: {client_name} [{ip_address}] {authentication_method@} {reason}"),
		say("login", "success", "login: {client_name} [{ip_address}] {username@} {authentication_method@} "),
		say("connection_opened", "", "accepted connection"),
	}
	courierSays = []textlog.Pattern{
		say("login_failed", "failure", "LOGIN FAILED, user={username*}, ip=[{ip_address}]"),
		say("login_failed", "failure", "LOGIN FAILED, method={authentication_method}, ip=[{ip_address}]"),
		say("login", "success", "LOGIN, user={username*}, ip=[{ip_address}]"),
		say("session_closed", "", "LOGOUT, user={username*}, ip=[{ip_address}]"),
		say("disconnected", "", "DISCONNECTED, user={username*}, ip=[{ip_address}]"),
		say("disconnected", "", "DISCONNECTED, ip=[{ip_address}]"),
		say("connection_opened", "", "Connection, ip=[{ip_address}]"),
	}
)

// Roundcube reads the words of Roundcube Webmail 1.6 (program/lib/Roundcube/rcube.php, program/include/rcmail.php), which it
// also gives to syslog: "<session> IMAP Error: Login failed for eve from 192.0.2.7. …".
func Roundcube(f *textlog.Fields, words string) {
	if session, rest, ok := strings.Cut(words, "> "); ok && strings.HasPrefix(session, "<") {
		f.Add("session", session[1:])
		words = rest
	}
	f.Match(roundcubeSays, words)
}

var roundcubeSays = []textlog.Pattern{
	say("login_failed", "failure", "IMAP Error: Login failed for {username*} against {server} from {ip_address@}. {reason}"),
	say("login_failed", "failure", "IMAP Error: Login failed for {username*} from {ip_address@}. {reason}"),
	say("login_failed", "failure", "IMAP Error: Login failed for {username*} from {ip_address@}"),
	say("login_failed", "failure", "FAILED login for {username*} from {ip_address@}"),
	say("login_failed", "failure", "Failed login for {username*} from {ip_address@} in session {session@}"),
	say("login", "success", "Successful login for {username*} (ID: {user_identifier#}) from {ip_address@} in session {session@}"),
	say("login", "success", "Successful login for {username*} (id {user_identifier#}) from {ip_address@}"),
	say("php_error", "", "PHP Error: {reason}"),
}

// Named reads the words of BIND 9 (lib/ns/client.c, query.c, xfrout.c, update.c): "client @0x7f… 192.0.2.7#5353 (name): view
// external: query (cache) 'name/A/IN' denied".
func Named(f *textlog.Fields, words string) {
	if rest, ok := strings.CutPrefix(words, "client "); ok {
		if strings.HasPrefix(rest, "@0x") {
			_, rest, _ = strings.Cut(rest, " ")
		}
		who, said, ok := strings.Cut(rest, ": ")
		address, port, ok2 := strings.Cut(who, "#")
		if !ok || !ok2 || !isAddress(address) {
			return
		}
		port, _, _ = strings.Cut(port, " ")
		f.Add("ip_address", address)
		f.Digits("port", strings.TrimSuffix(port, "/key"))
		if view, after, ok := strings.Cut(said, ": "); ok && strings.HasPrefix(view, "view ") {
			f.Add("view", view[len("view "):])
			said = after
		}
		f.Match(namedClientSays, said)
		return
	}
	f.Match(namedSays, words)
}

var (
	namedClientSays = []textlog.Pattern{
		say("dns_query", "", "query: {query@} {query_class@} {query_type@} "),
		say("query_refused", "failure", "query (cache) '{query}/{query_type}/{query_class}' denied"),
		say("query_refused", "failure", "query '{query}/{query_type}/{query_class}' denied"),
		say("zone_transfer_refused", "failure", "zone transfer '{zone}' denied"),
		say("zone_transfer_refused", "failure", "bad zone transfer request: '{zone}': {reason}"),
		say("zone_transfer", "", "transfer of '{zone}': {transfer_type@} started"),
		say("zone_update_refused", "failure", "update '{zone}' denied"),
		say("zone_update", "", "updating zone '{zone}': {change}"),
		say("notify", "", "received notify for zone '{zone}'"),
	}
	namedSays = []textlog.Pattern{
		say("started", "", "starting BIND {server_version@}"),
		say("stopped", "", "exiting (due to {reason})"),
		say("stopped", "", "shutting down"),
		say("signature_failed", "failure", "validating {query@}: {reason}"),
	}
)

// DHCP servers (ISC dhcpd 4.4, server/dhcp.c; dnsmasq 2.90, src/rfc2131.c) say who had which address.
var dhcpSays = []textlog.Pattern{
	say("address_assigned", "", "DHCPACK on {ip_address@} to {mac_address@} ({hostname}) via {interface@}"),
	say("address_assigned", "", "DHCPACK on {ip_address@} to {mac_address@} via {interface@}"),
	say("address_assigned", "", "DHCPACK({interface}) {ip_address@} {mac_address@} {hostname@}"),
	say("address_assigned", "", "DHCPACK({interface}) {ip_address@} {mac_address@}"),
	say("address_offered", "", "DHCPOFFER on {ip_address@} to {mac_address@} ({hostname}) via {interface@}"),
	say("address_offered", "", "DHCPOFFER on {ip_address@} to {mac_address@} via {interface@}"),
	say("address_requested", "", "DHCPREQUEST for {ip_address@} ({}) from {mac_address@} ({hostname}) via {interface@}"),
	say("address_requested", "", "DHCPREQUEST for {ip_address@} from {mac_address@} ({hostname}) via {interface@}"),
	say("address_requested", "", "DHCPREQUEST for {ip_address@} from {mac_address@} via {interface@}"),
	say("address_requested", "", "DHCPDISCOVER from {mac_address@} ({hostname}) via {interface@}"),
	say("address_requested", "", "DHCPDISCOVER from {mac_address@} via {interface@}"),
	say("address_released", "", "DHCPRELEASE of {ip_address@} from {mac_address@} ({hostname}) via {interface@}"),
	say("address_released", "", "DHCPRELEASE of {ip_address@} from {mac_address@} via {interface@}"),
	say("address_refused", "failure", "DHCPNAK on {ip_address@} to {mac_address@} via {interface@}"),
}

var (
	// HAProxy 2.8: what it says of a connection before it knows the end of it, and of its servers.
	haproxySays = []textlog.Pattern{
		say("connection_opened", "", "Connect from {ip_address@}:{port#} to {destination_ip@}:{destination_port#} ({server_name}/{mode})"),
		say("server_down", "", "Server {upstream@} is DOWN, reason: {reason}"),
		say("server_up", "", "Server {upstream@} is UP, reason: {reason}"),
		say("started", "", "Proxy {server_name@} started."),
		say("stopped", "", "Proxy {server_name@} stopped"),
	}
	// Suhosin (log.c), which also speaks through a web server.
	suhosinSays = []textlog.Pattern{
		say("attack", "", "ALERT - {reason*} (attacker '{ip_address}', file '{filename}'"),
	}
	// WU-FTPD 2.6 (src/ftpd.c).
	wuSays = []textlog.Pattern{
		say("login_failed", "failure", "failed login from {client_name} [{ip_address}]"),
		say("login", "success", "FTP LOGIN FROM {client_name} [{ip_address}], {username}"),
	}
	// unix_chkpwd(8) of Linux-PAM.
	chkpwdSays = []textlog.Pattern{
		say("authentication_failed", "failure", "password check failed for user ({username*})"),
	}
)

// proxmox reads the daemons of Proxmox VE (PVE/APIServer, PVE/API2/AccessControl.pm): "authentication failure;
// rhost=192.0.2.7 user=root@pam msg=…".
func proxmox(f *textlog.Fields, words string) { f.Match(proxmoxSays, words) }

var proxmoxSays = []textlog.Pattern{
	say("login_failed", "failure", "authentication failure; rhost={ip_address} user={username*} msg={reason}"),
	say("login", "success", "<{}> successful auth for user '{username*}'"),
	say("task_started", "", "<{username}> starting task {task}"),
	say("task_ended", "", "<{username}> end task {task} {result}"),
}

// amavis reads what amavisd-new says of a message (amavisd, log_templ): "(4051607-09) Blocked INFECTED (name) {…}, [192.0.2.7]:1434
// [192.0.2.7] <a@b> -> <c@d>, …".
func amavis(f *textlog.Fields, words string) { f.Match(amavisSays, words) }

var amavisSays = []textlog.Pattern{
	say("malware_found", "", "({}) Blocked INFECTED ({threat_name}) {}, [{ip_address}]:{port#} [{}] <{sender}> -> <{recipient}>"),
	say("malware_found", "", "({}) Passed INFECTED ({threat_name}) {}, [{ip_address}]:{port#} [{}] <{sender}> -> <{recipient}>"),
	say("malware_found", "", "({}) Blocked INFECTED ({threat_name})"),
	say("mail_refused", "failure", "({}) Blocked {reason} {}, [{ip_address}]:{port#} [{}] <{sender}> -> <{recipient}>"),
	say("mail_received", "", "({}) Passed {reason} {}, [{ip_address}]:{port#} [{}] <{sender}> -> <{recipient}>"),
}

var monitSays = []textlog.Pattern{
	say("login_failed", "failure", "HttpRequest: access denied -- client {ip_address@}: wrong password for user '{username*}'"),
	say("login_failed", "failure", "HttpRequest: access denied -- client {ip_address@}: unknown user '{username*}'"),
}

var phpMyAdminSays = []textlog.Pattern{
	say("login_failed", "failure", "user denied: {username*} ({reason}) from {ip_address@}"),
	say("login", "success", "user authenticated: {username*} from {ip_address@}"),
}

// Zimbra reads what the mailbox server of Zimbra says (ZmAudit, ZmSoap; log4j.properties): of a login, behind the pairs of
// who asks.
func Zimbra(f *textlog.Fields, words string) { f.Match(zimbraSays, words) }

var zimbraSays = []textlog.Pattern{
	say("login_failed", "failure", "SoapEngine - handler exception: authentication failed for [{username*}], {reason}"),
	say("login_failed", "failure", "{service@} - authentication failed for [{username*}] ({reason})"),
	say("login_failed", "failure", "security - cmd={command@}; account={username}; protocol={protocol@}; error={reason}"),
	say("login_failed", "failure", "security - cmd={command@}; account={username}; error={reason}"),
	say("login", "success", "security - cmd=Auth; account={username}; protocol={protocol@};"),
	say("login", "success", "security - cmd=AdminAuth; account={username};"),
	say("admin_command", "", "security - cmd={command@};"),
}

// Samba reads what Samba says of a login with auth_audit (auth/auth_log.c), and of one without (source3/auth/auth.c).
func Samba(f *textlog.Fields, words string) { f.Match(sambaSays, words) }

var sambaSays = []textlog.Pattern{
	say("login", "success", `Auth: [{service}] user [{domain}]\[{username*}] at [{}] with [{authentication_method}] status [NT_STATUS_OK] workstation [{workstation}] remote host [{}:{ip_address@}:{port#}]`),
	say("login_failed", "failure", `Auth: [{service}] user [{domain}]\[{username*}] at [{}] with [{authentication_method}] status [{reason}] workstation [{workstation}] remote host [{}:{ip_address@}:{port#}]`),
	say("login_failed", "failure", "check_ntlm_password:  Authentication for user [{username*}] -> [{}] FAILED with error {reason@}"),
	say("login", "success", "check_ntlm_password:  authentication for user [{username*}] -> [{}] -> [{}] succeeded"),
	say("share_opened", "success", "{computer} (ipv4:{ip_address@}:{port#}) connect to service {share} initially as user {username} (uid="),
	say("share_closed", "", "{computer} (ipv4:{ip_address@}:{port#}) closed connection to service {share}"),
}

// filterlog reads the packets that pfSense and OPNsense log (docs.netgate.com, Raw Filter Log Format): columns whose number
// and meaning the version of IP and the protocol give.
func filterlog(f *textlog.Fields, words string) {
	row := strings.Split(words, ",")
	if len(row) < 9 {
		return
	}
	kind, at := 0, 0 // where the protocol and the source stand
	switch row[8] {
	case "4":
		kind, at = 16, 18
	case "6":
		kind, at = 12, 15
	}
	if at == 0 || len(row) < at+2 {
		return
	}
	action, result := "packet_refused", "failure"
	if row[6] == "pass" {
		action, result = "packet_allowed", "success"
	}
	f.Did(action, result)
	f.Add("rule", row[0])
	f.Add("interface", row[4])
	f.Add("direction", row[7])
	protocol := strings.ToUpper(row[kind])
	f.Add("protocol", protocol)
	f.Add("ip_address", row[at])
	f.Add("destination_ip", row[at+1])
	if (protocol == "TCP" || protocol == "UDP") && len(row) > at+3 {
		f.Digits("port", row[at+2])
		f.Digits("destination_port", row[at+3])
	}
}
