// Package daemons reads what programs say in their log lines into fields: who came from where, by which method, and
// whether they were let in. It does not matter what carries the words: syslog, a journal, a file of the program's own.
//
// The fields are the same for all programs: action, authentication_result ("success" or "failure"), username, ip_address
// (of the other side), port, authentication_method, service, target_username, command, terminal, session. Names that a
// stranger may choose are taken as such: in "Invalid user a from 10.0.0.1 from 192.0.2.7 port 22" the address is the last.
//
// The sentences are those of the programs' sources, named in each file; fail2ban's collection of real lines
// (github.com/fail2ban/fail2ban, fail2ban/tests/files/logs) says what must be found in them.
package daemons

import (
	"strings"

	"spor/timeline/textlog"
)

// Read adds what the words of a program say. It adds nothing to words it does not know.
func Read(f *textlog.Fields, program, words string) {
	words, known := trimEnd(words), len(*f)
	if strings.HasPrefix(words, "[ID ") { // Solaris: "[ID 800047 auth.info] "
		if _, rest, ok := strings.Cut(words, "] "); ok {
			words = rest
		}
	}
	if strings.HasPrefix(words, "pam_") && pam(f, words) || pamBegins(words) && pamOlder(f, words) || Exchanged(f, words) {
		return
	}
	if i := strings.LastIndexByte(program, '/'); i >= 0 {
		if strings.HasPrefix(program, "postfix") {
			program = "postfix"
		} else {
			program = program[i+1:]
		}
	}
	if i := strings.IndexByte(program, '('); i > 0 { // "vsftpd(pam_unix)", "auth-worker(5)"
		program = program[:i]
	}
	if read, ok := programs[program]; ok {
		read(f, words)
	} else {
		other(f, program, words)
	}
	if len(*f) == known && strings.HasPrefix(words, "authentication failure; ") { // "pop(pam_unix)[5]: "
		pamFailure(f, words)
	}
}

// pamBegins tells words that may be PAM's in one of its older forms.
func pamBegins(words string) bool {
	return len(words) > 8 && (words[:4] == "PAM " || words[:5] == "(pam_" || words[:5] == "pam_u")
}

// trimEnd cuts blanks and line ends.
func trimEnd(s string) string {
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\n') {
		s = s[:len(s)-1]
	}
	return s
}

// programs are the readers by the name that a program gives itself.
var programs = map[string]func(*textlog.Fields, string){
	"sshd": sshd, "sshd-session": sshd, "sshd-auth": sshd, "dropbear": dropbear, "in.sshd": sshd,
	"sudo": sudo, "doas": said(doasSays), "pkexec": said(pkexecSays), "polkitd": said(polkitSays),
	"su": su, "su-l": su, "runuser": su,
	"login": said(loginSays), "telnetd": said(refusedSays), "in.telnetd": said(refusedSays), "xinetd": said(refusedSays),
	"useradd": accounts, "adduser": accounts, "groupadd": accounts, "usermod": accounts, "userdel": accounts, "passwd": accounts,
	"chpasswd": accounts, "groupdel": accounts, "gpasswd": accounts, "chage": accounts, "groupmod": accounts, "chfn": accounts,
	"systemd-logind": said(logindSays), "elogind": said(logindSays), "elogind-daemon": said(logindSays),
	"systemd": said(systemdSays),
	"CRON":    cron, "cron": cron, "crond": cron, "CROND": cron, "/USR/SBIN/CRON": cron, "anacron": cron, "crontab": crontab, "atd": said(atdSays),
	"kernel": kernel,

	"postfix": postfix, "dovecot": dovecot, "dovecot-auth": dovecot, "imap-login": dovecot, "pop3-login": dovecot, "managesieve-login": dovecot,
	"auth": dovecot, "auth-worker": dovecot, "submission-login": dovecot, "lmtp": dovecot, "sendmail": sendmail, "sm-mta": sendmail, "sm-msp-queue": sendmail, "sm-acceptingconnections": sendmail, "exim": Exim, "exim4": Exim,
	"saslauthd": said(saslSays), "imapd": imapd, "ipop3d": imapd, "imap": imapd, "imaps": imapd, "pop3": imapd, "pop3s": imapd, "pop3d": imapd, "imapd-ssl": imapd, "pop3d-ssl": imapd,
	"courierpop3login": imapd, "imaplogin": imapd, "roundcube": Roundcube,
	"named": Named, "dhcpd": said(dhcpSays), "dnsmasq-dhcp": said(dhcpSays), "filterlog": filterlog, "haproxy": said(haproxySays), "suhosin": said(suhosinSays), "wu-ftpd": said(wuSays), "unix_chkpwd": said(chkpwdSays),
	"pvedaemon": proxmox, "pveproxy": proxmox, "amavis": amavis, "phpMyAdmin": said(phpMyAdminSays), "monit": said(monitSays),
	"smb": Samba, "smbd": Samba, "samba": Samba, "smbd_audit": Samba,
	"hostd": hostd, "Hostd": hostd, "vpxa": hostd, "Vpxa": hostd, "vpxd": hostd, "shell": said(esxiShellSays), "ESXShell": said(esxiShellSays),

	"openvpn": OpenVPN, "ovpn-server": OpenVPN, "charon": charon, "charon-systemd": charon, "pluto": said(plutoSays),
	"vsftpd": said(vsftpdSays), "proftpd": proftpd, "pure-ftpd": said(pureSays), "ftpd": said(ftpSays),
	"PulseSecure": pulse, "Juniper": pulse,
	"snapd": said(snapdSays), "flatpak": said(flatpakSays), "flatpak-system-helper": said(flatpakSays),
	"mysqld": MySQL, "mariadbd": MySQL, "slapd": said(slapdSays),
	"freshclam": said(clamSays), "clamd": said(clamSays), "clamav": said(clamSays), "fail2ban.actions": said(fail2banSays), "fail2ban.filter": said(fail2banSays),
	"auditd": said(auditdSays), "rsyslogd": said(loggerSays), "syslogd": said(loggerSays), "syslog-ng": said(loggerSays), "firewalld": said(firewalldSays),
}

