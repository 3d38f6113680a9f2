package edge

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spor/timeline"
	"spor/timeline/textlog/textlogtest"
)

var cases = []textlogtest.Case{
	{
		Format: "sonicwall", Name: "/var/log/sonicwall.log",
		Text: `<134>  id=firewall sn=0040103CE114 time="2026-03-09 09:00:00 UTC" fw=198.51.100.1 pri=1 c=16 m=30 msg="User login denied due to bad credentials" usr="eve" src=192.0.2.7:54606:X1 dst=198.51.100.1:443:X1 proto=tcp/https n=1` + "\n",
		Want: []string{`"device_identifier":"0040103CE114","device_address":"198.51.100.1","message_number":30,"action":"login_failed","authentication_result":"failure","detail":"User login denied due to bad credentials","username":"eve","ip_address":"192.0.2.7","port":54606,"destination_ip":"198.51.100.1","destination_port":443,"protocol":"tcp/https"}`},
	},
	{ // in the two orders of days; a key that stands twice is not believed
		Format: "netscaler", Name: "/var/log/ns.log",
		Text: "<132> 03/09/2026:09:00:00 GMT ns1 0-PPE-0 : default AAA LOGIN_FAILED 139115982 0 : User eve - Client_ip 192.0.2.7 - Failure_reason \"Username/Password mismatch\" - Browser curl\n" +
			"<132> 19/03/2026:09:00:00  ns1 0-PPE-0 : default AAA LOGIN_FAILED 139115982 0 : User eve - Client_ip 198.51.100.7 - Client_ip 192.0.2.7 - Failure_reason \"x\"\n" +
			"<134> 03/09/2026:09:00:01 GMT ns1 0-PPE-0 : default TCP CONN_TERMINATE 44991371 0 :  Source 192.0.2.7:80 - Destination 198.51.100.7:57620 - Total_bytes_send 1 - Total_bytes_recv 2\n",
		Want: []string{
			`"action":"login_failed","authentication_result":"failure","device":"ns1","packet_engine":"0-PPE-0","feature":"AAA","event":"LOGIN_FAILED","username":"eve","ip_address":"192.0.2.7","reason":"Username/Password mismatch","user_agent":"curl"`,
			`"event":"LOGIN_FAILED","username":"eve","reason":"x"`,
			`"ip_address":"192.0.2.7","port":80,"destination_ip":"198.51.100.7","destination_port":57620,"bytes_sent":1,"bytes_received":2`,
		},
	},
	{
		Format: "fortigate", Name: "/x.log",
		Text: `date=2024-10-14 time=13:46:40 eventtime=1728938800841267391 tz="-0700" logid="1234567890" type="event" subtype="vpn" level="alert" action="ssl-login-fail" remip=192.0.2.7 user="eve" group="N/A" reason="sslvpn_login_unknown_user" msg="SSL user failed to logged in" logdesc="SSL VPN login fail"` + "\nspoilt\n" +
			`<189>date=2024-10-14 time=13:46:41 tz="+0200" devname="fw1" logid="0000000013" type="traffic" subtype="forward" srcip=192.0.2.8 srcport=50000 dstip=198.51.100.7 dstport=443 action="deny" policyid=0 service="HTTPS"` + "\n",
		Want: []string{
			`"message":"SSL VPN login fail: SSL user failed to logged in","datetime":"2024-10-14T20:46:40.841267+00:00"`,
			`"device":"fw1","log_identifier":"0000000013","log_type":"traffic","log_subtype":"forward","ip_address":"192.0.2.8","port":50000,"destination_ip":"198.51.100.7","destination_port":443,"event_action":"deny","policy_identifier":0,"service":"HTTPS","action":"packet_refused","authentication_result":"failure"}`,
		},
		Errors: 1,
	},
	{
		Format: "sophos_firewall", Name: "/x.log", Text: `device="SFW" date=2024-10-14 time=13:46:40 timezone="CEST" device_name="XG" log_id=1 log_type="Firewall" log_subtype="Denied" src_ip=192.0.2.7 src_port=5 dst_ip=198.51.100.7 dst_port=22 protocol="TCP"` + "\n",
		Want: []string{`"ip_address":"192.0.2.7","port":5,"destination_ip":"198.51.100.7","destination_port":22,"protocol":"TCP","action":"packet_refused"`},
	},
	{
		Format: "ivanti", Name: "/x.log", Text: `id=firewall time="2024-01-02 09:00:00" pri=6 fw=10.0.0.1 vpn=ive user=alice realm="Users" roles="" proto= src=192.0.2.7 dst= type=vpn op= msg="AUT24414: Agent login succeeded for alice/Users from 192.0.2.7."` + "\n",
		Want: []string{`"ip_address":"192.0.2.7","log_type":"vpn","detail":"AUT24414: Agent login succeeded for alice/Users from 192.0.2.7.","message_identifier":"AUT24414","action":"login","authentication_result":"success"`},
	},
	{
		Format: "panos", Name: "/x.csv",
		Text: "1,2026/03/09 04:39:56,001606001116,TRAFFIC,drop,1,2026/03/09 04:39:55,192.0.2.7,198.51.100.7,0.0.0.0,0.0.0.0,rule1,,,web,vsys1,untrust,trust,e1,e2,fwd,2026/03/09 04:39:55,25149,1,50000,443,0,0,0x200000,tcp,deny,78,78\n" +
			"Mar  9 04:39:56 fw 1,2026/03/09 04:39:56,001606001116,SYSTEM,auth,0,2026/03/09 04:39:56,,auth-fail,,0,0,general,medium,\"failed authentication for user 'eve', from \"\"x\"\"\",1\n",
		Want: []string{
			`"message":"[TRAFFIC drop] 192.0.2.7:50000 -> 198.51.100.7:443 deny","datetime":"2026-03-09T04:39:55.000000+00:00"`,
			`"event":"auth-fail","severity":"medium","detail":"failed authentication for user 'eve', from \"x\"","action":"login_failed"`,
		},
	},
	{
		Format: "openvpn", Name: "/var/log/openvpn.log", Text: "2024-12-15 14:12:12 us=5 192.0.2.7:45321 TLS Error: incoming packet authentication failed from [AF_INET]192.0.2.7:45321\nSun Dec 15 14:12:13 2024 192.0.2.8:1194 [alice] Peer Connection Initiated with [AF_INET]192.0.2.8:1194\n",
		Want: []string{
			`"datetime":"2024-12-15T14:12:12.000005+00:00"`,
			`"action":"vpn_session_opened","authentication_result":"success","username":"alice","ip_address":"192.0.2.8","port":1194`,
		},
	},
	{
		Format: "strongswan", Name: "/var/log/charon.log", Text: "Mar  9 14:12:12 12[IKE] authentication of 'eve' with EAP failed\nMar  9 14:12:13 12[IKE] 192.0.2.7 is initiating an IKE_SA\n",
		Want: []string{`"action":"vpn_refused","authentication_result":"failure","username":"eve","authentication_method":"EAP"`, `"action":"vpn_handshake","ip_address":"192.0.2.7"`},
	},
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

func FuzzFormats(f *testing.F) { textlogtest.Fuzz(f, Formats, cases) }

// TestCorpus holds the parsers against CrowdSec's counts.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	for name, want := range map[string]int{"fortinet-vpn-bf/fortinet-vpn-bf.log": 9, "openvpn-bf/openvpn.log": 4} {
		b, err := os.ReadFile(filepath.Join(dir, "crowdsec-log", "crowdsecurity-hub", name))
		if err != nil {
			t.Skipf("SKIPPED: the corpus is not here: %v", err)
		}
		f := timeline.Formats(Formats).Find(name, b)
		if f == nil {
			t.Errorf("%s: not known", name)
			continue
		}
		events, errs := textlogtest.Read(f, name, string(b))
		refused := 0
		for i := range events {
			if a, ok := events[i].Get("action"); ok && a.String() == "vpn_refused" {
				refused++
			}
		}
		if refused != want || errs != nil {
			t.Errorf("%s: %d refused of %d events, %v, want %d", name, refused, len(events), errs, want)
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	for _, i := range []int{2, 3, 4} {
		textlogtest.Bench(b, Formats, cases[i].Name, cases[i].Text)
	}
	line := `date=2024-10-14 time=13:46:41 eventtime=1728938800841267391 tz="+0200" devname="fw1" logid="0000000013" type="traffic" subtype="forward" srcip=192.0.2.8 srcport=50000 dstip=198.51.100.7 dstport=443 action="deny" policyid=0 service="HTTPS"`
	textlogtest.Bench(b, Formats, "/x.log", line+"\n")
}

// TestForged logs on by names that spell success.
func TestForged(t *testing.T) {
	for _, line := range []string{
		`id=firewall time="2026-03-09 09:00:00" pri=6 fw=10.0.0.1 vpn=ive user=x realm="" roles="" proto=auth src=192.0.2.7 dst= dstname= type=vpn op= arg="" result= sent= rcvd= agent="" duration= msg="AUT22673: Primary authentication failed for login succeeded/System Local from 192.0.2.7"` + "\n",
		`date=2026-03-09 time=09:00:00 logid="0101039426" type="event" subtype="vpn" action="ssl-login-fail" user="x\" action=\"tunnel-up" status="failure"` + "\n",
	} {
		f := timeline.Formats(Formats).Find("/x", []byte(line))
		if f == nil {
			t.Fatalf("not known: %s", line)
		}
		for e, err := range f.Parse(timeline.Input{R: strings.NewReader(line)}) {
			if result, _ := e.Get("authentication_result"); err != nil || result.String() != "failure" {
				t.Errorf("%s: result %q, %v", line, result, err)
			}
		}
	}
}
