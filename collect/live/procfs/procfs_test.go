package procfs_test

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
	"spor/collect/live/procfs"
)

func TestRead(t *testing.T) {
	f := livetest.Tree{
		"/etc/os-release":        livetest.Link("../usr/lib/os-release"),
		"/usr/lib/os-release":    livetest.Text("ID=debian\n"),
		"/etc/loop":              livetest.Link("/etc/loop"),
		"/etc/dangling":          livetest.Link("nowhere"),
		"/etc/long":              livetest.Text("0123456789"),
		"/etc/closed":            livetest.Fails(fs.ErrPermission),
		"/dev/pipe":              {Stat: artifacts.Stat{Kind: artifacts.Pipe}},
		"/etc/resolv.conf":       livetest.Link("/run/resolv/stub"),
		"/run/resolv/stub":       livetest.Link("real"),
		"/run/resolv/real":       livetest.Text("nameserver 192.0.2.1\n"),
		"/etc/beginning/is-long": livetest.Text(strings.Repeat("x", 5000) + "\n"),
	}.Files()
	for _, test := range []struct {
		path artifacts.Path
		want string
		err  error
	}{
		{"/etc/os-release", "ID=debian", nil},
		{"/etc/resolv.conf", "nameserv", procfs.ErrTooLong},
		{"/etc/long", "01234567", procfs.ErrTooLong},
		{"/etc/dangling", "", fs.ErrNotExist},
		{"/etc/closed", "", fs.ErrPermission},
		{"/dev/pipe", "", artifacts.ErrNotRegular},
		{"/etc/none", "", fs.ErrNotExist},
	} {
		limit := int64(8)
		if test.err == nil {
			limit = 100
		}
		got, err := procfs.Read(f, test.path, limit)
		if strings.TrimSpace(string(got)) != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: %q %v, want %q %v", test.path, got, err, test.want, test.err)
		}
	}
	if _, err := procfs.Read(f, "/etc/loop", 8); err == nil {
		t.Error("a link to itself was read")
	}
	if got := procfs.Line(f, "/etc/beginning/is-long"); len(got) != 4096 {
		t.Errorf("first line of a long file: %d bytes", len(got))
	}
}

