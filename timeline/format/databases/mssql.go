package databases

import (
	"strings"

	"spor/timeline/dates"
	"spor/timeline/textlog"
)

// mssqlBegin reads "2026-03-09 09:00:00.35 Logon       words" of the ERRORLOG of Microsoft SQL Server, on Windows and Linux
// (learn.microsoft.com, View the SQL Server error log): hundredths, and who speaks in twelve columns.
func mssqlBegin(line string) (dates.Stamp, int, bool) {
	const hundredths = len("2026-03-09 09:00:00.35")
	s, n := dates.ISO(line)
	if n != hundredths || n >= len(line) || line[n] != ' ' || s.Zoned {
		return s, 0, false
	}
	who, rest, ok := strings.Cut(line[n+1:], " ")
	return s, n, ok && mssqlSpeaker(who) && strings.TrimSpace(rest) != ""
}

// mssqlSpeaker tells "Server", "Logon", "Backup" and sessions: "spid51", "spid9s".
func mssqlSpeaker(s string) bool {
	switch s {
	case "Server", "Logon", "Backup":
		return true
	}
	number, ok := strings.CutPrefix(s, "spid")
	return ok && number != "" && strings.Trim(number, "0123456789s") == ""
}

// mssqlSays are the sentences that tell of logins, and of what intruders do with the server: sys.messages 15457, 18453 to
// 18470, 33090, 8128, 18264, 1073758…
var mssqlSays = []textlog.Pattern{
	say("login_failed", "failure", "Login failed for user '{username*}'. Reason: {reason} [CLIENT: {ip_address}]"),
	say("login_failed", "failure", "Login failed for user '{username*}'. [CLIENT: {ip_address}]"),
	say("login_failed", "failure", "Login failed. {reason} [CLIENT: {ip_address}]"),
	say("login_failed", "failure", "SSPI handshake failed with error code {reason}. [CLIENT: {ip_address}]"),
	say("login", "success", "Login succeeded for user '{username*}'. Connection made using {authentication_method}. [CLIENT: {ip_address}]"),
	say("login", "success", "Login succeeded for user '{username*}'. Connection: {authentication_method}. [CLIENT: {ip_address}]"),
	say("error", "", "Error: {error_number#}, Severity: {level#}, State: {state#}"),
	say("config_changed", "", "Configuration option '{option}' changed from {old_value@} to {new_value@}."),
	say("procedure_loaded", "", "Using '{library}' version '{library_version}' to execute extended stored procedure '{procedure}'"),
	say("library_loaded", "", "Attempting to load library '{library}' into memory"),
	say("library_loaded", "", "Unsafe assembly '{library}' loaded into appdomain"),
	say("database_backed_up", "", "Database backed up. Database: {database}, creation date"),
	say("database_restored", "", "Restore is complete on database '{database}'"),
	say("database_opened", "", "Starting up database '{database}'."),
	say("option_changed", "", "Setting database option {option@} to {new_value@} for database '{database}'"),
	say("trace_started", "", "SQL Trace ID {} was started by login \"{username*}\""),
	say("started", "", "SQL Server is now ready for client connections"),
	say("stopped", "", "SQL Server is terminating {reason}"),
}

func mssql(e *textlog.Entry) {
	who, said, _ := strings.Cut(e.Words()[1:], " ")
	said = strings.TrimSpace(said)
	e.Add("process", who)
	line, _, _ := strings.Cut(said, "\n")
	e.Match(mssqlSays, strings.TrimRight(line, " "))
	e.Add("body", said)
	e.Message = e.Join("[", who, "] ", said)
}
