package report

import (
	"strconv"
	"strings"
)

// texts is every word of the page in one language. No field may be empty, and a test sees to it.
type texts struct {
	Lang      string // of the html element
	Thousands string // between groups of three digits
	Decimal   string

	Title, Case, Operator, Host, Collected, Tool, To string
	TLP                                              map[string]string // what a level allows
	Completion                                       map[string]string

	Nameless                                                          string // a host whose name is not known
	Summary, Gravest, Lacking, NoGaps, Next, NothingSaid              string // the summary
	StepKeep, StepNotes, StepFindings, StepQuiet, StepClock, StepGaps string

	Items, Size, Gaps, Findings, Events, Volumes string // the figures

	Incident, IncidentNote                                                            string
	Contact, Start, Noticed, FirstTrace, What, Class, Malware, Actor, Traces          string
	DataTaken, DataDamaged, Systems, Ongoing, Severity, OperationStops, Infra, Extent string
	Workstations, Servers, Spreading, Reach, Measures, Planned, Data                  string
	Answers, Classes, States                                                          map[string]string

	NoFindings, FindingsNote, Evidence, More string
	Severities                               map[string]string
	Rules                                    map[string]string // titles of findings by rule; the finding's own where there is none

	HostClock, System, Kernel, Arch, MachineID, Domain, Hardware, Platform, Source     string
	Clock, ClockNow, BootTime, Zone, Synchronised, Unsynchronised, SyncUnknown, NoSkew string
	Yes, No, Unknown                                                                   string

	Exposure, ExposureNote, NoExposure, Service, Address, Reachable, LocalOnly, Program, User string

	Timeline, TimelineNote, NoTimeline, LogEvents, FileTimes, Earlier, Later, Untimed, FirstEvents, LastEvents, Time, Event, File, InTimeline, LeftOut, FewFields, NoFields string

	Viewer map[string]string // the words of viewer.js

	Taken, TakenNote, By, Missing, MissingNote, NothingMissing, Reason, Paths, Count string
	Groups                                                                           map[string]string

	Processes, ProcessesNote, Command, Started, Accounts, Sessions, Interfaces, Name, Home, Shell, Password, Admin, From, Terminal, Up, Promiscuous string

	Screens, ScreensNote, Session, Picture, Windows, Locked string

	Custody, CustodyNote, Step, Who, Detail, Signer, SignerNote, Recipients, Digest, Options, Commit string

	Faults, Cut string

	Shared, Indicators, About, Consent string

	Notes, NotesNote, NoText, Connections, ConnectionsNote, Here, Remote, Starters, StartersNote, Changed, Kind   string
	Temporary, Writable, Gone, Recent, Firewall, Policy, FirewallRules, NoInput, AllowRules, NotLetIn, NoFirewall string
}

// languages are the pages that can be written, by the tag of the language.
var languages = map[string]*texts{"is": &icelandic, "nb": &norwegian, "en": &english}

// number writes n with its digits in groups.
func (t *texts) number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteString(t.Thousands)
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// size writes bytes in the largest unit that leaves a number of at least one.
func (t *texts) size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	f, u := float64(n), 0
	for f >= 1024 && u < len(units)-1 {
		f /= 1024
		u++
	}
	if u == 0 {
		return t.number(n) + " B"
	}
	return strings.Replace(strconv.FormatFloat(f, 'f', 1, 64), ".", t.Decimal, 1) + " " + units[u]
}
