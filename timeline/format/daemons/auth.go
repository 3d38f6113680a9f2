package daemons

import (
	"strings"

	"spor/timeline/textlog"
)

// Say and Pattern are textlog's: the tables below are all made of them.
var say = textlog.Say

// sshd's other words than those about a login: OpenSSH 9.8 (auth.c, auth2.c, sshd-session.c, packet.c, kex.c), and
// dropbear's (svr-auth.c).
var sshdSays = []textlog.Pattern{
	say("connection_opened", "", "Connection from {ip_address@} port {port#} on "),
	say("connection_opened", "", "Connection from {ip_address@} port {port#}"),
	say("connection_closed", "", "Connection closed by authenticating user {username*} {ip_address@} port {port#}"),
	say("connection_closed", "", "Connection closed by invalid user {username*} {ip_address@} port {port#}"),
	say("connection_closed", "", "Connection closed by {ip_address@} port {port#}"),
	say("connection_closed", "", "Connection closed by {ip_address@}"),
	say("connection_reset", "", "Connection reset by authenticating user {username*} {ip_address@} port {port#}"),
	say("connection_reset", "", "Connection reset by invalid user {username*} {ip_address@} port {port#}"),
	say("connection_reset", "", "Connection reset by {ip_address@} port {port#}"),
	say("connection_reset", "", "Connection reset by {ip_address@}"),
	say("disconnected", "", "Disconnected from authenticating user {username*} {ip_address@} port {port#}"),
	say("disconnected", "", "Disconnected from invalid user {username*} {ip_address@} port {port#}"),
	say("disconnected", "", "Disconnected from user {username*} {ip_address@} port {port#}"),
	say("disconnected", "", "Disconnected from {ip_address@} port {port#}"),
	say("disconnected", "", "Disconnected from {ip_address@}"),
	say("disconnected", "failure", "Disconnecting authenticating user {username*} {ip_address@} port {port#}: {reason}"),
	say("disconnected", "failure", "Disconnecting invalid user {username*} {ip_address@} port {port#}: {reason}"),
	say("login_failed", "failure", "Disconnecting: Too many authentication failures for {username*} [preauth]"),
	say("disconnected", "", "Received disconnect from {ip_address@} port {port#}:{reason}"),
	say("disconnected", "", "Received disconnect from {ip_address@}: {reason}"),
	say("invalid_user", "failure", "Illegal user {username*} from {ip_address@}"),
	say("login_refused", "failure", "User {username*} from {ip_address@} not allowed because {reason}"),
	say("login_refused", "failure", "User {username*} not allowed because {reason}"),
	say("login_refused", "failure", "ROOT LOGIN REFUSED FROM {ip_address@} port {port#}"),
	say("login_refused", "failure", "ROOT LOGIN REFUSED FROM {ip_address@}"),
	say("connection_refused", "failure", "refused connect from {} ({ip_address@})"),
	say("connection_refused", "failure", "refused connect from {ip_address@}"),
	say("login_failed", "failure", "PAM: {reason} for illegal user {username*} from {ip_address@}"),
	say("login_failed", "failure", "PAM: {reason} for {username*} from {ip_address@}"),
	say("login_failed", "failure", "maximum authentication attempts exceeded for invalid user {username*} from {ip_address@} port {port#}"),
	say("login_failed", "failure", "maximum authentication attempts exceeded for {username*} from {ip_address@} port {port#}"),
	say("negotiation_failed", "failure", "Unable to negotiate with {ip_address@} port {port#}: {reason}"),
	say("negotiation_failed", "failure", "Unable to negotiate with {ip_address@}: {reason}"),
	say("negotiation_failed", "failure", "Bad protocol version identification '{*}' from {ip_address@} port {port#}"),
	say("negotiation_failed", "failure", "Did not receive identification string from {ip_address@} port {port#}"),
	say("negotiation_failed", "failure", "Did not receive identification string from {ip_address@}"),
	say("negotiation_failed", "failure", "banner exchange: Connection from {ip_address@} port {port#}: {reason}"),
	say("negotiation_failed", "failure", "ssh_dispatch_run_fatal: Connection from {ip_address@} port {port#}: {reason}"),
	say("negotiation_failed", "failure", "ssh_dispatch_run_fatal: Connection from {} user {username*} {ip_address@} port {port#}: {reason}"),
	say("timeout", "failure", "Timeout before authentication for connection from {ip_address@} to "),
	say("timeout", "failure", "Timeout before authentication for {ip_address@} port {port#}"),
	say("timeout", "failure", "Timeout before authentication for {ip_address@}"),
	say("login_refused", "failure", "Authentication refused: {reason}"),
	say("key_revoked", "failure", "Authentication key {fingerprint} revoked by file"),
	say("server_listening", "", "Server listening on {listen_address@} port {listen_port#}"),
	say("subsystem", "", "subsystem request for {subsystem@} by user {username*}"),
	say("session_started", "", "Starting session: {session_kind} for {username*} from {ip_address@} port {port#}"),
	say("session_closed", "", "Close session: user {username*} from {ip_address@} port {port#}"),
	say("login", "success", "Password auth succeeded for '{username*}' from {ip_address@}:{port#}"),
	say("login", "success", "Pubkey auth succeeded for '{username*}' with key {fingerprint} from {ip_address@}:{port#}"),
	say("login_failed", "failure", "Bad password attempt for '{username*}' from {ip_address@}:{port#}"),
	say("login_failed", "failure", "Login attempt for nonexistent user from {ip_address@}:{port#}"),
	say("connection_opened", "", "Child connection from {ip_address@}:{port#}"),
}

