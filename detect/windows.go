package detect

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"spor/artifacts"
)

// windowsState are rules on what lasts on a Windows: what starts by itself, what guards it, what ransomware deletes.
var windowsState = []*Rule{
	{
		Name: "accessibility-debugger", Title: "A program is started instead of an accessibility tool of the logon screen",
		Severity: Critical, Technique: []string{"T1546.008"}, Live: "autoruns", Record: accessibilityDebugger,
	},
	{
		Name: "program-debugger", Title: "A program is started instead of another, or when it ends",
		Severity: Medium, Technique: []string{"T1546.012"}, Live: "autoruns", Record: programDebugger,
	},
	{
		Name: "logon-altered", Title: "The logon starts something else than Windows does",
		Severity: High, Technique: []string{"T1547.004"}, Live: "autoruns", Record: logonAltered,
	},
	{
		Name: "autorun-temporary-folder", Title: "Starts with Windows from a folder for temporary files",
		Severity: High, Technique: []string{"T1547.001"}, Live: "autoruns", Record: runsTemporary,
	},
	{
		Name: "autorun-fetches", Title: "Starts with Windows, and fetches or hides what it runs",
		Severity: High, Technique: []string{"T1547.001", "T1059.001"}, Live: "autoruns", Record: runsFetching,
	},
	{
		Name: "system-library-unsigned", Title: "A library loaded into Windows' own programs has no valid signature",
		Severity: High, Technique: []string{"T1547", "T1546"}, Live: "autoruns", Record: libraryUnsigned,
	},
	{
		Name: "com-hijack", Title: "A user's COM class stands before the system's",
		Severity: Low, Technique: []string{"T1546.015"}, Live: "autoruns", Record: comHijack,
	},
	{
		Name: "transfer-command", Title: "A transfer in the background runs a command when it ends",
		Severity: Medium, Technique: []string{"T1197"}, Live: "autoruns", Record: transferCommand,
	},
	{
		Name: "task-hidden", Title: "Scheduled task that no tool shows",
		Severity: Critical, Technique: []string{"T1053.005", "T1564"}, Live: "tasks", Record: taskHidden,
	},
	{
		Name: "task-sources-differ", Title: "Scheduled task that the service, the disk and the registry disagree about",
		Severity: Medium, Technique: []string{"T1053.005"}, Live: "tasks", Record: taskDiffers,
	},
	{
		Name: "task-temporary-folder", Title: "Scheduled task that runs from a folder for temporary files",
		Severity: High, Technique: []string{"T1053.005"}, Live: "tasks", Record: runsTemporary,
	},
	{
		Name: "task-fetches", Title: "Scheduled task that fetches or hides what it runs",
		Severity: High, Technique: []string{"T1053.005", "T1059.001"}, Live: "tasks", Record: runsFetching,
	},
	{
		Name: "wmi-consumer", Title: "WMI runs a command or script on an event",
		Severity: High, Technique: []string{"T1546.003"}, Live: "wmi-subscriptions", Record: wmiConsumer,
	},
	{
		Name: "defender-exclusion", Title: "Defender passes over a whole drive, a folder of users, or a kind of program",
		Severity: High, Technique: []string{"T1562.001"}, Live: "defender", Record: broadExclusion,
	},
	{
		Name: "defender-off", Title: "Defender does not watch",
		Severity: Medium, Technique: []string{"T1562.001"}, Live: "defender", Record: defenderOff,
	},
	{
		Name: "shadow-copies-gone", Title: "There are no shadow copies where some are to be expected",
		Severity: Medium, Technique: []string{"T1490"}, Live: "shadow-copies", Record: shadowsGone,
	},
	{
		Name: "firewall-opened", Title: "The firewall lets a program in a folder for temporary files be reached",
		Severity: High, Technique: []string{"T1562.004"}, Live: "firewall-rules", Record: firewallOpened,
	},
	{
		Name: "weakened-setting", Title: "A setting hides, forwards, or leaves a guard off",
		Severity: Medium, Technique: []string{"T1112", "T1562"}, Live: "settings", Record: weakened,
	},
	{
		Name: "test-signing", Title: "The kernel loads drivers that anybody has signed",
		Severity: Medium, Technique: []string{"T1553.006"}, Live: "boot-security", Record: testSigning,
	},
}

// autorun fills in what findings on entries share: the value's place, and the first file it names.
func autorun(r Record, f *Finding) {
	f.Path, f.Time = r.Path("path"), r.Time("modified")
	for _, t := range r.Records("targets") {
		f.SHA256 = t.Text("sha256")
		break
	}
}

// owner says whose an entry is.
func owner(r Record) string {
	if user := r.Text("user"); user != "" {
		return " of " + user
	}
	return ""
}

