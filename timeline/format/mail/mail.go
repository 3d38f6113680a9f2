// Package mail reads the logs that mail servers write themselves, apart from syslog: Exim's main, reject and panic log (The
// Exim Specification 4.97, 53), Dovecot's (doc.dovecot.org, Logging), also with labels of multilog, Roundcube Webmail's
// (program/lib/Roundcube/rcube.php, write_log), Zimbra's audit and mailbox logs
// (conf/log4j.properties), Kerio Connect's and Domino's. What the words mean is in package daemons.
package mail

import (
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/daemons"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package.
var Formats = []*timeline.Format{
	(&textlog.Dialect{Name: "dovecot", Type: "dovecot:log:entry", Begin: dovecotBegin, Read: dovecot}).Format(),
	(&textlog.Dialect{Name: "exim", Type: "exim:log:entry", Begin: eximBegin, Sure: eximSure, Read: exim}).Format(),
	(&textlog.Dialect{Name: "roundcube", Type: "roundcube:log:entry", Begin: roundcubeBegin, Sure: roundcubeSure, Read: roundcube}).Format(),
	(&textlog.Dialect{Name: "zimbra", Type: "zimbra:log:entry", Begin: zimbraBegin, Read: zimbra}).Format(),
	(&textlog.Dialect{Name: "kerio", Type: "kerio:log:entry", Begin: kerioBegin, Sure: kerioSure, Read: kerio}).Format(),
	(&textlog.Dialect{Name: "domino", Type: "domino:log:entry", Begin: dominoBegin, Sure: dominoSure, Read: domino}).Format(),
}

// dovecotBegin reads a date and " imap-login: Info: ", " auth-worker(5): Info: ".
func dovecotBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.TAI64N(line)
	if n == 0 {
		if s, n = dates.BSD(line); n == 0 {
			s, n = dates.ISO(line)
		}
	}
	if n == 0 || n >= len(line) || line[n] != ' ' {
		return s, 0, false
	}
	at, _ := level(line[n:min(len(line), n+200)])
	return s, n, at > 0 || s.Zoned && line[0] == '@'
}

// level finds ": Info: " and the like, and its end.
func level(s string) (at, end int) {
	for _, word := range [...]string{": Info: ", ": Error: ", ": Warning: ", ": Debug: ", ": Fatal: ", ": Panic: "} {
		if at := strings.Index(s, word); at >= 0 {
			return at, at + len(word)
		}
	}
	return -1, 0
}

func dovecot(e *textlog.Entry) {
	words := strings.TrimPrefix(e.Words(), " ")
	at, end := level(words)
	service, said := "dovecot", words
	if at >= 0 {
		service, said = words[:at], words[end:]
		e.Add("severity", words[at+2:end-2])
	} else if name, rest, ok := strings.Cut(words, ": "); ok {
		service, said = name, rest
	}
	e.Add("reporter", service)
	switch {
	case strings.HasPrefix(service, "auth("): // who is told before the level
		daemons.Read(&e.Fields, "dovecot", words)
	case strings.Contains(said, "rip="):
		daemons.Read(&e.Fields, "dovecot", e.Join(service, ": ", said))
	default:
		daemons.Read(&e.Fields, "dovecot", said)
	}
	e.Add("body", said)
	e.Message = e.Join("[", service, "] ", said)
}

// eximBegin reads the date, which may stand behind "host exim[pid]: " where a collector wrote the line.
func eximBegin(line string) (dates.Stamp, int, bool) {
	_, _, said := collected(line)
	s, n := dates.ISO(said)
	return s, len(line) - len(said) + n, n > 0 && n < len(said) && said[n] == ' '
}

// collected splits "host exim[pid]: words"; of anything else, all of it are the words.
func collected(line string) (host, pid, said string) {
	host, rest, _ := strings.Cut(line, " ")
	if rest, ok := strings.CutPrefix(rest, "exim["); ok {
		if pid, said, ok = strings.Cut(rest, "]: "); ok {
			return host, pid, said
		}
	}
	return "", "", line
}

