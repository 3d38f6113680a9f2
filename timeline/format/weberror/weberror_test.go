package weberror

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spor/timeline"
	"spor/timeline/textlog"
	"spor/timeline/textlog/textlogtest"
)

var cases = []textlogtest.Case{
	{
		Format: "apache_error", Name: "/var/log/apache2/error.log",
		Text: "[Fri Oct 08 17:08:41.203277 2021] [core:error] [pid 7005:tid 140667133085440] [client 192.0.2.7:14532] AH00126: Invalid URI in request GET /cgi-bin/.%2E/ HTTP/1.1, referer: http://x/\n" +
			"[Tue Jul 22 06:48:30 2008] [error] [client 2001:db8::7] script not found or unable to stat: /var/www/wp-login.php\nmore of it\n" +
			"[Thu Sep 25 09:27:18.813902 2014] [cgi:error] [pid 16860] [client [2001:db8::8]:59635] [x] AH01215: /bin/bash: warning\n",
		Want: []string{
			`"module":"core","severity":"error","pid":7005,"thread_identifier":140667133085440,"ip_address":"192.0.2.7","client_port":14532,"http_request_referer":"http://x/","event_identifier":"AH00126","action":"request_refused","authentication_result":"failure","http_request":"GET /cgi-bin/.%2E/ HTTP/1.1","body":"AH00126: Invalid URI`,
			`"severity":"error","ip_address":"2001:db8::7","action":"not_found","filename":"/var/www/wp-login.php","body":"script not found or unable to stat: /var/www/wp-login.php\nmore of it","zone_assumed":"UTC"`,
			`"ip_address":"2001:db8::8","client_port":59635,"body":"[x] AH01215: /bin/bash: warning"`,
		},
	},
	{
		Format: "nginx_error", Name: "/var/log/nginx/error.log",
		Text: `2018/09/14 19:03:05 [error] 2035#2036: *9134 access forbidden by rule, client: 192.0.2.7, server: www.example.net, request: "GET /a", host: "b" HTTP/1.1", upstream: "http://10.0.0.1/", host: "www.example.net", referrer: "http://x/"` + "\n" +
			"2018/09/14 19:03:06 [notice] 2035#2035: signal process started\n",
		Want: []string{
			`"severity":"error","pid":2035,"thread_identifier":2036,"connection_identifier":9134,"ip_address":"192.0.2.7","server_name":"www.example.net","http_request_method":"GET","url":"/a"`,
			`"body":"signal process started"`,
		},
	},
	{ // what was refused, and by what; a name may hold the words behind it
		Format: "apache_error", Name: "/var/log/httpd/error_log",
		Text: "[Mon Mar 09 09:00:00.266605 2026] [auth_basic:error] [pid 1:tid 2] [client 192.0.2.7:51386] AH01618: user a not found: /x not found: /basic\n" +
			"[Mon Mar 09 09:00:00 2026] [error] [client 192.0.2.7] Digest: user eve: password mismatch: /d\n" +
			"[Mon Mar 09 09:00:00.1 2026] [core:error] [pid 1] (13)Permission denied: [client 192.0.2.7:5] AH00035: access to /y denied\n" +
			"[Mon Mar 09 09:00:00.1 2026] [rewrite:trace3] [pid 1] mod_rewrite.c(470): [client 192.0.2.7:5] 192.0.2.7 - - applying\n" +
			`[Mon Mar 09 09:00:00 2026] [error] [client 192.0.2.7] ModSecurity:  [file "/r.conf"] [line "4"] [id "960015"] [msg "No Accept"] Access denied with code 403 (phase 2). [hostname "w.example.net"] [uri "/z"]` + "\n",
		Want: []string{
			`"event_identifier":"AH01618","action":"login_failed","authentication_result":"failure","username":"a not found: /x","url":"/basic"`,
			`"action":"login_failed","authentication_result":"failure","username":"eve","url":"/d"`,
			`"system_error":"(13)Permission denied","ip_address":"192.0.2.7","client_port":5,"event_identifier":"AH00035"`,
			`"code_location":"mod_rewrite.c(470)","ip_address":"192.0.2.7","client_port":5`,
			`"action":"request_blocked","authentication_result":"failure","http_response_code":403,"rule_identifier":"960015","rule_name":"No Accept","url":"/z","server_name":"w.example.net"`,
		},
	},
	{
		Format: "nginx_error", Name: "error.log",
		Text: `2026/03/09 09:00:00 [error] 6#0: *3 user "eve": password mismatch, client: 192.0.2.7, server: , request: "GET / HTTP/1.1", host: "h"` + "\n" +
			`2026/03/09 09:00:00 [error] 6#6: *1 [client 192.0.2.7] ModSecurity: Access denied with code 403 (phase 2). [id "942100"] [uri "/foo"], client: 192.0.2.7, server: s, request: "GET /foo?a HTTP/1.1", host: "h"` + "\n",
		Want: []string{`"action":"login_failed","authentication_result":"failure","username":"eve"`, `"url":"/foo?a","http_version":"HTTP/1.1","http_host":"h","action":"request_blocked"`},
	},
	{
		Format: "lighttpd_error", Name: "error.log", Text: "2026-03-09 09:00:00: (mod_auth.c.525) password doesn't match for /p username: eve IP: 192.0.2.7\n",
		Want: []string{`"action":"login_failed","authentication_result":"failure","url":"/p","username":"eve","ip_address":"192.0.2.7"`},
	},
	{
		Format: "litespeed_error", Name: "/usr/local/lsws/logs/error.log",
		Text: "2026-03-09 09:00:00.774649 [NOTICE] [1226033] [192.0.2.7:45164:HTTP2-41#_AdminVHost] [STDERR] [WebAdmin Console] Failed Login Attempt - username:eve ip:192.0.2.7 url:\n2026-03-09 09:00:01.353044 [INFO] [1226038] [192.0.2.8:61120-5#Example] User 'eve' failed to authenticate.\n",
		Want: []string{`"severity":"NOTICE","pid":1226033,"ip_address":"192.0.2.7","client_port":45164,"server_name":"_AdminVHost","action":"login_failed","authentication_result":"failure","username":"eve"`, `"ip_address":"192.0.2.8","client_port":61120,"server_name":"Example","action":"login_failed"`},
	},
	{ // threads and loggers stood as hosts and programs of syslog
		Format: "log4j", Name: "atlassian-confluence.log",
		Text: "2026-03-09 09:00:00,489 INFO [Catalina-utility-1] [confluence.cluster.Manager] start Starting.\n2026-03-09 09:00:01,530 WARN [hz.confluence.event-3] [confluence.cluster.Listener] added [10.0.0.1]:5801 joined\n\tat x\n",
		Want: []string{`"severity":"INFO","thread":"Catalina-utility-1","module":"confluence.cluster.Manager","body":"start Starting."`, `"severity":"WARN","thread":"hz.confluence.event-3","module":"confluence.cluster.Listener","body":"added [10.0.0.1]:5801 joined\n\tat x"`},
	},
	{
		Format: "log4j", Name: "atlassian-jira-security.log",
		Text: "2026-03-09 09:00:00,489+0100 http-nio-8080-exec-1 WARN anonymous 541x3x1 1v2x 192.0.2.7,10.0.0.1 /login.jsp [c.a.j.l.SecurityLog] The user 'eve' has FAILED authentication.  Failure count equals 1\n",
		Want: []string{`"severity":"WARN","thread":"http-nio-8080-exec-1","module":"c.a.j.l.SecurityLog","ip_address":"192.0.2.7","url":"/login.jsp","action":"login_failed","authentication_result":"failure","username":"eve"`},
	},
	{
		Format: "nextcloud", Name: "nextcloud.log",
		Text: `{"reqId":"U1rs","level":2,"time":"2026-03-09T09:00:00+00:00","remoteAddr":"192.0.2.7","user":"--","app":"core","method":"POST","url":"/login","message":"Login failed: eve (Remote IP: 127.0.0.1) (Remote IP: 192.0.2.7)","userAgent":"x","version":"27.1.0.7","data":[]}` + "\n",
		Want: []string{`"ip_address":"192.0.2.7","application":"core","http_request_method":"POST","url":"/login","http_request_user_agent":"x","application_version":"27.1.0.7","action":"login_failed","authentication_result":"failure","username":"eve (Remote IP: 127.0.0.1)"`},
	},
	{ // an empty line behind, as an editor leaves it
		Format: "nginx_error", Name: "error.log",
		Text: `2018/09/14 19:03:05 [error] 2035#2035: *9134 access forbidden by rule, client: 192.0.2.7, server: _, request: "GET /a HTTP/1.1", host: "www.example.net"` + "\n\n",
		Want: []string{`"url":"/a","http_version":"HTTP/1.1","http_host":"www.example.net","action":"access_denied","authentication_result":"failure","body":"access forbidden by rule"`},
	},
	{ // both in one file, as a container's output is kept
		Format: "apache_error", Name: "stdout.log",
		Text: "[Tue Jul 22 06:48:30 2008] [error] [client 192.0.2.7] script not found\n" + `192.0.2.7 - - [11/Oct/2021:06:40:52 +0000] "POST /cgi-bin/x HTTP/1.1" 200 7` + "\nmore\n",
		Want: []string{`"data_type":"webserver:error"`, `"http_request_method":"POST","url":"/cgi-bin/x","http_version":"HTTP/1.1","http_response_code":200,"http_response_bytes":7,"body":"more"`},
	},
	{
		Format: "lighttpd_error", Name: "error.log", Text: "2023-01-01 12:00:00: (server.c.1588) server started (lighttpd/1.4.59)\n",
		Want: []string{`"module":"server","action":"started","server_version":"lighttpd/1.4.59","body":"server started (lighttpd/1.4.59)"`},
	},
	{
		Format: "tomcat", Name: "catalina.2026-03-09.log",
		Text: "09-Mar-2026 09:00:00.123 SEVERE [http-nio-8080-exec-1] org.apache.catalina.core.StandardWrapperValve.invoke Servlet.service() threw\n\tjava.lang.X\n\t\tat y.z\n09-Mar-2026 09:00:01.5 INFO [main] a.b.C.d Deploying web application archive [/opt/tomcat/webapps/x.war]\n",
		Want: []string{
			`"severity":"SEVERE","thread":"http-nio-8080-exec-1","module":"org.apache.catalina.core.StandardWrapperValve.invoke","body":"Servlet.service() threw\n\tjava.lang.X\n\t\tat y.z"`,
			`"action":"application_deployed","filename":"/opt/tomcat/webapps/x.war"`,
		},
	},
	{
		Format: "tomcat", Name: "catalina.out",
		Text: "Mar 9, 2026 9:00:00 PM org.apache.catalina.core.StandardService start\nINFO: Starting service Catalina\nMar 10, 2026 12:00:01 AM a.b.C d\nSEVERE: x\n",
		Want: []string{
			`"datetime":"2026-03-09T21:00:00.000000+00:00"`,
			`"datetime":"2026-03-10T00:00:01.000000+00:00"`,
		},
	},
}

