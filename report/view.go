package report

import (
	"cmp"
	"fmt"
	"html/template"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"spor/package/manifest"
)

// view is what the template writes: words and numbers ready to be read, all of them clean.
type view struct {
	T                                             *texts
	ID                                            string // of this host's sections: nothing, "-1", "-2" …
	Beside                                        string // the folder, as seen from the page; empty: it is not there to link to
	Case, Operator, Host, Collected, Tool         string
	Completion                                    string
	Whole, Reduced                                bool
	Said                                          bool // a person filled in something of Incident
	Figures                                       []figure
	Incident                                      []row
	HostRows, ClockRows                           []row
	Services                                      []service
	Chart                                         *chart
	Events                                        int64
	Before, After, Untimed                        string
	First, Last                                   []Happening
	Taken                                         []taken
	Missing                                       []missing
	Processes                                     []process
	MoreProcesses, MoreServices                   string
	Accounts                                      []account
	Sessions                                      []Session
	Screens                                       []screen
	Interfaces                                    []Interface
	Steps                                         []step
	Signer                                        string
	Recipients                                    []manifest.Recipient
	Volumes                                       []volume
	ToolDigest, ToolSystem, Profiles, CommandLine string
	Faults, Cut                                   []string
	Connections                                   []connection
	Starters                                      []starter
	Firewall                                      []row
	MoreConnections, MoreStarters                 string
	Notes                                         []Note
}

type (
	figure struct {
		Label, Value string
		Warn         bool
	}
	row struct {
		Label string
		Lines []string
		Warn  bool
	}
	finding struct {
		Host, Class, Severity, Title, Reason, Technique, Time, Where, Link, More string
		Event                                                                    string // its event in the viewer: "#e=12"
		ID                                                                       string // of its place on the page
		Own                                                                      bool   // the reason is in the program's own words, in English
	}
	service struct {
		Port, Protocol, Address, Program, User string
		Exposed                                bool
		Firewall                               string // what lets others in
	}
	taken   struct{ Source, Items, Size string }
	missing struct {
		Class, Title, Count string
		Closed              bool
		Rows                []missingRow
		More                string
	}
	missingRow struct {
		Count, Reason string
		Own           bool // as of a finding
		Sources       []string
		Paths         []string
		More          string
	}
	process struct {
		PID, PPID                  int
		User, Started, Name, Words string
		Marked                     bool
	}
	account struct{ Name, ID, Home, Shell, Password, Note string }
	screen  struct {
		Session           int
		User, State, Note string
		Link, Name        string
		Picture           template.URL // made by picture alone
		Titles            []string
	}
	step   struct{ Time, Who, What, Detail string }
	volume struct{ Name, Size, SHA256 string }
)

// Bounds of what is shown; the rest is counted, and stands in the folder.
const (
	shownFindings  = 300
	shownServices  = 200
	shownProcesses = 400
	shownRows      = 60 // of a group of what is missing
	shownText      = 400
	shownTitles    = 40 // of the windows of one session
)

func newView(in *Input, t *texts) *view {
	m := &in.Manifest
	v := &view{
		T: t, Beside: in.Beside, Reduced: in.reduced, Case: clean(m.Case), Operator: clean(m.Operator), Host: clean(cmp.Or(m.Host.FQDN, m.Host.Hostname, t.Nameless)),
		Collected: moment(m.Started) + " – " + moment(m.Finished), Completion: cmp.Or(t.Completion[m.Completion], clean(m.Completion)), Whole: m.Completion == "complete",
		Tool: clean(strings.TrimSpace(m.Tool.Name + " " + m.Tool.Version)), ToolDigest: clean(m.Tool.SHA256), ToolSystem: clean(m.Tool.System),
		Profiles: clean(strings.Join(m.Profiles, ", ")), CommandLine: clean(strings.Join(m.Options, " ")),
		Signer: groups(m.Signer.Fingerprint), Faults: cleanAll(in.Faults), Cut: cleanAll(in.Cut),
	}
	v.figures(in)
	v.incident(in.Incident)
	v.host(in)
	v.services(in.Sockets)
	v.timeline(in)
	v.outcomes(m)
	v.screens(in)
	v.notable(in)
	for _, n := range in.Notes {
		v.Notes = append(v.Notes, Note{Item: link(v.Beside, n.Item), Path: clean(n.Path), Text: tidy(n.Text, noteText, '\n')})
	}
	v.people(in)
	v.custody(m)
	return v
}

func (v *view) figures(in *Input) {
	m, t := &in.Manifest, v.T
	v.Figures = []figure{
		{t.Items, t.number(int64(m.Totals.Items)), false},
		{t.Size, t.size(m.Totals.Bytes), false},
		{t.Gaps, t.number(int64(m.Totals.Gaps)), m.Totals.Gaps > 0},
		{t.Findings, t.number(int64(len(in.Findings))), len(in.Findings) > 0},
		{t.Events, t.number(in.Timeline.Events), false},
	}
}

