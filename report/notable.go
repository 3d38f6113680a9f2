package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
)

// The records of live state behind what is worth a look; see collect/live for what they mean.
type (
	// Starter is of live/persistence.jsonl, live/autoruns.jsonl or live/tasks.jsonl: what starts by itself.
	Starter struct {
		Kind     string         `json:"kind"`
		Name     string         `json:"name"`
		Path     artifacts.Path `json:"path"`
		User     string         `json:"user"`
		Enabled  *bool          `json:"enabled"`
		Command  string         `json:"command"`
		Ships    bool           `json:"ships"`    // autoruns: Windows has just this
		Modified time.Time      `json:"modified"` // autoruns: of the key or file
		Made     time.Time      `json:"registered"`
		Config   *Target        `json:"config"`
		Targets  []Target       `json:"targets"`
		Actions  []struct {
			Command   string `json:"command"`
			Arguments string `json:"arguments"`
		} `json:"actions"` // tasks
	}
	// Target is a file that is run or loaded.
	Target struct {
		Path          artifacts.Path `json:"path"`
		Missing       bool           `json:"missing"` // Linux
		Gone          bool           `json:"gone"`    // Windows
		Temporary     bool           `json:"temporary"`
		WorldWritable bool           `json:"world_writable"`
		Package       string         `json:"package"`
		Shipped       *bool          `json:"shipped"`
		Modified      time.Time      `json:"modified"`
	}
	// FirewallRule is of live/firewall.jsonl (Linux: rules and the chains they are in) or live/firewall-rules.jsonl (Windows).
	FirewallRule struct {
		System    string `json:"system"`
		Kind      string `json:"kind"`
		Family    string `json:"family"`
		Table     string `json:"table"`
		Chain     string `json:"chain"`
		Hook      string `json:"hook"`
		Policy    any    `json:"policy"` // a chain's: "accept", "drop"; of Windows, whether a policy made the rule
		Name      string `json:"name"`
		Active    bool   `json:"active"`
		Action    string `json:"action"`
		Direction string `json:"direction"`
		Protocol  string `json:"protocol"`
		LocalPort string `json:"local_port"`
		Program   string `json:"program"`
		Service   string `json:"service"`
	}
	// Setting is of live/settings.jsonl.
	Setting struct {
		Area  string          `json:"area"`
		Path  artifacts.Path  `json:"path"`
		Value string          `json:"value"`
		Data  json.RawMessage `json:"data"`
	}
)

// ofFirewall tells a setting that says whether the firewall of a profile is on, and what it does with what no rule names.
func (s *Setting) ofFirewall() bool {
	value := strings.ToLower(s.Value)
	return s.Area == "firewall" && (value == "enablefirewall" || value == "defaultinboundaction")
}

const (
	maxStarters    = 20_000
	maxRules       = 20_000
	shownStarters  = 80
	shownConnected = 100
	recent         = 30 * 24 * time.Hour // before the collection: what was changed then is worth a look
)

type (
	starter    struct{ Kind, Name, Command, User, Modified, Why string }
	connection struct {
		Protocol, Local, Remote, Program, User string
		Marked                                 bool
	}
)

// notable fills in what is worth a look: connections to the outside, the firewall, and what starts by itself.
func (v *view) notable(in *Input) {
	v.connections(in)
	v.firewall(in)
	v.starters(in)
}

// connections are those with addresses of the internet, of processes with findings first.
func (v *view) connections(in *Input) {
	marked := foundProcesses(in)
	var list []connection
	for _, s := range in.Sockets {
		a, err := netip.ParseAddr(s.RemoteAddress)
		if err != nil || s.RemotePort == 0 {
			continue
		}
		hit := slices.ContainsFunc(s.Owners, func(o Owner) bool { return marked[o.PID] })
		if a = a.Unmap(); !hit && (!a.IsGlobalUnicast() || a.IsPrivate()) {
			continue
		}
		port := func(address string, n int) string { return clean(address) + " " + strconv.Itoa(n) }
		list = append(list, connection{
			clean(strings.ToLower(s.Protocol) + " " + s.State), port(s.LocalAddress, s.LocalPort), port(s.RemoteAddress, s.RemotePort), clean(programs(s.Owners)), clean(s.User), hit,
		})
	}
	slices.SortStableFunc(list, func(a, b connection) int {
		return cmp.Or(-cmp.Compare(truth(a.Marked), truth(b.Marked)), cmp.Compare(a.Program, b.Program), cmp.Compare(a.Remote, b.Remote))
	})
	if len(list) > shownConnected {
		v.MoreConnections = "+ " + v.T.number(int64(len(list)-shownConnected))
		list = list[:shownConnected]
	}
	v.Connections = list
}

func foundProcesses(in *Input) map[int]bool {
	marked := map[int]bool{}
	for _, f := range in.Findings {
		if f.PID != 0 {
			marked[f.PID] = true
		}
	}
	return marked
}