// sshd reads sshd's words; those of a login by hand, for what a stranger may have put into a name or key.
func sshd(f *textlog.Fields, words string) {
	words = strings.TrimPrefix(strings.TrimPrefix(words, "error: "), "fatal: ")
	word, rest, _ := strings.Cut(words, " ")
	switch word {
	case "Accepted", "Failed", "Postponed", "Partial":
		if method, rest, ok := strings.Cut(rest, " for "); ok && !strings.Contains(method, " ") {
			sshLogin(f, word, method, rest)
		}
		return
	case "Invalid":
		if user, ok := strings.CutPrefix(rest, "user "); ok {
			f.Did("invalid_user", "failure")
			from(f, user)
		}
		return
	}
	f.Match(sshdSays, words)
}

// sshLogin reads "root from 192.0.2.7 port 22 ssh2: RSA SHA256:…".
func sshLogin(f *textlog.Fields, word, method, rest string) {
	switch word {
	case "Accepted":
		f.Did("login", "success")
	case "Failed":
		f.Did("login_failed", "failure")
	default:
		f.Did("login_postponed", "")
	}
	f.Add("authentication_method", method)
	if user, ok := strings.CutPrefix(rest, "invalid user "); ok {
		f.Flag("invalid_user")
		rest = user
	}
	const ssh2, ssh1 = " ssh2: ", " ssh1: " // what the client sent follows
	if at := lastIndex(rest, ssh2); at >= 0 && strings.Contains(rest[:at], " from ") && !strings.Contains(rest[at:], " port ") {
		from(f, rest[:at])
		f.Add("fingerprint", rest[at+len(ssh2):])
		return
	}
	if at := strings.Index(rest, ssh1); at >= 0 && strings.Contains(rest[:at], " from ") && !strings.Contains(rest[at:], " port ") {
		rest = rest[:at]
	}
	from(f, rest)
}

// from reads "user from address port n …", the last " from " counting.
func from(f *textlog.Fields, s string) {
	at := lastIndex(s, " from ")
	if at < 0 {
		if strings.HasPrefix(s, "from ") { // an empty name
			peer(f, s[len("from "):])
			return
		}
		f.Add("username", s)
		return
	}
	f.Add("username", s[:at])
	peer(f, s[at+len(" from "):])
}

