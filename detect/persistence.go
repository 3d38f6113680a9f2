package detect

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// lasting are rules on what stays on a Linux host: what starts by itself, changed programs, accounts.
var lasting = []*Rule{
	{
		Name: "persistence-temporary-folder", Title: "Starts by itself from a folder for temporary files",
		Severity: High, Technique: []string{"T1543", "T1053"}, Live: "persistence", Record: startsTemporary,
	},
	{
		Name: "persistence-fetches", Title: "Starts by itself, and fetches or decodes what it runs",
		Severity: High, Technique: []string{"T1059.004", "T1105"}, Live: "persistence", Record: startsFetching,
	},
	{
		Name: "persistence-writable", Title: "Starts by itself, and anyone may change it",
		Severity: Medium, Technique: []string{"T1574.010"}, Live: "persistence", Record: startsWritable,
	},
	{
		Name: "persistence-hidden-name", Title: "Starts by itself from a file with a hidden name",
		Severity: Medium, Technique: []string{"T1564.001"}, Live: "persistence", Record: startsHidden,
	},
	{
		Name: "persistence-unowned", Title: "Starts by itself, and is of no package",
		Severity: Info, Technique: []string{"T1543.002", "T1053.003"}, Live: "persistence", Record: startsUnowned,
	},
	{
		Name: "preload-variable", Title: "A setting puts a library into programs",
		Severity: Medium, Technique: []string{"T1574.006"}, Live: "persistence", Record: preloadVariable,
	},
	{
		Name: "pam-module-unowned", Title: "Module of PAM that is of no package",
		Severity: High, Technique: []string{"T1556.003"}, Live: "persistence", Record: pamUnowned,
	},
	{
		Name: "pam-runs-program", Title: "PAM runs a program at logons",
		Severity: Medium, Technique: []string{"T1556.003"}, Live: "persistence", Record: pamRuns,
	},
	{
		Name: "shell-intercepts", Title: "A shell's start file stands in for a program that asks for a password",
		Severity: High, Technique: []string{"T1546.004", "T1056"}, Live: "persistence", Record: shellIntercepts,
	},
	{
		Name: "package-script-changed", Title: "Script of an installed package written after its installation",
		Severity: Low, Technique: []string{"T1546.016"}, Live: "persistence", Record: scriptChanged,
	},
	{
		Name: "package-file-changed", Title: "Program or library is not what its package installed",
		Severity: High, Technique: []string{"T1554"}, Live: "changed-files", Record: fileChanged,
	},
	{
		Name: "privileged-unowned", Title: "Program with root's rights that is of no package",
		Severity: Medium, Technique: []string{"T1548.001"}, Live: "privileged-files", Record: privilegedUnowned,
	},
	{
		Name: "empty-password", Title: "Account that lets in without a password",
		Severity: High, Technique: []string{"T1078.003"}, Live: "accounts", Record: emptyPassword,
	},
	{
		Name: "sudo-no-password", Title: "Anything as root, and no password is asked",
		Severity: Low, Technique: []string{"T1548.003"}, Live: "sudo-rules", Record: sudoFree,
	},
}

// entry fills in what all findings on entries share, and says in words where it is configured.
func entry(r Record, f *Finding) (where string) {
	f.Path, f.Time = r.Path("path"), r.Record("config").Record("times").Time("modified")
	f.SHA256 = r.Record("config").Text("sha256")
	where = fmt.Sprintf("%s, a %s", f.Path, r.Text("kind"))
	if line := r.Int("line"); line > 0 {
		where = fmt.Sprintf("%s line %d, a %s", f.Path, line, r.Text("kind"))
	}
	if user := r.Text("user"); user != "" && user != "*" {
		where += " of " + user
	}
	if on, known := r["enabled"].(bool); known && !on {
		where += " that is not enabled"
	}
	return where
}

// target gives the first target of which something is true, as the finding's file.
func target(r Record, f *Finding, is func(Record) bool) (name string, ok bool) {
	for _, t := range r.Records("targets") {
		if is(t) {
			f.SHA256, f.Time = t.Text("sha256"), t.Record("times").Time("modified")
			return t.Text("path"), true
		}
	}
	return "", false
}

