// Package packages reads the logs of package managers: what was installed, upgraded and removed, when, and by whom.
//
//   - dpkg: dpkg 1.22, lib/dpkg/log.c; "2026-05-20 09:00:00 install nc:amd64 <none> 1.10"
//   - apt: history.log and term.log, apt 2.7, apt-pkg/deb/dpkgpm.cc; unattended-upgrades 2.9
//   - yum 3.4 and dnf 4: yum.log, dnf.log, dnf.rpm.log, hawkey.log, librepo's
//   - pacman 6, lib/libalpm/log.c; zypp: zypp's history, libzypp TargetImpl/HistoryLog.cc; apk has none
//   - alternatives: update-alternatives(1) of dpkg
//
// All of them give action, package, version, previous_version and architecture where they tell them.
package packages

import (
	"strings"

	"spor/timeline"
	"spor/timeline/dates"
	"spor/timeline/textlog"
)

var say = textlog.Say

// Formats are the parsers of this package, the strictest first.
var Formats = []*timeline.Format{
	(&textlog.Dialect{Name: "dpkg", Type: "linux:dpkg_log:entry", Desc: timeline.DescModified, Begin: dated, Sure: dpkgLine, Single: true, Read: dpkg}).Format(),
	(&textlog.Dialect{Name: "apt_history", Type: "linux:apt_history_log:entry", Begin: stanza("Start-Date: "), Long: true, Read: aptHistory}).Format(),
	(&textlog.Dialect{Name: "apt_term", Type: "linux:apt_term_log:entry", Begin: stanza("Log started: "), Long: true, Read: aptTerm}).Format(),
	(&textlog.Dialect{Name: "unattended_upgrades", Type: "linux:unattended_upgrades:entry", Names: has("unattended-upgrades"), Begin: dated, Read: unattended}).Format(),
	(&textlog.Dialect{Name: "alternatives", Type: "linux:alternatives:entry", Begin: alternativesBegin, Single: true, Read: alternatives}).Format(),
	(&textlog.Dialect{Name: "yum", Type: "linux:yum_log:entry", Names: has("yum"), Begin: yumBegin, Single: true, Read: yum}).Format(),
	(&textlog.Dialect{Name: "dnf", Type: "linux:dnf_log:entry", Begin: dnfBegin, Read: dnf}).Format(),
	(&textlog.Dialect{Name: "pacman", Type: "linux:pacman_log:entry", Begin: pacmanBegin, Read: pacman}).Format(),
	(&textlog.Dialect{Name: "zypp", Type: "linux:zypp_history:entry", Begin: dated, Sure: zyppLine, Single: true, Comment: "#", Read: zypp}).Format(),
}

// has tells names that hold a word.
func has(word string) func(string) bool {
	return func(base string) bool { return strings.Contains(base, word) }
}

// dated begins with "2006-01-02 15:04:05".
func dated(line string) (dates.Stamp, int, bool) {
	s, n := dates.ISO(line)
	return s, n, n > 0
}

// add gives what package managers have in common.
func add(e *textlog.Entry, action, name, version, previous string) {
	e.Did(action, "")
	name, arch, _ := strings.Cut(name, ":")
	e.Add("package", name)
	e.Add("architecture", arch)
	if version != "<none>" {
		e.Add("version", version)
	}
	if previous != "<none>" {
		e.Add("previous_version", previous)
	}
}

// dpkgActions are the first words of dpkg's lines that change something; "status" and "startup" tell how it goes.
var dpkgActions = map[string]string{
	"install": "package_installed", "upgrade": "package_upgraded", "remove": "package_removed", "purge": "package_purged", "configure": "package_configured",
	"trigproc": "package_triggered", "disappear": "package_removed", "status": "package_status", "startup": "started", "conffile": "configuration_file",
}

func dpkgLine(line string) bool {
	if len(line) < 21 {
		return false
	}
	word, _, ok := strings.Cut(line[20:], " ")
	return ok && dpkgActions[word] != ""
}

