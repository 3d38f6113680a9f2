package mail

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spor/timeline/textlog/textlogtest"
)

var cases = []textlogtest.Case{
	{
		Format: "kerio", Name: "security.log",
		Text: "[09/Mar/2026 09:00:00] SMTP: User eve@example.net doesn't exist. Attempt from IP address 192.0.2.7.\n[09/Mar/2026 09:00:01] Relay attempt from IP address 192.0.2.7, mail from <a@example.net> to <b@example.org> rejected\n[09/Mar/2026 09:00:02] other words\n",
		Want: []string{`"action":"login_failed","authentication_result":"failure","service":"SMTP","username":"eve@example.net","ip_address":"192.0.2.7"`, `"action":"mail_refused","authentication_result":"failure","ip_address":"192.0.2.7","sender":"a@example.net","recipient":"b@example.org"`, `"body":"other words"`},
	},
	{
		Format: "domino", Name: "console.log",
		Text: "[28325:00010-3735542592] 09-03-2026 09:00:00   POP3 Server: Authentication failure for eve, connecting host 192.0.2.7: Password not found\n03/09/2026 09:00:01 PM   SMTP Server: h.example.net (192.0.2.8) connected\n",
		Want: []string{`"datetime":"2026-03-09T09:00:00.000000+00:00"`, `"datetime":"2026-03-09T21:00:01.000000+00:00"`},
	},
	{
		Format: "zimbra", Name: "/opt/zimbra/log/audit.log",
		Text: "2026-03-09 09:00:00,616 INFO  [qtp93-137:https://z.example.net:7071/service/admin/soap/AuthRequest] [name=eve@example.net;ip=127.0.0.1;oip=192.0.2.7;port=52016;ua=ZimbraWebClient - GC88 (Linux);soapId=9f;] SoapEngine - handler exception: authentication failed for [eve@example.net], invalid password\n" +
			"2026-03-09 09:00:01,193 INFO  [ImapSSLServer-1] [ip=192.0.2.8;cid=57;] imap - authentication failed for [ann] (invalid password)\n" +
			"2026-03-09 09:00:02,193 WARN  [qtp93-138] [name=eve;ip=192.0.2.7;] security - cmd=Auth; account=eve; protocol=soap; error=authentication failed for [eve], invalid password;\n",
		Want: []string{
			`"severity":"INFO","action":"login_failed","authentication_result":"failure","username":"eve@example.net","reason":"invalid password","ip_address":"192.0.2.7","port":52016,"user_agent":"ZimbraWebClient - GC88 (Linux)"`,
			`"service":"imap","username":"ann","reason":"invalid password","ip_address":"192.0.2.8"`,
			`"command":"Auth","username":"eve","protocol":"soap"`,
		},
	},
	{
		Format: "roundcube", Name: "/var/log/roundcube/errors.log",
		Text: "[09-Mar-2026 09:00:00 +0100]: <5b9fv5g> IMAP Error: Login failed for eve against localhost from 192.0.2.7. AUTHENTICATE PLAIN: no in /x.php on line 205\n[09-Mar-2026 09:00:01 +0100]: FAILED login for eve from 192.0.2.7\n",
		Want: []string{
			`"session":"5b9fv5g","action":"login_failed","authentication_result":"failure","username":"eve","server":"localhost","ip_address":"192.0.2.7"`,
			`"datetime":"2026-03-09T08:00:01.000000+00:00"`,
		},
	},
	{
		Format: "exim", Name: "/var/log/exim4/mainlog",
		Text: "2026-03-09 09:00:00 1ahr79-0006jK-G9 <= a@example.com H=mail.example.com (helo) [192.0.2.7] P=esmtpsa A=plain_server:alice S=1234 id=x@y\n2026-03-09 09:00:01 1ahr79-0006jK-G9 => b@example.org R=dnslookup T=remote_smtp H=mx [192.0.2.8]\n" +
			"2026-03-09 09:00:02 login authenticator failed for (x) [192.0.2.9]: 535 Incorrect authentication data (set_id=brian)\n2026-03-09 09:00:03 1ahr79-0006jK-G9 Completed\n",
		Want: []string{
			`"queue_identifier":"1ahr79-0006jK-G9","action":"mail_received","sender":"a@example.com","ip_address":"192.0.2.7","authentication_method":"plain_server","username":"alice","size":1234,"message_identifier":"x@y"`,
			`"action":"mail_delivered","authentication_result":"success","recipient":"b@example.org"`,
			`"action":"login_failed","authentication_result":"failure","authentication_method":"login","ip_address":"192.0.2.9","username":"brian"`,
			`"action":"mail_removed"`,
		},
	},
	{
		Format: "dovecot", Name: "/var/log/dovecot.log",
		Text: "Mar 09 09:38:03 pop3-login: Info: Aborted login (auth failed, 1 attempts in 2 secs): user=<grace>, method=PLAIN, rip=192.0.2.7\nMar 09 09:38:04 imap-login: Info: Login: user=<alice>, method=PLAIN, rip=192.0.2.8, lip=10.0.0.1, mpid=5, session=<ab>\n",
		Want: []string{
			`"reporter":"pop3-login","action":"login_failed","authentication_result":"failure","username":"grace","authentication_method":"PLAIN","ip_address":"192.0.2.7","service":"pop3-login"`,
			`"action":"login","authentication_result":"success","username":"alice","authentication_method":"PLAIN","ip_address":"192.0.2.8","session":"ab"`,
		},
	},
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

func FuzzFormats(f *testing.F) { textlogtest.Fuzz(f, Formats, cases) }

// TestFail2ban asks that the address of an attack is found where fail2ban's own tests find it.
func TestFail2ban(t *testing.T) {
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	for _, tt := range []struct {
		name         string
		format       int
		found, lines int
	}{
		{"exim", 1, 48, 48},
		{"dovecot", 0, 11, 12}, // the one is syslog's; its other lines are counted in package syslog
	} {
		b, err := os.ReadFile(filepath.Join(dir, "fail2ban-log", "fail2ban-fail2ban", tt.name))
		if err != nil {
			t.Skipf("SKIPPED: the corpus is not here: %v", err)
		}
		var want struct {
			Match bool
			Host  string
		}
		found, all := 0, 0
		for line := range strings.Lines(string(b)) {
			spec, ok := strings.CutPrefix(line, "# failJSON:")
			if ok {
				want.Match = false
				json.Unmarshal([]byte(spec), &want)
				continue
			}
			if line[0] == '#' || strings.TrimSpace(line) == "" || !want.Match || strings.Contains(line, " dovecot") && tt.name == "dovecot" {
				continue
			}
			want.Match = false
			all++
			events, _ := textlogtest.Read(Formats[tt.format], "/x", line)
			if f, ok := events[0].Get("ip_address"); ok && f.String() == want.Host {
				found++
				continue
			}
			t.Logf("%s: %s is not found in %s", tt.name, want.Host, line)
		}
		if found != tt.found || all != tt.lines {
			t.Errorf("%s: the address is found in %d of %d lines, want %d of %d", tt.name, found, all, tt.found, tt.lines)
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	for _, c := range cases {
		textlogtest.Bench(b, Formats, c.Name, c.Text)
	}
}
