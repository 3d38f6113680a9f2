package detect

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// windowsRunning are rules on what runs on a Windows: whose signatures do not hold, and what is seen on its screens.
var windowsRunning = []*Rule{
	{
		Name: "process-signature-broken", Title: "A program runs whose signature does not hold",
		Severity: High, Technique: []string{"T1036.001"}, Live: "processes", Record: processSignature,
	},
	{
		Name: "library-signature-broken", Title: "A library is loaded whose signature does not hold",
		Severity: High, Technique: []string{"T1036.001", "T1574"}, Live: "modules", Record: fileSignature,
	},
	{
		Name: "driver-untrusted", Title: "A driver is loaded that nobody trusted has signed",
		Severity: High, Technique: []string{"T1014", "T1543.003"}, Live: "drivers", Record: driverUntrusted,
	},
	{
		Name: "process-system-name", Title: "A process has the name of one of Windows' own, and lies elsewhere",
		Severity: High, Technique: []string{"T1036.005"}, Live: "processes", Record: systemName,
	},
	{
		Name: "ransom-note-window", Title: "A window has a title like a ransom note's",
		Severity: High, Technique: []string{"T1486"}, Live: "screens", Record: noteWindow,
	},
	{
		Name: "hidden-desktop", Title: "Windows are open on a desktop that nobody sees",
		Severity: Medium, Technique: []string{"T1564.003"}, Live: "screens", Record: hiddenDesktop,
	},
}

// broken says what is wrong with a signature that was there and does not hold. Unsigned is not wrong: much is.
func broken(signature Record) string {
	switch signature.Text("status") {
	case "bad_digest":
		return "the file was changed after it was signed"
	case "revoked":
		return "the certificate was revoked"
	case "distrusted":
		return "this Windows is told not to trust it"
	}
	return ""
}

func processSignature(r Record, f *Finding) bool {
	why := broken(r.Record("exe_signature"))
	if why == "" {
		return false
	}
	process(r, f)
	f.Reason = fmt.Sprintf("Process %d (%s, user %s) runs from %s, signed by %s: %s.", f.PID, r.Text("name"), or(r.Text("user"), "unknown"), f.Path, or(r.Record("exe_signature").Text("signer"), "somebody"), why)
	return true
}

func fileSignature(r Record, f *Finding) bool {
	why := broken(r.Record("signature"))
	if why == "" {
		return false
	}
	f.Path, f.SHA256, f.Time = r.Path("path"), r.Text("sha256"), r.Time("modified")
	f.Reason = fmt.Sprintf("%s is loaded, signed by %s: %s.", f.Path, or(r.Record("signature").Text("signer"), "somebody"), why)
	return true
}

// driverUntrusted passes over the drivers that write crash dumps: they are copies in memory under another name
// (dump_storport.sys), which no disk has.
func driverUntrusted(r Record, f *Finding) bool {
	if strings.HasPrefix(strings.ToLower(r.Text("name")), "dump_") {
		return false
	}
	f.Path, f.SHA256, f.Time = r.Path("path"), r.Text("sha256"), r.Time("modified")
	status := r.Record("signature").Text("status")
	switch {
	case r.Bool("gone"):
		f.Severity = Medium
		f.Reason = fmt.Sprintf("The kernel has %s loaded from %s, and there is no such file: it was removed after it was loaded. Some security products do that too.", r.Text("name"), f.Path)
	case fileSignature(r, f):
	case slices.Contains([]string{"unsigned", "untrusted_root", "incomplete_chain", "wrong_use"}, status):
		f.Reason = fmt.Sprintf("The kernel has %s loaded, whose signature is %q. A 64-bit Windows loads such a driver only where its check was switched off or got round.", f.Path, status)
	default:
		return false
	}
	return true
}

// systemNames are programs that lie in System32 alone, or, of a 32-bit system's, in SysWOW64.
var systemNames = map[string]bool{
	"svchost.exe": true, "lsass.exe": true, "services.exe": true, "csrss.exe": true, "smss.exe": true, "wininit.exe": true, "winlogon.exe": true,
	"dllhost.exe": true, "taskhostw.exe": true, "spoolsv.exe": true, "conhost.exe": true, "runtimebroker.exe": true,
}

func systemName(r Record, f *Finding) bool {
	process(r, f)
	exe := strings.ReplaceAll(strings.ToLower(string(f.Path)), `\`, "/")
	if len(exe) < 3 || exe[1] != ':' || !systemNames[path.Base(exe)] {
		return false
	}
	if dir := path.Dir(exe[2:]); strings.HasSuffix(dir, "/system32") || strings.HasSuffix(dir, "/syswow64") || strings.Contains(dir, "/winsxs/") {
		return false
	}
	f.Reason = fmt.Sprintf("Process %d (user %s) runs from %s. Windows has a program of that name in System32 alone; another is called so in order to be overlooked.", f.PID, or(r.Text("user"), "unknown"), f.Path)
	return true
}

func noteWindow(r Record, f *Finding) bool {
	for _, w := range r.Records("windows") {
		title := underscores.Replace(strings.ToLower(w.Text("title")))
		for _, note := range notes {
			if strings.Contains(title, note) {
				f.PID = w.Int("pid")
				f.Reason = fmt.Sprintf("In session %d a window is called %q, as ransomware names its notes (%q). Look at %s.", r.Int("session"), shorten(w.Text("title")), note, or(r.Text("image"), "the host's screen: there is no picture"))
				return true
			}
		}
	}
	return false
}

// seenDesktops are those that Windows itself makes.
var seenDesktops = map[string]bool{"": true, "default": true, "winlogon": true, "disconnect": true, "screen-saver": true}

func hiddenDesktop(r Record, f *Finding) bool {
	for _, w := range r.Records("windows") {
		name := w.Text("desktop")
		if seenDesktops[strings.ToLower(name)] || w.Text("title") == "" {
			continue
		}
		f.PID = w.Int("pid")
		f.Reason = fmt.Sprintf("In session %d process %d has the window %q on the desktop %q, which its user does not see. Remote control by malware works there; some browsers and remote assistance do too.", r.Int("session"), f.PID, shorten(w.Text("title")), name)
		return true
	}
	return false
}
