package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spor/artifacts/hive/hivetest"
)

// TestHives examines a copied Windows: its name, version and users are those of its hives, what starts by itself is
// found in them as in a running registry, and what was moved is taken where they say.
func TestHives(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "disk")
	write := func(name string, b []byte) {
		full := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	system, software, user := &hivetest.Key{Name: "R"}, &hivetest.Key{Name: "R"}, &hivetest.Key{Name: "R"}
	system.Set("Select", hivetest.Number("Current", 1))
	set := system.At("ControlSet001")
	set.Set(`Services\evil`, hivetest.Expand("ImagePath", `%SystemDrive%\evil\evil.exe -s`), hivetest.Number("Type", 0x10), hivetest.Number("Start", 2))
	set.Set(`Services\EventLog\Security`, hivetest.Expand("File", `%SystemDrive%\logs\Security.evtx`))
	set.Set(`Services\Tcpip\Parameters`, hivetest.Text("Hostname", "skrifstofa"))
	software.Set(`Microsoft\Windows NT\CurrentVersion`, hivetest.Text("ProductName", "Windows 10 Pro"), hivetest.Text("CurrentBuildNumber", "19045"))
	software.Set(`Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-1001`, hivetest.Text("ProfileImagePath", `C:\Homes\anna`))
	before := hivetest.Hive(user)
	user.Set(`Software\Microsoft\Windows\CurrentVersion\Run`, hivetest.Text("updater", `C:\Homes\anna\run.exe /q`))
	dirty, log := hivetest.Torn(before, hivetest.Hive(user), 1)
	write("Windows/System32/config/SYSTEM", hivetest.Hive(system))
	write("Windows/System32/config/SOFTWARE", hivetest.Hive(software))
	write("Homes/anna/NTUSER.DAT", dirty)
	write("Homes/anna/NTUSER.DAT.LOG1", log)
	write("Homes/anna/run.exe", []byte("MZ run"))
	write("evil/evil.exe", []byte("MZ evil"))
	write("logs/Security.evtx", []byte("ElfFile"))
	public, private := keys(t, dir)
	out := must(t, dir, []int{0, 3}, "spor", "collect", "--root", root, "--recipient", public, "--out", dir, "--case", "hives", "--json", "--profile", "ransomware")
	if !strings.Contains(out, `"host":"skrifstofa"`) {
		t.Errorf("the host is not called as its hive says:\n%.500s", out)
	}
	opened := filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", "open", glob(t, filepath.Join(dir, "*.pgp"))[0], "--key", private, "--out", opened)
	taken := entries(t, opened)
	for _, name := range []string{`C:\Homes\anna\NTUSER.DAT`, `C:\Homes\anna\NTUSER.DAT.LOG1`, `C:\Homes\anna\run.exe`, `C:\evil\evil.exe`, `C:\logs\Security.evtx`} {
		if taken[name] == "" {
			t.Errorf("%s was not taken", name)
		}
	}
	for name, want := range map[string][]string{
		"WindowsRunKeys": {`"key":"HKEY_USERS\\S-1-5-21-1-2-3-1001\\Software\\Microsoft\\Windows\\CurrentVersion\\Run","value":"updater"`},
		"services":       {`"name":"evil"`, `evil.exe`}, "autoruns": {`run.exe`, `"sha256"`},
	} {
		b, err := os.ReadFile(filepath.Join(opened, "live", name+".jsonl"))
		for _, text := range want {
			if err != nil || !strings.Contains(string(b), text) {
				t.Errorf("live/%s.jsonl has no %s: %.300s %v", name, text, b, err)
			}
		}
	}
	manifest, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	if err != nil || !strings.Contains(string(manifest), "Windows 10 Pro") || !strings.Contains(string(manifest), "pages are read from its logs") {
		t.Errorf("the manifest does not tell what system it is, or that a hive was dirty: %v", err)
	}
}
