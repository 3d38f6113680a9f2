package journald

import (
	"encoding/hex"

	"spor/timeline"
	"spor/timeline/format/daemons"
	"spor/timeline/textlog"
)

// A field is a name of the journal that events have.
type field uint8

const none field = 0

// The fields that have a meaning of their own; the others are in names.
const (
	message field = 1 + iota
	hostname
	identifier
	comm
	pid
	syslogPID
	priority
	facility
	named // and after: as names says
)

// names are the fields and what events call them, systemd.journal-fields(7); digits are numbers.
var names = [...]struct {
	journal, event string
	digits         bool
}{
	message:    {"MESSAGE", "body", false},
	hostname:   {"_HOSTNAME", "hostname", false},
	identifier: {"SYSLOG_IDENTIFIER", "reporter", false},
	comm:       {"_COMM", "command_name", false},
	pid:        {"_PID", "pid", true},
	syslogPID:  {"SYSLOG_PID", "pid", true},
	priority:   {"PRIORITY", "severity", true},
	facility:   {"SYSLOG_FACILITY", "facility", true},
	named:      {"_UID", "user_identifier", true},
	{"_GID", "group_identifier", true},
	{"_EXE", "executable", false},
	{"_CMDLINE", "command_line", false},
	{"_SYSTEMD_UNIT", "service_name", false},
	{"_SYSTEMD_USER_UNIT", "user_service_name", false},
	{"UNIT", "about_service", false},
	{"USER_UNIT", "about_user_service", false},
	{"JOB_TYPE", "job_type", false},
	{"JOB_RESULT", "job_result", false},
	{"_SYSTEMD_SESSION", "login_session", false},
	{"_SYSTEMD_OWNER_UID", "owner_identifier", true},
	{"_AUDIT_LOGINUID", "audit_login_identifier", true},
	{"_AUDIT_SESSION", "audit_session_identifier", true},
	{"_AUDIT_TYPE_NAME", "audit_type", false},
	{"_SELINUX_CONTEXT", "selinux_context", false},
	{"_TRANSPORT", "transport", false},
	{"_MACHINE_ID", "machine_identifier", false},
	{"_SOURCE_REALTIME_TIMESTAMP", "source_microseconds", true},
	{"_NAMESPACE", "namespace", false},
	{"MESSAGE_ID", "message_identifier", false},
	{"_KERNEL_DEVICE", "kernel_device", false},
	{"_KERNEL_SUBSYSTEM", "kernel_subsystem", false},
	{"USER_ID", "about_user", false},
	{"SESSION_ID", "about_session", false},
	{"LEADER", "leader_pid", true},
	{"EXIT_CODE", "exit_code", false},
	{"EXIT_STATUS", "exit_status", false},
	{"OBJECT_PID", "object_pid", true},
	{"OBJECT_UID", "object_user_identifier", true},
	{"OBJECT_EXE", "object_executable", false},
	{"OBJECT_CMDLINE", "object_command_line", false},
	{"COREDUMP_PID", "coredump_pid", true},
	{"COREDUMP_UID", "coredump_user_identifier", true},
	{"COREDUMP_SIGNAL_NAME", "coredump_signal", false},
	{"COREDUMP_EXE", "coredump_executable", false},
	{"COREDUMP_CMDLINE", "coredump_command_line", false},
	{"COREDUMP_FILENAME", "coredump_file", false},
	{"CONTAINER_ID_FULL", "container_identifier", false},
	{"CONTAINER_NAME", "container_name", false},
	{"IMAGE_NAME", "container_image", false},
}

// byName finds a field by its name in the journal.
var byName = func() map[string]field {
	m := make(map[string]field, len(names))
	for f := message; int(f) < len(names); f++ {
		m[names[f].journal] = f
	}
	return m
}()

func fieldNamed(name []byte) field { return byName[string(name)] }

// facilities and severities are those of RFC 3164, 4.1.1.
var (
	facilities = [...]string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
	severities = [...]string{"EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG"}
)

// builder makes events.
type builder struct {
	once   textlog.Entry // keeps the texts that one entry has
	values [len(names)]string
	cut    uint32
	fields textlog.Fields
}

