package definitions_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"spor/artifacts/hive/hivetest"
)

// TestHives collects a copied Windows whose names are spelled as an old system spelled them: keys that definitions name
// come out of its hives as they do from a running registry, hives and logs are taken as files, and nothing of SAM
// without being asked for.
func TestHives(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("names of two spellings are one there")
	}
	const sid = "S-1-5-21-1-2-3-1001"
	dir := t.TempDir()
	write := func(name string, b []byte) {
		full := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	system, software, sam, user := &hivetest.Key{Name: "R"}, &hivetest.Key{Name: "R"}, &hivetest.Key{Name: "R"}, &hivetest.Key{Name: "R"}
	system.Set("Select", hivetest.Number("Current", 3))
	system.Set(`ControlSet003\Services\evil`, hivetest.Expand("ImagePath", `%SystemRoot%\evil.sys`), hivetest.Number("Start", 2))
	software.Set(`Microsoft\Windows NT\CurrentVersion`, hivetest.Text("ProductName", "Windows Server 2019 Standard"), hivetest.Text("CurrentBuild", "17763"))
	software.Set(`Microsoft\Windows NT\CurrentVersion\ProfileList\`+sid, hivetest.Expand("ProfileImagePath", `%SystemDrive%\Users\anna`))
	sam.Set(`SAM\Domains\Account\Users\000001F4`, hivetest.Value{Name: "V", Type: 3, Data: []byte("canary{hash}")})
	software.Set(`Microsoft\Windows\CurrentVersion\Run\x`, hivetest.Value{Name: "SymbolicLinkValue", Type: 6, Data: hivetest.UTF16(`\Registry\Machine\SAM\SAM`)})
	before := hivetest.Hive(user)
	user.Set(`Software\Microsoft\Windows\CurrentVersion\Run`, hivetest.Text("updater", `C:\Users\Public\evil.exe`), hivetest.Value{Name: "raw", Type: 3, Data: []byte{1, 2}})
	user.At(`Software\Microsoft\Windows\CurrentVersion\Run`).Written = time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	dirty, log := hivetest.Torn(before, hivetest.Hive(user), 3)
	write("WINDOWS/system32/CONFIG/system", hivetest.Hive(system))
	write("WINDOWS/system32/CONFIG/software", hivetest.Hive(software))
	write("WINDOWS/system32/CONFIG/Sam", hivetest.Hive(sam))
	write("WINDOWS/system32/CONFIG/software.log1", []byte("log"))
	write("users/Anna/ntuser.dat", dirty)
	write("users/Anna/NTUSER.DAT.LOG1", log)
	for _, secrets := range []bool{false, true} {
		sink, _ := run(t, load(t), dir, secrets)
		lines, files, all := map[string]bool{}, map[string]bool{}, ""
		for i, it := range sink.items {
			files[string(it.Origin)] = true
			all += string(sink.content[i])
			if it.Origin != "" {
				continue
			}
			for line := range strings.Lines(string(sink.content[i])) {
				lines[it.Source+" "+strings.TrimSpace(line)] = true
				if !json.Valid([]byte(line)) {
					t.Errorf("%s: no JSON: %q", it.Source, line)
				}
			}
		}
		const run = `HKEY_USERS\\S-1-5-21-1-2-3-1001\\Software\\Microsoft\\Windows\\CurrentVersion\\Run","`
		for _, want := range []string{
			`WindowsRunKeys {"key":"` + run + `last_write":"2026-01-02T03:04:05.6789Z"}`,
			`WindowsRunKeys {"key":"` + run + `value":"updater","type":"REG_SZ","data":"C:\\Users\\Public\\evil.exe","last_write":"2026-01-02T03:04:05.6789Z"}`,
			`WindowsRunKeys {"key":"` + run + `value":"raw","type":"REG_BINARY","data":"AQI=","last_write":"2026-01-02T03:04:05.6789Z"}`,
			`WindowsServiceKeys {"key":"HKEY_LOCAL_MACHINE\\System\\CurrentControlSet\\Services\\evil","value":"Start","type":"REG_DWORD","data":2,"last_write":"2024-03-01T12:00:00Z"}`,
		} {
			if !lines[want] {
				t.Errorf("secrets %v: no line %s", secrets, want)
			}
		}
		for _, want := range []string{`C:\WINDOWS\system32\CONFIG\system`, `C:\WINDOWS\system32\CONFIG\software.log1`, `C:\users\Anna\ntuser.dat`, `C:\users\Anna\NTUSER.DAT.LOG1`} {
			if !files[want] {
				t.Errorf("secrets %v: %s is not taken", secrets, want)
			}
		}
		if got := strings.Contains(all, "canary{hash}"); got != secrets || files[`C:\WINDOWS\system32\CONFIG\Sam`] != secrets {
			t.Errorf("secrets %v: SAM in what was taken: %v", secrets, got)
		}
		if got := strings.Contains(all, "Y2FuYXJ5e2hhc2h9"); got != secrets {
			t.Errorf("secrets %v: values of SAM in what was taken: %v", secrets, got)
		}
	}
}
