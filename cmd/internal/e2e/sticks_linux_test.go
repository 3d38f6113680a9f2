package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// inOwnMounts runs the test that calls it again where nobody else sees what it mounts, and tells whether this is that
// run. What is left mounted ends with it.
func inOwnMounts(t *testing.T) bool {
	t.Helper()
	const inside = "SPOR_E2E_MOUNTS"
	if memory := os.Getenv(inside); memory != "" {
		// in memory: how long the disk of the machine that tests takes is no part of it
		if err := syscall.Mount("tmpfs", memory, "tmpfs", 0, ""); err != nil {
			t.Logf("no tmpfs (%v): a slow disk may be taken for a silent one", err)
		}
		t.Setenv("TMPDIR", memory)
		return true
	}
	if out, err := exec.Command("unshare", "--mount", "true").CombinedOutput(); err != nil {
		t.Skipf("no namespace of mounts: NOT checked what a real stick does: %v %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), inside+"="+t.TempDir(), builtIn+"="+bin)
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("%s", out)
	default:
		t.Logf("%s", out)
	}
	return false
}

// need skips where a program is missing.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: NOT checked what needs it", tool)
		}
	}
}

// fat makes a FAT32 stick of the given size, in MiB, and mounts it: by the kernel, or by fusefat where it knows no FAT.
func fat(t *testing.T, size int64, options string) (dir string, native bool) {
	t.Helper()
	need(t, "mkfs.vfat", "mount")
	image := filepath.Join(t.TempDir(), "stick.img")
	dir = filepath.Join(t.TempDir(), "stick")
	f, err := os.Create(image)
	if err == nil {
		err = f.Truncate(size << 20)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.vfat", "-F", "32", "-s", "1", image).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	out, err := exec.Command("mount", "-t", "vfat", "-o", "loop,"+options, image, dir).CombinedOutput()
	if err == nil {
		return dir, true
	}
	need(t, "fusefat")
	if fuse, err := exec.Command("fusefat", "-o", strings.Replace(options, "rw", "rw+", 1), image, dir).CombinedOutput(); err != nil {
		t.Skipf("NOT checked what a FAT32 stick does: %s %v %s", out, err, fuse)
	}
	t.Logf("the kernel mounts no FAT (%s): fusefat does", bytes.TrimSpace(out))
	return dir, false
}

// A FAT32 stick takes a bundle; one that is too small costs nothing where another is given, and what was finished on it
// is good.
func TestFAT32(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 24)
	collect := []string{"collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log", "--out"}
	large, native := fat(t, 64, "rw")
	stdout, stderr, code := run(t, dir, "spor", append(collect, large, "--volume-size", "8GiB")...)
	if code != 0 || native && !strings.Contains(stderr, "holds no file of 4 GiB") {
		t.Errorf("ended with %d:\n%s\n%s", code, stdout, stderr)
	}
	wholeBundle(t, private, large, host)

	small, native := fat(t, 35, "rw") // of which the tables take 0.5 and the bundle 24: the second has no room
	must(t, dir, []int{0}, "spor", append(collect, small, "--volume-size", "4M")...)
	first := glob(t, filepath.Join(small, "*.pgp"))
	second := filepath.Join(dir, "second")
	stdout, stderr, code = run(t, dir, "spor", append(collect, small, "--volume-size", "4M", "--case", "b", "--out", second)...)
	if code != 0 || native && !strings.Contains(stderr, "is full") || !strings.Contains(stderr, "everything is collected anew into "+second) {
		t.Errorf("ended with %d:\n%s\n%s", code, stdout, stderr)
	}
	wholeBundle(t, private, second, host)
	recovers(t, private, glob(t, filepath.Join(small, "b-*.pgp")))
	must(t, dir, []int{0}, "spor-desk", append([]string{"verify", "--key", private}, first...)...)
	_, stderr, code = run(t, dir, "spor", append(collect, small, "--case", "c")...)
	if code != 1 || native && !strings.Contains(stderr, "is full") || !strings.Contains(stderr, "hint: ") {
		t.Errorf("without another: ended with %d, want 1:\n%s", code, stderr)
	}
	if got := glob(t, filepath.Join(small, "c-*.pgp")); len(got) > 0 {
		t.Errorf("claims to be finished: %v", got)
	}
}

