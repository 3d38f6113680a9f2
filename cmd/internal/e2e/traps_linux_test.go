package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"spor/artifacts"
	"spor/package/manifest"
)

// trapped runs the agent among the traps of testdata/traps and opens what it took.
func trapped(t *testing.T, arguments ...string) (a struct {
	Code    int
	Seconds float64
	Unasked int64
	Mounted bool
	Pids    map[string]int
	States  map[string]string
}, m manifest.Manifest, opened string,
) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: NOT checked that hung file systems and processes, automounts, FIFOs and the like do not stop a run")
	}
	dir := t.TempDir()
	public, private := keys(t, dir)
	if out, err := build(runtime.GOOS, filepath.Join(dir, "traps"), "./testdata/traps"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(filepath.Join(dir, "traps"), append([]string{filepath.Join(bin, "spor"), "collect", "--recipient", public, "--out", filepath.Join(dir, "usb"), "--case", "traps"}, arguments...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 99 {
		t.Skipf("the traps could not be laid: NOT checked that hung file systems and processes, automounts, FIFOs and the like do not stop a run: %v %s", err, stderr.String())
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(stdout.Bytes(), &a); err != nil {
		t.Fatalf("%v: %s", err, stdout.String())
	}
	if a.Code != 0 && a.Code != 3 {
		t.Fatalf("the agent ended with %d after %.0f s: %s", a.Code, a.Seconds, stderr.String())
	}
	opened = filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", append([]string{"open", "--key", private, "--out", opened}, glob(t, filepath.Join(dir, "usb", "*.pgp"))...)...)
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return a, m, opened
}

// Among all that a collector is caught by, a triage comes to its end in time, takes what can be taken, and says of each
// trap what it was: hung FUSE (which stands for a hung NFS: both are network file systems here and neither is touched),
// processes that hang on one in a namespace of their own, an automounter, FIFOs, devices, loops, files that grow, and a
// tree of 500 GiB and 40,000 names.
func TestTraps(t *testing.T) {
	const most = 90 * time.Second
	a, m, opened := trapped(t)
	t.Logf("%.1f s; processes %v, states %v", a.Seconds, a.Pids, a.States)
	if took := time.Duration(a.Seconds * float64(time.Second)); took > most {
		t.Errorf("took %v, want less than %v", took, most)
	}
	if a.Unasked > 0 {
		t.Errorf("%d requests reached a FUSE that is a mount of this host", a.Unasked)
	}
	if a.Mounted {
		t.Error("the automounter was asked")
	}
	if a.States["uninterruptible"] != "D" {
		t.Errorf("the process that was to wait in the kernel is in state %q", a.States["uninterruptible"])
	}
	said := func(source, path string, status artifacts.Status, reason string) {
		t.Helper()
		pattern := regexp.MustCompile(reason)
		for _, o := range m.Outcomes {
			if (source == "" || o.Source == source) && string(o.Path) == path && o.Status == status && pattern.MatchString(o.Reason) {
				return
			}
		}
		var near []string
		for _, o := range m.Outcomes {
			if string(o.Path) == path || o.Source == source && source != "" && o.Status == status {
				near = append(near, o.Source+" "+string(o.Path)+" "+string(o.Status)+" "+o.Reason)
			}
		}
		t.Errorf("nothing says %s %s %s /%s/; near is %q", source, path, status, reason, near)
	}
	said("walk", "/home/hung", artifacts.Skipped, "network file system fuse")
	said("walk", "/home/auto", artifacts.Skipped, "network file system autofs")
	said("", "/home/anna/.zsh_history", artifacts.Skipped, "is a pipe")
	said("", "/home/anna/.profile", artifacts.Skipped, "is a device")
	said("", "/home/anna/.bash_logout", artifacts.Failed, "loop")
	said("", "/home/hung", artifacts.Skipped, "")
	seen := map[int]bool{}
	for _, p := range records(t, opened, "processes") {
		pid := int(p["pid"].(float64))
		seen[pid] = true
		if why, _ := p["exe_error"].(string); (pid == a.Pids["program on a FUSE"] || pid == a.Pids["program mounted nowhere"]) && !strings.Contains(why, "not touched") {
			t.Errorf("process %d, whose program lies on a FUSE that hangs: exe_error %q", pid, why)
		}
		if pid == a.Pids["uninterruptible"] && p["state"] != "disk sleep" && !strings.Contains(p["state"].(string), "D") && !strings.Contains(p["state"].(string), "uninterruptible") {
			t.Errorf("process %d: state %v", pid, p["state"])
		}
	}
	for name, pid := range a.Pids {
		if !seen[pid] {
			t.Errorf("process %d (%s) is not among the processes", pid, name)
		}
	}
	taken := map[string]int64{}
	logs := 0
	for _, e := range m.Entries {
		taken[string(e.Origin)] = e.Size
		if strings.HasPrefix(string(e.Origin), "/var/log/syslog.") {
			logs++
		}
	}
	if size, ok := taken["/home/anna/.bash_history"]; !ok || size == 0 {
		t.Errorf("the file that grows was not taken: %d bytes, %v", size, ok)
	}
	if _, ok := taken["/etc/passwd"]; !ok {
		t.Error("/etc/passwd was not taken")
	}
	for name := range taken {
		if strings.HasPrefix(name, "/home/hung/") || strings.HasPrefix(name, "/dev/") || name == "/proc/kmsg" {
			t.Errorf("%s was taken", name)
		}
	}
	if logs < 500 {
		t.Errorf("%d of the 500 sparse logs were taken", logs)
	}
	t.Logf("%d items, %d of the sparse logs, %d outcomes", len(m.Entries), logs, len(m.Outcomes))
}
