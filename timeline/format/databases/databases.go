// Package databases reads the logs of MySQL, MariaDB, PostgreSQL, Microsoft SQL Server, MongoDB, Redis and
// Elasticsearch servers.
//
//   - MySQL 5.5 to 8.4 and MariaDB 10 and 11: error log, general query log, slow query log (MySQL 8.4 Reference Manual,
//     7.4; sql/log.cc of MySQL and MariaDB)
//   - PostgreSQL 9 to 17: stderr with a log_line_prefix that begins with %t or %m, csvlog, jsonlog (PostgreSQL 17
//     documentation, 19.8; src/backend/utils/error)
//   - MongoDB 2.4 to 7: JSON since 4.4, text before (MongoDB Manual, Log Messages)
//   - Redis 2 to 7 and Valkey (src/server.c, serverLogRaw)
//
// What was asked is query, what was refused has the fields of a login.
package databases

import (
	"bytes"
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/daemons"
	"spor/timeline/textlog"
)

// Formats are the parsers of this package, the strictest first.
var Formats = []*timeline.Format{
	postgresJSON.Dialect().Format(),
	(&textlog.Dialect{Name: "postgresql_csv", Type: "postgresql:application_log:entry", Begin: csvBegin, Read: csv}).Format(),
	(&textlog.Dialect{Name: "postgresql", Type: "postgresql:application_log:entry", Begin: postgresBegin, Read: postgres}).Format(),
	headed(&textlog.Dialect{Name: "mysql_slow", Type: "mysql:slow_log:entry", Begin: slowBegin, Long: true, New: slow}),
	headed(&textlog.Dialect{Name: "mysql", Type: "mysql:log:entry", Begin: mysqlBegin, New: mysql}),
	(&textlog.Dialect{Name: "mssql", Type: "mssql:errorlog:entry", Begin: mssqlBegin, Read: mssql}).Format(),
	mongoJSON.Dialect().Format(),
	(&textlog.Dialect{Name: "mongodb", Type: "mongodb:log:entry", Begin: mongoBegin, Sure: mongoSure, Read: mongo}).Format(),
	(&textlog.Dialect{Name: "elasticsearch", Type: "elasticsearch:log:entry", Begin: elasticBegin, Read: elastic}).Format(),
	(&textlog.Dialect{Name: "redis", Type: "redis:log:entry", Begin: redisBegin, Read: redis}).Format(),
}

// severity finds PostgreSQL's word for it (src/include/utils/elog.h), or for what stands behind an entry under its own
// date, before ":  ", and where it begins and ends.
func severity(s string) (at, end int) {
	for from := 0; ; {
		i := strings.Index(s[from:], ":  ")
		if i < 0 {
			return -1, -1
		}
		end = from + i
		for at = end; at > 0 && (s[at-1]-'A' <= 25 || s[at-1]-'0' <= 9); at-- {
		}
		switch s[at:end] {
		case "LOG", "FATAL", "ERROR", "WARNING", "STATEMENT", "DETAIL", "HINT", "NOTICE", "INFO", "PANIC", "CONTEXT", "QUERY", "LOCATION", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5":
			return at, end
		}
		from = end + 1
	}
}

func postgresBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.ISO(line)
	if n == 0 {
		return s, 0, false
	}
	head := line[n:min(len(line), n+400)]
	at, _ := severity(head)
	return s, n, at >= 0
}

// postgres reads the prefix as "%m [%p] %q%u@%d ", "%m:%r:%u@%d:[%p]:" (Amazon RDS) and others of these parts.
func postgres(e *textlog.Entry) {
	words := e.Words()
	if zone := strings.TrimPrefix(words, " "); !e.Stamp.Zoned && len(words) > len(zone) {
		if name, _, ok := strings.Cut(zone, " "); ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && len(name) <= 5 {
			e.Add("time_zone", name) // an abbreviation with more than one meaning
		}
	}
	at, end := severity(words)
	prefix, said := words[:at], strings.TrimSpace(words[end+1:])
	if pid := between(prefix, "[", "]"); pid != "" {
		pid, _, _ = strings.Cut(pid, "-")
		e.Digits("pid", pid)
	}
	for start, i := 0, 0; i <= len(prefix); i++ {
		if i == len(prefix) || prefix[i] == ' ' || prefix[i] == '[' || prefix[i] == ']' || prefix[i] == ':' {
			prefixed(e, prefix[start:i])
			start = i + 1
		}
	}
	line, _, _ := strings.Cut(words[end:], "\n")
	if again, _ := severity(line[1:]); again >= 0 && len(line) > 1 { // a client may choose a name that reads like an entry
		e.Add("body", strings.TrimSpace(words))
		e.Message = strings.TrimSpace(words)
		return
	}
	e.Add("severity", words[at:end])
	postgresSaid(e, said)
	e.Message = e.Join("[", words[at:end], "] ", said)
}