// pam reads "pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)" and other modules' failures:
// Linux-PAM 1.5, modules/pam_unix, pam_faillock, pam_sss, pam_succeed_if; and google-authenticator.
func pam(f *textlog.Fields, words string) bool {
	module, rest, ok := strings.Cut(words, "): ")
	if !ok {
		return false
	}
	_, service, _ := strings.Cut(module, "(")
	service, _, _ = strings.Cut(service, ":")
	switch user, opened := strings.CutPrefix(rest, "session opened for user "); {
	case opened:
		f.Did("session_opened", "success")
		name, by, _ := strings.Cut(user, " by ")
		f.Add("username", cutUID(name))
		f.Add("by_username", cutUID(by))
	case strings.HasPrefix(rest, "session closed for user "):
		f.Did("session_closed", "")
		f.Add("username", cutUID(rest[len("session closed for user "):]))
	case strings.HasPrefix(rest, "authentication failure;"):
		pamFailure(f, rest)
	case strings.HasPrefix(rest, "password changed for "):
		f.Did("password_changed", "")
		f.Add("username", rest[len("password changed for "):])
	default:
		if !f.Match(pamSays, rest) {
			return false
		}
	}
	f.Add("service", service)
	return true
}

var pamSays = []textlog.Pattern{
	say("authentication_failed", "failure", "check pass; user unknown"),
	say("account_locked", "failure", "Consecutive login failures for user {username*} account temporarily locked"),
	say("authentication_failed", "failure", "received for user {username*}: {reason}"),
	say("authentication_failed", "failure", "Invalid verification code for {username*}"),
	say("login", "success", "Accepted google_authenticator for {username*}"),
	say("authentication_failed", "failure", "user \"{username}\" does not exist in /etc/passwd"),
	say("account_expired", "failure", "account {username} has expired"),
	say("requirement_not_met", "failure", "requirement \"{requirement}\" not met by user \"{username*}\""),
	say("password_refused", "failure", "new password not acceptable"),
}

// pamFailure reads "authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=root". The names may be
// a stranger's, and hold " rhost=" and " user=" themselves: where both are the same name, as FTP servers write it, that tells
// where it ends; else what sshd writes, which leaves ruser out.
func pamFailure(f *textlog.Fields, rest string) {
	f.Did("authentication_failed", "failure")
	_, said, ok := strings.Cut(rest, " ruser=")
	if !ok {
		return
	}
	name, address, user := remote(said)
	f.Add("ip_address", address)
	f.Add("username", user)
	f.Add("remote_username", name)
}

// remote splits "name rhost=192.0.2.7  user=root".
func remote(s string) (name, address, user string) {
	const host = " rhost="
	for at, tries := 0, 0; tries < maxBrackets; tries++ {
		i := strings.Index(s[at:], host)
		if i < 0 {
			break
		}
		at += i
		address, rest, _ := strings.Cut(s[at+len(host):], " ")
		if v, ok := strings.CutPrefix(strings.TrimLeft(rest, " "), "user="); ok && v == s[:at] {
			return v, address, v
		}
		at++
	}
	name, rest, ok := strings.Cut(s, host)
	if ok && name != "" {
		name, rest, _ = cutLast(s, host)
	}
	address, rest, _ = strings.Cut(rest, " ")
	user, _ = strings.CutPrefix(strings.TrimLeft(rest, " "), "user=")
	return name, address, user
}

// cutUID turns "root(uid=0)" into "root".
func cutUID(s string) string {
	name, _, _ := strings.Cut(s, "(uid=")
	return name
}

