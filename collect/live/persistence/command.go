package persistence

import (
	"path"
	"slices"
	"strings"

	"spor/artifacts"
)

// words cuts a command line as a shell does: quotes and backslashes are taken off, operators stand alone. It expands
// nothing. At most maxWords come out.
func words(s string) (list []string) {
	const maxWords = 256
	if len(s) > maxConfig {
		s = s[:maxConfig]
	}
	var b strings.Builder
	var quote byte
	begun := false
	end := func() {
		if begun {
			list = append(list, b.String())
		}
		b.Reset()
		begun = false
	}
	for i := 0; i < len(s) && len(list) < maxWords; i++ {
		c := s[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
			begun = true
		case quote != 0:
			b.WriteByte(c)
		case c == '\'' || c == '"':
			quote, begun = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			end()
		case strings.IndexByte(";&|()<>`{}", c) >= 0:
			end()
			list = append(list, string(c))
		default:
			b.WriteByte(c)
			begun = true
		}
	}
	end()
	return list
}

// carriers are programs that run another that they are given.
var carriers = map[string]bool{
	"env": true, "sudo": true, "nohup": true, "nice": true, "ionice": true, "timeout": true, "setsid": true, "exec": true, "command": true, "chroot": true,
	"flock": true, "su": true, "runuser": true, "start-stop-daemon": true, "unshare": true, "nsenter": true, "stdbuf": true, "time": true, "xargs": true, "chronic": true,
	"systemd-run": true, "systemd-cat": true, "sh": true, "bash": true, "dash": true, "ash": true, "zsh": true, "ksh": true, "busybox": true,
	"python": true, "python2": true, "python3": true, "perl": true, "ruby": true, "node": true, "php": true, "java": true, "lua": true, "run-parts": true, "source": true, ".": true,
}

// builtins are words of a shell that are no programs.
var builtins = map[string]bool{
	"if": true, "then": true, "else": true, "elif": true, "fi": true, "for": true, "do": true, "done": true, "while": true, "case": true, "esac": true, "cd": true, "exec": true, "[": true, "[[": true, "!": true,
	"test": true, "command": true, "export": true, "set": true, "unset": true, ".": true, "source": true, "eval": true, "exit": true, "return": true, "true": true, "false": true, ":": true, "umask": true,
	"ulimit": true, "echo": true, "local": true, "read": true, "wait": true, "trap": true, "shift": true, "break": true, "continue": true, "function": true, "time": true, "kill": true, "printf": true,
}

var searchPath = []artifacts.Path{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// targets describes the programs of a command line, and the files that interpreters and carriers are given.
func (x *examiner) targets(command string) []File {
	var found []artifacts.Path
	x.programs(command, 0, &found)
	var list []File
	for _, p := range found {
		list = append(list, x.describe(p))
	}
	return list
}

func add(found *[]artifacts.Path, p artifacts.Path) {
	if len(*found) < maxTargets && !slices.Contains(*found, p) {
		*found = append(*found, p)
	}
}

func (x *examiner) programs(command string, depth int, found *[]artifacts.Path) {
	first, carried, inline := true, false, false
	for _, w := range words(command) {
		switch {
		case strings.ContainsAny(w, ";&|()`{}") && len(w) == 1:
			first, carried, inline = true, false, false
			continue
		case len(w) == 1 && strings.Contains("<>", w):
			continue
		case inline: // sh -c '…'
			if depth < 3 {
				x.programs(w, depth+1, found)
			}
			inline = false
			continue
		case isAssignment(w):
			continue
		case carried && strings.HasPrefix(w, "-"):
			inline = w == "-c" || w == "-lc" || w == "-ic"
			continue
		}
		if !first && !carried {
			if path.IsAbs(w) && x.isFile(artifacts.Path(path.Clean(w))) {
				add(found, artifacts.Path(path.Clean(w)))
			}
			continue
		}
		base := path.Base(w)
		if p, ok := x.program(w, first && !carried); ok {
			add(found, p)
		}
		first = builtins[w]
		carried = carriers[base] || carried && !path.IsAbs(w)
	}
}

// isAssignment tells a "NAME=value" before a command.
func isAssignment(w string) bool {
	name, _, ok := strings.Cut(w, "=")
	return ok && name != "" && !strings.ContainsAny(name, "/-.$")
}

// program finds what a word runs: a path, or a name in the folders of programs. A path counts though it is missing, for
// that is worth knowing; a name does only where it stands for a command.
func (x *examiner) program(w string, certain bool) (artifacts.Path, bool) {
	if path.IsAbs(w) {
		p := artifacts.Path(path.Clean(w))
		if !certain && pseudo(p) || strings.HasPrefix(w, "/dev/") && !strings.HasPrefix(w, "/dev/shm/") || strings.ContainsAny(w, "$*%") || x.isDir(p) {
			return "", false
		}
		return p, p != "/"
	}
	if w == "" || builtins[w] || strings.ContainsAny(w, "/$*=%~") {
		return "", false
	}
	for _, dir := range searchPath {
		if p := artifacts.Linux.Join(dir, w); x.isFile(p) {
			return p, true
		}
	}
	return "", false
}

func (x *examiner) isFile(p artifacts.Path) bool {
	if f, ok := x.known[p]; ok {
		return !f.Missing && f.SHA256 != ""
	}
	if pseudo(p) {
		return false
	}
	at, err := x.real(p)
	if err != nil {
		return false
	}
	st, err := x.files.Lstat(at)
	return err == nil && st.Kind == artifacts.Regular
}
