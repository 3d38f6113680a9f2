package weberror

import (
	"slices"
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/textlog"
)

// litespeedBegin reads "2026-03-09 09:00:00.774649 [NOTICE] [1226033] ".
func litespeedBegin(line string) (dates.Stamp, int, bool) {
	const micros = len("2026-03-09 09:00:00.774649")
	s, n := dates.ISO(line)
	if n != micros || !strings.HasPrefix(line[n:], " [") {
		return s, 0, false
	}
	level, rest, ok := strings.Cut(line[n+2:], "] ")
	return s, n + 1, ok && len(level) <= 8 && level != "" && strings.Trim(level, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && rest != ""
}

// litespeedSure asks for the process.
func litespeedSure(line string) bool {
	_, n, ok := litespeedBegin(line)
	if !ok {
		return false
	}
	_, rest, _ := strings.Cut(line[n:], "] ")
	pid, _, _ := strings.Cut(strings.TrimPrefix(rest, "["), "]")
	return strings.HasPrefix(rest, "[") && pid != "" && strings.Trim(pid, "0123456789") == ""
}

// litespeed reads "[NOTICE] [1226033] [192.0.2.7:45164:HTTP2-41#vhost] words".
func litespeed(e *textlog.Entry) {
	level, rest, _ := strings.Cut(e.Words()[1:], "] ")
	e.Add("severity", level)
	if pid, after, ok := strings.Cut(rest, "] "); ok && strings.HasPrefix(rest, "[") && e.Digits("pid", pid[1:]) {
		rest = after
	}
	if who, after, ok := strings.Cut(rest, "] "); ok && strings.HasPrefix(rest, "[") && strings.IndexByte(who, ':') > 0 {
		client, vhost, _ := strings.Cut(who[1:], "#")
		address, port, _ := strings.Cut(client, ":")
		if at := strings.IndexAny(port, ":-"); at >= 0 {
			port = port[:at]
		}
		e.Add("ip_address", address)
		e.Digits("client_port", port)
		e.Add("server_name", vhost)
		rest = after
	}
	line, _, _ := strings.Cut(strings.TrimPrefix(rest, "[STDERR] "), "\n")
	e.MatchNew(litespeedSays, line)
	e.Add("body", rest)
	e.Message = e.Join("[", level, "] ", rest)
}

var litespeedSays = []textlog.Pattern{
	say("login_failed", "failure", "[WebAdmin Console] Failed Login Attempt - username:{username*} ip:{ip_address@}"),
	say("login_failed", "failure", "User '{username*}' failed to authenticate"),
	say("not_found", "", "File not found [{filename}]"),
}

// nextcloud is data/nextcloud.log: of a login that failed, the last address is the server's word.
var nextcloud = textlog.JSONLog{
	Name: "nextcloud", Type: "nextcloud:log:entry", Marks: []string{`"reqId":`, `"remoteAddr":`}, Time: "time", Say: "message",
	Names: map[string]string{
		"reqId": "request_identifier", "level": "level", "remoteAddr": "ip_address", "user": "username", "app": "application", "method": "http_request_method", "url": "url", "userAgent": "http_request_user_agent", "version": "application_version",
		"exception.Message": "exception", "exception.Exception": "exception_class",
	},
	Done: func(e *textlog.Entry) {
		e.Fields = slices.DeleteFunc(e.Fields, func(f timeline.Field) bool { return f.Name == "username" && f.String() == "--" })
		if user, ok := strings.CutPrefix(e.Message, "Login failed: "); ok {
			if at := strings.LastIndex(user, " (Remote IP: "); at >= 0 {
				user = user[:at]
			}
			e.Did("login_failed", "failure")
			e.Add("username", user)
		}
		e.MatchNew(nextcloudSays, e.Message)
	},
}

var nextcloudSays = []textlog.Pattern{
	say("domain_refused", "failure", "Trusted domain error. \"{ip_address}\" tried to access using \"{http_host}\" as host."),
	say("login_failed", "failure", "Bruteforce attempt from \"{ip_address}\" detected for action \"{operation}\"."),
}