// eximSure tells a line with a message's identifier or one of Exim's sentences.
func eximSure(line string) bool {
	_, n, ok := eximBegin(line)
	var f textlog.Fields
	if ok {
		daemons.Exim(&f, strings.TrimPrefix(line[n:], " "))
	}
	return len(f) > 0 || strings.Contains(line, " exim ") || strings.Contains(line, "queue run")
}

func exim(e *textlog.Entry) {
	said := strings.TrimSpace(e.Words())
	host, pid, _ := collected(e.Text[:e.At])
	if host == "" { // the collector's own date may come first
		host, pid, said = collected(said)
	}
	e.Add("hostname", host)
	e.Digits("pid", pid)
	daemons.Exim(&e.Fields, said)
	e.Add("body", said)
	e.Message = said
	if said == "" {
		e.Message = "(empty line)"
	}
}

// roundcubeBegin reads "[09-Mar-2026 09:00:00 +0100]: ".
func roundcubeBegin(line string) (dates.Stamp, int, bool) {
	if len(line) < 28 || line[0] != '[' {
		return dates.Stamp{}, 0, false
	}
	s, n := dates.Apache(line[1:])
	return s, n + len("[]: "), n > 0 && line[3] == '-' && strings.HasPrefix(line[1+n:], "]: ")
}

// roundcubeSure asks for a session, a word of its own, or a login.
func roundcubeSure(line string) bool {
	_, n, ok := roundcubeBegin(line)
	if !ok {
		return false
	}
	var f textlog.Fields
	daemons.Roundcube(&f, line[n:])
	return f.Has("session") || f.Has("action")
}

func roundcube(e *textlog.Entry) {
	words := e.Words()
	daemons.Roundcube(&e.Fields, words)
	e.Add("body", words)
	e.Message = words
}

// zimbraLevels are log4j's, as its layout pads them.
var zimbraLevels = [...]string{"INFO  [", "WARN  [", "ERROR [", "DEBUG [", "FATAL ["}

// zimbraBegin reads "2026-03-09 09:00:00,616 INFO  [qtp93314457-137:https://…] [name=eve;oip=192.0.2.7;] soap - words".
func zimbraBegin(line string) (dates.Stamp, int, bool) {
	const milliseconds = len("2026-03-09 09:00:00,616")
	s, n := dates.ISO(line)
	if n != milliseconds || n >= len(line) {
		return s, 0, false
	}
	for _, level := range zimbraLevels {
		if rest, ok := strings.CutPrefix(line[n+1:], level); ok {
			_, context, ok := strings.Cut(rest, "] [")
			_, said, ok2 := strings.Cut(context, "] ")
			return s, n, ok && ok2 && strings.Contains(said, " - ")
		}
	}
	return s, 0, false
}

func zimbra(e *textlog.Entry) {
	level, rest, _ := strings.Cut(e.Words()[1:], "[")
	thread, rest, _ := strings.Cut(rest, "] [")
	context, said, _ := strings.Cut(rest, "] ")
	e.Add("severity", strings.TrimSpace(level))
	line, _, _ := strings.Cut(said, "\n")
	daemons.Zimbra(&e.Fields, line)
	for part := range strings.SplitSeq(context, ";") {
		k, v, _ := strings.Cut(part, "=")
		switch k {
		case "name":
			e.Add("username", v)
		case "oip": // of who asked first; ip is a proxy's
			e.Add("ip_address", v)
		case "oport", "port":
			e.Digits("port", v)
		case "ua":
			e.Add("user_agent", v)
		}
	}
	if _, ip, ok := strings.Cut(context, "ip="); ok && !e.Has("ip_address") {
		ip, _, _ = strings.Cut(ip, ";")
		e.Add("ip_address", ip)
	}
	e.Add("thread", thread)
	e.Add("body", said)
	e.Message = said
}
