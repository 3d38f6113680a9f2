package persistence

import (
	"path"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
)

// cron reads the crontabs of the system, which name the user, those of users, which are named for him, anacrontab and
// the jobs of at. Names with a dot or tilde in cron.d are recorded too: cron passes over them, and a backup hides there.
func cron(x *examiner) {
	x.crontab("/etc/crontab", "", true)
	for _, dir := range []artifacts.Path{"/etc/cron.d", "/var/spool/cron.d"} {
		for _, f := range x.list(dir) {
			x.crontab(artifacts.Linux.Join(dir, f.Name), "", true)
		}
	}
	for _, dir := range []artifacts.Path{"/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron", "/var/cron/tabs", "/etc/crontabs", "/var/spool/fcron"} {
		for _, f := range x.list(dir) {
			if f.Kind != artifacts.Directory {
				x.crontab(artifacts.Linux.Join(dir, f.Name), f.Name, false)
			}
		}
	}
	x.anacron("/etc/anacrontab")
	for _, dir := range []artifacts.Path{"/var/spool/cron/atjobs", "/var/spool/at", "/var/spool/atjobs"} {
		for _, f := range x.list(dir) {
			if f.Kind != artifacts.Directory && f.Name != ".SEQ" {
				x.atJob(artifacts.Linux.Join(dir, f.Name))
			}
		}
	}
}

// crontab reads crontab(5). Lines of five fields or of @word, then the user where the file is the system's.
func (x *examiner) crontab(p artifacts.Path, user string, named bool) {
	for n, line := range plain(x.read(p)) {
		e := Entry{Kind: "cron", Path: p, Line: n, User: user, Enabled: new(!named || !strings.ContainsAny(path.Base(string(p)), ".~") || p == "/etc/crontab")}
		if variable(line) {
			if preloads(line) {
				e.Kind, e.Command, e.Targets = "preload-environment", line, x.libraries(line)
				x.emit(e)
			}
			continue
		}
		fields := 5
		if line[0] == '@' {
			fields = 1
		}
		when, rest := cut(line, fields)
		if named {
			e.User, rest = cut(rest, 1)
		}
		if rest == "" {
			continue
		}
		e.When, e.Command = when, rest
		command, _, _ := strings.Cut(rest, "%") // the rest is its input
		e.Targets = x.targets(strings.TrimPrefix(command, "-"))
		x.emit(e)
	}
}

// variable tells a line "NAME = value" of a crontab.
func variable(line string) bool {
	name, _, ok := strings.Cut(line, "=")
	name = strings.Trim(name, " \t\"'")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// cut takes the first n fields off a line.
func cut(line string, n int) (head, rest string) {
	rest = line
	for range n {
		rest = strings.TrimLeft(rest, " \t")
		i := strings.IndexAny(rest, " \t")
		if i < 0 {
			return strings.TrimSpace(line), ""
		}
		rest = rest[i:]
	}
	return strings.TrimSpace(line[:len(line)-len(rest)]), strings.TrimSpace(rest)
}

// anacron reads anacrontab(5): period in days, delay in minutes, name, command.
func (x *examiner) anacron(p artifacts.Path) {
	for n, line := range plain(x.read(p)) {
		if variable(line) {
			continue
		}
		head, command := cut(line, 3)
		if f := strings.Fields(head); len(f) == 3 && command != "" {
			x.emit(Entry{Kind: "anacron", Path: p, Line: n, Name: f[2], When: f[0] + " days, delay " + f[1] + " minutes", Command: command, Targets: x.targets(command), Enabled: new(true)})
		}
	}
}

// atJob reads a job of at: a script that sets its environment and then holds the commands. The name is the queue, a
// number in five hex digits and the time in minutes since 1970 in eight (at's own, atd.c).
func (x *examiner) atJob(p artifacts.Path) {
	name := path.Base(string(p))
	e := Entry{Kind: "at", Path: p, Name: name, Enabled: new(true)}
	if len(name) == 14 {
		if minutes, err := strconv.ParseUint(name[6:], 16, 32); err == nil {
			e.When = time.Unix(int64(minutes)*60, 0).UTC().Format(time.RFC3339)
		}
	}
	var commands []string
	for line := range strings.Lines(string(x.read(p))) {
		line = strings.TrimSpace(line)
		if uid, ok := strings.CutPrefix(line, "# atrun uid="); ok {
			uid, _, _ = strings.Cut(uid, " ")
			e.User = x.name(uid)
		}
		if line == "" || line[0] == '#' || strings.Contains(line, "; export ") || strings.HasPrefix(line, "umask ") {
			continue
		}
		if len(commands) < 100 {
			commands = append(commands, line)
		}
	}
	e.Command = strings.Join(commands, "\n")
	e.Targets = x.targets(strings.Join(commands, " ; "))
	x.emit(e)
}

// name is the account of a uid; the uid where there is none.
func (x *examiner) name(uid string) string {
	if name := x.users[uid]; name != "" {
		return name
	}
	return uid
}
