package network

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/host"
	"spor/collect/live/livetest"
	"spor/collect/live/procfs"
)

// apart starts a process in a network namespace of its own, and gives the namespace.
func apart(t *testing.T) namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: NOT tested in another network namespace")
	}
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Skipf("no network namespace can be made: NOT tested in another: %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	at := procfs.Of(cmd.Process.Pid, "ns/net")
	link, err := os.Readlink(string(at))
	if err != nil {
		t.Fatal(err)
	}
	inode, _ := procfs.Inode(artifacts.Path(link), "net")
	return namespace{inode: inode, at: at, net: procfs.Of(cmd.Process.Pid, "net")}
}

func running(t *testing.T) *artifacts.Host {
	t.Helper()
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// up brings an interface up by ioctl, with an address.
func up(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_PROMISC)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
}

// In another namespace as in our own: its interface, promiscuous as it was made, its address and routes; and our own
// threads stay where they were.
func TestOtherNamespace(t *testing.T) {
	n := apart(t)
	if err := n.within(func() error { return up("lo") }); err != nil {
		t.Fatal(err)
	}
	h := running(t)
	all, notes := livetest.Run[Interface](t, Interfaces, h)
	i := slices.IndexFunc(all, func(i Interface) bool { return i.NetNS == n.inode && i.Name == "lo" })
	if i < 0 {
		t.Fatalf("no lo of %d in %+v; notes %v", n.inode, all, notes)
	}
	if lo := all[i]; !lo.Up || lo.Promiscuous != 1 || !slices.Contains(lo.Addresses, "127.0.0.1/8") {
		t.Errorf("%+v", lo)
	}
	list, _ := livetest.Run[Route](t, Routes, h)
	has := func(want Route) bool {
		return slices.ContainsFunc(list, func(r Route) bool {
			return r.NetNS == n.inode && r.Kind == want.Kind && r.Family == want.Family && r.Table == want.Table && r.To == want.To && r.Type == want.Type
		})
	}
	for _, want := range []Route{
		{Kind: "route", Family: "ip", Type: "local", Table: 255, To: "127.0.0.0/8"}, {Kind: "rule", Family: "ip", Type: "table", Table: 254},
	} {
		if !has(want) {
			t.Errorf("%+v is not in %+v", want, list)
		}
	}
	var left []string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if left = threadsIn(t, n.inode); len(left) == 0 {
			return
		}
	}
	t.Errorf("threads %v are still in the other namespace", left)
}

// threadsIn are our threads in a namespace; one that was thrown away takes a moment to end.
func threadsIn(t *testing.T, inode uint64) (in []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		link, _ := os.Readlink("/proc/self/task/" + e.Name() + "/ns/net")
		if at, ok := procfs.Inode(artifacts.Path(link), "net"); ok && at == inode {
			in = append(in, e.Name())
		}
	}
	return in
}

