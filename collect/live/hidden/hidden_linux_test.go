package hidden

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/host"
	"spor/collect/live/livetest"
)

// The test program runs itself as the host of the hidden, in a mount namespace of its own.
const (
	asHost = "SPOR_TEST_HIDDEN"
	asUser = "SPOR_TEST_HIDDEN_USER"
)

func TestMain(m *testing.M) {
	if os.Getenv(asUser) != "" {
		if err := justLook(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(asHost) != "" {
		if err := hide(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// answer is what the program that hides says on its standard output.
type answer struct {
	Covered, Swapped int
	Found            []Process
	Notes            []artifacts.Outcome
	Taken            []artifacts.Path
	MountsChanged    bool
	Storm            int // processes of the storm
	False            []Process
}

func sleeper() (*exec.Cmd, error) {
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, cmd.Start()
}

// hide covers one process with an empty folder, another with the folder of our own, and process 1 with made-up files,
// and looks for them while processes are started and end all the time.
func hide() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	var a answer
	covered, err := sleeper()
	if err != nil {
		return err
	}
	defer covered.Process.Kill()
	swapped, err := sleeper()
	if err != nil {
		return err
	}
	defer swapped.Process.Kill()
	a.Covered, a.Swapped = covered.Process.Pid, swapped.Process.Pid
	dir := os.Getenv(asHost)
	empty, decoy := filepath.Join(dir, "empty"), filepath.Join(dir, "decoy")
	if err := errors.Join(os.Mkdir(empty, 0o755), os.Mkdir(decoy, 0o755)); err != nil {
		return err
	}
	stat, err := os.ReadFile("/proc/1/stat")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(stat), ")")
	err = errors.Join(
		os.WriteFile(filepath.Join(decoy, "stat"), []byte("1 (quiet)"+rest), 0o444),
		os.WriteFile(filepath.Join(decoy, "cmdline"), []byte("/sbin/quiet\x00"), 0o444),
		bind(empty, a.Covered), bind("/proc/self", a.Swapped), bind(decoy, 1),
	)
	if err != nil {
		return err
	}
	if err := a.look(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(a)
}

func bind(from string, pid int) error {
	return unix.Mount(from, "/proc/"+strconv.Itoa(pid), "", unix.MS_BIND, "")
}

func (a *answer) look() error {
	ctx, stop := context.WithCancel(context.Background())
	var storm sync.WaitGroup
	var mu sync.Mutex
	for range 3 {
		storm.Go(func() {
			for ctx.Err() == nil {
				if exec.Command("sh", "-c", "true & true & wait").Run() == nil {
					mu.Lock()
					a.Storm += 3
					mu.Unlock()
				}
			}
		})
	}
	defer storm.Wait()
	defer stop()
	before, _ := os.ReadFile("/proc/self/mountinfo")
	for round := range 3 {
		h, err := host.Open(ctx)
		if err != nil {
			return err
		}
		rec := &livetest.Recorder{}
		if err := Collector.Collect(ctx, h, rec); err != nil {
			return err
		}
		for _, r := range rec.Records {
			p := r.(Process)
			if p.PID != 1 && p.PID != a.Covered && p.PID != a.Swapped {
				a.False = append(a.False, p)
			} else if round == 0 {
				a.Found = append(a.Found, p)
			}
		}
		if round == 0 {
			a.Notes = rec.Notes
			for _, it := range rec.Items {
				a.Taken = append(a.Taken, it.Origin)
			}
		}
	}
	after, _ := os.ReadFile("/proc/self/mountinfo")
	// A mount that is gone was another's: it goes from here too when its folder is removed elsewhere.
	for line := range strings.Lines(string(after)) {
		a.MountsChanged = a.MountsChanged || !strings.Contains(string(before), line)
	}
	return nil
}

func revealed(t *testing.T) answer {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: NOT tested that hidden processes are revealed")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), asHost+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("cannot mount in a namespace of our own: NOT tested that hidden processes are revealed: %v %s", err, stderr.String())
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return a
}

// A covered process, one behind another's folder and a decoy of process 1 are revealed; nothing else is, however many
// processes come and go beside; no mount appears.
func TestRevealed(t *testing.T) {
	if d, err := detach(nil); err != nil {
		t.Skipf("no detached procfs here: NOT tested that hidden processes are revealed: %v", err)
	} else if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	a := revealed(t)
	byPID := map[int]Process{}
	for _, p := range a.Found {
		byPID[p.PID] = p
	}
	for _, tt := range []struct {
		name  string
		pid   int
		shown string // the name that /proc shows
	}{{"covered", a.Covered, ""}, {"swapped", a.Swapped, "exe"}, {"decoy of 1", 1, "quiet"}} {
		p := byPID[tt.pid]
		if !slices.Equal(p.How, []How{Decoy, Covered}) || p.True == nil || p.True.PID != tt.pid {
			t.Errorf("%s (%d): how %v, reasons %q, true %+v", tt.name, tt.pid, p.How, p.Reasons, p.True)
			continue
		}
		if p.Shown == nil != (tt.shown == "") || p.Shown != nil && !strings.HasPrefix(p.Shown.Name, tt.shown) {
			t.Errorf("%s: shown %+v, want %q", tt.name, p.Shown, tt.shown)
		}
		if tt.pid != 1 && (p.True.CommandLine != "sleep 60" || len(p.True.ExeSHA256) != 64 || p.ExeItem == "" || !slices.Contains(a.Taken, p.ExeItem)) {
			t.Errorf("%s: true %+v, executable taken as %q of %q", tt.name, p.True, p.ExeItem, a.Taken)
		}
	}
	if len(a.False) != 0 {
		t.Errorf("false: %+v", a.False)
	}
	if a.Storm < 20 {
		t.Errorf("a storm of %d processes shows nothing", a.Storm)
	}
	if a.MountsChanged {
		t.Error("the mount table changed")
	}
	t.Logf("%d processes came and went; notes %v", a.Storm, a.Notes)
}

func justLook() error {
	h, err := host.Open(context.Background())
	if err != nil {
		return err
	}
	rec := &livetest.Recorder{}
	if err := Collector.Collect(context.Background(), h, rec); err != nil {
		return err
	}
	a := answer{Notes: rec.Notes}
	for _, r := range rec.Records {
		a.False = append(a.False, r.(Process))
	}
	return json.NewEncoder(os.Stdout).Encode(a)
}

// An ordinary user may not have a procfs of his own: that is said, and no process of others is called hidden.
func TestOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: NOT tested as another user")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Dir, cmd.Env = "/", append(os.Environ(), asUser+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Skipf("cannot become another user: NOT tested as one: %v %s", err, out)
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	denied := slices.ContainsFunc(a.Notes, func(o artifacts.Outcome) bool {
		return o.Status == artifacts.Denied && strings.Contains(o.Reason, "no procfs of our own")
	})
	if !denied || len(a.False) != 0 {
		t.Errorf("notes %+v, found %+v", a.Notes, a.False)
	}
}

// In a process namespace of our own under the /proc of another, every number means another process: nothing is compared,
// and that is said.
func TestOtherProcessNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: NOT tested in another process namespace")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), asUser+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Skipf("no process namespace can be made: NOT tested in another: %v", err)
	}
	if err == nil || !strings.Contains(string(out), "another process namespace") {
		t.Errorf("%v: %s", err, out)
	}
}

// A view lists what another does, but for one process; of that it opens nothing either where it is blind.
type view struct {
	artifacts.Files
	without int
	with    int
}

func (v view) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	list, err := v.Files.ReadDir(p)
	if p != "/proc" {
		return list, err
	}
	list = slices.DeleteFunc(list, func(e artifacts.DirEntry) bool { return e.Name == strconv.Itoa(v.without) })
	if v.with != 0 {
		list = append(list, artifacts.DirEntry{Name: strconv.Itoa(v.with)})
	}
	return list, err
}

