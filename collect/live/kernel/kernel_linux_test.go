package kernel

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
)

func made(more livetest.Tree, mounts ...artifacts.Mount) *artifacts.Host {
	tree := livetest.Tree{
		"/proc/version":                 livetest.Text("Linux version 6.1.0-13-amd64\n"),
		"/proc/sys/kernel/osrelease":    livetest.Text("6.1.0-13-amd64\n"),
		"/proc/sys/kernel/tainted":      livetest.Text("12801\n"), // P, W, O, E
		"/proc/sys/kernel/core_pattern": livetest.Text("|/tmp/x %p\n"),
		"/proc/modules": livetest.Text("ext4 983040 2 - Live 0x0000000000000000\n" +
			"evil 16384 0 - Live 0xffffffffc0a00000 (OE)\nnot a line\nmbcache 16384 1 ext4, Live 0x0000000000000000\n"),
		"/sys/module/ext4/initstate":                                                livetest.Text("live\n"),
		"/sys/module/mbcache/initstate":                                             livetest.Text("live\n"),
		"/sys/module/unlisted/initstate":                                            livetest.Text("live\n"),
		"/sys/module/unlisted/coresize":                                             livetest.Text("4096\n"),
		"/sys/module/unlisted/taint":                                                livetest.Text("OE\n"),
		"/sys/module/8250/parameters/nr":                                            livetest.Text("4\n"),
		"/lib/modules/6.1.0-13-amd64/modules.dep":                                   livetest.Text("kernel/fs/ext4/ext4.ko: kernel/fs/mb-cache.ko\nkernel/fs/mbcache.ko.xz:\n"),
		"/lib/modules/6.1.0-13-amd64/kernel/fs/ext4/ext4.ko":                        livetest.Text(strings.Repeat("x", 70_000) + "~Module signature appended~\n"),
		"/sys/kernel/security/lockdown":                                             livetest.Text("none [integrity] confidentiality\n"),
		"/sys/kernel/security/lsm":                                                  livetest.Text("lockdown,yama,apparmor"),
		"/sys/kernel/security/apparmor/profiles":                                    livetest.Text("/usr/bin/man (enforce)\nlsb_release (complain)\nnvidia (enforce)\n"),
		"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c": livetest.Text("\x06\x00\x00\x00\x01"),
	}
	maps.Copy(tree, more)
	return &artifacts.Host{OS: artifacts.Linux, Live: true, Files: tree.Files(mounts...)}
}

func TestFacts(t *testing.T) {
	all, _ := livetest.Run[Facts](t, Collector, made(nil))
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	f := all[0]
	var letters strings.Builder
	for _, taint := range f.Taints {
		letters.WriteString(taint.Letter)
	}
	if letters.String() != "PWOE" || f.TaintOrphans != "P" {
		t.Errorf("taints %q, orphans %q, want PWOE and P", letters.String(), f.TaintOrphans)
	}
	if f.Lockdown != "integrity" || len(f.LSM) != 3 || f.AppArmor["enforce"] != 2 || f.AppArmor["complain"] != 1 || f.SecureBoot == nil || !*f.SecureBoot || f.SetupMode != nil {
		t.Errorf("%+v", f)
	}
	if f.Settings["kernel.core_pattern"] != "|/tmp/x %p" || len(f.Settings) != 2 {
		t.Errorf("settings %q", f.Settings)
	}
}

// A module that one of the two lists lacks is hidden; what is built in is none.
func TestModules(t *testing.T) {
	all, notes := livetest.Run[Module](t, Modules, made(nil))
	var got []string
	for _, m := range all {
		line := m.Name + " " + m.Hidden
		if m.Unindexed {
			line += " unindexed"
		}
		if m.Signed != nil {
			line += map[bool]string{true: " signed", false: " not signed"}[*m.Signed]
		}
		got = append(got, line+" "+m.Taint)
	}
	want := []string{"ext4  signed ", "evil /sys/module unindexed OE", "mbcache  ", "unlisted /proc/modules unindexed OE"}
	if !slices.Equal(got, want) || len(notes) != 0 {
		t.Errorf("got  %q\nwant %q\nnotes %v", got, want, notes)
	}
	if m := all[2]; !slices.Equal(m.UsedBy, []string{"ext4"}) || m.Size != 16384 || m.File != "/lib/modules/6.1.0-13-amd64/kernel/fs/mbcache.ko.xz" {
		t.Errorf("%+v", m)
	}
}

// Probes are read where their file systems are mounted, and autofs is left alone.
func TestHooks(t *testing.T) {
	tree := livetest.Tree{
		"/sys/kernel/tracing/enabled_functions": livetest.Text("__x64_sys_getdents64 (1) R I \ttramp: 0xffffffffc0a01000 (fh_ftrace_thunk+0x0/0x60 [evil])\n"),
		"/sys/kernel/tracing/current_tracer":    livetest.Text("nop\n"),
		"/sys/kernel/tracing/kprobe_events":     livetest.Text("p:kprobes/p_do_sys do_sys_open\n"),
		"/proc/sys/fs/binfmt_misc/qemu":         livetest.Text("enabled\ninterpreter /tmp/x\n"),
		"/proc/sys/fs/binfmt_misc/status":       livetest.Text("enabled\n"),
	}
	tracing := artifacts.Mount{Path: "/sys/kernel/tracing", Type: "tracefs"}
	all, notes := livetest.Run[Hook](t, Hooks, made(tree, tracing, artifacts.Mount{Path: "/proc/sys/fs/binfmt_misc", Type: "binfmt_misc"}))
	var kinds []string
	for _, hook := range all {
		kinds = append(kinds, hook.Kind)
	}
	if want := []string{"kprobe_event", "traced_function", "binary_format"}; !slices.Equal(kinds, want) || len(notes) != 1 || notes[0].Path != "/sys/kernel/debug" {
		t.Errorf("kinds %q, want %q; notes %v", kinds, want, notes)
	}
	all, _ = livetest.Run[Hook](t, Hooks, made(tree, tracing, artifacts.Mount{Path: "/proc/sys/fs/binfmt_misc", Type: "autofs"}))
	if len(all) != 2 {
		t.Errorf("with autofs: %+v", all)
	}
}

func FuzzModule(f *testing.F) {
	f.Add("evil 16384 0 a,b, Live 0xffffffffc0a00000 (OE)")
	f.Fuzz(func(t *testing.T, line string) {
		if m, err := parseModule(line); err == nil && (m.Name == "" || strings.ContainsAny(m.Taint, "()") && !strings.ContainsAny(line[1:len(line)-1], "()")) {
			t.Errorf("%q: %+v", line, m)
		}
	})
}
