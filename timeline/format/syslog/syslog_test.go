package syslog

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/timeline"
)

func parse(in timeline.Input) (events []timeline.Event, errs []error) {
	for e, err := range Format.Parse(in) {
		if err != nil {
			errs = append(errs, err)
		} else {
			e.Fields = slices.Clone(e.Fields)
			events = append(events, e)
		}
	}
	return events, errs
}

var modified = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func TestDialects(t *testing.T) {
	oslo, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		oslo = time.FixedZone("Europe/Oslo", 3600)
	}
	tests := []struct{ line, want string }{
		{
			"Mar  9 07:52:33 host sshd[77]: words here",
			`"message":"[sshd, pid: 77] words here","datetime":"2026-03-09T06:52:33.000000+00:00","timestamp":1773039153000000,` +
				`"timestamp_desc":"Content Modification Time","data_type":"syslog:line","parser":"","host":"","path":"","offset":0,"sha256":"",` +
				`"hostname":"host","reporter":"sshd","pid":77,"body":"words here","year_inferred":true,"zone_assumed":"Europe/Oslo"}`,
		},
		{
			`<134>1 2026-03-09T07:52:33Z gw CheckPoint 1930 - [action:"Drop"; flags:"411908"; ifdir:"inbound"; ifname:"eth0"; origin:"10.0.0.1"; dst:"198.51.100.7"; proto:"6"; s_port:"50000"; service:"22"; src:"192.0.2.7"; product:"VPN-1 & FireWall-1"; rule_name:"a; \"b\""]`,
			`"event_action":"Drop","direction":"inbound","interface":"eth0","device_address":"10.0.0.1","destination_ip":"198.51.100.7","protocol_number":"6","port":50000,"destination_port":22,"ip_address":"192.0.2.7","device_product":"VPN-1 & FireWall-1","rule":"a; \\\"b\\\"","action":"packet_refused","authentication_result":"failure"`,
		},
		{"Mar  9 07:52:33 fw CEF:0|V|P|1|100|port scan|8|src=192.0.2.7 act=blocked", `"hostname":"fw","body":"CEF:0|V|P|1|100|port scan|8|src=192.0.2.7 act=blocked","device_vendor":"V","device_product":"P","signature_identifier":"100","signature":"port scan","severity":"8","ip_address":"192.0.2.7","event_action":"blocked","action":"packet_refused"`},
		{
			`<12>1 2026-03-09T07:52:33Z h ERAServer 3432 - - {"event_type":"Threat_Event","ipv4":"192.0.2.8","hostname":"ws01","occured":"09-Mar-2026 07:50:00","threat_name":"Eicar","object_uri":"file:///C:/a.exe","action_taken":"cleaned by deleting","threat_handled":true,"hash":"ab"}`,
			`"event_type":"Threat_Event","computer_address":"192.0.2.8","computer":"ws01","threat_name":"Eicar","filename":"file:///C:/a.exe","event_action":"cleaned by deleting","handled":"true","file_sha1":"ab","action":"malware_found"`,
		},
		{"<34>Mar  9 07:52:33 host su: 'su root' failed", `"hostname":"host","reporter":"su","facility":"auth","severity":"CRIT","body":"'su root' failed"`},
		{"Mar  9 07:52:33.5 host kernel: x", `"datetime":"2026-03-09T06:52:33.500000+00:00"`},
		{"Jul 13 2019 07:52:33 fw %ASA-6-1: built", `"datetime":"2019-07-13T05:52:33.000000+00:00"`},
		{"Jul 13 2019 07:52:33 fw %ASA-6-1: built", `"reporter":"%ASA-6-1","body":"built","message_number":1,"level":6,"zone_assumed":"Europe/Oslo"}`},
		{"Nov 18 08:30:20 kernel: [997.39] sda2: rw=0", `"datetime":"2025-11-18T07:30:20.000000+00:00"`},
		{"Nov 18 08:30:20 kernel: [997.39] sda2: rw=0", `"sha256":"","reporter":"kernel","body":"[997.39] sda2: rw=0"`},
		{"Nov 18 01:15:43: --- last message repeated 5 times ---", `"data_type":"syslog:comment"`},
		{"<190>2361044: sw01: Jan  6 2022 22:11:43.398 UTC: %SYS-6-BAR: words", `"datetime":"2022-01-06T22:11:43.398000+00:00"`},
		{"<190>3132517: 192.0.2.7 3132513: Jul 14 2023 08:23:43.398 UTC: %SYS-6-BAR: words", `"reporter":"%SYS-6-BAR","facility":"local7","severity":"INFO","body":"words"`},
		{"Jul 13 08:23:43 192.0.2.2 585917: Jul 14 2023 08:23:43 UTC: %SYS-6-BAR: words", `"datetime":"2023-07-14T08:23:43.000000+00:00"`},
		{"<190>Jul 13 08:23:43 192.0.2.2 sw01: 585917: *Jul 14 2023 08:23:43.398: %SYS-6-BAR: words", `"hostname":"192.0.2.2","reporter":"%SYS-6-BAR","facility":"local7","severity":"INFO","body":"words"`},
		{"2024 Feb 29 08:23:43 sw01 %ETHPORT-5-IF_UP: words", `"datetime":"2024-02-29T07:23:43.000000+00:00"`},
		{"<189>: 2024 Aug 27 08:23:43 UTC: %ETHPORT-5-IF_UP: words", `"datetime":"2024-08-27T08:23:43.000000+00:00"`},
		{"<166> 2024-08-27T08:23:43Z fw01 : %ASA-6-302013: words", `"datetime":"2024-08-27T08:23:43.000000+00:00"`},
		{"<166> 2024-08-27T08:23:43Z fw01 : %ASA-6-302013: words", `"hostname":"fw01","reporter":"%ASA-6-302013"`},
		{"<190>: *Jan 16 2022 22:11:43 EDT: %SYS-6-BAR: words", `"reporter":"%SYS-6-BAR","facility":"local7","severity":"INFO","body":"words"`},
		{
			"Oct 19 09:16:53 relay 1 2026-03-09T09:00:00+01:00 gw PulseSecure: - - - 2026-03-09 09:00:00 - gw - [192.0.2.7] eve(R)[] - Login failed. Reason: Wrong Password",
			`"datetime":"2026-03-09T08:00:00.000000+00:00"`,
		},
		{"<134>1 2026-03-09T09:00:00+01:00 gw PulseSecure: - - - words", `"hostname":"gw","reporter":"PulseSecure","facility":"local0"`},
		{
			`<14>1 2026-03-09T09:00:00.123Z srx RT_FLOW - RT_FLOW_SESSION_DENY [junos@2636.1.1.1.2.129 source-address="192.0.2.7" source-port="594" destination-address="198.51.100.7" destination-port="22" policy-name="p" username="N/A"]`,
			`"action":"packet_refused","authentication_result":"failure","ip_address":"192.0.2.7","port":594,"destination_ip":"198.51.100.7","destination_port":22,"policy":"p"}`,
		},
		{"Nov 18 01:15:43 --- last message repeated 5 times ---", `"data_type":"syslog:comment"`},
		{"2026-03-09T07:52:33.168Z info hostd[526501] [Originator@6876 sub=Vimsvc.ha-eventmgr] Event 77 : User root@192.0.2.7 logged in as x", `"reporter":"hostd","pid":526501,"severity":"INFO","body":"[Originator@6876 sub=Vimsvc.ha-eventmgr] Event 77 : User root@192.0.2.7 logged in as x","event_number":77,"action":"login","authentication_result":"success","username":"root","ip_address":"192.0.2.7","client":"x"}`},
		{"2026-03-09T07:52:33.168Z In(14) shell[2099]: [root]: ls -la", `"reporter":"shell","pid":2099,"facility":"user","severity":"INFO","body":"[root]: ls -la","action":"command","username":"root","command":"ls -la"}`},
		{"2026-03-09T07:52:33.168Z info words of no program", `"hostname":"info","body":"words of no program"}`},
		{"Mar  9 07:52:33 <local0.info> 198.51.100.1 03/09/2026:06:52:30 GMT ns1 0-PPE-0 : default AAA LOGIN_FAILED 1 0 :  User eve - Client_ip 192.0.2.7", `"datetime":"2026-03-09T06:52:30.000000+00:00"`},
		{"Jan 22 07:54:32 host Job `cron.daily' terminated", "\"hostname\":\"host\",\"body\":\"Job `cron.daily' terminated\""},
		{"Mar  3 00:17:22 [sshd]: User root", `"reporter":"sshd","body":"User root"`},
		{"Mar  3 00:17:22 fe80::1 sshd[1]: x", `"hostname":"fe80::1","reporter":"sshd","pid":1,"body":"x"`},
		{"Feb 29 01:15:43 h x[1]: leap", `"datetime":"2024-02-29T00:15:43.000000+00:00"`},
		{"2024-12-05T10:11:12.345678+01:00 h systemd[1]: Started.", `"datetime":"2024-12-05T09:11:12.345678+00:00"`},
		{"2024-12-05T10:11:12.345678+01:00 h systemd[1]: Started.", `"pid":1,"body":"Started."}`},
		{"2024-12-05T10:11:12-0130 h x: y", `"datetime":"2024-12-05T11:41:12.000000+00:00"`},
		{"Thu 2024-12-05 10:11:12 CET h sshd[1]: y", `"datetime":"2024-12-05T09:11:12.000000+00:00"`},
		{"Thu 2024-12-05 10:11:12.5 UTC h sshd[1]: y", `"datetime":"2024-12-05T10:11:12.500000+00:00"`},
		{"Thu 2024-12-05 10:11:12 CET h sshd[1]: y", `"hostname":"h","reporter":"sshd","pid":1,"body":"y"}`},
		{"Thu 2024-12-05 10:11:12 EST h sshd[1]: y", `"hostname":"h","reporter":"sshd","pid":1,"body":"y","zone_assumed":"Europe/Oslo"}`},
		{"2024-12-05T10:11:12 h x: y", `"body":"y","zone_assumed":"Europe/Oslo"}`},
		{
			`<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" e="a]\"b"][x y="z"] ` + "\ufeffAn event",
			`"hostname":"mymachine.example.com","reporter":"evntslog","facility":"local4","severity":"NOTICE","message_identifier":"ID47",` +
				`"structured_data":"[exampleSDID@32473 iut=\"3\" e=\"a]\\\"b\"][x y=\"z\"]","body":"An event"}`,
		},
		{"<14>1 - - - - - -", `"message":"(empty line)","datetime":"1970-01-01T00:00:00+00:00","timestamp":0,"timestamp_desc":"Not a time"`},
		{"Mar  9 07:52:33 ap authpriv.info dropbear[3]: x", `"hostname":"ap","reporter":"dropbear","pid":3,"facility":"authpriv","severity":"INFO","body":"x"`},
		{"Mon Mar  9 07:52:33 2026 daemon.err dnsmasq[3]: x", `"datetime":"2026-03-09T06:52:33.000000+00:00"`},
		{"Mon Mar  9 07:52:33 2026 daemon.err dnsmasq[3]: x", `"reporter":"dnsmasq","pid":3,"facility":"daemon","severity":"ERR","body":"x","zone_assumed"`},
		{"Mar  9 07:52:33 <auth.info> h sshd[3]: x", `"hostname":"h","reporter":"sshd","pid":3,"facility":"auth","severity":"INFO","body":"x"`},
		{"<189>29: *Mar  1 18:48:50.483: %SYS-5-CONFIG_I: Configured from console by ann on vty0 (192.0.2.7)", `"reporter":"%SYS-5-CONFIG_I","facility":"local7","severity":"NOTICE","body":"Configured from console by ann on vty0 (192.0.2.7)","action":"config_changed","username":"ann","terminal":"vty0","ip_address":"192.0.2.7"`},
		{"1709967153.25 h sshd[1]: x", `"datetime":"2024-03-09T06:52:33.250000+00:00"`},
		{"2024-12-05 10:11:12,5 h proftpd[1] x", `"hostname":"h","reporter":"proftpd","pid":1,"body":"x"`},
		{"a line that begins nothing", `"timestamp_desc":"Not a time","data_type":"syslog:line","parser":"","host":"","path":"","offset":0,"sha256":"","body":"a line that begins nothing"}`},
		{"Mar  9 07:52:33 h a\xff: \xfe", `"reporter":"a%FF","body":"%FE","year_inferred":true`},
	}
	for _, tt := range tests {
		in := timeline.Input{ModTime: modified, Zone: oslo, R: strings.NewReader(tt.line + "\n")}
		events, errs := parse(in)
		if len(events) != 1 || errs != nil {
			t.Errorf("%q: %d events, %v", tt.line, len(events), errs)
			continue
		}
		if got := string(events[0].AppendJSON(nil)); !strings.Contains(got, tt.want) {
			t.Errorf("%q:\ngot  %s\nwant %s", tt.line, got, tt.want)
		}
	}
}

