package detect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"spor/timeline"
)

// commands are the actions of events that hold a command.
var commands = []string{"command", "process_started", "sudo", "cron", "typed", "doas", "pkexec"}

// logs are rules on what logs tell.
var logs = []*Rule{
	{
		Name: "guessed-password", Title: "Logged on after many failures from the same address",
		Severity: High, Technique: []string{"T1110"}, Watch: guessedPassword, Actions: []string{"login", "login_failed", "invalid_user", "authentication_failed"},
	},
	{
		Name: "root-from-outside", Title: "root logged on from the internet",
		Severity: Medium, Technique: []string{"T1078.003", "T1133"}, Event: rootOutside, Actions: []string{"login"},
	},
	{
		Name: "log-gap", Title: "A log is silent for longer than it ever was",
		Severity: Low, Technique: []string{"T1070.002"}, Watch: logGap,
	},
	{
		Name: "audit-disabled", Title: "The audit system was switched off",
		Severity: High, Technique: []string{"T1562.012"}, Event: auditDisabled, Actions: []string{"audit_disabled"},
	},
	{
		Name: "traces-removed", Title: "A command that removes logs or history",
		Severity: Medium, Technique: []string{"T1070.002", "T1070.003"}, Event: commandRule(tracesRemoved, "was run: it removes traces of what was done. Administrators who clean up a disk run such commands too."), Actions: commands,
	},
	{
		Name: "protection-stopped", Title: "A command that stops logging or protection",
		Severity: High, Technique: []string{"T1562.001", "T1562.012"}, Event: commandRule(protectionStopped, "was run: it stops what watches or protects the host. Maintenance looks the same."), Actions: commands,
	},
	{
		Name: "protection-package-removed", Title: "A package that logs or protects was removed",
		Severity: Medium, Technique: []string{"T1562.001"}, Event: protectionRemoved, Actions: []string{"package_removed", "package_purged"},
	},
	{
		Name: "root-account-added", Title: "An account with uid 0 was added",
		Severity: High, Technique: []string{"T1136.001"}, Event: rootAdded, Actions: []string{"user_added"},
	},
	{
		Name: "antivirus-found", Title: "Antivirus found malware",
		Severity: Medium, Event: antivirusFound, Actions: []string{"malware_found"},
	},
}

func field(e *timeline.Event, name string) string {
	f, _ := e.Get(name)
	return f.String()
}

// Many failures from one address, and soon.
const (
	failuresMany   = 10
	failuresWithin = time.Hour
	maxAddresses   = 4096 // that are remembered
)

// guessedPassword remembers when addresses failed last.
func guessedPassword() Watcher {
	failed := map[string][]time.Time{}
	return func(e *timeline.Event, f *Finding) bool {
		address := field(e, "ip_address")
		if address == "" || !e.Timed() || loginRecord(e) {
			return false
		}
		times := failed[address]
		if !is(e, "action", "login") {
			if times == nil && len(failed) >= maxAddresses {
				clear(failed)
			}
			if len(times) == failuresMany {
				times = slices.Delete(times, 0, 1)
			}
			failed[strings.Clone(address)] = append(times, e.Time)
			return false
		}
		delete(failed, address)
		if len(times) < failuresMany || e.Time.Sub(times[0]) > failuresWithin || !is(e, "authentication_result", "success") || is(e, "authentication_method", "publickey") {
			return false
		}
		f.Reason = fmt.Sprintf("%s let %s in from %s, which had failed at least %d times within the hour before. A forgotten password fails a few times, seldom as often.",
			or(service(e), "A service"), or(field(e, "username"), "somebody"), shorten(address), failuresMany)
		return true
	}
}

// loginRecord tells whether an event is of utmp's kind: the log tells the same login, and by which method.
func loginRecord(e *timeline.Event) bool {
	for _, kind := range [...]string{"linux:utmp:", "linux:wtmpdb:", "linux:lastlog", "linux:faillog:", "linux:tallylog:"} {
		if strings.HasPrefix(e.Type, kind) {
			return true
		}
	}
	return false
}

