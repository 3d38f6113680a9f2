//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stick mounts a small disk in memory.
func stick(t *testing.T, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: NOT checked what a failing disk does")
	}
	dir := filepath.Join(t.TempDir(), "stick")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("cannot mount: NOT checked what a failing disk does: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// wholeBundle checks that the folder holds one bundle, whole, with all of the host's files in it.
func wholeBundle(t *testing.T, private, folder, host string) (manifest string) {
	t.Helper()
	dir := t.TempDir()
	opened := filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", append([]string{"open", "--key", private, "--out", opened}, glob(t, filepath.Join(folder, "*.pgp"))...)...)
	logs := glob(t, filepath.Join(host, "var/log/*"))
	for _, name := range logs {
		if got, want := hashOf(t, filepath.Join(opened, "files/var/log", filepath.Base(name))), hashOf(t, name); got != want {
			t.Errorf("%s came out as %s, is %s", name, got, want)
		}
	}
	if len(logs) == 0 {
		t.Error("nothing was compared")
	}
	b, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// recovers checks that every finished volume of a bundle without an end gives its items.
func recovers(t *testing.T, private string, volumes []string) {
	t.Helper()
	if len(volumes) == 0 {
		t.Error("no volume was finished: the test shows little")
		return
	}
	dir := t.TempDir()
	must(t, dir, []int{5}, "spor-desk", append([]string{"open", "--recover", "--key", private, "--out", filepath.Join(dir, "opened")}, volumes...)...)
	if got := glob(t, filepath.Join(dir, "opened/files/var/log/*")); len(got) < len(volumes) {
		t.Errorf("%d volumes gave only %d files", len(volumes), len(got))
	}
}

// A stick that is full in the middle costs nothing where another is given.
func TestFullStickGoesOnOnTheNext(t *testing.T) {
	full := stick(t, "size=20m")
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 32)
	second := filepath.Join(dir, "second")
	stdout, stderr, code := run(t, dir, "spor", "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log",
		"--volume-size", "4M", "--out", full, "--out", second)
	if code != 0 || !strings.Contains(stderr, "is full") || !strings.Contains(stderr, "everything is collected anew into "+second) {
		t.Fatalf("ended with %d:\n%s\n%s", code, stdout, stderr)
	}
	finished := glob(t, filepath.Join(full, "*.pgp"))
	for _, name := range finished {
		if !strings.Contains(stdout, name) {
			t.Errorf("%s is not named:\n%s", name, stdout)
		}
	}
	recovers(t, private, finished)
	if m := wholeBundle(t, private, second, host); !strings.Contains(m, "collection begun anew") || !strings.Contains(m, "no space left") {
		t.Error("the manifest does not say that the collection was begun anew, and why")
	}
}

// A stick that is pulled, too; and nothing is written to what lies below it.
func TestPulledStickGoesOnOnTheNext(t *testing.T) {
	pulled := stick(t, "size=200m")
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 32)
	second := filepath.Join(dir, "second")
	cmd := exec.Command(filepath.Join(bin, "spor"), "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log",
		"--volume-size", "4M", "--out", pulled, "--out", second)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); len(glob(t, filepath.Join(pulled, "*.pgp"))) < 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if err := syscall.Unmount(pulled, syscall.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "is gone") {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if left := glob(t, filepath.Join(pulled, "*")); len(left) != 0 {
		t.Errorf("written below the stick: %v", left)
	}
	wholeBundle(t, private, second, host)
}

// A folder that cannot be written to from the beginning is passed over; where there is no other, nothing was touched.
func TestReadOnlyStick(t *testing.T) {
	readOnly := stick(t, "ro,size=1m")
	if err := syscall.Mount("", readOnly, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 1)
	args := []string{"collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log", "--out", readOnly}
	if stdout, stderr, code := run(t, dir, "spor", args...); code != 2 || !strings.Contains(stderr, "is read-only") || !strings.Contains(stderr, "hint: ") {
		t.Errorf("without another: ended with %d:\n%s\n%s", code, stdout, stderr)
	}
	if stdout, stderr, code := run(t, dir, "spor", append(args, "--out", "second")...); code != 0 || !strings.Contains(stderr, "is read-only") {
		t.Errorf("with another: ended with %d:\n%s\n%s", code, stdout, stderr)
	}
	wholeBundle(t, private, filepath.Join(dir, "second"), host)
}

// A file system that holds no files this large (here: a limit of the process) says so, and what helps.
func TestFileTooLarge(t *testing.T) {
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 12)
	collect := filepath.Join(bin, "spor") + " collect --root " + host + " --recipient " + public + " --only none --take /var/log"
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{" --out a --volume-size 64M", 1, "hint: run again with --volume-size 2GiB"},
		{" --out b --volume-size 4M", 0, ""},
	} {
		cmd := exec.Command("sh", "-c", "ulimit -f 16384 && exec "+collect+c.args) // 8 MiB
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: %v, want code %d and %q\n%s", c.args, err, c.code, c.says, out)
		}
	}
	wholeBundle(t, private, filepath.Join(dir, "b"), host)
}

// An interrupted stream still sends what it has, to the end of a bundle.
func TestInterruptedStreamIsAValidBundle(t *testing.T) {
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 64)
	share := filepath.Join(dir, "share")
	if err := os.Mkdir(share, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(bin, "spor"), "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log",
		"--stream", "--upload", "file://"+share)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); len(glob(t, filepath.Join(share, "*.pgp"))) < 1 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(out.String(), "was sent") {
		t.Errorf("ended with %d, want 130\n%s", code, out.String())
	}
	must(t, dir, []int{0}, "spor-desk", append([]string{"verify", "--key", private}, glob(t, filepath.Join(share, "*.pgp"))...)...)
}

