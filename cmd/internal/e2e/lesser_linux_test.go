package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"testing"

	"spor/artifacts"
	"spor/package/manifest"
)

// collectAs collects with a command line in front of the agent's own and opens what it took.
func collectAs(t *testing.T, dir, agent string, attr *syscall.SysProcAttr, before ...string) (m manifest.Manifest, opened string) {
	t.Helper()
	public, private := keys(t, dir)
	usb := filepath.Join(dir, "usb")
	if err := errors.Join(os.Mkdir(usb, 0o777), os.Chmod(usb, 0o777), os.Chmod(filepath.Dir(public), 0o755), os.Chmod(public, 0o644), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	args := append(before, agent, "collect", "--recipient", public, "--out", usb, "--case", "lesser")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.SysProcAttr = usb, attr
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 99 {
		t.Skipf("NOT checked: %v %s", err, out)
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 3 {
		t.Fatalf("ended with %d: %s", code, out)
	}
	opened = filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", append([]string{"open", "--key", private, "--out", opened}, glob(t, filepath.Join(usb, "*.pgp"))...)...)
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	if err = errors.Join(err, json.Unmarshal(data, &m)); err != nil {
		t.Fatal(err)
	}
	return m, opened
}

// says holds that an outcome of a source says what a pattern matches.
func says(t *testing.T, m manifest.Manifest, source string, status artifacts.Status, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var near []string
	for _, o := range m.Outcomes {
		if o.Source == source {
			if o.Status == status && re.MatchString(o.Reason) {
				return
			}
			near = append(near, o.Status.String()+": "+o.Reason)
		}
	}
	t.Errorf("%s does not say %s, /%s/ but %q", source, status, pattern, near)
}

// With no more system calls than Linux 3.10 has, a triage takes what it takes elsewhere, but for what they alone give; and
// says so. What kernel there is, is found out by trying.
func TestOldKernel(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("not amd64: NOT checked what happens on an old kernel")
	}
	dir := t.TempDir()
	if out, err := build(runtime.GOOS, filepath.Join(dir, "old"), "./testdata/old"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m, opened := collectAs(t, dir, filepath.Join(bin, "spor"), &syscall.SysProcAttr{Cloneflags: netns()}, filepath.Join(dir, "old"))
	says(t, m, "hidden-processes", artifacts.Skipped, "no procfs of our own.*fsopen")
	says(t, m, "bpf", artifacts.Skipped, "not implemented")
	taken := map[artifacts.Path]manifest.Entry{}
	for _, e := range m.Entries {
		taken[e.Origin] = e
	}
	e, ok := taken["/etc/passwd"]
	if !ok || !e.Times.Born.IsZero() || e.Times.Modified.IsZero() || e.Method != "noatime" && os.Geteuid() == 0 {
		t.Errorf("/etc/passwd: %v %+v", ok, e)
	}
	for _, name := range []string{"processes", "sockets", "mounts", "interfaces", "kernel", "identity", "clock", "packages", "persistence"} {
		if len(records(t, opened, name)) == 0 {
			t.Errorf("nothing of %s", name)
		}
	}
}

// An ordinary user's run ends well and says what he could not see.
func TestOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root, who alone can become another: NOT checked what an ordinary user's run says")
	}
	dir := t.TempDir()
	program, err := os.ReadFile(filepath.Join(bin, "spor"))
	agent := filepath.Join(dir, "spor")
	if err = errors.Join(err, os.WriteFile(agent, program, 0o755), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
	m, opened := collectAs(t, dir, agent, &syscall.SysProcAttr{Cloneflags: netns(), Credential: &syscall.Credential{Uid: 65534, Gid: 65534}})
	says(t, m, "host", artifacts.Denied, `not root \(uid 65534\)`)
	says(t, m, "processes", artifacts.Denied, "closed to us of .*process")
	says(t, m, "sockets", artifacts.Denied, "closed to us of")
	says(t, m, "process-details", artifacts.Denied, "closed to us of")
	says(t, m, "hidden-processes", artifacts.Denied, "no procfs of our own")
	says(t, m, "bpf", artifacts.Denied, ".")
	says(t, m, "firewall", artifacts.Denied, ".")
	denied := 0
	for _, o := range m.Outcomes {
		if o.Status == artifacts.Denied {
			denied++
			if o.Reason == "" {
				t.Errorf("denied without a reason: %+v", o)
			}
		}
	}
	t.Logf("%d items, %d of %d outcomes denied", len(m.Entries), denied, len(m.Outcomes))
	for _, name := range []string{"processes", "sockets", "mounts", "identity", "clock", "packages"} {
		if len(records(t, opened, name)) == 0 {
			t.Errorf("nothing of %s", name)
		}
	}
	if got, want := hashOf(t, filepath.Join(opened, "files/etc/passwd")), hashOf(t, "/etc/passwd"); got != want {
		t.Errorf("/etc/passwd was taken as %s, is %s", got, want)
	}
}

// netns keeps a run's lock from those of other tests, where that may be.
func netns() uintptr {
	if os.Geteuid() == 0 {
		return syscall.CLONE_NEWNET
	}
	return 0
}
