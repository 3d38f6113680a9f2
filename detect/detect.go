// Package detect says what is suspicious in evidence, and why: a Finding names what was seen, where, how bad that
// usually is, the reason in words and the ATT&CK technique. Nothing is called malicious that is only unusual, and
// the reason says what an innocent explanation would be.
//
// A Detector is shown live records, items, the content of some small files, and events, in any order, while they are
// collected or afterwards at the desk. What it looks for is the table Rules.
package detect

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sort"
	"time"

	"spor/artifacts"
	"spor/timeline"
)

// A Finding is one suspicious thing: a line of findings.jsonl.
type Finding struct {
	Rule      string         `json:"rule"` // its name in Rules
	Title     string         `json:"title"`
	Severity  Severity       `json:"severity"`
	Reason    string         `json:"reason"`              // what was seen, and what it may mean
	Technique []string       `json:"technique,omitempty"` // MITRE ATT&CK: "T1574.006"
	Host      string         `json:"host,omitempty"`
	Time      time.Time      `json:"time,omitzero"`    // of what was seen, UTC; zero: it has none
	Path      artifacts.Path `json:"path,omitempty"`   // on the host
	Item      string         `json:"item,omitempty"`   // its name in the bundle
	Line      int            `json:"line,omitempty"`   // in a live/*.jsonl item, from 1
	Offset    int64          `json:"offset,omitempty"` // of the record in the item, bytes
	SHA256    string         `json:"sha256,omitempty"` // of the item, or of the executable
	PID       int            `json:"pid,omitempty"`
	More      int            `json:"more,omitempty"` // like findings of the rule that are not listed
}

// Severity says how soon somebody should look.
type Severity string

// The severities, in Sigma's words.
const (
	Critical Severity = "critical" // nothing innocent looks like it
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "informational" // to know when reading the rest
)

// Severities are all of them, gravest first.
var Severities = []Severity{Critical, High, Medium, Low, Info}

// Rank is the place in Severities; unknown ones come last.
func (s Severity) Rank() int {
	if i := slices.Index(Severities, s); i >= 0 {
		return i
	}
	return len(Severities)
}

// A Rule looks at one kind of evidence and fills in what is special of a finding: Reason, and Path, PID, Time where the
// evidence does not give them. It keeps nothing between calls, but for what Watch makes.
type Rule struct {
	Name      string
	Title     string
	Severity  Severity
	Technique []string

	// Only one of these is set.
	Live   string                                       // the collector whose records Record sees
	Record func(Record, *Finding) bool                  //
	Item   func(*artifacts.Item, *Finding) bool         // sees every item, its name and times
	File   func(artifacts.Path) bool                    // the files whose content Text sees
	Text   func([]byte, *Finding) bool                  //
	Event  func(e *timeline.Event, found *Finding) bool // sees every event
	Watch  func() Watcher                               // for what several events tell; made for each Detector

	Actions []string // Event and Watch see only events whose field "action" is one of these; empty: all
}

// A Watcher sees events in the order of their times and may remember, within bounds, what it saw.
type Watcher func(e *timeline.Event, found *Finding) bool

// MaxListed is how many findings of one rule are listed; the rest is counted.
const MaxListed = 50

// MaxText is how much of a file a rule sees.
const MaxText = 1 << 20

// A Detector gathers findings. It is not safe for concurrent use.
type Detector struct {
	Host string
	Self []artifacts.Path // executables that are ours: no finding is about them

	maybe  Finding // what a rule looks at: most evidence is no finding
	found  []Finding
	listed map[string]int // findings by rule
	last   map[string]int // index in found of the rule's last

	watchers map[*Rule]Watcher
}

// Findings are what was found, gravest first, then in order of rule, time and path.
func (d *Detector) Findings() []Finding {
	found := slices.Clone(d.found)
	sort.SliceStable(found, func(i, j int) bool { // generic code for so large a type would be 6 KiB of the agent
		a, b := &found[i], &found[j]
		return 0 > cmp.Or(cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.Rule, b.Rule), a.Time.Compare(b.Time),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
	})
	return found
}

func (d *Detector) add(r *Rule, f Finding) {
	if f.Path != "" && slices.Contains(d.Self, f.Path) {
		return
	}
	if d.listed == nil {
		d.listed, d.last = map[string]int{}, map[string]int{}
	}
	d.listed[r.Name]++
	if d.listed[r.Name] > MaxListed {
		d.found[d.last[r.Name]].More++
		return
	}
	f.Rule, f.Title, f.Severity, f.Technique, f.Host = r.Name, r.Title, cmp.Or(f.Severity, r.Severity), r.Technique, cmp.Or(f.Host, d.Host)
	if y := f.Time.UTC().Year(); f.Time.IsZero() || y < 1 || y > 9999 {
		f.Time = time.Time{} // no calendar, and no JSON, has it
	}
	d.last[r.Name] = len(d.found)
	d.found = append(d.found, f)
}

