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

// TestWords asks of other programs, one line each, for the fields that matter.
func TestWords(t *testing.T) {
	tests := []struct{ program, words, want string }{
		{"login", "FAILED LOGIN 1 FROM 192.0.2.7 FOR dcid, Authentication failure", `"action":"login_failed","authentication_result":"failure","ip_address":"192.0.2.7","username":"dcid","reason":"Authentication failure"`},
		{"login", "ROOT LOGIN ON tty1", `"action":"login_root"`},
		{"dropbear", "[825] Jul 10 23:53:52 bad password attempt for 'root' from 192.0.2.7:52289", `"action":"login_failed","authentication_result":"failure","username":"root","ip_address":"192.0.2.7","port":52289`},
		{"dropbear", "Exit before auth (user 'root', 10 fails): Max auth tries reached - user 'root' from 192.0.2.7:60588", `"action":"login_failed","authentication_result":"failure","username":"root","failures":10,"reason":"Max auth tries reached","ip_address":"192.0.2.7","port":60588`},
		{"sshd", "PAM 4 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=root", `"action":"authentication_failed","authentication_result":"failure","ip_address":"192.0.2.7","username":"root","failures":4`},
		{"sshd", "(pam_unix) authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=root", `"ip_address":"192.0.2.7","username":"root"`},
		{"pop(pam_unix)", "authentication failure; logname= uid=0 euid=0 tty= ruser= rhost=192.0.2.7 user=mailuser", `"ip_address":"192.0.2.7","username":"mailuser"`},
		{"cyrus/imap", "badlogin: h.example.net [192.0.2.7] plaintext eve@example.net SASL(-13): authentication failure: checkpass failed", `"action":"login_failed","authentication_result":"failure","client_name":"h.example.net","ip_address":"192.0.2.7","authentication_method":"plaintext","username":"eve@example.net","reason":"authentication failure: checkpass failed"`},
		{"imap", "badlogin: h[192.0.2.7] DIGEST-MD5 [SASL(-13): authentication failure: no]", `"client_name":"h","ip_address":"192.0.2.7","authentication_method":"DIGEST-MD5","reason":"authentication failure: no"`},
		{"imapd-ssl", "LOGIN FAILED, user=eve, ip=[::ffff:192.0.2.7], port=[255]", `"action":"login_failed","authentication_result":"failure","username":"eve","ip_address":"::ffff:192.0.2.7"`},
		{"imapd", "Login excessive login failures user=eve auth=eve host=h.example.net [192.0.2.7]", `"action":"login_failed","authentication_result":"failure","username":"eve","client_name":"h.example.net","ip_address":"192.0.2.7"`},
		{"roundcube", "IMAP Error: Login failed for eve from 127.0.0.1 from 192.0.2.7. AUTHENTICATE PLAIN: A0002 NO Login failed. user=eve from 127.0.0.1 in /x.php on line 205", `"username":"eve from 127.0.0.1","ip_address":"192.0.2.7"`},
		{"roundcube", "<5b9fv5g> Successful login for ann (ID: 3) from 192.0.2.7 in session 5b9fv5g", `"session":"5b9fv5g","action":"login","authentication_result":"success","username":"ann","user_identifier":3,"ip_address":"192.0.2.7"`},
		{"sm-mta", "s1GNXHYB005133: h [192.0.2.7] (may be forged): possible SMTP attack: command=AUTH, count=5", `"queue_identifier":"s1GNXHYB005133","action":"smtp_attack","authentication_result":"failure","ip_address":"192.0.2.7"`},
		{"kernel", "[WAN_IN-2000-D]IN=eth0 OUT=eth2 MAC=aa SRC=192.0.2.7 DST=198.51.100.7 LEN=52 TOS=0x00 PREC=0x00 TTL=63 ID=27223 DF PROTO=TCP SPT=50093 DPT=1443 WINDOW=2857 RES=0x00 ACK URGP=0", `"action":"packet_refused","authentication_result":"failure","rule":"WAN_IN-2000-D","interface":"eth0","out_interface":"eth2","ip_address":"192.0.2.7","destination_ip":"198.51.100.7","length":52,"protocol":"TCP","port":50093,"destination_port":1443`},
		{"kernel", "IN=eth0 OUT= MAC=aa SRC=192.0.2.7 DST=198.51.100.7 LEN=88 TOS=0x00 PREC=0x00 TTL=63 ID=2 PROTO=ICMP TYPE=3 CODE=3 [SRC=198.51.100.7 DST=192.0.2.7 LEN=60 ID=5 DF PROTO=TCP SPT=22 DPT=5 ]", `"protocol":"ICMP","icmp_type":3,"icmp_code":3`},
		{"vsftpd", `[www-data] FTP response: Client "192.0.2.7", "530 Permission denied."`, `"action":"refused","authentication_result":"failure","username":"www-data","ip_address":"192.0.2.7","reason":"Permission denied."`},
		{"smbd", "Auth: [SMB2,(null)] user [CORP]\\[eve] at [Fri, 24 Sep 2021 10:04:59.030937 UTC] with [NTLMv2] status [NT_STATUS_NO_SUCH_USER] workstation [WS] remote host [ipv4:192.0.2.7:62419] mapped to [CORP]\\[eve]. local host [ipv4:198.51.100.7:445]", `"action":"login_failed","authentication_result":"failure","service":"SMB2,(null)","domain":"CORP","username":"eve","authentication_method":"NTLMv2","reason":"NT_STATUS_NO_SUCH_USER","workstation":"WS","ip_address":"192.0.2.7","port":62419`},
		{"PulseSecure", "2026-03-09 09:00:00 - gw - [192.0.2.7] Default Network::eve(R)[Roles][30f3] - VPN Tunneling: Session started for user  (session: sida7) with IPv4 address 10.1.204.79, hostname MY-PC", `"action":"vpn_session_opened","authentication_result":"success","ip_address":"192.0.2.7","username":"eve","realm":"R","roles":"Roles","inner_ip_address":"10.1.204.79","client_name":"MY-PC","session":"30f3"`},
		{"PulseSecure", "2026-03-09 09:00:00 - gw - [192.0.2.7] eve(R)[] - Login failed. Reason: Wrong Password", `"action":"login_failed","authentication_result":"failure","ip_address":"192.0.2.7","username":"eve","realm":"R","reason":"Wrong Password"`},
		{"PulseSecure", "2026-03-09 09:00:00 - gw - [192.0.2.7] x(R)[] - Login succeeded for (R)[] - Login failed. Reason: no", `"action":"login_failed"`},
		{"pvedaemon", "authentication failure; rhost=::ffff:192.0.2.7 user=eve@pam msg=no such user ('eve@pam')", `"action":"login_failed","authentication_result":"failure","ip_address":"::ffff:192.0.2.7","username":"eve@pam","reason":"no such user ('eve@pam')"`},
		{"amavis", "(4051607-09) Blocked INFECTED (Eicar) {DiscardedInbound,Quarantined}, [192.0.2.7]:1434 [192.0.2.7] <a@example.net> -> <b@example.org>, quarantine: 2/virus", `"action":"malware_found","threat_name":"Eicar","ip_address":"192.0.2.7","port":1434,"sender":"a@example.net","recipient":"b@example.org"`},
		{"phpMyAdmin", "user denied: root (mysql-denied) from 192.0.2.7", `"action":"login_failed","authentication_result":"failure","username":"root","reason":"mysql-denied","ip_address":"192.0.2.7"`},
		{"named", "client @0x7f6450002ef0 192.0.2.7#23332 (example.net): view external: query (cache) 'a.example.net/ANY/IN' denied", `"ip_address":"192.0.2.7","port":23332,"view":"external","action":"query_refused","authentication_result":"failure","query":"a.example.net","query_type":"ANY","query_class":"IN"`},
		{"named", "client 192.0.2.7#52115: zone transfer 'example.net/AXFR/IN' denied", `"action":"zone_transfer_refused","authentication_result":"failure","zone":"example.net/AXFR/IN"`},
		{"dhcpd", "DHCPACK on 192.0.2.9 to 4c:55:41:a0:fa:99 (laptop) via eth0.60", `"action":"address_assigned","ip_address":"192.0.2.9","mac_address":"4c:55:41:a0:fa:99","hostname":"laptop","interface":"eth0.60"`},
		{"filterlog", "146,,,1535324496,igb1.12,match,block,in,4,0x0,,63,32989,0,DF,6,tcp,60,192.0.2.7,198.51.100.7,49652,853,0,S,18,,64240,,mss", `"action":"packet_refused","authentication_result":"failure","rule":"146","interface":"igb1.12","direction":"in","protocol":"TCP","ip_address":"192.0.2.7","destination_ip":"198.51.100.7","port":49652,"destination_port":853`},
		{"filterlog", "6,,,100,igb1,match,pass,in,6,0x00,0xf6279,1,UDP,17,32,fe80::1,ff02::1:2,546,547,32", `"action":"packet_allowed","authentication_result":"success","rule":"6","interface":"igb1","direction":"in","protocol":"UDP","ip_address":"fe80::1","destination_ip":"ff02::1:2","port":546,"destination_port":547`},
		{"haproxy", "Connect from 192.0.2.7:40780 to 198.51.100.7:5000 (main/HTTP)", `"action":"connection_opened","ip_address":"192.0.2.7","port":40780,"destination_ip":"198.51.100.7","destination_port":5000,"server_name":"main","mode":"HTTP"`},
		{"exim", "H=h.example.net [192.0.2.7] F=<a@example.net> rejected RCPT <b@example.org>: in a black list", `"action":"mail_refused","authentication_result":"failure","ip_address":"192.0.2.7","sender":"a@example.net","recipient":"b@example.org","reason":"in a black list"`},
		{"unix_chkpwd", "password check failed for user (eve)", `"action":"authentication_failed","authentication_result":"failure","username":"eve"`},
		{"dropbear", "Password auth succeeded for 'root' from 192.0.2.7:4000", `"action":"login","authentication_result":"success","username":"root","ip_address":"192.0.2.7","port":4000`},
		{"pkexec", "ann: Executing command [USER=root] [TTY=/dev/pts/0] [CWD=/tmp] [COMMAND=/bin/sh]", `"username":"ann","target_username":"root","terminal":"/dev/pts/0","working_directory":"/tmp","command":"/bin/sh"`},
		{"su", "+ /dev/pts/0 ann:root", `"action":"su","authentication_result":"success","terminal":"/dev/pts/0","username":"ann","target_username":"root"`},
		{"gpasswd", "user eve added by root to group wheel", `"action":"group_member_added","username":"eve","by_username":"root","group":"wheel"`},
		{"systemd", "Stopped auditd.service - Security Auditing Service.", `"action":"service_stopped","service_name":"auditd.service"`},
		{"crontab", "(eve) REPLACE (eve)", `"action":"crontab_replaced","username":"eve","detail":"eve"`},
		{"crond", "USER root pid 812 cmd /tmp/x", `"action":"cron","username":"root","child_pid":812,"command":"/tmp/x"`},
		{"kernel", "[82508.100168] wireguard: wg0: Packet has unallowed src IP (10.0.0.3) from peer 1 (192.0.2.7:51820)", `"since_boot":"82508.100168","action":"vpn_refused","authentication_result":"failure","interface":"wg0","inner_ip_address":"10.0.0.3","peer":1,"ip_address":"192.0.2.7","port":51820`},
		{"kernel", "[1.5] [UFW BLOCK] IN=eth0 OUT= MAC=aa SRC=192.0.2.7 DST=198.51.100.7 LEN=44 PROTO=TCP SPT=5 DPT=22 WINDOW=1", `"action":"packet_refused","authentication_result":"failure","rule":"UFW BLOCK","interface":"eth0","ip_address":"192.0.2.7","destination_ip":"198.51.100.7","length":44,"protocol":"TCP","port":5,"destination_port":22`},
		{"postfix/smtpd", "NOQUEUE: reject: RCPT from a.example[192.0.2.7]: 554 5.7.1 <x>: Relay access denied; from=<a@b> to=<c@d> proto=SMTP helo=<198.51.100.17>", `"action":"mail_refused","authentication_result":"failure","client_name":"a.example","ip_address":"192.0.2.7","reason":"554 5.7.1 <x>: Relay access denied","sender":"a@b","recipient":"c@d"`},
		{"postfix/smtp", "3F1A2B4C5D: to=<a@b>, relay=mx[192.0.2.8]:25, delay=1, dsn=2.0.0, status=sent (250 ok)", `"queue_identifier":"3F1A2B4C5D","action":"mail_delivered","authentication_result":"success","recipient":"a@b","relay":"mx[192.0.2.8]:25","status_code":"2.0.0","status":"sent"`},
		{"postfix/smtpd", "3F1A2B4C5D: client=x[192.0.2.7], sasl_method=LOGIN, sasl_username=ann", `"action":"login","authentication_result":"success","client_name":"x","ip_address":"192.0.2.7","authentication_method":"LOGIN","username":"ann"`},
		{"openvpn", "ann/192.0.2.7:1194 SENT CONTROL [ann]: 'AUTH_FAILED' (status=1)", `"action":"vpn_refused","authentication_result":"failure","username":"ann","ip_address":"192.0.2.7","port":1194`},
		{"%ASA-6-605005", `Login permitted from 192.0.2.7/4000 to inside:10.0.0.1/ssh for user "ann"`, `"message_number":605005,"level":6,"action":"login","authentication_result":"success","ip_address":"192.0.2.7","port":4000`},
		{"%ASA-4-106023", `Deny tcp src outside:192.0.2.7/5 dst inside:10.0.0.1/22 by access-group "acl"`, `"action":"packet_refused","authentication_result":"failure","protocol":"tcp","ip_address":"192.0.2.7","port":5,"destination_ip":"10.0.0.1","destination_port":22,"rule":"acl"`},
		{"%SEC-6-IPACCESSLOGP", "list 102 denied tcp 192.0.2.7(3067) -> 10.0.0.1(139), 1 packet", `"rule":"102","protocol":"tcp","ip_address":"192.0.2.7","port":3067,"destination_ip":"10.0.0.1","destination_port":139`},
		{"snapd", `api_snaps.go:401: Installing snap "lxd" revision unset`, `"action":"package_install_asked","package":"lxd","version":"unset"`},
		{"flatpak", "system: Installed app/org.example.App/x86_64/stable from flathub", `"action":"package_installed","installation":"system","package":"app/org.example.App/x86_64/stable","origin":"flathub"`},
		{"proftpd", "mantis (x[192.0.2.7]): USER asd: no such user found from x", `"action":"login_failed","authentication_result":"failure","username":"asd","ip_address":"192.0.2.7"`},
		{"clamd", "/tmp/a: Eicar FOUND", `"action":"malware_found","filename":"/tmp/a","threat_name":"Eicar"`},
		{"auditd", "The audit daemon is exiting.", `"action":"logging_stopped"`},
		{"vsftpd(pam_unix)", "authentication failure; logname= uid=0 rhost=192.0.2.7 user=user1", `"action":"login_failed","authentication_result":"failure","ip_address":"192.0.2.7","username":"user1"`},
	}
	for _, tt := range tests {
		var f textlog.Fields
		Read(&f, tt.program, tt.words)
		e := timeline.Event{Fields: f}
		if got := string(e.AppendJSON(nil)); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s\ngot  %s\nwant %s", tt.program, tt.words, got, tt.want)
		}
	}
}

