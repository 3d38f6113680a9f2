package auditd

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spor/timeline"
	"spor/timeline/textlog/textlogtest"
)

func all(text string) (events []timeline.Event, errs []error) {
	for e, err := range parse(timeline.Input{R: strings.NewReader(text)}) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		e.Fields = slices.Clone(e.Fields)
		events = append(events, e)
	}
	return events, errs
}

func line(kind string, serial int, body string) string {
	return fmt.Sprintf("type=%s msg=audit(1684329817.%03d:%d): %s\n", kind, serial%1000, serial, body)
}

func TestEvents(t *testing.T) {
	hexed := func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }
	tests := []struct{ name, text, want string }{
		{
			"a program", line("SYSCALL", 1, `arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=1 pid=2 auid=1000 uid=0 ses=3 tty=pts0 comm="sh" exe="/usr/bin/bash" key="exec"`+"\x1d"+`ARCH=x86_64 SYSCALL=execve AUID="alice" UID="root"`) +
				line("EXECVE", 1, `argc=3 a0="/bin/sh" a1="-c" a2=`+hexed("grep -c . /etc/hostname")) + line("CWD", 1, `cwd="/root"`) +
				line("PATH", 1, `item=0 name="/bin/sh" inode=5 nametype=NORMAL`) + line("PATH", 1, `item=1 name=`+hexed("/tmp/my file")+` inode=6`) +
				line("PROCTITLE", 1, "proctitle="+hexed("/bin/sh\x00-c\x00grep")),
			`"message":"[SYSCALL+EXECVE+CWD+PATH+PROCTITLE, pid: 2] /bin/sh -c grep -c . /etc/hostname","datetime":"2023-05-17T13:23:37.001000+00:00","timestamp":1684329817001000,` +
				`"timestamp_desc":"Content Modification Time","data_type":"selinux:line","parser":"","host":"","path":"","offset":0,"sha256":"","audit_type":"SYSCALL","audit_serial":1,` +
				`"exit_code":0,"parent_process_identifier":1,"pid":2,"audit_login_identifier":1000,"user_identifier":0,"audit_session_identifier":3,"terminal":"pts0","command_name":"sh",` +
				`"executable":"/usr/bin/bash","audit_key":"exec","audit_login_username":"alice","user":"root","working_directory":"/root","command_line":"/bin/sh -c grep",` +
				`"action":"process_started","authentication_result":"success","system_call":"execve","command":"/bin/sh -c grep -c . /etc/hostname",` +
				`"filenames":["/bin/sh","/tmp/my file"],"record_types":["SYSCALL","EXECVE","CWD","PATH","PROCTITLE"]}`,
		},
		{"a failed login", line("USER_LOGIN", 2, `pid=9 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=`+hexed("(unknown user)")+` exe="/usr/sbin/sshd" hostname=? addr=192.0.2.7 terminal=ssh res=failed'`), `"operation":"login","username":"(unknown user)","executable":"/usr/sbin/sshd","ip_address":"192.0.2.7","terminal":"ssh","action":"login_failed","authentication_result":"failure"}`},
		{"sudo", line("USER_CMD", 3, `pid=9 uid=1000 auid=1000 ses=1 msg='cwd="/root" cmd=`+hexed("cat /etc/shadow")+` terminal=pts/0 res=success'`), `"working_directory":"/root","command":"cat /etc/shadow","terminal":"pts/0","action":"sudo","authentication_result":"success"}`},
		{"a connection", line("SYSCALL", 4, `arch=c00000b7 syscall=203 success=yes exit=0 pid=5 comm="nc" exe="/usr/bin/nc"`) + line("SOCKADDR", 4, "saddr=0200115CC00002070000000000000000"), `"destination_ip":"192.0.2.7","destination_port":4444,"action":"system_call","authentication_result":"success","system_call":"connect"`},
		{"a local socket", line("SYSCALL", 5, `arch=c000003e syscall=42 success=yes pid=5`) + line("SOCKADDR", 5, "saddr=0100"+hex.EncodeToString([]byte("/run/x.sock"))+"0000"), `"socket_path":"/run/x.sock"`},
		{"IPv6", line("SOCKADDR", 6, "saddr=0A0001BB0000000020010DB800000000000000000000000100000000"), `"destination_ip":"2001:db8::1","destination_port":443`},
		{"an argument in parts", line("EXECVE", 7, "argc=2 a0=\"x\" a1_len=8 a1[0]="+hexed("ab")+" a1[1]="+hexed("cd")), `"command":"x abcd"`},
		{"audit switched off", line("CONFIG_CHANGE", 8, `op=set audit_enabled=0 old=1 auid=0 ses=1 res=1`), `"action":"audit_disabled","authentication_result":"success"`},
		{"the daemon ends", line("DAEMON_END", 9, `op=terminate auid=0 uid=0 ses=1 pid=7 res=success`), `"action":"logging_stopped"`},
		{"a package", line("SOFTWARE_UPDATE", 12, `pid=3157 uid=0 auid=1000 ses=3 msg='sw="gcc-4.8.5-39.el7.x86_64" sw_type=rpm key_enforce=0 gpg_res=1 root_dir="/" comm="yum" exe="/usr/bin/python2.7" res=success'`), `"package":"gcc-4.8.5-39.el7.x86_64","package_type":"rpm","command_name":"yum","executable":"/usr/bin/python2.7","action":"package_changed","authentication_result":"success"`},
		{"a module", line("KERN_MODULE", 13, `name="rootkit"`), `"module":"rootkit","action":"module_loaded"`},
		{"an access vector", line("AVC", 10, `avc:  denied  { read } for  pid=13010 comm="pickup" name="maildrop" scontext=a:b tclass=dir`), `"permissions":"read","filename":"maildrop","pid":13010,"command_name":"pickup","source_context":"a:b","target_class":"dir","action":"access_denied","authentication_result":"failure"`},
		{"another node", "node=web01 " + line("ADD_USER", 11, `pid=1 uid=0 msg='op=add-user acct="eve" exe="/usr/sbin/useradd" res=success'`), `"hostname":"web01","audit_type":"ADD_USER"`},
	}
	for _, tt := range tests {
		events, errs := all(tt.text)
		if len(events) != 1 || errs != nil {
			t.Errorf("%s: %d events, %v", tt.name, len(events), errs)
			continue
		}
		if got := string(events[0].AppendJSON(nil)); !strings.Contains(got, tt.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// TestMixed joins records of two processors that are mixed, and costs a damaged line alone.
func TestMixed(t *testing.T) {
	events, errs := all(line("SYSCALL", 1, "syscall=1 pid=1") + line("SYSCALL", 2, "syscall=1 pid=2") + "type=SYSC\n" + line("CWD", 1, `cwd="/a"`) + line("CWD", 2, `cwd="/b"`) +
		line("EOE", 2, "") + line("EOE", 1, ""))
	if len(events) != 2 || len(errs) != 1 {
		t.Fatalf("got %d events, %v; want 2 and an error", len(events), errs)
	}
	for i, want := range []string{"/a", "/b"} {
		if f, _ := events[i].Get("working_directory"); f.String() != want {
			t.Errorf("event %d: got %q, want %q", i, f, want)
		}
	}
}

// TestCorpus: lines are what plaso counts; ours are the events they join to.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	tests := []struct {
		name                  string
		records, events, errs int
	}{
		{"applog/log2timeline-plaso/audit_enriched.log", 29, 0, 0},
		{"applog/log2timeline-plaso/selinux.log", 7, 0, 4}, // as many as plaso warns of
		{"auditd/elastic-go-libaudit/auparse/testdata/test2.log", 10, 0, 0},
		{"auditd/elastic-go-libaudit/auparse/testdata/audit-ubuntu16.log", 3, 0, 0},
		{"auditd/elastic-go-libaudit/auparse/testdata/audit-ubuntu14.log", 1, 0, 0},
		{"crowdsec-log/crowdsecurity-hub/auditd-suid-crash/auditd-suid-crash.log", 13, 0, 0},
	}
	for _, tt := range tests {
		b, err := os.ReadFile(filepath.Join(dir, tt.name))
		if err != nil {
			t.Skipf("SKIPPED: the corpus is not here: %v", err)
		}
		records, ids := 0, map[string]bool{}
		for l := range strings.Lines(string(b)) {
			if r, ok := readRecord(strings.TrimRight(l, "\n")); ok {
				records++
				ids[r.id] = true
			}
		}
		events, errs := all(string(b))
		if records != tt.records || len(events) != len(ids) || len(errs) != tt.errs || !sniff("", b) {
			t.Errorf("%s: %d records, %d events of %d, %d errors %v; want %d records, %d errors", tt.name, records, len(events), len(ids), len(errs), errs, tt.records, tt.errs)
		}
	}
}

