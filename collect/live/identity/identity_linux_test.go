package identity_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/host"
	"spor/collect/live/identity"
	"spor/collect/live/livetest"
)

// hash stands for what must never leave the host.
const hash = "$6$salt$NEVERTHIS"

func made() livetest.Tree {
	dir := func(uid string) livetest.Node {
		return livetest.Node{Stat: artifacts.Stat{Kind: artifacts.Directory, UID: uid, GID: uid}}
	}
	return livetest.Tree{
		"/proc/sys/kernel/hostname":   livetest.Text("web01\n"),
		"/proc/sys/kernel/osrelease":  livetest.Text("6.1.0-18-amd64\n"),
		"/proc/sys/kernel/version":    livetest.Text("#1 SMP Debian 6.1.76-1\n"),
		"/proc/sys/kernel/domainname": livetest.Text("(none)\n"),
		"/etc/hosts":                  livetest.Text("127.0.0.1\tlocalhost\n127.0.1.1 web01.example.is web01 # me\n"),
		"/etc/machine-id":             livetest.Text("0123456789abcdef0123456789abcdef\n"),
		"/etc/os-release":             livetest.Link("../usr/lib/os-release"),
		"/usr/lib/os-release":         livetest.Text("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"),
		"/etc/debian_version":         livetest.Text("12.5\n"),
		"/etc/passwd": livetest.Text("root:x:0:0:root:/root:/bin/bash\ntoor::0:0::/root:/bin/sh\nold:" + hash + ":1001:100:Gömul,,,:/home/old:/bin/sh\n" +
			"svc:*:33:33:svc:/var/www:/usr/sbin/nologin\n+::::::\nbroken:x\n#gone:x:7:7::/:/bin/sh\nlatin:x:1002:100:J\xf3n:/home/j\xf3n:/bin/sh\n"),
		"/etc/group":                       livetest.Text("root:" + hash + ":0:\nusers:x:100:\nsudo:x:27:old,latin\n+:::\n"),
		"/home/old":                        dir("1001"),
		"/home/stray":                      dir("4242"),
		"/home/lost+found":                 dir("0"),
		"/home/EXAMPLE":                    dir("0"),
		"/home/EXAMPLE/anna":               dir("70001"),
		"/home/notes.txt":                  livetest.Text("x"),
		"/etc/resolv.conf":                 livetest.Text("domain example.is\nsearch example.is corp.example.is\nnameserver 127.0.0.53\noptions edns0 trust-ad\n"),
		"/run/systemd/resolve/resolv.conf": livetest.Text("nameserver 192.0.2.53\nnameserver 127.0.0.53\n"),
		"/etc/sssd/sssd.conf": livetest.Text("[sssd]\ndomains = corp.example.is\n[domain/corp.example.is]\nid_provider = ad\nad_domain = corp.example.is\n" +
			"krb5_realm = CORP.EXAMPLE.IS\nad_server = dc1.example.is, dc2.example.is\nldap_default_authtok = " + hash + "\n"),
		"/etc/samba/smb.conf":              livetest.Text("[global]\n\tworkgroup = CORP\n\tsecurity = ADS\n;\trealm = NO\n"),
		"/sys/class/dmi/id/sys_vendor":     livetest.Text("Amazon EC2\n"),
		"/sys/class/dmi/id/product_name":   livetest.Text("m5.large\n"),
		"/sys/class/dmi/id/product_serial": livetest.Fails(fs.ErrPermission),
		"/sys/class/dmi/id/product_uuid":   livetest.Text("ec2e1916-9099-7caf-fd21-012345abcdef\n"),
		"/sys/firmware/efi/runtime":        livetest.Text(""),
		"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c": livetest.Text("\x06\x00\x00\x00\x01"),
		"/proc/cpuinfo":                      livetest.Text("processor\t: 0\nmodel name\t: Fast CPU\nflags\t\t: fpu hypervisor\n\nprocessor\t: 1\nmodel name\t: Fast CPU\n"),
		"/proc/meminfo":                      livetest.Text("MemTotal:        2048 kB\nMemFree: 1 kB\n"),
		"/run/cloud-init/instance-data.json": livetest.Text(`{"v1":{"cloud_name":"aws","instance_id":"i-0123","region":"eu-north-1","availability_zone":"eu-north-1a"},"ds":{"secret":1}}`),
		"/proc/1/cgroup":                     livetest.Text("0::/init.scope\n"),
		"/sys/class/net/eth0/flags":          livetest.Text("0x1103\n"),
		"/sys/class/net/eth0/address":        livetest.Text("02:fc:00:00:00:01\n"),
		"/sys/class/net/eth0/ifindex":        livetest.Text("2\n"),
		"/sys/class/net/eth0/mtu":            livetest.Text("1500\n"),
		"/sys/class/net/eth0/operstate":      livetest.Text("up\n"),
		"/sys/class/net/eth0/device/driver":  livetest.Link("../../bus/virtio/drivers/virtio_net"),
		"/sys/class/net/lo/flags":            livetest.Text("0x9\n"),
		"/sys/class/net/lo/ifindex":          livetest.Text("1\n"),
		"/sys/class/net/bonding_masters":     livetest.Text("bond0\n"),
		"/proc/net/if_inet6":                 livetest.Text("20010db8000000000000000000000001 02 40 00 80     eth0\n00000000000000000000000000000001 01 80 10 80 lo\nbad\n"),
		"/proc/net/route": livetest.Text("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
			"eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"),
		"/proc/net/ipv6_route": livetest.Text("00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n" +
			"20010db8000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo\n"),
		"/sys/block/sda/size":             livetest.Text("2048\n"),
		"/sys/block/sda/device/model":     livetest.Text("DISK 1        \n"),
		"/sys/block/sda/device/vpd_pg80":  livetest.Text("\x00\x80\x00\x08  SN1234"),
		"/sys/block/sda/queue/rotational": livetest.Text("0\n"),
		"/sys/block/sda/holders/dm-0/x":   livetest.Text(""),
		"/sys/block/sda/sda1/partition":   livetest.Text("1\n"),
		"/sys/block/sda/sda1/start":       livetest.Text("64\n"),
		"/sys/block/sda/sda1/size":        livetest.Text("1024\n"),
		"/sys/block/sda/sda1/dev":         livetest.Text("8:1\n"),
		"/run/udev/data/b8:1":             livetest.Text("S:disk/by-uuid/x\nE:ID_FS_UUID=abcd-ef\nE:ID_FS_LABEL=data\n"),
		"/sys/block/loop0/size":           livetest.Text("0\n"),
		"/proc/self/mountinfo":            livetest.Text("27 1 8:1 / / rw - ext4 /dev/sda1 rw\n28 27 0:9 / /mnt/nas rw - nfs4 nas:/x rw\n"),
		"/proc/sys/kernel/random/boot_id": livetest.Text("585d87e1-f83e-4ad1-9bc9-cc395ae40f7e\n"),
	}
}