// dpkg reads "install name:arch <installed version> <version>", "status state name:arch version", "startup type command"
// and "conffile name decision".
func dpkg(e *textlog.Entry) {
	verb, rest, _ := strings.Cut(strings.TrimPrefix(e.Words(), " "), " ")
	a, rest, _ := strings.Cut(rest, " ")
	b, c, _ := strings.Cut(rest, " ")
	switch action := dpkgActions[verb]; verb {
	case "status":
		add(e, action, b, c, "")
		e.Add("status", a)
	case "startup", "conffile":
		e.Did(action, "")
		e.Add(map[string]string{"startup": "operation", "conffile": "filename"}[verb], a)
		e.Add("detail", rest)
	case "":
	default:
		if action == "" {
			return
		}
		if c == "<none>" || c == "" { // remove, purge, configure
			add(e, action, a, b, "")
		} else {
			add(e, action, a, c, b)
		}
	}
}

// stanza begins with a word and a date, "Start-Date: 2026-05-20  09:00:00".
func stanza(word string) func(string) (dates.Stamp, int, bool) {
	return func(line string) (dates.Stamp, int, bool) {
		rest, ok := strings.CutPrefix(line, word)
		if !ok {
			return dates.Stamp{}, 0, false
		}
		s, n := dates.ISO(rest)
		return s, len(word) + n, n > 0
	}
}

// aptNames are the lines of a stanza of history.log.
var aptNames = map[string]string{
	"Commandline": "command", "Requested-By": "username", "Install": "installed", "Upgrade": "upgraded", "Remove": "removed", "Purge": "purged", "Downgrade": "downgraded",
	"Reinstall": "reinstalled", "Error": "error", "Comment": "comment", "End-Date": "end_time",
}

// maxPackages bounds how many packages of one line become a list.
const maxPackages = 4096

func aptHistory(e *textlog.Entry) {
	e.Did("packages_changed", "")
	command, what := "", []string(nil)
	for line := range strings.SplitSeq(e.Words(), "\n") {
		key, value, _ := strings.Cut(line, ": ")
		name, ok := aptNames[key]
		if !ok {
			continue
		}
		switch name {
		case "command":
			command = value
		case "username":
			user, uid, _ := strings.Cut(value, " (")
			e.Add(name, user)
			e.Digits("user_identifier", strings.TrimSuffix(uid, ")"))
			continue
		case "installed", "upgraded", "removed", "purged", "downgraded", "reinstalled":
			list := aptPackages(value)
			e.List(name, list)
			what = append(what, key+": "+strings.Join(list[:min(len(list), 5)], ", "))
			continue
		}
		e.Add(name, value)
	}
	if command == "" {
		command = "apt"
	}
	e.Message = e.Join(append([]string{"[", command, "] "}, strings.Join(what, "; "))...)
}

// aptPackages splits "a:amd64 (1.0, automatic), b:amd64 (1.0, 2.0)" at the commas between packages.
func aptPackages(s string) (list []string) {
	for s != "" && len(list) < maxPackages {
		end := strings.Index(s, "), ")
		if end < 0 {
			return append(list, s)
		}
		list = append(list, s[:end+1])
		s = s[end+3:]
	}
	return list
}

func aptTerm(e *textlog.Entry) {
	e.Did("packages_changed", "")
	text := strings.TrimSpace(strings.ReplaceAll(e.Words(), "\r", "\n"))
	e.Add("body", text)
	first, _, _ := strings.Cut(text, "\n")
	e.Message = e.Join("[apt term] ", first)
}

func unattended(e *textlog.Entry) {
	level, words, ok := strings.Cut(strings.TrimPrefix(e.Words(), " "), " ")
	if !ok {
		return
	}
	e.Add("severity", level)
	e.Match(unattendedSays, words)
	e.Add("body", words)
}

var unattendedSays = []textlog.Pattern{
	say("packages_changed", "", "Packages that will be upgraded: {packages}"),
	say("packages_changed", "success", "All upgrades installed"),
	say("started", "", "Starting unattended upgrades script"),
	say("packages_refused", "failure", "Installing the upgrades failed!"),
}