// Live shows the records of a collector: the content of the item live/<collector>.jsonl or live/<collector>.2.jsonl. A
// line that is no JSON object is passed over; it is the collector's business.
func (d *Detector) Live(item string, jsonl []byte) {
	collector, line := Collector(item), 0
	if !d.WantsLive(collector) {
		return
	}
	for text := range bytes.Lines(jsonl) {
		line++
		var rec Record
		if json.Unmarshal(text, &rec) != nil || rec == nil {
			continue
		}
		for _, r := range Rules {
			if r.Live == "" || r.Live != collector {
				continue
			}
			if f := (Finding{Item: item, Line: line}); r.Record(rec, &f) {
				d.add(r, f)
			}
		}
	}
}

// Wants tells whether a rule looks at the content of the file.
func (d *Detector) Wants(p artifacts.Path) bool {
	return slices.ContainsFunc(Rules, func(r *Rule) bool { return r.File != nil && r.File(p) })
}

// WantsLive tells whether a rule looks at the records of the collector.
func (d *Detector) WantsLive(collector string) bool {
	return slices.ContainsFunc(Rules, func(r *Rule) bool { return r.Live != "" && r.Live == collector })
}

// Item shows an item, and the beginning of its content where Wants said so.
func (d *Detector) Item(it *artifacts.Item, stored artifacts.Stored, text []byte) {
	f := &d.maybe
	for _, r := range Rules {
		if r.Item == nil && r.File == nil {
			continue
		}
		*f = Finding{Path: it.Origin, Item: cmp.Or(stored.Name, it.Name), SHA256: stored.SHA256, Time: it.Times.Modified}
		if r.Item != nil && r.Item(it, f) || r.File != nil && r.File(it.Origin) && r.Text(text, f) {
			d.add(r, *f)
		}
	}
}

// Event shows one event.
func (d *Detector) Event(e *timeline.Event) {
	action, acted := e.Get("action")
	for _, r := range Rules {
		if r.Event == nil && r.Watch == nil || len(r.Actions) > 0 && (!acted || !slices.Contains(r.Actions, action.String())) {
			continue
		}
		look := Watcher(r.Event)
		if r.Watch != nil {
			look = d.watcher(r)
		}
		f := &d.maybe
		*f = Finding{Time: e.Time, Offset: e.Offset}
		if e.Source != nil {
			f.Path, f.Host = e.Source.Path, e.Source.Host
		}
		if look(e, f) {
			if f.SHA256 == "" && e.Source != nil {
				f.SHA256 = e.Source.SHA256.String()
			}
			d.add(r, *f)
		}
	}
}

func (d *Detector) watcher(r *Rule) Watcher {
	w, ok := d.watchers[r]
	if !ok {
		if d.watchers == nil {
			d.watchers = map[*Rule]Watcher{}
		}
		w = r.Watch()
		d.watchers[r] = w
	}
	return w
}

// Events hands a stream of events on and looks at each on the way.
func (d *Detector) Events(seq iter.Seq2[timeline.Event, error]) iter.Seq2[timeline.Event, error] {
	return func(yield func(timeline.Event, error) bool) {
		for e, err := range seq {
			if err == nil {
				d.Event(&e)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// A Record is a line of live state, decoded without knowing its type; see the collector for what it holds.
type Record map[string]any

// Text is a member that is a string, else empty.
func (r Record) Text(name string) string {
	s, _ := r[name].(string)
	return s
}

// Int is a member that is a number, else 0.
func (r Record) Int(name string) int {
	n, _ := r[name].(float64)
	return int(n)
}

// Bool is a member that is true, else false.
func (r Record) Bool(name string) bool {
	b, _ := r[name].(bool)
	return b
}

// Record is a member that is an object, else nil.
func (r Record) Record(name string) Record {
	m, _ := r[name].(map[string]any)
	return m
}

// Records are the members of a list that are objects.
func (r Record) Records(name string) []Record {
	list, _ := r[name].([]any)
	var out []Record
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// Time is a member that is a time, else zero.
func (r Record) Time(name string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, r.Text(name))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// Path is a member that is a path of the host.
func (r Record) Path(name string) (p artifacts.Path) {
	p.UnmarshalText([]byte(r.Text(name)))
	return p
}

// WriteJSON appends the findings as lines of findings.jsonl.
func WriteJSON(b []byte, findings []Finding) ([]byte, error) {
	for i := range findings {
		line, err := json.Marshal(&findings[i])
		if err != nil {
			return b, fmt.Errorf("finding %d: %w", i+1, err)
		}
		b = append(append(b, line...), '\n')
	}
	return b, nil
}
