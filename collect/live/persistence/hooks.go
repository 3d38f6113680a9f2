package persistence

import (
	"path"
	"regexp"
	"strings"
	"time"

	"spor/artifacts"
)

// Bounds of the search for repositories.
const (
	maxRepositories = 2000
	maxSearched     = 20000 // folders
)

// gitHooks looks for repositories in homes and where sites are kept, four folders deep, and records their hooks and
// settings that run a program: githooks(5), git-config(1). The samples git puts there are passed over.
func gitHooks(x *examiner) {
	type place struct {
		dir   artifacts.Path
		user  string
		depth int
	}
	var queue []place
	for _, h := range x.homes {
		x.gitConfig(h.dir+"/.gitconfig", h.user)
		x.gitConfig(h.dir+"/.config/git/config", h.user)
		queue = append(queue, place{h.dir, h.user, 0})
	}
	x.gitConfig("/etc/gitconfig", "*")
	for _, dir := range []artifacts.Path{"/srv", "/opt", "/var/www", "/usr/local/src", "/var/lib/git", "/etc"} {
		queue = append(queue, place{dir, "", 0})
	}
	found := 0
	for searched := 0; len(queue) > 0 && searched < maxSearched && found < maxRepositories && !x.over(); searched++ {
		at := queue[0]
		queue = queue[1:]
		for _, f := range x.list(at.dir) {
			p := artifacts.Linux.Join(at.dir, f.Name)
			switch {
			case f.Kind != artifacts.Directory || skipped[f.Name]:
			case f.Name == ".git":
				found++
				x.repository(p, at.user)
			case strings.HasSuffix(f.Name, ".git"):
				found++
				x.repository(p, at.user)
			case at.depth < 4 && (f.Name[0] != '.' || at.depth > 0) && len(queue) < maxSearched && f.Name != "node_modules":
				queue = append(queue, place{p, at.user, at.depth + 1})
			}
		}
	}
}

// skipped are folders of many folders and no repositories of one's own.
var skipped = map[string]bool{"node_modules": true, "site-packages": true, "mod": true, "vendor": true, "venv": true, "__pycache__": true}

func (x *examiner) repository(dir artifacts.Path, user string) {
	for _, f := range x.list(dir + "/hooks") {
		if p := artifacts.Linux.Join(dir+"/hooks", f.Name); !strings.HasSuffix(f.Name, ".sample") && f.Kind != artifacts.Directory {
			about := x.describe(p)
			x.emit(Entry{Kind: "git-hook", Path: p, Name: f.Name, User: user, When: "git " + f.Name, Command: string(p), Config: &about, Targets: []File{about}})
		}
	}
	x.gitConfig(dir+"/config", user)
}

// gitRuns are the settings that run a program or name a folder of hooks.
var gitRuns = regexp.MustCompile(`(?i)^(hookspath|fsmonitor|sshcommand|pager|editor|askpass|gitproxy|external|textconv|clean|smudge|process|helper|alternaterefscommand)\s*=\s*(.+)$`)

func (x *examiner) gitConfig(p artifacts.Path, user string) {
	section := ""
	for n, line := range plain(x.read(p)) {
		if line[0] == '[' {
			section = strings.Trim(line, "[] ")
			continue
		}
		m := gitRuns.FindStringSubmatch(line)
		alias := strings.EqualFold(section, "alias") && strings.Contains(line, "=")
		switch {
		case alias:
			if name, command, _ := strings.Cut(line, "="); strings.HasPrefix(strings.Trim(command, ` "`), "!") {
				m = []string{"", strings.TrimSpace(name), strings.TrimLeft(command, ` "!`)}
			} else {
				continue
			}
		case m == nil || m[2] == "false" || m[2] == "true":
			continue
		}
		x.emit(Entry{Kind: "git-hook", Path: p, Line: n, Name: section + "." + m[1], User: user, When: "git", Command: m[2], Targets: x.targets(strings.Trim(m[2], `"`))})
	}
}

var (
	aptHook  = regexp.MustCompile(`(?i)\b((?:DPkg|APT::Update|APT::Install|APT|Acquire|Unattended-Upgrade)(?:::[\w-]+)*::(?:Pre-Invoke|Post-Invoke(?:-Success|-Stats)?|Pre-Install-Pkgs)(?:-Success)?|(?:Pre-Invoke|Post-Invoke(?:-Success|-Stats)?|Pre-Install-Pkgs))(?:::)?\s*[{"]`)
	dpkgHook = regexp.MustCompile(`^(?:--)?((?:pre|post)-invoke|status-logger)\s*=?\s*["']?(.*?)["']?$`)
)

