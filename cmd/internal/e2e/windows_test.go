package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/build/wine"
	"spor/package/manifest"
)

// The shipped spor.exe collects a Windows as wine has it, uploads, and the desk opens the bundle. What wine cannot give
// must be said.
func TestWindows(t *testing.T) {
	if testing.Short() {
		t.Skip("short: NOT checked what spor.exe does under wine")
	}
	rig := wine.ForTest(t)
	dir := t.TempDir()
	public, private := keys(t, dir)
	receiver, err := startReceiver(filepath.Join(dir, "store"), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.stop()
	exe := filepath.Join(dir, "spor.exe")
	if out, err := build("windows", exe, "spor/cmd/spor"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	usb := filepath.Join(rig.DriveC(), "usb-"+filepath.Base(dir))
	os.Remove(usb + ".zip") // of a run that was killed
	defer os.RemoveAll(usb)
	defer os.Remove(usb + ".zip") // the kit makes it beside the folder
	must(t, dir, []int{0}, "spor-desk", "kit", "--recipient", public, "--sign-key", private, "--store", filepath.Join(dir, "store"),
		"--upload", receiver.url, "--case", "win", "--agent", exe, "--out", usb)
	plant(t, rig)
	res, err := rig.Run(t.Context(), nil, filepath.Join(usb, "spor.exe"), "collect", "--take", `C:\evidence\*.eml`, "--json")
	if err != nil {
		t.Fatal(err)
	}
	if res.Code != 3 { // wine has no event logs and no hives
		t.Errorf("ended with %d, want 3\n%s", res.Code, res.Stderr)
	}
	for _, kind := range []string{"start", "outcome", "volume", "upload", "summary"} {
		if !strings.Contains(string(res.Stdout), fmt.Sprintf(`{"type":%q`, kind)) {
			t.Errorf("no line of type %s", kind)
		}
	}
	sealed := glob(t, filepath.Join(usb, "*.pgp"))
	if len(sealed) != 1 {
		t.Fatalf("bundles %v\n%s", sealed, res.Stderr)
	}
	if got, want := hashOf(t, filepath.Join(dir, "store", "win", filepath.Base(sealed[0]))), hashOf(t, sealed[0]); got != want {
		t.Errorf("arrived as %s, sent as %s", got, want)
	}
	opened := filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", "open", sealed[0], "--key", private, "--out", opened)
	judge(t, opened)
	destinations(t, rig, usb, private, filepath.Join(dir, "store", "win"))

	res, err = rig.Run(t.Context(), nil, filepath.Join(usb, "spor.exe"), "collect", "--recipient", `C:\windows\win.ini`)
	if err != nil || res.Code != 2 || !strings.Contains(string(res.Stderr), "not an OpenPGP key") {
		t.Errorf("a recipient that is no key: %d, %v, %s", res.Code, err, res.Stderr)
	}
}

// plant puts what is to be found into the made-up Windows.
func plant(t *testing.T, rig *wine.Rig) {
	t.Helper()
	evidence := filepath.Join(rig.DriveC(), "evidence")
	if err := os.MkdirAll(evidence, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(evidence, "Þór.eml"), []byte("Subject: invoice\r\n\r\nopen this\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	reg := func(args ...string) {
		t.Helper()
		res, err := rig.Run(t.Context(), nil, filepath.Join(rig.DriveC(), "windows", "system32", "reg.exe"), args...)
		if err != nil || res.Code != 0 {
			t.Fatalf("reg %q: %d %v %s", args, res.Code, err, res.Stderr)
		}
	}
	reg("add", `HKLM\Software\Microsoft\Windows\CurrentVersion\Run`, "/v", "Planted", "/d", `C:\evidence\evil.exe`, "/f")
	for _, p := range []struct{ key, value, kind, data string }{
		{`HKLM\Software\Microsoft\Windows NT\CurrentVersion\Image File Execution Options\utilman.exe`, "Debugger", "REG_SZ", `C:\windows\system32\cmd.exe`},
		{`HKLM\Software\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\PlantedTask`, "Id", "REG_SZ", "{00000000-0000-0000-0000-000000000002}"},
		{`HKLM\Software\Microsoft\Windows Defender\Exclusions\Extensions`, "exe", "REG_DWORD", "0"},
		{`HKLM\System\CurrentControlSet\Services\PortProxy\v4tov4\tcp`, "0.0.0.0/8443", "REG_SZ", "192.0.2.1/443"},
	} {
		reg("add", p.key, "/v", p.value, "/t", p.kind, "/d", p.data, "/f")
		t.Cleanup(func() {
			_, _ = rig.Run(context.Background(), nil, filepath.Join(rig.DriveC(), "windows", "system32", "reg.exe"), "delete", p.key, "/v", p.value, "/f")
		})
	}
}

// destinations streams a sample to the receiver of the kit, and goes on to a second folder where the first is on a drive
// that is not there.
func destinations(t *testing.T, rig *wine.Rig, usb, private, store string) {
	t.Helper()
	here, there := glob(t, filepath.Join(usb, "*")), glob(t, filepath.Join(store, "*.pgp"))
	exe := filepath.Join(usb, "spor.exe")
	res, err := rig.Run(t.Context(), nil, exe, "collect", "--stream", "--only", "none", "--sample", `C:\evidence\*.eml`)
	if err != nil || res.Code != 0 || !strings.Contains(string(res.Stdout), "-MALWARE.zip") {
		t.Errorf("streaming: %d, %v\n%s\n%s", res.Code, err, res.Stdout, res.Stderr)
	}
	if now := glob(t, filepath.Join(usb, "*")); !slices.Equal(now, here) {
		t.Errorf("streaming left %v beside the program, before it was %v", now, here)
	}
	sent := slices.DeleteFunc(glob(t, filepath.Join(store, "*.pgp")), func(name string) bool { return slices.Contains(there, name) })
	must(t, t.TempDir(), []int{0}, "spor-desk", append([]string{"verify", "--key", private}, sent...)...)

	second := filepath.Join(usb, "second")
	res, err = rig.Run(t.Context(), nil, exe, "collect", "--no-upload", "--only", "none", "--take", `C:\evidence\*.eml`, "--out", `Q:\usb`, "--out", `C:\`+filepath.Base(usb)+`\second`)
	if err != nil || res.Code != 0 || !strings.Contains(string(res.Stderr), `Q:\usb is gone`) {
		t.Errorf("without drive Q: %d, %v\n%s", res.Code, err, res.Stderr)
	}
	must(t, t.TempDir(), []int{0}, "spor-desk", append([]string{"verify", "--key", private}, glob(t, filepath.Join(second, "*.pgp"))...)...)
}

func judge(t *testing.T, opened string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if m.Host.OS != artifacts.Windows || m.Host.Hostname == "" || !strings.HasPrefix(m.Host.Platform, "wine") || m.Clock.BootTime.IsZero() {
		t.Errorf("host %+v, clock %+v", m.Host, m.Clock)
	}
	entry := slices.IndexFunc(m.Entries, func(e manifest.Entry) bool { return e.Origin == `C:\evidence\Þór.eml` })
	if entry < 0 {
		t.Fatalf("the planted mail is not among %d entries", len(m.Entries))
	}
	if b, err := os.ReadFile(filepath.Join(opened, m.Entries[entry].Name)); err != nil || !strings.Contains(string(b), "open this") {
		t.Errorf("the planted mail: %q, %v", b, err)
	}
	said := func(source string, status artifacts.Status, words string) {
		t.Helper()
		if !slices.ContainsFunc(m.Outcomes, func(o artifacts.Outcome) bool {
			return o.Source == source && o.Status == status && strings.Contains(o.Reason, words)
		}) {
			t.Errorf("nothing says that %s was %s with %q", source, status, words)
		}
	}
	said("processes", artifacts.Collected, "")
	said("services", artifacts.Collected, "")
	said("sockets", artifacts.Collected, "")
	said("sessions", artifacts.Failed, "nothing tells who is logged on") // wine knows no sessions: that is no empty list
	said("pipes", artifacts.Failed, "listing")                           // wine lists none
	said("shares", artifacts.Failed, "shares:")
	said("dns-cache", artifacts.Absent, "the cache is empty")
	said("screens", artifacts.Failed, "there is no display") // the rig has none
	said("drivers", artifacts.Collected, "")
	said("modules", artifacts.Collected, "")
	said("neighbours", artifacts.Collected, "")
	said("proxies", artifacts.Collected, "")
	said("tasks", artifacts.Failed, "the task scheduler's service")
	said("wmi-subscriptions", artifacts.Failed, "OBJECTS.DATA")
	said("defender", artifacts.Absent, "no such namespace")
	said("security-products", artifacts.Absent, "servers have no security centre")
	said("audit-policy", artifacts.Failed, "AuditQuerySystemPolicy")
	said("encrypted-volumes", artifacts.Absent, "nothing tells whether volumes are encrypted")
	said("shadow-copies", artifacts.Absent, "there is no shadow copy")
	said("domain", artifacts.Failed, "NetGetAadJoinInformation")
	all := live(t, opened)
	for source, words := range map[string]string{
		"processes": `spor.exe`, "services": `"name":`, "identity": `"hostname":`, "clock": `"zone":`, "WindowsRunKeys": `evil.exe`,
		"autoruns": `evil.exe`, "tasks": `"no_sd":true`, "settings": `192.0.2.1/443`, "updates": `"from":"wmi"`, "boot-security": `"kernel_debugger"`,
		"drivers": `"name":"ntoskrnl.exe"`, "modules": `ntdll.dll`, "screens": `"session":1`,
	} {
		if !strings.Contains(all[source], words) {
			t.Errorf("live state of %s (%d bytes) does not hold %s; there is %v", source, len(all[source]), words, names(all))
		}
	}
	findings, err := os.ReadFile(filepath.Join(opened, "findings.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{"accessibility-debugger", "task-hidden", "defender-exclusion", "weakened-setting"} {
		if !strings.Contains(string(findings), fmt.Sprintf(`"rule":%q`, rule)) {
			t.Errorf("nothing is found by the rule %s", rule)
		}
	}
}

// live reads all live state of an opened bundle.
func live(t *testing.T, opened string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range glob(t, filepath.Join(opened, "live", "*.jsonl")) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".jsonl")] = string(b)
	}
	return all
}

func names(m map[string]string) []string {
	var list []string
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// What is shipped for Windows is small enough for a slow stick and a slow line.
func TestSizeOfTheAgent(t *testing.T) {
	exe := filepath.Join(t.TempDir(), "spor.exe")
	if out, err := build("windows", exe, "spor/cmd/spor"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	st, err := os.Stat(exe)
	if err != nil {
		t.Fatal(err)
	}
	const most = 12_000_000
	if st.Size() > most {
		t.Errorf("spor.exe is %d bytes, over %d", st.Size(), most)
	}
	if out, err := exec.Command("go", "tool", "nm", exe).CombinedOutput(); err == nil && strings.Contains(string(out), "main.main") {
		t.Error("the symbols are still there")
	}
}