// A FAT32 stick that is read-only, and one that is pulled in the middle.
func TestFAT32PulledAndReadOnly(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 48)
	collect := []string{"collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log", "--volume-size", "4M"}
	locked, _ := fat(t, 40, "ro")
	_, stderr, code := run(t, dir, "spor", append(collect, "--out", locked)...)
	if code != 2 || !strings.Contains(stderr, "is read-only") || !strings.Contains(stderr, "hint: ") {
		t.Errorf("read-only: ended with %d, want 2: %s", code, stderr)
	}
	pulled, _ := fat(t, 64, "rw")
	second := filepath.Join(dir, "second")
	r := start(t, append(collect, "--out", pulled, "--out", second)...)
	r.untilFinished(t, pulled, 2)
	if err := syscall.Unmount(pulled, syscall.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if code := r.end(t, 60*time.Second); code != 0 || !strings.Contains(r.out.String(), "is gone") {
		t.Errorf("pulled: ended with %d:\n%s", code, r.out.String())
	}
	if left := glob(t, filepath.Join(pulled, "*")); len(left) != 0 {
		t.Errorf("written below the stick: %v", left)
	}
	wholeBundle(t, private, second, host)
}

// A started is an agent that runs.
type started struct {
	cmd  *exec.Cmd
	out  said
	done chan struct{}
}

// said is what it has said up to now.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// untilSaid waits for words. It is not the end of the process that is waited for where a folder hangs: the kernel may
// hold a process back until what it asked of the folder is answered.
func (s *started) untilSaid(t *testing.T, words string) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !strings.Contains(s.out.String(), words); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.cmd.Process.Kill()
			t.Fatalf("%q was not said after a minute:\n%s", words, s.out.String())
		}
	}
}

func start(t *testing.T, args ...string) *started {
	t.Helper()
	s := &started{cmd: exec.CommandContext(t.Context(), filepath.Join(bin, "spor"), args...), done: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.cmd.Wait(); close(s.done) }()
	return s
}

// untilFinished waits for n finished volumes in a folder.
func (s *started) untilFinished(t *testing.T, folder string, n int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); len(glob(t, filepath.Join(folder, "*.pgp"))) < n; time.Sleep(time.Millisecond) {
		select {
		case <-s.done:
			t.Fatalf("ended before %d volumes were finished:\n%s", n, s.out.String())
		default:
			if time.Now().After(deadline) {
				t.Fatalf("no %d volumes after 30 s", n)
			}
		}
	}
}

// end waits for the exit code.
func (s *started) end(t *testing.T, most time.Duration) int {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(most):
		s.cmd.Process.Kill()
		t.Fatalf("still runs after %v", most)
	}
	return s.cmd.ProcessState.ExitCode()
}

// served mounts a folder that a process of its own serves, as a network folder is served by another machine: NTFS by
// ntfs-3g, whose process can be stopped and killed.
func served(t *testing.T) (dir string, server *os.Process) {
	t.Helper()
	need(t, "ntfs-3g", "mkntfs")
	image, dir := filepath.Join(t.TempDir(), "disk.img"), filepath.Join(t.TempDir(), "share")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 200<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkntfs", "-q", "-F", image).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	before, err := os.Stat(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ntfs-3g", "-o", "no_detach", image, dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Unmount(dir, syscall.MNT_DETACH)
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		now, err := os.Stat(dir)
		if err == nil && now.Sys().(*syscall.Stat_t).Dev != before.Sys().(*syscall.Stat_t).Dev {
			return dir, cmd.Process
		}
		if time.Now().After(deadline) {
			t.Skipf("ntfs-3g mounts nothing here: NOT checked what a network folder that hangs does: %v", err)
		}
	}
}