// accessible are the programs that the logon screen starts for whoever sits there.
var accessible = map[string]bool{
	"sethc.exe": true, "utilman.exe": true, "osk.exe": true, "magnify.exe": true, "narrator.exe": true, "displayswitch.exe": true, "atbroker.exe": true,
}

func accessibilityDebugger(r Record, f *Finding) bool {
	name := strings.ToLower(r.Text("name"))
	if r.Text("kind") != "ifeo-debugger" || !accessible[name] {
		return false
	}
	autorun(r, f)
	f.Reason = fmt.Sprintf("%s is started in place of %s, which the logon screen offers to anybody at the keyboard or over remote desktop: a way in as SYSTEM without a password.", shorten(r.Text("command")), name)
	return true
}

func programDebugger(r Record, f *Finding) bool {
	kind, name := r.Text("kind"), strings.ToLower(r.Text("name"))
	on, known := r["enabled"].(bool)
	if kind != "ifeo-debugger" && kind != "silent-exit" || accessible[name] || known && !on {
		return false
	}
	autorun(r, f)
	f.Reason = fmt.Sprintf("%s is started whenever %s is, or ends. Developers' tools and replacements of the Task Manager do that; so do intruders who want to switch a program off or come back with it.", shorten(r.Text("command")), name)
	return true
}

func logonAltered(r Record, f *Finding) bool {
	value := strings.ToLower(r.Text("value"))
	if r.Text("kind") != "winlogon" || r.Bool("ships") || value != "shell" && value != "userinit" && value != "taskman" && value != "mpnotify" {
		return false
	}
	autorun(r, f)
	f.Reason = fmt.Sprintf("%s of Winlogon%s is %q. Windows ships with explorer.exe and userinit.exe alone; kiosks and some remote desktop products change it.", r.Text("value"), owner(r), shorten(r.Text("command")))
	return true
}

// runsTemporary serves entries and tasks.
func runsTemporary(r Record, f *Finding) bool {
	autorun(r, f)
	name, ok := target(r, f, func(t Record) bool { return t.Bool("temporary") })
	if !ok || r.Text("kind") == "pending-rename" {
		return false
	}
	f.Reason = fmt.Sprintf("%s%s names %s, in a folder any user may write to. Installers leave such entries behind until the next start; software that stays does not.", or(r.Text("kind"), "The task"), owner(r), name)
	return true
}

// fetchingWindows are command lines that fetch what they run, or do not want it read.
var fetchingWindows = regexp.MustCompile(`(?i)powershell[^|]*\s-e(nc?|ncodedcommand)?\s+[a-z0-9+/=]{16}|\b(iex|invoke-expression|downloadstring|downloadfile|frombase64string)\b|\b(mshta|regsvr32|rundll32|certutil|bitsadmin|wscript|cscript|msiexec)(\.exe)?\b[^|]*\bhttps?:|\b(mshta|rundll32)(\.exe)?"?\s+"?(javascript|vbscript):|-w(indowstyle)?\s+hid[a-z]*\s`)

// commandLine is the command of an entry, and those of a task's actions.
func commandLine(r Record) string {
	var all strings.Builder
	all.WriteString(r.Text("command"))
	for _, a := range r.Records("actions") {
		all.WriteString("\n" + a.Text("command") + " " + a.Text("arguments"))
	}
	return strings.TrimSpace(all.String())
}

func runsFetching(r Record, f *Finding) bool {
	command := commandLine(r)
	if !fetchingWindows.MatchString(command) {
		return false
	}
	autorun(r, f)
	f.Reason = fmt.Sprintf("%s%s runs %q: it takes what it runs from elsewhere, or hides it. Some management tools start so; look at what comes out.", or(r.Text("kind"), "The task"), owner(r), shorten(command))
	return true
}

// loaded are kinds whose libraries come into processes of Windows itself.
var loaded = map[string]bool{
	"appinit": true, "appcert": true, "lsa": true, "lsa-extension": true, "security-provider": true, "credential-provider": true, "network-provider": true, "time-provider": true,
	"print-monitor": true, "print-provider": true, "print-processor": true, "netsh": true, "winlogon-notify": true, "winsock": true, "amsi-provider": true, "server-plugin": true,
	"emulation": true, "font-driver": true, "known-dll": true, "ifeo-verifier": true,
}

func libraryUnsigned(r Record, f *Finding) bool {
	if !loaded[r.Text("kind")] {
		return false
	}
	autorun(r, f)
	status := ""
	name, ok := target(r, f, func(t Record) bool {
		status = t.Record("signature").Text("status")
		return status != "" && status != "valid" && status != "unknown"
	})
	if !ok {
		return false
	}
	f.Reason = fmt.Sprintf("%s, a %s, has no valid signature (%s). It is loaded into programs of Windows, logon and services among them; drivers of old printers and small vendors' software look the same.", name, r.Text("kind"), status)
	return true
}