func startsTemporary(r Record, f *Finding) bool {
	where := entry(r, f)
	name, ok := target(r, f, func(t Record) bool { return t.Bool("temporary") })
	if !ok || r.Text("kind") == "library-path" || strings.HasPrefix(r.Text("command"), "rm ") {
		return false
	}
	f.Reason = fmt.Sprintf("%s, names %s, in a folder any user may write to and that is emptied on boot. Installed software keeps nothing there; a job that cleans up or an installer's leftover looks the same.", where, name)
	return true
}

// fetching are command lines that run what they get from elsewhere, or open a shell to the outside.
var fetching = regexp.MustCompile(`\b(?:curl|wget|fetch)\b[^\n]*\|\s*(?:sudo\s+)?(?:ba|da|z|k)?sh\b|<\(\s*(?:curl|wget)\b|\$\(\s*(?:curl|wget)\b|/dev/(?:tcp|udp)/[\w.]|\bbase64\s+(?:-d|-D|--decode)\b[^\n]*\|\s*(?:ba|da|z)?sh\b|\b(?:nc|ncat|netcat)\b[^\n]*\s(?:-e|-c|--exec)\s|\bsocat\b[^\n]*exec:|\bpython[0-9.]*\s+-c\s[^\n]*\bsocket\b|\bperl\s+-e\s[^\n]*\bsocket\b`)

func startsFetching(r Record, f *Finding) bool {
	where := entry(r, f)
	if !fetching.MatchString(r.Text("command")) {
		return false
	}
	f.Reason = fmt.Sprintf("%s, runs %q: it takes what it runs from elsewhere, or opens a shell to the outside. Few installers stay behind like that.", where, shorten(r.Text("command")))
	return true
}

func startsWritable(r Record, f *Finding) bool {
	where := entry(r, f)
	name, ok := target(r, f, func(t Record) bool { return t.Bool("world_writable") && !t.Bool("temporary") })
	if !ok {
		return false
	}
	f.Reason = fmt.Sprintf("%s, runs %s, which anyone may write to or replace: whoever does so gets the rights it is run with. Careless installations look the same.", where, name)
	return true
}

func startsHidden(r Record, f *Finding) bool {
	where := entry(r, f)
	switch r.Text("kind") {
	case "shell-profile", "shell-line", "library-path": // such files have hidden names by custom
		return false
	}
	name, ok := target(r, f, func(t Record) bool {
		base := path.Base(t.Text("path"))
		return strings.HasPrefix(base, ".") && base != "." && t.Text("package") == ""
	})
	if !ok {
		return false
	}
	f.Reason = fmt.Sprintf("%s, runs %s, whose name a plain listing does not show. Programs of users' own folders are named like that at times; those of the system are not.", where, name)
	return true
}

// unownedKinds are those whose targets come with packages on most hosts.
var unownedKinds = map[string]bool{"systemd-service": true, "cron": true, "udev": true, "script": true, "init-script": true, "rc-local": true, "dbus-service": true, "package-hook": true, "modprobe": true, "kernel-helper": true, "sshd": true}

func startsUnowned(r Record, f *Finding) bool {
	where := entry(r, f)
	on, known := r["enabled"].(bool)
	if !unownedKinds[r.Text("kind")] || known && !on || r.Record("config").Text("package") != "" {
		return false
	}
	name, ok := target(r, f, func(t Record) bool { return t.Text("package") == "" && t.Text("sha256") != "" })
	if !ok {
		return false
	}
	f.Reason = fmt.Sprintf("%s, runs %s; neither came with a package. Software of one's own looks the same: ask whose it is.", where, name)
	return true
}

func preloadVariable(r Record, f *Finding) bool {
	where := entry(r, f)
	if r.Text("kind") != "preload-environment" || !strings.Contains(r.Text("command"), "LD_PRELOAD") && !strings.Contains(r.Text("command"), "LD_AUDIT") {
		return false
	}
	f.Reason = fmt.Sprintf("%s, says %q: the library is put into programs before their own. Memory allocators and tools for testing use that; rootkits do too.", where, shorten(r.Text("command")))
	return true
}

func pamUnowned(r Record, f *Finding) bool {
	entry(r, f)
	if r.Text("kind") != "pam" || !strings.Contains(r.Text("details"), "of no package") {
		return false
	}
	name, _ := target(r, f, func(Record) bool { return true })
	f.Reason = fmt.Sprintf("%s sees every password and decides who is let in, and is of no package. Backdoors of PAM are such modules; agents of directories and second factors that are installed by hand are too.", or(name, f.Path.String()))
	return true
}