// TestArguments tells quoted arguments from those in hexadecimal, also where both are spelt the same, and joins parts.
func TestArguments(t *testing.T) {
	events, _ := all(line("EXECVE", 1, `argc=4 a0="6162" a1=6162 a2_len=4 a2[0]="x" a2[1]=79 a3="z"`))
	if f, _ := events[0].Get("command"); f.String() != "6162 ab xy z" {
		t.Errorf("got %q", f)
	}
}

// TestSlowRecords gives records made of as many arguments, or parts of one, as fit.
func TestSlowRecords(t *testing.T) {
	for name, b := range map[string]string{"arguments": " a%d=61", "parts": " a0[%d]=61", "keys": " acct%d=x acct=61", "quotes": ` a%d="61`} {
		var body strings.Builder
		for n := 0; body.Len() < 60_000; n++ {
			body.WriteString(strings.ReplaceAll(b, "%d", strconv.Itoa(n)))
		}
		text := strings.Repeat(line("EXECVE", 1, body.String()), 64)
		start := time.Now()
		events, _ := all(text)
		if took := time.Since(start); len(events) != 1 || len(events[0].Message) > 2*maxCommand || took > 30*time.Second {
			t.Errorf("%s: %d events, %v for %d bytes", name, len(events), took, len(text))
		}
	}
}

