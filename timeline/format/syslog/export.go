package syslog

import (
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/format/daemons"
	"spor/timeline/textlog"
)

// Exports are the parsers of what journalctl writes as text: -o export and -o json (systemd.journal-fields(7),
// systemd.io/JOURNAL_EXPORT_FORMATS).
var Exports = []*timeline.Format{
	journalJSON.Dialect().Format(),
	(&textlog.Dialect{Name: "journal_export", Type: "systemd:journal", Begin: exportBegin, Long: true, Read: export}).Format(),
}

// journalFields are the journal's fields and ours; those of _COMM and the like are what the kernel says of the sender.
var journalFields = map[string]string{
	"_HOSTNAME": "hostname", "SYSLOG_IDENTIFIER": "reporter", "_PID": "pid", "_UID": "user_identifier", "_COMM": "command_name", "_EXE": "executable", "_CMDLINE": "command_line",
	"_SYSTEMD_UNIT": "service_name", "_BOOT_ID": "boot_identifier", "_TRANSPORT": "transport", "PRIORITY": "severity_number", "MESSAGE": "body", "__SEQNUM": "record_number",
}

var journalJSON = textlog.JSONLog{
	Name: "journal_json", Type: "systemd:journal", Marks: []string{`"__REALTIME_TIMESTAMP"`, `"__CURSOR"`}, Time: "__REALTIME_TIMESTAMP", Say: "MESSAGE", Names: journalFields,
	Done: func(e *textlog.Entry) { sent(e) },
}

func exportBegin(line string) (dates.Stamp, int, bool) {
	return dates.Stamp{}, 0, strings.HasPrefix(line, "__CURSOR=")
}

// export reads an entry's "NAME=value" lines. A value of several lines stands behind its length, eight bytes; it is read as
// far as text goes.
func export(e *textlog.Entry) {
	for line := range strings.SplitSeq(e.Text, "\n") {
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		if name == "__REALTIME_TIMESTAMP" {
			if micros, ok := textlog.Atoi(value); ok && micros < 1<<53 {
				e.Stamp = dates.UnixNano(micros * 1000)
			}
			continue
		}
		if field, ok := journalFields[name]; ok && !e.Digits(field, value) {
			e.Add(field, value)
		}
	}
	sent(e)
}

// sent reads the words of the sender, and gives the message as syslog's entries have it.
func sent(e *textlog.Entry) {
	var program, pid, body string
	for i := range e.Fields {
		switch f := &e.Fields[i]; f.Name {
		case "reporter":
			program = f.String()
		case "pid":
			pid = f.String()
		case "body":
			body = f.String()
		}
	}
	if program != "" {
		daemons.Read(&e.Fields, program, body)
	}
	if body = strings.TrimSpace(body); body == "" {
		body = "(empty line)"
	}
	switch {
	case program == "":
		e.Message = body
	case pid == "":
		e.Message = e.Join("[", program, "] ", body)
	default:
		e.Message = e.Join("[", program, ", pid: ", pid, "] ", body)
	}
}