// said is the reader of a table of sentences.
func said(table []textlog.Pattern) func(*textlog.Fields, string) {
	return func(f *textlog.Fields, words string) { f.Match(table, words) }
}

// other reads what network devices send, which name no program, and programs with a number in their name.
func other(f *textlog.Fields, program, words string) {
	switch {
	case program == "":
	case program[0] != '%' && program[0] != 'o':
	case strings.HasPrefix(program, "%ASA-"), strings.HasPrefix(program, "%FTD-"), strings.HasPrefix(program, "%PIX-"):
		ASA(f, program, words)
	case strings.HasPrefix(program, "%"):
		f.Match(iosSays, words)
	case strings.HasPrefix(program, "ovpn-"):
		OpenVPN(f, words)
	}
}

// lastIndex is strings.LastIndex, faster where there is one or none.
func lastIndex(s, sep string) int {
	for last, at := -1, 0; ; {
		i := strings.Index(s[at:], sep)
		if i < 0 {
			return last
		}
		last = at + i
		at = last + 1
	}
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := lastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// between is what stands between two texts; empty: they are not there.
func between(s, before, after string) string {
	_, s, ok := strings.Cut(s, before)
	if !ok {
		return ""
	}
	s, _, ok = strings.Cut(s, after)
	if !ok {
		return ""
	}
	return s
}

// bracketed is the last address in brackets, "name[192.0.2.7]", that begins before an end; empty: there is none.
func bracketed(s string) string {
	for range maxBrackets {
		at := strings.LastIndexByte(s, '[')
		if at < 0 {
			return ""
		}
		if a, _, ok := strings.Cut(s[at+1:], "]"); ok && isAddress(a) {
			return a
		}
		s = s[:at]
	}
	return ""
}

// maxBrackets bounds how many brackets are looked into.
const maxBrackets = 64

// isAddress tells whether a text looks like an IPv4 or IPv6 address; it need not be one.
func isAddress(s string) bool {
	s = strings.TrimPrefix(s, "IPv6:")
	dots, colons := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case c-'0' <= 9, 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		case c == '%' && colons > 1:
			return true
		default:
			return false
		}
	}
	return len(s) <= 45 && (dots == 3 && colons == 0 && s[0] != '.' || colons >= 2)
}

// peer adds "address", "address port n" or "address:port" of the other side.
func peer(f *textlog.Fields, s string) {
	address, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	address = strings.TrimRight(address, ":,.;")
	if host, port, ok := cutLast(address, ":"); ok && strings.IndexByte(host, '.') > 0 && isAddress(host) {
		f.Add("ip_address", host)
		f.Digits("port", port)
		return
	}
	f.Add("ip_address", address)
	if port, ok := strings.CutPrefix(rest, "port "); ok {
		n, _, _ := strings.Cut(port, " ")
		f.Digits("port", strings.TrimRight(n, ":,"))
	}
}