func TestYears(t *testing.T) {
	tests := []struct {
		name, text string
		modified   time.Time
		want       string // the years, in order
	}{
		{"one year", "Jan  3|Feb  4|Mar 10", modified, "2026 2026 2026"},
		{"new year", "Nov 30|Dec 31|Jan  1|Mar  9", modified, "2025 2025 2026 2026"},
		{"two new years", "Nov 30|Jan  1|Dec 24|Feb  2", modified, "2024 2025 2025 2026"},
		{"not rotated for years", "May  1|Mar  1|Jan  5|Mar  1", modified, "2024 2025 2026 2026"},
		{"last is after the modification", "Mar 20|Apr  1", modified, "2025 2025"},
		{"a late message after New Year", "Dec 31|Jan  1|Dec 31|Jan  1", modified, "2025 2026 2025 2026"},
		{"out of order by days", "Mar  5|Mar  1|Mar  6", modified, "2026 2026 2026"},
		{"an upgrade wrote the year", "Nov 30|Jan  2|!2022-01-03|!2022-01-04", modified, "2021 2022 2022 2022"},
		{"and back", "!2021-12-30|Dec 31|Jan  1", modified, "2021 2021 2022"},
		{"a clock without a battery", "Nov 21|Jan  1|Nov 21|Nov 25|Jan  1|Nov 26|Jan  1|Nov 26", time.Date(2026, 11, 26, 1, 0, 0, 0, time.UTC), "2026 2027 2026 2026 2027 2026 2027 2026"},
		{"and a New Year between", "Dec 30|Jan  1|Dec 31|Jan  2", modified, "2025 2026 2025 2026"},
		{"the file claims the future", "Mar  5", time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC), "2030"},
		{"leap day", "Feb 28|Feb 29", modified, "2026 2024"},
		{"no modification time", "Mar  5", time.Time{}, "1"},
	}
	for _, tt := range tests {
		var text strings.Builder
		for day := range strings.SplitSeq(tt.text, "|") {
			if iso, ok := strings.CutPrefix(day, "!"); ok {
				text.WriteString(iso + "T00:00:00Z h x: y\n")
			} else {
				text.WriteString(day + " 00:00:00 h x: y\n")
			}
		}
		// Once as a file, once as a pipe that can be read but once.
		for _, r := range []io.Reader{strings.NewReader(text.String()), io.MultiReader(strings.NewReader(text.String()))} {
			events, _ := parse(timeline.Input{ModTime: tt.modified, R: r})
			got := make([]string, len(events))
			for i, e := range events {
				got[i] = e.Time.Format("2006")
				if e.Time.IsZero() {
					got[i] = "1"
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("%s: got %s, want %s", tt.name, s, tt.want)
			}
		}
	}
}

