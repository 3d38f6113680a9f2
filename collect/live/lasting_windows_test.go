package live_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"spor/artifacts"
	"spor/collect/live/autoruns"
	"spor/collect/live/domain"
	"spor/collect/live/livetest"
	"spor/collect/live/protection"
	"spor/collect/live/settings"
	"spor/collect/live/shadows"
	"spor/collect/live/software"
	"spor/collect/live/subscriptions"
	"spor/collect/live/tasks"
	"spor/collect/winapi"
	"spor/collect/winapi/com"
	"spor/collect/winapi/wmi"
)

// plantKey writes a value below HKEY_LOCAL_MACHINE for the time of a test. Keys that it made go with it.
func plantKey(t *testing.T, root registry.Key, path, name, text string) {
	t.Helper()
	k, existed, err := registry.CreateKey(root, path, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := k.SetStringValue(name, text); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !existed {
			_ = registry.DeleteKey(root, path)
			return
		}
		if k, err := registry.OpenKey(root, path, registry.SET_VALUE); err == nil {
			_ = k.DeleteValue(name)
			k.Close()
		}
	})
}

// told runs a collector that may fail, and wants that to be said.
func told(t *testing.T, c *artifacts.Collector) ([]any, []artifacts.Outcome) {
	t.Helper()
	rec := &livetest.Recorder{}
	err := c.Collect(t.Context(), openHost(t), rec)
	show(t, rec.Records, rec.Notes)
	t.Logf("%s: %d records, error %v", c.Name, len(rec.Records), err)
	if len(rec.Records) == 0 && err == nil && len(rec.Notes) == 0 {
		t.Errorf("%s: nothing, and nothing is said", c.Name)
	}
	return rec.Records, rec.Notes
}

func TestAutoruns(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	plantKey(t, registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows\CurrentVersion\Run`, "PlantedRun", `"`+exe+`" -x`)
	plantKey(t, registry.CURRENT_USER, `Software\Microsoft\Windows\CurrentVersion\Run`, "PlantedUser", `C:\Users\Public\gone.exe`)
	plantKey(t, registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows NT\CurrentVersion\Image File Execution Options\sethc.exe`, "Debugger", `C:\windows\system32\cmd.exe`)
	records, _ := livetest.Run[autoruns.Entry](t, autoruns.Collector, openHost(t))
	find := func(kind, value string) autoruns.Entry {
		i := slices.IndexFunc(records, func(e autoruns.Entry) bool { return e.Kind == kind && e.Value != nil && *e.Value == value })
		if i < 0 {
			t.Errorf("%s %s is not among %d entries", kind, value, len(records))
			return autoruns.Entry{}
		}
		t.Logf("%+v", records[i])
		return records[i]
	}
	if e := find("run", "PlantedRun"); len(e.Targets) != 1 || e.Targets[0].SHA256 == "" || !strings.EqualFold(string(e.Targets[0].Path), exe) || e.Targets[0].Signature == nil {
		t.Errorf("%+v", e)
	}
	if e := find("run", "PlantedUser"); len(e.Targets) != 1 || !e.Targets[0].Gone || !e.Targets[0].Temporary || e.User == "" {
		t.Errorf("%+v", e)
	}
	if e := find("ifeo-debugger", "Debugger"); e.Name != "sethc.exe" || len(e.Targets) != 1 || e.Targets[0].SHA256 == "" {
		t.Errorf("%+v", e)
	}
	if e := find("winlogon", "Shell"); !e.Ships {
		t.Logf("the shell of this system: %+v", e)
	}
}

// A transfer that somebody queued is found, with what it fetches. A service that does not run is not started by us.
func TestBITS(t *testing.T) {
	startBITS(t)
	queue(t)
	records, notes := livetest.Run[autoruns.Entry](t, autoruns.Collector, openHost(t))
	i := slices.IndexFunc(records, func(e autoruns.Entry) bool { return e.Kind == "bits-job" && e.Name == "Planted job" })
	if i < 0 {
		t.Fatalf("the job is not among %d entries; notes %+v", len(records), notes)
	}
	e := records[i]
	t.Logf("%+v", e)
	if !slices.Contains(e.Remote, "http://192.0.2.1/x") || !slices.Contains(e.Local, `C:\planted.bin`) || e.State == "" {
		t.Errorf("%+v", e)
	}
}

