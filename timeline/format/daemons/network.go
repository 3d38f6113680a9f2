package daemons

import (
	"cmp"
	"strings"

	"spor/timeline/textlog"
)

// kernel reads Linux's own words: netfilter's LOG target (net/netfilter/nf_log_syslog.c: "IN=eth0 OUT= SRC=… DPT=22", with
// a prefix such as ufw's "[UFW BLOCK] "), WireGuard's (drivers/net/wireguard), and what tells of crashes, devices and
// modules.
func kernel(f *textlog.Fields, words string) {
	if strings.HasPrefix(words, "[") { // since boot, in seconds: not a date
		if at, rest, ok := strings.Cut(words[1:], "]"); ok && strings.Trim(at, " .0123456789") == "" {
			f.Add("since_boot", strings.TrimSpace(at))
			words = strings.TrimLeft(rest, " ")
		}
	}
	if at := strings.Index(words, "IN="); at >= 0 && strings.Contains(words[at:], " SRC=") {
		netfilter(f, strings.TrimSpace(words[:at]), words[at:])
		return
	}
	f.Match(kernelSays, words)
}

var kernelSays = []textlog.Pattern{
	say("vpn_refused", "failure", "wireguard: {interface@}: Invalid handshake initiation from {ip_address}:{port#}"),
	say("vpn_refused", "failure", "wireguard: {interface@}: Invalid MAC of handshake, dropping packet from {ip_address}:{port#}"),
	say("vpn_refused", "failure", "wireguard: {interface@}: Packet has unallowed src IP ({inner_ip_address}) from peer {peer#} ({ip_address}:{port#})"),
	say("vpn_handshake", "", "wireguard: {interface@}: Receiving handshake initiation from peer {peer#} ({ip_address}:{port#})"),
	say("vpn_handshake", "", "wireguard: {interface@}: Sending handshake response to peer {peer#} ({ip_address}:{port#})"),
	say("vpn_handshake", "", "wireguard: {interface@}: Keypair {} created for peer {peer#}"),
	say("crash", "", "{program}[{pid#}]: segfault at {address} ip {}"),
	say("crash", "", "traps: {program}[{pid#}] {reason} ip:{}"),
	say("out_of_memory", "", "Out of memory: Killed process {pid#} ({program})"),
	say("usb_device", "", "usb {usb_port@}: New USB device found, idVendor={vendor_identifier@}, idProduct={product_identifier@}"),
	say("usb_device", "", "usb {usb_port@}: Product: {product}"),
	say("usb_device", "", "usb {usb_port@}: SerialNumber: {serial_number}"),
	say("usb_removed", "", "usb {usb_port@}: USB disconnect, device number {}"),
	say("promiscuous", "", "device {interface@} entered promiscuous mode"),
	say("promiscuous", "", "{interface}: entered promiscuous mode"),
	say("promiscuous_ended", "", "device {interface@} left promiscuous mode"),
	say("module_tainted", "", "{module}: loading out-of-tree module taints kernel"),
	say("module_tainted", "", "{module}: module verification failed: {reason}"),
	say("boot", "", "Linux version {kernel_version@} "),
	say("apparmor", "", "audit: type={} audit({}): apparmor=\"{apparmor}\" operation=\"{operation}\" {}"),
}

// netfilter reads a logged packet.
func netfilter(f *textlog.Fields, prefix, pairs string) {
	action, result := "packet", ""
	upper := strings.ToUpper(prefix)
	for _, word := range [...]string{"BLOCK", "DROP", "REJECT", "DENY", "DENIED"} {
		if strings.Contains(upper, word) {
			action, result = "packet_refused", "failure"
		}
	}
	for _, word := range [...]string{"ALLOW", "ACCEPT"} {
		if strings.Contains(upper, word) {
			action, result = "packet_allowed", "success"
		}
	}
	rule := strings.Trim(prefix, "[]: ")
	switch { // VyOS and UniFi name what a rule does at the end: "[WAN_IN-2000-D]"
	case action != "packet" || !strings.HasPrefix(prefix, "["):
	case strings.HasSuffix(rule, "-D"), strings.HasSuffix(rule, "-R"):
		action, result = "packet_refused", "failure"
	case strings.HasSuffix(rule, "-A"):
		action, result = "packet_allowed", "success"
	}
	f.Did(action, result)
	f.Add("rule", rule)
	for word := range strings.SplitSeq(pairs, " ") {
		k, v, _ := strings.Cut(word, "=")
		switch k {
		case "IN":
			f.Add("interface", v)
		case "OUT":
			f.Add("out_interface", v)
		case "SRC":
			f.Add("ip_address", v)
		case "DST":
			f.Add("destination_ip", v)
		case "PROTO":
			f.Add("protocol", v)
		case "SPT":
			f.Digits("port", v)
		case "DPT":
			f.Digits("destination_port", v)
		case "LEN":
			if !f.Has("length") {
				f.Digits("length", v)
			}
		case "TYPE":
			f.Digits("icmp_type", v)
		case "CODE":
			f.Digits("icmp_code", v)
		}
		if k == "DPT" || k == "CODE" { // behind an ICMP message's code stands the packet that it is about
			return
		}
	}
}

