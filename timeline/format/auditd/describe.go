package auditd

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"spor/timeline/textlog"
)

// A key is what a record says under one name. Texts are quoted, or in hexadecimal where they hold blanks or worse (the
// kernel's audit_log_untrustedstring).
type key struct {
	field string // plaso's name where it has one
	kind  byte
}

const (
	text    = iota
	number  // decimal
	encoded // a text that may be in hexadecimal
)

// keys are those that become fields.
var keys = map[string]key{
	"pid": {"pid", number}, "ppid": {"parent_process_identifier", number}, "uid": {"user_identifier", number},
	"gid": {"group_identifier", number}, "euid": {"effective_user_identifier", number}, "egid": {"effective_group_identifier", number},
	"auid": {"audit_login_identifier", number}, "ses": {"audit_session_identifier", number}, "exit": {"exit_code", number},
	"hostname": {"remote_host", text}, "addr": {"ip_address", text}, "terminal": {"terminal", text}, "tty": {"terminal", text},
	"op": {"operation", text}, "res": {"result", text}, "success": {"result", text}, "scontext": {"source_context", text},
	"tcontext": {"target_context", text}, "tclass": {"target_class", text}, "sig": {"signal", text}, "dev": {"device", text},
	"prom": {"promiscuous", text}, "reason": {"reason", text}, "grantors": {"grantors", text}, "audit_enabled": {"audit_enabled", text},
	"old": {"old_value", text}, "list": {"rule_list", text}, "table": {"table", text}, "AUID": {"audit_login_username", text},
	"UID": {"user", text}, "EUID": {"effective_user", text}, "SYSCALL": {"system_call", text}, "auditd": {"auditd", text},
	"rport": {"port", text}, "laddr": {"local_ip", text}, "lport": {"local_port", text},
	"comm": {"command_name", encoded}, "exe": {"executable", encoded}, "cwd": {"working_directory", encoded},
	"acct": {"username", encoded}, "cmd": {"command", encoded}, "key": {"audit_key", encoded},
	"proctitle": {"command_line", encoded}, "data": {"input", encoded}, "unit": {"service_name", encoded},
	"grp": {"group", encoded}, "path": {"filename", encoded}, "sw": {"package", encoded}, "sw_type": {"package_type", text}, "vm": {"virtual_machine", encoded},
}

// enriched begins the names that the daemon adds (audit 3, lib: AUDIT_INTERP_SEPARATOR).
const enriched = "\x1d"

// describe adds the fields of an event and gives its message.
func (d *decoder) describe(e *textlog.Entry, records []record) string {
	first := &records[0]
	e.Add("hostname", first.node)
	e.Add("audit_type", first.kind)
	serial := first.id[strings.IndexByte(first.id, ':')+1:]
	e.Digits("audit_serial", serial)
	d.reset(e)
	for i := range records {
		d.record(&records[i])
	}
	return d.finish(records)
}

// A decoder reads the records of one event.
type decoder struct {
	e       *textlog.Entry
	args    int64    // of EXECVE, how many
	typed   []byte   // the arguments, with blanks between
	files   []string // names of PATH
	kinds   []string
	call    string // number, or name
	arch    string
	result  string
	command string
	pid     string
	off     bool // audit_enabled is zero
}

func (d *decoder) reset(e *textlog.Entry) {
	*d = decoder{e: e, typed: d.typed[:0], files: d.files[:0], kinds: d.kinds[:0]}
}

// maxCommand bounds what the EXECVE records of an event may say, in bytes.
const maxCommand = 32 << 10

func (d *decoder) record(r *record) {
	if n := len(d.kinds); n == 0 || d.kinds[n-1] != r.kind {
		d.kinds = append(d.kinds, r.kind)
	}
	body := r.body
	switch r.kind {
	case "EXECVE":
		d.execve(body)
		return
	case "PATH":
		d.path(body)
		return
	case "SOCKADDR":
		if v, _ := valueOf(body, "saddr"); v != "" {
			d.address(v)
		}
		return
	case "EOE":
		return
	case "AVC", "USER_AVC":
		d.avc(body)
	case "KERN_MODULE":
		if name, quoted := valueOf(body, "name"); name != "" {
			d.e.Add("module", decode(name, quoted))
		}
	}
	if at := strings.Index(body, "msg='"); at >= 0 { // what a program said, and what was added to it
		d.pairs(body[:at])
		said := body[at+len("msg='"):]
		if end := strings.LastIndexByte(said, '\''); end >= 0 {
			d.pairs(said[:end])
			body = said[end+1:]
		} else {
			body = said
		}
	}
	d.pairs(body)
}

