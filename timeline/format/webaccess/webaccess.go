// Package webaccess reads the access logs of web servers and proxies: Apache, nginx, lighttpd, Tomcat and IIS in the common
// log format and what grew of it, nginx, Caddy and Traefik in JSON, HAProxy, Squid, and any form that a server's
// configuration gives its logs (Config). All of them give the events of package web; what is W3C's is in package w3c.
//
//   - common log format: www.w3.org/Daemon/User/Config/Logging.html; httpd 2.4, mod_log_config
//   - HAProxy 2.8 Configuration Manual, 8.2; Squid 6 native format: wiki.squid-cache.org/Features/LogFormat
//
// Apache since 2.0.46 and nginx write what is not printable, quotes and backslashes as \xHH, \" and \\; the values stay as
// they are logged.
package webaccess

import (
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/web"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package, the strictest first.
var Formats = []*timeline.Format{
	(&textlog.Dialect{Name: "haproxy", Type: web.Access, Begin: haproxyBegin, Sure: haproxySure, Whole: stateless(haproxy), Single: true}).Format(),
	(&textlog.Dialect{Name: "squid_access", Type: web.Access, Begin: squidBegin, Whole: stateless(squid), Single: true}).Format(),
	(&textlog.Dialect{Name: "webserver_json", Type: web.Access, Begin: jsonBegin, Sure: jsonSure, Cut: jsonCut, Whole: wholeJSON, Single: true}).Format(),
	(&textlog.Dialect{Name: "apache_access", Type: web.Access, Begin: ncsaBegin, Sure: ncsaSure, Cut: ncsaCut, Whole: stateless(ncsaWhole), Single: true, Comment: "#"}).Format(),
	known("confluence_access", Tomcat, `%t %{X-Forwarded-For}i %{X-AUSERNAME}o %{thread}r %h %r %s %Dms %b %{Referer}i %{User-Agent}i`,
		`%t %{X-AUSERNAME}o %{thread}r %h %r %s %Dms %b %{Referer}i %{User-Agent}i`),
	known("bitbucket_access", Nginx, `$remote_addr | $protocol | $request_id | $remote_user | $time_iso8601 | "$request" | "$http_referer" "$http_user_agent" | $status | $request_length | $bytes_sent | $labels | $elapsed_milliseconds | $session_identifier |`),
	known("apache_ssl_request", Apache, `%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x "%r" %b`),
	known("nginx_proxy_manager", Nginx,
		npmHead+"$upstream_cache_status $upstream_status $status - "+npmRequest+` [Sent-to $server] "$http_user_agent" "$http_referer"`,
		npmHead+"$status - "+npmRequest+` [Sent-to $server] "$http_user_agent" "$http_referer"`,
		npmHead+"$upstream_cache_status $upstream_status $status - "+npmRequest+` "$http_user_agent" "$http_referer"`,
		npmHead+"$status - "+npmRequest+` "$http_user_agent" "$http_referer"`,
		npmHead+`$host $remote_addr $request_time "$request" $status $bytes_sent $request_length $http_referer $http_user_agent`),
}

// stateless is the Whole of a reader that remembers nothing.
func stateless(read func(*textlog.Entry) bool) func() func(*textlog.Entry) bool {
	return func() func(*textlog.Entry) bool { return read }
}

// What the forms of Nginx Proxy Manager have in common (its log-proxy.conf of 2.11, and what its users make of it).
const (
	npmHead    = "[$time_local] "
	npmRequest = `$request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio]`
)

// ncsaCut tells the beginning of a line that is longer than the head: its date and its request.
func ncsaCut(beginning string) bool {
	_, at, ok := ncsaBegin(beginning)
	return ok && at < len(beginning) && beginning[at] == '"'
}

// known is the parser of forms that a product has without configuration; Confluence's are that since 7.11 and that before
// (confluence.atlassian.com, Configure Access Logs), ssl_request_log is in the ssl.conf that comes with httpd, and Bitbucket's is that
// of atlassian-bitbucket-access.log (confluence.atlassian.com, How to read the Bitbucket Data Center log formats).
func known(name string, compile func(string) (*Layout, error), forms ...string) *timeline.Format {
	var ls layouts
	for _, form := range forms {
		l, err := compile(form)
		if err != nil {
			panic(name + ": " + err.Error()) // a table of ours is wrong, and the tests see it first
		}
		ls = append(ls, l)
	}
	return ls.dialect(name).Format()
}

// haproxyBegin finds `192.0.2.7:55032 [04/Apr/2024:14:30:18.885] `. What comes by syslog is for package syslog.
func haproxyBegin(line string) (dates.Stamp, int, bool) {
	s, n := haproxyDate(line)
	return s, n, n > 0
}

func haproxyDate(s string) (dates.Stamp, int) {
	client, rest, ok := strings.Cut(s, " [")
	if !ok || len(client) > 64 || strings.IndexByte(client, ':') < 0 || strings.IndexByte(client, ' ') >= 0 {
		return dates.Stamp{}, 0
	}
	stamp, n := dates.Apache(rest)
	if n == 0 || n+1 >= len(rest) || rest[n] != ']' || rest[n+1] != ' ' || stamp.Clock%1e9 == 0 && n < 24 { // to the millisecond
		return dates.Stamp{}, 0
	}
	return stamp, len(client) + 2 + n + 2
}

func haproxySure(line string) bool {
	_, n := haproxyDate(line)
	return n > 0 && len(strings.Fields(line[n:])) >= 6
}

func haproxy(e *textlog.Entry) bool {
	s, n := haproxyDate(e.Text)
	if n == 0 {
		return false
	}
	e.Stamp, e.At = s, n
	client, _ := word(e.Text)
	e.Damage = haproxyLine(e, client, e.Words())
	return true
}

// maxExtra is how many words that are not HAProxy's own are passed over.
const maxExtra = 2

// haproxyLine reads "frontend backend/server 0/0/0/169/169 404 1541 - - ---- 1/1/1/1/0 0/0 {captured} "GET / HTTP/1.1"" of
// the HTTP log, and "frontend backend/server 0/0/169 1541 -- 1/1/1/1/0 0/0" of the TCP log, behind client and date.
func haproxyLine(e *textlog.Entry, client, s string) error {
	var r web.Request
	v := &r.Values
	if at := strings.LastIndexByte(client, ':'); at >= 0 { // always there, and no brackets around an IPv6 address
		v[web.Address], v[web.ClientPort] = web.Bare(client[:at]), client[at+1:]
	}
	frontend, rest := word(s)
	backend, rest := word(rest)
	times, rest := word(rest)
	for range maxExtra { // a log-format of custom puts the name that was asked for here
		if times == "" || strings.Count(times, "/") >= 2 {
			break
		}
		e.Add("extra", times)
		times, rest = word(rest)
	}
	parts := strings.Count(times, "/")
	if parts < 2 && e.Cut == 0 {
		return errRequest
	}
	v[web.Server], v[web.Upstream] = strings.TrimSuffix(frontend, "~"), backend
	r.Took(strings.TrimPrefix(times[strings.LastIndexByte(times, '/')+1:], "+"), 1000)
	http := parts >= 4
	if http {
		v[web.Status], rest = word(rest)
	}
	v[web.Sent], rest = word(rest)
	v[web.Sent] = strings.TrimPrefix(v[web.Sent], "+")
	if http {
		_, rest = word(rest) // captured cookies
		_, rest = word(rest)
	}
	state, rest := word(rest)
	if at := strings.IndexByte(rest, '"'); at >= 0 && http {
		r.Split(strings.TrimSuffix(rest[at+1:], `"`))
	}
	r.Give(e)
	if !http {
		e.Message = e.Join("TCP connection to ", frontend, " from: ", v[web.Address])
	}
	e.Add("termination_state", state)
	if at := strings.IndexByte(rest, '{'); at >= 0 && http {
		if end := strings.Index(rest[at:], "} \""); end >= 0 {
			e.Add("captured", rest[at:at+end+1])
		}
	}
	return nil
}

// Carried reads the request that a web server or proxy said by syslog, for files that hold the messages of many programs.
// What is none is left alone.
func Carried(e *textlog.Entry, reporter, said string) bool {
	switch reporter {
	case "haproxy":
		s, n := haproxyDate(said)
		client, _ := word(said)
		if n == 0 || haproxyLine(e, client, said[n:]) != nil {
			return false
		}
		e.Stamp = s
	case "nginx", "httpd", "apache2", "apache", "lighttpd", "traefik":
		s, at, ok := ncsaBegin(said)
		if !ok || ncsaLine(e, said, at) != nil {
			return false
		}
		e.Stamp = s
	default:
		return false
	}
	return true
}

// squidBegin asks for "1286536308.779    180 192.0.2.7 TCP_MISS/200 411 ".
func squidBegin(line string) (dates.Stamp, int, bool) {
	var r web.Request
	s, _, rest, ok := squidHead(&r, line)
	return s, len(line) - len(rest), ok
}

// squidHead reads a line as far as its result.
func squidHead(r *web.Request, line string) (s dates.Stamp, result, rest string, ok bool) {
	s, n := dates.Epoch(line)
	if n < 12 || line[10] != '.' || n >= len(line) || line[n] != ' ' {
		return s, "", "", false
	}
	took, rest := word(line[n:])
	if _, ok := textlog.Atoi(took); !ok {
		return s, "", "", false
	}
	r.Took(took, 1000)
	r.Values[web.Address], rest = word(rest)
	result, rest = word(rest)
	at := strings.IndexByte(result, '/')
	if at <= 3 {
		return s, "", "", false
	}
	r.Values[web.Status] = result[at+1:]
	return s, result[:at], rest, true
}

func squid(e *textlog.Entry) bool {
	var r web.Request
	v := &r.Values
	s, result, rest, ok := squidHead(&r, e.Text)
	if !ok {
		return false
	}
	e.Stamp, e.At = s, len(e.Text)-len(rest)
	v[web.Sent], rest = word(rest)
	v[web.Method], rest = word(rest)
	v[web.URL], rest = word(rest)
	v[web.User], rest = word(rest)
	peer, kind := word(rest)
	v[web.Upstream] = peer
	r.Give(e)
	e.Add("cache_result", result)
	if kind != "-" {
		e.Add("content_type", kind)
	}
	return true
}