// sudo reads "alice : [3 incorrect password attempts ; ]TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh" (sudo 1.9,
// lib/eventlog/eventlog.c).
func sudo(f *textlog.Fields, words string) {
	user, rest, ok := strings.Cut(strings.TrimLeft(words, " "), " : ")
	if !ok {
		return
	}
	if more, ok := strings.CutPrefix(rest, "(command continued) "); ok {
		f.Did("sudo_continued", "")
		f.Add("username", user)
		f.Add("command", more)
		return
	}
	settings, command, ran := strings.Cut(rest, "COMMAND=")
	reason := ""
	if strings.HasPrefix(settings, "TTY=") || strings.HasPrefix(settings, "PWD=") || strings.HasPrefix(settings, "HOST=") {
		f.Did("sudo", "success")
	} else {
		reason, settings, _ = strings.Cut(settings, " ; ")
		if refusal(reason) {
			f.Did("sudo_refused", "failure")
		} else {
			f.Did("sudo_problem", "") // it may have run nevertheless
		}
	}
	f.Add("username", user)
	for part := range strings.SplitSeq(settings, " ; ") {
		name, v, _ := strings.Cut(part, "=")
		switch name {
		case "TTY":
			f.Add("terminal", v)
		case "PWD":
			f.Add("working_directory", v)
		case "USER":
			f.Add("target_username", v)
		case "GROUP":
			f.Add("target_group", v)
		}
	}
	if ran {
		f.Add("command", command)
	}
	f.Add("reason", reason)
}

// refusal tells sudo's reasons not to run a command from its other complaints (plugins/sudoers/logging.c, auth/sudo_auth.c).
func refusal(reason string) bool {
	for _, words := range [...]string{"NOT ", "not allowed", "not permitted", "incorrect password", "password is required", "password attempt", "a tty", "no tty", "authentication", "expired", "command rejected", "validation failure"} {
		if strings.Contains(reason, words) {
			return true
		}
	}
	return false
}

// doas(1) of OpenBSD and its ports, pkexec(1) and polkitd(8) of polkit.
var (
	doasSays = []textlog.Pattern{
		say("doas", "success", "{username} ran command {command} as {target_username} from {working_directory}"),
		say("doas_refused", "failure", "command not permitted for {username}: {command}"),
		say("doas_refused", "failure", "failed auth for {username}"),
		say("doas_refused", "failure", "failed command for {username}: {command}"),
	}
	pkexecSays = []textlog.Pattern{
		say("pkexec", "success", "{username}: Executing command [USER={target_username}] [TTY={terminal}] [CWD={working_directory}] [COMMAND={command}]"),
		say("pkexec_refused", "failure", "{username}: The value for the SHELL variable was not found the /etc/shells file"),
		say("pkexec_refused", "failure", "{username}: Error executing command as another user: {reason} [USER={target_username}] [TTY={terminal}] [CWD={working_directory}] [COMMAND={command}]"),
	}
	polkitSays = []textlog.Pattern{
		say("polkit_refused", "failure", "Operator of {} FAILED to authenticate to gain authorization for action {polkit_action@} for {} [{command}] (owned by {by_username})"), // before success, which a command may spell
		say("polkit", "success", "Operator of {} successfully authenticated as {username} to gain {} authorization for action {polkit_action@} for {} [{command}] (owned by {by_username})"),
	}
)

// su reads util-linux's "(to root) alice on pts/0" and shadow's "Successful su for root by alice", "+ pts/0 alice:root".
func su(f *textlog.Fields, words string) {
	result := "success"
	rest, failed := strings.CutPrefix(words, "FAILED SU ")
	if !failed {
		rest, failed = strings.CutPrefix(words, "FAILED su ")
	}
	if failed {
		result = "failure"
	}
	if to, ok := strings.CutPrefix(rest, "(to "); ok {
		target, by, _ := strings.Cut(to, ") ")
		user, terminal, _ := cutLast(by, " on ")
		f.Did("su", result)
		f.Add("username", user)
		f.Add("target_username", target)
		f.Add("terminal", terminal)
		return
	}
	rest = strings.TrimPrefix(rest, "Successful su ")
	if names, ok := strings.CutPrefix(rest, "for "); ok {
		target, user, _ := strings.Cut(names, " by ")
		f.Did("su", result)
		f.Add("username", user)
		f.Add("target_username", target)
		return
	}
	f.Match(suSays, words)
}

