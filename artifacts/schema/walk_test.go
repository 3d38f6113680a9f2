package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
)

// tree is a small Linux host with the usual links.
func tree() *fake {
	return newFake(artifacts.Linux,
		"/etc/passwd", "/etc/nginx/nginx.conf", "/etc/nginx/conf.d/a.conf", "/etc/nginx/conf.d/b.conf.bak", "/etc/nginx/pipe |",
		"/var/log/auth.log", "/var/log/auth.log.1", "/var/log/Auth.log", "/var/log/app/deep/er/x.log", "/var/log/app/a.log",
		"/var/log/[odd].log", "/var/log/caf\xe9.log", "/run/utmp", "/var/run -> /run", "/bin -> usr/bin", "/usr/bin/sh",
		"/root/.bash_history", "/home/anna/.bash_history", "/home/anna/.ssh/id_rsa", "/home/anna/.ssh/config",
		"/proc/version", "/proc/1/stat", "/proc/23/stat", "/proc/net -> self/net", "/proc/self -> 23", "/proc/23/net/tcp",
	)
}

func TestPatterns(t *testing.T) {
	tests := []struct {
		pattern string
		want    []string
	}{
		{"/etc/passwd", []string{"/etc/passwd"}},
		{"//etc/./passwd", []string{"/etc/passwd"}},
		{"/etc/passw?", []string{"/etc/passwd"}},
		{"/ETC/passwd", nil},
		{"/var/log/auth.log*", []string{"/var/log/auth.log", "/var/log/auth.log.1"}},
		{"/var/log/[Aa]uth.log", []string{"/var/log/Auth.log", "/var/log/auth.log"}},
		{"/var/log/[!a]*", []string{"/var/log/Auth.log", "/var/log/[odd].log", "/var/log/caf\xe9.log"}},
		{"/var/log/[a-z]uth.log", []string{"/var/log/auth.log"}},
		{"/var/log/[[]odd].log", []string{"/var/log/[odd].log"}},
		{"/var/log/[odd.log", nil},
		{"/var/log/caf?.log", []string{"/var/log/caf\xe9.log"}},
		{"/var/log/*.lo[g]", []string{"/var/log/Auth.log", "/var/log/[odd].log", "/var/log/auth.log", "/var/log/caf\xe9.log"}},
		{"/etc/nginx/**", []string{"/etc/nginx/conf.d/a.conf", "/etc/nginx/conf.d/b.conf.bak", "/etc/nginx/nginx.conf", "/etc/nginx/pipe"}},
		{"/etc/nginx/**1", []string{"/etc/nginx/nginx.conf", "/etc/nginx/pipe"}},
		{"/etc/**/*.conf", []string{"/etc/nginx/conf.d/a.conf", "/etc/nginx/nginx.conf"}},
		{"/etc/**/passwd", []string{"/etc/passwd"}},
		{"/**/**2/etc/**/passwd", []string{"/etc/passwd"}},
		{"/var/log/**/auth*", []string{"/var/log/auth.log", "/var/log/auth.log.1"}},
		{"/var/log/**/a.log", []string{"/var/log/app/a.log"}},
		{"/var/log/app/**2", []string{"/var/log/app/a.log"}},
		{"/var/log/app/**", []string{"/var/log/app/a.log", "/var/log/app/deep/er/x.log"}},
		{"/**2/x.log", nil},
		{"/**5/x.log", []string{"/var/log/app/deep/er/x.log"}},
		{"/*/*/a*.log", []string{"/var/log/auth.log"}},
		{"/var/run/utmp", []string{"/run/utmp"}},
		{"/bin/s*", []string{"/usr/bin/sh"}},
		{"/b**/sh", []string{"/usr/bin/sh"}}, // two stars within a name are one
		{"%%users.homedir%%/.bash_history", []string{"/root/.bash_history", "/home/anna/.bash_history"}},
		{"/home/%%users.username%%/.b*", []string{"/home/anna/.bash_history"}},
		{"/proc/[0-9]*/stat", []string{"/proc/1/stat", "/proc/23/stat"}},
		{"/proc/net/tcp", []string{"/proc/23/net/tcp"}},
	}
	for _, test := range tests {
		rec := run(t, definitions(t, filesYAML("/", []string{test.pattern})), linuxHost(tree()), Options{})
		var want []string
		for _, p := range test.want {
			want = append(want, "A "+p)
		}
		same(t, test.pattern, rec.taken, want)
	}
}