// FuzzParse checks that each readable record's identifier comes out and offsets rise.
func FuzzParse(f *testing.F) {
	f.Add(line("EXECVE", 7, "argc=2 a0=\"x\" a1_len=8 a1[0]=6162 a1[1]=") + line("SOCKADDR", 7, "saddr=0A00") + "type= msg=audit(1:1):\n")
	f.Add(line("USER_CMD", 3, `msg='cwd="/root" cmd=4 res=success`) + "\x00\x00" + line("AVC", 3, "avc: denied {"))
	f.Fuzz(func(t *testing.T, text string) {
		at := int64(-1)
		events, _ := all(text)
		for _, e := range events {
			if e.Offset <= at || e.Message == "" || !e.Timed() {
				t.Fatalf("%q: event at %d after %d: %q", text, e.Offset, at, e.Message)
			}
			at = e.Offset
		}
	})
}

func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	for i := range 5_000 {
		text.WriteString(line("SYSCALL", i, `arch=c000003e syscall=59 success=yes exit=0 a0=237f568 a1=237f368 a2=2384008 a3=59a items=2 ppid=26843 pid=27032 auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts2 ses=106985 comm="perl" exe="/usr/bin/perl" key=(null)`))
		text.WriteString(line("EXECVE", i, `argc=3 a0="/bin/sh" a1="-c" a2=67726570202D63202E202F6574632F686F73746E616D65`))
		text.WriteString(line("PATH", i, `item=0 name="/usr/bin/cat" inode=8633533 dev=fc:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 obj=system_u:object_r:bin_t:s0 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0`))
		text.WriteString(line("PROCTITLE", i, `proctitle=2F62696E2F7368002D630067726570`))
	}
	textlogtest.Bench(b, timeline.Formats{Format}, "/var/log/audit/audit.log", text.String())
}
