// Package php reads what PHP itself logs: the error log of scripts, in which a web shell or an exploit that failed shows with
// the file it lies in, PHP-FPM's own log, and its log of slow scripts.
//
//   - PHP 8.3: main/main.c, php_log_err_with_severity: "[09-Mar-2026 09:00:00 Europe/Oslo] PHP Warning:  … in FILE on line 3"
//   - PHP-FPM 8.3: sapi/fpm/fpm/zlog.c: "[09-Mar-2026 09:00:00.123456] NOTICE: …", in local time
//   - sapi/fpm/fpm/fpm_request.c and fpm_php_trace.c: "[09-Mar-2026 09:00:00]  [pool www] pid 7", then a trace
//
// A zone that is not UTC is named in zone_told: the time is taken as the host's zone has it, which zone_assumed says.
package php

import (
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/web"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package, the strictest first.
var Formats = []*timeline.Format{
	(&textlog.Dialect{Name: "php_fpm_slow", Type: "php:fpm:slow", Begin: slowBegin, Read: slow}).Format(),
	(&textlog.Dialect{Name: "php_fpm", Type: "php:fpm:entry", Begin: fpmBegin, Read: fpm}).Format(),
	(&textlog.Dialect{Name: "php_error", Type: web.Error, Begin: dated, Sure: errorSure, Read: scriptError}).Format(),
}

// dated reads "[09-Mar-2026 09:00:00 Europe/Oslo] ".
func dated(line string) (dates.Stamp, int, bool) {
	if len(line) < 23 || line[0] != '[' || line[3] != '-' {
		return dates.Stamp{}, 0, false
	}
	s, n := dates.Apache(line[1:])
	if n == 0 {
		return s, 0, false
	}
	end := strings.IndexByte(line[n:min(len(line), n+maxZone)], ']')
	return s, n + end + 1, end > 0
}

const maxZone = 64 // bytes that the name of a zone may have

// The words that begin a message by its kind (main/main.c, php_error_cb).
var kinds = []struct{ words, severity string }{
	{"PHP Fatal error:", "fatal"},
	{"PHP Recoverable fatal error:", "fatal"},
	{"PHP Parse error:", "fatal"},
	{"PHP Warning:", "warning"},
	{"PHP Notice:", "notice"},
	{"PHP Deprecated:", "deprecated"},
	{"PHP Strict Standards:", "notice"},
	{"PHP Stack trace:", "trace"},
	{"PHP Unknown error:", "unknown"},
}

// errorSure asks for what PHP itself says; a script may write anything.
func errorSure(line string) bool {
	_, at, ok := dated(line)
	if !ok {
		return false
	}
	words := strings.TrimPrefix(line[at:], " ")
	return strings.HasPrefix(words, "PHP ") || strings.Contains(line[:at], " UTC]") || strings.IndexByte(line[:at], '/') > 0
}

func scriptError(e *textlog.Entry) {
	if head := e.Text[:e.At]; !e.Stamp.Zoned {
		if at := strings.LastIndexByte(head, ' '); at > len("[09-Mar-2026 ") {
			e.Add("zone_told", strings.TrimSuffix(head[at+1:], "]"))
		}
	}
	words := strings.TrimSpace(e.Words())
	said := words
	for i := range kinds {
		if rest, ok := strings.CutPrefix(words, kinds[i].words); ok {
			e.Add("severity", kinds[i].severity)
			said = strings.TrimSpace(rest)
			break
		}
	}
	place(e, said)
	e.Add("module", "php")
	e.Add("body", said)
	e.Message = words
	if words == "" {
		e.Message = "(empty line)"
	}
}

// place reads " in /var/www/x.php on line 3" or " in /var/www/x.php:3"; the last such words count, for a message may hold a
// stranger's.
func place(e *textlog.Entry, said string) {
	first, _, trace := strings.Cut(said, "\n")
	if last := strings.LastIndex(said, "\n  thrown in "); trace && last >= 0 {
		first = said[last+1:]
	}
	at := strings.LastIndex(first, " in ")
	if at < 0 {
		return
	}
	where := first[at+len(" in "):]
	file, line, ok := strings.Cut(where, " on line ")
	if !ok {
		colon := strings.LastIndexByte(where, ':')
		if colon < 0 {
			return
		}
		file, line = where[:colon], where[colon+1:]
	}
	if _, ok := textlog.Atoi(line); !ok {
		return
	}
	e.Add("filename", file)
	e.Digits("line", line)
}

// levels are those of zlog.c.
var levels = [...]string{"DEBUG", "NOTICE", "WARNING", "ERROR", "ALERT"}

// fpmBegin reads "[09-Mar-2026 09:00:00.123456] NOTICE: ", with a process or function behind the date where it debugs.
func fpmBegin(line string) (dates.Stamp, int, bool) {
	s, at, ok := bare(line)
	if !ok || at >= len(line) || line[at] != ' ' {
		return s, 0, false
	}
	for _, level := range levels {
		if strings.HasPrefix(line[at+1:], level) && strings.HasPrefix(line[at+1+len(level):], ": ") {
			return s, at + 1, true
		}
	}
	return s, 0, false
}

// bare reads a date in brackets without a zone.
func bare(line string) (dates.Stamp, int, bool) {
	if len(line) < 23 || line[0] != '[' || line[3] != '-' {
		return dates.Stamp{}, 0, false
	}
	s, n := dates.Apache(line[1:])
	return s, n + 2, n > 0 && !s.Zoned && n+1 < len(line) && line[n+1] == ']'
}

var fpmSays = []textlog.Pattern{
	textlog.Say("script_said", "", "[pool {pool}] child {pid#} said into stderr: \"{detail*}\""),
	textlog.Say("script_said", "", "[pool {pool}] child {pid#} said into stdout: \"{detail*}\""),
	textlog.Say("crash", "", "[pool {pool}] child {pid#} exited on signal {signal#} ({signal_name})"),
	textlog.Say("stopped", "", "[pool {pool}] child {pid#} exited with code {exit_status#}"),
	textlog.Say("started", "", "[pool {pool}] child {pid#} started"),
	textlog.Say("script_slow", "", "[pool {pool}] child {pid#}, script '{filename*}' (request: \"{request*}\") executing too slow ({seconds} sec), logging"),
	textlog.Say("script_killed", "", "[pool {pool}] child {pid#}, script '{filename*}' (request: \"{request*}\") execution timed out ({seconds} sec), terminating"),
	textlog.Say("limited", "", "[pool {pool}] server reached pm.max_children setting ({limit#})"),
	textlog.Say("access_denied", "failure", "Access to the script '{filename*}' has been denied (see security.limit_extensions)"),
	textlog.Say("started", "", "fpm is running, pid {pid#}"),
	textlog.Say("stopped", "", "exiting, bye-bye!"),
	textlog.Say("reloaded", "", "Reloading in progress"),
}

func fpm(e *textlog.Entry) {
	level, said, _ := strings.Cut(strings.TrimSpace(e.Words()), ": ")
	e.Add("severity", strings.ToLower(level))
	e.Match(fpmSays, said)
	e.Add("body", said)
}

// slowBegin reads "[09-Mar-2026 09:00:00]  [pool www] pid 7".
func slowBegin(line string) (dates.Stamp, int, bool) {
	s, at, ok := bare(line)
	return s, at, ok && strings.HasPrefix(line[at:], "  [pool ")
}

var slowSays = []textlog.Pattern{textlog.Say("script_slow", "", "[pool {pool}] pid {pid#}")}

// slow reads the script and its innermost call, which a trace begins with.
func slow(e *textlog.Entry) {
	first, rest, _ := strings.Cut(strings.TrimSpace(e.Words()), "\n")
	e.Match(slowSays, first)
	script, trace, _ := strings.Cut(rest, "\n")
	script, ok := strings.CutPrefix(script, "script_filename = ")
	if ok {
		e.Add("filename", script)
	}
	call, _, _ := strings.Cut(trace, "\n")
	if _, name, ok := strings.Cut(call, "] "); ok {
		e.Add("call", name)
	}
	e.Add("body", rest)
	e.Message = strings.TrimSpace(e.Join("slow: ", script, " ", call))
}