func service(e *timeline.Event) string {
	return or(field(e, "reporter"), field(e, "service"))
}

// rootOutside leaves logins with a password to the rule that is about those.
func rootOutside(e *timeline.Event, f *Finding) bool {
	address, err := netip.ParseAddr(field(e, "ip_address"))
	if err != nil || !is(e, "username", "root") || !is(e, "authentication_result", "success") || is(e, "authentication_method", "password") || loginRecord(e) {
		return false
	}
	address = address.Unmap()
	if address.IsPrivate() || address.IsLoopback() || address.IsLinkLocalUnicast() || !address.IsGlobalUnicast() {
		return false
	}
	f.Reason = fmt.Sprintf("%s let root in from %s, by %s. Check whose address that is, and whose key; a hosting company or an administrator at home looks the same.",
		or(service(e), "A service"), address, or(field(e, "authentication_method"), "a method it does not name"))
	return true
}

// A log that is written to at least every quietMost for long, and is then silent for gapLeast, has a gap.
const (
	gapLeast   = 12 * time.Hour
	gapFactor  = 20 // times the longest silence before
	gapEntries = 500
	maxLogs    = 256 // that are remembered
)

// logGap remembers for each syslog file how long it was ever silent. A boot at the end of a gap explains it.
func logGap() Watcher {
	type log struct {
		last    time.Time
		longest time.Duration
		entries int
		gap     Finding // not told yet; its Time is zero where there is none
		after   int     // entries behind it
	}
	known := map[*timeline.Source]*log{}
	return func(e *timeline.Event, f *Finding) bool {
		if e.Type != "syslog:line" || e.Source == nil || !e.Timed() {
			return false
		}
		l := known[e.Source]
		if l == nil {
			if len(known) >= maxLogs {
				return false
			}
			l = &log{last: e.Time}
			known[e.Source] = l
		}
		silent := e.Time.Sub(l.last)
		l.last = e.Time
		if l.entries++; l.entries > gapEntries && silent >= gapLeast && silent > gapFactor*l.longest {
			l.gap, l.after = *f, 0
			l.gap.Reason = fmt.Sprintf("%s is silent for %s before %s; its longest silence before was %s, and no start of the system follows. Entries may have been removed; a host that slept or a service that stood still looks the same.",
				e.Source.Path, silent.Round(time.Minute), e.Time.UTC().Format(time.RFC3339), l.longest.Round(time.Second))
		} else {
			l.longest = max(l.longest, silent)
		}
		if l.gap.Time.IsZero() {
			return false
		}
		if booted(e) {
			l.gap = Finding{}
			return false
		}
		const enough = 200 // entries in which a start would show
		if l.after++; l.after < enough {
			return false
		}
		*f, l.gap = l.gap, Finding{}
		return true
	}
}

func booted(e *timeline.Event) bool {
	return is(e, "action", "boot") || is(e, "action", "logging_started") || is(e, "reporter", "kernel") && (strings.Contains(e.Message, "Linux version") || strings.Contains(e.Message, "Command line: BOOT_IMAGE"))
}

func auditDisabled(e *timeline.Event, f *Finding) bool {
	if !is(e, "authentication_result", "success") {
		return false
	}
	f.Reason = fmt.Sprintf("The kernel's audit system was set to record nothing (audit_enabled=0) by uid %s. Programs that install or measure do so seldom, and switch it on again.", or(field(e, "audit_login_identifier"), "unknown"))
	return true
}

// A suspect is a command: all of the words, in this order.
type suspect []string

