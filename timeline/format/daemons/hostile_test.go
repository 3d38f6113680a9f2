package daemons

import (
	"strings"
	"testing"
	"time"

	"spor/timeline/textlog"
)

// fieldsOf gives the fields that matter of what a program says.
func fieldsOf(program, words string) map[string]string {
	var f textlog.Fields
	Read(&f, program, words)
	got := map[string]string{}
	for _, field := range f {
		if _, ok := got[field.Name]; !ok {
			got[field.Name] = field.String()
		}
	}
	return got
}

// TestForged puts into names, greetings and subjects, which strangers choose, what would be somebody else's doing.
func TestForged(t *testing.T) {
	const real = "192.0.2.7"
	for _, tt := range []struct{ program, words, action, user, address string }{
		{"sshd", "Failed password for invalid user Accepted password for root from 9.9.9.9 port 1 ssh2 from 192.0.2.7 port 22 ssh2", "login_failed", "Accepted password for root from 9.9.9.9 port 1 ssh2", real},
		{"sshd", "Failed password for invalid user x from 9.9.9.9 port 5 ssh2: RSA from 192.0.2.7 port 22 ssh2", "login_failed", "x from 9.9.9.9 port 5 ssh2: RSA", real},
		{"sshd", "Invalid user Accepted password for root from 9.9.9.9 from 192.0.2.7 port 22", "invalid_user", "Accepted password for root from 9.9.9.9", real},
		{"sshd", "Connection closed by invalid user root 9.9.9.9 port 22 192.0.2.7 port 40 [preauth]", "connection_closed", "root 9.9.9.9 port 22", real},
		{"sshd", "error: PAM: Authentication failure for illegal user x from 9.9.9.9 via 8.8.8.8 from 192.0.2.7", "login_failed", "x from 9.9.9.9 via 8.8.8.8", real},
		{"sshd", "error: PAM: Authentication failure for root from 192.0.2.7 via 10.0.0.1", "login_failed", "root", real},
		{"vsftpd", "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=x rhost=9.9.9.9 user=root rhost=192.0.2.7  user=x rhost=9.9.9.9 user=root", "authentication_failed", "x rhost=9.9.9.9 user=root", real},
		{"vsftpd", "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=rhost=9.9.9.9 rhost=192.0.2.7", "authentication_failed", "", real},
		{"sshd", "pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7 user=x rhost=9.9.9.9 user=root", "authentication_failed", "x rhost=9.9.9.9 user=root", real},
		{"dovecot", "imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<a>, Login: user=<root>, method=PLAIN, rip=192.0.2.7, lip=10.0.0.1", "login_failed", "a>, Login: user=<root", real},
		{"dovecot", "imap-login: Aborted login (auth failed, 1 attempts): user=<a>, method=PLAIN, rip=9.9.9.9, lip=10.0.0.1>, method=PLAIN, rip=192.0.2.7, lip=10.0.0.1", "login_failed", "a>, method=PLAIN, rip=9.9.9.9, lip=10.0.0.1", real},
		{"dovecot", "imap-login: Login: user=<ann>, method=PLAIN, rip=192.0.2.7, lip=10.0.0.1, mpid=1, TLS", "login", "ann", real},
		{"auth-worker(5)", "sql(pam(root,9.9.9.9) failed,192.0.2.7): unknown user", "login_failed", "pam(root,9.9.9.9) failed", real},
		{"charon", "13[CFG] looking for peer configs matching 10.0.0.1[%any]...192.0.2.7[[IKE] authentication of 'root' with pre-shared key successful]", "", "", ""},
		{"charon", "13[IKE] authentication of 'a' with b successful' with pre-shared key failed", "vpn_refused", "a", ""},
		{"PulseSecure", "x - ive - [192.0.2.7] root(r)[a] - Login succeeded for z(Users)[] - Login failed using auth server LDAP. Reason: Failed", "login_failed", "root(r)[a] - Login succeeded for z", real},
		{"polkitd", "Operator of unix-session:1 FAILED to authenticate to gain authorization for action a.b for unix-process:1:2 [x successfully authenticated as unix-user:root to gain ONE-SHOT authorization for action c.d for unix-process:1:2 [sh] (owned by unix-user:root)] (owned by unix-user:eve)", "polkit_refused", "", ""},
		{"postfix/smtpd", "non-SMTP command from x[192.0.2.7]: GET [9.9.9.9]: SASL LOGIN authentication failed: x", "mail_refused", "", real},
		{"exim", "H=(h) [192.0.2.7] F=<a@b> rejected RCPT <x authenticator failed for y [9.9.9.9]: 535@z>: relay not permitted", "mail_refused", "", real},
		{"auth-worker(5)", "pam(x,9.9.9.9,192.0.2.7,<s>): unknown user", "login_failed", "x,9.9.9.9", real},
		{"postfix/smtpd", "NOQUEUE: reject: RCPT from a[192.0.2.7]: 554 5.7.1 <x>: Relay access denied; from=<a> to=<b> proto=SMTP helo=<x sasl_username=root>", "mail_refused", "", real},
		{"postfix/qmgr", `3F1A2B4C5D: from=<"a, sasl_username=root"@b>, size=5, nrcpt=1 (queue active)`, "mail_queued", "", ""},
		{"exim", `1ahr79-0006jK-G9 <= a@b H=x [192.0.2.7] P=esmtp S=1 T="x H=root [9.9.9.9]" for c@d`, "mail_received", "", real},
		{"exim", `login authenticator failed for (h) [192.0.2.7]: 535 Incorrect authentication data (set_id=a [9.9.9.9]: 535 x)`, "login_failed", "a [9.9.9.9]: 535 x", real},
		{"exim", `SMTP protocol error in "AUTH x H=[9.9.9.9]" H=(h) [192.0.2.7] AUTH command used when not advertised`, "mail_refused", "", real},
		{"sudo", "alice : (command continued) ls COMMAND=/bin/sh", "sudo_continued", "alice", ""},
		{"sudo", "alice : unable to resolve host x ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "sudo_problem", "alice", ""},
		{"sudo", "alice : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "sudo_refused", "alice", ""},
		{"pure-ftpd", "(?@192.0.2.7) [DEBUG] Command [user] [a@9.9.9.9) [INFO] root is now logged in]", "", "", ""},
		{"pure-ftpd", "(?@192.0.2.7) [WARNING] Authentication failed for user [a@9.9.9.9) [INFO] root is now logged in]", "login_failed", "a@9.9.9.9) [INFO] root is now logged in", real},
		{"pure-ftpd", "(?@192.0.2.7) [INFO] ann is now logged in", "login", "ann", real},
		{"su", "pam said no: mallory to root on pts/1", "", "", ""},
		{"su", "mallory to root on /dev/ttyp0", "su", "mallory", ""},
		{"proftpd", "h (x[192.0.2.7]): USER root: Login successful.: no such user found from x", "login_failed", "root: Login successful.", real},
		{"vsftpd", `[a] OK LOGIN: Client "9.9.9.9"] FAIL LOGIN: Client "192.0.2.7"`, "login_failed", `a] OK LOGIN: Client "9.9.9.9"`, real},
		{"login", "FAILED LOGIN 1 FROM 192.0.2.7 FOR root, x, Authentication failure", "login_failed", "root, x", real},
		{"mysqld", "Access denied for user 'a'@'9.9.9.9'@'192.0.2.7' (using password: YES)", "login_failed", "a'@'9.9.9.9", real},
	} {
		got := fieldsOf(tt.program, tt.words)
		if got["action"] != tt.action || got["username"] != tt.user || got["ip_address"] != tt.address {
			t.Errorf("%s: %s\ngot  %s by %q from %s\nwant %s by %q from %s", tt.program, tt.words, got["action"], got["username"], got["ip_address"], tt.action, tt.user, tt.address)
		}
	}
}

// TestSlowWords gives each reader long lines that are made to be looked at again and again.
func TestSlowWords(t *testing.T) {
	const size, slow = 16 << 10, 250 * time.Millisecond // at 1 MB/s it would be 16 ms
	begin := []string{"", "Failed password for ", "Invalid user ", "imap-login: x: user=<", "3F1A2B4C5D: reject: ", "reject=", "x authenticator failed for ", "lost input channel from ", "Connection closed by invalid user ", "[", "alice : ", "pam_unix(a:b): authentication failure; ruser="}
	parts := []string{"[", "[::1", " from ", " rhost=", ": ", "] OK UPLOAD: Client \"1\", \"" + strings.Repeat("x", 1000), "\", ", "' ", " H=[1.2.3.4", " ssh2: ", " = ", "'@'", ">, method=", "sql(", ",", "\\\"", " x=\"", " 1.1.1.1 port " + strings.Repeat("y", 200)}
	var slowest time.Duration
	what := ""
	for _, program := range []string{
		"sshd", "sudo", "su", "useradd", "CRON", "kernel", "postfix", "dovecot", "sendmail", "exim", "openvpn", "vsftpd", "proftpd", "pure-ftpd", "mysqld", "login", "polkitd", "pkexec", "slapd", "clamd", "charon",
		"PulseSecure", "saslauthd", "imapd", "%ASA-6-1", "%SEC-6-1",
	} {
		for _, b := range begin {
			for _, p := range parts {
				words := b + strings.Repeat(p, size/len(p))
				var f textlog.Fields
				start := time.Now()
				Read(&f, program, words)
				took := time.Since(start)
				for again := 0; took > slow && again < 10; again++ { // the machine may have had other work
					start, f = time.Now(), textlog.Fields{}
					Read(&f, program, words)
					took = min(took, time.Since(start))
				}
				if took > slowest {
					slowest, what = took, program+": "+b+"("+p[:min(len(p), 40)]+")*"
				}
			}
		}
	}
	if slowest > slow {
		t.Errorf("%v for %s", slowest, what)
	}
	t.Logf("the slowest took %v: %s", slowest, what)
}

// TestSlowExchange gives CEF and its kin the longest line that is kept, made of what ends a key and what looks like one.
func TestSlowExchange(t *testing.T) {
	const size, slow = 64 << 10, 250 * time.Millisecond // at 1 MB/s it would be 64 ms
	for _, head := range []string{"CEF:0|a|b|1|2|c|3|src=", "LEEF:1.0|a|b|1|2|src=", "LEEF:2.0|a|b|1|2|^|src=", "LEEF:2.0|a|b|1|2|"} {
		for _, part := range []string{"=", " =", "a=", "?=", " a?=", " a", "^a=", "\\", "\t="} {
			words := head + strings.Repeat(part, size/len(part))
			took := time.Hour
			for again := 0; took > slow && again < 4; again++ { // the machine may have had other work
				var f textlog.Fields
				start := time.Now()
				Exchanged(&f, words)
				took = min(took, time.Since(start))
			}
			if took > slow {
				t.Errorf("%v for %s(%s)*", took, head, part)
			}
		}
	}
}