// packageHooks reads what the package managers run: apt.conf(5), dpkg(1), dnf and yum plugins, alpm-hooks(5), apk; and the
// scripts of packages that dpkg keeps.
func packageHooks(x *examiner) {
	files := []artifacts.Path{"/etc/apt/apt.conf"}
	for _, f := range x.list("/etc/apt/apt.conf.d") {
		files = append(files, artifacts.Linux.Join("/etc/apt/apt.conf.d", f.Name))
	}
	for _, p := range files {
		x.aptConf(p)
	}
	files = []artifacts.Path{"/etc/dpkg/dpkg.cfg"}
	for _, f := range x.list("/etc/dpkg/dpkg.cfg.d") {
		files = append(files, artifacts.Linux.Join("/etc/dpkg/dpkg.cfg.d", f.Name))
	}
	for _, p := range files {
		for n, line := range plain(x.read(p)) {
			if m := dpkgHook.FindStringSubmatch(line); m != nil {
				x.emit(Entry{Kind: "package-hook", Path: p, Line: n, Name: "dpkg " + m[1], Command: m[2], Targets: x.targets(m[2])})
			}
		}
	}
	for _, dir := range []artifacts.Path{"/etc/pacman.d/hooks", "/usr/share/libalpm/hooks"} {
		for _, f := range x.list(dir) {
			p := artifacts.Linux.Join(dir, f.Name)
			list := x.settings(p, nil)
			if command := last(list, "Action.Exec"); command != "" {
				x.emit(Entry{Kind: "package-hook", Path: p, Name: "pacman " + f.Name, When: last(list, "Action.When"), Command: command, Targets: x.targets(command)})
			}
		}
	}
	for _, d := range []scriptDir{
		{dir: "/usr/lib/yum-plugins", name: "yum plugin"},
		{dir: "/usr/share/yum-plugins", name: "yum plugin"},
		{dir: "/etc/dnf/plugins", name: "dnf plugin"},
		{dir: "/etc/yum/post-actions", name: "yum post-action"},
		{dir: "/etc/dnf/plugins/post-transaction-actions.d", name: "dnf post-transaction action"},
		{dir: "/etc/apk/commit_hooks.d", name: "apk hook"},
		{dir: "/usr/lib/zypp/plugins/commit", name: "zypp plugin"},
		{dir: "/etc/apt/listchanges.conf.d", name: "apt"},
	} {
		for _, f := range x.list(d.dir) {
			if p := artifacts.Linux.Join(d.dir, f.Name); f.Kind != artifacts.Directory {
				about := x.describe(p)
				x.emit(Entry{Kind: "package-hook", Path: p, Name: d.name, When: "packages are installed", Config: &about, Targets: []File{about}})
			}
		}
	}
	x.packageScripts()
}

// aptConf finds hooks on a line, and in the braces that follow one.
func (x *examiner) aptConf(p artifacts.Path) {
	hook, depth := "", 0
	for n, line := range plain(x.read(p)) {
		if strings.HasPrefix(line, "//") {
			continue
		}
		if m := aptHook.FindStringSubmatchIndex(line); m != nil {
			hook, depth = line[m[2]:m[3]], 0
		}
		if hook == "" {
			continue
		}
		for _, command := range quoted(line) {
			x.emit(Entry{Kind: "package-hook", Path: p, Line: n, Name: "apt " + hook, When: "packages are installed", Command: command, Targets: x.targets(command)})
		}
		if depth += strings.Count(line, "{") - strings.Count(line, "}"); depth <= 0 {
			hook = ""
		}
	}
}

// quoted gives the texts between double quotes.
func quoted(line string) (all []string) {
	parts := strings.Split(line, `"`)
	for i := 1; i < len(parts) && len(all) < 16; i += 2 {
		if parts[i] != "" {
			all = append(all, parts[i])
		}
	}
	return all
}

// packageScripts finds scripts of packages that changed later than dpkg wrote the list of the package's files: dpkg unpacks
// them with the times they were built with.
func (x *examiner) packageScripts() {
	const dir = "/var/lib/dpkg/info"
	for _, f := range x.list(dir) {
		ext := path.Ext(f.Name)
		if ext != ".postinst" && ext != ".preinst" && ext != ".prerm" && ext != ".postrm" && ext != ".config" {
			continue
		}
		p := artifacts.Linux.Join(dir, f.Name)
		script, err := x.files.Lstat(p)
		list, err2 := x.files.Lstat(artifacts.Path(strings.TrimSuffix(string(p), ext) + ".list"))
		if err != nil || err2 != nil || !script.Times.Modified.After(list.Times.Modified.Add(slack)) {
			continue
		}
		about := x.describe(p)
		x.emit(Entry{
			Kind: "package-script", Path: p, Name: f.Name, When: "the package is configured or removed", Config: &about, Targets: []File{about},
			Details: "written later than the package's list of files, " + list.Times.Modified.Format("2006-01-02T15:04:05Z"),
		})
	}
}

// slack is how far apart the files of one installation are written.
const slack = 10 * time.Minute

// logrotate records the scripts of logrotate(8).
func logrotate(x *examiner) {
	files := []artifacts.Path{"/etc/logrotate.conf"}
	for _, f := range x.list("/etc/logrotate.d") {
		files = append(files, artifacts.Linux.Join("/etc/logrotate.d", f.Name))
	}
	for _, p := range files {
		var e *Entry
		var run []string
		for n, line := range plain(x.read(p)) {
			switch {
			case e == nil && logrotateScript[line]:
				e, run = &Entry{Kind: "logrotate", Path: p, Line: n, Name: line, When: "logs are rotated"}, nil
			case line == "endscript" && e != nil:
				e.Command = strings.Join(run, "\n")
				e.Targets = x.targets(strings.Join(run, " ; "))
				x.emit(*e)
				e = nil
			case e != nil && len(run) < 200:
				run = append(run, line)
			}
		}
	}
}

var logrotateScript = map[string]bool{"prerotate": true, "postrotate": true, "firstaction": true, "lastaction": true, "preremove": true}