// tracesRemoved and protectionStopped are commands of Linux as ATT&CK's procedure examples and Atomic Red Team have them.
var tracesRemoved = []suspect{
	{"history -c"},
	{"history -w /dev/null"},
	{"unset HISTFILE"},
	{"HISTFILE=/dev/null"},
	{"HISTSIZE=0"},
	{"HISTFILESIZE=0"},
	{"ln ", "/dev/null", "_history"},
	{"rm ", "_history"},
	{"> ", ".bash_history"},
	{"rm ", "/var/log/"},
	{"shred ", "/var/log"},
	{"truncate ", "/var/log/"},
	{"> /var/log/"},
	{">/var/log/"},
	{"cat /dev/null >", "/var/log"},
	{"journalctl", "--vacuum-time=1s"},
	{"journalctl", "--vacuum-size=1"},
	{"rm ", "/var/run/utmp"},
	{"sed -i", "/var/log/"},
	{"utmpdump -r"},
	{"wevtutil cl"},
}

var protectionStopped = []suspect{
	{"auditctl -e 0"},
	{"auditctl -e0"},
	{"auditctl -D"},
	{"setenforce 0"},
	{"systemctl ", "stop", "auditd"},
	{"systemctl ", "disable", "auditd"},
	{"service auditd stop"},
	{"systemctl ", "stop", "rsyslog"},
	{"systemctl ", "disable", "rsyslog"},
	{"service rsyslog stop"},
	{"systemctl ", "stop", "syslog"},
	{"systemctl ", "stop", "fail2ban"},
	{"systemctl ", "stop", "apparmor"},
	{"aa-teardown"},
	{"ufw disable"},
	{"iptables -F"},
	{"nft flush ruleset"},
	{"systemctl ", "stop", "firewalld"},
	{"systemctl ", "stop", "clamav"},
	{"systemctl ", "stop", "mdatp"},
	{"systemctl ", "stop", "falcon-sensor"},
	{"killall ", "auditd"},
	{"pkill ", "rsyslogd"},
}

// in tells whether the words stand in a command in their order.
func (s suspect) in(command string) bool {
	for _, word := range s {
		at := strings.Index(command, word)
		if at < 0 {
			return false
		}
		command = command[at+len(word):]
	}
	return true
}

// commandRule is the rule of a table of commands.
func commandRule(table []suspect, meaning string) func(*timeline.Event, *Finding) bool {
	return func(e *timeline.Event, f *Finding) bool {
		if is(e, "authentication_result", "failure") {
			return false
		}
		command := field(e, "command")
		for _, s := range table {
			if s.in(command) {
				f.Reason = fmt.Sprintf("%q %s", shorten(command), meaning)
				if user := field(e, "username"); user != "" {
					f.Reason = shorten(user) + ": " + f.Reason
				}
				return true
			}
		}
		return false
	}
}

// protection are packages that log or protect, by the beginning of their names.
var protection = []string{
	"auditd", "audit", "rsyslog", "syslog-ng", "fail2ban", "clamav", "apparmor", "aide", "rkhunter", "chkrootkit", "ossec", "wazuh", "falcon-sensor", "mdatp", "osquery", "suricata", "sysmonforlinux", "auditbeat", "filebeat",
	"elastic-agent", "sentinelagent", "esets", "efs", "ds_agent", "sophos", "firewalld", "ufw",
}

func protectionRemoved(e *timeline.Event, f *Finding) bool {
	name := field(e, "package")
	if !slices.ContainsFunc(protection, func(p string) bool { return name == p || strings.HasPrefix(name, p+"-") }) {
		return false
	}
	f.Reason = fmt.Sprintf("The package %s, which logs or protects, was removed. Its replacement by another product looks the same.", shorten(name))
	return true
}

func rootAdded(e *timeline.Event, f *Finding) bool {
	if !is(e, "user_identifier", "0") || is(e, "username", "root") {
		return false
	}
	if _, said := e.Get("journal_user_identifier"); e.Type != "syslog:line" && !said { // in others it is who added it
		return false
	}
	f.Reason = fmt.Sprintf("The account %s was added with uid 0: whoever logs on by that name is root.", or(shorten(field(e, "username")), "without a name"))
	return true
}

func antivirusFound(e *timeline.Event, f *Finding) bool {
	f.Reason = fmt.Sprintf("Antivirus called %s %s. What it did with the file is in its log.", or(shorten(field(e, "filename")), "a file"), or(shorten(field(e, "threat_name")), "malware"))
	return true
}