// ASA reads messages of Cisco's ASA and FTD firewalls by their number (Cisco Secure Firewall ASA Series Syslog Messages,
// 2024). The program is "%ASA-6-302013".
func ASA(f *textlog.Fields, program, words string) {
	level, number, ok := cutLast(program, "-")
	if ok {
		f.Digits("message_number", number)
		_, level, _ = cutLast(level, "-")
		f.Digits("level", level)
	}
	f.Match(asaSays, words)
}

var asaSays = []textlog.Pattern{
	say("login", "success", "User authentication succeeded: IP address: {ip_address@}, Uname: {username}"),
	say("login", "success", "User authentication succeeded: Uname: {username}"),
	say("login_failed", "failure", "User authentication failed: IP address: {ip_address@}, Uname: {username}"),
	say("login_failed", "failure", "User authentication failed: Uname: {username}"),
	say("login", "success", "AAA user authentication Successful : server = {server@} : user = {username}"),
	say("login_failed", "failure", "AAA user authentication Rejected : reason = {reason} : server = {server@} : user = {username} : user IP = {ip_address@}"),
	say("login_failed", "failure", "AAA user authentication Rejected : reason = {reason} : local database : user = {username} : user IP = {ip_address@}"),
	say("login", "success", "Login permitted from {ip_address}/{port#} to {}:{destination_ip@} for user \"{username}\""),
	say("login", "success", "Login permitted from {ip_address}/{port#} to {destination_ip@} for user \"{username}\""),
	say("login_failed", "failure", "Login denied from {ip_address}/{port#} to {}:{destination_ip@} for user \"{username}\""),
	say("command", "", "User '{username}', running '{}' from IP {ip_address@}, executed '{command}'"),
	say("command", "", "User '{username}' executed the '{command}' command."),
	say("config_started", "", "Begin configuration: {ip_address@} reading from {}"),
	say("vpn_session_opened", "success", "Group <{group}> User <{username}> IP <{ip_address}> AnyConnect parent session started"),
	say("vpn_session_opened", "success", "Group <{group}> User <{username}> IP <{ip_address}> WebVPN session started"),
	say("vpn_session_opened", "success", "Group <{group}> User <{username}> IP <{ip_address}> Authentication: successful"),
	say("vpn_refused", "failure", "Group <{group}> User <{username}> IP <{ip_address}> Authentication: rejected"),
	say("vpn_session_closed", "", "Group = {group}, Username = {username}, IP = {ip_address@}, Session disconnected. Session Type: {}, Duration: {duration}, Bytes xmt: {bytes_sent#}, Bytes rcv: {bytes_received#}, Reason: {reason}"),
	say("connection_opened", "success", "Built inbound {protocol@} connection {connection#} for {}:{ip_address}/{port#} ({}) to {}:{destination_ip}/{destination_port#}"),
	say("connection_opened", "success", "Built outbound {protocol@} connection {connection#} for {}:{destination_ip}/{destination_port#} ({}) to {}:{ip_address}/{port#}"),
	say("connection_closed", "", "Teardown {protocol@} connection {connection#} for {}:{ip_address}/{port#} to {}:{destination_ip}/{destination_port#} duration {duration@} bytes {bytes#}"),
	say("packet_refused", "failure", "Deny {protocol@} src {}:{ip_address}/{port#} dst {}:{destination_ip}/{destination_port#} by access-group \"{rule}\""),
	say("packet_refused", "failure", "Deny {protocol@} (no connection) from {ip_address}/{port#} to {destination_ip}/{destination_port#}"),
	say("packet_refused", "failure", "access-list {rule@} denied {protocol@} {}/{ip_address}({port#}) -> {}/{destination_ip}({destination_port#})"),
	say("packet_allowed", "success", "access-list {rule@} permitted {protocol@} {}/{ip_address}({port#}) -> {}/{destination_ip}({destination_port#})"),
}