// Whichever list a process is missing from says how it is hidden.
func TestHow(t *testing.T) {
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	child, err := sleeper()
	if err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill()
	pid := child.Process.Pid
	// Threads of our own, which answer to getpgid and are no processes.
	for range 8 {
		ended := make(chan struct{})
		defer close(ended)
		go func() {
			unix.Getpid()
			<-ended
		}()
	}
	plain, less := h.Files, view{Files: h.Files, without: pid}
	more := view{Files: h.Files, with: 1 << 22}
	for _, tt := range []struct {
		name        string
		shown, true artifacts.Files
		pid         int
		want        []How
	}{
		{"nothing hidden", plain, plain, 0, nil},
		{"one view only, nothing hidden", plain, nil, 0, nil},
		{"not in /proc", less, plain, pid, []How{Unlisted}},
		{"not in /proc, no other view", less, nil, pid, []How{Unlisted}},
		{"in neither", less, less, pid, []How{Kernel}},
		{"nothing there", more, plain, 1 << 22, []How{Phantom}},
	} {
		rec := &livetest.Recorder{}
		s := &search{host: h, rec: rec, shown: tt.shown, true: tt.true, found: map[int]*Process{}}
		if err := errors.Join(s.sameNamespace(), s.run(t.Context()), s.record(t.Context())); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.want == nil && len(rec.Records) == 0 {
			continue
		}
		if len(rec.Records) != 1 {
			t.Errorf("%s: %d records %+v, want one of %d", tt.name, len(rec.Records), rec.Records, tt.pid)
			continue
		}
		if p := rec.Records[0].(Process); p.PID != tt.pid || !slices.Equal(p.How, tt.want) || len(p.Reasons) == 0 {
			t.Errorf("%s: %+v, want %d %v", tt.name, p, tt.pid, tt.want)
		}
	}
}

