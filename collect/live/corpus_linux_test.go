package live_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/live/autoruns"
	"spor/collect/live/livetest"
	"spor/collect/live/protection"
	"spor/collect/live/settings"
	"spor/collect/live/shadows"
	"spor/collect/registry"
)

// realHost is a host of Windows out of real hives: the SYSTEM of one machine, the NTUSER.DAT of a user of another.
func realHost(t *testing.T, system string) *artifacts.Host {
	t.Helper()
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	files := livetest.Drives{}
	for to, from := range map[artifacts.Path]string{
		`C:\Windows\System32\config\SYSTEM`: system, `C:\Windows\System32\config\SYSTEM.LOG1`: strings.Replace(system, ".gz", ".LOG1.gz", 1),
		`C:\Windows\System32\config\SYSTEM.LOG2`: strings.Replace(system, ".gz", ".LOG2.gz", 1), `C:\Users\anna\NTUSER.DAT`: "NTUSER.DAT.gz",
		`C:\Users\anna\AppData\Local\Microsoft\Windows\UsrClass.dat`: "UsrClass.dat.gz",
	} {
		b, err := os.ReadFile(filepath.Join(dir, "registry", "mkorman90-regipy", from))
		if os.IsNotExist(err) && strings.Contains(from, ".LOG") {
			continue
		}
		if err != nil {
			t.Skipf("SKIPPED: no corpus of real hives: %v", err)
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
		files[to] = string(b)
	}
	offline := registry.NewOffline(files, `C:\Windows`)
	offline.AddUser("S-1-5-21-1-2-3-1001", `C:\Users\anna`)
	return &artifacts.Host{
		OS: artifacts.Windows, Files: files, Registry: offline, Environ: map[string]string{"systemroot": `C:\Windows`, "systemdrive": "C:", "programdata": `C:\ProgramData`},
		Users: []artifacts.User{{Name: "anna", ID: "S-1-5-21-1-2-3-1001", Home: `C:\Users\anna`}},
	}
}

// The tables are held to real registries: what every Windows has is found, told as shipped where it is, and each line is one
// that the table means.
func TestRealRegistries(t *testing.T) {
	for system, want := range map[string]struct{ rules, made int }{"SYSTEM_B.gz": {720, 2018}, "SYSTEM_2.gz": {400, 2015}} {
		t.Run(system, func(t *testing.T) {
			if system == "SYSTEM_B.gz" && os.Getenv("SPOR_LONG") == "" {
				t.Skip("NOT TESTED: the second machine's hive, with SPOR_LONG=1 only: it takes ten seconds with the race detector")
			}
			h := realHost(t, system)
			entries, notes := livetest.Run[autoruns.Entry](t, autoruns.Collector, h)
			shipped := map[string]bool{}
			for _, e := range entries {
				shipped[e.Kind] = shipped[e.Kind] || e.Ships
				if e.Kind == "" || e.Path == "" || e.Modified.IsZero() || e.Value != nil && e.Command == "" {
					t.Errorf("%+v", e)
				}
			}
			for _, kind := range []string{"lsa", "boot-execute", "security-provider", "time-provider", "print-monitor", "print-provider", "print-processor", "winsock", "safe-boot-shell", "terminal-server"} {
				if !shipped[kind] {
					t.Errorf("no %s is told as what Windows ships with", kind)
				}
			}
			for _, kind := range []string{"known-dll", "network-provider", "class-filter", "subsystem", "com-user", "office-addin", "run"} {
				if !slices.ContainsFunc(entries, func(e autoruns.Entry) bool { return e.Kind == kind }) {
					t.Errorf("no %s among %d entries", kind, len(entries))
				}
			}
			if len(notes) > 3 {
				t.Errorf("%d notes: %+v", len(notes), notes)
			}
			rules, _ := livetest.Run[protection.FirewallRule](t, protection.Firewall, h)
			for _, r := range rules {
				if r.Action != "allow" && r.Action != "block" || r.Direction != "in" && r.Direction != "out" || !strings.HasPrefix(r.Version, "v2.") {
					t.Errorf("%+v", r)
				}
			}
			if len(rules) != want.rules {
				t.Errorf("%d rules, want %d", len(rules), want.rules)
			}
			all, _ := livetest.Run[settings.Setting](t, settings.Collector, h)
			if !slices.ContainsFunc(all, func(s settings.Setting) bool { return s.Value == "fDenyTSConnections" && s.Data == uint64(1) }) {
				t.Errorf("%d settings, and none says that remote desktop is off", len(all))
			}
			records, _ := livetest.Run[shadows.Record](t, shadows.Collector, h)
			if sum := records[len(records)-1]; sum.Kind != "summary" || sum.Copies != nil || sum.Made.Year() != want.made {
				t.Errorf("%+v", sum)
			}
		})
	}
}