// The first volumes are at the receiver before the last are written, and a receiver that is away for a while costs nothing.
func TestUploadWhileCollecting(t *testing.T) {
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 96)
	share, usb := filepath.Join(dir, "share"), filepath.Join(dir, "usb")
	if err := os.Mkdir(share, 0o700); err != nil {
		t.Fatal(err)
	}
	must(t, dir, []int{0}, "spor", "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log",
		"--volume-size", "4M", "--out", usb, "--upload", "file://"+share)
	here, there := glob(t, filepath.Join(usb, "*.pgp")), glob(t, filepath.Join(share, "*.pgp"))
	if len(here) != len(there) || len(here) < 10 {
		t.Fatalf("%d volumes, %d of them sent", len(here), len(there))
	}
	first, err := os.Stat(there[0])
	if err != nil {
		t.Fatal(err)
	}
	last, err := os.Stat(here[len(here)-1])
	if err != nil {
		t.Fatal(err)
	}
	if !first.ModTime().Before(last.ModTime()) {
		t.Errorf("the first volume was sent at %v, after the last was written at %v", first.ModTime(), last.ModTime())
	}
	wholeBundle(t, private, share, host)
}

// Streaming waits for a receiver that is away for some seconds, in bounded memory.
func TestStreamWaitsForTheReceiver(t *testing.T) {
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 96)
	store, listen := filepath.Join(dir, "store"), freeAddress(t)
	receiver, err := startReceiver(store, listen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { receiver.kill() }()
	token := strings.TrimSpace(must(t, dir, []int{0}, "spor-desk", "token", "new", "--store", store, "--case", "k"))
	cmd := exec.Command(filepath.Join(bin, "spor"), "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log",
		"--case", "k", "--stream", "--upload", receiver.url, "--token", token, "--pin", receiver.pin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	peak := watchPeak(cmd.Process.Pid)
	for deadline := time.Now().Add(20 * time.Second); len(glob(t, filepath.Join(store, "k", "*.pgp"))) < 1 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	receiver.kill()
	time.Sleep(2 * time.Second)
	if receiver, err = startReceiver(store, listen); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "trying again in") {
		t.Error("the receiver was not missed: the test shows little")
	}
	const most = 128 << 10 // KiB
	used := peak()
	if used == 0 || used > most {
		t.Errorf("%d KiB of memory were used, over %d", used, most)
	}
	t.Logf("96 MiB streamed in %d KiB of memory", used)
	wholeBundle(t, private, filepath.Join(store, "k"), host)
}

// watchPeak looks at the most memory a process had, in KiB, until it ends; the function returned tells. (What wait(2) says of
// a child begins with its parent's.)
func watchPeak(pid int) func() int {
	done := make(chan int, 1)
	go func() {
		most := 0
		for {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, rest, found := strings.Cut(string(status), "VmHWM:")
			if err != nil || !found {
				done <- most
				return
			}
			if fields := strings.Fields(rest); len(fields) > 0 {
				if n, err := strconv.Atoi(fields[0]); err == nil {
					most = max(most, n)
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return func() int { return <-done }
}

// eventful adds a log with more events, each unlike the others, than the agent holds: the rest needs its temporary file.
func eventful(t *testing.T, host string, lines int) {
	t.Helper()
	var log bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&log, "Nov 21 03:04:05 victim sshd[%d]: Accepted password for anna%d from 192.0.2.7 port %d ssh2\n", 812+i, i*7919, i%64512)
	}
	if err := os.WriteFile(filepath.Join(host, "var/log/auth.log"), log.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// With --stream no file is created or opened for writing, also where there are more events than memory holds.
func TestStreamTouchesNoDisk(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: NOT checked that --stream touches no disk")
	}
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 40)
	eventful(t, host, 200_000)
	store := filepath.Join(dir, "store")
	receiver, err := startReceiver(store, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.stop()
	token := strings.TrimSpace(must(t, dir, []int{0}, "spor-desk", "token", "new", "--store", store, "--case", "k"))
	trace, unused := filepath.Join(dir, "trace"), filepath.Join(dir, "unused")
	cmd := exec.Command(strace, "-f", "-qq", "-e", "trace=openat,open,creat,openat2,mkdir,mkdirat,mknod,mknodat,link,linkat,symlink,symlinkat,rename,renameat,renameat2,memfd_create",
		"-o", trace, filepath.Join(bin, "spor"), "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log",
		"--case", "k", "--stream", "--upload", receiver.url, "--token", token, "--pin", receiver.pin, "--out", unused)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			t.Skipf("tracing is not allowed here: NOT checked that --stream touches no disk: %s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	changes := regexp.MustCompile(`O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE|mkdir|mknod|link|rename|creat\(|memfd`)
	for call := range strings.Lines(string(b)) {
		reads++
		if _, rest, _ := strings.Cut(call, " "); changes.MatchString(rest) && !strings.Contains(rest, "readlink") {
			t.Errorf("touches a disk: %s", call)
		}
	}
	if _, err := os.Stat(unused); err == nil || reads < 50 {
		t.Errorf("the fall-back folder was made, or little was traced (%d calls): %v", reads, err)
	}
	m := wholeBundle(t, private, filepath.Join(store, "k"), host)
	if want := "events had no room"; !strings.Contains(m, want) {
		t.Errorf("the manifest does not say %q", want)
	}
}
