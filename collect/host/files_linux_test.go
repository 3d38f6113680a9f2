package host

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spor/artifacts"
)

var tree = &files{}

func write(t *testing.T, name, content string) artifacts.Path {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return artifacts.Path(p)
}

func readAll(t *testing.T, p artifacts.Path) (string, string) {
	t.Helper()
	f, err := tree.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatalf("read %s: %v", p, err)
	}
	return string(data), f.Method()
}

// within fails the test if f takes longer than a moment: it hangs.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: still waiting after 5 s", what)
	}
}

// What is no regular file is never opened, and says so at once.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo, sock, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "sock"), filepath.Join(dir, "link")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Symlink(string(write(t, "target", "x")), link); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{fifo, sock, link, dir, "/dev/null", "/dev/tty", "/proc/kmsg", "/sys/kernel/tracing/trace_pipe", "/proc/self/cwd"} {
		within(t, p, func() {
			f, err := tree.Open(artifacts.Path(p))
			if !errors.Is(err, artifacts.ErrNotRegular) {
				t.Errorf("open %s: %v, want %v", p, err, artifacts.ErrNotRegular)
			}
			if err == nil {
				f.Close()
			}
		})
	}
	// Nobody opened the FIFO: a writer that will not wait finds no reader.
	if fd, err := unix.Open(fifo, unix.O_WRONLY|unix.O_NONBLOCK, 0); !errors.Is(err, unix.ENXIO) {
		unix.Close(fd)
		t.Errorf("the FIFO has a reader: %v", err)
	}
	within(t, "readdir of a FIFO", func() {
		if _, err := tree.ReadDir(artifacts.Path(fifo)); err == nil {
			t.Error("readdir of a FIFO: no error")
		}
	})
	if _, err := tree.ReadDir(artifacts.Path(link)); err == nil {
		t.Error("readdir of a link: no error")
	}
}

// Even through /proc/PID/fd, where links are followed, a pipe is not opened.
func TestOpenMagicPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	p := artifacts.Path("/proc/self/fd/" + strconv.Itoa(int(r.Fd())))
	within(t, "open", func() {
		if _, err := tree.Open(p); !errors.Is(err, artifacts.ErrNotRegular) {
			t.Errorf("open %s: %v, want %v", p, err, artifacts.ErrNotRegular)
		}
	})
}

// A deleted file is read through the descriptor that still holds it.
func TestOpenMagicDeleted(t *testing.T) {
	p := write(t, "gone", "still here")
	f, err := os.Open(string(p))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(string(p)); err != nil {
		t.Fatal(err)
	}
	if got, _ := readAll(t, artifacts.Path("/proc/self/fd/"+strconv.Itoa(int(f.Fd())))); got != "still here" {
		t.Errorf("read %q, want what the deleted file held", got)
	}
	exe, err := tree.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	st, err := exe.Stat()
	if err != nil || st.Kind != artifacts.Regular || st.Size == 0 {
		t.Errorf("our own executable: %+v %v", st, err)
	}
}

