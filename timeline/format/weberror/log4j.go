package weberror

import (
	"strings"

	"spor/timeline/dates"
	"spor/timeline/textlog"
)

// log4jBegin reads what Atlassian's products write: "2026-03-09 09:00:00,489 INFO [thread] [logger.of.Class] method words" of
// Confluence, and "2026-03-09 09:00:00,489+0100 http-nio-8080-exec-1 url: /x; user: eve INFO eve 541x3x1 - 192.0.2.7 /x [c.a.j.Class]
// words" of Jira.
func log4jBegin(line string) (dates.Stamp, int, bool) {
	const milliseconds = len("2026-03-09 09:00:00,489")
	s, n := dates.ISO(line)
	if n < milliseconds || n >= len(line) || line[n] != ' ' || line[19] != ',' {
		return s, 0, false
	}
	l := log4jOf(line[n+1:])
	return s, n + 1, l.severity != "" && l.logger != ""
}

// A log4jLine is what stands behind the date.
type log4jLine struct{ severity, thread, who, logger, said string }

// log4jOf takes a line apart; without severity and logger it is none.
func log4jOf(s string) (l log4jLine) {
	first, rest, _ := strings.Cut(s, " ")
	if isLog4jLevel(first) {
		thread, after, ok := strings.Cut(strings.TrimLeft(rest, " "), "] [")
		if !ok || !strings.HasPrefix(thread, "[") {
			return log4jLine{}
		}
		l.severity, l.thread = first, thread[1:]
		l.logger, l.said, _ = strings.Cut(after, "] ")
	} else {
		line, _, _ := strings.Cut(rest, "\n")
		head, after, ok := strings.Cut(line, " [")
		if !ok {
			return log4jLine{}
		}
		for word := range strings.FieldsSeq(head) {
			if isLog4jLevel(word) {
				l.severity = word
				break
			}
		}
		_, l.who, _ = strings.Cut(head, l.severity+" ")
		l.thread = first
		l.logger, _, _ = strings.Cut(after, "] ")
		_, l.said, _ = strings.Cut(rest, "] ")
	}
	if strings.IndexByte(l.logger, '.') < 0 || strings.ContainsAny(l.logger, "=; ") {
		return log4jLine{}
	}
	return l
}

func isLog4jLevel(s string) bool {
	switch s {
	case "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL":
		return true
	}
	return false
}

func log4j(e *textlog.Entry) {
	l := log4jOf(e.Words())
	e.Add("severity", l.severity)
	e.Add("thread", l.thread)
	e.Add("module", l.logger)
	if who := strings.Fields(l.who); len(who) > 2 { // "eve 541x3x1 session 192.0.2.7,10.0.0.1 /url"
		e.Add("username", strings.TrimPrefix(who[0], "anonymous"))
		for _, word := range who[1:] {
			address, _, _ := strings.Cut(word, ",")
			switch {
			case strings.HasPrefix(word, "/"):
				e.Add("url", word)
			case strings.Count(address, ".") == 3 && strings.Trim(address, ".0123456789") == "" || strings.Count(address, ":") > 1:
				e.Add("ip_address", address)
			}
		}
	}
	line, _, _ := strings.Cut(l.said, "\n")
	e.MatchNew(log4jSays, line)
	e.Add("body", l.said)
	e.Message = e.Join("[", l.severity, "] ", l.said)
}

// log4jSays are Jira's and Confluence's words about logins and what is installed (com.atlassian.seraph, atlassian-plugins).
var log4jSays = []textlog.Pattern{
	say("login", "success", "The user '{username*}' has PASSED authentication"),
	say("login_failed", "failure", "The user '{username*}' has FAILED authentication"),
	say("login_failed", "failure", "login : '{username*}' tried to login but they do not have USE permission"),
	say("login_failed", "failure", "The user '{username*}' is required to answer a CAPTCHA elevated security check"),
	say("application_deployed", "", "Installed plugin {plugin}"),
}