func (v *view) host(in *Input) {
	m, t := &in.Manifest, v.T
	id := m.Host
	add := func(rows *[]row, label string, lines ...string) {
		if len(lines) > 0 && lines[0] != "" {
			*rows = append(*rows, row{Label: label, Lines: cleanAll(lines)})
		}
	}
	add(&v.HostRows, t.Host, strings.Join(compact(id.Hostname, id.FQDN), " · "))
	add(&v.HostRows, t.System, cmp.Or(id.OSName, string(id.OS)+" "+id.OSVersion))
	add(&v.HostRows, t.Kernel, strings.Join(compact(id.Kernel, id.Arch), " · "))
	add(&v.HostRows, t.Domain, id.Domain)
	add(&v.HostRows, t.MachineID, id.MachineID)
	hw := in.Identity.Hardware
	add(&v.HostRows, t.Hardware, strings.Join(compact(hw.Vendor, hw.Product, hw.Serial), " · "))
	add(&v.HostRows, t.Platform, id.Platform)
	if id.Source != "live" {
		add(&v.HostRows, t.Source, id.Source)
	}
	c := m.Clock
	add(&v.ClockRows, t.ClockNow, moment(c.Now))
	add(&v.ClockRows, t.BootTime, moment(c.BootTime))
	add(&v.ClockRows, t.Zone, strings.TrimSpace(fmt.Sprintf("%s (UTC%+03d:%02d)", c.Zone, c.OffsetSeconds/3600, max(c.OffsetSeconds, -c.OffsetSeconds)/60%60)))
	switch {
	case c.Synchronized == nil:
		add(&v.ClockRows, t.Clock, t.SyncUnknown)
	case *c.Synchronized:
		add(&v.ClockRows, t.Clock, strings.Join(compact(t.Synchronised, c.SyncSource), " · "))
	default:
		v.ClockRows = append(v.ClockRows, row{t.Clock, []string{t.Unsynchronised}, true})
	}
}

