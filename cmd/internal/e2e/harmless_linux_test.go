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
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
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
	if err1 != nil || err2 != nil || len(before) == 0 || string(before) != string(after) {
		t.Errorf("the mount table changed\nbefore %s %v\nafter %s %v", before, err1, after, err2)
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
