package details

import (
	"regexp"
	"slices"
	"strings"

	"spor/collect/live/procfs"
)

// loaders are variables that make a program load or run what they name: ld.so(8), bash(1), python(1), perlrun(1),
// node(1), java(1), ruby(1), git(1).
var loaders = strings.Fields(`LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT LD_DEBUG_OUTPUT LD_PROFILE LD_ORIGIN_PATH GCONV_PATH GLIBC_TUNABLES
	BASH_ENV ENV PROMPT_COMMAND PYTHONPATH PYTHONSTARTUP PYTHONHOME PERL5LIB PERL5OPT PERLLIB NODE_OPTIONS NODE_PATH RUBYOPT RUBYLIB
	JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS CLASSPATH GIT_SSH GIT_SSH_COMMAND GIT_EXTERNAL_DIFF`)

// telling are others whose values say who started a process, from where, and what was done about its traces. They hold
// no secrets by their purpose. Values of any other variable are never taken without being asked for.
var telling = strings.Fields(`PATH HOME USER LOGNAME SHELL PWD OLDPWD TERM TZ LANG LC_ALL HOSTNAME DISPLAY WAYLAND_DISPLAY TMPDIR
	SSH_CLIENT SSH_CONNECTION SSH_TTY SSH_ORIGINAL_COMMAND SUDO_USER SUDO_UID SUDO_GID SUDO_COMMAND HISTFILE HISTSIZE HISTFILESIZE HISTCONTROL
	MAIL REMOTE_ADDR REMOTE_HOST SERVER_SOFTWARE SCRIPT_FILENAME DOCUMENT_ROOT REQUEST_METHOD XDG_SESSION_TYPE XDG_SESSION_CLASS
	XDG_RUNTIME_DIR CONTAINER container KUBERNETES_SERVICE_HOST WSL_DISTRO_NAME`)

const (
	redacted     = "[redacted]"
	maxValue     = 4096
	maxVariables = 4096
)

// secret is a value that holds one: a password within an address, an option that gives one, a private key.
var secret = regexp.MustCompile(`(?i)://[^/@\s]*:[^/@\s]*@|(?:pass|passwd|password|pwd|secret|token|api[_-]?key|access[_-]?key|credential|auth(?:orization)?)\w*["']?\s*[=: ]|-----BEGIN|\bbearer\s|\beyJ[\w-]{10,}`)

// An environ is what may be told of an environment: all names, and some values.
type environ struct {
	names, loaders []string
	values         map[string]string
}

// variables splits /proc/PID/environ.
func variables(data []byte) []string {
	all := strings.Split(strings.Trim(string(data), "\x00"), "\x00")
	all = slices.DeleteFunc(all, func(s string) bool { return s == "" })
	return all[:min(len(all), maxVariables)]
}

// tell takes an environment apart. A word without "=" is no variable: a process may have written anything there, and it
// is left out.
func tell(data []byte) environ {
	e := environ{values: map[string]string{}}
	for _, v := range variables(data) {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" || len(name) > 256 || !isName(name) {
			continue
		}
		e.names = append(e.names, name)
		loads := slices.Contains(loaders, name)
		if loads && value != "" {
			e.loaders = append(e.loaders, name)
		}
		if !loads && !slices.Contains(telling, name) {
			continue
		}
		if value = procfs.Text(value); secret.MatchString(value) {
			value = redacted
		}
		e.values[name] = value[:min(len(value), maxValue)]
	}
	return e
}

// isName tells whether a word may name a variable of a shell: what else stands before a "=" may be anything.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '(' && c != ')' && c != '%' {
			return false
		}
	}
	return true
}