func pamRuns(r Record, f *Finding) bool {
	where := entry(r, f)
	if r.Text("kind") != "pam" || r.Text("details") != "runs a program" {
		return false
	}
	f.Reason = fmt.Sprintf("%s, runs %q at each logon, and hands it the password where it says expose_authtok. Notices of logons are made like that, and stolen passwords.", where, shorten(r.Text("command")))
	return true
}

func shellIntercepts(r Record, f *Finding) bool {
	where := entry(r, f)
	if r.Text("kind") != "shell-line" || r.Text("details") != "stands for a program that asks for a password" {
		return false
	}
	if harmlessAlias.MatchString(r.Text("command")) {
		return false
	}
	f.Reason = fmt.Sprintf("%s, says %q: whoever types the name runs this instead. Convenience does that too; look at what it runs.", where, shorten(r.Text("command")))
	return true
}

// harmlessAlias are the common ones: the program itself, with options.
var harmlessAlias = regexp.MustCompile(`^\s*alias\s+(\w+)=["']?(?:sudo |ssh |su |kitten ssh|scp |docker |kubectl |psql |mysql |gpg )[-\w =.:@/]*["']?\s*$`)

func scriptChanged(r Record, f *Finding) bool {
	entry(r, f)
	if r.Text("kind") != "package-script" {
		return false
	}
	target(r, f, func(Record) bool { return true })
	f.Reason = fmt.Sprintf("%s is run as root when its package is configured or removed, and was %s. An intruder's line waits there for the next upgrade; so does an administrator's repair.", f.Path, r.Text("details"))
	return true
}

func fileChanged(r Record, f *Finding) bool {
	if r.Text("state") != "changed" || r.Bool("config") {
		return false
	}
	f.Path, f.SHA256, f.Time = r.Path("path"), r.Text("sha256"), r.Record("times").Time("modified")
	f.Reason = fmt.Sprintf("%s is not what package %s installed: its %s is %s, the package says %s. A program that was replaced to hide or let in an intruder looks like that; so does one that was rebuilt on the host, or changed by another installer.",
		f.Path, r.Text("package"), r.Text("algorithm"), or(r.Text("got"), "none ("+r.Text("error")+")"), r.Text("want"))
	return true
}

func privilegedUnowned(r Record, f *Finding) bool {
	if owner, known := r["package"]; !known || owner != nil {
		return false
	}
	what := ""
	switch {
	case r.Bool("setuid") && r.Text("uid") == "0":
		what = "runs as root, whoever starts it"
	case r.Text("capabilities") != "":
		what = "has " + r.Text("capabilities") + ", whoever starts it"
	default:
		return false
	}
	f.Path, f.SHA256, f.Time = r.Path("path"), r.Text("sha256"), r.Record("times").Time("modified")
	for _, dir := range slices.Concat(temporary, []string{"/home/", "/root/", "/var/www/", "/srv/", "/etc/", "/run/"}) {
		if strings.HasPrefix(string(f.Path), dir) {
			f.Severity = High
		}
	}
	f.Reason = fmt.Sprintf("%s %s, and is of no package. Intruders leave such a shell behind to come back as root; software that was installed by hand has such programs too.", f.Path, what)
	return true
}

func emptyPassword(r Record, f *Finding) bool {
	if r.Record("password").Text("state") != "empty" || !r.Bool("can_login") {
		return false
	}
	f.Path = r.Path("source")
	f.Reason = fmt.Sprintf("Account %s (uid %s) has an empty password and a shell: anyone at the console, and over SSH where PermitEmptyPasswords is on, is let in. Live systems and appliances have that; servers do not.", r.Text("name"), r.Text("uid"))
	return true
}

func sudoFree(r Record, f *Finding) bool {
	users := strings.Join(r.Strings("users"), ", ")
	if !r.Bool("no_password") || !r.Bool("all") || users == "root" {
		return false
	}
	f.Path = r.Path("path")
	f.Reason = fmt.Sprintf("%s line %d lets %s run anything, and asks for no password. Images of cloud providers set that up for their first user; anywhere else, ask who did.", f.Path, r.Int("line"), users)
	return true
}
