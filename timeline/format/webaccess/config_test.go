package webaccess

import (
	"strings"
	"testing"

	"spor/timeline"
	"spor/timeline/textlog/textlogtest"
)

const nginxConf = `http { # log_format no '$status';
  log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                  '$status $body_bytes_sent "$http_referer" rt=$request_time ua="$http_user_agent" us="$upstream_addr"';
  log_format js escape=json '{"t":"$time_iso8601","who":"$remote_addr","req":"$request","st":$status,"rt":$request_time,"x":{"ref":"$http_referer"}}';
  log_format noDate '$remote_addr';
  access_log /var/log/nginx/main.log main buffer=32k;
  server { access_log "/data/www/$host.js.log" js; access_log off; access_log /var/log/nginx/no.log noDate; access_log /var/log/nginx/plain.log; }
}`

const apacheConf = `# LogFormat "%h" no
LogFormat "%{X-Forwarded-For}i %h %l %u [%{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t] \"%r\" %>s %O %D \"%{Referer}i\" \"%^{User-Agent}i\" %{SSL_PROTOCOL}x" \
  rich
CustomLog ${APACHE_LOG_DIR}/shop_access.log rich env=!dontlog
CustomLog "|/usr/bin/rotatelogs -l /data/log/api.%Y%m%d 86400" "%t %a %p \"%m %U%q %H\" %s %{ms}T"
LogFormat "%h %t %v \"%r\" %s"
TransferLog logs/transfer_log
`

const lighttpdConf = `accesslog.filename = "/var/log/lighttpd/weird.log"
accesslog.format = "%h %V [%{%Y-%m-%d %H:%M:%S}t] \"%r\" %s %b"
`

const tomcatConf = `<Server><Valve className="org.apache.catalina.valves.AccessLogValve" directory="logs" prefix="localhost_access_log" suffix=".txt"
 pattern="%h %l %u %t &quot;%r&quot; %s %b %D &quot;%{User-Agent}i&quot;" resolveHosts="false" /></Server>`

const haproxyConf = `defaults
  log-format "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %{+Q}r ua=%{+Q}[capture.req.hdr(0)] sni=%[ssl_fc_sni]"
frontend js
  log-format '{"t":"%Tl","ip":"%[src]","m":"%HM","u":"%HPO","q":"%HQ","s":%ST}' # as some have it
  log-format %H\ %T\ %Tt
  log-format-sd %{+Q,+E}o\ [x\ a=%ci]
  log-format "%nonsense"
`

func configured(t *testing.T) timeline.Formats {
	t.Helper()
	var c Config
	for _, text := range []string{nginxConf, apacheConf, lighttpdConf, tomcatConf, haproxyConf} {
		c.Read(text)
	}
	return c.Formats()
}

