package report

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"spor/report/incident"
)

// incident puts what the reporter says into rows, in the order of the ten groups; the TLP stands at the top of the page.
func (v *view) incident(in *incident.Incident) {
	if in == nil {
		return
	}
	t := v.T
	add := func(label string, lines ...string) {
		if lines = compact(lines...); len(lines) > 0 {
			v.Incident = append(v.Incident, row{Label: label, Lines: cleanAll(lines)})
		}
	}
	c := in.Contact
	contact := func(field string, a incident.Answer) string {
		return t.named(incident.Label(t.Lang, "contact."+field), t.Answers[string(a)])
	}
	consent := ""
	if c.Consent {
		consent = t.Consent
	}
	add(t.Contact, strings.Join(compact(c.Name, c.Organisation), ", "), c.Email, c.Phone, contact("constituent", c.Constituent), contact("critical", c.Critical), consent)
	add(t.Start, t.named(t.Noticed, t.when(in.Start.Noticed)), t.named(t.FirstTrace, t.when(in.Start.FirstTrace)), in.Start.About, t.named(t.Zone, string(in.Zone)))
	w := in.What
	add(t.What, w.Description)
	add(t.Class, t.Classes[string(w.Class)], string(w.Reference()))
	add(t.Malware, w.Malware...)
	add(t.Actor, w.Actor)
	add(t.Traces, w.Traces...)
	add(t.DataTaken, t.Answers[string(w.DataTaken)])
	add(t.DataDamaged, t.Answers[string(w.DataDamaged)])
	for _, s := range in.Systems {
		add(t.Systems, t.system(&s)...)
	}
	add(t.Ongoing, t.States[string(in.Ongoing.State)], in.Ongoing.Text)
	s := in.Severity
	add(t.Severity, t.named(t.OperationStops, t.Answers[string(s.OperationStops)]), t.named(t.Infra, t.Answers[string(s.Infrastructure)]), s.Text)
	e := in.Extent
	add(t.Extent, count(e.Workstations, t.Workstations), count(e.Servers, t.Servers), t.named(t.Spreading, t.Answers[string(e.Spreading)]), t.named(t.Reach, t.Answers[string(e.Reach)]), e.Text)
	var measures []string
	for _, m := range in.Measures {
		line := strings.Join(compact(t.when(m.Time), m.Text), " ")
		if m.Planned {
			line += " (" + t.Planned + ")"
		}
		measures = append(measures, line)
	}
	add(t.Measures, measures...)
	for _, d := range in.Data {
		add(t.Data, strings.Join(compact(d.Kind, d.Name, d.Text), " · "))
	}
	v.Said = len(v.Incident) > 0
	v.machine(in.Machine, add)
}

// named puts a label before what there is.
func (t *texts) named(label, value string) string {
	if value == "" {
		return ""
	}
	return label + ": " + value
}

// machine adds what the program found by itself, marked as such.
func (v *view) machine(m incident.Machine, add func(label string, lines ...string)) {
	label := func(field string) string {
		return incident.Label(v.T.Lang, "machine") + ": " + incident.Label(v.T.Lang, field)
	}
	for _, s := range m.Systems {
		add(label("machine.systems"), v.T.system(&s)...)
	}
	add(label("machine.first_finding"), v.T.when(m.FirstFinding))
	add(label("machine.malware"), m.Malware...)
	add(label("machine.notes"), m.Notes...)
}

// system is what identifies one, and what is known to have happened there.
func (t *texts) system(s *incident.System) []string {
	lines := []string{strings.Join(compact(s.Name, s.Role, s.Location), " · "), strings.Join(slices.Concat(s.Addresses, s.Domains, s.URLs), ", ")}
	for _, e := range s.Events {
		lines = append(lines, t.when(e.Time)+" "+e.Text)
	}
	return lines
}

// when writes a time as the reporter gave it, with its zone: "about 2026-03-10 06:10:00 +01:00".
func (t *texts) when(w incident.When) string {
	s := string(w)
	if at, err := time.Parse(time.RFC3339, strings.TrimPrefix(s, "about ")); err == nil {
		s = at.Format("2006-01-02 15:04:05 -07:00")
	} else {
		s = strings.TrimPrefix(s, "about ")
	}
	if w.About() {
		return t.About + " " + s
	}
	return s
}

func count(n int, what string) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n) + " " + what
}