// prefixed reads a part of the prefix: "user@database", "192.0.2.7(5432)", "192.0.2.7".
func prefixed(e *textlog.Entry, s string) {
	at := strings.IndexByte(s, '@')
	switch {
	case at > 0:
		e.Add("username", s[:at])
		e.Add("database", s[at+1:])
	case strings.Count(s, ".") == 3:
		host, port, _ := strings.Cut(strings.TrimSuffix(s, ")"), "(")
		if strings.Trim(host, ".0123456789") == "" {
			e.Add("ip_address", host)
			e.Digits("port", port)
		}
	}
}

func between(s, before, after string) string {
	_, s, _ = strings.Cut(s, before)
	s, _, ok := strings.Cut(s, after)
	if !ok {
		return ""
	}
	return s
}

// postgresSaid reads the message itself.
func postgresSaid(e *textlog.Entry, said string) {
	for _, word := range [...]string{"statement: ", "execute <unnamed>: "} {
		if query, ok := strings.CutPrefix(said, word); ok {
			e.Did("query", "")
			e.Add("query", query)
			return
		}
	}
	e.MatchNew(postgresSays, said)
	e.Add("body", said)
}

var say = textlog.Say

var postgresSays = []textlog.Pattern{
	say("login_failed", "failure", `password authentication failed for user "{username*}"`),
	say("login_failed", "failure", `{authentication_method} authentication failed for user "{username*}"`),
	say("login_failed", "failure", `no pg_hba.conf entry for host "{ip_address}", user "{username}", database "{database}"`),
	say("login_failed", "failure", `role "{username*}" does not exist`),
	say("login", "success", "connection authorized: user={username@} database={database@}"),
	say("login", "success", "connection authorized: user={username@}"),
	say("connection_opened", "", "connection received: host={ip_address@} port={port#}"),
	say("connection_closed", "", "disconnection: session time: {duration@} user={username@} database={database@} host={ip_address@} port={port#}"),
	say("connection_closed", "", "disconnection: session time: {duration@} user={username@} database={database@} host={ip_address@}"),
	say("started", "", "database system is ready to accept connections"),
	say("stopped", "", "database system is shut down"),
	say("stopped", "", "received {signal} shutdown request"),
	say("query_slow", "", "duration: {duration@} ms  statement: {query}"),
	say("query_slow", "", "duration: {duration@} ms  parse {statement_name@}: {query}"),
	say("query_slow", "", "duration: {duration@} ms  bind {statement_name@}: {query}"),
	say("query_slow", "", "duration: {duration@} ms  execute {statement_name@}: {query}"),
	say("query_slow", "", "duration: {duration@} ms  parse <unnamed>: {query}"),
	say("query_slow", "", "duration: {duration@} ms  bind <unnamed>: {query}"),
	say("query_slow", "", "duration: {duration@} ms  execute <unnamed>: {query}"),
	say("query", "", "execute {statement_name@}: {query}"),
	say("query_slow", "", "duration: {duration@} ms"),
}

