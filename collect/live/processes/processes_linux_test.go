package processes_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/host"
	"spor/collect/live/livetest"
	"spor/collect/live/processes"
)

const waits = "SPOR_TEST_WAITS"

// TestMain is also the program that the tests start, delete and look for: it waits to be killed.
func TestMain(m *testing.M) {
	if os.Getenv(waits) != "" {
		fmt.Println("ready")
		time.Sleep(time.Minute)
		return
	}
	os.Exit(m.Run())
}

var boot = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// stat is a line of /proc/PID/stat of a process that started that many seconds after boot.
func stat(pid, ppid int, comm string, flags uint64, start int) livetest.Node {
	return livetest.Text(fmt.Sprintf("%d (%s) S %d %d %d 34817 -1 %d 0 0 0 0 250 50 0 0 20 0 2 0 %d 1000 50 0\n", pid, comm, ppid, pid, pid, flags, start*100))
}

const (
	program   = "\x7fELF the program"
	container = "4f1c2a9d8e7b6a5f4e3d2c1b0a9f8e7d6c5b4a3f2e1d0c9b8a7f6e5d4c3b2a19"
)

func sum(content string) string {
	s := sha256.Sum256([]byte(content))
	return hex.EncodeToString(s[:])
}

// add puts a process into a tree.
func add(tree livetest.Tree, pid int, files map[string]livetest.Node) {
	for name, node := range files {
		tree[artifacts.Path("/proc/"+strconv.Itoa(pid)+"/"+name)] = node
	}
}

func made() (*artifacts.Host, livetest.Tree) {
	tree := livetest.Tree{}
	elf := artifacts.Stat{Kind: artifacts.Symlink, Inode: 77, Device: 3, Size: int64(len(program))}
	status := func(uids string) livetest.Node {
		return livetest.Text("Name:\tx\nUid:\t" + uids + "\nGid:\t100\t100\t100\t100\nTracerPid:\t42\nVmRSS:\t    1234 kB\nCapEff:\t0000000000000400\n")
	}
	add(tree, 2, map[string]livetest.Node{"stat": stat(2, 0, "kthreadd", 0x00200000, 0), "status": status("0\t0\t0\t0")})
	add(tree, 100, map[string]livetest.Node{
		"stat": stat(100, 1, "ngin) x (", 0, 60), "status": status("0\t33\t33\t33"), "loginuid": livetest.Text("1000"),
		"cmdline": livetest.Text("/usr/sbin/nginx\x00-g\x00daemon \xff off;\x00\x00"), "cwd": livetest.Link("/srv/old (deleted)"), "root": livetest.Link("/"),
		"exe":    {Link: "/usr/sbin/nginx", Data: program, Stat: elf},
		"cgroup": livetest.Text("12:memory:/other\n1:name=systemd:/system.slice/docker-" + container + ".scope\n0::/\n"),
		"ns/mnt": livetest.Link("mnt:[11]"), "ns/net": livetest.Link("net:[12]"), "ns/pid": livetest.Link("pid:[13]"), "ns/user": livetest.Link("user:[14]"),
	})
	tree["/usr/sbin/nginx"] = livetest.Node{Data: program, Stat: artifacts.Stat{Inode: 77, Device: 3}}
	add(tree, 200, map[string]livetest.Node{
		"stat": stat(200, 100, "[kworker/0:1]", 0, 61), "status": status("1000\t1000\t1000\t1000"), "loginuid": livetest.Text("4294967295"),
		"cmdline": livetest.Text("[kworker/0:1]\x00"), "exe": {Link: "/tmp/.x (deleted)", Data: program, Stat: elf}, "root": livetest.Link("/srv/chroot"),
		"cgroup": livetest.Text("0::/user.slice\n"),
	})
	add(tree, 300, map[string]livetest.Node{
		"stat": stat(300, 1, "upgraded", 0, 62), "status": status("0\t0\t0\t0"),
		"exe": {Link: "/usr/bin/upgraded (deleted)", Data: program + "2", Stat: artifacts.Stat{Kind: artifacts.Symlink, Inode: 78}},
	})
	tree["/usr/bin/upgraded"] = livetest.Node{Data: "new", Stat: artifacts.Stat{Inode: 79}}
	add(tree, 400, map[string]livetest.Node{
		"stat": stat(400, 1, "odd", 0, 63), "exe": {Link: "/opt/a (deleted)", Data: program + "3", Stat: artifacts.Stat{Kind: artifacts.Symlink, Inode: 80}},
	})
	tree["/opt/a (deleted)"] = livetest.Node{Data: program + "3", Stat: artifacts.Stat{Inode: 80}}
	add(tree, 500, map[string]livetest.Node{"stat": stat(500, 1, "shared", 0, 64), "exe": {Link: "/mnt/nfs/bin/tool", Data: "never read"}})
	for _, pid := range []int{600, 601} {
		add(tree, pid, map[string]livetest.Node{
			"stat": stat(pid, 1, "closed", 0, 65), "exe": livetest.Fails(fs.ErrPermission), "cwd": livetest.Fails(fs.ErrPermission),
		})
	}
	h := &artifacts.Host{
		OS: artifacts.Linux, Clock: artifacts.Clock{BootTime: boot}, Users: []artifacts.User{{Name: "root", ID: "0"}, {Name: "toor", ID: "0"}, {Name: "www-data", ID: "33"}},
		Files: tree.Files(
			artifacts.Mount{Path: "/", Type: "ext4"}, artifacts.Mount{Path: "/mnt/nfs", Type: "nfs4", Class: artifacts.Remote},
			artifacts.Mount{Path: "/proc/300", Type: "tmpfs"},
		),
	}
	return h, tree
}

