package interview

import (
	"net/netip"
	"strconv"
	"strings"

	"spor/report/incident"
)

// A Kind is how a question is answered.
type Kind int

// The kinds.
const (
	Line   Kind = iota // one line
	Prose              // lines, up to an empty one
	Events             // lines, each with a time before it
	YesNo              // yes, no or unknown
	Choice             // one of a few, by number or name
	Time               // a moment, perhaps about
	Number
	List  // several things, with semicolons between
	Names // several names, with commas or semicolons between
)

// Long tells that an answer may have several lines.
func (k Kind) Long() bool { return k == Prose || k == Events }

// problem is what incident calls an answer of the kind that cannot be understood.
func (k Kind) problem() string {
	switch k {
	case YesNo:
		return "answer"
	case Number:
		return "number"
	}
	return "empty"
}

// A Question fills one field of the form.
type Question struct {
	Key     string // the field, also of the texts
	Kind    Kind
	Choices []string // of Choice: the values
	asked   func(f *incident.Incident) bool
	set     func(f *incident.Incident, v *Interview, value string)
}

type form = incident.Incident

// questions in an order that a person in a hurry can stand: how to reach them, what it is, how bad, and only then the rest.
var questions = []Question{
	{Key: "contact.phone", set: func(f *form, _ *Interview, s string) { f.Contact.Phone = s }},
	{Key: "contact.email", set: func(f *form, _ *Interview, s string) { f.Contact.Email = s }},
	{
		Key: "what.class", Kind: Choice, Choices: []string{"ransomware", "break-in", "infection", "phishing", "denial-of-service", "other"},
		set: func(f *form, _ *Interview, s string) { f.What.Class = incident.Class(s) },
	},
	{Key: "what.description", Kind: Prose, set: func(f *form, _ *Interview, s string) { f.What.Description = s }},
	{Key: "start.noticed", Kind: Time, set: func(f *form, _ *Interview, s string) { f.Start.Noticed = incident.When(s) }},
	{
		Key: "ongoing.state", Kind: Choice, Choices: []string{"active", "contained", "over", "uncertain"},
		set: func(f *form, _ *Interview, s string) { f.Ongoing.State = incident.State(s) },
	},
	{Key: "severity.operation_stops", Kind: YesNo, set: func(f *form, _ *Interview, s string) { f.Severity.OperationStops = incident.Answer(s) }},
	{Key: "severity.infrastructure", Kind: YesNo, set: func(f *form, _ *Interview, s string) { f.Severity.Infrastructure = incident.Answer(s) }},
	{Key: "what.data_damaged", Kind: YesNo, set: func(f *form, _ *Interview, s string) { f.What.DataDamaged = incident.Answer(s) }},
	{Key: "what.data_taken", Kind: YesNo, set: func(f *form, _ *Interview, s string) { f.What.DataTaken = incident.Answer(s) }},
	{Key: "extent.workstations", Kind: Number, set: func(f *form, _ *Interview, s string) { f.Extent.Workstations = number(s) }},
	{Key: "extent.servers", Kind: Number, set: func(f *form, _ *Interview, s string) { f.Extent.Servers = number(s) }},
	{Key: "extent.spreading", Kind: YesNo, set: func(f *form, _ *Interview, s string) { f.Extent.Spreading = incident.Answer(s) }},
	{Key: "extent.reach", Kind: YesNo, set: func(f *form, _ *Interview, s string) { f.Extent.Reach = incident.Answer(s) }},
	{Key: "systems", Kind: Names, set: setSystems},
	{Key: "measures", Kind: List, set: func(f *form, _ *Interview, s string) { addMeasures(f, s, false) }},
	{Key: "measures.planned", Kind: List, set: func(f *form, _ *Interview, s string) { addMeasures(f, s, true) }},
	{Key: "start.first_trace", Kind: Time, set: func(f *form, _ *Interview, s string) { f.Start.FirstTrace = incident.When(s) }},
	{Key: "what.malware", Kind: Names, set: func(f *form, _ *Interview, s string) { f.What.Malware = strings.Split(s, "\n") }},
	{Key: "what.actor", set: func(f *form, _ *Interview, s string) { f.What.Actor = s }},
	{Key: "what.traces", Kind: List, set: func(f *form, _ *Interview, s string) { f.What.Traces = strings.Split(s, "\n") }},
	{Key: "systems.events", Kind: Events, set: setEvents},
	{Key: "systems.location", set: func(f *form, v *Interview, s string) { v.own(f).Location = s }},
	{Key: "data", Kind: List, set: setData},
	{
		Key: "tlp", Kind: Choice, Choices: []string{"TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"},
		set: func(f *form, _ *Interview, s string) { f.TLP = incident.TLP(s) },
	},
	{Key: "contact.constituent", Kind: YesNo, set: func(f *form, _ *Interview, s string) { f.Contact.Constituent = incident.Answer(s) }},
	{Key: "contact.critical", Kind: YesNo, set: func(f *form, _ *Interview, s string) { f.Contact.Critical = incident.Answer(s) }},
	{Key: "contact.name", asked: named, set: func(f *form, _ *Interview, s string) { f.Contact.Name = s }},
	{Key: "contact.organisation", asked: named, set: func(f *form, _ *Interview, s string) { f.Contact.Organisation = s }},
	{Key: "contact.consent", Kind: YesNo, asked: named, set: func(f *form, _ *Interview, s string) { f.Contact.Consent = incident.Answer(s) == incident.Yes }},
}

// named tells whether name and organisation are asked: of members and of those who run what the country needs.
func named(f *incident.Incident) bool {
	return f.Contact.Constituent == incident.Yes || f.Contact.Critical == incident.Yes
}

// number reads what understand has let through.
func number(s string) int {
	n, _ := strconv.Atoi(s) //nolint:errcheck // digits, few enough
	return n
}

// setSystems adds a system for each name, address or web address.
func setSystems(f *incident.Incident, _ *Interview, value string) {
	for one := range strings.SplitSeq(value, "\n") {
		s := incident.System{Name: one}
		if _, err := netip.ParseAddr(one); err == nil {
			s = incident.System{Addresses: []string{one}}
		} else if _, err := netip.ParsePrefix(one); err == nil {
			s = incident.System{Addresses: []string{one}}
		} else if strings.Contains(one, "://") {
			s = incident.System{URLs: []string{one}}
		}
		f.Systems = append(f.Systems, s)
	}
}

// setEvents adds to this machine what happened when: a line each, the time and what follows it with a tab between.
func setEvents(f *incident.Incident, v *Interview, value string) {
	own := v.own(f)
	own.Events = append([]incident.Moment{}, own.Events...)
	for line := range strings.SplitSeq(value, "\n") {
		when, text, _ := strings.Cut(line, "\t")
		own.Events = append(own.Events, incident.Moment{Time: incident.When(when), Text: text})
	}
}

func addMeasures(f *incident.Incident, value string, planned bool) {
	for text := range strings.SplitSeq(value, "\n") {
		f.Measures = append(f.Measures, incident.Measure{Text: text, Planned: planned})
	}
}

func setData(f *incident.Incident, _ *Interview, value string) {
	for text := range strings.SplitSeq(value, "\n") {
		f.Data = append(f.Data, incident.Data{Text: text})
	}
}