// attribute writes one attribute of netlink.
func attribute(kind uint16, data ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(data)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func nested(kind uint16, parts ...[]byte) []byte {
	return attribute(kind|unix.NLA_F_NESTED, slices.Concat(parts...)...)
}

func nftables(kind uint16, seq uint32, attributes ...[]byte) []byte {
	data := slices.Concat(attributes...)
	b := binary.NativeEndian.AppendUint32(nil, uint32(20+len(data)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_APPEND)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 0, unix.AF_INET, 0, 0, 0)
	if kind == 0x10 || kind == 0x11 { // begin and end of a batch name the subsystem
		b[16], b[19] = 0, 10
	}
	return append(b, data...)
}

// plant makes table "spor", chain "in" at input with policy drop, and a rule that accepts TCP with a comment.
func plant() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	word := func(s string) []byte { return append([]byte(s), 0) }
	number := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	term := func(name string, parts ...[]byte) []byte {
		return nested(1, attribute(1, word(name)...), nested(2, parts...))
	}
	batch := slices.Concat(
		nftables(0x10, 1),
		nftables(10<<8, 2, attribute(1, word("spor")...)),
		nftables(10<<8|3, 3, attribute(1, word("spor")...), attribute(3, word("in")...), nested(4, attribute(1, number(1)...), attribute(2, number(7)...)),
			attribute(5, number(0)...), attribute(7, word("filter")...)),
		nftables(10<<8|6, 4, attribute(1, word("spor")...), attribute(2, word("in")...), nested(4,
			term("meta", attribute(2, number(16)...), attribute(1, number(1)...)),
			term("cmp", attribute(1, number(1)...), attribute(2, number(0)...), nested(3, attribute(1, 6))),
			term("counter"),
			term("immediate", attribute(1, number(0)...), nested(2, nested(2, attribute(1, number(1)...)))),
		), attribute(7, 0, 3, 'h', 'i', 0)),
		nftables(0x11, 5),
	)
	return unix.Sendto(fd, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// attach puts a program of eBPF that lets all pass, "r0 = -1; exit", on lo by tc(8).
func attach() error {
	code := []byte{0xb7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x95, 0, 0, 0, 0, 0, 0, 0}
	licence := []byte("GPL\x00")
	var pin runtime.Pinner
	pin.Pin(&code[0])
	pin.Pin(&licence[0])
	defer pin.Unpin()
	load := make([]byte, 128)
	binary.NativeEndian.PutUint32(load, 3) // sched_cls
	binary.NativeEndian.PutUint32(load[4:], 2)
	binary.NativeEndian.PutUint64(load[8:], uint64(uintptr(unsafe.Pointer(&code[0]))))
	binary.NativeEndian.PutUint64(load[16:], uint64(uintptr(unsafe.Pointer(&licence[0]))))
	program, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&load[0])), uintptr(len(load)))
	if errno != 0 {
		return errno
	}
	defer unix.Close(int(program))
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	order := func(kind uint16, handle, parent, info uint32, attributes ...[]byte) error {
		data := slices.Concat(attributes...)
		b := binary.NativeEndian.AppendUint32(nil, uint32(36+len(data)))
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
		for _, n := range []uint32{1, 0, 0, 1, handle, parent, info} { // number, port, family, lo
			b = binary.NativeEndian.AppendUint32(b, n)
		}
		return unix.Sendto(fd, append(b, data...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	return errors.Join(
		order(unix.RTM_NEWQDISC, 0xffff0000, 0xfffffff1, 0, attribute(unix.TCA_KIND, []byte("clsact\x00")...)),
		order(unix.RTM_NEWTFILTER, 0, 0xfffffff2, 0x00010300, attribute(unix.TCA_KIND, []byte("bpf\x00")...), nested(unix.TCA_OPTIONS,
			attribute(6, binary.NativeEndian.AppendUint32(nil, uint32(program))...), attribute(7, []byte("spor\x00")...), attribute(8, 1, 0, 0, 0))),
	)
}

// A program that sees packets by way of tc(8) is listed at its interface.
func TestFilters(t *testing.T) {
	n := apart(t)
	if err := n.within(attach); err != nil {
		t.Skipf("no filter can be made: NOT tested with one: %v", err)
	}
	all, notes := livetest.Run[Interface](t, Interfaces, running(t))
	i := slices.IndexFunc(all, func(i Interface) bool { return i.NetNS == n.inode && i.Name == "lo" })
	if i < 0 || len(all[i].Filters) != 1 || !strings.HasPrefix(all[i].Filters[0], "ingress bpf spor id ") {
		t.Errorf("%+v, notes %v", all, notes)
	}
}

func TestNFTables(t *testing.T) {
	n := apart(t)
	if !loaded(running(t).Files, "nf_tables") {
		t.Skip("nf_tables is not loaded: NOT tested with it")
	}
	if err := n.within(plant); err != nil {
		t.Skipf("no rules can be made: NOT tested with nftables: %v", err)
	}
	all, notes := livetest.Run[Rule](t, Firewall, running(t))
	all = slices.DeleteFunc(all, func(r Rule) bool { return r.NetNS != n.inode || r.System != "nftables" })
	if len(all) != 3 {
		t.Fatalf("%+v, notes %v", all, notes)
	}
	if c := all[1]; c.Kind != "chain" || c.Chain != "in" || c.Hook != "input" || c.Priority != 7 || c.Policy != "drop" || c.Family != "ip" {
		t.Errorf("chain %+v", c)
	}
	want := []string{"meta load l4proto => reg 1", "cmp eq reg 1 0x06", "counter pkts 0 bytes 0", "immediate reg 0 accept"}
	if r := all[2]; r.Table != "spor" || r.Chain != "in" || r.Comment != "hi" || !slices.Equal(r.Terms, want) {
		t.Errorf("rule %+v\nwant %q", r, want)
	}
}

// Asking for a table of iptables makes it: so the test may, and the collector reads what is listed then.
func TestLegacy(t *testing.T) {
	n := apart(t)
	err := n.within(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		_, err = v4.table(fd, "filter")
		return err
	})
	if err != nil {
		t.Skipf("no table of iptables can be made: NOT tested with them: %v", err)
	}
	all, notes := livetest.Run[Rule](t, Firewall, running(t))
	var chains []string
	for _, r := range all {
		if r.NetNS == n.inode && r.System == "iptables" && r.Table == "filter" {
			chains = append(chains, r.Chain+" "+strings.Join(r.Terms, " "))
		}
	}
	if want := []string{"INPUT -j ACCEPT", "FORWARD -j ACCEPT", "OUTPUT -j ACCEPT"}; !slices.Equal(chains, want) {
		t.Errorf("got %q, want %q; notes %v", chains, want, notes)
	}
}

// entry builds a struct ipt_entry with one match and a target.
func entry(match, target string, verdict int32) []byte {
	e := make([]byte, 112+40+40)
	copy(e, []byte{192, 0, 2, 0, 0, 0, 0, 0, 255, 255, 255, 0})
	copy(e[16:], "eth0")
	e[80], e[83] = 6, 8
	binary.NativeEndian.PutUint16(e[88:], 152)
	binary.NativeEndian.PutUint16(e[90:], 192)
	binary.NativeEndian.PutUint64(e[96:], 5)
	binary.NativeEndian.PutUint16(e[112:], 40)
	copy(e[114:], match)
	binary.NativeEndian.PutUint16(e[152:], 40)
	copy(e[154:], target)
	binary.NativeEndian.PutUint32(e[184:], uint32(verdict))
	return e
}

func TestEntries(t *testing.T) {
	named := entry("", "ERROR", 0)
	copy(named[184:], "evil\x00")
	b := slices.Concat(entry("tcp", "", -1), named, entry("comment", "REDIRECT", 0))
	all, err := v4.entries("nat", map[int]string{0: "INPUT"}, b)
	var got []string
	for _, r := range all {
		got = append(got, r.Chain+" "+strings.Join(r.Terms, " ")+" "+strconv.FormatUint(r.Packets, 10))
	}
	want := []string{"INPUT ! -s 192.0.2.0/24 -i eth0 -p 6 -m tcp -j DROP 5", "evil ! -s 192.0.2.0/24 -i eth0 -p 6 -m comment -j REDIRECT 5"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v\n got %q\nwant %q", err, got, want)
	}
	if _, err := v4.entries("nat", nil, b[:150]); err == nil {
		t.Error("an entry cut short is none")
	}
}

// What is not loaded is not asked for: that would load it.
func TestLoaded(t *testing.T) {
	tree := livetest.Tree{
		"/proc/modules": livetest.Text("nf_tables 1 0 - Live 0x0\n"), "/proc/sys/kernel/osrelease": livetest.Text("6.1\n"),
		"/lib/modules/6.1/modules.builtin": livetest.Text("kernel/net/x/ip_tables.ko\n"),
	}
	for module, want := range map[string]bool{"nf_tables": true, "ip_tables": true, "nf_table": false, "nfnetlink": false} {
		if got := loaded(tree.Files(), module); got != want {
			t.Errorf("%s: %v", module, got)
		}
	}
	if !loaded(livetest.Tree{}.Files(), "nf_tables") {
		t.Error("without modules nothing can be loaded, and everything is built in or absent")
	}
}

func TestDNS(t *testing.T) {
	tree := livetest.Tree{
		"/etc/resolv.conf":                      livetest.Link("../run/systemd/resolve/stub-resolv.conf"),
		"/run/systemd/resolve/stub-resolv.conf": livetest.Text("# stub\nnameserver 127.0.0.53\noptions edns0\nsearch a.is b.is\n"),
		"/run/systemd/resolve/resolv.conf":      livetest.Text("nameserver 192.0.2.53\n"),
		"/run/systemd/resolve/netif/2":          livetest.Text("SERVERS=192.0.2.53 192.0.2.54\n"),
		"/etc/nsswitch.conf":                    livetest.Text("hosts: files dns\n"),
		"/etc/hosts":                            livetest.Text("127.0.0.1 localhost\n# x\n203.0.113.9 update.example\n"),
	}
	all, notes := livetest.Run[Resolver](t, DNS, &artifacts.Host{Files: tree.Files()})
	r := all[0]
	if len(notes) != 0 || !slices.Equal(r.Servers, []string{"127.0.0.53"}) || !slices.Equal(r.Upstream, []string{"192.0.2.53"}) || len(r.Links["2"]) != 2 ||
		r.Order != "files dns" || len(r.Hosts) != 2 || len(r.Search) != 2 || r.Target == "" {
		t.Errorf("%+v, notes %v", r, notes)
	}
}

func FuzzTables(f *testing.F) {
	f.Add(entry("tcp", "", -1))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, l := range []layout{v4, v6} {
			if all, _ := l.entries("filter", nil, b); len(all) > len(b)/l.size {
				t.Errorf("%d rules of %d bytes", len(all), len(b))
			}
		}
		_, _ = parseLink(b)
		_, _ = parseRoute(b, nil)
		_, _ = parseRule(b, nil)
		for _, name := range []string{"meta", "cmp", "immediate", "log", "nat", "match", "unknown"} {
			if expression(name, b) == "" {
				t.Errorf("%s of %x is nothing", name, b)
			}
		}
		_ = comment(b)
	})
}