// Cisco IOS (System Message Guide for Cisco IOS 15).
var iosSays = []textlog.Pattern{
	say("packet_refused", "failure", "list {rule@} denied {protocol@} {ip_address}({port#}) -> {destination_ip}({destination_port#})"),
	say("packet_allowed", "success", "list {rule@} permitted {protocol@} {ip_address}({port#}) -> {destination_ip}({destination_port#})"),
	say("config_changed", "", "Configured from console by {username} on {terminal@} ({ip_address@})"),
	say("config_changed", "", "Configured from {} by {username@}"),
	say("login", "success", "Login Success [user: {username}] [Source: {ip_address}] [localport: {local_port#}]"),
	say("login_failed", "failure", "Login failed [user: {username}] [Source: {ip_address}] [localport: {local_port#}] [Reason: {reason}]"),
	say("command", "", "User:{username@}  logged command:{command}"),
}

// fortiKeys are the keys of FortiOS (FortiOS Log Message Reference 7.4), the fields they become, and whether these are numbers.
var fortiKeys = map[string]struct {
	field  string
	number bool
}{
	"srcip": {"ip_address", false}, "remip": {"ip_address", false}, "dstip": {"destination_ip", false}, "user": {"username", false}, "action": {"event_action", false}, "type": {"log_type", false}, "subtype": {"log_subtype", false},
	"level": {"severity", false}, "logid": {"log_identifier", false}, "devname": {"device", false}, "devid": {"device_identifier", false}, "vd": {"virtual_domain", false}, "logdesc": {"description", false}, "msg": {"detail", false},
	"reason": {"reason", false}, "status": {"status", false}, "ui": {"interface_used", false}, "method": {"authentication_method", false}, "service": {"service", false}, "policyname": {"policy", false}, "attack": {"attack", false},
	"virus": {"threat_name", false}, "file": {"filename", false}, "url": {"url", false}, "hostname": {"url_host", false}, "srcintf": {"interface", false}, "dstintf": {"out_interface", false}, "tunneltype": {"tunnel_type", false},
	"group": {"group", false}, "cfgpath": {"configuration_path", false}, "cfgattr": {"configuration_change", false}, "cfgobj": {"configuration_object", false}, "app": {"application", false},
	"srccountry": {"country", false}, "dstcountry": {"destination_country", false}, "tunnelip": {"inner_ip_address", false},
	"srcport": {"port", true}, "dstport": {"destination_port", true}, "policyid": {"policy_identifier", true}, "proto": {"protocol_number", true}, "sentbyte": {"bytes_sent", true}, "rcvdbyte": {"bytes_received", true},
	"duration": {"duration_seconds", true}, "sessionid": {"session_number", true}, "tunnelid": {"tunnel_number", true},
}

// fortiActions say what an event of FortiOS means, by its action, with status.
var fortiActions = map[string][2]string{
	"ssl-login-fail": {"vpn_refused", "failure"}, "ssl-new-con": {"connection_opened", ""}, "tunnel-up": {"vpn_session_opened", "success"}, "tunnel-down": {"vpn_session_closed", ""},
	"ssl-exit-error": {"vpn_session_closed", ""}, "deny": {"packet_refused", "failure"}, "accept": {"packet_allowed", "success"}, "blocked": {"blocked", "failure"},
	"logout": {"logout", ""}, "Edit": {"config_changed", ""}, "Add": {"config_changed", ""}, "Delete": {"config_changed", ""}, "close": {"connection_closed", ""},
}

// FortiGate reads the pairs of FortiOS, and gives the time of the event in UTC and the zone of its date as they are spelt, where
// they are told.
func FortiGate(f *textlog.Fields, words string) (eventTime, zone string) {
	action, status := "", ""
	for k, v := range textlog.Pairs(words) {
		switch k {
		case "action":
			action = cmp.Or(action, v) // the first counts, as of all fields
		case "status":
			status = cmp.Or(status, v)
		case "eventtime":
			eventTime = v
		case "tz":
			zone = v
		}
		if key, ok := fortiKeys[k]; !ok || v == "N/A" {
			continue
		} else if key.number {
			f.Digits(key.field, v)
		} else {
			f.Add(key.field, v)
		}
	}
	switch did, ok := fortiActions[action]; {
	case ok:
		f.Did(did[0], did[1])
	case action == "login" && status == "success":
		f.Did("login", "success")
	case action == "login":
		f.Did("login_failed", "failure")
	}
	return eventTime, zone
}

