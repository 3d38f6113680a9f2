package registry

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/artifacts/hive/hivetest"
	"spor/collect/winapi"
)

// tree is a folder as the files of a Windows, in the case it was written in.
type tree string

func (t tree) name(p artifacts.Path) string {
	return filepath.Join(string(t), filepath.FromSlash(strings.ReplaceAll(strings.TrimPrefix(string(p), "C:"), `\`, "/")))
}

func (tree) Roots() []artifacts.Path                           { return []artifacts.Path{`C:\`} }
func (tree) Mount(artifacts.Path) (m artifacts.Mount, ok bool) { return }
func (tree) Readlink(artifacts.Path) (artifacts.Path, error)   { return "", fs.ErrInvalid }
func (t tree) Lstat(p artifacts.Path) (st artifacts.Stat, err error) {
	info, err := os.Lstat(t.name(p))
	if err == nil {
		st = artifacts.Stat{Kind: artifacts.Regular, Size: info.Size()}
		if info.IsDir() {
			st.Kind = artifacts.Directory
		}
	}
	return st, err
}

func (t tree) ReadDir(p artifacts.Path) (all []artifacts.DirEntry, err error) {
	entries, err := os.ReadDir(t.name(p))
	for _, e := range entries {
		kind := artifacts.Regular
		if e.IsDir() {
			kind = artifacts.Directory
		}
		all = append(all, artifacts.DirEntry{Name: e.Name(), Kind: kind})
	}
	return all, err
}

func (t tree) Open(p artifacts.Path) (artifacts.File, error) {
	f, err := os.Open(t.name(p))
	return file{f}, err
}

type file struct{ *os.File }

func (file) Method() string { return "test" }
func (f file) Stat() (artifacts.Stat, error) {
	info, err := f.File.Stat()
	if err != nil {
		return artifacts.Stat{}, err
	}
	return artifacts.Stat{Size: info.Size()}, nil
}

func (t tree) write(tb testing.TB, p artifacts.Path, b []byte) {
	tb.Helper()
	name := t.name(p)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, b, 0o600)); err != nil {
		tb.Fatal(err)
	}
}

const sid = "S-1-5-21-1-2-3-1001"

// madeWindows is a Windows whose drive was D: when it ran, with a dirty hive of a user.
func madeWindows(tb testing.TB) tree {
	tb.Helper()
	t := tree(tb.TempDir())
	system, software, ntuser := &hivetest.Key{Name: "ROOT"}, &hivetest.Key{Name: "CMI-Root"}, &hivetest.Key{Name: "ROOT"}
	system.Set("Select", hivetest.Number("Current", 2), hivetest.Number("Default", 1))
	system.Set(`ControlSet001\Services\old`, hivetest.Number("Start", 4))
	set := system.At("ControlSet002")
	set.Set(`Services\evil`, hivetest.Expand("ImagePath", `%SystemRoot%\evil.sys`))
	set.Set(`Services\Tcpip\Parameters`, hivetest.Text("Hostname", "þórður-pc"), hivetest.Text("NV Hostname", "Þórður-PC"), hivetest.Text("Domain", "corp.example"))
	set.Set(`Control\ComputerName\ComputerName`, hivetest.Text("ComputerName", "THORDUR"))
	set.Set(`Control\TimeZoneInformation`, hivetest.Text("TimeZoneKeyName", "Greenwich Standard Time"), hivetest.Number("ActiveTimeBias", uint32(0xffffffc4)))
	set.Set(`Control\Session Manager\Environment`, hivetest.Expand("TEMP", `%SystemRoot%\TEMP`), hivetest.Text("PROCESSOR_ARCHITECTURE", "AMD64"), hivetest.Text("TOOLS", `E:\tools`))
	software.Set(`Microsoft\Windows NT\CurrentVersion`, hivetest.Text("SystemRoot", `D:\Windows`), hivetest.Text("ProductName", "Windows 10 Pro"), hivetest.Text("DisplayVersion", "23H2"),
		hivetest.Text("CurrentBuildNumber", "22631"), hivetest.Number("CurrentMajorVersionNumber", 10), hivetest.Number("CurrentMinorVersionNumber", 0), hivetest.Number("UBR", 3155))
	software.Set(`Microsoft\Cryptography`, hivetest.Text("MachineGuid", "c0ffee"))
	software.Set(`Microsoft\Windows NT\CurrentVersion\ProfileList`, hivetest.Expand("ProfilesDirectory", `%SystemDrive%\Users`))
	software.Set(`Microsoft\Windows NT\CurrentVersion\ProfileList\`+sid, hivetest.Expand("ProfileImagePath", `D:\Users\anna`))
	software.Set(`Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-18`, hivetest.Expand("ProfileImagePath", `%systemroot%\system32\config\systemprofile`))
	software.Set(`Classes\.txt`, hivetest.Text("", "txtfile"))
	before := hivetest.Hive(ntuser)
	ntuser.Set(`Software\Microsoft\Windows\CurrentVersion\Run`, hivetest.Text("updater", `C:\Users\anna\AppData\evil.exe`))
	ntuser.At("Software").Written = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	dirty, log := hivetest.Torn(before, hivetest.Hive(ntuser), 3)
	user, config := artifacts.Path(`C:\Users\anna`), artifacts.Path(`C:\Windows\System32\config`)
	t.write(tb, config+`\SYSTEM`, hivetest.Hive(system))
	t.write(tb, config+`\SOFTWARE`, hivetest.Hive(software))
	t.write(tb, config+`\DEFAULT`, []byte("WINE REGISTRY Version 2"))
	t.write(tb, user+`\NTUSER.DAT`, dirty)
	t.write(tb, user+`\NTUSER.DAT.LOG1`, log)
	t.write(tb, user+`\NTUSER.DAT.LOG2`, nil)
	classes := &hivetest.Key{Name: "ROOT"}
	classes.Set(`CLSID\{1}\InprocServer32`, hivetest.Text("", "evil.dll"))
	t.write(tb, user+`\AppData\Local\Microsoft\Windows\UsrClass.dat`, hivetest.Hive(classes))
	t.write(tb, `C:\Users\removed\left.txt`, []byte("x"))
	return t
}

func describe(t *testing.T) (h *artifacts.Host, said string) {
	t.Helper()
	h = &artifacts.Host{OS: artifacts.Windows, Files: madeWindows(t), Environ: map[string]string{"systemroot": `C:\Windows`, "systemdrive": "C:"}}
	h.Users = []artifacts.User{{Name: "anna", Home: `C:\Users\anna`}, {Name: "LOCAL SERVICE", ID: "S-1-5-19", Home: `C:\Windows\ServiceProfiles\LocalService`}}
	Describe(h, func(o artifacts.Outcome) { said += o.Status.String() + " " + string(o.Path) + ": " + o.Reason + "\n" })
	return h, said
}

func TestDescribe(t *testing.T) {
	h, said := describe(t)
	id := h.Identity
	if id.Hostname != "Þórður-PC" || id.FQDN != "Þórður-PC.corp.example" || id.OSName != "Windows 11 Pro 23H2" || id.OSVersion != "10.0.22631" ||
		id.Kernel != "10.0.22631.3155" || id.MachineID != "c0ffee" || id.Arch != "amd64" || h.Clock.Zone != "Greenwich Standard Time" || h.Clock.OffsetSeconds != 3600 {
		t.Errorf("identity %+v, clock %+v", id, h.Clock)
	}
	var users []string
	for _, u := range h.Users {
		users = append(users, u.Name+" "+u.ID+" "+string(u.Home))
	}
	want := []string{`LOCAL SERVICE S-1-5-19 C:\Windows\ServiceProfiles\LocalService`, `SYSTEM S-1-5-18 C:\Windows\system32\config\systemprofile`, `anna ` + sid + ` C:\Users\anna`, `removed  C:\Users\removed`}
	if !slices.Equal(users, want) {
		t.Errorf("users\n got %q\nwant %q", users, want)
	}
	for name, want := range map[string]string{"temp": `C:\Windows\TEMP`, "tools": `E:\tools`, "profilesdirectory": `C:\Users`, "systemroot": `C:\Windows`, "programdata": `C:\ProgramData`} {
		if h.Environ[name] != want {
			t.Errorf("%%%s%%: %q, want %q", name, h.Environ[name], want)
		}
	}
	for _, want := range []string{`collected C:\Users\anna\NTUSER.DAT: a dirty hive:`, `failed C:\Windows\System32\config\DEFAULT: the keys in it are not read: damaged hive`} {
		if !strings.Contains(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	}
}

func TestKeys(t *testing.T) {
	h, _ := describe(t)
	for _, c := range []struct {
		key, subkeys, value, data string
	}{
		{`HKEY_LOCAL_MACHINE`, "SOFTWARE SYSTEM", "", ""},
		{`HKEY_USERS`, ".DEFAULT S-1-5-18 S-1-5-19 S-1-5-20 " + sid, "", ""},
		{`HKLM\system\currentcontrolset\services\EVIL`, "", "ImagePath", `%SystemRoot%\evil.sys`},
		{`HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services`, "old", "", ""},
		{`HKEY_USERS\` + sid + `\Software\Microsoft\Windows\CurrentVersion\Run`, "", "updater", `C:\Users\anna\AppData\evil.exe`},
		{`HKEY_USERS\` + sid + `\Software\Classes\CLSID\{1}\InprocServer32`, "", "", "evil.dll"},
		{`HKEY_USERS\` + strings.ToLower(sid) + `_Classes`, "CLSID", "", ""},
		{`HKEY_CLASSES_ROOT\.txt`, "", "", "txtfile"},
	} {
		k, err := h.Registry.Key(artifacts.Path(c.key))
		if got := strings.Join(k.Subkeys, " "); err != nil || got != c.subkeys {
			t.Errorf("%s: subkeys %q, %v; want %q", c.key, got, err, c.subkeys)
		}
		if got := winapi.KeyOf(k).String(strings.ToLower(c.value)); got != c.data {
			t.Errorf("%s: %s is %q, want %q", c.key, c.value, got, c.data)
		}
	}
	if k, err := h.Registry.Key(`HKEY_USERS\` + artifacts.Path(sid) + `\Software`); err != nil || !k.LastWrite.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("last written %s, %v", k.LastWrite, err)
	}
	for _, p := range []artifacts.Path{`HKEY_LOCAL_MACHINE\SAM`, `HKEY_LOCAL_MACHINE\HARDWARE\X`, `HKEY_CURRENT_USER\Software`, `HKEY_USERS\S-1-1`, `HKEY_USERS\S-1-5-19`, `Nothing\at\all`, `HKLM\SOFTWARE\none`} {
		if _, err := h.Registry.Key(p); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want that it is not there", p, err)
		}
	}
	if _, err := h.Registry.Key(`HKEY_USERS\.DEFAULT\Software`); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a hive that cannot be read: %v, want that it is not known what is there", err)
	}
}

// TestLinks follows what a hive says another key stands for, and no further than some.
func TestLinks(t *testing.T) {
	files := tree(t.TempDir())
	root := &hivetest.Key{Name: "ROOT"}
	link := func(at, to string) {
		root.Set(at, hivetest.Value{Name: "SymbolicLinkValue", Type: 6, Data: hivetest.UTF16(to)})
	}
	link("Link", `\Registry\Machine\Software\Meant`)
	link("Loop", `\REGISTRY\MACHINE\SOFTWARE\Loop\x`)
	root.Set(`Meant\below`, hivetest.Text("v", "found"))
	files.write(t, `C:\Windows\System32\config\SOFTWARE`, hivetest.Hive(root))
	o := NewOffline(files, `C:\Windows`)
	for name, want := range map[string]string{
		`\REGISTRY\MACHINE\SOFTWARE\X`: `HKEY_LOCAL_MACHINE\SOFTWARE\X`, `\registry\user\S-1-5-19`: `HKEY_USERS\S-1-5-19`,
		`\REGISTRY\MACHINERY`: "", `C:\x`: "", `\Registry\Machine\Sam\SAM`: "",
	} {
		if got, _ := kernelName(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	k, err := winapi.ReadKey(o, `HKLM\SOFTWARE\Link\below`)
	if k.String("v") != "found" || err != nil {
		t.Errorf("through a link: %v, %v", k, err)
	}
	if _, err := o.Key(`HKLM\SOFTWARE\Loop\y`); err == nil || !strings.Contains(err.Error(), "links") {
		t.Errorf("a link to itself: %v", err)
	}
}