func TestEntries(t *testing.T) {
	text := "tail of an older entry\n" +
		"Mar  1 00:00:00 h a[1]: first\n\twent on\r\n" +
		"\x00\x00\x00Mar  1 00:00:01 h a[1]: after a crash\n" +
		"\n" +
		"Mar  1 00:00:02 h a[1]: " + strings.Repeat("long ", 20_000) + "\n" +
		"Mar  1 00:00:03 h a[1]: no line end"
	events, errs := parse(timeline.Input{ModTime: modified, R: strings.NewReader(text)})
	if len(errs) != 1 || errs[0].Error() != "3 zero bytes before offset 66" {
		t.Errorf("got errors %v", errs)
	}
	want := []struct {
		offset int64
		body   string
	}{{0, "tail of an older entry"}, {23, "first\n\twent on"}, {66, "after a crash"}, {105, "long "}, {100_130, "no line end"}}
	if len(events) != len(want) {
		t.Fatalf("%d events, want %d", len(events), len(want))
	}
	for i, w := range want {
		body, _ := events[i].Get("body")
		if events[i].Offset != w.offset || !strings.HasPrefix(body.String(), w.body) {
			t.Errorf("entry %d: at %d %.60q, want %+v", i, events[i].Offset, body, w)
		}
	}
	if f, ok := events[3].Get("bytes_left_out"); !ok || f.String() != "34488" {
		t.Errorf("long line: left out %v", f)
	}
}

