package security

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"spor/timeline"
	"spor/timeline/textlog/textlogtest"
)

var cases = []textlogtest.Case{
	{
		Format: "suricata_eve", Name: "/var/log/suricata/eve.json",
		Text: `{"timestamp":"2022-07-10T23:50:05.533101+0000","flow_id":125,"in_iface":"bond0","event_type":"alert","src_ip":"192.0.2.7","src_port":52812,"dest_ip":"198.51.100.7","dest_port":80,"proto":"TCP","metadata":{"flowbits":["a","b"]},"alert":{"action":"allowed","gid":1,"signature_id":2009,"signature":"ET SCAN \"x\"","severity":2},"http":{"url":"/a"}}` + "\n" + `{"timestamp":"2022-07-10T23:50:05` + "\n",
		Want: []string{
			`"message":"[alert] 192.0.2.7 -> 198.51.100.7 ET SCAN \"x\"","datetime":"2022-07-10T23:50:05.533101+00:00","timestamp":1657497005533101,"timestamp_desc":"Content Modification Time","data_type":"suricata:eve:event","parser":"","host":"","path":"","offset":0,"sha256":"","flow":125,"interface":"bond0","event_type":"alert","ip_address":"192.0.2.7","port":52812,"destination_ip":"198.51.100.7","destination_port":80,"protocol":"TCP","event_action":"allowed","signature_identifier":2009,"signature":"ET SCAN \"x\"","severity":2,"url":"/a","action":"alert"}`,
		},
		Errors: 1,
	},
	{
		Format: "suricata_fast", Name: "/var/log/snort/alert_fast.txt",
		Text: `03/09-09:00:00.765402 [**] [1:366:11] "ICMP PING" [**] [Priority: 3] {ICMP} 2001:db8:0:0:0:0:0:7 -> 2001:db8:0:0:0:0:0:8` + "\n" +
			"26/03/09-09:00:01.5  [**] [1:648:18] NOOP [**] [Classification: Code] [Priority: 1] {TCP} 192.0.2.7:80 -> 198.51.100.7:60884\n" +
			"03/09/26-09:00:02.5 [**] [1:1:1] X [**] {TCP} 2001:db8:0:0:0:0:0:7:80 -> 2001:db8:0:0:0:0:0:8:81\n",
		Want: []string{
			`"datetime":"2026-03-09T09:00:00.765402+00:00"`,
			`"datetime":"2026-03-09T09:00:01.500000+00:00"`,
			`"ip_address":"2001:db8:0:0:0:0:0:7","port":80,"destination_ip":"2001:db8:0:0:0:0:0:8","destination_port":81,"zone_assumed":"UTC"`,
		},
	},
	{Format: "suricata_fast", Name: "/fast.log", Text: "07/11/2022-10:29:01.860293  [**] [1:2200074:2] SURICATA TCPv4 invalid checksum [**] [Classification: Generic] [Priority: 3] {TCP} 192.0.2.7:28487 -> 198.51.100.7:80\n", Want: []string{`"signature":"SURICATA TCPv4 invalid checksum","signature_identifier":2200074,"category":"Generic","severity":3,"protocol":"TCP","ip_address":"192.0.2.7","port":28487,"destination_ip":"198.51.100.7","destination_port":80`}},
	{
		Format: "zeek", Name: "/conn.log", Text: "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#open\t2026-03-09-09-00-00\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\n#types\ttime\n1700000000.250000\tCab\t192.0.2.7\t5\t198.51.100.7\t80\ttcp\thttp\t-\n#close\t2026\n",
		Want: []string{`"log":"conn","flow":"Cab","ip_address":"192.0.2.7","port":5,"destination_ip":"198.51.100.7","destination_port":80,"protocol":"tcp","service":"http"}`},
	},
	{Format: "zeek_json", Name: "/conn.log", Text: `{"ts":1700000000.25,"uid":"Cab","id.orig_h":"192.0.2.7","id.orig_p":5,"id.resp_h":"198.51.100.7","new":1.5}` + "\n", Want: []string{`"flow":"Cab","ip_address":"192.0.2.7","port":5,"destination_ip":"198.51.100.7","new":"1.5"}`}},
	{Format: "fail2ban", Name: "/var/log/fail2ban.log", Text: "2026-03-09 09:00:00,123 fail2ban.actions        [1234]: NOTICE  [sshd] Ban 192.0.2.7\n", Want: []string{`"reporter":"fail2ban.actions","pid":1234,"severity":"NOTICE","action":"banned","jail":"sshd","ip_address":"192.0.2.7"`}},
	{Format: "clamav", Name: "/var/log/clamav/clamav.log", Text: "Mon Mar  9 09:00:00 2026 -> /tmp/a: b: Eicar-Signature FOUND\n", Want: []string{`"action":"malware_found","filename":"/tmp/a: b","threat_name":"Eicar-Signature"`}},
	{Format: "defender_linux", Name: "/var/log/microsoft/mdatp/microsoft_defender.log", Text: "[8732][2026-03-09 09:00:00.123456 UTC][info]: started\n", Want: []string{`"datetime":"2026-03-09T09:00:00.123456+00:00"`}},
	{
		Format: "symantec_scanlog", Name: "/AVMan.log", Text: "2A0A1E0A2F1D,5,1,2,HOST,ann,W32.Changeup,D:\\x.exe,5,3,14,256,3,\"\",0\nspoilt\n",
		Want:   []string{`"datetime":"2012-11-30T10:47:29.000000+00:00","timestamp":1354272449000000,"timestamp_desc":"Content Modification Time","data_type":"av:symantec:scanlog","parser":"","host":"","path":"","offset":0,"sha256":"","event":5,"category":1,"logger":2,"computer":"HOST","username":"ann","threat_name":"W32.Changeup","filename":"D:\\x.exe","action1":5,"action2":3,"action0":14,"action":"malware_found","zone_assumed":"UTC","zone_unknown":true}`},
		Errors: 1,
	},
	{
		Format: "trendmicro_url", Name: "/OfcUrlf.log", Text: "20180123<;>1316<;>1<;>http://x.example/<;>4E<;>Malware Accomplice<;>1<;>1<;>C:\\wget.exe<;>49<;><;>0<;>1516713364<;>\r\n",
		Want: []string{`"datetime":"2018-01-23T13:16:04.000000+00:00"`},
	},
	{
		Format: "trendmicro_vd", Name: "/pccnt35.log", Text: "20180130<;>936<;>Eicar_test_1<;>1<;>0<;>0<;>C:\\temp\\<;>eicar.com<;>\n",
		Want: []string{`"message":"Eicar_test_1 in C:\\temp\\eicar.com","datetime":"2018-01-30T09:36:00.000000+00:00"`},
	},
	{
		Format: "eset_json", Name: "/eset.json",
		Text: `{"event_type":"Threat_Event","ipv4":"192.0.2.8","hostname":"ws01","source_uuid":"42d1","occured":"22-Jan-2026 07:25:13","severity":"Warning","threat_type":"Trojan","threat_name":"HTML/ScrInject.B","scanner_id":"HTTP filter","object_uri":"http://site.example","action_taken":"connection terminated","threat_handled":true,"username":"D\\eve"}` + "\n" +
			`{"event_type":"FirewallAggregated_Event","occured":"22-Jan-2026 07:25:14","event":"Port scan","source_address":"192.0.2.7","source_port":5,"target_address":"198.51.100.7","target_port":22}` + "\n",
		Want: []string{
			`"message":"[Threat_Event] HTML/ScrInject.B http://site.example connection terminated","datetime":"2026-01-22T07:25:13.000000+00:00"`,
			`"signature":"Port scan","ip_address":"192.0.2.7","port":5,"destination_ip":"198.51.100.7","destination_port":22,"action":"packet_refused","authentication_result":"failure"}`,
		},
	},
	{
		Format: "eset_detections", Name: "/detections.txt",
		Text: "Time;Scanner;Object type;Object;Detection;Action;User;Information;Hash;First seen here\n3/9/2026 3:48:29 PM;Real-time file system protection;file;C:\\a;Eicar test file;cleaned by deleting;D\\eve;Event occurred on a new file.;3395856C;3/9/2026\nspoilt\n",
		Want: []string{`"scanner":"Real-time file system protection","object_type":"file","filename":"C:\\a","threat_name":"Eicar test file","event_action":"cleaned by deleting","username":"D\\eve"`}, Errors: 1,
	},
	{
		Format: "sophos_av", Name: "/ProgramData/Sophos/Sophos Anti-Virus/logs/SAV.txt",
		Text: wide("20260309 183814\tFile \"C:\\x 'y\" belongs to virus/spyware 'LiveProtectTest'.\r\n20260309 183815\tUser (W\\ann) has stopped on-access scanning for this machine.\r\n"),
		Want: []string{`"datetime":"2026-03-09T18:38:14.000000+00:00"`, `"action":"protection_stopped","username":"W\\ann"`},
	},
	{Format: "firewalld", Name: "/var/log/firewalld", Text: "2026-03-09 09:00:00 ERROR: INVALID_ZONE: x\n", Want: []string{`"action":"firewall_error","reason":"INVALID_ZONE: x"`}},
}

