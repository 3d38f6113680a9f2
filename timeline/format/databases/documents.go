package databases

import (
	"slices"
	"strings"

	"spor/timeline/dates"
	"spor/timeline/textlog"
)

// mongoJSON is the log of MongoDB since 4.4: t, s, c, id, ctx, msg and attr, in this order.
var mongoJSON = textlog.JSONLog{
	Name: "mongodb_json", Type: "mongodb:log:entry", Marks: []string{`"t":{"$date":`, `"ctx":`, `"msg":`}, Time: "t.$date", Say: "msg",
	Names: map[string]string{
		"s": "severity", "c": "component", "id": "message_identifier", "ctx": "context", "msg": "body",
		"attr.remote": "remote", "attr.client": "client", "attr.connectionId": "connection", "attr.ns": "namespace", "attr.namespace": "namespace",
		"attr.principalName": "username", "attr.user": "username", "attr.principal": "username", "attr.authenticationDatabase": "database", "attr.db": "database", "attr.mechanism": "authentication_method",
		"attr.error": "reason", "attr.result": "reason", "attr.appName": "application", "attr.doc.application.name": "application", "attr.doc.driver.name": "driver",
		"attr.durationMillis": "duration_milliseconds", "attr.pid": "server_pid", "attr.dbPath": "folder", "attr.host": "hostname", "attr.address": "listen_address", "attr.port": "listen_port",
	},
	Done: mongoDone,
}

// mongoSays are the words of MongoDB (src/mongo/transport, src/mongo/db/auth, src/mongo/db/commands).
var mongoSays = []textlog.Pattern{
	say("connection_opened", "", "Connection accepted"),
	say("connection_closed", "", "Connection ended"),
	say("connection_opened", "", "connection accepted from {ip_address@}:{port#}"),
	say("connection_closed", "", "end connection {ip_address@}:{port#}"),
	say("login", "success", "Successfully authenticated as principal {username*} on {database@} from client {ip_address@}:{port#}"),
	say("login", "success", "Successfully authenticated as principal {username*} on {database}"),
	say("login", "success", "Successfully authenticated"),
	say("login", "success", "Authentication succeeded"),
	say("login_failed", "failure", "Failed to authenticate {username}@{database@} with mechanism {authentication_method@}: {reason}"),
	say("login_failed", "failure", "{authentication_method@} authentication failed for {username*} on {database@} from client {ip_address@}:{port#}"),
	say("login_failed", "failure", "Authentication failed"),
	say("query_slow", "", "Slow query"),
	say("database_dropped", "", "dropDatabase"),
	say("collection_dropped", "", "CMD: drop"),
	say("started", "", "MongoDB starting"),
	say("stopped", "", "shutting down"),
	say("client_metadata", "", "client metadata"),
}

// mongoDone takes the address of the other side apart, and says what was done.
func mongoDone(e *textlog.Entry) {
	for i := range e.Fields {
		if name := e.Fields[i].Name; name != "remote" && name != "client" {
			continue
		}
		s := e.Fields[i].String()
		if at := strings.LastIndexByte(s, ':'); at > 0 { // the client is a context in some messages: "conn1"
			e.Fields = slices.Delete(e.Fields, i, i+1)
			e.Add("ip_address", strings.Trim(s[:at], "[]"))
			e.Digits("port", s[at+1:])
			break
		}
	}
	e.MatchNew(mongoSays, e.Message)
}

// mongoBegin reads "2017-02-03T22:05:27.010+0000 I NETWORK  [conn1] " and, before 3.0, the same without severity and
// component.
func mongoBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.RFC3339(line)
	if n < 28 || n >= len(line) || line[n] != ' ' {
		return s, 0, false
	}
	_, _, context, _, ok := mongoWords(line[n:])
	return s, n, ok && context != ""
}

// mongoSure asks for a component, or a context that only this server has.
func mongoSure(line string) bool {
	_, n, ok := mongoBegin(line)
	if !ok {
		return false
	}
	_, component, context, _, _ := mongoWords(line[n:])
	return component != "" || context == "initandlisten" || strings.HasPrefix(context, "conn") && len(context) > 4 && context[4]-'0' <= 9
}

// mongoWords reads " I NETWORK  [conn1] text".
func mongoWords(s string) (severity, component, context, said string, ok bool) {
	s = strings.TrimLeft(s, " ")
	if len(s) > 2 && s[0] != '[' {
		severity, s, _ = strings.Cut(s, " ")
		if len(severity) > 2 || strings.IndexByte("FEWID", severity[0]) < 0 {
			return "", "", "", "", false
		}
		component, s, _ = strings.Cut(s, " ")
		if component == "" || strings.Trim(component, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-0123456789") != "" {
			return "", "", "", "", false
		}
		s = strings.TrimLeft(s, " ")
	}
	if !strings.HasPrefix(s, "[") {
		return "", "", "", "", false
	}
	context, said, ok = strings.Cut(s[1:], "] ")
	return severity, component, context, strings.TrimLeft(said, " "), ok && context != "" && len(context) < 64 && strings.IndexByte(context, ' ') < 0
}

func mongo(e *textlog.Entry) {
	severity, component, context, said, _ := mongoWords(e.Words())
	e.Add("severity", severity)
	if component != "-" {
		e.Add("component", component)
	}
	e.Add("context", context)
	e.MatchNew(mongoSays, said)
	e.Add("body", said)
	e.Message = e.Join("[", context, "] ", said)
}

// redisRoles are what a process of Redis is: the character behind its number.
var redisRoles = map[byte]string{'M': "primary", 'S': "replica", 'C': "child", 'X': "sentinel"}