// alternativesBegin reads "update-alternatives 2026-05-20 09:00:00: run with …".
func alternativesBegin(line string) (dates.Stamp, int, bool) {
	const word = "update-alternatives "
	if !strings.HasPrefix(line, word) {
		return dates.Stamp{}, 0, false
	}
	s, n := dates.ISO(line[len(word):])
	return s, len(word) + n, n > 0
}

func alternatives(e *textlog.Entry) {
	words := strings.TrimPrefix(e.Words(), ": ")
	e.Message = words
	e.Match(alternativesSays, words)
}

var alternativesSays = []textlog.Pattern{
	say("alternative_set", "", "run with {arguments}"),
	say("alternative_set", "", "link group {alternative} updated to point to {filename}"),
	say("alternative_removed", "", "link group {alternative} fully removed"),
}

// yumBegin reads the date of yum.log: "Mar  9 07:52:33 Installed: nc-1.84-10.el6.x86_64".
func yumBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.BSD(line)
	if n == 0 || !strings.Contains(line[n:], ": ") {
		return s, 0, false
	}
	verb, _, _ := strings.Cut(strings.TrimPrefix(line[n:], " "), ": ")
	_, ok := rpmVerbs[verb]
	return s, n, ok
}

// rpmVerbs are the words of yum and dnf for what is done to a package.
var rpmVerbs = map[string]string{
	"Installed": "package_installed", "Updated": "package_upgraded", "Upgraded": "package_upgraded", "Erased": "package_removed", "Removed": "package_removed",
	"Upgrade": "package_upgraded", "Downgraded": "package_downgraded", "Downgrade": "package_downgraded", "Reinstalled": "package_installed", "Reinstall": "package_installed", "Dep-Installed": "package_installed",
	"Obsoleted": "package_removed", "Obsoleting": "package_installed", "Cleanup": "package_cleaned", "Verified": "package_verified",
}

func yum(e *textlog.Entry) {
	verb, name, _ := strings.Cut(strings.TrimPrefix(e.Words(), " "), ": ")
	rpm(e, rpmVerbs[verb], name)
}

// rpm reads "[epoch:]name-version-release.arch".
func rpm(e *textlog.Entry, action, nevra string) {
	e.Did(action, "")
	nevra = strings.TrimSpace(nevra)
	at := strings.LastIndexByte(nevra, '.')
	if at < 0 || strings.IndexByte(nevra, ' ') >= 0 {
		e.Add("package", nevra)
		return
	}
	rest, arch := nevra[:at], nevra[at+1:]
	release := strings.LastIndexByte(rest, '-')
	version := -1
	if release > 0 {
		version = strings.LastIndexByte(rest[:release], '-')
	}
	if version <= 0 {
		e.Add("package", nevra)
		return
	}
	name := rest[:version]
	if epoch, after, ok := strings.Cut(name, ":"); ok && strings.Trim(epoch, "0123456789") == "" {
		name = after
	}
	e.Add("package", name)
	e.Add("version", rest[version+1:])
	e.Add("architecture", arch)
}

// dnfBegin reads "2026-05-20T09:00:00+0200 SUBDEBUG Installed: …" and "2026-05-20T09:00:00Z INFO …"; hawkey.log has the
// level first: "INFO May-20 09:00:00 …", without a year, and then "INFO 2026-05-20T…".
func dnfBegin(line string) (dates.Stamp, int, bool) {
	s, n := dates.RFC3339(line)
	if n == 0 {
		level, rest, ok := strings.Cut(line, " ")
		if s, n = dates.RFC3339(rest); !ok || n == 0 || !dnfLevels[strings.TrimSuffix(level, ":")] {
			return s, 0, false
		}
		return s, len(level) + 1 + n, true
	}
	level, _, ok := strings.Cut(strings.TrimPrefix(line[n:], " "), " ")
	return s, n, ok && dnfLevels[level]
}

var dnfLevels = map[string]bool{
	"INFO": true, "DEBUG": true, "DDEBUG": true, "SUBDEBUG": true, "WARNING": true, "ERROR": true, "CRITICAL": true, "INFO:": true, "DEBUG:": true, "ALL": true, "TRACE": true, "[INFO]": true,
}