var configuredCases = []textlogtest.Case{
	{
		Format: "haproxy_configured", Name: "/var/log/haproxy.log.1",
		Text: `Mar  9 09:00:00 lb haproxy[12]: 2001:db8::7:5000 [09/Mar/2026:09:00:00.250] web~ app/s1 0/0/1/2/3 200 512 "GET /a HTTP/1.1" ua="curl \"x\"" sni=shop.example` + "\n" +
			`Mar  9 09:00:01 lb haproxy[12]: {"t":"09/Mar/2026:09:00:01 +0100","ip":"192.0.2.7","m":"POST","u":"/x.php","q":"?a=b","s":404}` + "\n" +
			`<134>1 2026-03-09T09:00:02Z lb haproxy 12 - - lb 09/Mar/2026:09:00:02 +0000 17` + "\n" +
			`Mar  9 09:00:03 lb haproxy[12]: Server app/s1 is DOWN, reason: Layer4 timeout` + "\n" +
			`Mar  9 09:00:04 lb haproxy[12]: 192.0.2.7:5 [09/Mar/2026:09:00:04.885] f b/s 0/0/0/1/2 404 1 - - ---- 1/1/1/1/0 0/0 "GET /old HTTP/1.1"` + "\n",
		Want: []string{
			`"ip_address":"2001:db8::7","client_port":5000,"http_request_method":"GET","url":"/a","http_version":"HTTP/1.1","http_response_code":200,"bytes_sent":512,"server_name":"web","upstream":"app/s1","time_taken":3000,"capture_req_hdr_0":"curl \\\"x\\\""`,
			`"datetime":"2026-03-09T08:00:01.000000+00:00"`,
			`"time_taken":17000,"node":"lb"`,
			`"data_type":"syslog:line","parser":"","host":"","path":"","offset":363,"sha256":"","reporter":"haproxy","action":"server_down","upstream":"app/s1","reason":"Layer4 timeout"`,
			`"http_request_method":"GET","url":"/old"`,
		},
	},
	{
		Format: "webserver_access", Name: "/var/log/nginx/main.log.1",
		Text: `192.0.2.7 - alice [09/Mar/2026:09:00:00 +0100] "GET /a HTTP/1.1" 200 5 "-" rt=0.123 ua="curl \"x\"" us="10.0.0.1:80, 10.0.0.2:80"` + "\n" + combined +
			`192.0.2.7 - alice [09/Mar/2026:09:00:00 +0100] "GET /a HTTP/1.1" 2xx` + "\n",
		Want: []string{
			`"ip_address":"192.0.2.7","username":"alice","http_request_method":"GET","url":"/a","http_version":"HTTP/1.1","http_response_code":200,"http_response_bytes":5,"http_request_user_agent":"curl \\\"x\\\"","upstream":"10.0.0.1:80, 10.0.0.2:80","time_taken":123000`,
			`"http_request_user_agent":"Mozilla/5.0 (X11)"`, // from before the form was changed
		},
		Errors: 1,
	},
	{
		Format: "webserver_access", Name: `C:\evidence\data\www\shop.example.com.js.log`,
		Text: `{"t":"2026-03-09T09:00:00+01:00","who":"192.0.2.7","req":"GET /\u00e6\"x HTTP/1.1","st":404,"rt":1.5,"x":{"ref":"-"}}` + "\n",
		Want: []string{`"ip_address":"192.0.2.7","http_request_method":"GET","url":"/æ\"x","http_version":"HTTP/1.1","http_response_code":404,"time_taken":1500000`},
	},
	{
		Format: "webserver_access", Name: "/var/log/apache2/shop_access.log-20260309",
		Text: `203.0.113.5, 10.0.0.1 192.0.2.7 - - [09/Mar/2026 09:00:00.250 +0100] "PUT /b HTTP/1.1" 201 77 4321 "-" "UA" TLSv1.3` + "\n",
		Want: []string{`"datetime":"2026-03-09T08:00:00.250000+00:00"`},
	},
	{
		Format: "webserver_access", Name: "/data/log/api.20260309",
		Text: `[09/Mar/2026:09:00:00 +0100] 2001:db8::1 8443 "GET /c?d=e HTTP/1.1" 200 12` + "\n" + `[09/Mar/2026:09:00:01 +0100] 2001:db8::1 8443 "GET /c HTTP/1.1" 200 12` + "\n",
		Want: []string{
			`"ip_address":"2001:db8::1","http_request_method":"GET","url":"/c?d=e","http_version":"HTTP/1.1","http_response_code":200,"port":8443,"time_taken":12000`,
			`"url":"/c","http_version"`,
		},
	},
	{
		Format: "webserver_access", Name: "transfer_log", Text: `192.0.2.7 [09/Mar/2026:09:00:00 +0100] www "GET / HTTP/1.1" 200` + "\n",
		Want: []string{`"server_name":"www"`},
	},
	{
		Format: "webserver_access", Name: "weird.log", Text: `192.0.2.7 www.example.com [2026-03-09 09:00:00] "GET / HTTP/1.1" 200 5` + "\n",
		Want: []string{`"server_name":"www.example.com","zone_assumed":"UTC"`},
	},
	{
		Format: "webserver_access", Name: "localhost_access_log.2026-03-09.txt", Text: `192.0.2.7 - - [09/Mar/2026:09:00:00 +0100] "GET / HTTP/1.1" 200 5 15 "UA"` + "\n",
		Want: []string{`"http_request_user_agent":"UA","time_taken":15000`},
	},
}

func TestConfigured(t *testing.T) {
	textlogtest.Run(t, configured(t), configuredCases)
	for _, name := range []string{"/var/log/nginx/plain.log", "/var/log/nginx/mainly.log", "/var/log/nginx/no.log"} {
		if f := configured(t).Find(name, []byte(configuredCases[0].Text)); f != nil {
			t.Errorf("%s is taken for a log of a form that the configuration gives another", name)
		}
	}
	if f := configured(t).Find("/var/log/nginx/main.log", []byte("Mar  9 09:00:00 h x: y\n")); f != nil {
		t.Error("a file is known by its name alone")
	}
}

func TestRefusedForms(t *testing.T) {
	for _, form := range []string{"", "%h %u", "%h%u %t", strings.Repeat("%h ", 100) + "%t", "%", "%{", "%{x}"} {
		if l, err := Apache(form); err == nil {
			t.Errorf("%q compiles to %v", form, l.parts)
		}
	}
	for _, form := range []string{"$status", "{", `{"a":"$status"}`, "${", "$"} {
		if _, err := Nginx(form); err == nil {
			t.Errorf("%q compiles", form)
		}
	}
}

func TestWants(t *testing.T) {
	for name, want := range map[string]bool{
		"/etc/nginx/nginx.conf": true, `C:\Apache24\conf\httpd.conf`: true, "/etc/apache2/sites-enabled/shop": true, "/opt/t/conf/server.xml": true, "/var/log/x.log": false, "/etc/passwd": false,
	} {
		if got := Wants(name); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// FuzzConfig gives configuration of any text, and logs of any text to what it says.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{nginxConf, apacheConf, lighttpdConf, tomcatConf, haproxyConf} {
		f.Add(text, configuredCases[0].Text)
	}
	f.Fuzz(func(t *testing.T, conf, log string) {
		var c Config
		c.Read(conf)
		for _, format := range c.Formats() {
			events, _ := textlogtest.Read(format, "x", log)
			if lines := strings.Count(log, "\n") + 1; len(events) > lines {
				t.Fatalf("%d events of %d lines", len(events), lines)
			}
			for _, e := range events {
				if e.Message == "" || e.Offset > int64(len(log)) {
					t.Fatalf("event at %d: %q", e.Offset, e.Message)
				}
			}
		}
	})
}