func TestSniff(t *testing.T) {
	for text, want := range map[string]bool{
		"Mar  1 00:00:00 h sshd[1]: x\nMar  1 00:00:00 h sshd[1]: x\n":                                       true,
		"<13>1 2026-01-01T00:00:00Z - - - - -\n":                                                             true,
		"2026-05-20 09:00:00 startup archives unpack\n":                                                      false,
		"2021-05-28 18:08:01,124 mantis proftpd[498625] mantis (a[192.0.2.1]): USER a: no such user found\n": true,
		"Mon Mar  9 07:52:33 2026 authpriv.info dropbear[123]: Exit before auth\n":                           true,
		"1386543323.000000 host sshd[1]: x\n":                                                                true,
		"1386543323.000      4 91.188.124.227 TCP_DENIED/403 4099 GET http://x - HIER_NONE/-\n":              false,
		"Mar 1 was a day\n":                      false,
		"":                                       false,
		"2026-01-01T00:00:00Z just some words\n": false,
		"words\nMar  1 00:00:00 h sshd[1]: x\n":  false,
	} {
		if got := Format.Sniff("/x", []byte(text)); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// TestCorpus holds the parser against plaso's own counts (its tests, named in INDEX.tsv).
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	dir = filepath.Join(dir, "syslog", "log2timeline-plaso", "syslog")
	tests := []struct {
		name   string
		events int
		want   string // in the last
	}{
		{"syslog", 16, `"hostname":"victoria","reporter":"kernel","body":"[998.390602] sda2: rw=0, want=66, limit=2"`},
		{"syslog_rsyslog", 5, `"datetime":"2020-05-31T00:00:47.044800+00:00"`},
		{"syslog_rsyslog_SyslogProtocol23Format", 9, `"reporter":"cron","pid":18898,"facility":"cron","severity":"INFO"`},
	}
	for _, tt := range tests {
		b, err := os.ReadFile(filepath.Join(dir, tt.name))
		if err != nil {
			t.Skipf("SKIPPED: the corpus is not here: %v", err)
		}
		if !Format.Sniff("/x", b) {
			t.Errorf("%s: not known by its content", tt.name)
		}
		events, errs := parse(timeline.Input{ModTime: modified, R: bytes.NewReader(b)})
		if len(events) != tt.events || errs != nil {
			t.Errorf("%s: %d events, %v, want %d", tt.name, len(events), errs, tt.events)
			continue
		}
		if got := string(events[len(events)-1].AppendJSON(nil)); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s\nlacks %s", tt.name, got, tt.want)
		}
	}
}