func TestWindowsPatterns(t *testing.T) {
	f := newFake(artifacts.Windows,
		"C:/Windows/System32/winevt/Logs/System.evtx", "C:/Windows/System32/winevt/Logs/Security.EVTX", "C:/$Recycle.Bin/S-1-5-21/$I1",
		"C:/Users/anna/AppData/Local/Temp/x.tmp", "D:/Profiles/bo[b]/NTUSER.DAT", "C:/Users/anna/ntuser.dat", "D:/README.txt",
		"C:/Users/ÞÓRA/æ.txt", "C:/Program Files (x86)/A/b.log",
		"C:/Users/anna/Downloads/a.iso", "C:/Users/anna/Downloads/a.iso:Zone.Identifier", "C:/Users/anna/Downloads/x/b.exe", "C:/Users/anna/Downloads/x/b.exe:Zone.Identifier", "C:/Users/anna/Downloads/c.txt",
		`C:/Documents and Settings -> \??\C:\Users`, `C:/Users/All Users -> C:\ProgramData`, "C:/ProgramData/x/y.log",
	)
	f.exact = true // as a Windows tree on a Linux disk
	tests := []struct {
		pattern string
		want    []string
	}{
		{`%%environ_systemroot%%\system32\winevt\logs\*.evtx`, []string{`C:\Windows\System32\winevt\Logs\Security.EVTX`, `C:\Windows\System32\winevt\Logs\System.evtx`}},
		{`%%environ_windir%%\System32\winevt\Logs\System.evtx`, []string{`C:\Windows\System32\winevt\Logs\System.evtx`}},
		{`\$Recycle.Bin\*\$i*`, []string{`C:\$Recycle.Bin\S-1-5-21\$I1`}},
		{`%%users.temp%%\*`, []string{`C:\Users\anna\AppData\Local\Temp\x.tmp`}},
		{`%%users.userprofile%%\NTUSER.DAT`, []string{`C:\Users\anna\ntuser.dat`, `D:\Profiles\bo[b]\NTUSER.DAT`}},
		{`%%users.userprofile%%/ntuser.dat`, []string{`C:\Users\anna\ntuser.dat`, `D:\Profiles\bo[b]\NTUSER.DAT`}},
		{`?:\readme*`, []string{`D:\README.txt`}},
		{`d:\readme.txt`, []string{`D:\README.txt`}},
		{`\users\þóra\Æ.TXT`, []string{`C:\Users\ÞÓRA\æ.txt`}},
		{`%%environ_programfilesx86%%\**\*.LOG`, []string{`C:\Program Files (x86)\A\b.log`}},
		{`\documents and settings\all users\x\*.log`, []string{`C:\ProgramData\x\y.log`}},
		{`%%environ_allusersappdata%%\x\y.log`, []string{`C:\ProgramData\x\y.log`}},
		{`%%users.userprofile%%\Downloads\**:Zone.Identifier`, []string{`C:\Users\anna\Downloads\a.iso:Zone.Identifier`, `C:\Users\anna\Downloads\x\b.exe:Zone.Identifier`}},
		{`%%users.userprofile%%\Downloads\*.iso:Zone.Identifier`, []string{`C:\Users\anna\Downloads\a.iso:Zone.Identifier`}},
		{`%%users.userprofile%%\Downloads\*.txt:Zone.Identifier`, nil},
		{`\Users\anna\Downloads\a.iso:Zone.Identifier`, []string{`C:\Users\anna\Downloads\a.iso:Zone.Identifier`}},
		{`\\server\share\x`, nil},
		{`\\.\PhysicalDrive0`, nil},
		{`X:\a`, nil},
	}
	for _, test := range tests {
		rec := run(t, definitions(t, filesYAML(`\`, []string{test.pattern})), windowsHost(f), Options{})
		var want []string
		for _, p := range test.want {
			want = append(want, "A "+p)
		}
		same(t, test.pattern, rec.taken, want)
		if want == nil && len(rec.notes) == 0 {
			t.Errorf("%s: nothing taken and nothing noted", test.pattern)
		}
	}
}

// TestOneWalk holds that each directory is listed once, however many patterns there are and by however many spellings
// it is reached, and that names that are written out need no listing.
func TestOneWalk(t *testing.T) {
	f := tree()
	f.add("/usr/lib/systemd/system/a.service", artifacts.Regular)
	f.add("/lib", artifacts.Symlink)
	f.links["/lib"] = "usr/lib"
	var patterns [][]string
	for range 50 {
		patterns = append(patterns, []string{
			"/etc/passwd", "/var/log/*", "/var/log/**", "/var/l*/auth*", "/lib/systemd/system/*", "/usr/lib/systemd/system/**", "/usr/lib/*/system/*",
			"%%users.homedir%%/.ssh/config", "/run/u*", "/var/run/*",
		})
	}
	for i := range patterns {
		patterns[i] = append(patterns[i], fmt.Sprintf("/var/log/%d*", i))
	}
	patterns = patterns[:20]
	run(t, definitions(t, filesYAML("/", patterns...)), linuxHost(f), Options{})
	for dir, n := range f.listed {
		if n != 1 {
			t.Errorf("%s was listed %d times", dir, n)
		}
	}
	for _, dir := range []artifacts.Path{"/", "/etc", "/home", "/home/anna/.ssh", "/root"} {
		if f.listed[dir] > 0 {
			t.Errorf("%s was listed, though every name in it is written out", dir)
		}
	}
	if f.looked["/etc/passwd"] != 1 {
		t.Errorf("/etc/passwd was looked at %d times", f.looked["/etc/passwd"])
	}
}

func TestMounts(t *testing.T) {
	f := tree()
	f.add("/mnt/nas/a/secret.conf", artifacts.Regular)
	f.add("/sys/kernel/x.conf", artifacts.Regular)
	f.mounts = map[artifacts.Path]artifacts.Mount{
		"/":        {Type: "ext4", Source: "/dev/sda1"},
		"/var/log": {Type: "xfs", Source: "/dev/sdb1"},
		"/mnt/nas": {Type: "nfs4", Source: "server:/x", Class: artifacts.Remote},
		"/proc":    {Type: "proc", Source: "proc", Class: artifacts.Pseudo},
		"/sys":     {Type: "sysfs", Class: artifacts.Pseudo},
	}
	rec := run(t, definitions(t, filesYAML("/", []string{
		"/**5/*.conf", "/mnt/nas/a/secret.conf", "/mnt/*/b", "/var/log/auth.log", "/proc/*/stat", "/sys/**", "/proc/version",
	})), linuxHost(f), Options{})
	same(t, "taken", rec.taken, []string{
		"A /etc/nginx/conf.d/a.conf", "A /etc/nginx/nginx.conf", "A /var/log/auth.log", "A /proc/1/stat", "A /proc/23/stat", "A /proc/version",
	})
	for _, want := range []string{
		"walk collected /: entered: ext4 (/dev/sda1)",
		"walk collected /var/log: entered: xfs (/dev/sdb1)",
		"walk collected /proc: entered: proc",
		"walk skipped /mnt/nas: network file system nfs4 (server:/x) is not entered",
		"walk skipped /proc: not searched by wildcards that span folders: proc",
		"walk skipped /sys: not searched by wildcards that span folders: sysfs",
		"A skipped /mnt/nas/a/secret.conf: /mnt/nas: network file system nfs4 (server:/x) is not entered",
		"A skipped /mnt/*/b: /mnt/nas: network file system nfs4 (server:/x) is not entered",
		"A absent /sys/**",
	} {
		rec.has(t, want)
	}
	if n := len(slices.DeleteFunc(slices.Clone(rec.notes), func(s string) bool { return !strings.HasPrefix(s, "walk ") })); n != 7 {
		t.Errorf("%d decisions, want each once:\n%s", n, strings.Join(rec.notes, "\n"))
	}
}

func TestLinks(t *testing.T) {
	f := newFake(artifacts.Linux,
		"/a/loop -> loop", "/a/one -> two", "/a/two -> one", "/a/up -> ../../../../etc", "/etc/x", "/a/abs -> /etc/x",
		"/a/gone -> /nowhere", "/a/dir -> /etc", "/a/self -> .", "/a/f", "/a/nas -> /nas/y", "/nas/y", "/a/file -> f", "/a/under -> f/x",
	)
	f.mounts["/nas"] = artifacts.Mount{Type: "cifs", Source: "//s/x", Class: artifacts.Remote}
	rec := run(t, definitions(t, filesYAML("/",
		[]string{"/a/**"}, []string{"/a/loop/x", "/a/one/x"}, []string{"/a/up/x"}, []string{"/a/self/self/self/self/f"}, []string{"/a/*/x"}, []string{"/a/gone/x"}, []string{"/a/nas"},
	)), linuxHost(f), Options{})
	same(t, "taken", rec.taken, []string{
		"A /a/abs", "A /etc/x", "A /a/dir", "A /a/f", "A /a/file", "A /a/gone", "A /a/loop", "A /a/nas", "A /a/one", "A /a/self", "A /a/two", "A /a/under", "A /a/up",
		"C /etc/x", "D /a/f", "E /etc/x", "G /a/nas",
	})
	for _, want := range []string{
		"A absent /a/gone: the link leads to nothing",
		"A failed /a/loop: more than 40 links on the way: a loop",
		"B failed /a/one: more than 40 links on the way: a loop",
		"F absent /a/gone/x",
		"G skipped /a/nas: /nas: network file system cifs (//s/x) is not entered",
	} {
		rec.has(t, want)
	}
}

// TestLinksMultiply holds that a folder full of links to itself is no way to keep the walk busy.
func TestLinksMultiply(t *testing.T) {
	f := newFake(artifacts.Linux, "/a/x")
	for i := range 100 {
		p := artifacts.Path(fmt.Sprintf("/a/l%d", i))
		f.add(p, artifacts.Symlink)
		f.links[p] = "."
	}
	rec := run(t, definitions(t, filesYAML("/", []string{"/a/*/*/*/*/*/*/x"})), linuxHost(f), Options{})
	same(t, "taken", rec.taken, []string{"A /a/x"})
	if f.listed["/a"] != 1 || f.looked["/a"] > 2000 {
		t.Errorf("/a: listed %d times, looked at %d times", f.listed["/a"], f.looked["/a"])
	}
}

func TestDenied(t *testing.T) {
	f := newFake(artifacts.Linux, "/d/x", "/d/y", "/d/z/a", "/e/x")
	f.denied["/d"] = true
	rec := run(t, definitions(t, filesYAML("/", []string{"/d/*", "/d/**/a", "/e/*"}, []string{"/d/x", "/d/none"}, []string{"/d/*/a", "/d/y"})), linuxHost(f), Options{})
	// The names that B and C spell out fit A's pattern as well.
	same(t, "taken", rec.taken, []string{"A /d/x", "A /d/y", "A /e/x", "B /d/x", "C /d/y"})
	same(t, "noted", rec.notes, []string{
		"A denied /d: readdir: permission denied",
		"B denied /d: readdir: permission denied",
		"C denied /d: readdir: permission denied",
	})
}

// TestHidden holds that a name that is written out is found though no listing shows it.
func TestHidden(t *testing.T) {
	f := newFake(artifacts.Linux, "/etc/ld.so.preload", "/etc/a")
	f.hidden["/etc/ld.so.preload"] = true
	rec := run(t, definitions(t, filesYAML("/", []string{"/etc/ld.so.preload"}, []string{"/etc/*"})), linuxHost(f), Options{})
	same(t, "taken", rec.taken, []string{"A /etc/ld.so.preload", "B /etc/a", "B /etc/ld.so.preload"})
}

// TestEndedEarly holds that what was not looked for is not called absent.
func TestEndedEarly(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("time is up"))
	set := definitions(t, filesYAML("/", []string{"/etc/passwd"}))
	plan := NewPlan(set, linuxHost(tree()), Options{})
	rec := &recorder{source: "walk"}
	ready := plan.Collectors(plan.All())
	if err := ready[1].Collect(t.Context(), plan.host, rec); !errors.Is(err, errNoWalk) {
		t.Errorf("before the walk: %v, want %v", err, errNoWalk)
	}
	if err := ready[0].Collect(ctx, plan.host, rec); err == nil || err.Error() != "time is up" {
		t.Errorf("walk: %v, want its cause", err)
	}
	rec.source = "A"
	if err := ready[1].Collect(t.Context(), plan.host, rec); err != nil {
		t.Error(err)
	}
	rec.has(t, "A failed /etc/passwd: not looked for: the walk ended early: time is up")
}

// TestAgainstOracle compares the walk with matching every path of the tree by itself.
func TestAgainstOracle(t *testing.T) {
	f := newFake(artifacts.Linux)
	var all []artifacts.Path
	var grow func(dir artifacts.Path, depth int)
	grow = func(dir artifacts.Path, depth int) {
		for _, name := range []string{"a", "b", "ab", "aab"} {
			p := f.os.Join(dir, name)
			if depth == 4 {
				f.add(p, artifacts.Regular)
				all = append(all, p)
				continue
			}
			f.add(p, artifacts.Directory)
			grow(p, depth+1)
		}
	}
	grow("/", 0)
	for _, pattern := range []string{"/**", "/**5", "/a/**4", "/**/a", "/**4/b", "/a/**2/b/**", "/*/*/*/*/*", "/a*/?/[ab]/**2/a*b", "/**2/**2/**", "/a/a/a/a/a", "/**3/aab/**1"} {
		var want []string
		parts, _ := split(artifacts.Linux, pattern, "")
		n, err := compile(parts, false)
		if err != nil {
			t.Fatal(err)
		}
		var one trie
		one.add(n, 0)
		for _, p := range all {
			if len(one.matches(names(artifacts.Linux, p))) > 0 {
				want = append(want, "A "+string(p))
			}
		}
		rec := run(t, definitions(t, filesYAML("/", []string{pattern})), linuxHost(f), Options{})
		got := slices.Sorted(slices.Values(rec.taken))
		slices.Sort(want)
		same(t, pattern, got, want)
	}
}
