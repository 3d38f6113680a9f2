package daemons

import (
	"strings"

	"spor/timeline/textlog"
)

// VSFTPD reads the words of vsftpd 3 (logging.c): "[jean] OK LOGIN: Client \"192.0.2.7\"".
func VSFTPD(f *textlog.Fields, words string) { f.Match(vsftpdSays, words) }

var vsftpdSays = []textlog.Pattern{
	say("connection_opened", "", `CONNECT: Client "{ip_address}"`),
	say("login_failed", "failure", `[{username*}] FAIL LOGIN: Client "{ip_address}"`), // before success, which a name may spell
	say("login", "success", `[{username*}] OK LOGIN: Client "{ip_address}"`),
	say("refused", "failure", `[{username*}] FTP response: Client "{ip_address}", "530 {reason}"{.}`),
	say("file_uploaded", "success", `[{username*}] OK UPLOAD: Client "{ip_address}", "{filename*}", {bytes#} bytes`),
	say("file_downloaded", "success", `[{username*}] OK DOWNLOAD: Client "{ip_address}", "{filename*}", {bytes#} bytes`),
	say("file_uploaded", "failure", `[{username*}] FAIL UPLOAD: Client "{ip_address}", "{filename*}", `),
	say("file_downloaded", "failure", `[{username*}] FAIL DOWNLOAD: Client "{ip_address}", "{filename*}", `),
	say("file_deleted", "success", `[{username*}] OK DELETE: Client "{ip_address}", "{filename*}"`),
	say("file_renamed", "success", `[{username*}] OK RENAME: Client "{ip_address}", "{filename*}"`),
	say("folder_created", "success", `[{username*}] OK MKDIR: Client "{ip_address}", "{filename*}"`),
	say("folder_deleted", "success", `[{username*}] OK RMDIR: Client "{ip_address}", "{filename*}"`),
	say("file_mode", "success", `[{username*}] OK CHMOD: Client "{ip_address}", "{filename*}"`),
	say("ftp", "failure", `[{username*}] FAIL {ftp_command@}: Client "{ip_address}"`),
	say("ftp", "success", `[{username*}] OK {ftp_command@}: Client "{ip_address}"`),
	say("login_failed", "failure", "authentication failure; {} rhost={ip_address@} user={username}"),
	say("login_failed", "failure", "(pam_unix) authentication failure; {} rhost={ip_address@}"),
}

// proftpd reads the words of ProFTPD 1.3 (modules/mod_auth.c): "host (name[192.0.2.7]): USER a: Login successful."
func proftpd(f *textlog.Fields, words string) {
	who, rest, ok := strings.Cut(words, "): ")
	if !ok {
		who, rest, ok = strings.Cut(words, ") - ")
	}
	if !ok {
		return
	}
	if f.Match(proftpdSays, rest) {
		f.Add("ip_address", strings.TrimPrefix(bracketed(who+")"), "::ffff:"))
	}
}

var proftpdSays = []textlog.Pattern{
	say("login_failed", "failure", "USER {username*} (Login failed): {reason}"), // before success, which a name may spell
	say("login_failed", "failure", "USER {username*}: no such user found"),
	say("login", "success", "USER {username*}: Login successful{.}"),
	say("login_failed", "failure", "SECURITY VIOLATION: {username*} login attempted"),
	say("login_failed", "failure", "Maximum login attempts ({}) exceeded"),
	say("connection_opened", "", "FTP session opened"),
	say("connection_closed", "", "FTP session closed"),
}

