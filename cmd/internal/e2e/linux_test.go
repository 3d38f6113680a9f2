//go:build linux

package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"spor/artifacts"
	"spor/package/manifest"
)

// collectLive collects this very host and opens what came out.
func collectLive(t *testing.T, more ...string) (m manifest.Manifest, opened string) {
	t.Helper()
	dir := t.TempDir()
	public, private := keys(t, dir)
	args := append([]string{"collect", "--recipient", public, "--out", filepath.Join(dir, "usb"), "--case", "live"}, more...)
	must(t, dir, []int{0, 3}, "spor", args...)
	opened = filepath.Join(dir, "opened")
	volumes := glob(t, filepath.Join(dir, "usb", "*.pgp"))
	must(t, dir, []int{0}, "spor-desk", append([]string{"open", "--key", private, "--out", opened}, volumes...)...)
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m, opened
}

// records reads live/NAME.jsonl.
func records(t *testing.T, opened, name string) []map[string]any {
	t.Helper()
	f, err := os.Open(filepath.Join(opened, "live", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []map[string]any
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var r map[string]any
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v: %s", name, err, s.Text())
		}
		all = append(all, r)
	}
	return all
}

func TestThisHost(t *testing.T) {
	sleep := exec.Command("sleep", "300")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer sleep.Process.Kill()
	m, opened := collectLive(t)
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if m.Host.Hostname != hostname || m.Host.OS != artifacts.Linux || m.Clock.BootTime.IsZero() {
		t.Errorf("host %+v, clock %+v", m.Host, m.Clock)
	}
	found := false
	for _, p := range records(t, opened, "processes") {
		if p["pid"] == float64(sleep.Process.Pid) {
			found = p["command_line"] == "sleep 300" && len(p["exe_sha256"].(string)) == 64
		}
	}
	if !found {
		t.Errorf("process %d (sleep 300) is not among the processes, with its command line and hash", sleep.Process.Pid)
	}
	if got, want := hashOf(t, filepath.Join(opened, "files/etc/passwd")), hashOf(t, "/etc/passwd"); got != want {
		t.Errorf("/etc/passwd was taken as %s, is %s", got, want)
	}
	for _, name := range []string{"identity", "clock"} {
		if n := len(records(t, opened, name)); n != 1 {
			t.Errorf("%d records of %s, want 1", n, name)
		}
	}
	byStatus := map[artifacts.Status]int{}
	sources := map[string]bool{}
	for _, o := range m.Outcomes {
		byStatus[o.Status]++
		sources[o.Source] = true
		if o.Source == "" {
			t.Errorf("an outcome without a source: %+v", o)
		}
		if o.Reason == "" && o.Status != artifacts.Collected && o.Status != artifacts.Absent {
			t.Errorf("an outcome without a reason: %+v", o)
		}
	}
	for _, must := range []string{"processes", "sockets", "sessions", "identity", "clock", "walk", "LinuxAccounts"} {
		if !sources[must] {
			t.Errorf("nothing is said of %s", must)
		}
	}
	if byStatus[artifacts.Collected] < 50 {
		t.Errorf("outcomes %v", byStatus)
	}
}