// pairs reads "key=value …", with enriched names behind.
func (d *decoder) pairs(s string) {
	for part := range strings.SplitSeq(s, enriched) {
		d.pair(part)
	}
}

func (d *decoder) pair(s string) {
	for k, span := range textlog.Spans(s) {
		v := s[span.At:span.End]
		switch v {
		case "?", "(none)", "(null)", "":
			continue
		}
		switch k {
		case "syscall":
			d.call = v
		case "arch":
			d.arch = v
		case "pid":
			d.pid = v
		case "audit_enabled":
			d.off = v == "0"
		}
		key, ok := keys[k]
		if !ok || d.e.Has(key.field) {
			continue
		}
		switch key.kind {
		case number:
			if (k == "auid" || k == "ses") && v == "4294967295" { // nobody logged in
				continue
			}
			d.e.Digits(key.field, strings.TrimRight(v, ")"))
		case encoded:
			d.text(key.field, decode(v, span.Quoted))
		default:
			d.text(key.field, strings.TrimRight(v, ")"))
		}
	}
}

func (d *decoder) text(name, v string) {
	switch name {
	case "result":
		d.result = outcome(v)
		return
	case "command":
		d.command = v
	case "audit_key":
		v = strings.ReplaceAll(v, "\x01", ",")
	case "command_line", "input":
		v = strings.TrimRight(strings.ReplaceAll(v, "\x00", " "), " ")
	case "port", "local_port":
		d.e.Digits(name, v)
		return
	case "system_call":
		d.call = v
		return
	}
	d.e.Add(name, v)
}

func outcome(v string) string {
	switch v {
	case "success", "yes", "1":
		return "success"
	case "failed", "no", "0":
		return "failure"
	}
	return ""
}

// decode gives a text that may be in hexadecimal.
func decode(v string, quoted bool) string {
	if quoted || len(v)%2 != 0 || len(v) < 2 {
		return v
	}
	b, err := hex.DecodeString(v)
	if err != nil {
		return v
	}
	return string(b)
}

// valueOf is the value of one key, and whether it stands in quotes.
func valueOf(s, key string) (v string, quoted bool) {
	for k, span := range textlog.Spans(s) {
		if k == key {
			return s[span.At:span.End], span.Quoted
		}
	}
	return "", false
}

// execve reads "argc=3 a0="sh" a1="-c" a2=6964", and arguments in parts, "a2_len=9000 a2[0]=… a2[1]=…".
func (d *decoder) execve(s string) {
	for k, span := range textlog.Spans(s) {
		if k == "argc" || len(k) < 2 || k[0] != 'a' || strings.HasSuffix(k, "_len") || len(d.typed) > maxCommand {
			continue
		}
		index, part, parts := strings.Cut(k[1:], "[")
		n, ok := textlog.Atoi(index)
		if !ok {
			continue
		}
		if !(parts && part != "0]" && d.args == n+1) { // it goes on with the argument before
			if d.args++; d.args > 1 {
				d.typed = append(d.typed, ' ')
			}
		}
		d.typed = append(d.typed, decode(s[span.At:span.End], span.Quoted)...)
	}
}

func (d *decoder) path(s string) {
	s, _, _ = strings.Cut(s, enriched)
	name, quoted := valueOf(s, "name")
	if name == "" || name == "(null)" || len(d.files) >= maxRecords {
		return
	}
	d.files = append(d.files, decode(name, quoted))
}

