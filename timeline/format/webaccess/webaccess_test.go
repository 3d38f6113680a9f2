package webaccess

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spor/timeline"
	"spor/timeline/textlog"
	"spor/timeline/textlog/textlogtest"
)

const combined = `192.0.2.7 - alice [09/Mar/2026:09:00:00 +0100] "GET /a?b=%2e%2e HTTP/1.1" 200 494 "http://x/" "Mozilla/5.0 (X11)"` + "\n"

var cases = []textlogtest.Case{
	{
		Format: "apache_access", Name: "/var/log/apache2/access.log",
		Text: combined +
			`192.0.2.7 - - [09/Mar/2026:09:00:01 +0100] "GET / HTTP/1.0" 304 -` + "\n" +
			`shop.example.com:443 2001:db8::7 - John Doe [09/Mar/2026:09:00:02 +0100] "POST /x HTTP/2.0" 201 5 "-" "-"` + "\n" +
			`www.example.com 192.0.2.8 - bob [09/Mar/2026:09:00:03 +0100] "GET /r HTTP/1.0" 200 368` + "\n" +
			`192.0.2.9 shop.example.com - [09/Mar/2026:09:00:04 +0100] "GET /l HTTP/1.1" 200 1 "-" "curl"` + "\n",
		Want: []string{
			`"datetime":"2026-03-09T08:00:00.000000+00:00","timestamp":1773043200000000,"timestamp_desc":"Recorded Time","data_type":"webserver:access"`,
			`"ip_address":"192.0.2.7","http_request_method":"GET","url":"/","http_version":"HTTP/1.0","http_response_code":304`,
			`"ip_address":"2001:db8::7","username":"John Doe","http_request_method":"POST","url":"/x","http_version":"HTTP/2.0","http_response_code":201,"http_response_bytes":5,"server_name":"shop.example.com","port":443`,
			`"ip_address":"192.0.2.8","username":"bob","http_request_method":"GET","url":"/r","http_version":"HTTP/1.0","http_response_code":200,"http_response_bytes":368,"server_name":"www.example.com"`,
			`"http_request_user_agent":"curl","server_name":"shop.example.com"`,
		},
	},
	{ // what clients and intruders put into a line
		Format: "apache_access", Name: "access_log",
		Text: combined +
			`192.0.2.7 - - [09/Mar/2026:09:00:00 +0100] "GET /\"x\" 200 \\ HTTP/1.1" 404 1 "a \"b\" c" "d\\"` + "\n" +
			`192.0.2.7 - - [09/Mar/2026:09:00:00 +0100] "\x16\x03\x01\x00t\"\xFF" 400 157 "-" "-"` + "\n" +
			`192.0.2.7 - - [09/Mar/2026:09:00:00 +0100] "" 400 0 "-" "-"` + "\n" +
			`192.0.2.7 - - [09/Mar/2026:09:00:00 +0100] "GET /<script>alert("text")</script> HTTP/1.0" 404 1164` + "\n" +
			`192.0.2.7 - - [09/Mar/2026:09:00:00 +0100] "GET /a HTTP/1.1" 2` + "\n" +
			"\xff\xfe\x01binary\n" +
			`192.0.2.7 - - [09/Mar/2026:09:00:00 +0100] "GET /\x0a192.0.2.66 - - [01/Jan/2020:00:00:00 +0000] \"GET /y HTTP/1.1\" 200 1" 400 2 "-" "-" "203.0.113.5"` + "\n" +
			`192.0.2.7 - - [09/Mar/2026:09:00:00 +0100] "GET /torn HT` + "\n" + combined,
		Want: []string{
			`"url":"/a?b=%2e%2e"`,
			`"url":"/\\\"x\\\" 200 \\\\","http_version":"HTTP/1.1","http_response_code":404,"http_response_bytes":1,"http_request_referer":"a \\\"b\\\" c","http_request_user_agent":"d\\\\"`,
			`"http_request":"\\x16\\x03\\x01\\x00t\\\"\\xFF","http_response_code":400`,
			`"message":"(no request) from: 192.0.2.7 code: 400"`,
			`"url":"/<script>alert(\"text\")</script>"`,
			`"http_response_code":400,"http_response_bytes":2,"x_forwarded_for":"203.0.113.5"`,
			`"username":"alice"`,
		},
		Errors: 3,
	},
	{
		Format: "apache_access", Name: "traefik.log",
		Text: `192.0.2.7 - - [09/Mar/2026:09:00:00 +0000] "GET /t HTTP/1.1" 200 5 "-" "-" 12 "web@docker" "http://10.0.0.2:80" 15ms` + "\n",
		Want: []string{`"upstream":"http://10.0.0.2:80","time_taken":15000`},
	},
	{
		Format: "haproxy", Name: "/var/log/haproxy.log",
		Text: `192.0.2.7:55032 [04/Apr/2024:14:30:18.885] front~ back/web1 0/0/0/169/170 404 1541 - - ---- 5715/616/96/15/0 0/0 {a|b} "GET /a.json HTTP/1.1"` + "\n" +
			`[2001:db8::7]:55032 [04/Apr/2024:14:30:18.885] tcp-in db/pg1 1/0/5007 212 -- 0/0/0/0/3 0/0` + "\n" +
			`192.0.2.7:55032 [04/Apr/2024:14:30:18.885] torn` + "\n",
		Want: []string{
			`"message":"GET /a.json from: 192.0.2.7 code: 404","datetime":"2024-04-04T14:30:18.885000+00:00"`,
			`"message":"TCP connection to tcp-in from: 2001:db8::7"`,
		},
		Errors: 1,
	},
	{
		Format: "haproxy", Name: "plain",
		Text: `192.0.2.7:55032 [04/Apr/2024:14:30:18.885] front back/web1 0/0/0/169/170 200 1541 - - ---- 5/6/9/1/0 0/0 "GET /a HTTP/1.1"` + "\n",
		Want: []string{`"client_port":55032,"http_request_method":"GET","url":"/a","http_version":"HTTP/1.1","http_response_code":200,"bytes_sent":1541,"server_name":"front","upstream":"back/web1","time_taken":170000`},
	},
	{
		Format: "squid_access", Name: "/var/log/squid/access.log",
		Text: "1386543323.000      4 192.0.2.7 TCP_DENIED/403 4099 GET http://www.example.com/azenv.php - HIER_NONE/- text/html\n",
		Want: []string{`"ip_address":"192.0.2.7","http_request_method":"GET","url":"http://www.example.com/azenv.php","http_response_code":403,"bytes_sent":4099,"upstream":"HIER_NONE/-","time_taken":4000,"cache_result":"TCP_DENIED","content_type":"text/html"`},
	},
	{
		Format: "webserver_json", Name: "/var/log/caddy/a.log",
		Text: `{"level":"info","ts":1703373474.5,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"192.0.2.7","remote_port":"64985","proto":"HTTP/2.0","method":"GET","host":"example.com","uri":"/b","headers":{"User-Agent":["Mozilla/5.0"]}},"user_id":"","duration":0.001335486,"size":3609,"status":200}` + "\n" +
			`{"level":"info","ts":1703373475,"request":{"remote_addr":"192.0.2.7:99","method":"GET","uri":"/c"},"duration":1.5e-05,"size":1,"status":404}` + "\n{\"torn\":\n",
		Want: []string{
			`"ip_address":"192.0.2.7","client_port":64985,"http_request_method":"GET","url":"/b","http_version":"HTTP/2.0","http_response_code":200,"http_response_bytes":3609,"http_request_user_agent":"Mozilla/5.0","server_name":"example.com","time_taken":1335,"logger":"http.log.access.log0"`,
			`"client_port":99,"http_request_method":"GET","url":"/c","http_response_code":404,"http_response_bytes":1,"time_taken":15`,
		},
		Errors: 1,
	},
	{ // the last as a server behind no proxy writes it: a user, and no list of addresses
		Format: "confluence_access", Name: "access_log.2026-03-09",
		Text: "[09/Mar/2026:09:00:00 +0100] alice http-nio-8080-exec-6 192.0.2.7 GET /a.jspa HTTP/1.1 200 100ms 10 http://localhost/ Mozilla/5.0 (X11)\n",
		Want: []string{`"ip_address":"192.0.2.7","http_request_method":"GET","url":"/a.jspa","http_version":"HTTP/1.1","http_response_code":200,"http_response_bytes":10,"http_request_referer":"http://localhost/","http_request_user_agent":"Mozilla/5.0 (X11)","time_taken":100000`},
	},
	{
		Format: "bitbucket_access", Name: "atlassian-bitbucket-access.log",
		Text: `192.0.2.7,10.0.0.1 | https | o@9K7Z3NNx6x3112x1 | eve | 2026-03-09 09:00:00,838 | "GET /git/x.git/info/refs HTTP/1.1" | "" "git/1.7.4.1" | 200 | 13 | 5 | refs, cache:hit | 101 | tmpqqw |` + "\n",
		Want: []string{`"ip_address":"192.0.2.7","username":"eve","http_request_method":"GET","url":"/git/x.git/info/refs","http_version":"HTTP/1.1","http_response_code":200,"bytes_sent":5,"bytes_received":13,"http_request_user_agent":"git/1.7.4.1","x_forwarded_for":"192.0.2.7,10.0.0.1"`},
	},
	{
		Format: "apache_ssl_request", Name: "/var/log/httpd/ssl_request_log",
		Text: `[09/Mar/2026:09:00:00 +0100] 192.0.2.7 TLSv1.3 TLS_AES_256_GCM_SHA384 "GET /a?b HTTP/1.1" 13` + "\n" + `[09/Mar/2026:09:00:01 +0100] 2001:db8::7 - - "-" -` + "\n",
		Want: []string{`"ip_address":"192.0.2.7","http_request_method":"GET","url":"/a?b","http_version":"HTTP/1.1","http_response_bytes":13`, `"ip_address":"2001:db8::7"`},
	},
	{
		Format: "apache_access", Name: "ingress.log",
		Text: `192.0.2.7 - - [09/Mar/2026:09:00:00 +0000] "GET /i HTTP/1.1" 200 61 "-" "curl" 348 0.101 [default-web-80] [] 10.0.0.6:80, 10.0.0.7:80 0, 61 0.100, 0.004 502, 200 835136ae` + "\n" +
			`192.0.2.7 - - [09/Mar/2026:09:00:00 +0000] "geti /i HTTP/1.1" 400 1 "-" "-" 0 0.000 [] [] - - - - efb0` + "\n",
		Want: []string{
			`"bytes_received":348,"http_request_user_agent":"curl","upstream":"10.0.0.6:80, 10.0.0.7:80","time_taken":101000`,
			`"request_identifier":"efb0","ip_address":"192.0.2.7"`,
		},
	},
	{
		Format: "confluence_access", Name: "conf_access_log.2021-06-17.log",
		Text: "[17/Jun/2021:12:57:26 +0200] 192.0.2.15 testuser http-nio-8080-exec-6 0:0:0:0:0:0:0:1 GET /index.action HTTP/1.1 200 1020ms 7881 http://localhost/ Mozilla/5.0 (Macintosh)\n",
		Want: []string{`"ip_address":"0:0:0:0:0:0:0:1","http_request_method":"GET","url":"/index.action","http_version":"HTTP/1.1","http_response_code":200,"http_response_bytes":7881,"http_request_referer":"http://localhost/","http_request_user_agent":"Mozilla/5.0 (Macintosh)","x_forwarded_for":"192.0.2.15","time_taken":1020000`},
	},
	{
		Format: "nginx_proxy_manager", Name: "proxy.log",
		Text: `[10/Feb/2024:21:23:32 +0100] mx.example.org 192.0.2.100 0.227 "REPORT /SOGo/dav/ HTTP/2.0" 207 125 440 - Mozilla/5.0 (X11)` + "\n",
		Want: []string{`"ip_address":"192.0.2.100","http_request_method":"REPORT","url":"/SOGo/dav/","http_version":"HTTP/2.0","http_response_code":207,"bytes_sent":125,"bytes_received":440,"http_request_user_agent":"Mozilla/5.0 (X11)","server_name":"mx.example.org","time_taken":227000`},
	},
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

func FuzzFormats(f *testing.F) { textlogtest.Fuzz(f, Formats, cases) }

// TestLongURL reads a line whose URL is longer than a line is kept.
func TestLongURL(t *testing.T) {
	long := `192.0.2.7 - - [09/Mar/2026:09:00:00 +0100] "GET /` + strings.Repeat("A", 1<<20) + ` HTTP/1.1" 414 1 "-" "-"` + "\n"
	events, errs := textlogtest.Read(Formats[3], "access.log", combined+long+combined)
	if len(events) != 3 || len(errs) > 0 {
		t.Fatalf("%d events, %v", len(events), errs)
	}
	url, _ := events[1].Get("url")
	left, _ := events[1].Get("bytes_left_out")
	if len(url.String()) < 60<<10 || left.String() == "" {
		t.Errorf("url of %d bytes, %q left out", len(url.String()), left)
	}
	if f := timeline.Formats(Formats).Find("access.log", []byte(long)[:timeline.HeadSize]); f == nil || f.Name != "apache_access" {
		t.Errorf("a first line longer than the head is known as %v", f)
	}
}

// TestSeconds reads durations as JSON spells them, and exponents that no server writes.
func TestSeconds(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"0.25", "0.25"}, {"1.5s", "1.5"}, {"1.5e-05", "0.000015"}, {"2e-1", "0.2"}, {"1.5e-0", "1.5"}, {"1e-00", "1"}, {"1e--5", "0"}, {"1e-10", "0"}, {"1e-", "0"}, {"e-x", "0"}, {"", ""},
	} {
		if got := seconds(tt.text); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestNothingInvented asks that lines of prose, and of other logs, are not taken for requests.
func TestNothingInvented(t *testing.T) {
	for _, text := range []string{
		"The quick brown [fox] jumps\n", `{"a":1,"status":"ok"}` + "\n", "[section]\nkey=value\n", "Jul  8 11:07:07 web nginx[2869]: " + combined, "Mar  9 09:00:00 h sshd[1]: Failed password for x from 192.0.2.7 port 1 ssh2\n",
		"1386543323.000 word\n", "[09/Mar/2026:09:00:00 +0100] started\n", `a - b [09/Mar/2026:09:00:00 +0100] said "hello" to all` + "\n", "2026-03-09 09:00:00 [info] x\n",
	} {
		if f := timeline.Formats(Formats).Find("x.log", []byte(text)); f != nil {
			t.Errorf("%q is known as %s", text, f.Name)
		}
	}
}

func TestCarried(t *testing.T) {
	for _, tt := range []struct{ reporter, said, want string }{
		{"nginx", strings.TrimSuffix(combined, "\n"), `GET /a?b=%2e%2e from: 192.0.2.7 code: 200`},
		{"haproxy", `192.0.2.7:5 [04/Apr/2024:14:30:18.885] f b/s 0/0/0/1/2 404 1 - - ---- 1/1/1/1/0 0/0 "GET /a HTTP/1.1"`, "GET /a from: 192.0.2.7 code: 404"},
		{"haproxy", "Proxy f started.", ""},
		{"nginx", "2026/03/09 09:00:00 [error] 1#1: x", ""},
		{"sshd", strings.TrimSuffix(combined, "\n"), ""},
	} {
		e := textlog.Entry{Text: tt.said}
		if got := Carried(&e, tt.reporter, tt.said); got != (tt.want != "") || e.Message != tt.want || !got && len(e.Fields) > 0 {
			t.Errorf("%s: %s: got %v, %q, %d fields", tt.reporter, tt.said, got, e.Message, len(e.Fields))
		}
	}
}

func corpus(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("SKIPPED: the corpus is not here: %v", err)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return string(b)
}

// TestCorpus holds the counts of the corpus' access logs to those its index states, or says why they differ.
func TestCorpus(t *testing.T) {
	hub := "crowdsec-log/crowdsecurity-hub/"
	for _, tt := range []struct {
		name, format   string
		events, errors int
		why            string // that differs from the figure of the index
	}{
		{"weblog/elastic-examples/Common_Data_Formats/apache_logs/apache_logs.gz", "apache_access", 10000, 0, ""},
		{"weblog/log2timeline-plaso/apache_access.log", "apache_access", 15, 0, "plaso reads 14 and warns of one: the user pyllyukko@EXAMPLE.COM"},
		{"weblog/log2timeline-plaso/confluence_access_post7.11.log", "confluence_access", 1, 0, ""},
		{"weblog-iis/matomo-org-matomo-log-analytics/tests/logs/caddy_json.log", "webserver_json", 3, 0, ""},
		{"weblog-iis/matomo-org-matomo-log-analytics/tests/logs/common.dup2.log", "apache_access", 1, 0, ""},
		{"weblog-iis/matomo-org-matomo-log-analytics/tests/logs/common.log", "apache_access", 1, 0, ""},
		{"weblog-iis/matomo-org-matomo-log-analytics/tests/logs/common_vhost.log", "apache_access", 1, 0, ""},
		{"weblog-iis/matomo-org-matomo-log-analytics/tests/logs/ncsa_extended.log", "apache_access", 1, 0, ""},
		{"weblog-iis/matomo-org-matomo-log-analytics/tests/logs/nginx_json.log", "webserver_json", 2, 0, ""},
		{"weblog-iis/matomo-org-matomo-log-analytics/tests/logs/static_ignores.log", "apache_access", 4, 0, ""},
		{"weblog-iis/matomo-org-matomo-log-analytics/tests/logs/traefik_json.log", "webserver_json", 1, 0, ""},
		{"weblog-iis/matomo-org-matomo-log-analytics/tests/logs/elb.log", "", 0, 0, "the log of a load balancer in somebody's cloud is not met on hosts"},
		{hub + "CVE-2022-35914/CVE-2022-35914.log", "apache_access", 2, 0, ""},
		{hub + "nginx-proxy-manager-malformed/nginx_http-logs.log", "apache_access", 12, 0, ""},
		{hub + "nginx_http-catch-npm/nginx_http-catch-npm.log", "nginx_proxy_manager", 6, 0, ""},
		{hub + "http-dos-random-uri/http_dos_random_uri.log", "apache_access", 66, 0, ""},
		{hub + "http-wordpress_wpconfig/http-wordpress_wpconfig.log", "", 0, 0, "came by syslog: package syslog reads 14 requests in it"},
		{hub + "haproxy-nextcloud-whitelist/haproxy-logs.log", "", 0, 0, "came by syslog: package syslog reads 1 request in it"},
		{hub + "spring4shell_cve-2022-22965/spring4shell_cve-2022-22965.log", "apache_access", 2, 0, ""},
		{hub + "CVE-2024-0012/CVE-2024-0012.log", "apache_access", 2, 0, ""},
		{"fail2ban-log/fail2ban-fail2ban/nginx-bad-request", "apache_access", 8, 0, ""},
		{"fail2ban-log/fail2ban-fail2ban/nginx-botsearch", "apache_access", 8, 6, "six are lines of an error log"},
		{"fail2ban-log/fail2ban-fail2ban/apache-fakegooglebot", "apache_access", 3, 0, ""},
	} {
		text := corpus(t, tt.name)
		f := timeline.Formats(Formats).Find(filepath.Base(tt.name), []byte(text)[:min(len(text), timeline.HeadSize)])
		if f == nil || f.Name != tt.format {
			if tt.format != "" || f != nil {
				t.Errorf("%s is known as %v, want %q", tt.name, f, tt.format)
			}
			continue
		}
		events, errs := textlogtest.Read(f, tt.name, text)
		if len(events) != tt.events || len(errs) != tt.errors {
			t.Errorf("%s: %d events, want %d; errors %v, want %d %s", tt.name, len(events), tt.events, errs, tt.errors, tt.why)
		}
		for i := range events {
			if _, ok := events[i].Get("http_response_code"); !ok || !events[i].Timed() {
				t.Errorf("%s: no status or time: %s", tt.name, events[i].AppendJSON(nil))
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	textlogtest.Bench(b, Formats, "access.log", corpus(b, "weblog/elastic-examples/Common_Data_Formats/apache_logs/apache_logs.gz"))
	textlogtest.Bench(b, Formats, "caddy.log", corpus(b, "weblog-iis/matomo-org-matomo-log-analytics/tests/logs/caddy_json.log"))
	textlogtest.Bench(b, Formats, "haproxy.log", cases[4].Text)
	var c Config
	c.Read(nginxConf)
	textlogtest.Bench(b, c.Formats(), "main.log", strings.SplitAfter(configuredCases[0].Text, "\n")[0])
	textlogtest.Bench(b, Formats, "squid.log", cases[5].Text)
}
