package sockets_test

import (
	"bufio"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/host"
	"spor/collect/live/livetest"
	"spor/collect/live/sockets"
)

const listens = "SPOR_TEST_LISTENS"

// TestMain is also the program that listens in another network namespace until it is killed.
func TestMain(m *testing.M) {
	if os.Getenv(listens) == "" {
		os.Exit(m.Run())
	}
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	time.Sleep(time.Minute)
}

const (
	inetHead = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	unixHead = "Num       RefCount Protocol Flags    Type St Inode Path\n"
)

func inet(n int, local, remote, state string, uid, inode int) string {
	return fmt.Sprintf("%4d: %s %s %s 00000000:00000000 00:00000000 00000000 %5d        0 %d 1 0000000000000000 100 0 0 10 0\n", n, local, remote, state, uid, inode)
}

// made is a host with two network namespaces: 10 and 20 are in the first, 30 in the second, and 40 is closed to us.
func made() *artifacts.Host {
	tcp := inetHead + inet(0, "0100007F:0CEA", "00000000:0000", "0A", 110, 501) + "garbage\n" +
		inet(1, "0200A8C0:8FF8", "076433C6:115C", "01", 33, 502) + inet(2, "0200A8C0:0016", "076433C6:D431", "06", 0, 0) + inet(3, "0200A8C0:0016", "076433C6:D431", "0F", 0, 9)
	tree := livetest.Tree{
		"/proc/10/ns/net": livetest.Link("net:[1000]"), "/proc/10/comm": livetest.Text("mysqld\n"), "/proc/10/exe": livetest.Link("/usr/sbin/mysqld"),
		"/proc/10/fd/0": livetest.Link("/dev/null"), "/proc/10/fd/3": livetest.Link("socket:[501]"), "/proc/10/fd/4": livetest.Link("socket:[501]"),
		"/proc/20/ns/net": livetest.Link("net:[1000]"), "/proc/20/comm": livetest.Text("sh"), "/proc/20/exe": livetest.Link("/tmp/.x (deleted)"),
		"/proc/20/fd/0": livetest.Link("socket:[502]"), "/proc/20/fd/1": livetest.Link("socket:[502]"), "/proc/20/fd/5": livetest.Link("socket:[504]"),
		"/proc/20/fd/6": livetest.Link("socket:[506]"), "/proc/20/fd/7": livetest.Link("socket:[507]"),
		"/proc/21/fd/2": livetest.Link("socket:[502]"), "/proc/21/ns/net": livetest.Link("net:[1000]"), "/proc/21/comm": livetest.Text("sh"),
		"/proc/30/ns/net": livetest.Link("net:[2000]"), "/proc/30/comm": livetest.Text("app"), "/proc/30/fd/3": livetest.Link("socket:[601]"),
		"/proc/40/ns/net": livetest.Fails(fs.ErrPermission), "/proc/40/fd/0": livetest.Fails(fs.ErrPermission),
		// 10, the first of its namespace, has ended when the tables are read.
		"/proc/20/net/tcp":    livetest.Text(tcp),
		"/proc/20/net/udp6":   livetest.Text(inetHead + inet(0, "B80D0120000000000000000001000000:0035", "00000000000000000000000000000000:0000", "07", 53, 504)),
		"/proc/20/net/raw":    livetest.Text(inetHead + inet(1, "00000000:0001", "00000000:0000", "07", 0, 506)),
		"/proc/20/net/packet": livetest.Text("sk RefCnt Type Proto  Iface R Rmem   User   Inode\nffff 3 3 0003 2 1 0 0 507\n"),
		"/proc/20/net/igmp":   livetest.Text("Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n2\teth0      :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"),
		"/proc/20/net/unix": livetest.Text(unixHead + "0000000000000000: 00000002 00000000 00010000 0001 01 700 /run/a b\n" +
			"0000000000000000: 00000003 00000000 00000000 0005 03 701\n"),
		"/proc/30/net/tcp6":  livetest.Text(inetHead + inet(0, "00000000000000000000000000000000:1F90", "00000000000000000000000000000000:0000", "0A", 0, 601)),
		"/run/netns/lonely":  {Stat: artifacts.Stat{Inode: 3000}},
		"/run/netns/blue":    {Stat: artifacts.Stat{Inode: 2000}},
		"/proc/20/net/icmp6": livetest.Fails(fs.ErrPermission),
	}
	return &artifacts.Host{OS: artifacts.Linux, Files: tree.Files(), Users: []artifacts.User{{Name: "mysql", ID: "110"}, {Name: "www-data", ID: "33"}}}
}