// firewall says what stands before the services, as far as the rules tell.
func (v *view) firewall(in *Input) {
	var order []string
	rules := map[string]int{}
	allowed := 0
	for _, r := range in.Firewall {
		name := strings.Join(compact(r.System, r.Family, r.Table, r.Chain), " ")
		switch {
		case r.Kind == "chain" && r.Hook == "input":
			order = append(order, name+"\x00"+fmt.Sprint(r.Policy))
		case r.Kind == "rule":
			rules[name]++
		case letsIn(&r):
			allowed++
		}
	}
	for _, one := range order {
		name, policy, _ := strings.Cut(one, "\x00")
		v.Firewall = append(v.Firewall, row{Label: clean(name), Lines: []string{v.T.Policy + ": " + clean(policy) + " · " + v.T.number(int64(rules[name])) + " " + v.T.FirewallRules}, Warn: policy == "accept" && rules[name] == 0})
	}
	if len(in.Firewall) > 0 && len(order) == 0 && in.Firewall[0].System != "" {
		v.Firewall = append(v.Firewall, row{Label: v.T.Firewall, Lines: []string{v.T.NoInput}, Warn: true})
	}
	for _, s := range in.FirewallSettings {
		off := strings.EqualFold(s.Value, "EnableFirewall") && string(s.Data) == "0"
		path := string(s.Path)
		v.Firewall = append(v.Firewall, row{Label: clean(path[strings.LastIndexByte(path, '\\')+1:]), Lines: []string{clean(s.Value + " = " + strings.Trim(string(s.Data), `"`))}, Warn: off})
	}
	if allowed > 0 {
		v.Firewall = append(v.Firewall, row{Label: v.T.Firewall, Lines: []string{v.T.number(int64(allowed)) + " " + v.T.AllowRules}})
	}
	for i := range v.Services {
		v.Services[i].Firewall = v.letIn(in.Firewall, &v.Services[i])
	}
}

// letsIn tells a rule of the Windows firewall that lets others in.
func letsIn(r *FirewallRule) bool { return r.Active && r.Action == "allow" && r.Direction == "in" }

// letIn names the rule of the Windows firewall that lets others reach a service; empty: there are no such rules here.
func (v *view) letIn(rules []FirewallRule, s *service) string {
	windows := false
	for i := range rules {
		r := &rules[i]
		windows = windows || r.Direction != ""
		number := map[string]string{"tcp": "6", "tcp6": "6", "udp": "17", "udp6": "17"}[strings.ToLower(s.Protocol)]
		if !letsIn(r) || r.Protocol != "" && r.Protocol != number || !portIn(r.LocalPort, s.Port) {
			continue
		}
		if r.Program == "" && r.Service == "" && r.LocalPort != "" || r.Program != "" && strings.Contains(strings.ToLower(s.Program), strings.ToLower(lastName(r.Program))) {
			return clean(r.Name)
		}
	}
	if windows && s.Exposed {
		return v.T.NotLetIn
	}
	return ""
}

func lastName(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

// portIn tells whether a list such as "80,443,5000-5010" has a port; an empty one has all. Names ("RPC") match none.
func portIn(list, port string) bool {
	if list == "" {
		return true
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return false
	}
	for one := range strings.SplitSeq(list, ",") {
		low, high, between := strings.Cut(one, "-")
		a, err1 := strconv.Atoi(low)
		b, err2 := strconv.Atoi(cmp.Or(high, low))
		if err1 == nil && (!between || err2 == nil) && a <= n && n <= b {
			return true
		}
	}
	return false
}

// starters are entries that no system ships: of no package, in folders for temporary files, missing, or changed shortly
// before the collection. The newest come first.
func (v *view) starters(in *Input) {
	end := in.end()
	type one struct {
		starter
		at time.Time
	}
	var list []one
	for i := range in.Starters {
		s := &in.Starters[i]
		at, why := s.changed(), v.why(s, end)
		if len(why) == 0 || s.Enabled != nil && !*s.Enabled {
			continue
		}
		command := s.Command
		if command == "" && len(s.Actions) > 0 {
			command = s.Actions[0].Command + " " + s.Actions[0].Arguments
		}
		if command == "" && len(s.Targets) > 0 {
			command = s.Targets[0].Path.String()
		}
		list = append(list, one{starter{clean(s.Kind), clean(strings.Join(compact(s.Name, s.Path.String()), " · ")), clean(command), clean(s.User), moment(at), strings.Join(why, ", ")}, at})
	}
	slices.SortStableFunc(list, func(a, b one) int { return b.at.Compare(a.at) })
	for i, s := range list {
		if i == shownStarters {
			v.MoreStarters = "+ " + v.T.number(int64(len(list)-i))
			break
		}
		v.Starters = append(v.Starters, s.starter)
	}
}

func (s *Starter) changed() time.Time {
	at := s.Modified
	later := func(t time.Time) {
		if y := t.Year(); t.After(at) && y < 9999 {
			at = t
		}
	}
	later(s.Made)
	for _, t := range s.Targets {
		later(t.Modified)
	}
	if s.Config != nil {
		later(s.Config.Modified)
	}
	return at
}

// why says what is notable of an entry; empty: nothing is.
func (v *view) why(s *Starter, end time.Time) (why []string) {
	if s.Ships || strings.HasPrefix(string(s.Path), `\Microsoft\`) {
		return nil
	}
	for _, t := range s.Targets {
		if t.Temporary {
			why = append(why, v.T.Temporary)
		}
		if t.WorldWritable {
			why = append(why, v.T.Writable)
		}
		if t.Missing || t.Gone {
			why = append(why, v.T.Gone)
		}
	}
	if at := s.changed(); !at.IsZero() && at.Before(end.Add(24*time.Hour)) && at.After(end.Add(-recent)) {
		why = append(why, v.T.Recent)
	}
	return compact(why...)
}