// csvBegin reads the first column of csvlog: a date, a zone, a comma.
func csvBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.ISO(line)
	if n == 0 || line[10] != ' ' {
		return s, 0, false
	}
	comma := strings.IndexByte(line[n:], ',')
	return s, n, comma >= 0 && comma <= 6 && strings.Count(line[n:], ",") >= 12 && strings.Trim(line[n:n+comma], " ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// csvColumns are the columns of csvlog, 19.8.4, behind the date.
var csvColumns = [...]string{
	"", "username", "database", "pid", "", "session", "", "command_tag", "", "", "", "severity", "sql_state", "body", "detail", "hint", "", "", "context", "query", "", "code_location", "application",
}

func csv(e *textlog.Entry) {
	row := e.Columns(nil, e.Words(), ',')
	if len(row) < 14 {
		e.Message = strings.TrimSpace(e.Text)
		return
	}
	for i, v := range row {
		switch {
		case i == 4 && v != "":
			address, port := v, ""
			if at := strings.LastIndexByte(v, ':'); at > 0 {
				address, port = v[:at], v[at+1:]
			}
			e.Add("ip_address", address)
			e.Digits("port", port)
		case i == 3:
			e.Digits("pid", v)
		case i == 13:
			postgresSaid(e, v)
		case i < len(csvColumns) && csvColumns[i] != "":
			e.Add(csvColumns[i], v)
		}
	}
	e.Message = e.Join("[", row[11], "] ", row[13])
}

var postgresJSON = textlog.JSONLog{
	Name: "postgresql_json", Type: "postgresql:application_log:entry", Marks: []string{`"error_severity":`, `"timestamp":`}, Time: "timestamp", Say: "message",
	Names: map[string]string{
		"user": "username", "dbname": "database", "pid": "pid", "remote_host": "ip_address", "remote_port": "port", "session_id": "session", "error_severity": "severity",
		"state_code": "sql_state", "detail": "detail", "hint": "hint", "statement": "query", "application_name": "application",
	},
	Done: func(e *textlog.Entry) { postgresSaid(e, e.Message) },
}

// commands are the general log's words for what a client does (sql/sql_parse.cc).
var commands = map[string]string{
	"Connect": "connection_opened", "Query": "query", "Quit": "connection_closed", "Prepare": "query", "Execute": "query", "Init": "database_chosen", "Field": "", "Statistics": "", "Ping": "",
	"Change": "user_changed", "Reset": "", "Close": "", "Binlog": "replication", "Kill": "", "Shutdown": "stopped", "Refresh": "", "Processlist": "", "Register": "replication", "Fetch": "", "Long": "",
}

// mysqlBegin reads the dates of all logs, and a general log's line without one, which is of the same second.
func mysqlBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.ISO(line)
	if n == 0 {
		s, n = dates.Compact(line)
	}
	if n == 0 {
		if !strings.HasPrefix(line, "\t\t") {
			return s, 0, isHeading(line)
		}
		_, _, _, ok := general(line[2:])
		return s, 0, ok
	}
	rest := line[n:]
	if _, _, _, ok := bracketed(rest); ok || saidBy(rest) != "" {
		return s, n, true
	}
	_, _, _, ok := general(rest)
	return s, n, ok
}

// saidBy reads who says what has no level: the script that starts the server, in every version, and InnoDB before 5.7, also
// behind the number of its thread.
func saidBy(s string) string {
	first, rest, _ := strings.Cut(strings.TrimLeft(s, " \t"), " ")
	if first != "" && len(first) <= 16 && strings.Trim(first, "0123456789abcdef") == "" {
		first, _, _ = strings.Cut(rest, " ")
	}
	switch first {
	case "InnoDB:", "mysqld_safe", "mariadbd-safe", "mysqld_safe_helper":
		return strings.TrimSuffix(first, ":")
	}
	return ""
}

// isHeading tells the first of the three lines that a server writes into its general and slow logs when it opens them
// (sql/log.cc, File_query_log::open).
func isHeading(line string) bool {
	return strings.HasSuffix(strings.TrimRight(line, " \r"), "started with:") && strings.Contains(line, ", Version: ")
}

// headed knows a log by what stands behind such headings: both have them.
func headed(d *textlog.Dialect) *timeline.Format {
	f := d.Format()
	sniff := f.Sniff
	f.Sniff = func(name string, head []byte) bool { return sniff(name, behindHeadings(head)) }
	return f
}

func behindHeadings(head []byte) []byte {
	const lines = 3
	for {
		first, rest, ok := bytes.Cut(head, []byte("\n"))
		if !ok || !isHeading(string(first)) {
			return head
		}
		for range lines - 1 {
			_, rest, _ = bytes.Cut(rest, []byte("\n"))
		}
		head = rest
	}
}

// bracketed reads " 25 [Note] [MY-010926] [Server] text" or " [Warning] text".
func bracketed(s string) (thread, level, words string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	if s != "" && s[0]-'0' <= 9 {
		if thread, s, ok = strings.Cut(s, " "); !ok {
			return
		}
	}
	if !strings.HasPrefix(s, "[") {
		return "", "", "", false
	}
	level, words, ok = strings.Cut(s[1:], "] ")
	switch level {
	case "Note", "Warning", "ERROR", "System", "Error":
		return thread, level, words, ok
	}
	return "", "", "", false
}

// general reads "	   14 Query	select 1".
func general(s string) (thread, command, argument string, ok bool) {
	thread, rest, ok := strings.Cut(strings.TrimLeft(s, " \t"), " ")
	if _, number := textlog.Atoi(thread); !ok || !number {
		return "", "", "", false
	}
	command, argument, _ = strings.Cut(strings.TrimLeft(rest, " "), "\t")
	word, more, _ := strings.Cut(command, " ")
	if more != "" && argument == "" { // "Connect   Access denied …", where tabs became blanks
		argument = strings.TrimLeft(more, " ")
	}
	_, known := commands[word]
	return thread, word, argument, known
}