// OpenVPN reads the words of OpenVPN 2.6 (src/openvpn/ssl.c, multi.c, init.c): "192.0.2.7:45321 TLS Error: …",
// "alice/192.0.2.7:1194 …".
func OpenVPN(f *textlog.Fields, words string) {
	who, rest, ok := strings.Cut(words, " ")
	user, address, named := strings.Cut(who, "/")
	if !named {
		user, address = "", who
	}
	host, port, colon := cutLast(address, ":")
	if !ok || !colon || !isAddress(strings.Trim(host, "[]")) {
		f.Match(openvpnSays, words)
		return
	}
	if !f.Match(openvpnSays, rest) {
		f.Did("vpn", "")
	}
	if !f.Has("username") {
		f.Add("username", user)
	}
	if !f.Has("ip_address") {
		f.Add("ip_address", strings.Trim(host, "[]"))
		f.Digits("port", port)
	}
}

var openvpnSays = []textlog.Pattern{
	say("vpn_session_opened", "success", "[{username}] Peer Connection Initiated with [AF_INET]{ip_address}:{port#}"),
	say("vpn_session_opened", "success", "[{username}] Peer Connection Initiated with [AF_INET6]{ip_address*}:{port#}"),
	say("vpn_refused", "failure", "TLS Auth Error: {reason}"),
	say("vpn_refused", "failure", "TLS Error: {reason} from [AF_INET]{ip_address}:{port#}"),
	say("vpn_refused", "failure", "TLS Error: {reason}"),
	say("vpn_refused", "failure", "VERIFY ERROR: {reason}"),
	say("vpn_refused", "failure", "SENT CONTROL [{username}]: 'AUTH_FAILED'"),
	say("vpn_login", "success", "TLS: Username/Password authentication succeeded for username '{username}'"),
	say("vpn_refused", "failure", "TLS: Username/Password authentication failed for username '{username}'"),
	say("vpn_certificate", "success", "VERIFY OK: depth=0, {certificate_subject}"),
	say("vpn_address", "", "MULTI: Learn: {inner_ip_address@} -> {username}/{ip_address}:{port#}"),
	say("vpn_session_closed", "", "SIGTERM[{reason}] received, client-instance exiting"),
	say("vpn_session_closed", "", "SIGUSR1[{reason}] received, client-instance restarting"),
	say("vpn_version", "", "peer info: IV_VER={client_version}"),
	say("started", "", "Initialization Sequence Completed"),
}

// charon reads strongSwan's words: "12[IKE] authentication of …". Other subsystems write what a peer calls itself anywhere.
func charon(f *textlog.Fields, words string) {
	if said, ok := strings.CutPrefix(strings.TrimLeft(words, "0123456789"), "[IKE] "); ok {
		f.Match(charonSays, said)
	}
}

// strongSwan 5.9 (src/libcharon) and Libreswan 4 (programs/pluto). The thread's number and subsystem come first.
var (
	charonSays = []textlog.Pattern{
		say("vpn_refused", "failure", "authentication of '{username}' with {authentication_method} failed"),
		say("vpn_login", "success", "authentication of '{username}' with {authentication_method} successful"),
		say("vpn_refused", "failure", "EAP method {authentication_method@} failed for peer {username}"),
		say("vpn_refused", "failure", "EAP authentication of '{username}' with {authentication_method} failed"),
		say("vpn_refused", "failure", "no shared key found for '{}'[{}] - '{username}'[{ip_address}]"),
		say("vpn_session_opened", "success", "IKE_SA {connection_name}[{}] established between {local_ip}[{}]...{ip_address}[{username}]"),
		say("vpn_session_opened", "success", "CHILD_SA {connection_name@}"),
		say("vpn_session_closed", "", "deleting IKE_SA {connection_name}[{}] between {local_ip}[{}]...{ip_address}[{username}]"),
		say("vpn_handshake", "", "{ip_address@} is initiating a"),
		say("vpn_address", "", "assigning virtual IP {inner_ip_address@} to peer '{username}'"),
	}
	plutoSays = []textlog.Pattern{
		say("vpn_session_opened", "success", "\"{connection_name}\"{} {ip_address@} #{}: IKE SA established"),
		say("vpn_refused", "failure", "packet from {ip_address}:{port#}: {reason}"),
	}
)
