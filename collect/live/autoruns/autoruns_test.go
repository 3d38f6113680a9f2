package autoruns

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
	"spor/collect/winapi"
)

const (
	hklm = `HKEY_LOCAL_MACHINE\`
	nt   = hklm + `SOFTWARE\Microsoft\Windows NT\CurrentVersion\`
	cv   = hklm + `SOFTWARE\Microsoft\Windows\CurrentVersion\`
	anna = `HKEY_USERS\S-1-5-21-1-2-3-1001`
)

func made() *artifacts.Host {
	r := livetest.Registry{}
	r.Add(cv+`Run`, livetest.String("Good", `"C:\Program Files\Good\good.exe" -tray`), livetest.String("Off", `C:\off.exe`))
	r.Add(cv+`Explorer\StartupApproved\Run`, livetest.Binary("Good", []byte{2, 0}), livetest.Binary("Off", []byte{3, 0}))
	r.Add(anna+`\Software\Microsoft\Windows\CurrentVersion\Run`, livetest.Expand("Evil", `%APPDATA%\evil.exe`))
	r.Add(anna + `_Classes\x`)
	r.Add(nt+`Winlogon`, livetest.String("Shell", "explorer.exe"), livetest.String("Userinit", `D:\Windows\system32\userinit.exe,C:\Users\Public\x.exe`))
	r.Add(nt+`Image File Execution Options\sethc.exe`, livetest.String("Debugger", `cmd.exe`))
	r.Add(nt+`Image File Execution Options\app.exe`, livetest.Number("GlobalFlag", 0x200))
	r.Add(nt+`SilentProcessExit\app.exe`, livetest.String("MonitorProcess", `C:\Users\Public\x.exe`))
	r.Add(nt+`Windows`, livetest.String("AppInit_DLLs", "a.dll b"), livetest.Number("LoadAppInit_DLLs", 1))
	r.Add(hklm+`SYSTEM\CurrentControlSet\Control\Lsa`, livetest.Multi("Security Packages", `""`), livetest.Multi("Notification Packages", "scecli", "pwfilter"))
	r.Add(hklm+`SYSTEM\CurrentControlSet\Services\WinSock2\Parameters\Protocol_Catalog9\Catalog_Entries64\000000000001`,
		livetest.Binary("PackedCatalogItem", append([]byte(`%SystemRoot%\system32\mswsock.dll`+"\x00"), make([]byte, 400)...)))
	r.Add(hklm+`SOFTWARE\Classes\CLSID\{0000-1}\InprocServer32`, livetest.String("", `%SystemRoot%\System32\shell.dll`))
	r.Add(anna+`\Software\Classes\CLSID\{0000-1}\InprocServer32`, livetest.String("", `C:\Users\Public\x.exe`))
	r.Add(cv+`Explorer\Browser Helper Objects\{0000-1}`, livetest.String("", "A helper"))
	r.Add(anna+`\Software\Microsoft\Office\Outlook\Addins\Some.Addin`, livetest.Number("LoadBehavior", 3))
	r.Add(hklm+`SOFTWARE\Classes\Some.Addin\CLSID`, livetest.String("", "{0000-1}"))
	r.Add(hklm+`SYSTEM\CurrentControlSet\Control\Class\{x}`, livetest.Multi("UpperFilters", "kbd"))
	r.Add(hklm+`SYSTEM\CurrentControlSet\Services\kbd`, livetest.Expand("ImagePath", `\SystemRoot\System32\drivers\kbd.sys`))
	r.Add(hklm+`SOFTWARE\Classes\*\ShellEx\ContextMenuHandlers\Zip`, livetest.String("", "{0000-1}"))
	return &artifacts.Host{
		OS: artifacts.Windows, Registry: r,
		Environ: map[string]string{"systemroot": `D:\Windows`, "windir": `D:\Windows`, "systemdrive": "D:", "programdata": `D:\ProgramData`},
		Users:   []artifacts.User{{Name: "anna", ID: "S-1-5-21-1-2-3-1001", Home: `D:\Users\anna`}, {Name: "jon", ID: "S-1-5-21-1-2-3-1002", Home: `D:\Users\jon`}},
		Files: livetest.Drives{
			`D:\Windows\explorer.exe`: "1", `D:\Windows\System32\userinit.exe`: "2", `C:\Users\Public\x.exe`: "3", `D:\Windows\System32\cmd.exe`: "4",
			`D:\Users\anna\AppData\Roaming\evil.exe`: "5", `D:\Windows\System32\a.dll`: "6", `D:\Windows\System32\shell.dll`: "7", `D:\Windows\System32\drivers\kbd.sys`: "8",
			`D:\Users\anna\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup\go.lnk`: string(link(`C:\Users\Public\x.exe`, "-a")),
			`D:\ProgramData\Microsoft\Windows\Start Menu\Programs\StartUp\all.bat`:               "@echo off",
		},
	}
}

// link makes a shortcut.
func link(to, arguments string) []byte {
	b := make([]byte, 0x4c)
	binary.LittleEndian.PutUint32(b, 0x4c)
	binary.LittleEndian.PutUint32(b[20:], 1|2|32|128)
	b = append(b, 3, 0, 1, 2, 3) // a list of shell items
	info := make([]byte, 0x24)
	binary.LittleEndian.PutUint32(info[4:], 0x24)
	binary.LittleEndian.PutUint32(info[28:], 0x24)
	for _, c := range winapi.Encode(to + "\x00") {
		info = binary.LittleEndian.AppendUint16(info, c)
	}
	binary.LittleEndian.PutUint32(info, uint32(len(info)))
	b = append(b, info...)
	units := winapi.Encode(arguments)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(units)))
	for _, c := range units {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return b
}

// line is an entry in short.
func line(e Entry) string {
	s := []string{e.Kind, e.User, e.Name, e.Command}
	for _, f := range e.Targets {
		t := string(f.Path)
		if f.Gone {
			t += " gone"
		}
		s = append(s, t)
	}
	if e.Enabled != nil && !*e.Enabled {
		s = append(s, "off")
	}
	if e.Ships {
		s = append(s, "ships")
	}
	if e.Differs != nil && *e.Differs {
		s = append(s, "not "+e.System)
	}
	return strings.Join(s, "|")
}

func TestCollect(t *testing.T) {
	got, notes := livetest.Run[Entry](t, Collector, made())
	want := []string{
		`run||Good|"C:\Program Files\Good\good.exe" -tray|C:\Program Files\Good\good.exe gone`,
		`run||Off|C:\off.exe|C:\off.exe gone|off`,
		`run|anna|Evil|%APPDATA%\evil.exe|D:\Users\anna\AppData\Roaming\evil.exe`,
		`winlogon||Winlogon|explorer.exe|D:\Windows\explorer.exe|ships`,
		`winlogon||Winlogon|D:\Windows\system32\userinit.exe,C:\Users\Public\x.exe|D:\Windows\system32\userinit.exe|C:\Users\Public\x.exe`,
		`appinit||Windows|a.dll b|D:\Windows\System32\a.dll|b gone`,
		`ifeo-debugger||sethc.exe|cmd.exe|D:\Windows\System32\cmd.exe`,
		`silent-exit||app.exe|C:\Users\Public\x.exe|C:\Users\Public\x.exe`,
		`lsa||Lsa|""|ships`,
		"lsa||Lsa|scecli\npwfilter|scecli gone|pwfilter gone",
		`winsock||000000000001|%SystemRoot%\system32\mswsock.dll|D:\Windows\system32\mswsock.dll gone|ships`,
		`com-user|anna|{0000-1}|C:\Users\Public\x.exe|C:\Users\Public\x.exe|not %SystemRoot%\System32\shell.dll`,
		`browser-helper||A helper|{0000-1} %SystemRoot%\System32\shell.dll|D:\Windows\System32\shell.dll`,
		`shell-menu||Zip|{0000-1} %SystemRoot%\System32\shell.dll|D:\Windows\System32\shell.dll`,
		`office-addin|anna|Some.Addin|{0000-1} C:\Users\Public\x.exe|C:\Users\Public\x.exe`,
		`class-filter||{x}|kbd|D:\Windows\System32\drivers\kbd.sys`,
		`startup-folder|anna|go.lnk|"C:\Users\Public\x.exe" -a|D:\Users\anna\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup\go.lnk|C:\Users\Public\x.exe`,
		`startup-folder||all.bat||D:\ProgramData\Microsoft\Windows\Start Menu\Programs\Startup\all.bat`,
	}
	var lines []string
	for _, e := range got {
		lines = append(lines, line(e))
		if e.Kind != "startup-folder" && !e.Modified.Equal(livetest.Written) {
			t.Errorf("%s: written %v", line(e), e.Modified)
		}
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	said := func(words string) bool {
		return slices.ContainsFunc(notes, func(o artifacts.Outcome) bool { return strings.Contains(o.Reason, words) })
	}
	if !said("not loaded, their NTUSER.DAT tells: jon") || !said("print-monitor") {
		t.Errorf("notes %+v", notes)
	}
}

// The table is text: each row is held to its form.
func TestTable(t *testing.T) {
	rows := strings.Count(places, "\n") + 1
	all := table()
	if len(all) != rows {
		t.Errorf("%d of %d rows were read", len(all), rows)
	}
	for _, p := range all {
		if p.kind == "" || len(p.key) == 0 || !strings.ContainsRune("cdptknyghvsl", rune(p.how)) {
			t.Errorf("row %+v", p)
		}
		for i := range len(p.roots) {
			if _, _, ok := root(p.roots[i]); !ok {
				t.Errorf("%s: no root %c", p.kind, p.roots[i])
			}
		}
		for _, v := range append(p.values, p.ships...) {
			if v != strings.ToLower(v) {
				t.Errorf("%s: %q is compared in lower case", p.kind, v)
			}
		}
	}
}

func FuzzShortcut(f *testing.F) {
	f.Add(link(`C:\a.exe`, "-x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if to, arguments, err := shortcut(b); err == nil && to == "" || len(to)+len(arguments) > 6*len(b) {
			t.Errorf("%q %q %v of %d bytes", to, arguments, err, len(b))
		}
	})
}

// A value that is made to choke us is cut.
func TestBounds(t *testing.T) {
	r := livetest.Registry{}
	r.Add(nt+`Windows`, livetest.String("AppInit_DLLs", strings.Repeat("a b ", 1<<20)))
	r.Add(hklm+`SYSTEM\CurrentControlSet\Control\Session Manager`, livetest.Multi("PendingFileRenameOperations", slices.Repeat([]string{"x"}, 1<<16)...))
	h := made()
	h.Registry = r
	got, _ := livetest.Run[Entry](t, Collector, h)
	for _, e := range got {
		if len(e.Command) > maxLine+3 || len(e.Targets) > maxTexts {
			t.Errorf("%s: %d bytes, %d targets", e.Kind, len(e.Command), len(e.Targets))
		}
	}
	if len(got) < 2 {
		t.Errorf("%d entries", len(got))
	}
}