func TestCollect(t *testing.T) {
	h, _ := made()
	got, notes := livetest.Run[processes.Process](t, processes.Collector, h)
	web := processes.Process{
		PID: 100, PPID: 1, Start: boot.Add(time.Minute), Name: "ngin) x (", User: "www-data", UserID: "33", RealUserID: "0", GroupID: "100", LoginID: "1000",
		CommandLine: "/usr/sbin/nginx -g daemon %FF off;", Argv: []string{"/usr/sbin/nginx", "-g", "daemon %FF off;"},
		Exe: "/usr/sbin/nginx", ExeSHA256: sum(program), ExeSize: int64(len(program)), Dir: "/srv/old", DirDeleted: true,
		State: "sleeping", Threads: 2, Session: 100, TTY: "pts/1", CPU: 3 * time.Second, Resident: 1234 << 10,
		Cgroup: "/system.slice/docker-" + container + ".scope", ContainerID: container,
		Namespaces: map[string]uint64{"mnt": 11, "net": 12, "pid": 13, "user": 14}, TracerPID: 42, Capabilities: "0000000000000400",
	}
	if len(got) != 8 {
		t.Fatalf("%d processes, want 8: %+v", len(got), got)
	}
	if a, b := fmt.Sprintf("%+v", got[1]), fmt.Sprintf("%+v", web); a != b {
		t.Errorf("process 100:\n got %s\nwant %s", a, b)
	}
	if p := got[0]; !p.KernelThread || p.Exe != "" || p.ExeError != "" || !p.Start.Equal(boot) || p.User != "root" {
		t.Errorf("kernel thread: %+v", p)
	}
	if p := got[2]; p.KernelThread || p.Exe != "/tmp/.x" || !p.ExeDeleted || p.ExeReplaced || p.ExeSHA256 != sum(program) || p.Root != "/srv/chroot" || p.LoginID != "" || p.User != "" {
		t.Errorf("process that calls itself a kernel thread: %+v", p)
	}
	if p := got[3]; p.Exe != "/usr/bin/upgraded" || !p.ExeDeleted || !p.ExeReplaced || p.ExeSHA256 != sum(program+"2") || !p.Covered {
		t.Errorf("replaced executable under a mount: %+v", p)
	}
	if p := got[4]; p.Exe != "/opt/a (deleted)" || p.ExeDeleted || p.ExeSHA256 != sum(program+"3") {
		t.Errorf("file whose name ends like a deleted one's: %+v", p)
	}
	if p := got[5]; p.Exe != "/mnt/nfs/bin/tool" || p.ExeSHA256 != "" || p.ExeError == "" {
		t.Errorf("executable on the network: %+v", p)
	}
	if p := got[6]; p.ExeError == "" || p.Exe != "" {
		t.Errorf("closed process: %+v", p)
	}
	want := []string{
		"failed a file system (tmpfs) is mounted over this process: what it shows is not the process",
		"denied closed to us of 2 processes [600 601]: folder, executable",
	}
	if got := reasons(notes); !slices.Equal(got, want) {
		t.Errorf("notes\n got %q\nwant %q", got, want)
	}
}