func TestFormats(t *testing.T) { textlogtest.Run(t, Formats, cases) }

func FuzzFormats(f *testing.F) { textlogtest.Fuzz(f, Formats, cases) }

func TestCarried(t *testing.T) {
	for _, tt := range []struct{ reporter, said, want string }{
		{"nginx", "2015/01/21 10:56:10 [error] 2833#0: *1 x, client: 192.0.2.8, server: y", "[error] x, client: 192.0.2.8, server: y"},
		{"httpd", "[error] [client 192.0.2.8] File does not exist: /x", "[error] File does not exist: /x"},
		{"httpd", "[x] y", ""},
		{"nginx", "configuration is fine", ""},
	} {
		e := textlog.Entry{Text: tt.said}
		e.Add("severity", "err")
		got := Carried(&e, tt.reporter, tt.said)
		if got != (tt.want != "") || got && (e.Message != tt.want || !e.Has("ip_address") || e.Fields[0].String() != "err" || strings.Count(show(e.Fields), "severity") != 1) {
			t.Errorf("%s: %s: got %v, %q, %s", tt.reporter, tt.said, got, e.Message, show(e.Fields))
		}
	}
}

func show(f textlog.Fields) string {
	var b strings.Builder
	for _, field := range f {
		b.WriteString(field.Name + "=" + field.String() + " ")
	}
	return b.String()
}