// entry gives the event of an entry; b is as much of it as an entry may have.
func (j *journal) entry(o object, b []byte) {
	number, at := le.Uint64(b[16:]), le.Uint64(b[24:])
	j.number = number
	clear(j.build.values[:])
	j.build.cut = 0
	lost := j.items(o, b[entryHead:])
	if past := o.size - entryHead - int64(maxItems*j.item()); past > 0 {
		lost += int(past) / j.item()
	}
	if lost > 0 {
		if j.past && j.build.values[message] == "" {
			return // it was being written
		}
		j.fail("entry %d at offset %d lost %d of its data", number, o.off, lost)
	}
	if j.done || at < j.since && at != 0 {
		return
	}
	e := j.build.event(b, lost)
	e.Time, e.Offset, e.Recovered = moment(at), o.off, j.past || number > j.lastNumber
	if e.Time.IsZero() {
		e.Desc = timeline.DescNone
	}
	j.done = !j.yield(e, nil)
}

// items finds the data of an entry and says how many are not to be had.
func (j *journal) items(o object, b []byte) (lost int) {
	size := j.item()
	for n := 0; len(b) >= size && n < maxItems; n++ {
		off := j.reference(b)
		b = b[size:]
		if off <= 0 || off&7 != 0 || off >= o.off {
			lost++
			continue
		}
		d, ok := j.data.use(off)
		if !ok {
			d, ok = j.fetch(off)
		}
		if !ok {
			lost++
			continue
		}
		if d.field != none && j.build.values[d.field] == "" {
			j.build.values[d.field] = d.text
			j.build.cut += d.cut
		}
	}
	return lost
}

// event gives an entry in plaso's shape, systemd:journal, with the fields that syslog's events have.
func (u *builder) event(b []byte, lost int) timeline.Event {
	f := u.fields[:0]
	v := &u.values
	reporter := v[identifier]
	if reporter == "" {
		reporter = v[comm]
	}
	process := v[pid]
	if process == "" {
		process = v[syslogPID]
	}
	f.Add("hostname", v[hostname])
	f.Add("reporter", reporter)
	f.Digits("pid", process)
	f.Add("facility", code(facilities[:], v[facility]))
	f.Add("severity", code(severities[:], v[priority]))
	f.Add("body", v[message])
	if v[comm] != reporter {
		f.Add("command_name", v[comm])
	}
	if reporter != "" {
		daemons.Read(&f, reporter, v[message])
	}
	said := len(f)
	for i := named; int(i) < len(names); i++ {
		if v[i] == "" {
			continue
		}
		name := names[i].event
		if known := f[:said]; known.Has(name) { // the words have one of that name
			name = "journal_" + name
		}
		if !names[i].digits || !f.Digits(name, v[i]) {
			f.Add(name, v[i])
		}
	}
	var id [32]byte
	hex.Encode(id[:], b[40:56])
	f.Add("boot_identifier", u.once.Keep(id[:]))
	f.Number("record_number", int64(le.Uint64(b[16:])))
	f.Number("monotonic_microseconds", int64(le.Uint64(b[32:])))
	if lost > 0 {
		f.Number("data_lost", int64(lost))
	}
	if u.cut > 0 {
		f.Number("bytes_left_out", int64(u.cut))
	}
	u.fields = f
	return timeline.Event{Type: "systemd:journal", Desc: timeline.DescModified, Message: u.words(reporter, process), Fields: f}
}

// words are the message: "[sshd, pid: 77] Accepted password for …".
func (u *builder) words(reporter, process string) string {
	body := u.values[message]
	if body == "" {
		body = "(no message)"
	}
	switch {
	case reporter == "":
		return body
	case process == "":
		return u.once.Join("[", reporter, "] ", body)
	default:
		return u.once.Join("[", reporter, ", pid: ", process, "] ", body)
	}
}

// code names a number; one that has no name stands as it is.
func code(list []string, s string) string {
	if n, ok := textlog.Atoi(s); ok && 0 <= n && n < int64(len(list)) {
		return list[n]
	}
	return s
}