// Reading and listing leave no access time behind.
func TestAccessTimes(t *testing.T) {
	p := write(t, "log", "content")
	dir := artifacts.Path(filepath.Dir(string(p)))
	long := time.Date(2020, 1, 2, 3, 4, 5, 678, time.UTC)
	for _, name := range []artifacts.Path{p, dir} {
		if err := os.Chtimes(string(name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	if got, method := readAll(t, p); got != "content" || method != "noatime" {
		t.Errorf("read %q by %q, want %q by noatime", got, method, "content")
	}
	if list, err := tree.ReadDir(dir); err != nil || len(list) != 1 || list[0] != (artifacts.DirEntry{Name: "log", Kind: artifacts.Regular}) {
		t.Errorf("readdir: %v %v", list, err)
	}
	for _, name := range []artifacts.Path{p, dir} {
		st, err := tree.Lstat(name)
		if err != nil || !st.Times.Accessed.Equal(long) || !st.Times.Modified.Equal(long) {
			t.Errorf("%s: accessed %v, modified %v, want both %v (%v)", name, st.Times.Accessed, st.Times.Modified, long, err)
		}
	}
}

// Whoever is neither owner nor root may not leave the access time alone, and the file says how it was read.
func TestOpenAsStranger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: needs root, to become a stranger")
	}
	dir, err := os.MkdirTemp("/tmp", "stranger") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	open, closed := filepath.Join(dir, "open"), filepath.Join(dir, "closed")
	for name, mode := range map[string]fs.FileMode{dir: 0o755, open: 0o644, closed: 0o600} {
		if name != dir {
			if err := os.WriteFile(name, []byte("x"), mode); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	asStranger(t, func() {
		f, err := tree.Open(artifacts.Path(open))
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if f.Method() != "read" {
			t.Errorf("method %q, want read", f.Method())
		}
		if list, err := tree.ReadDir(artifacts.Path(dir)); err != nil || len(list) != 2 {
			t.Errorf("readdir: %v %v", list, err)
		}
		if _, err := tree.Open(artifacts.Path(closed)); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("open of a closed file: %v, want %v", err, fs.ErrPermission)
		}
	})
}

// asStranger runs f on a thread of its own that is nobody (65534). It stays locked, so that it ends with its goroutine.
// Becoming another makes the process closed to others (PR_SET_DUMPABLE); that is undone.
func asStranger(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() { // the first thread cannot end
			asStranger(t, f)
			runtime.UnlockOSThread()
			return
		}
		const keep = ^uintptr(0)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, 65534, keep); errno != 0 {
			t.Error(errno)
			return
		}
		f()
	}()
	<-done
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		t.Error(err)
	}
}

// TestAccessTimes means something only where an ordinary read does leave a trace.
func TestAccessTimesOfOrdinaryRead(t *testing.T) {
	p := write(t, "log", "content")
	long := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := os.Chtimes(string(p), long, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(string(p)); err != nil {
		t.Fatal(err)
	}
	if st, err := tree.Lstat(p); err != nil || st.Times.Accessed.Equal(long) {
		t.Skipf("SKIPPED: this file system keeps no access times (%v), so TestAccessTimes proves nothing here", err)
	}
}

// Names are bytes.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	names := []string{"\xff\xfe.log", "a b", "new\nline", "þorn", "%41"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := tree.ReadDir(artifacts.Path(dir))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Name)
		if content, _ := readAll(t, artifacts.Linux.Join(artifacts.Path(dir), e.Name)); content != e.Name {
			t.Errorf("file %q holds %q", e.Name, content)
		}
	}
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("listed %q, want %q", got, names)
	}
}

// A path longer than PATH_MAX is no place to hide.
func TestDeepPath(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := artifacts.Path(dir)
	for name := strings.Repeat("d", 200); len(p) < 3*unix.PathMax; p = artifacts.Linux.Join(p, name) {
		if err := root.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
		next, err := root.OpenRoot(name)
		if err != nil {
			t.Fatal(err)
		}
		root.Close()
		root = next
	}
	if err := root.WriteFile("deep", []byte("found"), 0o600); err != nil {
		t.Fatal(err)
	}
	root.Close()
	file := artifacts.Linux.Join(p, "deep")
	if got, _ := readAll(t, file); got != "found" {
		t.Errorf("read %q", got)
	}
	if st, err := tree.Lstat(file); err != nil || st.Size != 5 {
		t.Errorf("lstat: %+v %v", st, err)
	}
	if list, err := tree.ReadDir(p); err != nil || len(list) != 1 {
		t.Errorf("readdir: %v %v", list, err)
	}
}