func reasons(notes []artifacts.Outcome) []string {
	var all []string
	for _, o := range notes {
		all = append(all, o.Status.String()+" "+o.Reason)
	}
	return all
}

// changing is a tree in which one file answers differently the second time it is opened.
type changing struct {
	artifacts.Files
	path   artifacts.Path
	after  artifacts.Files
	opened int
}

func (c *changing) Open(p artifacts.Path) (artifacts.File, error) {
	if p == c.path {
		if c.opened++; c.opened > 1 {
			return c.after.Open(p)
		}
	}
	return c.Files.Open(p)
}

// A process that ends, or whose number is used again, while it is read is said to be so, and is never mixed with another.
func TestCollectRaces(t *testing.T) {
	for name, second := range map[string]livetest.Tree{
		"ended": {}, "number used again": {"/proc/100/stat": stat(100, 1, "other", 0, 999)},
	} {
		h, tree := made()
		maps.DeleteFunc(tree, func(p artifacts.Path, _ livetest.Node) bool { return !strings.HasPrefix(string(p), "/proc/100/") })
		h.Files = &changing{Files: h.Files, path: "/proc/100/stat", after: second.Files()}
		got, notes := livetest.Run[processes.Process](t, processes.Collector, h)
		if len(got) != 1 || !got[0].Ended || got[0].Name != "ngin) x (" {
			t.Errorf("%s: %+v", name, got)
		}
		if mixed := got[0].ExeSHA256 != ""; mixed != (name == "ended") {
			t.Errorf("%s: executable %q", name, got[0].ExeSHA256)
		}
		if want := []string{"absent 1 processes ended while they were read"}; !slices.Equal(reasons(notes), want) {
			t.Errorf("%s: notes %q, want %q", name, reasons(notes), want)
		}
	}
}

// A process that is gone before anything of it was read is counted, and no more.
func TestCollectGone(t *testing.T) {
	h, tree := made()
	maps.DeleteFunc(tree, func(p artifacts.Path, _ livetest.Node) bool { return !strings.HasPrefix(string(p), "/proc/100/") })
	listed := tree.Files()
	h.Files = &vanished{listed}
	got, notes := livetest.Run[processes.Process](t, processes.Collector, h)
	if want := []string{"absent 1 processes ended while they were read"}; len(got) != 0 || !slices.Equal(reasons(notes), want) {
		t.Errorf("%+v, notes %q, want %q", got, reasons(notes), want)
	}
}

// vanished lists /proc and has nothing in it.
type vanished struct{ artifacts.Files }

func (*vanished) Open(artifacts.Path) (artifacts.File, error) { return nil, fs.ErrNotExist }
func (*vanished) Lstat(artifacts.Path) (artifacts.Stat, error) {
	return artifacts.Stat{}, fs.ErrNotExist
}