func startBITS(t *testing.T) {
	t.Helper()
	manager, err := mgr.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Disconnect()
	s, err := manager.OpenService("BITS")
	if err != nil {
		t.Skipf("NOT TESTED: there is no BITS: %v", err)
	}
	defer s.Close()
	if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		t.Skipf("NOT TESTED: BITS does not start: %v", err)
	}
	for range 100 {
		if st, err := s.Query(); err == nil && st.State == svc.Running {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// queue makes a transfer of one file, which is cancelled when the test ends.
func queue(t *testing.T) {
	t.Helper()
	var job *com.Object
	class := windows.GUID{Data1: 0x4991d34b, Data2: 0x80a1, Data3: 0x4291, Data4: [8]byte{0x83, 0xb6, 0x33, 0x28, 0x36, 0x6b, 0x90, 0x97}}
	id := windows.GUID{Data1: 0x5ce34c0d, Data2: 0x0dc9, Data3: 0x4c1f, Data4: [8]byte{0x89, 0x7c, 0xda, 0xa1, 0xb7, 0x8c, 0xee, 0x7c}}
	text := func(s string) uintptr {
		p, err := windows.UTF16PtrFromString(s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { runtime.KeepAlive(p) })
		return uintptr(unsafe.Pointer(p))
	}
	err := com.Do(t.Context(), time.Minute, func(context.Context) error {
		manager, err := com.Create(&class, &id)
		if err != nil {
			return err
		}
		defer manager.Release()
		var own windows.GUID
		const createJob, addFile, download = 3, 4, 0
		if job, err = manager.Object(createJob, text("Planted job"), download, uintptr(unsafe.Pointer(&own))); err != nil {
			return err
		}
		return job.Call(addFile, text("http://192.0.2.1/x"), text(`C:\planted.bin`))
	})
	if err != nil {
		t.Fatalf("a job of BITS: %v", err)
	}
	t.Cleanup(func() {
		const cancel = 8
		_ = com.Do(context.Background(), time.Minute, func(context.Context) error {
			defer job.Release()
			return job.Call(cancel)
		})
	})
}

func TestTasks(t *testing.T) {
	windir, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		t.Fatal(err)
	}
	dir := windir + `\System32\Tasks`
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := dir + `\Planted task`
	const xml = `<?xml version="1.0"?><Task><Actions><Exec><Command>C:\windows\system32\cmd.exe</Command><Arguments>/c x</Arguments></Exec></Actions></Task>`
	if err := os.WriteFile(file, []byte(xml), 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file)
	const tree = `SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\`
	plantKey(t, registry.LOCAL_MACHINE, tree+`Planted hidden`, "Id", "{00000000-0000-0000-0000-000000000001}")
	records, notes := livetest.Run[tasks.Task](t, tasks.Collector, openHost(t))
	show(t, records, notes)
	find := func(path string) tasks.Task {
		i := slices.IndexFunc(records, func(r tasks.Task) bool { return r.Path == path })
		if i < 0 {
			t.Fatalf("%s is not among %d tasks", path, len(records))
		}
		return records[i]
	}
	if p := find(`\Planted task`); p.OnDisk == nil || !*p.OnDisk || len(p.Actions) != 1 || len(p.Targets) != 1 || p.Targets[0].SHA256 == "" {
		t.Errorf("%+v", p)
	}
	if p := find(`\Planted hidden`); !p.NoSD || p.InRegistry == nil || !*p.InRegistry || p.OnDisk == nil || *p.OnDisk {
		t.Errorf("%+v", p)
	}
	if winapi.Wine() != "" && !noted(notes, "the task scheduler's service") {
		t.Error("wine has no task scheduler, and that is not said")
	}
}

// What the service of WMI tells, it tells us.
func TestWMI(t *testing.T) {
	rows, err := wmi.Select(t.Context(), `root\cimv2`, "Win32_OperatingSystem")
	if err != nil || len(rows) != 1 || rows[0].Text("version") == "" || rows[0].Text("__class") != "Win32_OperatingSystem" && winapi.Wine() == "" {
		t.Errorf("%v: %v", err, rows)
	}
	t.Logf("%v", rows)
	rows, err = wmi.Select(t.Context(), `root\cimv2`, "Win32_Process")
	if err != nil || len(rows) < 2 {
		t.Errorf("%v: %d processes", err, len(rows))
	}
	for _, q := range [][2]string{{`root\cimv2`, "Win32_NoSuchClass"}, {`root\nosuch`, "Win32_Process"}} {
		if rows, err := wmi.Select(t.Context(), q[0], q[1]); err == nil || len(rows) != 0 {
			t.Errorf("%v: %v, %v", q, rows, err)
		} else {
			t.Logf("%v: %v", q, err)
		}
	}
}

// Each of these may have nothing to give under wine; then it says so.
func TestLasting(t *testing.T) {
	plantKey(t, registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows Defender\Exclusions\Paths`, `C:\planted`, "0")
	plantKey(t, registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Planted`, "DisplayName", "Planted program")
	plantKey(t, registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules`, "planted", "v2.30|Action=Allow|Active=TRUE|Dir=In|LPort=4444|")
	plantKey(t, registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\PortProxy\v4tov4\tcp`, "0.0.0.0/4444", "192.0.2.1/443")
	plantKey(t, registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Control\CloudDomainJoin\JoinInfo\AB12`, "TenantId", "planted-tenant")
	for _, want := range []struct {
		collector *artifacts.Collector
		has       func(any) bool // a record; nil: none is sure
	}{
		{protection.Defender, func(v any) bool { return v.(protection.DefenderRecord).Value == `C:\planted` }},
		{software.Installed, func(v any) bool { return v.(software.Program).Name == "Planted program" }},
		{protection.Firewall, func(v any) bool { return v.(protection.FirewallRule).LocalPort == "4444" }},
		{settings.Collector, func(v any) bool { return v.(settings.Setting).Data == "192.0.2.1/443" }},
		{domain.Collector, func(v any) bool { r := v.(domain.Record); return r.Status != "" && len(r.Cloud) > 0 }},
		{shadows.Collector, func(v any) bool { return v.(shadows.Record).Kind == "summary" }},
		{protection.Boot, nil},
		{protection.Audit, nil},
		{protection.Volumes, nil},
		{protection.Products, nil},
		{subscriptions.Collector, nil},
		{software.Updates, nil},
	} {
		t.Run(want.collector.Name, func(t *testing.T) {
			records, _ := told(t, want.collector)
			if want.has != nil && !slices.ContainsFunc(records, want.has) {
				t.Errorf("%s: what was planted is not among %d records", want.collector.Name, len(records))
			}
		})
	}
}

// A call that hangs is left behind, and a panic is not lost in its thread.
func TestCOM(t *testing.T) {
	began := time.Now()
	release := make(chan struct{})
	defer close(release)
	err := com.Do(t.Context(), 50*time.Millisecond, func(context.Context) error {
		<-release
		return nil
	})
	if !errors.Is(err, com.ErrTime) || time.Since(began) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	if err := com.Do(t.Context(), time.Minute, func(context.Context) error { return com.AccessDenied }); winapi.Status(err) != artifacts.Denied {
		t.Errorf("access denied is %v", winapi.Status(err))
	}
	defer func() {
		if recover() == nil {
			t.Error("a panic was lost")
		}
	}()
	_ = com.Do(t.Context(), time.Minute, func(context.Context) error { panic("within") })
}