func dnf(e *textlog.Entry) {
	words := strings.TrimPrefix(e.Words(), " ")
	if level, rest, ok := strings.Cut(words, " "); ok && dnfLevels[level] {
		e.Add("severity", strings.TrimSuffix(level, ":"))
		words = rest
	}
	if verb, name, ok := strings.Cut(words, ": "); ok {
		if action := rpmVerbs[verb]; action != "" {
			rpm(e, action, name)
		} else if verb == "Command" || verb == "DNF Command" || strings.HasSuffix(verb, "Command-line") {
			e.Did("command", "")
			e.Add("command", name)
		}
	}
	e.Add("body", strings.TrimSpace(words))
}

// pacmanBegin reads "[2026-05-20T09:00:00+0200] [ALPM] installed nc (1.10-9)" and before 5.1 "[2018-05-20 09:00] …".
func pacmanBegin(line string) (dates.Stamp, int, bool) {
	if len(line) < 20 || line[0] != '[' {
		return dates.Stamp{}, 0, false
	}
	if s, n := dates.ISO(line[1:]); n > 0 && strings.HasPrefix(line[1+n:], "] [") {
		return s, n + 2, true
	}
	const minutes = 16 // "2018-05-20 09:00"
	if line[minutes+1] != ']' {
		return dates.Stamp{}, 0, false
	}
	var buf [24]byte
	s, n := dates.ISO(string(append(append(buf[:0], line[1:minutes+1]...), ":00"...)))
	return s, minutes + 2, n > 0 && strings.HasPrefix(line[minutes+2:], " [")
}

func pacman(e *textlog.Entry) {
	words := strings.TrimPrefix(e.Words(), " ")
	if caller, rest, ok := strings.Cut(words, "] "); ok && caller != "" && caller[0] == '[' {
		e.Add("reporter", caller[1:])
		words = rest
	}
	e.Match(pacmanSays, words)
	e.Add("body", strings.TrimSpace(words))
}

var pacmanSays = []textlog.Pattern{
	say("package_installed", "", "installed {package} ({version})"),
	say("package_installed", "", "reinstalled {package} ({version})"),
	say("package_upgraded", "", "upgraded {package} ({previous_version} -> {version})"),
	say("package_downgraded", "", "downgraded {package} ({previous_version} -> {version})"),
	say("package_removed", "", "removed {package} ({version})"),
	say("command", "", "Running '{command}'"),
	say("packages_changed", "success", "transaction completed"),
	say("packages_refused", "failure", "transaction failed"),
}

var zyppActions = map[string]string{
	"install": "package_installed", "remove": "package_removed", "radd": "repository_added", "rremove": "repository_removed", "ralias": "repository_renamed",
	"rurl": "repository_changed", "patch": "patch_installed", "command": "command",
}

func zyppLine(line string) bool {
	_, rest, ok := strings.Cut(line, "|")
	verb, _, ok2 := strings.Cut(rest, "|")
	return ok && ok2 && zyppActions[strings.TrimSpace(verb)] != ""
}

// zypp reads "date|install|name|version|arch|user@host|repository|checksum|" and "date|command|user@host|'zypper' …|".
func zypp(e *textlog.Entry) {
	w := strings.SplitN(strings.TrimPrefix(e.Words(), "|"), "|", 8)
	verb := strings.TrimSpace(w[0])
	at := func(i int) string {
		if i < len(w) {
			return w[i]
		}
		return ""
	}
	e.Message = strings.ReplaceAll(strings.Trim(e.Words(), "|"), "|", " ")
	switch verb {
	case "install", "remove":
		e.Did(zyppActions[verb], "")
		e.Add("package", at(1))
		e.Add("version", at(2))
		e.Add("architecture", at(3))
		e.Add("username", at(4))
		if verb == "install" {
			e.Add("repository", at(5))
		}
	case "command":
		e.Did("command", "")
		e.Add("username", at(1))
		e.Add("command", at(2))
	default:
		e.Did(zyppActions[verb], "")
		e.Add("repository", at(1))
		e.Add("url", at(2))
	}
}