// Pure-FTPd 1.0 (src/ftpd.c), the ftpd of Solaris and AIX.
var (
	pureSays = []textlog.Pattern{
		say("login_failed", "failure", "({}@{ip_address@}) [WARNING] Authentication failed for user [{username*}]"),
		say("login", "success", "({}@{ip_address@}) [INFO] {username} is now logged in"),
		say("file_uploaded", "success", "({username}@{ip_address@}) [NOTICE] {filename*} uploaded  ({bytes#} bytes"),
		say("file_downloaded", "success", "({username}@{ip_address@}) [NOTICE] {filename*} downloaded  ({bytes#} bytes"),
		say("connection_opened", "", "(?@{ip_address@}) [INFO] New connection from "),
	}
	ftpSays = []textlog.Pattern{
		say("login", "success", "ANONYMOUS FTP LOGIN FROM {ip_address@}"),
		say("login", "success", "FTP LOGIN FROM {ip_address@}"),
		say("login_failed", "failure", "repeated login failures from {ip_address@}"),
		say("file_uploaded", "", "FTPD: IMPORT file local {filename}, remote"),
		say("file_downloaded", "", "FTPD: EXPORT file local {}, remote {filename}"),
		say("connection_refused", "failure", "refused connect from {ip_address@}"),
	}
	// OpenLDAP 2.6, servers/slapd.
	slapdSays = []textlog.Pattern{
		say("connection_opened", "", "conn={connection#} fd={} ACCEPT from IP={ip_address}:{port#} "),
		say("ldap_bind", "", "conn={connection#} op={} BIND dn=\"{username}\" method={authentication_method@}"),
		say("login_failed", "failure", "conn={connection#} op={} RESULT tag=97 err=49"),
		say("login", "success", "conn={connection#} op={} RESULT tag=97 err=0"),
		say("connection_closed", "", "conn={connection#} fd={} closed"),
	}
	// ClamAV 1.3: clamd(8), clamscan(1), freshclam(1).
	clamSays = []textlog.Pattern{
		say("malware_found", "", "{filename*}: {threat_name} FOUND"),
		say("malware_found", "", "{filename*}: {threat_name}({}) FOUND"),
		say("signatures_updated", "", "{database@} updated (version: {version@}"),
		say("signatures_updated", "", "Database updated ({signatures#} signatures)"),
		say("scan_failed", "failure", "{filename}: {reason} ERROR"),
		say("scanner_stopped", "", "--- Stopped at "),
		say("scanner_started", "", "+++ Started at "),
		say("scanner_started", "", "SelfCheck: Database status OK."),
	}
	// fail2ban 1.0 (fail2ban/server/actions.py, filter.py).
	fail2banSays = []textlog.Pattern{
		say("banned", "", "[{jail}] Ban {ip_address@}"),
		say("banned", "", "[{jail}] Restore Ban {ip_address@}"),
		say("unbanned", "", "[{jail}] Unban {ip_address@}"),
		say("ban_seen", "failure", "[{jail}] Found {ip_address@}"),
		say("ban_ignored", "", "[{jail}] Ignore {ip_address@}"),
		say("banned", "", "[{jail}] {ip_address@} already banned"),
	}
	firewalldSays = []textlog.Pattern{
		say("firewall_error", "", "ERROR: {reason}"),
		say("firewall_warning", "", "WARNING: {reason}"),
	}
	// What says that logging itself began or ended: audit 3.1, rsyslog 8, sysklogd, syslog-ng 4.
	auditdSays = []textlog.Pattern{
		say("logging_stopped", "", "The audit daemon is exiting."),
		say("logging_started", "", "Init complete, auditd {version@} listening for events"),
		say("logging_stopped", "", "Audit daemon is suspending logging"),
		say("logging_started", "", "Audit daemon is resuming logging"),
	}
	loggerSays = []textlog.Pattern{
		say("logging_stopped", "", "[origin software=\"rsyslogd\" swVersion=\"{version}\"{}] exiting on signal {signal#}"),
		say("logging_started", "", "[origin software=\"rsyslogd\" swVersion=\"{version}\"{}] start"),
		say("logging_rotated", "", "[origin software=\"rsyslogd\" swVersion=\"{version}\"{}] rsyslogd was HUPed"),
		say("logging_stopped", "", "exiting on signal {signal#}"),
		say("logging_stopped", "", "Exiting on signal {signal#}"),
		say("logging_stopped", "", "syslog-ng shutting down"),
		say("logging_started", "", "syslog-ng starting up"),
	}
)

// MySQL reads the words of MySQL's and MariaDB's servers about logins.
func MySQL(f *textlog.Fields, words string) {
	if at := strings.Index(words, "Access denied for user '"); at >= 0 {
		words = words[at:]
	}
	f.Match(mysqlSays, words)
}

var mysqlSays = []textlog.Pattern{
	say("login_failed", "failure", "Access denied for user '{username*}'@'{ip_address}'"),
	say("login_failed", "failure", "Host '{ip_address}' is not allowed to connect"),
	say("login_failed", "failure", "Host '{ip_address}' is blocked because of many connection errors"),
	say("connection_lost", "", "Aborted connection {connection#} to db: '{database}' user: '{username}' host: '{ip_address}'"),
}
