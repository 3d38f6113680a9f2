package registered_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/artifacts/hive/hivetest"
	"spor/artifacts/registered"
	"spor/collect"
	"spor/collect/image"
)

const sid = "S-1-5-21-1-2-3-1001"

// A moved row says by which setting a place of the public list is found elsewhere, and what is then taken.
type moved struct {
	id     string // in windows-dynamic-paths.tsv
	key    string // below SYSTEM (its current control set), SOFTWARE or USER
	value  hivetest.Value
	places []string
}

func text(name, s string) hivetest.Value { return hivetest.Text(name, s) }

// rows has each row of the list; those without a setting are answered for by others.
var rows = []moved{
	{"profiles", `SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-1002`, hivetest.Expand("ProfileImagePath", `%SystemDrive%\Homes\bo`), nil},
	{"evtx-channels", `SYSTEM\Services\EventLog\Security`, hivetest.Expand("File", `%SystemDrive%\Moved\logs\Security.evtx`), []string{`C:\Moved\logs\Security.evtx`}},
	{"evtx-channels2", `SOFTWARE\Microsoft\Windows\CurrentVersion\WINEVT\Channels\Dyn/Operational`, text("File", `C:\Moved\logs\Dyn%4Operational.evtx`), []string{`C:\Moved\logs\Dyn%4Operational.evtx`}},
	{"pagefiles", `SYSTEM\Control\Session Manager\Memory Management`, hivetest.Texts("ExistingPageFiles", `\??\C:\Moved\page.sys`), []string{`C:\Moved\page.sys`}},
	{"pagefiles", `SYSTEM\Control\Session Manager\Memory Management`, hivetest.Texts("PagingFiles", `?:\Moved\other.sys 16 4096`), []string{`C:\Moved\other.sys`}},
	{"crashdump", `SYSTEM\Control\CrashControl`, hivetest.Expand("DumpFile", `C:\Moved\MEMORY.DMP`), []string{`C:\Moved\MEMORY.DMP`}},
	{"crashdump", `SYSTEM\Control\CrashControl`, text("MinidumpDir", `C:\Moved\mini`), []string{`C:\Moved\mini\1.dmp`}},
	{"exchange", `SOFTWARE\Microsoft\ExchangeServer\v15\Setup`, text("MsiInstallPath", `C:\Moved\Exchange\`), []string{`C:\Moved\Exchange\Logging\Ews\e.log`, `C:\Moved\Exchange\FrontEnd\HttpProxy\owa\auth\shell.aspx`}},
	{"mssql", `SOFTWARE\Microsoft\Microsoft SQL Server\MSSQL16.X\CPE`, text("ErrorDumpDir", `C:\Moved\mssql\LOG\`), []string{`C:\Moved\mssql\LOG\ERRORLOG.1`, `C:\Moved\mssql\LOG\log_7.trc`}},
	{"iis", "", hivetest.Value{}, []string{`C:\Moved\iis\W3SVC1\u_ex260101.log`, `C:\Moved\web\api\shell.aspx`, `C:\Moved\web\web.config`, `C:\Moved\frt\W3SVC1\fr000001.xml`}},
	{"sharepoint", `SOFTWARE\Microsoft\Shared Tools\Web Server Extensions\16.0\WSS`, text("LogDir", `C:\Moved\uls`), []string{`C:\Moved\uls\SP-1.log`}},
	{"dhcp", `SYSTEM\Services\DhcpServer\Parameters`, text("DatabasePath", `C:\Moved\dhcp`), []string{`C:\Moved\dhcp\dhcp.mdb`}},
	{"dhcp", `SYSTEM\Services\DhcpServer\Parameters`, text("DhcpLogFilePath", `C:\Moved\dhcplog`), []string{`C:\Moved\dhcplog\DhcpSrvLog-Mon.log`}},
	{"ntds", `SYSTEM\Services\NTDS\Parameters`, text("DSA Database file", `C:\Moved\ad\ntds.dit`), []string{`C:\Moved\ad\ntds.dit`}},
	{"ntds", `SYSTEM\Services\NTDS\Parameters`, text("Database log files path", `C:\Moved\adlog`), []string{`C:\Moved\adlog\edb00001.log`}},
	{"sysvol", `SYSTEM\Services\Netlogon\Parameters`, text("SysVol", `C:\Moved\sysvol`), []string{`C:\Moved\sysvol\corp\Policies\x\Machine\Scripts\start.bat`}},
	{"pstranscript", `SOFTWARE\Policies\Microsoft\Windows\PowerShell\Transcription`, text("OutputDirectory", `C:\Moved\ps`), []string{`C:\Moved\ps\20260101\PowerShell_transcript.PC.1.txt`}},
	{"pstranscript", `USER\Software\Policies\Microsoft\Windows\PowerShell\Transcription`, text("OutputDirectory", `C:\Moved\ps-anna`), []string{`C:\Moved\ps-anna\PowerShell_transcript.PC.2.txt`}},
	{"pstranscript7", `SOFTWARE\Policies\Microsoft\PowerShellCore\Transcription`, text("OutputDirectory", `C:\Moved\ps7`), []string{`C:\Moved\ps7\20260101\PowerShell_transcript.PC.3.txt`}},
	{"firewall", `SYSTEM\Services\SharedAccess\Parameters\FirewallPolicy\DomainProfile\Logging`, hivetest.Expand("LogFilePath", `%systemroot%\Moved\fw.log`), []string{`C:\Windows\Moved\fw.log`, `C:\Windows\Moved\fw.log.old`}},
	{"apache", `SYSTEM\Services\Apache2.4`, text("ImagePath", `"C:\Moved\Apache24\bin\httpd.exe" -k runservice`), []string{`C:\Moved\Apache24\logs\a.log`, `C:\Moved\weblog\err.log.1`, `C:\Moved\htdocs\x.php`}},
	{"services", `SYSTEM\Services\evil`, text("ImagePath", `C:\Moved\some folder\evil.exe -k "C:\Moved\data\x.dll"`), []string{`C:\Moved\some folder\evil.exe`, `C:\Moved\data\x.dll`}},
	{"services", `SYSTEM\Services\hosted\Parameters`, hivetest.Expand("ServiceDll", `%SystemRoot%\Temp\h.dll`), []string{`C:\Windows\Temp\h.dll`}},
	{"services", `SYSTEM\Services\driver`, text("ImagePath", `\??\C:\Moved\drv.sys`), []string{`C:\Moved\drv.sys`}},
	{"services", `SYSTEM\Services\usual`, hivetest.Expand("ImagePath", `%SystemRoot%\System32\svchost.exe -k netsvcs`), nil},
	{"autoruns", `SOFTWARE\Microsoft\Windows\CurrentVersion\Run`, text("u", `rundll32.exe C:\Moved\run\lib.dll,Start`), []string{`C:\Moved\run\lib.dll`}},
	{"autoruns", `USER\Software\Microsoft\Windows\CurrentVersion\RunOnce`, text("u", `"C:\Users\anna\a b\once.exe" /x`), []string{`C:\Users\anna\a b\once.exe`}},
	{"autoruns", `SOFTWARE\Microsoft\Windows NT\CurrentVersion\Image File Execution Options\sethc.exe`, text("Debugger", `C:\Moved\dbg.exe`), []string{`C:\Moved\dbg.exe`}},
	{"tasks", "", hivetest.Value{}, []string{`C:\Moved\task\job.ps1`}},
	{"wmi-subscriptions", "", hivetest.Value{}, nil},
}

const (
	applicationHost = `<configuration><system.applicationHost><sites><site name="a"><application path="/"><virtualDirectory path="/" physicalPath="C:\Moved\web" /></application>
<logFile logFormat="W3C" directory="%SystemDrive%\Moved\iis" /><traceFailedRequestsLogging enabled="true" directory="C:\Moved\frt" /></site></sites></system.applicationHost></configuration>`
	httpdConf = "Define SRVROOT \"C:/Moved/Apache24\"\nServerRoot \"${SRVROOT}\"\n# CustomLog \"no\"\nCustomLog \"logs/a.log\" common\nErrorLog C:/Moved/weblog/err.log\nDocumentRoot \"C:/Moved/htdocs\"\nCustomLog \"|bin/rotatelogs\" x\n"
	task      = `<?xml version="1.0" encoding="UTF-16"?><Task><Actions><Exec><Command>powershell.exe</Command><Arguments>-File &quot;C:\Moved\task\job.ps1&quot;</Arguments></Exec></Actions></Task>`
)

// host makes up a Windows whose settings say other than they do by default.
func host(t *testing.T) *artifacts.Host {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, b []byte) {
		full := filepath.Join(dir, filepath.FromSlash(strings.ReplaceAll(strings.TrimPrefix(name, `C:\`), `\`, "/")))
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	hives := map[string]*hivetest.Key{"SYSTEM": {Name: "R"}, "SOFTWARE": {Name: "R"}, "USER": {Name: "R"}}
	hives["SYSTEM"].Set("Select", hivetest.Number("Current", 1))
	hives["SOFTWARE"].Set(`Microsoft\Windows NT\CurrentVersion\ProfileList\`+sid, text("ProfileImagePath", `C:\Users\anna`))
	for _, r := range rows {
		if r.key != "" {
			hive, key, _ := strings.Cut(r.key, `\`)
			if hive == "SYSTEM" {
				key = `ControlSet001\` + key
			}
			hives[hive].Set(key, r.value)
		}
		for _, p := range r.places {
			write(p, []byte(p))
		}
	}
	write(`C:\Windows\System32\config\SYSTEM`, hivetest.Hive(hives["SYSTEM"]))
	write(`C:\Windows\System32\config\SOFTWARE`, hivetest.Hive(hives["SOFTWARE"]))
	write(`C:\Users\anna\NTUSER.DAT`, hivetest.Hive(hives["USER"]))
	write(`C:\Windows\System32\inetsrv\config\applicationHost.config`, []byte(applicationHost))
	write(`C:\Moved\Apache24\conf\httpd.conf`, []byte(httpdConf))
	write(`C:\Windows\System32\svchost.exe`, []byte("MZ"))
	wide := binary.LittleEndian.AppendUint16(nil, 0xfeff)
	write(`C:\Windows\System32\Tasks\Vendor\job`, append(wide, hivetest.UTF16(task)...))
	h, err := image.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// taken is a sink that keeps the origin of what it gets.
type taken map[artifacts.Path]string

func (s taken) Put(_ context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	n, err := io.Copy(io.Discard, r)
	if it.Origin != "" {
		s[it.Origin] = it.Source
	}
	return artifacts.Stored{Size: n}, err
}

// collectAll runs every collector of the package.
func collectAll(t *testing.T, h *artifacts.Host, secrets bool) taken {
	t.Helper()
	all := taken{}
	report, err := collect.Run(t.Context(), h, registered.All(), all, collect.Options{Secrets: secrets, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range report.Outcomes.List() {
		if o.Status == artifacts.Failed {
			t.Errorf("%s %s: %s", o.Source, o.Path, o.Reason)
		}
	}
	return all
}

// TestMoved holds that every place of the public list that a setting names is taken where the setting says it is.
func TestMoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the made-up host has names that Windows cannot hold")
	}
	h := host(t)
	all := collectAll(t, h, true)
	known := map[artifacts.Path]bool{}
	for _, r := range rows {
		for _, p := range r.places {
			known[artifacts.Path(p)] = true
			if all[artifacts.Path(p)] == "" {
				t.Errorf("%s: %s is not taken; see %s", r.id, p, r.key)
			}
		}
	}
	for p, source := range all {
		if !known[p] && !strings.HasSuffix(string(p), "httpd.exe") {
			t.Errorf("%s took %s, which no row names", source, p)
		}
	}
	if !slices.ContainsFunc(h.Users, func(u artifacts.User) bool { return u.Home == `C:\Homes\bo` }) {
		t.Errorf("the profile that was moved is not a user's: %+v", h.Users)
	}
	for p, source := range collectAll(t, h, false) {
		if strings.Contains(string(p), `\ad`) {
			t.Errorf("%s took %s without being asked for secrets", source, p)
		}
	}
}

// TestGuard holds that what a setting says is secret is known as such, and nothing else.
func TestGuard(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the made-up host has names that Windows cannot hold")
	}
	why := registered.Guard(t.Context(), host(t))
	for p, want := range map[artifacts.Path]bool{
		`c:\moved\AD\ntds.dit`: true, `C:\Moved\ad\ntds.dit:stream`: true, `C:\Moved\adlog\edb00001.log`: true, `C:\Moved\adlog2\x`: false, `C:\Moved\ad\other.txt`: false,
	} {
		if got := why(p) != ""; got != want {
			t.Errorf("%s: withheld %v, want %v", p, got, want)
		}
	}
	if registered.Guard(t.Context(), &artifacts.Host{OS: artifacts.Windows}) != nil {
		t.Error("a host without a registry has settings")
	}
}

// TestList holds the rows against the list, which is no part of the project.
func TestList(t *testing.T) {
	dir := os.Getenv("SPOR_REFERENCE")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "reference")
	}
	list, err := os.ReadFile(filepath.Join(dir, "windows-dynamic-paths.tsv"))
	if err != nil {
		t.Skipf("SKIPPED: the places that settings name are not held against the list: %v", err)
	}
	want, have := map[string]bool{}, map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(list)), "\n")[1:] {
		id, _, _ := strings.Cut(line, "\t")
		want[id] = true
	}
	for _, r := range rows {
		have[r.id] = true
	}
	if w, g := slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(have)); !slices.Equal(w, g) {
		t.Errorf("rows for %q, the list has %q", g, w)
	}
}
