package persistence

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/live/livetest"
	"spor/collect/live/packages"
)

func executable(data string) livetest.Node {
	return livetest.Node{Data: data, Stat: artifacts.Stat{Mode: 0o755}}
}

var late = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// made is a host with each kind once or more. Most run /opt/evil/x, which is there; /bin is a link.
func made() *artifacts.Host {
	unit := "[Unit]\nDescription=x\n[Service]\n"
	tree := livetest.Tree{
		"/bin":               livetest.Link("usr/bin"),
		"/usr/bin/sh":        livetest.Text("sh"),
		"/usr/bin/env":       livetest.Text("env"),
		"/opt/evil/x":        livetest.Node{Data: "x", Stat: artifacts.Stat{Mode: 0o777, UID: "1000"}},
		"/tmp/.t":            livetest.Text("t"),
		"/etc/skel/.profile": livetest.Text("same"),

		"/usr/lib/systemd/system/a.service":                         livetest.Text(unit + "ExecStart=/bin/true\nEnvironment=LD_PRELOAD=/opt/evil/x\n[Install]\nWantedBy=multi-user.target\n"),
		"/usr/lib/systemd/system/true":                              livetest.Text(""),
		"/etc/systemd/system/a.service.d/over.conf":                 livetest.Text("[Service]\nExecStart=\nExecStart=-/bin/sh -c \\\n  '/opt/evil/x --now'\nUser=nobody\n"),
		"/etc/systemd/system/multi-user.target.wants/a.service":     livetest.Link("/usr/lib/systemd/system/a.service"),
		"/etc/systemd/system/masked.service":                        livetest.Link("/dev/null"),
		"/dev/null":                                                 livetest.Node{Stat: artifacts.Stat{Kind: artifacts.Device}},
		"/usr/lib/systemd/system/getty@.service":                    livetest.Text(unit + "ExecStart=/opt/evil/x %i\n"),
		"/etc/systemd/system/getty.target.wants/getty@tty1.service": livetest.Link("/usr/lib/systemd/system/getty@.service"),
		"/etc/systemd/system/t.timer":                               livetest.Text("[Timer]\nOnCalendar=hourly\nPersistent=true\nUnit=late.service\n"),
		"/etc/systemd/system/timers.target.wants/t.timer":           livetest.Link("../t.timer"),
		"/etc/systemd/system/late.service":                          livetest.Text(unit + "ExecStart=/tmp/.t\n"),
		"/etc/systemd/system/s.socket":                              livetest.Text("[Socket]\nListenStream=4444\nAccept=yes\n"),
		"/etc/systemd/system/s@.service":                            livetest.Text(unit + "ExecStart=/opt/evil/x\n"),
		"/home/anna/.config/systemd/user/p.path":                    livetest.Text("[Path]\nPathExists=/tmp/go\n"),
		"/home/anna/.config/systemd/user/p.service":                 livetest.Text(unit + "ExecStart=/home/anna/missing\n"),
		"/usr/share/dbus-1/system-services/org.x.service":           livetest.Text("[D-BUS Service]\nName=org.x\nExec=/opt/evil/x\nUser=root\n"),
		"/etc/crontab":                                    livetest.Text("# c\nSHELL=/bin/sh\nLD_PRELOAD=/opt/evil/x\n17 * * * * root cd / && test -x /none && /opt/evil/x | /bin/sh\n"),
		"/etc/cron.d/.hidden":                             livetest.Text("@reboot anna /opt/evil/x\n"),
		"/var/spool/cron/crontabs/anna":                   livetest.Text("*/5 * * * * /home/anna/gone.sh >/dev/null 2>&1\n"),
		"/etc/anacrontab":                                 livetest.Text("1 5 job /opt/evil/x\n"),
		"/var/spool/cron/atjobs/a0000101c9c380":           livetest.Text("#!/bin/sh\n# atrun uid=1000 gid=1000\n# mail anna 0\numask 22\nPATH=/bin; export PATH\ncd /home/anna || {\n exit 1\n}\n/opt/evil/x\n"),
		"/etc/cron.daily/job":                             executable("#!/bin/sh\n"),
		"/etc/cron.daily/readme":                          livetest.Text("not run"),
		"/etc/NetworkManager/dispatcher.d/pre-up.d/10-x":  executable("x"),
		"/etc/init.d/daemon":                              executable("#!/bin/sh\n"),
		"/etc/rc2.d/S20daemon":                            livetest.Link("../init.d/daemon"),
		"/etc/rc.local":                                   executable("#!/bin/sh\n/opt/evil/x &\nexit 0\n"),
		"/etc/inittab":                                    livetest.Text("x:2345:respawn:/opt/evil/x\n"),
		"/home/anna/.config/autostart/x.desktop":          livetest.Text("[Desktop Entry]\nName=X\nExec=/opt/evil/x %U\nHidden=false\n"),
		"/home/anna/.profile":                             livetest.Text("same"),
		"/home/anna/.bashrc":                              livetest.Text("ls\nalias sudo='/opt/evil/x'\n# alias su=x\n"),
		"/etc/udev/rules.d/90-x.rules":                    livetest.Text(`ACTION=="add", \` + "\n" + `  SUBSYSTEM=="usb", RUN+="/opt/evil/x %k"` + "\n"),
		"/etc/pam.d/sshd":                                 livetest.Text("auth required pam_unix.so\nauth optional pam_exec.so quiet expose_authtok /opt/evil/x\n@include common-auth\n"),
		"/usr/lib/x86_64-linux-gnu/security/pam_unix.so":  livetest.Text("pam"),
		"/usr/lib/x86_64-linux-gnu/security/pam_evil.so":  livetest.Text("pam"),
		"/etc/ld.so.preload":                              livetest.Text("/opt/evil/x # rootkit\n"),
		"/etc/ld.so.conf.d/x.conf":                        livetest.Text("/usr/local/lib\n/opt/evil\n"),
		"/home/anna/src/tool/.git/hooks/post-commit":      executable("x"),
		"/home/anna/src/tool/.git/hooks/pre-push.sample":  executable("x"),
		"/home/anna/src/tool/.git/config":                 livetest.Text("[core]\n\tfsmonitor = /opt/evil/x\n[alias]\n\tst = !/opt/evil/x\n\tco = checkout\n"),
		"/etc/apt/apt.conf.d/99x":                         livetest.Text("DPkg::Post-Invoke {\"/opt/evil/x\"; };\nAPT::Periodic \"1\";\nAPT::Update::Post-Invoke-Success {\n  \"/bin/sh /opt/evil/x\";\n};\nAPT::Other { \"no\"; };\n"),
		"/var/lib/dpkg/info/tool.list":                    livetest.Text("/usr/bin/sh\n/usr/lib/x86_64-linux-gnu/security/pam_unix.so\n"),
		"/var/lib/dpkg/status":                            livetest.Text("Package: tool\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"),
		"/var/lib/dpkg/info/tool.postinst":                livetest.Node{Data: "x", Stat: artifacts.Stat{Times: artifacts.Times{Modified: late}}},
		"/etc/logrotate.d/x":                              livetest.Text("/var/log/x {\n daily\n postrotate\n  /opt/evil/x\n endscript\n}\n"),
		"/etc/modules-load.d/x.conf":                      livetest.Text("# m\nrootkit\n"),
		"/etc/modprobe.d/x.conf":                          livetest.Text("blacklist floppy\ninstall usb_storage /opt/evil/x; /sbin/modprobe --ignore-install usb_storage\n"),
		"/proc/sys/kernel/core_pattern":                   livetest.Text("|/opt/evil/x %p\n"),
		"/proc/sys/fs/binfmt_misc/evil":                   livetest.Text("enabled\ninterpreter /opt/evil/x\nflags: \noffset 0\nmagic 7f454c46\n"),
		"/home/anna/.ssh/authorized_keys":                 livetest.Text("ssh-ed25519 AAAA plain\nno-pty,command=\"/opt/evil/x \\\"a b\\\"\",environment=\"LD_PRELOAD=/tmp/.t\" ssh-rsa AAAA anna@x\n"),
		"/etc/ssh/sshd_config":                            livetest.Text("Port 22\nAuthorizedKeysCommand /opt/evil/x %u\nSubsystem sftp internal-sftp\n"),
		"/etc/sudoers":                                    livetest.Text("Defaults env_reset\nanna ALL=(root) NOPASSWD: /opt/evil/x, \\\n  /usr/bin/sh\n"),
		"/var/lib/docker/containers/0123/hostconfig.json": livetest.Text(`{"RestartPolicy":{"Name":"always"},"Privileged":true,"Binds":["/:/host"]}`),
		"/var/lib/docker/containers/0123/config.v2.json":  livetest.Text(`{"Name":"/miner","Path":"/x","Args":["-o","pool"],"Config":{"Image":"alpine","User":""}}`),
		"/usr/lib/python3/dist-packages/evil.pth":         livetest.Text("/a/path\nimport os; os.system('x')\n"),
	}
	return &artifacts.Host{OS: artifacts.Linux, Files: tree.Files(), Users: []artifacts.User{{Name: "root", ID: "0", Home: "/root"}, {Name: "anna", ID: "1000", Home: "/home/anna"}}}
}

// short is an entry in a line: kind, place, user, enabled, trigger, command, targets with what is odd of them.
func short(e Entry) string {
	enabled := "-"
	if e.Enabled != nil {
		enabled = map[bool]string{true: "on", false: "off"}[*e.Enabled]
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s:%d [%s] %s %q %q", e.Kind, e.Path, e.Line, e.User, enabled, e.When, e.Command)
	for _, f := range e.Targets {
		s.WriteString(" " + string(f.Path))
		for _, odd := range []struct {
			is   bool
			what string
		}{{f.Missing, "missing"}, {f.Temporary, "temporary"}, {f.WorldWritable, "writable"}, {f.Package != "", f.Package}} {
			if odd.is {
				s.WriteString("!" + odd.what)
			}
		}
	}
	return s.String()
}

func TestKinds(t *testing.T) {
	got, notes := livetest.Run[Entry](t, Collector, made())
	if len(notes) > 0 {
		t.Errorf("notes %v", notes)
	}
	var lines []string
	kinds := map[string]bool{}
	for _, e := range got {
		kinds[e.Kind] = true
		lines = append(lines, short(e))
		if e.Config == nil && (len(e.Targets) == 0 || e.Targets[0].Path != e.Path) {
			t.Errorf("no word about its file: %s", short(e))
		}
	}
	for _, k := range Kinds() {
		if !kinds[k.Name] || k.Doc == "" || !strings.HasPrefix(k.Technique, "T1") {
			t.Errorf("kind %s: found %v, doc %q, technique %q", k.Name, kinds[k.Name], k.Doc, k.Technique)
		}
		delete(kinds, k.Name)
	}
	if len(kinds) > 0 {
		t.Errorf("kinds of no row in Kinds: %v", kinds)
	}
	const evil = " /opt/evil/x!writable"
	for _, want := range []string{
		`systemd-service /etc/systemd/system/a.service.d/over.conf:3 [nobody] on "multi-user.target" "-/bin/sh -c  '/opt/evil/x --now'" /bin/sh!tool` + evil,
		`preload-environment /usr/lib/systemd/system/a.service:5 [] on "" "LD_PRELOAD=/opt/evil/x"` + evil,
		`systemd-service /etc/systemd/system/masked.service:0 [] off "" ""`,
		`systemd-service /usr/lib/systemd/system/getty@.service:4 [] on "" "/opt/evil/x %i"` + evil,
		`systemd-timer /etc/systemd/system/t.timer:0 [] on "OnCalendar=hourly" "starts late.service" /tmp/.t!temporary`,
		`systemd-service /etc/systemd/system/late.service:4 [] off "t.timer" "/tmp/.t" /tmp/.t!temporary`,
		`systemd-socket /etc/systemd/system/s.socket:0 [] off "ListenStream=4444" "starts s@.service"` + evil,
		`systemd-path /home/anna/.config/systemd/user/p.path:0 [anna] off "PathExists=/tmp/go" "starts p.service" /home/anna/missing!missing`,
		`dbus-service /usr/share/dbus-1/system-services/org.x.service:0 [root] - "" "/opt/evil/x"` + evil,
		`cron /etc/crontab:4 [root] on "17 * * * *" "cd / && test -x /none && /opt/evil/x | /bin/sh"` + evil + ` /bin/sh!tool`,
		`cron /etc/cron.d/.hidden:1 [anna] off "@reboot" "/opt/evil/x"` + evil,
		`cron /var/spool/cron/crontabs/anna:1 [anna] on "*/5 * * * *" "/home/anna/gone.sh >/dev/null 2>&1" /home/anna/gone.sh!missing`,
		`preload-environment /etc/crontab:3 [] on "" "LD_PRELOAD=/opt/evil/x"` + evil,
		`anacron /etc/anacrontab:1 [] on "1 days, delay 5 minutes" "/opt/evil/x"` + evil,
		`at /var/spool/cron/atjobs/a0000101c9c380:0 [anna] on "2027-01-15T08:00:00Z" "cd /home/anna || {\nexit 1\n}\n/opt/evil/x"` + evil,
		`script /etc/cron.daily/job:0 [] - "daily" "/etc/cron.daily/job" /etc/cron.daily/job`,
		`script /etc/NetworkManager/dispatcher.d/pre-up.d/10-x:0 [] - "a network connection changes" "/etc/NetworkManager/dispatcher.d/pre-up.d/10-x" /etc/NetworkManager/dispatcher.d/pre-up.d/10-x`,
		`init-script /etc/init.d/daemon:0 [] on "boot" "/etc/init.d/daemon" /etc/init.d/daemon`,
		`rc-local /etc/rc.local:0 [] on "boot" "/opt/evil/x &\nexit 0"` + evil,
		`inittab /etc/inittab:1 [] - "run levels 2345, respawn" "/opt/evil/x"` + evil,
		`xdg-autostart /home/anna/.config/autostart/x.desktop:0 [anna] on "logon to the desktop" "/opt/evil/x %U"` + evil,
		`shell-line /home/anna/.bashrc:2 [anna] - "" "alias sudo='/opt/evil/x'"`,
		`udev /etc/udev/rules.d/90-x.rules:1 [] - "ACTION==\"add\",  SUBSYSTEM==\"usb\"" "/opt/evil/x %k"` + evil,
		`pam /etc/pam.d/sshd:2 [] - "auth" "pam_exec.so quiet expose_authtok /opt/evil/x"` + evil,
		`pam /usr/lib/x86_64-linux-gnu/security/pam_evil.so:0 [] - "" "" /usr/lib/x86_64-linux-gnu/security/pam_evil.so`,
		`preload /etc/ld.so.preload:1 [] - "any program starts" "/opt/evil/x"` + evil,
		`git-hook /home/anna/src/tool/.git/config:2 [anna] - "git" "/opt/evil/x"` + evil,
		`git-hook /home/anna/src/tool/.git/config:4 [anna] - "git" "/opt/evil/x"` + evil,
		`package-hook /etc/apt/apt.conf.d/99x:1 [] - "packages are installed" "/opt/evil/x"` + evil,
		`package-hook /etc/apt/apt.conf.d/99x:4 [] - "packages are installed" "/bin/sh /opt/evil/x" /bin/sh!tool` + evil,
		`logrotate /etc/logrotate.d/x:3 [] - "logs are rotated" "/opt/evil/x"` + evil,
		`kernel-module /etc/modules-load.d/x.conf:2 [] on "boot" "rootkit"`,
		`kernel-helper /proc/sys/kernel/core_pattern:1 [] on "" "|/opt/evil/x %p"` + evil,
		`binfmt /proc/sys/fs/binfmt_misc/evil:0 [] on "offset 0 magic 7f454c46" "/opt/evil/x"` + evil,
		`ssh-key /home/anna/.ssh/authorized_keys:2 [anna] - "a logon with this key" "/opt/evil/x \"a b\""` + evil,
		`sshd /etc/ssh/sshd_config:2 [] - "a logon by ssh" "/opt/evil/x %u"` + evil,
		`sudoers /etc/sudoers:2 [] - "sudo" "/opt/evil/x"` + evil,
		`container /var/lib/docker/containers/0123/hostconfig.json:0 [] on "restart policy always" "/x -o pool"`,
		`python /usr/lib/python3/dist-packages/evil.pth:2 [] - "any Python program starts" "import os; os.system('x')"`,
	} {
		if !slices.Contains(lines, want) {
			near := slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.HasPrefix(l, strings.Fields(want)[0]+" ") })
			t.Errorf("missing %s\n  of its kind: %s", want, strings.Join(near, "\n    "))
		}
	}
	for _, not := range []string{"readme", "pre-push.sample", "pam_unix.so:", "tool/.git/config:5", "99x:2", "99x:6"} {
		if i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, not) }); i >= 0 {
			t.Errorf("%q should not be there: %s", not, lines[i])
		}
	}
}

func examinerOf(t testing.TB, h *artifacts.Host) *examiner {
	t.Helper()
	index, err := packages.Load(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return newExaminer(t.Context(), h, &livetest.Recorder{}, index)
}

// TestFile tells of a target all that is to be known.
func TestFile(t *testing.T) {
	h := made()
	h.Files = livetest.Tree{
		"/bin":       livetest.Link("usr/bin"),
		"/usr/bin/a": livetest.Link("../../opt/w/b"),
		"/opt/w":     livetest.Node{Stat: artifacts.Stat{Kind: artifacts.Directory, Mode: 0o777}},
		"/opt/w/b":   livetest.Node{Data: "abc", Stat: artifacts.Stat{Mode: fs.ModeSetuid | 0o755, UID: "7", GID: "8"}},
		"/loop/a":    livetest.Link("b"),
		"/loop/b":    livetest.Link("a"),
		"/net/x":     livetest.Text("never read"),
	}.Files(artifacts.Mount{Path: "/net", Class: artifacts.Remote})
	x := examinerOf(t, h)
	got := x.describe("/bin/a")
	want := File{Path: "/bin/a", Real: "/opt/w/b", WorldWritable: true, SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Size: 3, Mode: "4755", UID: "7", GID: "8"}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for p, want := range map[artifacts.Path]string{"/loop/a": errLinks.Error(), "/net/x": "follow /net: " + errRemote.Error(), "/bin": "is a directory"} {
		if got := x.describe(p); got.Error != want || got.SHA256 != "" {
			t.Errorf("%s: got %+v, want error %q", p, got, want)
		}
	}
	if got := x.describe("/tmp/../tmp/none"); !got.Missing {
		t.Errorf("got %+v, want missing", got)
	}
}

func TestTargets(t *testing.T) {
	h := made()
	x := examinerOf(t, h)
	for command, want := range map[string]string{
		"":                                       "",
		"/opt/evil/x":                            "/opt/evil/x",
		"sh":                                     "/usr/bin/sh",
		"nohup env A=b /opt/evil/x &":            "/usr/bin/env /opt/evil/x",
		`sh -c "env /opt/evil/x; /gone"`:         "/usr/bin/sh /usr/bin/env /opt/evil/x /gone",
		"/usr/bin/python3 /gone.py":              "/usr/bin/python3 /gone.py",
		"cd /opt && ./x":                         "",
		"if [ -x /opt/evil/x ]; then /gone; fi":  "/opt/evil/x /gone",
		"'unterminated /opt":                     "",
		"(((((((((((((((":                        "",
		"/opt/evil/x --config=/etc /etc/crontab": "/opt/evil/x /etc/crontab",
	} {
		var got []string
		for _, f := range x.targets(command) {
			got = append(got, string(f.Path))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, want %q", command, got, want)
		}
	}
}

// FuzzFiles puts anything into every file that is read. Every entry must name its file and be of a known kind.
func FuzzFiles(f *testing.F) {
	f.Add("[Service]\nExecStart=/bin/sh -c '/x\n[Timer]\nOnCalendar=x\nUnit=../..\n")
	f.Add("* * * * * root /x%y\n@reboot\nA=b\n17")
	f.Add("RUN+=\"\"\nauth [ pam_exec.so\nDPkg::Post-Invoke {\"\n:::::::\ninstall x\npostrotate\n\\")
	f.Add(`{"RestartPolicy":{"Name":1}}`)
	f.Add("command=\"\\\" ssh-rsa\nno-pty,command=\"x\"")
	known := map[string]bool{}
	for _, k := range Kinds() {
		known[k.Name] = true
	}
	f.Fuzz(func(t *testing.T, data string) {
		h := made()
		tree := livetest.Tree{}
		walkTree(h.Files, "/", func(p artifacts.Path, n artifacts.DirEntry) {
			if n.Kind == artifacts.Regular && !strings.HasPrefix(string(p), "/var/lib/dpkg") {
				tree[p] = executable(data)
			}
		})
		h.Files = tree.Files()
		got, _ := livetest.Run[Entry](t, Collector, h)
		for _, e := range got {
			if !known[e.Kind] || !path.IsAbs(string(e.Path)) || len(e.Targets) > maxTargets || len(e.Command) > 4*maxLine {
				t.Errorf("%+v", e)
			}
		}
	})
}

func walkTree(f artifacts.Files, dir artifacts.Path, use func(artifacts.Path, artifacts.DirEntry)) {
	entries, _ := f.ReadDir(dir)
	for _, e := range entries {
		p := artifacts.Linux.Join(dir, e.Name)
		use(p, e)
		if e.Kind == artifacts.Directory {
			walkTree(f, p, use)
		}
	}
}

// FuzzCommand checks that no command line makes more words than are kept, or more targets.
func FuzzCommand(f *testing.F) {
	f.Add(`sh -c "a 'b c' \" d" && e`)
	x := examinerOf(f, made())
	f.Fuzz(func(t *testing.T, s string) {
		if n := len(words(s)); n > 257 {
			t.Errorf("%d words", n)
		}
		if n := len(x.targets(s)); n > maxTargets {
			t.Errorf("%d targets", n)
		}
		odd(s)
		for range joined([]byte(s)) {
		}
	})
}
