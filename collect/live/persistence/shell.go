package persistence

import (
	"regexp"
	"strings"

	"spor/artifacts"
)

// systemProfiles are what shells and logons read, of everyone: bash(1), zsh(1), csh(1), fish(1), pam_env(8).
var systemProfiles = []artifacts.Path{
	"/etc/profile", "/etc/bash.bashrc", "/etc/bashrc", "/etc/bash_completion", "/etc/zshenv", "/etc/zprofile", "/etc/zshrc", "/etc/zlogin", "/etc/zlogout", "/etc/zsh/zshenv",
	"/etc/zsh/zprofile", "/etc/zsh/zshrc", "/etc/zsh/zlogin", "/etc/zsh/zlogout", "/etc/csh.cshrc", "/etc/csh.login", "/etc/csh.logout", "/etc/ksh.kshrc", "/etc/fish/config.fish", "/etc/environment",
	"/etc/bash.bash_logout", "/etc/ssh/sshrc",
}

var profileDirs = []artifacts.Path{"/etc/profile.d", "/etc/bashrc.d", "/etc/zsh/zshrc.d", "/etc/fish/conf.d", "/etc/environment.d", "/usr/lib/environment.d"}

var homeProfiles = []artifacts.Path{
	".bashrc", ".bash_profile", ".bash_login", ".profile", ".bash_logout", ".bash_aliases", ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".cshrc", ".tcshrc", ".login", ".logout", ".kshrc", ".mkshrc",
	".config/fish/config.fish", ".xprofile", ".xinitrc", ".xsession", ".xsessionrc", ".xserverrc", ".pam_environment", ".ssh/rc", ".ssh/environment", ".inputrc", ".vimrc", ".config/nvim/init.vim", ".screenrc", ".tmux.conf", ".gdbinit",
}

// profiles looks at what editors and debuggers start with too: it is run as well.
func profiles(x *examiner) {
	for _, p := range systemProfiles {
		x.profile(p, "*", "")
	}
	for _, dir := range profileDirs {
		for _, f := range x.list(dir) {
			x.profile(artifacts.Linux.Join(dir, f.Name), "*", "")
		}
	}
	for _, h := range x.homes {
		for _, name := range homeProfiles {
			x.profile(artifacts.Linux.Join(h.dir, string(name)), h.user, "/etc/skel/"+name)
		}
		for _, dir := range []artifacts.Path{"/.bashrc.d", "/.config/fish/conf.d", "/.config/environment.d"} {
			for _, f := range x.list(h.dir + dir) {
				x.profile(artifacts.Linux.Join(h.dir+dir, f.Name), h.user, "")
			}
		}
	}
}

// profile records a file, and its lines that deserve a look. That a home's is what new accounts get is said.
func (x *examiner) profile(p artifacts.Path, user string, skeleton artifacts.Path) {
	if st, err := x.files.Lstat(p); err != nil || st.Kind == artifacts.Directory {
		return
	}
	about := x.describe(p)
	e := Entry{Kind: "shell-profile", Path: p, User: user, When: "a shell starts or ends, or a logon", Config: &about}
	if skeleton != "" && about.SHA256 != "" && x.describe(skeleton).SHA256 == about.SHA256 {
		e.Details = "the same as " + string(skeleton)
	}
	x.emit(e)
	if strings.HasPrefix(e.Details, "the same") {
		return
	}
	for n, line := range plain(x.read(p)) {
		why := odd(line)
		if why == "" {
			continue
		}
		one := Entry{Kind: "shell-line", Path: p, Line: n, User: user, Command: line, Details: why, Config: &about, Targets: x.targets(line)}
		if preloads(line) {
			one.Kind = "preload-environment"
			one.Targets = x.libraries(line)
		}
		x.emit(one)
	}
}