// TestCorpus holds the counts to the lines of the corpus' error logs.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	for _, tt := range []struct {
		name, format string
		events       int
		why          string
	}{
		{"crowdsec-log/crowdsecurity-hub/apache-cve-2021-41773/apache-cve-2021-41773.log", "apache_error", 3, "an error and two requests"},
		{"crowdsec-log/crowdsecurity-hub/modsecurity-nginx/modsecurity-nginx.log", "nginx_error", 2, ""},
		{"fail2ban-log/fail2ban-fail2ban/nginx-forbidden", "nginx_error", 2, "behind a comment"},
		{"fail2ban-log/fail2ban-fail2ban/apache-botsearch", "apache_error", 19, ""},
		{"fail2ban-log/fail2ban-fail2ban/apache-shellshock", "apache_error", 2, ""},
	} {
		b, err := os.ReadFile(filepath.Join(dir, tt.name))
		if err != nil {
			t.Skipf("SKIPPED: the corpus is not here: %v", err)
		}
		var kept []string
		for line := range strings.Lines(string(b)) {
			if !strings.HasPrefix(line, "#") && strings.TrimSpace(line) != "" {
				kept = append(kept, line)
			}
		}
		text := strings.Join(kept, "")
		f := timeline.Formats(Formats).Find(tt.name, []byte(text)[:min(len(text), timeline.HeadSize)])
		if f == nil || f.Name != tt.format {
			t.Errorf("%s is known as %v, want %s", tt.name, f, tt.format)
			continue
		}
		events, errs := textlogtest.Read(f, tt.name, text)
		if len(events) != tt.events || len(errs) > 0 || len(events) != len(kept) {
			t.Errorf("%s: %d events of %d lines, want %d; %v", tt.name, len(events), len(kept), tt.events, errs)
		}
		for i := range events {
			if _, ok := events[i].Get("ip_address"); !ok {
				t.Errorf("%s: no address: %s", tt.name, events[i].AppendJSON(nil))
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	textlogtest.Bench(b, Formats, "error.log", strings.Repeat(cases[0].Text, 20))
	textlogtest.Bench(b, Formats, "nginx.log", strings.Repeat(cases[1].Text, 20))
	textlogtest.Bench(b, Formats, "catalina.out", strings.Repeat(cases[3].Text, 20))
}