// A network folder that does not answer any more, without an error, is left after the time that was given: for the next
// folder, or with the right exit code. When it wakes up again, nothing in it claims to be whole that is not.
func TestFolderThatHangs(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	for _, fallBack := range []bool{true, false} {
		dir := t.TempDir()
		public, private := keys(t, dir)
		host := noisyHost(t, 32)
		eventful(t, host, 100_000)
		share, server := served(t)
		second := filepath.Join(dir, "second")
		args := []string{"collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log", "--volume-size", "4M", "--disk-timeout", "3s", "--out", share}
		if fallBack {
			args = append(args, "--out", second)
		}
		r := start(t, args...)
		r.untilFinished(t, share, 2)
		if err := server.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		last := "hint: "
		if fallBack {
			last = "digest   "
		}
		r.untilSaid(t, last)
		if err := server.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		code, said := r.end(t, 60*time.Second), r.out.String()
		if !strings.Contains(said, "does not answer") {
			t.Errorf("with another folder %v, it is not said that this one does not answer:\n%s", fallBack, said)
		}
		finished := glob(t, filepath.Join(share, "*.pgp"))
		recovers(t, private, finished)
		if fallBack {
			if m := wholeBundle(t, private, second, host); code != 0 || !strings.Contains(m, "does not answer") {
				t.Errorf("ended with %d, want 0, and the reason in the manifest:\n%s", code, said)
			}
			for _, name := range finished {
				if !strings.Contains(said, filepath.Base(name)) { // in full, or as the one that was being finished
					t.Errorf("%s is not named:\n%s", name, said)
				}
			}
		} else if code != 1 || !strings.Contains(said, "hint: connect the network folder again") {
			t.Errorf("ended with %d, want 1, and a hint:\n%s", code, said)
		}
	}
}

// One that does not answer from the beginning was never written to; one whose server dies is gone.
func TestFolderThatHangsFromTheBeginningOrDies(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 64)
	share, server := served(t)
	args := []string{"collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log", "--volume-size", "4M"}
	if err := server.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r := start(t, append(args, "--disk-timeout", "1s", "--out", filepath.Join(share, "new"))...)
	r.untilSaid(t, "hint: ")
	if code := r.end(t, 30*time.Second); code != 2 || !strings.Contains(r.out.String(), "does not answer") {
		t.Errorf("ended with %d, want 2:\n%s", code, r.out.String())
	}
	// As the place that is sent to: the bundle is kept.
	usb := filepath.Join(dir, "usb")
	r = start(t, append(args, "--disk-timeout", "3s", "--out", usb, "--upload", "file://"+share, "--patience", "1s")...)
	if code := r.end(t, 30*time.Second); code != 2 && code != 4 {
		t.Errorf("sending to it ended with %d, want 2 or 4:\n%s", code, r.out.String())
	}
	if err := server.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(dir, "second")
	r = start(t, append(args, "--out", share, "--out", second)...)
	r.untilFinished(t, share, 2)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if code := r.end(t, 60*time.Second); code != 0 || !strings.Contains(r.out.String(), "is gone") {
		t.Errorf("ended with %d, want 0:\n%s", code, r.out.String())
	}
	wholeBundle(t, private, second, host)
}

// A folder that is sent to and hangs in the middle costs the upload and nothing else.
func TestUploadFolderThatHangs(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	dir := t.TempDir()
	public, private := keys(t, dir)
	host := noisyHost(t, 48)
	share, server := served(t)
	usb := filepath.Join(dir, "usb")
	r := start(t, "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log", "--volume-size", "4M",
		"--disk-timeout", "3s", "--patience", "1s", "--out", usb, "--upload", "file://"+share)
	r.untilFinished(t, share, 1)
	if err := server.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.untilSaid(t, "hint: ")
	if err := server.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	code := r.end(t, 60*time.Second)
	if said := r.out.String(); code != 4 || !strings.Contains(said, "does not answer") || !strings.Contains(said, "spor upload") {
		t.Errorf("ended with %d, want 4:\n%s", code, said)
	}
	wholeBundle(t, private, usb, host)
	must(t, dir, []int{0}, "spor", append([]string{"upload", "--to", fmt.Sprint("file://", share)}, glob(t, filepath.Join(usb, "*.pgp"))...)...)
	wholeBundle(t, private, share, host)
}
