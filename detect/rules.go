package detect

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/timeline"
)

// Rules are all that is looked for. Techniques are of ATT&CK v15 (attack.mitre.org).
var Rules = slices.Concat(general, linuxState, lasting, windowsState, windowsRunning, logs, webRules)

var general = []*Rule{
	{
		Name: "process-deleted-executable", Title: "Process whose executable is gone",
		Severity: High, Technique: []string{"T1070.004"}, Live: "processes", Record: deletedExecutable,
	},
	{
		Name: "process-memory-only", Title: "Process that runs from memory alone",
		Severity: High, Technique: []string{"T1620"}, Live: "processes", Record: memoryOnly,
	},
	{
		Name: "process-temporary-folder", Title: "Process running from a folder for temporary files",
		Severity: Medium, Technique: []string{"T1059", "T1036.005"}, Live: "processes", Record: temporaryFolder,
	},
	{
		Name: "preload-library", Title: "A library is loaded into every program",
		Severity: High, Technique: []string{"T1574.006"},
		File: func(p artifacts.Path) bool { return p == "/etc/ld.so.preload" }, Text: preload,
	},
	{
		Name: "second-root", Title: "An account besides root has uid 0",
		Severity: High, Technique: []string{"T1136.001", "T1098"},
		File: func(p artifacts.Path) bool { return p == "/etc/passwd" }, Text: secondRoot,
	},
	{
		Name: "clock-unsynchronised", Title: "Nothing keeps the clock right",
		Severity: Info, Live: "clock", Record: unsynchronised,
	},
	{
		Name: "ssh-root-password", Title: "root logged on over SSH with a password",
		Severity: High, Technique: []string{"T1078.003", "T1021.004"}, Event: rootPassword, Actions: []string{"login"},
	},
	{
		Name: "ransom-note-name", Title: "File with a name like a ransom note's",
		Severity: High, Technique: []string{"T1486"}, Item: ransomNote,
	},
}

func process(r Record, f *Finding) {
	f.PID, f.Path, f.Time, f.SHA256 = r.Int("pid"), r.Path("exe"), r.Time("start"), r.Text("exe_sha256")
}

func deletedExecutable(r Record, f *Finding) bool {
	if !r.Bool("exe_deleted") || inMemory(r) {
		return false
	}
	process(r, f)
	who := fmt.Sprintf("Process %d (%s, user %s) runs from %s, ", f.PID, r.Text("name"), or(r.Text("user"), "unknown"), or(r.Text("exe"), "a file without a name"))
	if r.Bool("exe_replaced") {
		f.Severity = Low
		f.Reason = who + "which was deleted, and another file has its name now. A package upgrade without a restart looks the same."
		return true
	}
	f.Reason = who + "which is no longer in the file system. Programs that hide delete themselves after the start; a removed package or a container's process looks the same."
	return true
}

// inMemory tells an executable that memfd_create(2) made: the kernel shows its name as /memfd:NAME.
func inMemory(r Record) bool { return strings.HasPrefix(r.Text("exe"), "/memfd:") }