// address decodes struct sockaddr (linux/socket.h, in6.h, un.h) as it lay in memory of a little-endian machine.
func (d *decoder) address(v string) {
	v, _, _ = strings.Cut(v, enriched)
	b, err := hex.DecodeString(v)
	if err != nil || len(b) < 4 {
		return
	}
	switch binary.LittleEndian.Uint16(b) {
	case 1: // AF_UNIX
		name, _, _ := strings.Cut(strings.TrimLeft(string(b[2:]), "\x00"), "\x00")
		d.e.Add("socket_path", name)
	case 2: // AF_INET
		if len(b) >= 8 {
			d.e.Add("destination_ip", netip.AddrFrom4([4]byte(b[4:8])).String())
			d.e.Number("destination_port", int64(binary.BigEndian.Uint16(b[2:])))
		}
	case 10: // AF_INET6
		if len(b) >= 24 {
			d.e.Add("destination_ip", netip.AddrFrom16([16]byte(b[8:24])).Unmap().String())
			d.e.Number("destination_port", int64(binary.BigEndian.Uint16(b[2:])))
		}
	}
}

// avc reads "avc:  denied  { read write } for …".
func (d *decoder) avc(s string) {
	_, rest, ok := strings.Cut(s, "avc:")
	if !ok {
		return
	}
	rest = strings.TrimLeft(rest, " ")
	verb, rest, _ := strings.Cut(rest, " ")
	if verb == "denied" {
		d.result = "failure"
	}
	_, rest, ok = strings.Cut(rest, "{ ")
	permissions, _, ok2 := strings.Cut(rest, " }")
	if ok && ok2 {
		d.e.Add("permissions", permissions)
	}
	if !strings.Contains(rest, " path=") { // the last part of it is what the kernel knew
		if name, quoted := valueOf(rest, "name"); name != "" {
			d.e.Add("filename", decode(name, quoted))
		}
	}
}

// actions say what the types of records mean: linux-audit/audit-userspace lib/audit-records.h. Those that differ with the
// result have both.
var actions = map[string][2]string{
	"USER_LOGIN": {"login", "login_failed"}, "USER_AUTH": {"authenticated", "authentication_failed"}, "USER_ERR": {"authentication_failed", "authentication_failed"},
	"USER_START": {"session_opened", "session_refused"}, "USER_END": {"session_closed", "session_closed"}, "USER_LOGOUT": {"logout", "logout"},
	"USER_CMD": {"sudo", "sudo_refused"}, "USER_CHAUTHTOK": {"password_changed", "password_change_failed"}, "ADD_USER": {"user_added", "user_add_failed"},
	"DEL_USER": {"user_deleted", "user_delete_failed"}, "ADD_GROUP": {"group_added", "group_add_failed"}, "DEL_GROUP": {"group_deleted", "group_delete_failed"},
	"USER_MGMT": {"user_changed", "user_change_failed"}, "GRP_MGMT": {"group_changed", "group_change_failed"}, "USER_ACCT": {"account_checked", "account_refused"},
	"CRED_ACQ": {"credentials_acquired", "credentials_refused"}, "CRED_DISP": {"credentials_dropped", "credentials_dropped"}, "CRED_REFR": {"credentials_refreshed", "credentials_refused"},
	"LOGIN": {"login_identity_set", "login_identity_refused"}, "SERVICE_START": {"service_started", "service_failed"}, "SERVICE_STOP": {"service_stopped", "service_failed"},
	"SYSTEM_BOOT": {"boot", "boot"}, "SYSTEM_SHUTDOWN": {"shutdown", "shutdown"}, "SYSTEM_RUNLEVEL": {"runlevel", "runlevel"},
	"DAEMON_START": {"logging_started", "logging_failed"}, "DAEMON_END": {"logging_stopped", "logging_stopped"}, "DAEMON_ABORT": {"logging_stopped", "logging_stopped"},
	"DAEMON_CONFIG": {"audit_config_changed", "audit_config_refused"}, "DAEMON_ROTATE": {"logging_rotated", "logging_rotated"}, "CONFIG_CHANGE": {"audit_config_changed", "audit_config_refused"},
	"ANOM_PROMISCUOUS": {"promiscuous", "promiscuous"}, "ANOM_ABEND": {"crash", "crash"}, "KERN_MODULE": {"module_loaded", "module_loaded"}, "AVC": {"access_allowed", "access_denied"},
	"USER_AVC": {"access_allowed", "access_denied"}, "TTY": {"typed", "typed"}, "USER_TTY": {"typed", "typed"}, "NETFILTER_CFG": {"firewall_changed", "firewall_changed"},
	"MAC_STATUS": {"selinux_changed", "selinux_changed"}, "USER_ROLE_CHANGE": {"role_changed", "role_change_failed"}, "CRYPTO_KEY_USER": {"key_used", "key_refused"},
	"SOFTWARE_UPDATE": {"package_changed", "package_change_failed"}, "VIRT_CONTROL": {"virtual_machine_changed", "virtual_machine_change_failed"},
	"ACCT_LOCK": {"user_locked", "user_locked"}, "ACCT_UNLOCK": {"user_unlocked", "user_unlocked"}, "BPF": {"bpf", "bpf"}, "SECCOMP": {"seccomp", "seccomp"},
}