func comHijack(r Record, f *Finding) bool {
	if r.Text("kind") != "com-user" || !r.Bool("differs") {
		return false
	}
	autorun(r, f)
	if name, ok := target(r, f, func(t Record) bool {
		s := t.Record("signature").Text("status")
		return t.Bool("temporary") || s == "unsigned" || s == "bad_digest"
	}); ok && name != "" {
		f.Severity = High
	}
	f.Reason = fmt.Sprintf("The class %s%s is %s there, and %s for the machine: programs of that user load the former. Per-user installations of OneDrive and the like do that.", r.Text("name"), owner(r), shorten(r.Text("command")), r.Text("system"))
	return true
}

func transferCommand(r Record, f *Finding) bool {
	if r.Text("kind") != "bits-job" || r.Text("command") == "" {
		return false
	}
	autorun(r, f)
	f.Reason = fmt.Sprintf("The transfer %q%s runs %q when it is done or fails, again and again as long as it stands. Updaters seldom need that.", r.Text("name"), owner(r), shorten(r.Text("command")))
	return true
}

func task(r Record, f *Finding) {
	f.Path, f.Time = cmp.Or(r.Path("file"), r.Path("key"), r.Path("path")), r.Time("key_modified")
}

func taskHidden(r Record, f *Finding) bool {
	if !r.Bool("no_sd") && !r.Bool("no_index") {
		return false
	}
	if !r.Bool("no_sd") {
		f.Severity = High
	}
	task(r, f)
	f.Reason = fmt.Sprintf("The task %s has no security descriptor, or no index, in the registry: the service runs it and no tool shows it. It does %q.", r.Text("path"), shorten(commandLine(r)))
	return true
}

func taskDiffers(r Record, f *Finding) bool {
	var what []string
	for _, s := range []struct{ name, words string }{{"in_service", "the service does not list it"}, {"on_disk", "it has no file"}, {"in_registry", "the registry does not have it"}} {
		if in, known := r[s.name].(bool); known && !in {
			what = append(what, s.words)
		}
	}
	if differs := r.Text("differs"); differs != "" {
		what = append(what, "its actions are others in the "+differs)
	}
	if len(what) == 0 || r.Bool("no_sd") || r.Bool("no_index") {
		return false
	}
	task(r, f)
	f.Reason = fmt.Sprintf("Of the task %s, %s. Leftovers of removed software look so; so do tasks that were made or hidden by hand. It does %q.", r.Text("path"), strings.Join(what, ", "), shorten(commandLine(r)))
	return true
}

func wmiConsumer(r Record, f *Finding) bool {
	what := or(r.Text("command"), r.Text("script"))
	if r.Text("kind") != "consumer" || r.Bool("ships") || or(what, r.Text("file")) == "" || strings.HasPrefix(r.Text("class"), "LogFile") {
		return false
	}
	if !r.Bool("bound") {
		f.Severity = Medium
	}
	f.Path = artifacts.Path(r.Text("namespace") + ":" + r.Text("class") + "=" + r.Text("name"))
	f.Reason = fmt.Sprintf("The consumer %q (%s) runs %q as SYSTEM when its filter fits, and is no file. Management software of manufacturers has some; Windows has none.", r.Text("name"), r.Text("class"), shorten(or(what, r.Text("file"))))
	return true
}

// programs are the endings of what runs.
var programs = map[string]bool{"exe": true, "dll": true, "ps1": true, "bat": true, "cmd": true, "vbs": true, "js": true, "scr": true, "com": true, "hta": true, "sys": true, "*": true}

var broadFolders = []string{`\users`, `\users\public`, `\windows`, `\windows\temp`, `\windows\system32`, `\programdata`, `\program files`, `\temp`, `\perflogs`}

func broadExclusion(r Record, f *Finding) bool {
	if r.Text("kind") != "exclusion" {
		return false
	}
	value := strings.ToLower(strings.TrimRight(r.Text("value"), `\*`))
	broad := false
	switch r.Text("type") {
	case "extension":
		broad = programs[strings.TrimLeft(strings.ToLower(r.Text("value")), "*.")] || value == ""
	case "path", "temporary_path":
		rest := value
		if len(value) >= 2 && value[1] == ':' {
			rest = value[2:]
		}
		broad = rest == "" || strings.Contains(value, `\temp`) && strings.Contains(value, "appdata") || value == "%temp%"
		for _, dir := range broadFolders {
			broad = broad || rest == dir
		}
	case "process":
		base := value[strings.LastIndexByte(value, '\\')+1:]
		broad = base == "" || base == "powershell.exe" || base == "cmd.exe" || base == "rundll32.exe" || base == "regsvr32.exe" || base == "wscript.exe" || base == "explorer.exe"
	}
	if !broad {
		return false
	}
	f.Path, f.Time = r.Path("path"), r.Time("modified")
	f.Reason = fmt.Sprintf("Defender passes over the %s %q (%s). Vendors ask for folders of their own products; nothing asks for this much.", r.Text("type"), r.Text("value"), r.Text("from"))
	return true
}