func TestCollect(t *testing.T) {
	shells := []sockets.Owner{{PID: 20, Name: "sh", Exe: "/tmp/.x (deleted)"}, {PID: 21, Name: "sh"}}
	shell := shells[:1]
	want := []sockets.Socket{
		{
			Protocol: "tcp", LocalAddress: "127.0.0.1", LocalPort: 3306, State: "LISTEN", User: "mysql", UserID: "110", Inode: 501, NetNS: 1000,
			Owners: []sockets.Owner{{PID: 10, Name: "mysqld", Exe: "/usr/sbin/mysqld"}},
		},
		{
			Protocol: "tcp", LocalAddress: "192.168.0.2", LocalPort: 36856, RemoteAddress: "198.51.100.7", RemotePort: 4444, State: "ESTABLISHED",
			User: "www-data", UserID: "33", Inode: 502, NetNS: 1000, Owners: shells,
		},
		{Protocol: "tcp", LocalAddress: "192.168.0.2", LocalPort: 22, RemoteAddress: "198.51.100.7", RemotePort: 54321, State: "TIME_WAIT", UserID: "0", NetNS: 1000},
		{Protocol: "tcp", LocalAddress: "192.168.0.2", LocalPort: 22, RemoteAddress: "198.51.100.7", RemotePort: 54321, State: "0xf", UserID: "0", Inode: 9, NetNS: 1000},
		{Protocol: "udp6", LocalAddress: "2001:db8::1", LocalPort: 53, UserID: "53", Inode: 504, NetNS: 1000, Owners: shell},
		{Protocol: "raw", LocalAddress: "0.0.0.0", NextProtocol: "1", UserID: "0", Inode: 506, NetNS: 1000, Owners: shell},
		{Protocol: "packet", Type: "raw", NextProtocol: "0x0003", Interface: "eth0", UserID: "0", Inode: 507, NetNS: 1000, Owners: shell},
		{Protocol: "unix", Type: "stream", State: "LISTEN", Path: "/run/a b", Inode: 700, NetNS: 1000},
		{Protocol: "unix", Type: "seqpacket", State: "CONNECTED", Inode: 701, NetNS: 1000},
		{
			Protocol: "tcp6", LocalAddress: "::", LocalPort: 8080, State: "LISTEN", UserID: "0", Inode: 601, NetNS: 2000,
			Owners: []sockets.Owner{{PID: 30, Name: "app"}},
		},
	}
	got, notes := livetest.Run[sockets.Socket](t, sockets.Collector, made())
	for i := range max(len(got), len(want)) {
		a, b := "nothing", "nothing"
		if i < len(got) {
			a = fmt.Sprintf("%+v", got[i])
		}
		if i < len(want) {
			b = fmt.Sprintf("%+v", want[i])
		}
		if a != b {
			t.Errorf("socket %d\n got %s\nwant %s", i, a, b)
		}
	}
	wantNotes := []string{
		"/proc/20/net/icmp6 denied permission denied",
		"/run/netns/lonely absent network namespace without a process: its tables cannot be read from outside",
		"/proc denied closed to us of process 40: descriptors, so that their sockets have no owner here",
		"/proc denied closed to us of process 40: network namespace",
		"/proc failed 1 lines of the table tcp are not of its form",
	}
	var gotNotes []string
	for _, o := range notes {
		gotNotes = append(gotNotes, fmt.Sprintf("%s %s %s", o.Path, o.Status, o.Reason))
	}
	if !slices.Equal(gotNotes, wantNotes) {
		t.Errorf("notes\n got %q\nwant %q", gotNotes, wantNotes)
	}
}