// FuzzRead gives every program's reader any words.
func FuzzRead(f *testing.F) {
	f.Add("Failed password for invalid user a from b from 192.0.2.7 port 22 ssh2: x")
	f.Add("mantis (x[192.0.2.7]): USER asd (Login failed): x")
	f.Add("IN= SRC= DPT= reject: RCPT from [: ;from=<")
	f.Fuzz(func(t *testing.T, words string) {
		for program := range programs {
			var fields textlog.Fields
			Read(&fields, program, words)
			for _, field := range fields {
				if len(field.String()) > 3*len(words)+64 { // a byte that is not UTF-8 is shown as three
					t.Fatalf("%s: %q became %q", program, words, field.String())
				}
			}
		}
	})
}

// TestExchanged reads what products send to each other's collectors.
func TestExchanged(t *testing.T) {
	for words, want := range map[string]string{
		`CEF:0|Check Point|VPN-1 & FireWall-1|Check Point|Drop|domain-udp|Unknown|act=Drop deviceDirection=0 rt=1543270652000 spt=46001 dpt=53 src=192.0.2.7 dst=198.51.100.7 proto=17 suser=ann berg msg=two words x\=1`: `"device_vendor":"Check Point","device_product":"VPN-1 & FireWall-1","signature_identifier":"Drop","signature":"domain-udp","severity":"Unknown","event_action":"Drop","port":46001,"destination_port":53,"ip_address":"192.0.2.7","destination_ip":"198.51.100.7","protocol":"17","username":"ann berg","detail":"two words x\\=1","action":"packet_refused","authentication_result":"failure"`,
		`CEF:0|a\|b|c|1|2|3|4|`: `"device_vendor":"a\\|b","device_product":"c"`,
		`CEF:0|short|c|1`:       ``,
		"LEEF:1.0|Vendor|Product|1|login|src=192.0.2.7\tusrName=ann\taction=Failed Log In": `"device_vendor":"Vendor","device_product":"Product","signature_identifier":"login","ip_address":"192.0.2.7","username":"ann","event_action":"Failed Log In","action":"login_failed"`,
		"LEEF:2.0|V|P|1|2|^|src=192.0.2.7^dstPort=22":                                      `"ip_address":"192.0.2.7","destination_port":22`,
		"LEEF:2.0|V|P|1|2|x7c|src=192.0.2.7|dstPort=22":                                    `"ip_address":"192.0.2.7","destination_port":22`,
		"LEEF:2.0|V|P|1|2||src=192.0.2.7\tdstPort=22":                                      `"ip_address":"192.0.2.7","destination_port":22`,
	} {
		var f textlog.Fields
		Read(&f, "anything", words)
		e := timeline.Event{Fields: f}
		_, got, _ := strings.Cut(string(e.AppendJSON(nil)), `"sha256":""`)
		if !strings.Contains(got, want) || want == "" && got != "}" {
			t.Errorf("%s\ngot  %s\nwant %s", words, got, want)
		}
	}
}

// FuzzExchanged bounds what becomes of any words, and asks that the first of a name counts.
func FuzzExchanged(f *testing.F) {
	f.Add(`CEF:0|a|b|c|d|e|f|src=192.0.2.7 msg=a b src=1`)
	f.Add("LEEF:2.0|a|b|c|d|x09|src=1\tsrc=2")
	f.Add(`[action:"Accept"; src:"1"; x:"\"]`)
	f.Fuzz(func(t *testing.T, words string) {
		for _, read := range []func(*textlog.Fields, string){CheckPoint, func(f *textlog.Fields, s string) { Exchanged(f, s) }} {
			var fields textlog.Fields
			read(&fields, words)
			size := 0
			for _, field := range fields {
				size += len(field.String())
			}
			if size > 4*len(words)+64 {
				t.Fatalf("%q became %d bytes", words, size)
			}
		}
	})
}