// Reading leaves no trace: the access time of every collected file is what it was.
func TestAccessTimesStayAsTheyWere(t *testing.T) {
	m, _ := collectLive(t)
	compared := 0
	for _, e := range m.Entries {
		if e.Origin == "" || e.Link != "" || strings.HasPrefix(string(e.Origin), "/proc/") || strings.HasPrefix(string(e.Origin), "/sys/") || e.Times.Accessed.IsZero() {
			continue
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(string(e.Origin), &st); err != nil {
			continue
		}
		now := time.Unix(st.Atim.Unix())
		if !now.Equal(e.Times.Accessed) && now.After(m.Started) && now.Before(m.Finished) {
			t.Errorf("%s was accessed at %v, during the collection; before it was %v", e.Origin, now, e.Times.Accessed)
		}
		compared++
	}
	if compared < 50 {
		t.Errorf("only %d files were compared", compared)
	}
	t.Logf("%d files compared", compared)
}

// The agent executes nothing of the host and creates no file but its bundle.
func TestSystemCalls(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: NOT checked that the agent executes nothing")
	}
	dir := t.TempDir()
	public, _ := keys(t, dir)
	usb := filepath.Join(dir, "usb")
	trace := filepath.Join(dir, "trace")
	cmd := exec.Command(strace, "-f", "-qq", "-s", "4096", "-e", "trace=execve,execveat,openat,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,mknod,mknodat,link,linkat,symlink,symlinkat,chmod,fchmod,fchmodat,utimensat,mount,ptrace,kill",
		"-o", trace, filepath.Join(bin, "spor"), "collect", "--recipient", public, "--out", usb, "--case", "st")
	if out, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() != 3 {
		if strings.Contains(string(out), "ptrace") {
			t.Skipf("tracing is not allowed here: NOT checked that the agent executes nothing: %s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	executed, opened := 0, 0
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		line := s.Text()
		_, call, _ := strings.Cut(line, " ")
		call = strings.TrimSpace(call)
		switch {
		case strings.HasPrefix(call, "execve"):
			executed++
		case strings.HasPrefix(call, "open"):
			opened++
			if (strings.Contains(call, "O_WRONLY") || strings.Contains(call, "O_RDWR") || strings.Contains(call, "O_CREAT")) && !strings.Contains(call, usb) && !strings.Contains(call, "= -1") {
				t.Errorf("opened for writing, outside the bundle's folder: %s", call)
			}
		case strings.Contains(call, "(") && !strings.HasPrefix(call, "---") && !strings.Contains(call, "resumed") && !strings.Contains(call, usb):
			t.Errorf("changes something outside the bundle's folder: %s", call)
		}
	}
	if executed != 1 || opened < 100 {
		t.Errorf("%d execve (want 1: our own start), %d opens", executed, opened)
	}
}

// What is planted in a collected log is in no file the agent created, but after opening the bundle.
func TestNoPlaintextLeavesTheSeal(t *testing.T) {
	dir := t.TempDir()
	public, private := keys(t, dir)
	canary := "CANARY-" + filepath.Base(dir) + "-plain"
	host := filepath.Join(dir, "host")
	if err := os.MkdirAll(filepath.Join(host, "var/log"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(host, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(host, "etc/passwd"), []byte("root:x:0:0:root:/root:/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	line := "Nov 21 03:04:05 victim sshd[812]: Accepted password for " + canary + " from 192.0.2.7 port 50022 ssh2\n"
	if err := os.WriteFile(filepath.Join(host, "var/log/auth.log"), []byte(strings.Repeat(line, 200_000)), 0o600); err != nil {
		t.Fatal(err) // enough events to be written out of memory while they are sorted
	}
	usb := filepath.Join(dir, "usb")
	cmd := exec.Command(filepath.Join(bin, "spor"), "collect", "--root", host, "--recipient", public, "--out", usb, "--profile", "full")
	cmd.Env = append(os.Environ(), "TMPDIR="+usb)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	looked := 0
	look := func() {
		for _, name := range glob(t, filepath.Join(usb, "*")) {
			if b, err := os.ReadFile(name); err == nil {
				looked++
				if strings.Contains(string(b), canary) {
					t.Errorf("%s holds the canary in the clear", name)
				}
			}
		}
	}
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		case <-time.After(50 * time.Millisecond):
		}
		look()
	}
	if looked == 0 {
		t.Error("the agent created no file")
	}
	opened := filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", append([]string{"open", "--key", private, "--out", opened}, glob(t, filepath.Join(usb, "*.pgp"))...)...)
	for _, name := range []string{"files/var/log/auth.log", "timeline.jsonl"} {
		b, err := os.ReadFile(filepath.Join(opened, name))
		if err != nil || !strings.Contains(string(b), canary) {
			t.Errorf("%s does not hold the canary: %v", name, err)
		}
	}
}

// Ctrl-C at any moment ends in a valid bundle that says so.
func TestInterruptedCollectionIsAValidBundle(t *testing.T) {
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 40)
	interrupted := 0
	for i := range 8 {
		usb := filepath.Join(dir, "usb", string(rune('a'+i)))
		cmd := exec.Command(filepath.Join(bin, "spor"), "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log", "--out", usb)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30*time.Millisecond + someTime(t, 250*time.Millisecond))
		cmd.Process.Signal(os.Interrupt)
		if i%2 == 1 {
			cmd.Process.Signal(syscall.SIGTERM) // as timeout(1) and systemd send two
		}
		cmd.Wait()
		code := cmd.ProcessState.ExitCode()
		volumes := glob(t, filepath.Join(usb, "*"))
		if len(volumes) == 0 && (code == 130 || code == -1) {
			continue // before anything was begun, the program's own start perhaps (-1)
		}
		if code != 130 && code != 0 {
			t.Errorf("ended with %d", code)
		}
		if code == 130 {
			interrupted++
		}
		must(t, dir, []int{0}, "spor-desk", append([]string{"verify", "--key", private}, volumes...)...)
	}
	if interrupted < 2 {
		t.Errorf("only %d of 8 were interrupted: the test shows little", interrupted)
	}
}

// A second run on the same host is told so.
func TestOnlyOneRun(t *testing.T) {
	dir := t.TempDir()
	public, _ := keys(t, dir)
	first := exec.Command(filepath.Join(bin, "spor"), "collect", "--recipient", public, "--out", filepath.Join(dir, "a"), "--only", "none", "--take", "/usr/share")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	defer first.Wait()
	defer first.Process.Kill()
	deadline := time.Now().Add(10 * time.Second)
	for len(glob(t, filepath.Join(dir, "a", "*.part"))) == 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	_, stderr, code := run(t, dir, "spor", "collect", "--recipient", public, "--out", "b", "--only", "none", "--take", "/etc/hostname")
	if code != 7 || !strings.Contains(stderr, "another run is active") {
		t.Errorf("ended with %d: %s", code, stderr)
	}
}

// A full disk is said in words, and what was written is not called a bundle.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: NOT checked what a full disk does")
	}
	dir := t.TempDir()
	public, _ := keys(t, dir)
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("cannot mount: NOT checked what a full disk does: %v", err)
	}
	defer syscall.Unmount(disk, 0)
	_, stderr, code := run(t, dir, "spor", "collect", "--root", noisyHost(t, 8), "--recipient", public, "--only", "none", "--take", "/var/log", "--out", disk)
	if code != 1 || !strings.Contains(stderr, "is full") || !strings.Contains(stderr, "hint:") {
		t.Errorf("ended with %d: %s", code, stderr)
	}
	if got := glob(t, filepath.Join(disk, "*.pgp")); len(got) != 0 {
		t.Errorf("claims to be finished: %v", got)
	}
}