// Without any link to a namespace, our own tables are read all the same.
func TestCollectWithoutNamespaces(t *testing.T) {
	h := &artifacts.Host{Files: livetest.Tree{
		"/proc/1/comm":       livetest.Text("init"),
		"/proc/self/net/tcp": livetest.Text(inetHead + inet(0, "0100007F:0CEA", "00000000:0000", "0A", 0, 501)),
	}.Files()}
	got, _ := livetest.Run[sockets.Socket](t, sockets.Collector, h)
	if len(got) != 1 || got[0].LocalPort != 3306 {
		t.Errorf("%+v", got)
	}
}

// On the running system: our own listeners and connections, with us as their owner.
func TestRunningSystem(t *testing.T) {
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	tcp6, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Logf("no IPv6 here: %v", err)
	} else {
		defer tcp6.Close()
	}
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	name := filepath.Join(t.TempDir(), "a b.sock")
	local, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	client, err := net.Dial("tcp4", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, _ := livetest.Run[sockets.Socket](t, sockets.Collector, h)
	exe, _ := os.Executable()
	find := func(what string, is func(s sockets.Socket) bool) {
		t.Helper()
		i := slices.IndexFunc(all, is)
		if i < 0 {
			t.Errorf("%s: not among %d sockets", what, len(all))
			return
		}
		s := all[i]
		if len(s.Owners) != 1 || s.Owners[0].PID != os.Getpid() || s.Owners[0].Exe != artifacts.Path(exe) || s.NetNS == 0 || s.Inode == 0 {
			t.Errorf("%s: %+v, want us (%d, %s) as its owner", what, s, os.Getpid(), exe)
		}
	}
	endpoint := func(s sockets.Socket) string { return net.JoinHostPort(s.LocalAddress, strconv.Itoa(int(s.LocalPort))) }
	find("tcp listener", func(s sockets.Socket) bool {
		return s.Protocol == "tcp" && s.State == "LISTEN" && endpoint(s) == tcp.Addr().String() && s.RemoteAddress == ""
	})
	if tcp6 != nil {
		find("tcp6 listener", func(s sockets.Socket) bool {
			return s.Protocol == "tcp6" && s.State == "LISTEN" && endpoint(s) == tcp6.Addr().String()
		})
	}
	find("udp", func(s sockets.Socket) bool { return s.Protocol == "udp" && endpoint(s) == udp.LocalAddr().String() })
	find("client", func(s sockets.Socket) bool {
		return s.State == "ESTABLISHED" && endpoint(s) == client.LocalAddr().String() && strings.HasSuffix(tcp.Addr().String(), strconv.Itoa(int(s.RemotePort)))
	})
	find("unix listener", func(s sockets.Socket) bool {
		return s.Protocol == "unix" && s.State == "LISTEN" && s.Path == artifacts.Path(name) && s.Type == "stream"
	})
}

// A listener in a network namespace of its own, as in a container, is seen from outside.
func TestOtherNamespace(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), listens+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("SKIPPED: no network namespace can be made here: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	port := strings.TrimPrefix(strings.TrimSpace(address), "0.0.0.0:")
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, _ := livetest.Run[sockets.Socket](t, sockets.Collector, h)
	for _, s := range all {
		if strconv.Itoa(int(s.LocalPort)) == port && len(s.Owners) == 1 && s.Owners[0].PID == cmd.Process.Pid && s.State == "LISTEN" {
			return
		}
	}
	t.Errorf("the listener of %d at port %s is not among %d sockets: %+v", cmd.Process.Pid, port, len(all), all)
}

// A socket of a family that has no table is known by who holds it.
func TestUnlisted(t *testing.T) {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no AF_VSOCK here: NOT tested with a family without a table: %v", err)
	}
	defer unix.Close(fd)
	talk, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(talk)
	if err := unix.Bind(talk, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, _ := livetest.Run[sockets.Socket](t, sockets.Collector, h)
	for _, want := range []sockets.Socket{{Protocol: "other", NextProtocol: "AF_VSOCK"}, {Protocol: "netlink", NextProtocol: "route"}} {
		if !slices.ContainsFunc(all, func(s sockets.Socket) bool {
			return s.Protocol == want.Protocol && s.NextProtocol == want.NextProtocol && slices.ContainsFunc(s.Owners, func(o sockets.Owner) bool { return o.PID == os.Getpid() })
		}) {
			t.Errorf("%s %s of our own is not among %+v", want.Protocol, want.NextProtocol, all)
		}
	}
}