var suSays = []textlog.Pattern{
	say("su", "success", "+ {terminal@} {username}:{target_username}"),
	say("su", "failure", "- {terminal@} {username}:{target_username}"),
	say("su", "success", "succeeded: {terminal} changing from {username} to {target_username}"),
	say("su", "failure", "failed: {terminal} changing from {username} to {target_username}"),
	say("su", "failure", "BAD SU {username} to {target_username} on {terminal}"),
	say("su", "success", "{username@} to {target_username@} on {terminal@}{.}"),
}

// login(1) of util-linux 2.40 and shadow 4.15, systemd-logind(8), the tools of tcp_wrappers and xinetd.
var (
	loginSays = []textlog.Pattern{
		say("login", "success", "ROOT LOGIN ON {terminal@} FROM {ip_address@}"),
		say("login", "success", "ROOT LOGIN  ON {terminal@} FROM {ip_address@}"),
		say("login_root", "success", "ROOT LOGIN ON {terminal@}"),
		say("login_root", "success", "ROOT LOGIN  ON {terminal@}"),
		say("login", "success", "LOGIN ON {terminal@} BY {username*} FROM {ip_address@}"),
		say("login", "success", "LOGIN ON {terminal@} BY {username}"),
		say("login", "success", "DIALUP AT {terminal@} BY {username}"),
		say("login_failed", "failure", "FAILED LOGIN {} FROM {ip_address@} FOR {username*}, {reason}"),
		say("login_failed", "failure", "FAILED LOGIN ({}) on '{terminal}' from '{ip_address}' FOR '{username*}', {reason}"),
		say("login_failed", "failure", "FAILED LOGIN ({}) on '{terminal}' FOR '{username*}', {reason}"),
		say("login_failed", "failure", "FAILED LOGIN SESSION FROM {ip_address@} FOR {username*}, {reason}"),
		say("login_failed", "failure", "TOO MANY LOGIN TRIES ({}) FROM {ip_address@} FOR {username*}, {reason}"),
		say("login_failed", "failure", "invalid password for '{username}' on '{terminal}' from '{ip_address}'"),
		say("login_failed", "failure", "invalid password for '{username}' on '{terminal}'"),
	}
	logindSays = []textlog.Pattern{
		say("session_opened", "success", "New session '{session}' of user '{username}'"),
		say("session_opened", "success", "New session {session} of user {username@}"),
		say("session_closed", "", "Removed session {session@}"),
		say("session_closed", "", "Session {session@} logged out."),
		say("shutdown", "", "System is rebooting."),
		say("shutdown", "", "System is powering down."),
		say("shutdown", "", "Power key pressed"),
		say("seat_added", "", "New seat {seat@}"),
	}
	systemdSays = []textlog.Pattern{
		say("service_started", "", "Started {service_name@} - "),
		say("service_started", "", "Started {service_name}"),
		say("service_stopped", "", "Stopped {service_name@} - "),
		say("service_stopped", "", "Stopped {service_name}"),
		say("service_failed", "", "{service_name}: Failed with result '{reason}'"),
		say("service_failed", "", "Failed to start {service_name}"),
		say("service_exited", "", "{service_name}: Main process exited, code={reason}"),
		say("service_restart", "", "{service_name}: Scheduled restart job, restart counter is at {restarts#}"),
		say("time_changed", "", "Time has been changed"),
	}
	refusedSays = []textlog.Pattern{
		say("connection_refused", "failure", "refused connect from {ip_address@}"),
		say("connection_refused", "failure", "FAIL: {service@} {reason} from={ip_address@}"),
		say("connection_opened", "", "START: {service@} pid={child_pid#} from={ip_address@}"),
		say("connection_opened", "", "START: {service@} from={ip_address@}"),
		say("connection_opened", "", "connect from {ip_address@}"),
	}
)

