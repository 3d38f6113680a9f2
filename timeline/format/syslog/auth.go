package syslog

import (
	"strconv"
	"strings"

	"spor/timeline"
)

// details reads into fields what programs that let people in say: sshd (OpenSSH auth.c, auth2.c), sudo, su, PAM's
// pam_unix, shadow's account tools, systemd-logind and cron. Names a stranger may choose are taken as
// such: in "Invalid user a from 10.0.0.1 from 192.0.2.7 port 22" the address is the last one.
func details(reporter, body string) []timeline.Field {
	if strings.HasPrefix(body, "[ID ") { // Solaris: "[ID 800047 auth.info] "
		if _, rest, ok := strings.Cut(body, "] "); ok {
			body = rest
		}
	}
	if f := pam(body); f != nil {
		return f
	}
	switch timeline.Base(reporter) {
	case "sshd", "sshd-session", "sshd-auth":
		return sshd(body)
	case "sudo":
		return sudo(body)
	case "su":
		return su(body)
	case "useradd", "adduser", "groupadd", "usermod", "userdel", "passwd", "chpasswd":
		return accounts(body)
	case "systemd-logind":
		return logind(body)
	case "CRON", "cron", "crond", "CROND":
		return cron(body)
	}
	return nil
}

// fields gathers those that are not empty.
type fields []timeline.Field

func (f *fields) text(name, v string) {
	if v != "" {
		*f = append(*f, timeline.Text(name, v))
	}
}

func (f *fields) number(name, v string) {
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		*f = append(*f, timeline.Int(name, n))
	}
}

func action(name, result string) fields {
	f := fields{timeline.Text("action", name)}
	f.text("authentication_result", result)
	return f
}

func sshd(body string) []timeline.Field {
	word, rest, _ := strings.Cut(body, " ")
	switch word {
	case "Accepted", "Failed", "Postponed":
		method, rest, ok := strings.Cut(rest, " for ")
		if !ok || strings.Contains(method, " ") {
			return nil
		}
		return sshLogin(word, method, rest)
	case "Invalid":
		user, ok := strings.CutPrefix(rest, "user ")
		if !ok {
			return nil
		}
		f := action("invalid_user", "failure")
		f.from(user)
		return f
	case "Connection":
		return sshConnection(rest)
	case "Disconnected":
		f := action("disconnected", "")
		f.peer(strings.TrimPrefix(rest, "from "))
		return f
	}
	return nil
}

// sshConnection reads "from 192.0.2.7 port 22 on …", "closed by …", "reset by …".
func sshConnection(rest string) []timeline.Field {
	for _, kind := range [...]struct{ words, action string }{
		{"from ", "connection_opened"}, {"closed by ", "connection_closed"}, {"reset by ", "connection_reset"},
	} {
		if peer, ok := strings.CutPrefix(rest, kind.words); ok {
			f := action(kind.action, "")
			f.peer(peer)
			return f
		}
	}
	return nil
}

// sshLogin reads "root from 192.0.2.7 port 22 ssh2: RSA SHA256:…".
func sshLogin(word, method, rest string) []timeline.Field {
	var f fields
	switch word {
	case "Accepted":
		f = action("login", "success")
	case "Failed":
		f = action("login_failed", "failure")
	default:
		f = action("login_postponed", "")
	}
	f.text("authentication_method", method)
	if user, ok := strings.CutPrefix(rest, "invalid user "); ok {
		f = append(f, timeline.Bool("invalid_user", true))
		rest = user
	}
	if at := strings.LastIndex(rest, " ssh2: "); at >= 0 && strings.LastIndex(rest, " from ") < at {
		f.from(rest[:at])
		f.text("fingerprint", rest[at+len(" ssh2: "):])
		return f
	}
	f.from(rest)
	return f
}

// from reads "user from address port n …", the last " from " counting.
func (f *fields) from(s string) {
	at := strings.LastIndex(s, " from ")
	if at < 0 {
		if strings.HasPrefix(s, "from ") { // an empty name
			f.peer(s[len("from "):])
			return
		}
		f.text("username", s)
		return
	}
	f.text("username", s[:at])
	f.peer(s[at+len(" from "):])
}

