package registered

import (
	"strings"

	"spor/artifacts/schema"
)

// A setting is a value of the registry that names places.
type setting struct {
	group      group
	name       string
	key, value string
	use        func(c *collection, s *setting, v schema.Value, text string) error
	below      []string // patterns below the folder that is named; none: a file is named
}

const (
	software = `HKEY_LOCAL_MACHINE\SOFTWARE\`
	control  = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\`
	services = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\`
	run      = `Software\Microsoft\Windows\CurrentVersion\Run`
	user     = `HKEY_USERS\%%users.sid%%\`
)

// Scripts that a web server runs, or is told by.
var scripts = []string{`\**8\*.as[pmhc]*`, `\**8\*.php*`, `\**8\*.jsp*`, `\**8\*.cfm`, `\**8\web.config`}

var settings = []setting{
	{logs, "event log", services + `EventLog\*`, "File", place, nil},
	{logs, "event log", software + `Microsoft\Windows\CurrentVersion\WINEVT\Channels\*`, "File", place, nil},
	{logs, "firewall", services + `SharedAccess\Parameters\FirewallPolicy\*\Logging`, "LogFilePath", place, []string{"", ".old"}},
	{logs, "firewall", software + `Policies\Microsoft\WindowsFirewall\*\Logging`, "LogFilePath", place, []string{"", ".old"}},
	{logs, "dhcp", services + `DhcpServer\Parameters`, "DatabasePath", place, []string{`\*.mdb`, `\*.log`, `\*.chk`}},
	{logs, "dhcp", services + `DhcpServer\Parameters`, "DhcpLogFilePath", place, []string{`\*.log`}},
	{logs, "powershell transcripts", software + `Policies\Microsoft\Windows\PowerShell\Transcription`, "OutputDirectory", place, []string{`\**3\PowerShell_transcript*`}},
	{logs, "powershell transcripts", software + `Policies\Microsoft\PowerShellCore\Transcription`, "OutputDirectory", place, []string{`\**3\PowerShell_transcript*`}},
	{logs, "powershell transcripts", user + `Software\Policies\Microsoft\Windows\PowerShell\Transcription`, "OutputDirectory", place, []string{`\**3\PowerShell_transcript*`}},
	{logs, "print jobs", control + `Print\Printers`, "DefaultSpoolDirectory", place, []string{`\*.SHD`, `\*.SPL`}},
	{logs, "sysvol", services + `Netlogon\Parameters`, "SysVol", place, []string{`\**10\*.xml`, `\**10\*.inf`, `\**10\*.ini`, `\**10\*.pol`, `\**10\*.bat`, `\**10\*.cmd`, `\**10\*.ps1`, `\**10\*.vbs`}},

	{servers, "exchange", software + `Microsoft\ExchangeServer\*\Setup`, "MsiInstallPath", place, []string{
		`\Logging\CmdletInfra\**5\*.log`, `\Logging\Autodiscover\*.log`, `\Logging\HttpProxy\**5\*.log`, `\Logging\Ews\*.log`, `\Logging\ECP\**5\*.log`,
		`\Logging\OWA\*.log`, `\Logging\PowerShell-Proxy\**5\*.log`, `\TransportRoles\Logs\**5\*.log`, `\TransportRoles\Agents\agents.config`,
		`\FrontEnd\HttpProxy\**5\*.as?x`, `\ClientAccess\**5\*.as?x`,
	}},
	{servers, "sql server", software + `Microsoft\Microsoft SQL Server\*\CPE`, "ErrorDumpDir", place, []string{`\ERRORLOG*`, `\SQLAGENT.*`, `\*.trc`, `\*.xel`}},
	{servers, "sharepoint", software + `Microsoft\Shared Tools\Web Server Extensions\*\WSS`, "LogDir", place, []string{`\*.log`}},
	{servers, "apache", services + `*`, "ImagePath", apache, nil},

	{memory, "page file", control + `Session Manager\Memory Management`, "ExistingPageFiles", place, nil},
	{memory, "page file", control + `Session Manager\Memory Management`, "PagingFiles", pageFile, nil},
	{memory, "crash dump", control + `CrashControl`, "DumpFile", place, nil},
	{memory, "crash dump", control + `CrashControl`, "MinidumpDir", place, []string{`\*.dmp`}},

	{secrets, "directory", services + `NTDS\Parameters`, "DSA Database file", place, nil},
	{secrets, "directory", services + `NTDS\Parameters`, "Database log files path", place, []string{`\edb*`, `\res*.log`}},

	{programs, "service", services + `*`, "ImagePath", program, nil},
	{programs, "service", services + `*\Parameters`, "ServiceDll", program, nil},
	{programs, "service", services + `*`, "FailureCommand", program, nil},
	{programs, "run key", `HKEY_LOCAL_MACHINE\` + run + `*`, "*", program, nil},
	{programs, "run key", user + run + `*`, "*", program, nil},
	{programs, "run key", software + `WOW6432Node\Microsoft\Windows\CurrentVersion\Run*`, "*", program, nil},
	{programs, "logon", software + `Microsoft\Windows NT\CurrentVersion\Winlogon`, "Shell", program, nil},
	{programs, "logon", software + `Microsoft\Windows NT\CurrentVersion\Winlogon`, "Userinit", program, nil},
	{programs, "debugger", software + `Microsoft\Windows NT\CurrentVersion\Image File Execution Options\*`, "Debugger", program, nil},
	{programs, "debugger", software + `Microsoft\Windows NT\CurrentVersion\SilentProcessExit\*`, "MonitorProcess", program, nil},
	{programs, "app init", software + `Microsoft\Windows NT\CurrentVersion\Windows`, "AppInit_DLLs", program, nil},
	{programs, "print monitor", control + `Print\Monitors\*`, "Driver", program, nil},
	{programs, "active setup", software + `Microsoft\Active Setup\Installed Components\*`, "StubPath", program, nil},
	{programs, "class", user + `Software\Classes\CLSID\*\*Server32`, "", program, nil},
}

// place takes what lies at the place that a value names.
func place(c *collection, s *setting, v schema.Value, text string) error {
	return c.add(record{Setting: s.name, Key: v.Key, Value: v.Name, Says: text}, s.below...)
}

// pageFile takes the file of `C:\pagefile.sys 0 0`; `?:` is the drive of the system.
func pageFile(c *collection, s *setting, v schema.Value, text string) error {
	text, _, _ = strings.Cut(strings.Replace(text, "?:", c.host.Environ["systemdrive"], 1), " ")
	return place(c, s, v, text)
}

// left are the folders, below the one of Windows, of programs that Windows brings along: large, many, and known by their
// signatures. A program put there by others is found by the lists of what starts, which look at each.
var left = []string{`\system32\`, `\syswow64\`, `\winsxs\`, `\servicing\`, `\microsoft.net\`, `\systemapps\`}

// program takes the files that a command line names, but those of Windows and of installed software.
func program(c *collection, s *setting, v schema.Value, text string) error {
	for _, name := range files(c.expand(text)) {
		p, ok := c.path(name)
		if !ok || c.installed(p) {
			continue
		}
		if err := c.add(record{Setting: s.name, Key: v.Key, Value: v.Name, Says: name}); err != nil {
			return err
		}
	}
	return nil
}

// installed tells whether a file is in a folder that only installers and administrators write to.
func (c *collection) installed(p string) bool {
	p = strings.ToLower(p)
	for _, name := range []string{"programfiles", "programfiles(x86)"} {
		if dir := strings.ToLower(c.host.Environ[name]); dir != "" && strings.HasPrefix(p, dir+`\`) {
			return true
		}
	}
	rest, ok := strings.CutPrefix(p, strings.ToLower(c.host.Environ["systemroot"]))
	if !ok || strings.HasPrefix(rest, `\system32\tasks\`) || strings.HasPrefix(rest, `\system32\spool\`) || strings.HasPrefix(rest, `\system32\config\`) {
		return false
	}
	for _, dir := range left {
		if strings.HasPrefix(rest, dir) {
			return true
		}
	}
	return strings.Count(rest, `\`) == 1 // explorer.exe and its like
}

// executable are the endings of what runs.
var executable = []string{".exe", ".dll", ".sys", ".com", ".scr", ".cpl", ".ocx", ".bat", ".cmd", ".ps1", ".vbs", ".vbe", ".js", ".jse", ".wsf", ".hta", ".msi", ".jar", ".py"}

// maxFiles bounds what one command line may name.
const maxFiles = 8

// files gives the paths that a command line names: those in quotes, and from where a path begins to the end of the name
// of something that runs, spaces included.
func files(command string) (all []string) {
	if len(command) > 32<<10 {
		command = command[:32<<10]
	}
	for len(all) < maxFiles && command != "" {
		if rest, quoted := strings.CutPrefix(command, `"`); quoted {
			name, after, _ := strings.Cut(rest, `"`)
			all, command = append(all, name), after
			continue
		}
		if i := start(command); i > 0 {
			command = command[i:]
			continue
		} else if i < 0 {
			return all
		}
		end := nameEnd(command)
		all, command = append(all, command[:end]), command[end:]
	}
	return all
}

// start is where the next path begins, or a quote; negative: nowhere.
func start(s string) int {
	lower := lowered(s)
	best := -1
	for _, mark := range []string{`:\`, `:/`, `"`, `\systemroot\`, `\??\`, `system32\`} {
		i := strings.Index(lower, mark)
		if mark[0] == ':' && i > 0 {
			i--
		}
		if i >= 0 && (best < 0 || i < best) {
			best = i
		}
	}
	return best
}

// nameEnd is where the name of what runs ends, at the beginning of a command line.
func nameEnd(s string) int {
	lower := lowered(s)
	best := len(s)
	if i := strings.IndexAny(s, `",;`); i > 0 {
		best = i
	}
	for _, ext := range executable {
		for from := 0; ; {
			i := strings.Index(lower[from:], ext)
			if i < 0 {
				break
			}
			from += i + len(ext)
			if from == len(s) || strings.IndexByte(" \t\",;", s[from]) >= 0 {
				best = min(best, from)
				break
			}
		}
	}
	return best
}

// lowered is s with the letters of ASCII in lower case: as long as s, which strings.ToLower is not.
func lowered(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}