// accounts reads the account tools of shadow 4.15 (src/useradd.c, usermod.c, userdel.c, gpasswd.c).
func accounts(f *textlog.Fields, words string) {
	if rest, ok := strings.CutPrefix(words, "new user: "); ok {
		f.Did("user_added", "")
		for part := range strings.SplitSeq(rest, ", ") {
			name, v, _ := strings.Cut(part, "=")
			switch name {
			case "name":
				f.Add("username", v)
			case "UID":
				f.Digits("user_identifier", v)
			case "GID":
				f.Digits("group_identifier", v)
			case "home":
				f.Add("home_directory", v)
			case "shell":
				f.Add("shell", v)
			case "from":
				f.Add("terminal", v)
			}
		}
		return
	}
	f.Match(accountSays, words)
}

var accountSays = []textlog.Pattern{
	say("user_deleted", "", "delete user '{username}'"),
	say("group_member_added", "", "add '{username}' to group '{group}'"),
	say("group_member_added", "", "add '{username}' to shadow group '{group}'"),
	say("group_member_removed", "", "delete '{username}' from group '{group}'"),
	say("group_member_removed", "", "removed user '{username}' from group '{group}'"),
	say("group_member_added", "", "user {username@} added by {by_username@} to group {group@}"),
	say("group_member_removed", "", "user {username@} removed by {by_username@} from group {group@}"),
	say("group_added", "", "new group: name={group}, GID={group_identifier#}"),
	say("group_added", "", "group added to /etc/group: name={group}, GID={group_identifier#}"),
	say("group_deleted", "", "group '{group}' removed"),
	say("group_deleted", "", "removed group '{group}'"),
	say("group_member_removed", "", "delete '{username}' from shadow group '{group}'"),
	say("group_added", "", "group added to /etc/gshadow: name={group}"),
	say("password_changed", "", "password for '{username}' changed by '{by_username}'"),
	say("password_changed", "", "password changed for {username}"),
	say("password_changed", "", "change user '{username}' password"),
	say("user_changed", "", "change user '{username}' {change}"),
	say("user_changed", "", "change user name '{username}' to '{new_username}'"),
	say("user_locked", "", "lock user '{username}' password"),
	say("user_unlocked", "", "unlock user '{username}' password"),
	say("user_refused", "failure", "failed adding user '{username}'"),
}

// cron reads "(root) CMD (command)" of vixie-cron, cronie and Debian's cron, busybox's "USER root pid 5 cmd x" and anacron.
func cron(f *textlog.Fields, words string) {
	user, rest, ok := strings.Cut(words, ") ")
	if ok && strings.HasPrefix(user, "(") {
		verb, text, _ := strings.Cut(rest, " (")
		action, known := cronVerbs[verb]
		if !known {
			return
		}
		f.Did(action, "")
		f.Add("username", user[1:])
		name := "detail"
		if action == "cron" {
			name = "command"
		}
		f.Add(name, strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(text, "\n"), ")")))
		return
	}
	f.Match(cronSays, words)
}

var cronVerbs = map[string]string{
	"CMD": "cron", "CMDEND": "cron_ended", "CMDOUT": "cron_output", "RELOAD": "crontab_reloaded", "REPLACE": "crontab_replaced", "BEGIN EDIT": "crontab_edited",
	"END EDIT": "crontab_edit_ended", "LIST": "crontab_listed", "DELETE": "crontab_deleted", "ORPHAN": "crontab_orphan", "NO CRONTAB": "crontab_missing",
	"EDIT": "crontab_edited", "WRONG FILE OWNER": "crontab_refused", "BAD FILE MODE": "crontab_refused", "AUTH": "crontab_refused",
}

var cronSays = []textlog.Pattern{
	say("cron", "", "USER {username@} pid {child_pid#} cmd {command}"),
	say("cron", "", "Job `{command}' started"),
	say("cron_ended", "", "Job `{command}' terminated"),
}

// crontab reads crontab(1): "(root) BEGIN EDIT (alice)".
func crontab(f *textlog.Fields, words string) { cron(f, words) }

var atdSays = []textlog.Pattern{
	say("at", "", "Starting job {job_identifier#} ({}) for user '{username}'"),
}