func defenderOff(r Record, f *Finding) bool {
	on, known := r["real_time"].(bool)
	if r.Text("kind") != "status" || !known || on {
		return false
	}
	f.Reason = fmt.Sprintf("Defender's real-time protection is off (mode %q). With another antivirus it is so by design: see security-products.", r.Text("mode"))
	return true
}

func shadowsGone(r Record, f *Finding) bool {
	copies, known := r["copies"].(float64)
	reasons, _ := r["reasons"].([]any)
	if r.Text("kind") != "summary" || !known || copies != 0 || len(reasons) == 0 {
		return false
	}
	if r.Int("traces") > 0 {
		f.Severity = High
	}
	var all []string
	for _, reason := range reasons {
		if s, ok := reason.(string); ok {
			all = append(all, s)
		}
	}
	f.Reason = fmt.Sprintf("No shadow copy exists, though %s. Ransomware deletes them first; a full disk or a fresh installation has none either.", strings.Join(all, ", and "))
	return true
}

func firewallOpened(r Record, f *Finding) bool {
	program := strings.ReplaceAll(strings.ToLower(r.Text("program")), `\`, "/")
	if !r.Bool("active") || r.Text("action") != "allow" || r.Text("direction") != "in" {
		return false
	}
	for _, dir := range append(temporaryWindows, "%temp%", "%tmp%", "%public%") {
		if strings.Contains(program, dir) {
			f.Path, f.Time = r.Path("path"), r.Time("modified")
			f.Reason = fmt.Sprintf("The rule %q lets %s be reached from the network. Some conference software runs from there; services do not.", shorten(or(r.Text("name"), r.Text("id"))), r.Text("program"))
			return true
		}
	}
	return false
}

// weak are settings of which one number means trouble: part of the key's path and the value, in lower case.
var weak = []struct {
	key, value string
	number     float64
	severity   Severity
	why        string
}{
	{`\wdigest`, "uselogoncredential", 1, High, "passwords of those who log on lie readable in memory. Windows has not done that since 8.1"},
	{`\services\eventlog`, "start", 4, High, "the event log is switched off. Nothing needs that"},
	{`\services\windefend`, "start", 4, Medium, "Defender's service is switched off. Another antivirus does not do that by itself on a workstation"},
	{`\services\wdfilter`, "start", 4, Medium, "Defender's filter is switched off"},
	{`\services\vss`, "start", 4, Medium, "shadow copies are switched off. Ransomware does that, to prevent recovery"},
	{`\services\mpssvc`, "start", 4, Medium, "the firewall's service is switched off"},
	{`\windows defender`, "disableantispyware", 1, Medium, "Defender is switched off by policy. Administrators who have another antivirus do so"},
	{`\real-time protection`, "disablerealtimemonitoring", 1, Medium, "Defender's real-time protection is switched off"},
	{`\policies\system`, "enablelua", 0, Medium, "programs get an administrator's rights without being asked for"},
	{`\windows script\settings`, "amsienable", 0, High, "scripts of this user are not shown to the antivirus"},
	{`\terminal server\winstations\rdp-tcp`, "shadow", 2, Medium, "remote desktop sessions may be watched and steered without asking"},
	{`\terminal services`, "shadow", 2, Medium, "remote desktop sessions may be watched and steered without asking"},
}

func weakened(r Record, f *Finding) bool {
	key, value := strings.ToLower(r.Text("path")), strings.ToLower(r.Text("value"))
	f.Path, f.Time = r.Path("path"), r.Time("modified")
	n, number := r["data"].(float64)
	switch {
	case strings.Contains(key, `\services\portproxy\`):
		f.Reason = fmt.Sprintf("What comes in at %s is handed on to %s (netsh portproxy). Few set that up; intruders do, to reach what they otherwise could not.", r.Text("value"), r.Text("data"))
		return true
	case strings.HasSuffix(key, `\specialaccounts\userlist`) && number && n == 0:
		f.Reason = fmt.Sprintf("The account %s is hidden from the logon screen. Some products hide their service accounts so.", r.Text("value"))
		return true
	}
	for _, w := range weak {
		if number && n == w.number && value == w.value && strings.HasSuffix(key, w.key) {
			f.Severity = w.severity
			f.Reason = fmt.Sprintf("%s is %v: %s.", r.Text("value"), n, w.why)
			return true
		}
	}
	return false
}

func testSigning(r Record, f *Finding) bool {
	if !r.Bool("test_signing") {
		return false
	}
	f.Reason = "The kernel was started in test mode, and loads drivers that anybody has signed. Developers of drivers do that; so does who wants to load a rootkit."
	return true
}