// Lstat says what the file system says, and agrees where both system calls can be asked.
func TestLstat(t *testing.T) {
	p := write(t, "prog", "#!")
	if err := os.Chmod(string(p), 0o751|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(string(p), 12345, 54321); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(string(p), 0o751|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky); err != nil {
			t.Fatal(err)
		}
	}
	got, err := tree.Lstat(p)
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(string(p), &st); err != nil {
		t.Fatal(err)
	}
	want := fromStat(&st)
	if want.Times.Born = got.Times.Born; got != want {
		t.Errorf("statx %+v\n stat %+v", got, want)
	}
	if want := fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky | 0o751; got.Mode != want {
		t.Errorf("mode %v, want %v", got.Mode, want)
	}
	for name, want := range map[artifacts.Path]artifacts.Kind{
		"/dev/null": artifacts.Device, "/": artifacts.Directory, "/proc/self": artifacts.Symlink, "/proc/self/exe": artifacts.Symlink, "/proc/version": artifacts.Regular,
	} {
		if st, err := tree.Lstat(name); err != nil || st.Kind != want {
			t.Errorf("%s is a %v, want a %v (%v)", name, st.Kind, want, err)
		}
	}
}

// Errors are those of io/fs and name the path.
func TestErrors(t *testing.T) {
	const missing = "/nowhere/\xff"
	_, lstat := tree.Lstat(missing)
	_, readDir := tree.ReadDir(missing)
	_, readlink := tree.Readlink(missing)
	_, open := tree.Open(missing)
	_, nul := tree.Open("/etc/\x00passwd")
	for op, err := range map[string]error{"lstat": lstat, "readdir": readDir, "readlink": readlink, "open": open} {
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/nowhere/%FF") || !strings.HasPrefix(err.Error(), op) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if nul == nil {
		t.Error("a path with a zero byte was opened")
	}
	if _, err := tree.Readlink("/etc/passwd"); err == nil {
		t.Error("readlink of a file: no error")
	}
}

// Close may come while a read is stuck or under way, and a closed file gives no bytes.
func TestReadAfterClose(t *testing.T) {
	f, err := tree.Open(write(t, "x", "content"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if n, err := f.Read(make([]byte, 8)); n != 0 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read of a closed file: %d %v", n, err)
	}
}

// A call that hangs keeps the descriptor, so that no other file gets its number under the call, and the last one closes it.
func TestCloseDuringRead(t *testing.T) {
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	d := &descriptor{fd: fds[0]}
	open := func() bool {
		_, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GETFD, 0)
		return err == nil
	}
	if err := d.use(func(int) error {
		within(t, "close", func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
		if !open() {
			t.Error("the descriptor was closed under a call")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if open() {
		t.Error("the descriptor is open after the last call came back")
	}
	if err := d.use(func(int) error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a call after Close: %v, want %v", err, os.ErrClosed)
	}
	if err := d.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a second Close: %v, want %v", err, os.ErrClosed)
	}
}

func FuzzEntries(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 0, 8, 'a', 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, e := range appendEntries(nil, b) {
			if e.Name == "" || strings.Contains(e.Name, "\x00") {
				t.Errorf("name %q", e.Name)
			}
		}
	})
}

// What chattr(1) set is told of a file that is not opened.
func TestFlags(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const appendOnly, immutable = 0x20, 0x10 // FS_APPEND_FL, FS_IMMUTABLE_FL of linux/fs.h
	set := func(flags int) error { return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags) }
	if err := set(appendOnly | immutable); err != nil {
		t.Skipf("no flags here: NOT checked that immutable files are told: %v", err)
	}
	st, err := tree.Lstat(artifacts.Path(name))
	if err := errors.Join(err, set(0)); err != nil || st.Flags != "ai" {
		t.Errorf("flags %q, want ai; %v", st.Flags, err)
	}
	if st, err := tree.Lstat(artifacts.Path(name)); err != nil || st.Flags != "" {
		t.Errorf("flags %q, want none; %v", st.Flags, err)
	}
}
