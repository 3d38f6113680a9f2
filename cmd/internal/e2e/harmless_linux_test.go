package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// watched are the calls by which a look at the live state could change something, or tell somebody of it.
const watched = "execve,execveat,mount,umount2,move_mount,open_tree,pivot_root,connect,sendto,sendmsg,bpf,init_module,finit_module,delete_module,ptrace,kill,pidfd_send_signal,process_vm_writev,openat,open"

// forbidden are openings of what gives its content but once, of memory, and of what tracefs mounts by being looked at.
var forbidden = regexp.MustCompile(`"(/proc/kmsg|/proc/kcore|/dev/[a-z]*mem|/proc/\d+/mem|/dev/kmsg|[^"]*/trace_pipe|/sys/kernel/debug/tracing[^"]*)"`)

// asks are the commands of bpf(2) that only ask.
var asks = regexp.MustCompile(`BPF_(PROG|MAP|LINK|BTF)_GET_(NEXT|FD_BY)_ID|BPF_OBJ_GET_INFO_BY_FD`)

// Looking at the live state executes nothing, mounts nothing, signals nobody, loads nothing, asks no name server, and
// reads nothing that others wait for.
func TestLiveStateIsHarmless(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("no strace, or not root: NOT checked that the live state is looked at without a trace")
	}
	dir := t.TempDir()
	public, _ := keys(t, dir)
	cmd := exec.Command("sh", "-c", `mount --make-rprivate / && cat /proc/self/mountinfo >before && "$@"; code=$?; cat /proc/self/mountinfo >after; exit $code`, "sh",
		strace, "-f", "-qq", "-e", "trace="+watched, "-e", "signal=none", "-o", "trace",
		filepath.Join(bin, "spor"), "collect", "--recipient", public, "--out", "usb", "--case", "live", "--profile", "volatile")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Skipf("no mount namespace: NOT checked that the live state is looked at without a trace: %v", err)
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 3 {
		if strings.Contains(string(out), "ptrace") {
			t.Skipf("tracing is not allowed here: NOT checked that the live state is looked at without a trace: %s", out)
		}
		t.Fatalf("ended with %d: %s", code, out)
	}
	before, err1 := os.ReadFile(filepath.Join(dir, "before"))
	after, err2 := os.ReadFile(filepath.Join(dir, "after"))
	if err1 != nil || err2 != nil || len(before) == 0 || len(after) == 0 {
		t.Errorf("the mount table was not read: %v, %v", err1, err2)
	}
	for line := range strings.Lines(string(after)) { // one that is gone was another's: its folder was removed elsewhere
		if !strings.Contains(string(before), line) {
			t.Errorf("a new mount: %s", line)
		}
	}
	f, err := os.Open(filepath.Join(dir, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	executed, opened := 0, 0
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		_, call, _ := strings.Cut(s.Text(), " ")
		call = strings.TrimSpace(call)
		switch name, _, _ := strings.Cut(call, "("); name {
		case "execve", "execveat":
			executed++
		case "open", "openat":
			opened++
			if forbidden.MatchString(call) {
				t.Errorf("opened: %s", call)
			}
		case "bpf":
			if !asks.MatchString(call) {
				t.Errorf("does more than ask: %s", call)
			}
		case "sendto", "sendmsg":
			if !strings.Contains(call, "AF_NETLINK") {
				t.Errorf("sent to somebody: %s", call)
			}
		default:
			if !strings.HasPrefix(call, "<...") && !strings.HasPrefix(call, "---") && !strings.HasPrefix(call, "+++") {
				t.Errorf("changes something, or tells somebody: %s", call)
			}
		}
	}
	if executed != 1 || opened < 100 {
		t.Errorf("%d execve (want 1: our own start), %d opens", executed, opened)
	}
}

// What hides on a host is found by the whole program: a process under a mount, one whose program was deleted, and a decoy
// of process 1; each with a finding, and the hidden ones' programs in the bundle.
func TestHiddenIsFound(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: NOT checked that hidden processes are found")
	}
	dir := t.TempDir()
	public, private := keys(t, dir)
	const script = `mount --make-rprivate / && mkdir empty decoy && cp "$(command -v sleep)" gone || exit 99
sleep 300 & hidden=$!
./gone 300 & gone=$!
sleep 1; rm gone; echo "$hidden $gone" >pids
sed 's/([^)]*)/(quiet)/' /proc/1/stat >decoy/stat && mount --bind empty /proc/$hidden && mount --bind decoy /proc/1 || { kill $hidden $gone; exit 99; }
"$@"; code=$?
kill $hidden $gone
exit $code`
	cmd := exec.Command("sh", "-c", script, "sh", filepath.Join(bin, "spor"), "collect", "--recipient", public, "--out", "usb", "--case", "hidden", "--profile", "volatile")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 99 {
		t.Skipf("no mounts in a namespace of our own: NOT checked that hidden processes are found: %v %s", err, out)
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 3 {
		t.Fatalf("ended with %d: %s", code, out)
	}
	opened := filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", append([]string{"open", "--key", private, "--out", opened}, glob(t, filepath.Join(dir, "usb", "*.pgp"))...)...)
	data, err := os.ReadFile(filepath.Join(dir, "pids"))
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(string(data))
	findings, err := os.ReadFile(filepath.Join(opened, "findings.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if records(t, opened, "processes") == nil || len(pids) != 2 {
		t.Fatalf("pids %q", pids)
	}
	for rule, pid := range map[string]string{"hidden-process": pids[0], "process-deleted-executable": pids[1], "process-decoy": "1"} {
		found := regexp.MustCompile(`(?m)^\{"rule":"` + rule + `".*"pid":` + pid + `[,}]`).Match(findings)
		if !found {
			t.Errorf("no finding %s of process %s in\n%s", rule, pid, findings)
		}
	}
	if !detached(opened) {
		t.Skip("no detached procfs here: NOT checked that the programs of hidden processes are taken")
	}
	for i, of := range []string{pids[0], pids[1]} {
		if got, want := hashOf(t, filepath.Join(opened, "files/proc", of, "exe")), hashOf(t, "/bin/sleep"); got != want {
			t.Errorf("program %d was taken as %s, is %s", i, got, want)
		}
	}
}

// detached tells whether the run had a procfs of its own.
func detached(opened string) bool {
	manifest, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	return err == nil && !strings.Contains(string(manifest), "no procfs of our own")
}