func TestContainerIDs(t *testing.T) {
	for cgroup, want := range map[string]string{
		"0::/docker/" + container: container,
		"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12.slice/cri-containerd-" + container + ".scope": container,
		"0::/machine.slice/libpod-" + container + ".scope/container":                                                        container,
		"0::/lxc.payload.web01/system.slice/ssh.service":                                                                    "web01",
		"11:devices:/lxc/web02":                                  "web02",
		"0::/machine.slice/systemd-nspawn@build.service/payload": "build",
		"0::/system.slice/ssh.service":                           "",
		"0::/docker/" + container + "0":                          "",
	} {
		h, tree := made()
		maps.DeleteFunc(tree, func(p artifacts.Path, _ livetest.Node) bool { return p != "/proc/100/stat" })
		tree["/proc/100/cgroup"] = livetest.Text(cgroup + "\n")
		got, _ := livetest.Run[processes.Process](t, processes.Collector, h)
		if got[0].ContainerID != want {
			t.Errorf("%s: %q, want %q", cgroup, got[0].ContainerID, want)
		}
	}
}

func collectLive(t *testing.T) map[int]processes.Process {
	t.Helper()
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, _ := livetest.Run[processes.Process](t, processes.Collector, h)
	all := map[int]processes.Process{}
	for _, p := range list {
		all[p.PID] = p
	}
	return all
}

// start runs a program that waits, and gives its process.
func start(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, "an argument")
	cmd.Env = append(os.Environ(), waits+"=1")
	cmd.Dir = "/usr"
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := out.Read(make([]byte, 6)); err != nil { // it runs
		t.Fatal(err)
	}
	return cmd
}

// On the running system: ourselves, and a copy of ourselves whose file is gone, or replaced, or never had a name.
func TestRunningSystem(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	gone, replaced := filepath.Join(dir, "gone"), filepath.Join(dir, "replaced")
	for _, p := range []string{gone, replaced} {
		if err := os.WriteFile(p, content, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	deleted, upgraded := start(t, gone), start(t, replaced)
	for _, p := range []string{gone, replaced} {
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(replaced, []byte("another"), 0o700); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.MemfdCreate("implant", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := os.WriteFile("/proc/self/fd/"+strconv.Itoa(fd), content, 0o700); err != nil {
		t.Fatal(err)
	}
	nameless := start(t, "/proc/self/fd/"+strconv.Itoa(fd))

	all := collectLive(t)
	want := sum(string(content))
	for name, test := range map[string]struct {
		pid               int
		exe               string
		deleted, replaced bool
	}{
		"ourselves": {os.Getpid(), self, false, false},
		"deleted":   {deleted.Process.Pid, gone, true, false},
		"replaced":  {upgraded.Process.Pid, replaced, true, true},
		"nameless":  {nameless.Process.Pid, "/memfd:implant", true, false},
	} {
		p, ok := all[test.pid]
		if !ok || p.Exe != artifacts.Path(test.exe) || p.ExeDeleted != test.deleted || p.ExeReplaced != test.replaced || p.ExeSHA256 != want || p.ExeSize != int64(len(content)) {
			t.Errorf("%s: %+v\nwant exe %s deleted %v replaced %v sha256 %s", name, p, test.exe, test.deleted, test.replaced, want)
		}
	}
	p := all[deleted.Process.Pid]
	if p.PPID != os.Getpid() || p.Dir != "/usr" || len(p.Argv) != 2 || p.Argv[1] != "an argument" || p.Name != "gone" {
		t.Errorf("child: %+v", p)
	}
	if skew := p.Start.Sub(began); skew < -time.Second || skew > 30*time.Second {
		t.Errorf("child started %v, by our clock at %v", p.Start, began)
	}
	if p := all[2]; os.Geteuid() == 0 && p.Name == "kthreadd" && !p.KernelThread {
		t.Errorf("kthreadd: %+v", p)
	}
}
