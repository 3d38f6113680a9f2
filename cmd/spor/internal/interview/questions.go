package interview

import (
	"net/netip"
	"reflect"
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
	set     func(f *incident.Incident, v *Interview, value string) // nil: the field itself is set
}

// questions in an order that a person in a hurry can stand: how to reach them, what it is, how bad, and only then the rest.
var questions = []Question{
	{Key: "contact.phone"},
	{Key: "contact.email"},
	{
		Key: "what.class", Kind: Choice, Choices: []string{"ransomware", "break-in", "infection", "phishing", "denial-of-service", "other"},
	},
	{Key: "what.description", Kind: Prose},
	{Key: "start.noticed", Kind: Time},
	{
		Key: "ongoing.state", Kind: Choice, Choices: []string{"active", "contained", "over", "uncertain"},
	},
	{Key: "severity.operation_stops", Kind: YesNo},
	{Key: "severity.infrastructure", Kind: YesNo},
	{Key: "what.data_damaged", Kind: YesNo},
	{Key: "what.data_taken", Kind: YesNo},
	{Key: "extent.workstations", Kind: Number},
	{Key: "extent.servers", Kind: Number},
	{Key: "extent.spreading", Kind: YesNo},
	{Key: "extent.reach", Kind: YesNo},
	{Key: "systems", Kind: Names, set: setSystems},
	{Key: "measures", Kind: List, set: func(f *incident.Incident, _ *Interview, s string) { addMeasures(f, s, false) }},
	{Key: "measures.planned", Kind: List, set: func(f *incident.Incident, _ *Interview, s string) { addMeasures(f, s, true) }},
	{Key: "start.first_trace", Kind: Time},
	{Key: "what.malware", Kind: Names},
	{Key: "what.actor"},
	{Key: "what.traces", Kind: List},
	{Key: "systems.events", Kind: Events, set: setEvents},
	{Key: "systems.location", set: func(f *incident.Incident, v *Interview, s string) { v.own(f).Location = s }},
	{Key: "data", Kind: List, set: setData},
	{
		Key: "tlp", Kind: Choice, Choices: []string{"TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"},
	},
	{Key: "contact.constituent", Kind: YesNo},
	{Key: "contact.critical", Kind: YesNo},
	{Key: "contact.name", asked: named},
	{Key: "contact.organisation", asked: named},
	{Key: "contact.consent", Kind: YesNo, asked: named},
}

// named tells whether name and organisation are asked: of members and of those who run what the country needs.
func named(f *incident.Incident) bool {
	return f.Contact.Constituent == incident.Yes || f.Contact.Critical == incident.Yes
}

// fill sets the field of the form that a question is named for.
func (q *Question) fill(f *incident.Incident, v *Interview, value string) {
	if q.set != nil {
		q.set(f, v, value)
		return
	}
	field := reflect.ValueOf(f).Elem()
	for part := range strings.SplitSeq(q.Key, ".") {
		inner := 0
		for name := ""; name != part; inner++ {
			name, _, _ = strings.Cut(field.Type().Field(inner).Tag.Get("json"), ",")
		}
		field = field.Field(inner - 1)
	}
	switch field.Kind() {
	case reflect.Bool:
		field.SetBool(value == string(incident.Yes))
	case reflect.Int:
		n, _ := strconv.Atoi(value) //nolint:errcheck // understand has let it through
		field.SetInt(int64(n))
	case reflect.Slice:
		field.Set(reflect.ValueOf(strings.Split(value, "\n")))
	default:
		field.SetString(value)
	}
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