// wide is a text as Windows writes it.
func wide(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// TestZeekRows knows a log by its heading, however many rows follow.
func TestZeekRows(t *testing.T) {
	const heading = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\n"
	text := heading + strings.Repeat("1700000000.250000\tCab\n", 100)
	f := timeline.Formats(Formats).Find("/conn.log", []byte(text))
	if f == nil || f.Name != "zeek" {
		t.Fatalf("known as %v, want zeek", f)
	}
	if events, errs := textlogtest.Read(f, "/conn.log", text); len(events) != 100 || errs != nil {
		t.Errorf("got %d events, %v; want 100", len(events), errs)
	}
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

func FuzzFormats(f *testing.F) { textlogtest.Fuzz(f, Formats, cases) }

// TestCorpus holds the parsers against CrowdSec's and plaso's counts.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	for name, want := range map[string]int{
		"crowdsec-log/crowdsecurity-hub/suricata-logs-evelog/suricata-logs-evelog.log": 8, "crowdsec-log/crowdsecurity-hub/suricata-logs-fastlog/suricata-logs-fastlog.log": 4,
		"av-log/log2timeline-plaso/Symantec.Log": 8, "av-log/log2timeline-plaso/OfcUrlf.log": 4,
	} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("SKIPPED: the corpus is not here: %v", err)
		}
		f := timeline.Formats(Formats).Find(name, b)
		if f == nil {
			t.Errorf("%s: not known", name)
			continue
		}
		if events, errs := textlogtest.Read(f, name, string(b)); len(events) != want || errs != nil {
			t.Errorf("%s: %d events, %v, want %d", name, len(events), errs, want)
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	textlogtest.Bench(b, Formats, "/eve.json", `{"timestamp":"2022-07-10T23:50:05.533101+0000","flow_id":125,"in_iface":"bond0","event_type":"alert","src_ip":"192.0.2.7","src_port":52812,"dest_ip":"198.51.100.7","dest_port":80,"proto":"TCP","metadata":{"flowbits":["a","b"]},"alert":{"action":"allowed","gid":1,"signature_id":2009,"signature":"ET SCAN x","severity":2},"http":{"url":"/a"}}`+"\n")
	for _, i := range []int{1, 4} {
		textlogtest.Bench(b, Formats, cases[i].Name, cases[i].Text)
	}
}