// peer reads "[authenticating] [invalid] user name address port n" or "address port n".
func (f *fields) peer(s string) {
	s = strings.TrimPrefix(s, "authenticating ")
	s = strings.TrimPrefix(s, "invalid ")
	if named, ok := strings.CutPrefix(s, "user "); ok {
		before, port, ok := cutLast(named, " port ")
		user, address, ok2 := cutLast(before, " ")
		if !ok || !ok2 {
			return
		}
		f.text("username", user)
		s = address + " port " + port
	}
	address, rest, _ := strings.Cut(s, " ")
	f.text("ip_address", strings.TrimRight(address, ":,"))
	if port, ok := strings.CutPrefix(rest, "port "); ok {
		n, _, _ := strings.Cut(port, " ")
		f.number("port", strings.TrimRight(n, ":,"))
	}
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// pam reads "pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)" and pam_unix's failures.
func pam(body string) []timeline.Field {
	module, rest, ok := strings.Cut(body, "): ")
	if !ok || !strings.HasPrefix(module, "pam_") {
		return nil
	}
	_, service, _ := strings.Cut(module, "(")
	service, _, _ = strings.Cut(service, ":")
	var f fields
	switch user, opened := strings.CutPrefix(rest, "session opened for user "); {
	case opened:
		f = action("session_opened", "success")
		name, by, _ := strings.Cut(user, " by ")
		f.text("username", cutUID(name))
		f.text("by_username", cutUID(by))
	case strings.HasPrefix(rest, "session closed for user "):
		f = action("session_closed", "")
		f.text("username", cutUID(rest[len("session closed for user "):]))
	case strings.HasPrefix(rest, "authentication failure;"):
		f = action("authentication_failed", "failure")
		for word := range strings.FieldsSeq(rest) {
			if v, ok := strings.CutPrefix(word, "rhost="); ok {
				f.text("ip_address", v)
			}
			if v, ok := strings.CutPrefix(word, "user="); ok {
				f.text("username", v)
			}
		}
	default:
		return nil
	}
	f.text("service", service)
	return f
}

// cutUID turns "root(uid=0)" into "root".
func cutUID(s string) string {
	name, _, _ := strings.Cut(s, "(uid=")
	return name
}

// sudo reads "alice : [3 incorrect password attempts ; ]TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh".
func sudo(body string) []timeline.Field {
	user, rest, ok := strings.Cut(strings.TrimLeft(body, " "), " : ")
	if !ok {
		return nil
	}
	settings, command, ran := strings.Cut(rest, "COMMAND=")
	f := action("sudo", "success")
	if !strings.HasPrefix(settings, "TTY=") && !strings.HasPrefix(settings, "PWD=") {
		f = action("sudo_refused", "failure")
	}
	f.text("username", user)
	for part := range strings.SplitSeq(settings, " ; ") {
		name, v, _ := strings.Cut(part, "=")
		switch name {
		case "TTY":
			f.text("terminal", v)
		case "PWD":
			f.text("working_directory", v)
		case "USER":
			f.text("target_username", v)
		}
	}
	if ran {
		f.text("command", command)
	}
	return f
}

// su reads util-linux's "(to root) alice on pts/0" and shadow's "Successful su for root by alice".
func su(body string) []timeline.Field {
	f := action("su", "success")
	rest, failed := strings.CutPrefix(body, "FAILED SU ")
	if !failed {
		rest, failed = strings.CutPrefix(body, "FAILED su ")
	}
	if failed {
		f = action("su", "failure")
	}
	if to, ok := strings.CutPrefix(rest, "(to "); ok {
		target, by, _ := strings.Cut(to, ") ")
		user, terminal, _ := cutLast(by, " on ")
		f.text("username", user)
		f.text("target_username", target)
		f.text("terminal", terminal)
		return f
	}
	rest = strings.TrimPrefix(rest, "Successful su ")
	if names, ok := strings.CutPrefix(rest, "for "); ok {
		target, user, _ := strings.Cut(names, " by ")
		f.text("username", user)
		f.text("target_username", target)
		return f
	}
	return nil
}

// accounts reads shadow's "new user: name=eve, UID=0, GID=0, home=/root, shell=/bin/bash, from=/dev/pts/1" and the rest.
func accounts(body string) []timeline.Field {
	switch {
	case strings.HasPrefix(body, "new user: "):
		f := action("user_added", "")
		for part := range strings.SplitSeq(body[len("new user: "):], ", ") {
			name, v, _ := strings.Cut(part, "=")
			switch name {
			case "name":
				f.text("username", v)
			case "UID":
				f.number("user_identifier", v)
			case "GID":
				f.number("group_identifier", v)
			case "home":
				f.text("home_directory", v)
			case "shell":
				f.text("shell", v)
			}
		}
		return f
	case strings.HasPrefix(body, "delete user '"):
		f := action("user_deleted", "")
		f.text("username", quoted(body))
		return f
	case strings.HasPrefix(body, "add '") && strings.Contains(body, "' to group '"):
		f := action("group_member_added", "")
		f.text("username", quoted(body))
		_, group, _ := strings.Cut(body, "' to group ")
		f.text("group", quoted(group))
		return f
	case strings.Contains(body, "password changed for "):
		f := action("password_changed", "")
		_, user, _ := strings.Cut(body, "password changed for ")
		f.text("username", user)
		return f
	}
	return nil
}

// quoted is the first text in single quotes.
func quoted(s string) string {
	_, s, _ = strings.Cut(s, "'")
	s, _, _ = strings.Cut(s, "'")
	return s
}

// logind reads "New session 3 of user root."
func logind(body string) []timeline.Field {
	rest, ok := strings.CutPrefix(body, "New session ")
	id, user, ok2 := strings.Cut(rest, " of user ")
	if !ok || !ok2 {
		return nil
	}
	f := action("session_opened", "success")
	user, _, _ = strings.Cut(user, " with class ") // systemd 256 and later
	f.text("username", strings.Trim(strings.TrimSuffix(user, "."), "'"))
	f.text("session", id)
	return f
}

// cron reads "(root) CMD (command)".
func cron(body string) []timeline.Field {
	user, rest, ok := strings.Cut(body, ") CMD (")
	if !ok || !strings.HasPrefix(user, "(") {
		return nil
	}
	f := action("cron", "")
	f.text("username", user[1:])
	f.text("command", strings.TrimSpace(strings.TrimSuffix(rest, ")")))
	return f
}