// Quotes are those of os-release(5), and what is not UTF-8 is escaped.
func TestPairs(t *testing.T) {
	const text = "# comment\nID=debian\n\nNAME=\"A \\\"B\\\" \\$c\"\nSINGLE='x y'\nODD=\"\nBAD=\xffx\nnothing\nID=second\n"
	want := map[string]string{"ID": "debian", "NAME": `A "B" $c`, "SINGLE": "x y", "ODD": `"`, "BAD": "%FFx"}
	if got := procfs.Map([]byte(text), "="); !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOutcome(t *testing.T) {
	for _, test := range []struct {
		err    error
		bad    bool
		status artifacts.Status
	}{
		{nil, false, 0},
		{&fs.PathError{Err: fs.ErrNotExist}, false, 0},
		{&fs.PathError{Err: fs.ErrPermission}, true, artifacts.Denied},
		{procfs.ErrTooLong, true, artifacts.Truncated},
		{artifacts.ErrNotRegular, true, artifacts.Skipped},
		{errors.New("i/o error"), true, artifacts.Failed},
	} {
		o, bad := procfs.Outcome("/p", test.err)
		if bad != test.bad || bad && (o.Status != test.status || o.Reason == "" || o.Path != "/p") {
			t.Errorf("%v: %+v %v, want %v %v", test.err, o, bad, test.status, test.bad)
		}
	}
}

func TestPIDs(t *testing.T) {
	f := livetest.Tree{
		"/proc/10/stat": {}, "/proc/9/stat": {}, "/proc/self": livetest.Link("9"), "/proc/0x1/stat": {}, "/proc/-3/stat": {}, "/proc/acpi/event": {},
	}.Files()
	if got, err := procfs.PIDs(f); err != nil || !slices.Equal(got, []int{9, 10}) {
		t.Errorf("got %v %v, want [9 10]", got, err)
	}
}

const statLine = `1543 (tmux: (a) b) S 1 1543 1543 34818 1543 4194560 8 0 0 0 12 30 0 0 20 0 3 0 912345 9998336 812 18446744073709551615 1 1 0 0 0 0 0 4096 134759427 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0` + "\n"

func TestParseStat(t *testing.T) {
	want := procfs.Stat{
		PID: 1543, Comm: "tmux: (a) b", State: 'S', PPID: 1, Session: 1543, TTY: 34818, Flags: 4194560, CPU: 42, Threads: 3, Start: 912345, RSS: 812,
	}
	got, err := procfs.ParseStat([]byte(statLine))
	if err != nil || got != want {
		t.Errorf("got %+v %v\nwant %+v", got, err, want)
	}
	if got.StateName() != "sleeping" || got.KernelThread() || procfs.TTYName(got.TTY) != "pts/2" {
		t.Errorf("state %q, kernel thread %v, terminal %q", got.StateName(), got.KernelThread(), procfs.TTYName(got.TTY))
	}
	if kernel, _ := procfs.ParseStat([]byte(strings.Replace(statLine, "4194560", "69238880", 1))); !kernel.KernelThread() {
		t.Error("PF_KTHREAD is not seen")
	}
	for _, bad := range []string{"", "1", "1 (x", "1 x) S 1", "1 (x) S 1 2", "a (x) S 1 1543 1543 34818 1543 0 8 0 0 0 12 30 0 0 20 0 3 0 912345 9 8", "1) ("} {
		if got, err := procfs.ParseStat([]byte(bad)); err == nil {
			t.Errorf("%q: %+v, want an error", bad, got)
		}
	}
}

func TestTTYName(t *testing.T) {
	dev := func(major, minor uint64) uint64 { return major<<8 | minor&0xff | minor>>8<<20 }
	for device, want := range map[uint64]string{
		0: "", dev(136, 0): "pts/0", dev(136, 300): "pts/300", dev(137, 1): "pts/257", dev(4, 1): "tty1", dev(4, 65): "ttyS1",
		dev(5, 1): "console", dev(204, 64): "ttyAMA0", dev(229, 0): "hvc0", dev(188, 2): "ttyUSB2", dev(240, 7): "240:7",
	} {
		if got := procfs.TTYName(device); got != want {
			t.Errorf("%#x: %q, want %q", device, got, want)
		}
	}
}

func TestParseInet(t *testing.T) {
	for _, test := range []struct {
		line, local, remote string
		state, uid, inode   uint64
	}{
		{
			"   0: 0100007F:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1161 1 000000006cadb1c2 100 0 0 10 0",
			"127.0.0.1:2024", "0.0.0.0:0", 10, 1000, 1161,
		},
		{
			"  12: 0000000000000000FFFF0000020200C0:0016 B80D01200000000000000000010000AB:01BB 01 00000000:00000000 02:000A 00000000 0 0 77 2 0 20 4 30 10 -1",
			"[::ffff:192.0.2.2]:22", "[2001:db8::ab00:1]:443", 1, 0, 77,
		},
	} {
		got, err := procfs.ParseInet(test.line)
		if err != nil || got.Local.String() != test.local || got.Remote.String() != test.remote || got.State != test.state || got.UID != test.uid || got.Inode != test.inode {
			t.Errorf("%s\n got %+v %v\nwant %+v", test.line, got, err, test)
		}
	}
	for _, bad := range []string{
		"", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
		"0: 0100007F:07E8 00000000:0000 0A", "0: 01007F:07E8 00000000:0000 0A 0:0 00:0 0 0 0 1", "0: 0100007F:107E8 00000000:0000 0A 0:0 00:0 0 0 0 1",
	} {
		if got, err := procfs.ParseInet(bad); err == nil {
			t.Errorf("%q: %+v, want an error", bad, got)
		}
	}
}

func TestParseUnix(t *testing.T) {
	for line, want := range map[string]procfs.Unix{
		"ffff8f0a0: 00000002 00000000 00010000 0001 01 17053 /run/a b.sock":  {Listening: true, Type: 1, State: 1, Inode: 17053, Path: "/run/a b.sock"},
		"0000000000000000: 00000003 00000000 00000000 0001 03   535":         {Type: 1, State: 3, Inode: 535},
		"0000000000000000: 00000002 00000000 00000000 0005 01  9001 @/tmp/x": {Type: 5, State: 1, Inode: 9001, Path: "@/tmp/x"},
		"0000000000000000: 00000002 00000000 00000000 0002 01  1 /odd\xff":   {Type: 2, State: 1, Inode: 1, Path: "/odd\xff"},
	} {
		if got, err := procfs.ParseUnix(line); err != nil || got != want {
			t.Errorf("%s\n got %+v %v\nwant %+v", line, got, err, want)
		}
	}
	if got, err := procfs.ParseUnix("Num       RefCount Protocol Flags    Type St Inode Path"); err == nil {
		t.Errorf("heading: %+v", got)
	}
}

func TestParsePacket(t *testing.T) {
	want := procfs.Packet{Type: 3, Protocol: 3, Index: 2, UID: 0, Inode: 30145}
	got, err := procfs.ParsePacket("ffff8f0a 3      3    0003   2     1 0      0      30145 ")
	if err != nil || got != want {
		t.Errorf("got %+v %v, want %+v", got, err, want)
	}
}

func TestParseNetlink(t *testing.T) {
	want := procfs.Netlink{Protocol: 9, Port: 4242, Inode: 17}
	got, err := procfs.ParseNetlink("00000000b3b26bda 9   4242       00000113 0        0        0     2        0        17      ")
	if err != nil || got != want {
		t.Errorf("got %+v %v, want %+v", got, err, want)
	}
	if got, err := procfs.ParseNetlink("sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode"); err == nil {
		t.Errorf("heading: %+v", got)
	}
}

func TestInode(t *testing.T) {
	for link, want := range map[artifacts.Path]uint64{"socket:[1161]": 1161, "socket:[]": 0, "socket:[12": 0, "/tmp/socket:[3]": 0, "pipe:[7]": 0} {
		if got, ok := procfs.Inode(link, "socket"); got != want || ok != (want != 0) {
			t.Errorf("%s: %d %v, want %d", link, got, ok, want)
		}
	}
}

func TestMounts(t *testing.T) {
	const text = `22 27 0:21 / /proc rw,nosuid,relatime shared:5 - proc proc rw,hidepid=2
27 1 254:0 / / ro,relatime - nfs4 server:/root rw,vers=4.2
30 27 8:1 /srv/www /mnt/with\040space\134 rw,noatime shared:1 master:2 - ext4 /dev/sda1 rw,errors=continue
31 27 0:50 / /home/anna/remote rw - fuse.sshfs anna@host:/\040x rw,user_id=0
32 27 0:51 / /mnt/usb rw - fuseblk /dev/sdb1 rw
33 27 0:52 / /odd` + "\xff" + ` rw - tmpfs tmpfs rw
this is no line of it
34 27 0:53 / relative rw - tmpfs tmpfs rw
35 27 0:54 / /short rw -
`
	type row struct {
		path, kind, source, root, options string
		class                             artifacts.MountClass
	}
	want := []row{
		{"/proc", "proc", "proc", "", "rw nosuid relatime hidepid=2", artifacts.Pseudo},
		{"/", "nfs4", "server:/root", "", "ro relatime rw vers=4.2", artifacts.Local},
		{`/mnt/with space\`, "ext4", "/dev/sda1", "/srv/www", "rw noatime errors=continue", artifacts.Local},
		{"/home/anna/remote", "fuse.sshfs", "anna@host:/ x", "", "rw user_id=0", artifacts.Remote},
		{"/mnt/usb", "fuseblk", "/dev/sdb1", "", "rw", artifacts.Local},
		{"/odd\xff", "tmpfs", "tmpfs", "", "rw", artifacts.Local},
	}
	var got []row
	for _, m := range procfs.Mounts([]byte(text)) {
		got = append(got, row{string(m.Path), m.Type, m.Source, string(m.Root), strings.Join(m.Options, " "), m.Mount.Class})
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestClass(t *testing.T) {
	for fsType, want := range map[string]artifacts.MountClass{
		"ext4": artifacts.Local, "xfs": artifacts.Local, "btrfs": artifacts.Local, "zfs": artifacts.Local, "tmpfs": artifacts.Local, "overlay": artifacts.Local,
		"squashfs": artifacts.Local, "vfat": artifacts.Local, "ntfs3": artifacts.Local, "fuseblk": artifacts.Local,
		"nfs": artifacts.Remote, "cifs": artifacts.Remote, "9p": artifacts.Remote, "autofs": artifacts.Remote, "ceph": artifacts.Remote, "fuse": artifacts.Remote,
		"fuse.glusterfs": artifacts.Remote, "ocfs2": artifacts.Remote, "virtiofs": artifacts.Remote,
		"proc": artifacts.Pseudo, "cgroup2": artifacts.Pseudo, "devtmpfs": artifacts.Pseudo, "fusectl": artifacts.Pseudo, "nsfs": artifacts.Pseudo,
	} {
		if got := procfs.Class(fsType); got != want {
			t.Errorf("%s: %v, want %v", fsType, got, want)
		}
	}
}

// Whatever a line is, a path of a mount is absolute and its text is UTF-8.
func FuzzMounts(f *testing.F) {
	f.Add([]byte("30 27 8:1 /srv /mnt/a\\040b rw shared:1 - ext4 /dev/sda1 rw,x\n"))
	f.Add([]byte("1 1 1:1 / / rw - a b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all := procfs.Mounts(data)
		if lines := strings.Count(string(data), "\n") + 1; len(all) > lines {
			t.Errorf("%d mounts of %d lines", len(all), lines)
		}
		for _, m := range all {
			if !strings.HasPrefix(string(m.Path), "/") || len(m.Options) == 0 {
				t.Errorf("%+v of %q", m, data)
			}
		}
	})
}

// A name survives whatever it is made of, and nothing else makes the parser give numbers that are not there.
func FuzzStat(f *testing.F) {
	f.Add([]byte(statLine), "x) S 1 (")
	f.Fuzz(func(t *testing.T, data []byte, comm string) {
		_, _ = procfs.ParseStat(data)
		line := "7 (" + comm + ") R 1 2 3 0 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22\n"
		got, err := procfs.ParseStat([]byte(line))
		if err != nil || got.Comm != comm || got.PID != 7 || got.State != 'R' || got.Start != 19 {
			t.Errorf("%q: %+v %v", line, got, err)
		}
	})
}

func FuzzNet(f *testing.F) {
	f.Add("   0: 0100007F:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1161 1 0 100 0 0 10 0")
	f.Add("ffff8f0a0: 00000002 00000000 00010000 0001 01 17053 /run/a b.sock")
	f.Add("ffff8f0a 3      3    0003   2     1 0      0      30145 ")
	f.Fuzz(func(t *testing.T, line string) {
		if s, err := procfs.ParseInet(line); err == nil && (!s.Local.IsValid() || !s.Remote.IsValid()) {
			t.Errorf("%q: %+v", line, s)
		}
		if s, err := procfs.ParseUnix(line); err == nil && !strings.HasSuffix(line, string(s.Path)) {
			t.Errorf("%q: %+v", line, s)
		}
		_, _ = procfs.ParsePacket(line)
		_, _ = procfs.ParseNetlink(line)
	})
}