// mysql remembers the date that later lines of the general log leave out.
func mysql() func(*textlog.Entry) {
	var last dates.Stamp
	return func(e *textlog.Entry) {
		words := e.Words()
		if line, _, _ := strings.Cut(e.Text, "\n"); e.Stamp.IsZero() && isHeading(line) {
			e.Skip = true
			return
		}
		if e.Stamp.IsZero() {
			e.Stamp = last
			e.Flag("time_of_line_before")
		}
		last = e.Stamp
		if thread, level, said, ok := bracketed(words); ok {
			e.Digits("connection", thread)
			e.Add("severity", level)
			for strings.HasPrefix(said, "[") { // the number of the message, the subsystem
				tag, rest, ok := strings.Cut(said[1:], "] ")
				if !ok {
					break
				}
				if strings.HasPrefix(tag, "MY-") {
					e.Add("message_identifier", tag)
				} else {
					e.Add("subsystem", tag)
				}
				said = rest
			}
			daemons.MySQL(&e.Fields, said)
			e.Add("body", said)
			e.Message = e.Join("[", level, "] ", said)
			return
		}
		if program := saidBy(words); program != "" {
			e.Add("subsystem", program)
			e.Add("body", strings.TrimSpace(words))
			return
		}
		thread, command, argument, _ := general(words)
		e.Digits("connection", thread)
		e.Add("mysql_command", command)
		statement(e, command, strings.TrimRight(argument, "\n"))
	}
}

// statement reads an entry of the general log.
func statement(e *textlog.Entry, command, argument string) {
	e.Message = e.Join("[", command, "] ", argument)
	if strings.HasPrefix(argument, "Access denied") {
		daemons.MySQL(&e.Fields, argument)
		return
	}
	switch action := commands[command]; action {
	case "connection_opened", "user_changed": // written before the password is checked: a refusal follows in an entry of its own
		e.Did(action, "")
		user, rest, _ := strings.Cut(argument, "@")
		host, rest, _ := strings.Cut(rest, " ")
		e.Add("username", user)
		e.Add("ip_address", host)
		if database, ok := strings.CutPrefix(rest, "on "); ok {
			database, _, _ = strings.Cut(database, " ")
			e.Add("database", database)
		}
	case "query":
		e.Did(action, "")
		e.Add("query", argument)
	case "":
		e.Add("body", argument)
	default:
		e.Did(action, "")
		e.Add("body", argument)
	}
}

func slowBegin(line string) (dates.Stamp, int, bool) {
	return dates.Stamp{}, 0, strings.HasPrefix(line, "# User@Host: ") || strings.HasPrefix(line, "# Time: ") || isHeading(line)
}

// slow reads an entry: "# User@Host: root[root] @ localhost []  Id: 5", times, "SET timestamp=…;" and the query. A line
// "# Time: …" stands before the first of a second.
func slow() func(*textlog.Entry) {
	var last dates.Stamp
	return func(e *textlog.Entry) {
		var query []string
		user := false
		for line := range strings.SplitSeq(e.Text, "\n") {
			switch {
			case strings.HasPrefix(line, "# Time: "):
				last = slowTime(line[len("# Time: "):])
			case strings.HasPrefix(line, "# User@Host: "):
				user = true
				slowUser(e, line[len("# User@Host: "):])
			case strings.HasPrefix(line, "# Query_time:"):
				for k, v := range textlog.Pairs(strings.ReplaceAll(line, ": ", "=")) {
					e.Add(strings.ToLower(k), v)
				}
			case strings.HasPrefix(line, "#"):
			case strings.HasPrefix(line, "SET timestamp="):
				if s, n := dates.Epoch(line[len("SET timestamp="):]); n > 0 {
					e.Stamp = s
				}
			case strings.HasPrefix(line, "use "):
				e.Add("database", strings.TrimSuffix(line[len("use "):], ";"))
			default:
				query = append(query, line)
			}
		}
		if e.Skip = !user; e.Skip { // a date, or the heading
			return
		}
		if e.Stamp.IsZero() {
			e.Stamp = last
		}
		text := strings.TrimSpace(strings.Join(query, "\n"))
		e.Did("query_slow", "")
		e.Add("query", text)
		e.Message = e.Join("[slow query] ", text)
	}
}

func slowTime(s string) dates.Stamp {
	st, n := dates.ISO(s)
	if n == 0 {
		st, _ = dates.Compact(s)
	}
	return st
}

// slowUser reads "root[root] @ localhost [127.0.0.1]  Id:     5".
func slowUser(e *textlog.Entry, s string) {
	user, rest, _ := strings.Cut(s, "[")
	_, host, _ := strings.Cut(rest, " @ ")
	name, rest, _ := strings.Cut(host, " [")
	address, id, _ := strings.Cut(rest, "]")
	e.Add("username", strings.TrimSpace(user))
	e.Add("remote_host", strings.TrimSpace(name))
	e.Add("ip_address", address)
	e.Digits("connection", strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(id), "Id:")))
}
