package w3c

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spor/timeline"
	"spor/timeline/textlog/textlogtest"
)

const iisHead = "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: 2026-03-09 00:00:01\r\n"

const iisFields = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\r\n"

const iisLine = "2026-03-09 09:00:00 10.0.0.1 POST /owa/auth.owa a=%2e%2e&b 443 CORP\\ann 2001:db8::7 Mozilla/5.0+(X11) - 302 0 64 1500\r\n"

var cases = []textlogtest.Case{
	{
		Format: "w3c", Name: `C:\inetpub\logs\LogFiles\W3SVC1\u_ex260309.log`,
		Text: "\ufeff" + iisHead + iisFields + iisLine + "2026-03-09 09:00:01 torn\r\n" +
			"#Fields: time c-ip cs-method cs-uri-stem sc-status cs(Cookie)\r\n09:00:02 192.0.2.7 GET /x 200 \"a; b\"\r\n\x01\x02\xff\r\n",
		Want: []string{
			`"message":"POST /owa/auth.owa?a=%2e%2e&b from: 2001:db8::7 code: 302","datetime":"2026-03-09T09:00:00.000000+00:00"`,
			`"datetime":"2026-03-09T09:00:02.000000+00:00"`,
		},
		Errors: 2,
	},
	{
		Format: "w3c", Name: "u_ex.log", Text: iisHead + iisFields + iisLine,
		Want: []string{`"ip_address":"2001:db8::7","username":"CORP\\ann","http_request_method":"POST","url":"/owa/auth.owa?a=%2e%2e&b","http_response_code":302,"http_request_user_agent":"Mozilla/5.0+(X11)","port":443,"server_ip_address":"10.0.0.1","time_taken":1500000,"http_response_substatus":0,"win32_status":64`},
	},
	{
		Format: "w3c", Name: "httperr1.log",
		Text: "#Software: Microsoft HTTP API 2.0\n#Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename\n2026-03-09 09:00:00 192.0.2.7 4567 10.0.0.1 443 HTTP/1.1 GET /%2e 400 1 BadRequest Pool\n2026-03-09 09:00:00 192.0.2.7 4567 10.0.0.1 443 - - - - - Timer_ConnectionIdle -\n",
		Want: []string{
			`"message":"BadRequest: GET /%2e from: 192.0.2.7 code: 400"`,
			`"data_type":"webserver:error"`,
		},
	},
	{
		Format: "w3c", Name: "pfirewall.log",
		Text: "#Version: 1.5\r\n#Software: Microsoft Windows Firewall\r\n#Time Format: Local\r\n#Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path\r\n\r\n2026-03-09 09:00:00 DROP TCP 192.0.2.7 10.0.0.1 1055 445 48 S 1 0 65535 - - - RECEIVE\r\n",
		Want: []string{`"data_type":"windows:firewall_log:entry"`},
	},
	{
		Format: "w3c", Name: "pfirewall.log",
		Text: "#Version: 1.5\n#Software: Microsoft Windows Firewall\n#Time Format: Local\n#Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path\n2026-03-09 09:00:00 DROP TCP 192.0.2.7 10.0.0.1 1055 445 48 S 1 0 65535 - - - RECEIVE\n",
		Want: []string{`"action":"DROP","protocol":"TCP","source_ip":"192.0.2.7","destination_ip":"10.0.0.1","source_port":1055,"destination_port":445,"packet_size":48,"tcp_flags":"S","tcp_sequence_number":1,"tcp_ack":0,"tcp_window_size":65535,"direction":"RECEIVE","zone_assumed":"UTC"`},
	},
	{
		Format: "w3c", Name: "ex260309.log",
		Text: iisHead + "#Fields: date time c-ip cs-username s-sitename s-ip s-port cs-method cs-uri-stem sc-status\n2026-03-09 09:00:00 192.0.2.7 ann MSFTPSVC1 10.0.0.1 21 [1]STOR /shell.aspx 226\n",
		Want: []string{`"data_type":"iis:ftp:line"`},
	},
	{
		Format: "w3c", Name: "MSGTRK2026030909-1.LOG",
		Text: "\ufeff#Software: Microsoft Exchange Server\r\n#Version: 15.01.2507.009\r\n#Log-type: Message Tracking Log\r\n#Date: 2026-03-09T09:00:00.000Z\r\n#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,message-id,recipient-address,total-bytes,recipient-count,message-subject,sender-address\r\n" +
			"2026-03-09T09:00:00.123Z,192.0.2.7,c,10.0.0.1,ex1,,,SMTP,RECEIVE,<x@y>,\"a@b.is;c@d.is\",1234,2,\"Re: \"\"money\"\", now\",e@f.is\r\n2026-03-09T09:00:01Z,short\r\n",
		Want: []string{`"ip_address":"192.0.2.7","server_ip_address":"10.0.0.1","log_type":"Message Tracking Log","client_hostname":"c","server_hostname":"ex1","source":"SMTP","event":"RECEIVE","message_identifier":"<x@y>","recipient":"a@b.is;c@d.is","size":1234,"recipient_count":2,"subject":"Re: \"money\", now","sender":"e@f.is"`}, Errors: 1,
	},
	{
		Format: "w3c", Name: "HttpProxy_2026030909-1.LOG",
		Text: "DateTime,RequestId,UrlHost,UrlStem,UrlQuery,Method,AuthenticatedUser,ClientIpAddress,HttpStatus,UserAgent\r\n#Software: Microsoft Exchange Server\r\n#Log-type: HttpProxy Logs\r\n#Fields: DateTime,RequestId,UrlHost,UrlStem,UrlQuery,Method,AuthenticatedUser,ClientIpAddress,HttpStatus,UserAgent\r\n" +
			"2026-03-09T09:00:00.123Z,r1,mail.example.is,/autodiscover/autodiscover.json,?@evil.is/mapi/nspi,GET,,192.0.2.7,302,curl\r\n",
		Want: []string{`"http_request_method":"GET","url":"/autodiscover/autodiscover.json??@evil.is/mapi/nspi","http_response_code":302,"http_request_user_agent":"curl","server_name":"mail.example.is","requestid":"r1"`},
	},
	{
		Format: "iis_native", Name: "in260309.log",
		Text: "192.0.2.7, -, 03/20/01, 7:55:20, W3SVC2, SALES1, 172.21.13.45, 4502, 163, 3223, 200, 0, GET, /DeptLogo.gif, -,\r\n192.0.2.8, anonymous, 03/20/2026, 23:58:11, MSFTPSVC, SALES1, 172.21.13.45, 60, 275, 0, 0, 0, PASS, /Intro.htm, x,\r\nnot a line\r\n",
		Want: []string{
			`"ip_address":"192.0.2.7","http_request_method":"GET","url":"/DeptLogo.gif","http_response_code":200,"bytes_sent":3223,"bytes_received":163,"server_ip_address":"172.21.13.45","time_taken":4502000,"win32_status":0`,
			`"datetime":"2026-03-20T23:58:11.000000+00:00"`,
		},
		Errors: 1,
	},
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

func FuzzFormats(f *testing.F) { textlogtest.Fuzz(f, Formats, cases) }

func TestForeign(t *testing.T) {
	for _, text := range []string{"# a comment\nkey=value\n", "#!/bin/sh\n", "#Fields\n", "date,time\n1,2\n", "#Fields: a b c\n1 2 3\n", "192.0.2.7, 10.0.0.1, x\n"} {
		if f := timeline.Formats(Formats).Find("x.log", []byte(text)); f != nil {
			t.Errorf("%q is known as %s", text, f.Name)
		}
	}
}

// TestCorpus holds the counts of the corpus to what plaso reads, and to the lines that are no directives.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus", "weblog-iis")
	} else {
		dir = filepath.Join(dir, "weblog-iis")
	}
	for _, tt := range []struct {
		name   string
		events int
		first  string
	}{
		{"log2timeline-plaso/iis/iis10_edge_cases.log", 15, "2022-01-01T00:01:24"},
		{"log2timeline-plaso/iis/iis7_owa.log", 3, "2015-12-31T00:19:48"},
		{"log2timeline-plaso/iis/iis_without_date.log", 11, "2013-07-30T00:00:00"},
		{"matomo-org-matomo-log-analytics/tests/logs/iis.log", 1, "2012-04-01T00:00:13"},
		{"matomo-org-matomo-log-analytics/tests/logs/splitted_date_and_time.log", 1, "2015-12-07T10:37:05"},
	} {
		b, err := os.ReadFile(filepath.Join(dir, tt.name))
		if err != nil {
			t.Skipf("SKIPPED: the corpus is not here: %v", err)
		}
		if f := timeline.Formats(Formats).Find(tt.name, b[:min(len(b), timeline.HeadSize)]); f == nil || f.Name != "w3c" {
			t.Errorf("%s is known as %v", tt.name, f)
			continue
		}
		events, errs := textlogtest.Read(Formats[0], tt.name, string(b))
		if len(events) != tt.events || len(errs) > 0 {
			t.Errorf("%s: %d events, want %d; %v", tt.name, len(events), tt.events, errs)
			continue
		}
		if got := events[0].Time.Format("2006-01-02T15:04:05"); got != tt.first || events[0].Type != "webserver:access" {
			t.Errorf("%s: first at %s, want %s: %s", tt.name, got, tt.first, events[0].AppendJSON(nil))
		}
	}
}

func BenchmarkParse(b *testing.B) {
	const line = "2026-03-09 09:00:00 10.0.0.1 POST /Microsoft-Server-ActiveSync/default.eas User=ann&DeviceId=Appl2312SDKJ2313&DeviceType=iPhone&Cmd=Ping 443 CORP\\ann 192.0.2.7 " +
		"Mozilla/5.0+(Windows+NT+10.0;+Win64;+x64)+AppleWebKit/537.36+(KHTML,+like+Gecko)+Chrome/120.0.0.0+Safari/537.36 - 200 0 0 62\r\n"
	textlogtest.Bench(b, Formats, "u_ex.log", iisHead+iisFields+strings.Repeat(line, 1000))
	head, row, _ := strings.Cut(strings.TrimPrefix(cases[6].Text, "\ufeff"), "sender-address\r\n")
	row, _, _ = strings.Cut(row, "\n")
	textlogtest.Bench(b, Formats, "MSGTRK.LOG", head+"sender-address\r\n"+strings.Repeat(row+"\n", 1000))
}