func memoryOnly(r Record, f *Finding) bool {
	if !inMemory(r) {
		return false
	}
	process(r, f)
	f.Reason = fmt.Sprintf("Process %d (%s, user %s) runs from %s, which is memory and was never a file. Malware that leaves nothing on disk does that; container runtimes and sandboxes do too.",
		f.PID, r.Text("name"), or(r.Text("user"), "unknown"), f.Path)
	return true
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// temporary are folders anyone can write to, from which installed software does not run. Lower case, with / between.
var temporary = []string{"/tmp/", "/dev/shm/", "/var/tmp/", "/run/shm/"}

var temporaryWindows = []string{"/windows/temp/", "/appdata/local/temp/", "/users/public/", "/$recycle.bin/", "/perflogs/"}

func temporaryFolder(r Record, f *Finding) bool {
	process(r, f)
	exe := string(f.Path)
	folded := strings.ReplaceAll(strings.ToLower(exe), `\`, "/")
	for _, dir := range temporary {
		if strings.HasPrefix(exe, dir) {
			return temporaryFinding(r, f, dir)
		}
	}
	if len(folded) < 3 || folded[1] != ':' && !strings.HasPrefix(folded, "//") {
		return false
	}
	for _, dir := range temporaryWindows {
		if strings.Contains(folded, dir) {
			return temporaryFinding(r, f, strings.ReplaceAll(dir, "/", `\`))
		}
	}
	return false
}

func temporaryFinding(r Record, f *Finding, dir string) bool {
	f.Reason = fmt.Sprintf("Process %d (%s, user %s) runs from %s, below %s, which any user may write to. Installers do that for minutes; services do not.",
		f.PID, r.Text("name"), or(r.Text("user"), "unknown"), f.Path, dir)
	return true
}

// preload reads ld.so.preload, ld.so(8): names of libraries, separated by spaces or lines; "#" begins a comment.
func preload(text []byte, f *Finding) bool {
	var names []string
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		names = append(names, strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\n:", r) })...)
	}
	if len(names) == 0 {
		return false
	}
	f.Reason = fmt.Sprintf("/etc/ld.so.preload names %s: it is loaded into every program that starts, which is how user-space rootkits hide. Few products use the file.",
		shorten(strings.Join(names, ", ")))
	return true
}

func shorten(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

// secondRoot reads passwd(5).
func secondRoot(text []byte, f *Finding) bool {
	var names []string
	for line := range strings.Lines(string(text)) {
		w := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(w) >= 4 && strings.Trim(w[2], "0") == "" && w[2] != "" && w[0] != "root" {
			names = append(names, w[0])
		}
	}
	if len(names) == 0 {
		return false
	}
	f.Reason = fmt.Sprintf("%s in /etc/passwd with uid 0: whoever logs on by that name is root. FreeBSD's toor and some appliances have such an account; Linux distributions do not.",
		shorten(strings.Join(names, ", ")))
	return true
}

func unsynchronised(r Record, f *Finding) bool {
	v, known := r["synchronized"].(bool)
	if !known || v {
		return false
	}
	f.Time = r.Time("now")
	f.Reason = "The kernel says that its clock is not synchronised: the host's times may be off by any amount. Compare the clock with another before joining timelines."
	return true
}

// rootPassword looks at what was read of sshd's words, in syslog or in a journal.
func rootPassword(e *timeline.Event, f *Finding) bool {
	if e.Type != "syslog:line" && e.Type != "systemd:journal" || !is(e, "action", "login") || !is(e, "username", "root") || !is(e, "authentication_method", "password") {
		return false
	}
	from, _ := e.Get("ip_address")
	f.Reason = fmt.Sprintf("sshd let root in by password from %s. Whoever guesses or steals the password has the machine; most systems forbid it (PermitRootLogin prohibit-password).", from)
	return true
}

func is(e *timeline.Event, name, value string) bool {
	f, ok := e.Get(name)
	return ok && f.String() == value
}

// notes are parts of names that ransomware gives its notes, lower case, with - and space for _: families named in CISA's
// #StopRansomware advisories.
var notes = []string{
	"how_to_decrypt", "how_to_restore", "how_to_recover", "how_to_back_files", "how_to_unlock", "decrypt_instruction", "decrypt_my_files",
	"decrypt_your_files", "restore_my_files", "restore_your_files", "recover_your_files", "recover_files", "your_files_are_encrypted", "files_encrypted",
	"readme_for_decrypt", "readme_to_decrypt", "!!!readme", "_readme.txt", "ransom_note", "read_me_to_recover", "readme_to_restore", "restore_files_info",
	"akira_readme", "_r_e_a_d___t_h_i_s_", "decryption_info", "help_decrypt", "help_recover", "unlock_files", "contact_us_to_decrypt", "read_it.txt",
}

// noteKinds are the extensions notes have.
var noteKinds = map[string]bool{".txt": true, ".html": true, ".htm": true, ".hta": true, ".rtf": true, ".url": true, ".bmp": true, ".png": true, "": true}

// underscores makes one spelling of a name out of many.
var underscores = strings.NewReplacer("-", "_", " ", "_")

func ransomNote(it *artifacts.Item, f *Finding) bool {
	name := strings.ToLower(timeline.Base(string(it.Origin)))
	if it.Origin == "" || !noteKinds[path.Ext(name)] {
		return false
	}
	name = underscores.Replace(name)
	for _, note := range notes {
		if strings.Contains(name, note) {
			f.Reason = fmt.Sprintf("%s is named as ransomware names its notes (%q). Read it before anything else; documentation of a product may be named so by chance.", it.Origin, note)
			return true
		}
	}
	return false
}