// What the system refuses is an outcome, and the search goes on with what is left.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want artifacts.Status
	}{
		{fmt.Errorf("fsopen: %w", unix.ENOSYS), artifacts.Skipped},
		{fmt.Errorf("fsmount: %w", unix.EPERM), artifacts.Denied},
		{fmt.Errorf("fsopen: %w", unix.EMFILE), artifacts.Failed},
	} {
		rec := &livetest.Recorder{}
		(&search{rec: rec}).refused(tt.err)
		if len(rec.Notes) != 1 || rec.Notes[0].Status != tt.want || !strings.Contains(rec.Notes[0].Reason, tt.err.Error()) {
			t.Errorf("%v: %+v, want %v", tt.err, rec.Notes, tt.want)
		}
	}
}

// A handle outlives no process, and none is had of a thread.
func TestHandle(t *testing.T) {
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	child, err := sleeper()
	if err != nil {
		t.Fatal(err)
	}
	held, err := hold(h.Files, child.Process.Pid)
	if err != nil || !held.alive(h.Files) {
		t.Fatalf("%v, alive %v", err, held.alive(h.Files))
	}
	defer held.release()
	stat, err := readStat(h.Files, child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	old := handle{pid: child.Process.Pid, fd: -1, ticks: stat.Start}
	if !old.alive(h.Files) {
		t.Error("by its start time it does not live")
	}
	child.Process.Kill()
	for deadline := time.Now().Add(5 * time.Second); held.alive(h.Files) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if held.alive(h.Files) || old.alive(h.Files) {
		t.Error("it lives on after its end")
	}
	child.Wait()
	if _, err := hold(h.Files, child.Process.Pid); !errors.Is(err, errThread) {
		t.Errorf("after its end: %v", err)
	}
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		tid, _ := strconv.Atoi(e.Name())
		if _, err := hold(h.Files, tid); tid != os.Getpid() && !errors.Is(err, errThread) {
			t.Errorf("thread %d: %v", tid, err)
		}
	}
}

// However many numbers there are, asking for them all ends in time, and says how far it came.
func TestAskEnds(t *testing.T) {
	tree := livetest.Tree{"/proc/sys/kernel/pid_max": livetest.Text("4194304\n"), "/proc/loadavg": livetest.Text("0.1 0.2 0.3 1/200 31000\n")}
	began := time.Now()
	s := ask(t.Context(), tree.Files())
	if took := time.Since(began); s.limit != 4194304 || s.tried < 31000 || took > time.Minute || !has(s.answered, os.Getpid()) && s.tried > os.Getpid() {
		t.Errorf("tried %d of %d in %v, %d answered", s.tried, s.limit, took, len(s.answered))
	}
	t.Logf("tried %d of %d in %v", s.tried, s.limit, time.Since(began))
}

// Control groups name processes that no listing needs to show, and none of other process namespaces.
func TestGrouped(t *testing.T) {
	tree := livetest.Tree{
		"/sys/fs/cgroup/cgroup.procs": livetest.Text("1\n2\n"), "/sys/fs/cgroup/system.slice/a.service/cgroup.procs": livetest.Text("4194303\n0\n"),
		"/sys/fs/cgroup/system.slice/cgroup.procs": livetest.Text(""),
	}
	if got := grouped(t.Context(), tree.Files()); len(got) != 3 || !got[1] || !got[2] || !got[4194303] {
		t.Errorf("%v", got)
	}
}