// finish adds what only all records together tell, and gives the message.
func (d *decoder) finish(records []record) string {
	e := d.e
	kind := records[0].kind
	failed := 0
	if d.result == "failure" {
		failed = 1
	}
	action := actions[kind][failed]
	for _, k := range d.kinds[1:] { // an AVC or a login of a system call says more than the call
		if action == "" {
			action = actions[k][failed]
		}
	}
	name := callName(d.arch, d.call)
	switch {
	case d.off && action == "audit_config_changed":
		action = "audit_disabled"
	case d.args > 0 && action == "":
		action = "process_started"
	case action == "" && kind == "SYSCALL":
		action = "system_call"
	}
	if action != "" {
		e.Did(action, d.result)
	} else {
		e.Add("authentication_result", d.result)
	}
	e.Add("system_call", name)
	if d.command == "" && d.args > 0 {
		d.command = e.Keep(d.typed)
		e.Add("command", d.command)
	}
	e.List("filenames", d.files)
	if len(d.kinds) > 1 {
		e.List("record_types", d.kinds)
	}
	what := strings.TrimSpace(strings.ReplaceAll(records[0].body, enriched, " "))
	switch {
	case d.command != "":
		what = d.command
	case what == "":
		what = "(no more is said)"
	}
	kinds := strings.Join(d.kinds, "+")
	if d.pid == "" {
		return e.Join("[", kinds, "] ", what)
	}
	return e.Join("[", kinds, ", pid: ", d.pid, "] ", what)
}

// calls are the system calls that intruders need most, by number: arch/x86/entry/syscalls/syscall_64.tbl and
// include/uapi/asm-generic/unistd.h of Linux 6.6.
var calls = map[string]map[int]string{
	"c000003e": {
		2: "open", 41: "socket", 42: "connect", 43: "accept", 49: "bind", 56: "clone", 57: "fork", 59: "execve", 62: "kill", 76: "truncate", 82: "rename", 83: "mkdir", 84: "rmdir",
		86: "link", 87: "unlink", 88: "symlink", 90: "chmod", 92: "chown", 101: "ptrace", 105: "setuid", 159: "adjtimex", 161: "chroot", 164: "settimeofday", 165: "mount", 166: "umount2",
		170: "sethostname", 175: "init_module", 176: "delete_module", 188: "setxattr", 227: "clock_settime", 257: "openat", 263: "unlinkat", 264: "renameat", 268: "fchmodat", 272: "unshare",
		308: "setns", 310: "process_vm_readv", 311: "process_vm_writev", 313: "finit_module", 316: "renameat2", 319: "memfd_create", 321: "bpf", 322: "execveat",
	},
	"c00000b7": {
		35: "unlinkat", 38: "renameat", 39: "umount2", 40: "mount", 51: "chroot", 53: "fchmodat", 56: "openat", 97: "unshare", 105: "init_module", 106: "delete_module", 112: "clock_settime",
		117: "ptrace", 129: "kill", 146: "setuid", 161: "sethostname", 170: "settimeofday", 171: "adjtimex", 198: "socket", 200: "bind", 202: "accept", 203: "connect", 220: "clone", 221: "execve",
		268: "setns", 270: "process_vm_readv", 271: "process_vm_writev", 273: "finit_module", 276: "renameat2", 279: "memfd_create", 280: "bpf", 281: "execveat",
	},
}

// callName is the name of a system call, or its number where the name is not known.
func callName(arch, call string) string {
	if n, err := strconv.Atoi(call); err == nil {
		if name := calls[arch][n]; name != "" {
			return name
		}
	}
	return call
}