// FuzzParse checks that no line is lost: the bodies, offsets and errors account for the text; and that a file and a pipe
// give the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte("Mar  1 00:00:00 h a[1]: b\n c\n<34>1 2026-01-01T00:00:00Z h a 1 i [x y=\"]\"] z\nx"))
	f.Add([]byte("\x00\x00\nFeb 29 23:59:60.9 h: x\n2026-02-29T00:00:00Z\n2026-02-28T00:00:00+0x:y"))
	f.Add([]byte("Dec 31 00:00:00 su: (to \nJan  1 00:00:00 sshd: Failed a for b from  port \n"))
	f.Add([]byte("Mar  1 00:00:00 h sudo: a : TTY=\nMar  1 00:00:00 useradd: new user: =,\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := timeline.Input{ModTime: modified, R: bytes.NewReader(b)}
		file, errs := parse(in)
		in.R = io.MultiReader(bytes.NewReader(b))
		pipe, _ := parse(in)
		if len(file) != len(pipe) {
			t.Fatalf("%d events of a file, %d of a pipe", len(file), len(pipe))
		}
		at := int64(-1)
		for i, e := range file {
			if e.Offset <= at || e.Offset >= int64(len(b)) && len(b) > 0 || e.Message == "" {
				t.Fatalf("event at %d after %d of %d: %q", e.Offset, at, len(b), e.Message)
			}
			at = e.Offset
			if !bytes.Equal(e.AppendJSON(nil), pipe[i].AppendJSON(nil)) {
				t.Fatalf("event %d differs in file and pipe", i)
			}
		}
		if len(bytes.Trim(b, "\x00\r\n")) > 0 && len(file) == 0 {
			t.Errorf("no event of %q (%v)", b, errs)
		}
	})
}