// signalHandler begins what Redis writes while it handles a signal, when it cannot reckon a date: the seconds follow.
const signalHandler = "signal-handler ("

// redisBegin reads "98738:M 30 May 2017 12:23:52.442 * ", without the year before 5.0, and "[2932] 31 May 04:32:08 * " of 2.
func redisBegin(line string) (dates.Stamp, int, bool) {
	var at int
	switch {
	case line == "":
		return dates.Stamp{}, 0, false
	case line[0] == '[':
		at = strings.IndexByte(line, ']')
	default:
		at = strings.IndexByte(line, ':') + 1
		if at >= len(line) || redisRoles[line[at]] == "" && !strings.HasPrefix(line[at:], signalHandler) {
			return dates.Stamp{}, 0, false
		}
	}
	if strings.HasPrefix(line[max(at, 0):], signalHandler) {
		s, n := dates.Epoch(line[at+len(signalHandler):])
		return s, at + len(signalHandler) + n, n > 0 && at > 1 && strings.HasPrefix(line[at+len(signalHandler)+n:], ") ")
	}
	if at < 2 || at+2 >= len(line) || line[at+1] != ' ' || strings.Trim(line[:at], "[0123456789:") != "" {
		return dates.Stamp{}, 0, false
	}
	at += 2
	day, rest, ok := strings.Cut(line[at:], " ")
	if !ok || len(day) > 2 || len(rest) < 4 || rest[3] != ' ' {
		return dates.Stamp{}, 0, false
	}
	var b [32]byte // "May 30 2017 12:23:52.442"
	turned := append(append(append(b[:0], rest[:4]...), day...), rest[3:min(len(rest), 26)]...)
	s, n := dates.BSD(string(turned))
	if at += n; n == 0 || at+2 >= len(line) || line[at] != ' ' || strings.IndexByte(".-*#", line[at+1]) < 0 || line[at+2] != ' ' {
		return dates.Stamp{}, 0, false
	}
	return s, at + 1, true
}

// redisLevels are Redis's characters for how much it matters.
var redisLevels = map[byte]string{'.': "debug", '-': "verbose", '*': "notice", '#': "warning"}

// redisSays are Redis's words for what an intruder does to it, and what is about clients (src/networking.c, replication.c, rdb.c).
var redisSays = []textlog.Pattern{
	say("connection_opened", "", "Accepted {ip_address@}:{port#}"),
	say("connection_closed", "", "Client closed connection"),
	say("replication", "", "Connecting to MASTER {ip_address@}:{port#}"),
	say("replication", "", "REPLICAOF {ip_address@}:{port#} enabled"),
	say("replication", "", "SLAVE OF {ip_address@}:{port#} enabled"),
	say("replication", "", "Replica {ip_address@}:{port#} asks for synchronization"),
	say("replication_stopped", "", "MASTER MODE enabled"),
	say("security_attack", "failure", "Possible SECURITY ATTACK detected."),
	say("module_loaded", "", "Module '{module}' loaded from {filename}"),
	say("database_saved", "success", "DB saved on disk"),
	say("database_saved", "failure", "Failed opening the RDB file {filename} ({}) for saving: {reason}"),
	say("database_saved", "failure", "Failed opening the temp RDB file {filename} ({}) for saving: {reason}"),
	say("started", "", "Ready to accept connections"),
	say("started", "", "The server is now ready to accept connections"),
	say("stopped", "", "Redis is now ready to exit"),
	say("stopped", "", "User requested shutdown"),
	say("stopped", "", "Received SIG{signal@} scheduling shutdown"),
}

func redis(e *textlog.Entry) {
	head := e.Text[:e.At]
	words := e.Words()
	if pid, role, ok := strings.Cut(head, ":"); ok && head[0] != '[' {
		e.Digits("pid", pid)
		e.Add("role", redisRoles[role[0]])
	} else {
		pid, _, _ = strings.Cut(head[1:], "]")
		e.Digits("pid", pid)
	}
	said := words[2:] // behind the level, or ")"
	e.Add("severity", redisLevels[words[0]])
	e.Match(redisSays, said)
	e.Add("body", said)
	e.Message = said
}

// elasticBegin reads "[2026-03-09T09:00:00,177][INFO ][o.e.n.Node] [node] words" of Elasticsearch and OpenSearch before, and
// beside, their logs in JSON (log4j2.properties).
func elasticBegin(line string) (dates.Stamp, int, bool) {
	if len(line) < 40 || line[0] != '[' || line[11] != 'T' {
		return dates.Stamp{}, 0, false
	}
	s, n := dates.ISO(line[1:])
	rest := line[1+n:]
	if n == 0 || !strings.HasPrefix(rest, "][") {
		return s, 0, false
	}
	level, rest, ok := strings.Cut(rest[2:], "][")
	logger, _, ok2 := strings.Cut(rest, "]")
	return s, n + 2, ok && ok2 && len(level) == 5 && strings.Trim(level, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") == "" && strings.IndexByte(logger, ' ') != 0
}

func elastic(e *textlog.Entry) {
	level, rest, _ := strings.Cut(e.Words()[1:], "][")
	logger, said, _ := strings.Cut(rest, "]")
	said = strings.TrimLeft(said, " ")
	e.Add("severity", strings.TrimSpace(level))
	e.Add("module", strings.TrimSpace(logger))
	if node, after, ok := strings.Cut(said, "] "); ok && strings.HasPrefix(said, "[") {
		e.Add("node", node[1:])
		said = after
	}
	e.Add("body", said)
	if e.Message = said; said == "" {
		e.Message = logger
	}
}
