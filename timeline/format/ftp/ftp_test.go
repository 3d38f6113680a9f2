package ftp

import (
	"os"
	"path/filepath"
	"testing"

	"spor/timeline/textlog/textlogtest"
)

var cases = []textlogtest.Case{
	{
		Format: "samba", Name: "/var/log/samba/log.smbd",
		Text: "[2026/03/09 09:00:00.030937,  2] ../../source3/auth/auth.c:324(auth_check_ntlm_password)\n  check_ntlm_password:  Authentication for user [eve] -> [eve] FAILED with error NT_STATUS_NO_SUCH_USER, authoritative=1\n" +
			"[2026/03/09 09:00:01,  1, pid=2725] ../../source3/smbd/service.c:850(make_connection_snum)\n  ws01 (ipv4:192.0.2.7:50000) connect to service homes initially as user ann (uid=1000, gid=1000) (pid 2725)\n",
		Want: []string{
			`"datetime":"2026-03-09T09:00:00.030937+00:00"`,
			`"level":1,"pid":2725,"code_location":"../../source3/smbd/service.c:850(make_connection_snum)","action":"share_opened","authentication_result":"success","computer":"ws01","ip_address":"192.0.2.7","port":50000,"share":"homes","username":"ann"`,
		},
	},
	{
		Format: "vsftpd", Name: "/var/log/vsftpd.log", Text: "Mon Jun  6 18:43:59 2016 [pid 3] [jean] OK UPLOAD: Client \"192.0.2.9\", \"/home/jean/a \"b.png\", 1884648 bytes, 41264.44Kbyte/sec\nspoilt\nFri Jan 19 12:20:33 2007 [pid 2] [anonymous] FAIL LOGIN: Client \"192.0.2.8\"\n",
		Want: []string{
			`"data_type":"vsftpd:log","parser":"","host":"","path":"","offset":0,"sha256":"","pid":3,"action":"file_uploaded","authentication_result":"success","username":"jean","ip_address":"192.0.2.9","filename":"/home/jean/a \"b.png","bytes":1884648`,
			`"action":"login_failed","authentication_result":"failure","username":"anonymous","ip_address":"192.0.2.8"`,
		},
		Errors: 1,
	},
	{
		Format: "xferlog", Name: "/var/log/xferlog", Text: "Mon Jun  6 18:43:59 2016 1 192.0.2.9 4096 /home/a b.php b _ i r alice ftp 0 * c\n",
		Want: []string{`"action":"file_uploaded","authentication_result":"success","username":"alice","ip_address":"192.0.2.9","filename":"/home/a b.php","bytes":4096,"elapsed_seconds":1,"service":"ftp"`},
	},
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

func FuzzFormats(f *testing.F) { textlogtest.Fuzz(f, Formats, cases) }

// TestCorpus holds the parser against plaso's and CrowdSec's counts.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	for name, want := range map[string]int{"applog/log2timeline-plaso/vsftpd.log": 25, "crowdsec-log/crowdsecurity-hub/vsftpd-logs/vsftpd-logs.log": 5} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("SKIPPED: the corpus is not here: %v", err)
		}
		if events, errs := textlogtest.Read(Formats[0], name, string(b)); len(events) != want || errs != nil {
			t.Errorf("%s: %d events, %v, want %d", name, len(events), errs, want)
		}
	}
}