// fail2ban are its lines that must be found an attack, with the address that they come from.
func fail2ban(t *testing.T, name string) (lines, hosts []string) {
	t.Helper()
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	b, err := os.ReadFile(filepath.Join(dir, "fail2ban-log", "fail2ban-fail2ban", name))
	if err != nil {
		t.Skipf("SKIPPED: the corpus is not here: %v", err)
	}
	var want struct {
		Match bool
		Host  string
	}
	for line := range strings.Lines(string(b)) {
		switch spec, ok := strings.CutPrefix(line, "# failJSON:"); {
		case ok:
			want.Match, want.Host = false, ""
			json.Unmarshal([]byte(spec), &want) // one of them is spoilt on purpose
		case line[0] == '#' || strings.TrimSpace(line) == "":
		default:
			if want.Match {
				lines, hosts = append(lines, line), append(hosts, want.Host)
			}
			want.Match = false
		}
	}
	return lines, hosts
}

// TestFail2ban asks that the address of an attack is found where fail2ban's own tests find it. Lines that name none (the
// address is in another line of the same process) do not count.
func TestFail2ban(t *testing.T) {
	tests := []struct {
		name         string
		found, lines int
	}{
		{"sshd", 96, 97}, // the one: behind a password login OpenSSH writes nothing, so that "ssh2: from 10.10.1.2 port 55555 ssh2" holds the true address
		{"postfix", 58, 58},
		{"sendmail-reject", 37, 37},
		{"dovecot", 48, 53}, // the others are of Dovecot's own log: package mail
		{"vsftpd", 6, 8},    // the others are of vsftpd's own log: package ftp
		{"xinetd-fail", 2, 2},
		{"mysqld-auth", 4, 16}, // the others are of the server's own log: package databases
	}
	for _, tt := range tests {
		found, all := 0, 0
		lines, hosts := fail2ban(t, tt.name)
		for i, line := range lines {
			if hosts[i] == "" || !strings.Contains(line, hosts[i]) {
				continue
			}
			all++
			events, _ := parse(timeline.Input{ModTime: modified, R: strings.NewReader(line)})
			if f, ok := events[0].Get("ip_address"); ok && strings.TrimPrefix(f.String(), "::ffff:") == hosts[i] {
				found++
				continue
			}
			t.Logf("%s: %s is not found in %s", tt.name, hosts[i], line)
		}
		if found != tt.found || all != tt.lines {
			t.Errorf("%s: the address is found in %d of %d lines, want %d of %d", tt.name, found, all, tt.found, tt.lines)
		}
	}
}