// compact leaves out what is empty or said before.
func compact(words ...string) []string {
	var out []string
	for _, w := range words {
		if w != "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// services are the sockets that wait for others: what the network can reach first, by port.
func (v *view) services(sockets []Socket) {
	seen := map[service]bool{}
	var all []service
	for _, s := range sockets {
		udp := strings.HasPrefix(s.Protocol, "udp")
		if s.State != "LISTEN" && (!udp || s.RemotePort != 0) {
			continue
		}
		one := service{
			Port: strconv.Itoa(s.LocalPort), Protocol: clean(s.Protocol), Address: clean(s.LocalAddress), User: clean(s.User),
			Program: clean(programs(s.Owners)), Exposed: !loopback(s.LocalAddress),
		}
		if !seen[one] {
			seen[one] = true
			all = append(all, one)
		}
	}
	slices.SortStableFunc(all, func(a, b service) int {
		return cmp.Or(-cmp.Compare(truth(a.Exposed), truth(b.Exposed)), cmp.Compare(len(a.Port), len(b.Port)), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
	})
	if len(all) > shownServices {
		v.MoreServices = "+ " + v.T.number(int64(len(all)-shownServices))
		all = all[:shownServices]
	}
	v.Services = all
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func loopback(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && a.Unmap().WithZone("").IsLoopback()
}

// programs names the owners of a socket: "sshd (812) /usr/sbin/sshd".
func programs(owners []Owner) string {
	var words []string
	for i, o := range owners {
		if i == 3 {
			words = append(words, fmt.Sprintf("+ %d", len(owners)-i))
			break
		}
		words = append(words, strings.Join(compact(o.Name, o.Unit, "("+strconv.Itoa(o.PID)+")", o.Exe), " "))
	}
	return strings.Join(words, "; ")
}

func (v *view) timeline(in *Input) {
	t, words := &in.Timeline, v.T
	v.Events = t.Events
	if t.Events == 0 {
		return
	}
	v.Chart = newChart(t, in.end())
	say := func(n int64, what string) string {
		if n == 0 {
			return ""
		}
		return words.number(n) + " " + what
	}
	v.Before = say(v.Chart.Before, words.Earlier)
	v.After = say(v.Chart.After, words.Later)
	v.Untimed = say(t.Untimed, words.Untimed)
	for _, h := range t.First {
		v.First = append(v.First, h.clean())
	}
	for _, h := range t.Last {
		v.Last = append(v.Last, h.clean())
	}
}

func (h Happening) clean() Happening {
	when := strings.Replace(h.Datetime, "T", " ", 1)
	when, _, _ = strings.Cut(when, "+")
	when, _, _ = strings.Cut(when, ".")
	return Happening{Datetime: clean(when), Message: clean(h.Message), Path: clean(h.Path), Type: clean(h.Type)}
}

// screens lists the sessions with a desktop, with small pictures and links to the large ones.
func (v *view) screens(in *Input) {
	pictures := 0
	for _, s := range in.Screens {
		state := []string{clean(s.State)}
		if s.Locked {
			state = append(state, v.T.Locked)
		}
		desktop := ""
		if s.Desktop != "Default" {
			desktop = clean(s.Desktop)
		}
		shown := screen{
			Session: s.Session, User: clean(s.User), State: strings.Join(compact(state...), " · "), Note: strings.Join(compact(desktop, clean(s.Look), clean(s.Error)), " · "),
			Link: link(v.Beside, s.Image), Name: clean(s.Image),
		}
		if link(".", s.Image) != "" && pictures < maxPictures && in.folder != nil {
			pictures++
			var err error
			if shown.Picture, err = picture(in.folder, s.Image); err != nil {
				shown.Note = strings.Join(compact(shown.Note, clean(err.Error())), " · ")
			}
		}
		for _, w := range s.Windows {
			if (w.Visible || w.Desktop != "") && w.Title != "" && len(shown.Titles) < shownTitles {
				shown.Titles = append(shown.Titles, strings.Join(compact(clean(w.Title), clean(w.Desktop)), " · "))
			}
		}
		v.Screens = append(v.Screens, shown)
	}
}

// people are processes, accounts, sessions and interfaces.
func (v *view) people(in *Input) {
	marked := foundProcesses(in)
	list := slices.Clone(in.Processes)
	slices.SortStableFunc(list, func(a, b Process) int {
		return cmp.Or(-cmp.Compare(truth(marked[a.PID]), truth(marked[b.PID])), cmp.Compare(a.PID, b.PID))
	})
	for i, p := range list {
		if i == shownProcesses {
			v.MoreProcesses = "+ " + v.T.number(int64(len(list)-i))
			break
		}
		start, _ := time.Parse(time.RFC3339Nano, p.Start)
		v.Processes = append(v.Processes, process{
			PID: p.PID, PPID: p.PPID, User: clean(cmp.Or(p.User, p.UserID)), Started: moment(start), Name: clean(p.Name),
			Words: clean(cmp.Or(p.CommandLine, p.Exe)), Marked: marked[p.PID],
		})
	}
	for _, a := range in.Identity.Users {
		note := strings.Join(a.Groups, ", ")
		if a.Admin {
			note = strings.Join(compact(v.T.Admin, note), " · ")
		}
		v.Accounts = append(v.Accounts, account{clean(strings.Join(compact(a.Name, a.FullName), " · ")), clean(a.ID), clean(a.Home), clean(a.Shell), clean(a.Password), clean(note)})
	}
	for _, s := range in.Sessions {
		start, _ := time.Parse(time.RFC3339Nano, s.Login)
		v.Sessions = append(v.Sessions, Session{
			User: clean(s.User), Terminal: clean(s.Terminal), Host: clean(strings.Join(compact(s.Host, s.Address), " · ")), Login: moment(start),
			Type: clean(strings.Join(compact(s.Type, s.State), " · ")), Source: clean(s.Source),
		})
	}
	for _, i := range in.Identity.Interfaces {
		v.Interfaces = append(v.Interfaces, Interface{Name: clean(i.Name), MAC: clean(i.MAC), Up: i.Up, Promiscuous: i.Promiscuous, Addresses: cleanAll(i.Addresses)})
	}
}

func (v *view) custody(m *manifest.Manifest) {
	for _, s := range m.Custody {
		v.Steps = append(v.Steps, step{moment(s.Time), clean(s.Who), clean(s.What), clean(s.Detail)})
	}
	for _, r := range m.Recipients {
		v.Recipients = append(v.Recipients, manifest.Recipient{Fingerprint: groups(r.Fingerprint), UserID: clean(r.UserID)})
	}
	for _, o := range m.Volumes {
		v.Volumes = append(v.Volumes, volume{clean(o.Name), v.T.size(o.Size), clean(o.SHA256)})
	}
}

// groups writes a fingerprint in fours, as it is read out.
func groups(s string) string {
	s = clean(s)
	var out []string
	for len(s) > 4 {
		out = append(out, s[:4])
		s = s[4:]
	}
	return strings.Join(append(out, s), " ")
}

// moment writes a time to the second; empty: there is none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// clean makes text of the host harmless to the eye: control characters, and those that turn or hide what stands around
// them, are written out; long text is cut.
func clean(s string) string { return tidy(s, shownText, ' ') }

// tidy cleans text down to a number of characters; breaks stands for the end of a line.
func tidy(s string, most int, breaks rune) string {
	if len(s) <= most && printable(s) {
		return s
	}
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			b.WriteRune('…')
			break
		}
		switch {
		case r == '\n':
			b.WriteRune(breaks)
		case r == '\t' || r == '\r':
			b.WriteRune(' ')
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar:
			fmt.Fprintf(&b, "⟨%04X⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// printable tells that a text is of nothing but the printable characters of ASCII.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func cleanAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = clean(s)
	}
	return out
}
