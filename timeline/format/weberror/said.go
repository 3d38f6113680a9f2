package weberror

import (
	"strings"

	"spor/timeline/textlog"
)

var say = textlog.Say

// What servers say of logins and of what they refuse.
var (
	// httpd 2.4: modules/aaa, server/core.c, server/mpm; 2.2 says the same without numbers.
	apacheSays = []textlog.Pattern{
		say("login_failed", "failure", "user {username*}: authentication failure for \"{url}\": {reason}"),
		say("access_denied", "failure", "user {username*}: authorization failure for \"{url}\""),
		say("login_failed", "failure", "user {username*}: password mismatch: {url}"),
		say("login_failed", "failure", "user `{username*}' in realm `{realm}' not found: {url}"),
		say("login_failed", "failure", "user {username*} not found: {url}"),
		say("login_failed", "failure", "user {username*} not found{.}"),
		say("login_failed", "failure", "client used wrong authentication scheme: {url}"),
		say("login_failed", "failure", "invalid nonce {} received - {reason}"),
		say("login_failed", "failure", "realm mismatch - {reason}"),
		say("login_failed", "failure", "invalid qop {} received: {url}"),
		say("login_failed", "failure", "unknown algorithm {} received: {url}"),
		say("access_denied", "failure", "Authorization of user {username*} to access {url} failed, reason: {reason}"),
		say("access_denied", "failure", "client denied by server configuration: {filename}"),
		say("access_denied", "failure", "Directory index forbidden by Options directive: {filename}"),
		say("not_found", "", "File does not exist: {filename}"),
		say("not_found", "", "script '{filename}' not found or unable to stat"),
		say("not_found", "", "script not found or unable to stat: {filename}"),
		say("request_refused", "failure", "Invalid URI in request {http_request}"),
		say("request_refused", "failure", "invalid URI path ({url*}){.}"),
		say("request_refused", "failure", "Invalid method in request {http_request}"),
		say("request_refused", "failure", "request failed: {reason}"),
		say("stopped", "", "caught SIGTERM, shutting down"),
		say("started", "", "{server_version} configured -- resuming normal operations"),
	}
	// nginx 1.24: ngx_http_auth_basic_module.c, ngx_http_access_module.c, ngx_http_core_module.c, ngx_http_limit_req_module.c.
	nginxSays = []textlog.Pattern{
		say("login_failed", "failure", "user \"{username*}\" was not found in \"{filename}\""),
		say("login_failed", "failure", "user \"{username*}\": password mismatch"),
		say("access_denied", "failure", "access forbidden by rule"),
		say("access_denied", "failure", "directory index of \"{filename}\" is forbidden"),
		say("not_found", "", "open() \"{filename*}\" failed (2: {reason})"),
		say("limited", "failure", "limiting requests, excess: {} by zone \"{limit_zone}\""),
		say("limited", "failure", "limiting connections by zone \"{limit_zone}\""),
	}
	// Tomcat 8 to 11: org.apache.catalina.startup and realm, LocalStrings.properties.
	tomcatSays = []textlog.Pattern{
		say("application_deployed", "", "Deploying web application archive [{filename}]"),
		say("application_deployed", "", "Deploying web application directory [{filename}]"),
		say("application_deployed", "", "Deploying deployment descriptor [{filename}]"),
		say("application_deployed", "", "Deploying web application archive {filename}"),
		say("application_deployed", "", "Deploying web application directory {filename}"),
		say("application_removed", "", "Undeploying context [{context}]"),
		say("application_reloaded", "", "Reloading context [{context}]"),
		say("login_failed", "failure", "An attempt was made to authenticate the locked user [{username*}]"),
		say("login_failed", "failure", "An attempt was made to authenticate the locked user \"{username*}\""),
		say("started", "", "Server startup in {}"),
		say("stopped", "", "Stopping service [{service}]"),
	}
	// lighttpd 1.4: mod_auth.c, http_auth.c before.
	lighttpdSays = []textlog.Pattern{
		say("login_failed", "failure", "password doesn't match for {url} username: {username*}, IP: {ip_address@}"),
		say("login_failed", "failure", "password doesn't match for {url} username: {username*} IP: {ip_address@}"),
		say("login_failed", "failure", "digest: auth failed for {username*} : {reason}, IP: {ip_address@}"),
		say("login_failed", "failure", "digest: auth failed for {username*}: {reason} IP: {ip_address@}"),
		say("login_failed", "failure", "get_password failed, IP: {ip_address@}"),
		say("login_failed", "failure", "get_password failed, IP: {ip_address}"),
		say("started", "", "server started ({server_version})"),
		say("stopped", "", "server stopped by {reason}"),
	}
)

// told adds what a server or its firewall says was done.
func told(e *textlog.Entry, says []textlog.Pattern, words string) {
	if at := strings.Index(words, "ModSecurity: "); at >= 0 && strings.IndexByte(words[:at], ' ') < 0 || strings.HasPrefix(words, "[client ") && at > 0 {
		modSecurity(e, words[at:])
		return
	}
	line, _, _ := strings.Cut(words, "\n")
	e.MatchNew(says, line)
}

// ruleParts are what ModSecurity says of a rule, by its tag (ModSecurity 2.9 and 3 Reference Manuals, Actions), and the field.
var ruleParts = [...][2]string{{`[id "`, "rule_identifier"}, {`[msg "`, "rule_name"}, {`[uri "`, "url"}, {`[hostname "`, "server_name"}, {`[data "`, "matched"}, {`[unique_id "`, "request_identifier"}}

// modSecurity reads `ModSecurity: Access denied with code 403 (phase 2). … [id "942100"] [msg "…"] …`. Each tag counts the
// first time: what the client sent stands in "data".
func modSecurity(e *textlog.Entry, words string) {
	verdict := words
	if at := strings.Index(words, "Access denied "); at >= 0 {
		verdict = words[at:]
		e.Did("request_blocked", "failure")
	} else {
		e.Did("request_flagged", "")
	}
	if code, ok := strings.CutPrefix(verdict, "Access denied with code "); ok {
		code, _, _ = strings.Cut(code, " ")
		e.Digits("http_response_code", code)
	}
	for _, p := range ruleParts {
		_, rest, _ := strings.Cut(words, p[0])
		v, _, ok := strings.Cut(rest, `"]`)
		if ok && !e.Has(p[1]) {
			e.Add(p[1], v)
		}
	}
}

// place says how long the place in Apache's source and the error of the system are that may stand before the client:
// "mod_rewrite.c(470): " and "(13)Permission denied: ".
func place(s string) int {
	head := s[:min(len(s), 200)]
	client := strings.Index(head, ": [client ")
	if client < 0 {
		return 0
	}
	if name, line, ok := strings.Cut(head[:client], ".c("); ok && strings.IndexByte(name, ' ') < 0 && len(line) > 0 && line[0]-'0' <= 9 {
		return client + 2
	}
	if head[0] == '(' && len(head) > 2 && head[1]-'0' <= 9 {
		return client + 2
	}
	return 0
}