func TestGlance(t *testing.T) {
	want := artifacts.Identity{
		Hostname: "web01", FQDN: "web01.example.is", Domain: "corp.example.is", MachineID: "0123456789abcdef0123456789abcdef", OS: artifacts.Linux,
		OSName: "Debian GNU/Linux 12 (bookworm)", OSVersion: "12", Kernel: "6.1.0-18-amd64", Platform: "kvm",
	}
	if got := identity.Glance(made().Files()); got != want {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	// An image has no /proc: what /etc says must do.
	image := livetest.Tree{"/etc/hostname": livetest.Text("web02.example.is\n"), "/usr/lib/os-release": livetest.Text("NAME=Fedora\nVERSION_ID=40\n")}
	want = artifacts.Identity{Hostname: "web02.example.is", FQDN: "web02.example.is", OS: artifacts.Linux, OSName: "Fedora", OSVersion: "40"}
	if got := identity.Glance(image.Files()); got != want {
		t.Errorf("image:\n got %+v\nwant %+v", got, want)
	}
	if got := identity.Glance(livetest.Tree{}.Files()); got != (artifacts.Identity{OS: artifacts.Linux}) {
		t.Errorf("nothing: %+v", got)
	}
}

func TestUsers(t *testing.T) {
	var got []string
	for _, u := range identity.Users(made().Files()) {
		got = append(got, fmt.Sprintf("%s %s %s", u.Name, u.ID, u.Home))
	}
	want := []string{
		"root 0 /root", "toor 0 /root", "old 1001 /home/old", "svc 33 /var/www", "latin 1002 /home/j%F3n",
		"anna 70001 /home/EXAMPLE/anna", "EXAMPLE 0 /home/EXAMPLE", "stray 4242 /home/stray",
	}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
	network := made().Files(artifacts.Mount{Path: "/home", Type: "nfs4", Class: artifacts.Remote})
	if got := identity.Users(network); len(got) != 5 {
		t.Errorf("a /home on the network was looked at: %v", got)
	}
}

// The whole record, as JSON: what matters of each part, and no secret anywhere.
func TestCollect(t *testing.T) {
	h := &artifacts.Host{OS: artifacts.Linux, Files: made().Files(), Identity: artifacts.Identity{Hostname: "web01", Source: "made up"}}
	records, notes := livetest.Run[identity.Record](t, identity.Collector, h)
	r := records[0]
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "NEVERTHIS") {
		t.Errorf("a password hash is in the record: %s", text)
	}
	for _, want := range []string{
		`"hostname":"web01"`, `"source":"made up"`, `"boot_id":"585d87e1-f83e-4ad1-9bc9-cc395ae40f7e"`,
		`"release":{"id":"debian","name":"Debian GNU/Linux 12 (bookworm)","version":"12","build":"12.5 #1 SMP Debian 6.1.76-1","codename":"bookworm"}`,
		`"hardware":{"vendor":"Amazon EC2","product":"m5.large","uuid":"ec2e1916-9099-7caf-fd21-012345abcdef","efi":true,"secure_boot":true,"cpu":"Fast CPU","cpus":2,"memory":2097152}`,
		`"hypervisor":"kvm","cloud":"aws","instance_id":"i-0123","region":"eu-north-1","zone":"eu-north-1a"`,
		`"directory":{"name":"corp.example.is","realm":"CORP.EXAMPLE.IS","workgroup":"CORP","joined":"ad","servers":["dc1.example.is","dc2.example.is"],"sources":["/etc/sssd/sssd.conf","/etc/samba/smb.conf","/etc/resolv.conf"]}`,
		`{"name":"lo","index":1,"up":true,"loopback":true,"virtual":true,"addresses":["::1/128"]}`,
		`{"name":"eth0","index":2,"description":"virtio_net","mac":"02:fc:00:00:00:01","up":true,"state":"up","promiscuous":true,"mtu":1500,"addresses":["2001:db8::1/64"]}`,
		`"resolver":{"servers":["127.0.0.53","192.0.2.53"],"search":["example.is","corp.example.is"],"domain":"example.is","options":["edns0","trust-ad"]`,
		`"routes":[{"destination":"0.0.0.0/0","gateway":"192.0.2.1","interface":"eth0","metric":100,"flags":"UG"},{"destination":"192.0.2.0/24","interface":"eth0","metric":0,"flags":"U"},` +
			`{"destination":"::/0","gateway":"fe80::1","interface":"eth0","metric":1024,"flags":"UG"}]`,
		`{"name":"toor","id":"0","group":"0","home":"/root","shell":"/bin/sh","groups":["root"],"password":"empty","admin":true,"source":"/etc/passwd"}`,
		`"full_name":"Gömul","groups":["users","sudo"],"password":"in passwd"`,
		`"name":"latin","id":"1002","group":"100","home":"/home/j%F3n","shell":"/bin/sh","full_name":"J%F3n"`,
		`{"name":"stray","id":"4242","group":"4242","home":"/home/stray","source":"home"}`,
		`{"name":"sudo","id":"27","members":["old","latin"]}`,
		`"disks":[{"name":"sda","model":"DISK 1","serial":"SN1234","size":1048576,"rotational":false,"holders":["dm-0"],"partitions":[{"name":"sda1","number":1,"start":32768,"size":524288,"label":"data","uuid":"abcd-ef"}]}]`,
		`{"path":"/mnt/nas","type":"nfs4","source":"nas:/x","class":"remote","options":["rw"]}`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("not in the record: %s\n%s", want, text)
		}
	}
	if len(notes) != 1 || notes[0].Status != artifacts.Denied || notes[0].Path != "/sys/class/dmi/id/product_serial" {
		t.Errorf("notes %+v, want the one file that is closed", notes)
	}
}