// oddities are what lines of profiles rarely hold and intruders put there.
var oddities = []struct {
	why  string
	find *regexp.Regexp
}{
	{"puts a library into programs", preloadVariable},
	{"stands for a program that asks for a password", regexp.MustCompile(`\balias\s+(?:--\s+)?(?:sudo|su|ssh|scp|sftp|passwd|doas|login|gpg|mysql|psql|kubectl|docker)=|^\s*(?:function\s+)?(?:sudo|su|ssh|scp|sftp|passwd|doas|login|gpg)\s*\(\)|^\s*function\s+(?:sudo|su|ssh|scp|sftp|passwd|doas|login|gpg)\b`)},
	{"fetches and runs", regexp.MustCompile(`\b(?:curl|wget|fetch|lwp-download)\b[^#]*\|\s*(?:sudo\s+)?(?:ba|da|z|k)?sh\b|<\(\s*(?:curl|wget)|\$\(\s*(?:curl|wget)\b|` + "`" + `\s*(?:curl|wget)\b`)},
	{"opens a connection", regexp.MustCompile(`/dev/(?:tcp|udp)/|\b(?:nc|ncat|netcat|socat)\b.*\s(?:-e|-c|--exec|exec:)|\bsocket\b.*\bconnect\b|\bmkfifo\b.*\bnc\b`)},
	{"unpacks hidden text", regexp.MustCompile(`\bbase64\s+(?:-d|-D|--decode)|\bxxd\s+-r|\bopenssl\s+(?:enc|base64)\b.*-d|\bprintf\b.*\\x[0-9a-fA-F]{2}.*\|`)},
	{"runs before each prompt or command", regexp.MustCompile(`\bPROMPT_COMMAND=|\btrap\s+.*\bDEBUG\b|\bBASH_ENV=|\bENV=|\bprecmd_functions\b`)},
	{"hides what was typed", regexp.MustCompile(`\bHISTFILE=/dev/null|\bunset\s+HISTFILE|\bHISTSIZE=0\b|\bHISTFILESIZE=0\b|\bset\s+\+o\s+history`)},
	{"starts something in the background", regexp.MustCompile(`\b(?:nohup|setsid|disown)\b|>/dev/null 2>&1 &\s*$`)},
	{"runs from a folder anyone may write to", regexp.MustCompile(`(?:^|[\s;&|('"])(?:/tmp|/var/tmp|/dev/shm)/[\w.-]+`)},
}

func odd(line string) string {
	if len(line) > maxLine {
		line = line[:maxLine]
	}
	for _, o := range oddities {
		if o.find.MatchString(line) {
			return o.why
		}
	}
	return ""
}

// preloadVariable are the variables of ld.so(8) that put a library into a program, and their like of interpreters.
var preloadVariable = regexp.MustCompile(`\b(?:LD_PRELOAD|LD_AUDIT|LD_LIBRARY_PATH|PYTHONSTARTUP|PERL5OPT|PERL5LIB|NODE_OPTIONS|RUBYOPT|JAVA_TOOL_OPTIONS)\s*=\s*["']?[^"'\s]`)

func preloads(line string) bool { return preloadVariable.MatchString(line) }

// libraries describes the paths that such a variable names.
func (x *examiner) libraries(line string) (list []File) {
	_, value, _ := strings.Cut(line, "=")
	for _, w := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t:;\"'", r) }) {
		if strings.HasPrefix(w, "/") && len(list) < maxTargets {
			list = append(list, x.describe(artifacts.Path(w)))
		}
	}
	return list
}

// environments looks for such variables in what services and logons get: /etc/default, /etc/sysconfig, systemd's manager.
func environments(x *examiner) {
	var files []artifacts.Path
	for _, dir := range []artifacts.Path{"/etc/default", "/etc/sysconfig", "/etc/conf.d", "/etc/systemd/system.conf.d", "/etc/systemd/user.conf.d", "/etc/security"} {
		for _, f := range x.list(dir) {
			if f.Kind != artifacts.Directory {
				files = append(files, artifacts.Linux.Join(dir, f.Name))
			}
		}
	}
	for _, p := range append(files, "/etc/systemd/system.conf", "/etc/systemd/user.conf") {
		for n, line := range plain(x.read(p)) {
			if preloads(line) {
				x.emit(Entry{Kind: "preload-environment", Path: p, Line: n, Command: line, When: "what reads the file starts", Targets: x.libraries(line)})
			}
		}
	}
}

// preload reads ld.so.preload and the folders of ld.so.conf: ld.so(8), ldconfig(8).
func preload(x *examiner) {
	for n, line := range plain(x.read("/etc/ld.so.preload")) {
		line, _, _ = strings.Cut(line, "#")
		for _, w := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t:", r) }) {
			e := Entry{Kind: "preload", Path: "/etc/ld.so.preload", Line: n, Command: w, When: "any program starts"}
			for _, p := range []string{w, strings.ReplaceAll(w, "$LIB", "lib/x86_64-linux-gnu"), strings.ReplaceAll(w, "$LIB", "lib64")} {
				if strings.HasPrefix(p, "/") && (len(e.Targets) == 0 || e.Targets[0].Missing) {
					e.Targets = []File{x.describe(artifacts.Path(p))}
				}
			}
			x.emit(e)
		}
	}
	files := []artifacts.Path{"/etc/ld.so.conf"}
	for _, f := range x.list("/etc/ld.so.conf.d") {
		files = append(files, artifacts.Linux.Join("/etc/ld.so.conf.d", f.Name))
	}
	for _, p := range files {
		for n, line := range plain(x.read(p)) {
			if strings.HasPrefix(line, "include ") || usualLibraries.MatchString(line) {
				continue
			}
			x.emit(Entry{Kind: "library-path", Path: p, Line: n, Command: line, When: "any program starts", Targets: []File{x.describe(artifacts.Path(line))}})
		}
	}
}

var usualLibraries = regexp.MustCompile(`^/(?:usr/)?(?:local/)?lib(?:32|64|x32)?(?:/[a-z0-9_]+-linux-gnu[a-z0-9]*)?/?$`)
