package daemons

import (
	"strings"
	"testing"

	"spor/timeline"
	"spor/timeline/textlog"
)

func TestRead(t *testing.T) {
	tests := []struct{ reporter, body, want string }{
		{"sshd", "Accepted publickey for git from 192.0.2.1 port 57904 ssh2: RSA SHA256:ab", `"action":"login","authentication_result":"success","authentication_method":"publickey","username":"git","ip_address":"192.0.2.1","port":57904,"fingerprint":"RSA SHA256:ab"`},
		{"sshd-session", "Failed password for root from 192.0.2.1 port 56502 ssh2", `"action":"login_failed","authentication_result":"failure","authentication_method":"password","username":"root","ip_address":"192.0.2.1","port":56502`},
		{"sshd", "Failed password for invalid user from 10.10.1.1 from 127.0.0.1 port 58946 ssh2", `"invalid_user":true,"username":"from 10.10.1.1","ip_address":"127.0.0.1","port":58946`},
		{"sshd", "[ID 800047 auth.info] Failed keyboard-interactive for james from 205.186.180.30 port 54520 ssh2", `"authentication_method":"keyboard-interactive","username":"james"`},
		{"sshd", "Invalid user ftp from 192.0.2.2 port 37220", `"action":"invalid_user","authentication_result":"failure","username":"ftp","ip_address":"192.0.2.2","port":37220`},
		{"sshd", "Invalid user  from 192.0.2.2 port 37220", `"authentication_result":"failure","ip_address":"192.0.2.2","port":37220`},
		{"sshd", "Connection closed by authenticating user root 192.0.2.1 port 22 [preauth]", `"action":"connection_closed","username":"root","ip_address":"192.0.2.1","port":22`},
		{"sshd", "Connection from 115.249.163.77 port 51353 on 127.0.0.1 port 22", `"action":"connection_opened","ip_address":"115.249.163.77","port":51353`},
		{"sshd", "pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)", `"action":"session_opened","authentication_result":"success","username":"root","service":"sshd"`},
		{"sshd", "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.112  user=root", `"action":"authentication_failed","authentication_result":"failure","ip_address":"192.0.2.112","username":"root","service":"sshd"`},
		{"sudo", "   alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/sh -c 'a ; b'", `"action":"sudo","authentication_result":"success","username":"alice","terminal":"pts/0","working_directory":"/home/alice","target_username":"root","command":"/bin/sh -c 'a ; b'"`},
		{"sudo", "bob : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", `"action":"sudo_refused","authentication_result":"failure","username":"bob","terminal":"pts/1"`},
		{"su", "(to root) alice on pts/0", `"action":"su","authentication_result":"success","username":"alice","target_username":"root","terminal":"pts/0"`},
		{"su", "FAILED SU (to root) alice on pts/0", `"action":"su","authentication_result":"failure","username":"alice"`},
		{"useradd", "new user: name=eve, UID=0, GID=0, home=/root, shell=/bin/bash, from=/dev/pts/1", `"action":"user_added","username":"eve","user_identifier":0,"group_identifier":0,"home_directory":"/root","shell":"/bin/bash"`},
		{"usermod", "add 'eve' to group 'sudo'", `"action":"group_member_added","username":"eve","group":"sudo"`},
		{"passwd", "pam_unix(passwd:chauthtok): password changed for eve", `"action":"password_changed","username":"eve"`},
		{"systemd-logind", "New session 3 of user root.", `"action":"session_opened","authentication_result":"success","session":"3","username":"root"`},
		{"CRON", "(root) CMD (  test -x /x && (y) )", `"action":"cron","username":"root","command":"test -x /x && (y)"`},
		{"anything", "Accepted password for root from 1.2.3.4 port 1 ssh2", ``},
		{"sshd", "Accepted", ``},
	}
	for _, tt := range tests {
		var f textlog.Fields
		Read(&f, tt.reporter, tt.body)
		e := timeline.Event{Fields: f}
		_, got, _ := strings.Cut(string(e.AppendJSON(nil)), `"sha256":""`)
		got = strings.Trim(got, ",}")
		if !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s: %s\ngot  %s\nwant %s", tt.reporter, tt.body, got, tt.want)
		}
	}
}