func TestContainers(t *testing.T) {
	for name, test := range map[string]struct {
		tree                  livetest.Tree
		container, hypervisor string
	}{
		"docker":  {livetest.Tree{"/.dockerenv": livetest.Text("")}, "docker", ""},
		"podman":  {livetest.Tree{"/run/.containerenv": livetest.Text("")}, "podman", ""},
		"nspawn":  {livetest.Tree{"/run/systemd/container": livetest.Text("systemd-nspawn\n")}, "systemd-nspawn", ""},
		"pod":     {livetest.Tree{"/proc/1/cgroup": livetest.Text("0::/kubepods/burstable/pod1/x\n")}, "kubernetes", ""},
		"wsl":     {livetest.Tree{"/proc/sys/kernel/osrelease": livetest.Text("5.15.90.1-microsoft-standard-WSL2\n")}, "", "wsl"},
		"hyper-v": {livetest.Tree{"/sys/class/dmi/id/sys_vendor": livetest.Text("Microsoft Corporation"), "/sys/class/dmi/id/product_name": livetest.Text("Virtual Machine")}, "", "hyperv"},
		"surface": {livetest.Tree{"/sys/class/dmi/id/sys_vendor": livetest.Text("Microsoft Corporation"), "/sys/class/dmi/id/product_name": livetest.Text("Surface Pro")}, "", ""},
		"xen":     {livetest.Tree{"/sys/hypervisor/type": livetest.Text("xen\n")}, "", "xen"},
		"metal":   {livetest.Tree{"/sys/class/dmi/id/sys_vendor": livetest.Text("Dell Inc.")}, "", ""},
	} {
		rec, _ := identity.Read(t.Context(), test.tree.Files())
		if rec.Surround.Container != test.container || rec.Surround.Hypervisor != test.hypervisor {
			t.Errorf("%s: %+v, want container %q hypervisor %q", name, rec.Surround, test.container, test.hypervisor)
		}
		if (test.container+test.hypervisor == "") != (len(rec.Surround.Evidence) == 0) {
			t.Errorf("%s: evidence %q", name, rec.Surround.Evidence)
		}
	}
}

// On the running system: the addresses and the space that only the kernel can tell.
func TestRunningSystem(t *testing.T) {
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	records, notes := livetest.Run[identity.Record](t, identity.Collector, h)
	r := records[0]
	if name, _ := os.Hostname(); r.Hostname != name || r.Source != "live" || r.Hardware.CPUs == 0 {
		t.Errorf("hostname %q, source %q, %d processors", r.Hostname, r.Source, r.Hardware.CPUs)
	}
	live, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, n := range r.Interfaces {
		all = append(all, n.Addresses...)
	}
	for _, a := range live {
		if !slices.Contains(all, a.String()) {
			t.Errorf("address %v is not among %v", a, all)
		}
	}
	i := slices.IndexFunc(r.Mounts, func(m identity.Mount) bool { return m.Path == "/" })
	if i < 0 || r.Mounts[i].Size == 0 || r.Mounts[i].Free > r.Mounts[i].Size {
		t.Errorf("mount of /: %+v", r.Mounts)
	}
	t.Logf("notes %v", notes)
}

// What a hostile /etc and /proc say is read or left out, and the record can always be written.
func FuzzRead(f *testing.F) {
	for _, p := range []artifacts.Path{"/etc/passwd", "/etc/group", "/proc/net/route", "/proc/net/ipv6_route", "/proc/net/if_inet6", "/etc/sssd/sssd.conf", "/etc/resolv.conf"} {
		f.Add(string(p), made()[p].Data)
	}
	f.Fuzz(func(t *testing.T, p, data string) {
		tree := made()
		if tree[artifacts.Path(p)].Data == "" {
			return
		}
		tree[artifacts.Path(p)] = livetest.Text(data)
		rec, _ := identity.Read(t.Context(), tree.Files())
		if _, err := json.Marshal(rec); err != nil {
			t.Error(err)
		}
	})
}
