package report

import (
	"slices"
	"strings"

	"spor/detect"
)

// A summary is what a reader must know first, of all hosts: what happened, the gravest of what was found, what is missing,
// and what to do next.
type summary struct {
	Happened []string
	Found    []summed
	Missing  []string
	More     string // missing rows that are not named
	Steps    []string
}

// summed are the findings of one title.
type summed struct {
	Class, Severity, Title, Count, Hosts string
	Link                                 string // to the first of them
}

const (
	summedFindings = 4
	summedGaps     = 4
)

// sum makes the summary of what the view of the page shows.
func (v *pageView) sum(hosts []*Input) {
	s := &v.Summary
	forms := 0
	for _, h := range v.Hosts {
		forms += truth(h.Said)
	}
	for i, in := range hosts {
		if h := v.Hosts[i]; h.Said {
			form := in.Incident
			said := strings.Join(compact(v.T.Classes[string(form.What.Class)], clean(form.What.Description), clean(v.T.named(v.T.Noticed, v.T.when(form.Start.Noticed)))), " · ")
			if forms > 1 {
				said = v.of(h.Host, said)
			}
			s.Happened = append(s.Happened, said)
		}
		for _, group := range v.Hosts[i].Missing {
			if group.Class != "gap" {
				continue
			}
			for _, r := range group.Rows {
				what := strings.Join(r.Sources, ", ")
				if len(r.Paths) == 1 && r.More == "" {
					what = strings.Join(compact(what, r.Paths[0]), ", ")
				}
				s.Missing = append(s.Missing, v.of(v.Hosts[i].Host, strings.Join(compact(what, r.Reason), ": ")))
			}
		}
	}
	s.Happened = compact(s.Happened...)
	if n := len(s.Missing) - summedGaps; n > 0 {
		s.Missing, s.More = s.Missing[:summedGaps], "+ "+v.T.number(int64(n))
	}
	grave := v.gravest()
	v.steps(hosts, grave)
}

// of says whose something is, where there are several hosts.
func (v *pageView) of(host, what string) string {
	if !v.Several {
		return what
	}
	return host + ": " + what
}

// gravest sums up the findings that are at least of medium severity by their titles, in the order of the list.
func (v *pageView) gravest() (grave bool) {
	s := &v.Summary
	counts, at := map[string]int64{}, map[string]int{}
	for i := range v.Findings {
		f := &v.Findings[i]
		if detect.Severity(f.Class).Rank() > detect.Medium.Rank() {
			continue
		}
		grave = true
		n, known := at[f.Title]
		if !known {
			if len(s.Found) == summedFindings {
				continue
			}
			n = len(s.Found)
			at[f.Title] = n
			s.Found = append(s.Found, summed{Class: f.Class, Severity: f.Severity, Title: f.Title, Link: "#" + f.ID})
		}
		one := &s.Found[n]
		if counts[f.Title]++; counts[f.Title] > 1 {
			one.Count = "× " + v.T.number(counts[f.Title])
		}
		if v.Several && !slices.Contains(strings.Split(one.Hosts, ", "), f.Host) {
			one.Hosts = strings.Join(compact(one.Hosts, f.Host), ", ")
		}
	}
	return grave
}

// steps are what to do next, most urgent first. Others to whom the page is handed on are told none.
func (v *pageView) steps(hosts []*Input, grave bool) {
	any := func(is func(*Input) bool) bool { return slices.ContainsFunc(hosts, is) }
	if hosts[0].reduced {
		return
	}
	for _, step := range []struct {
		text string
		now  bool
	}{
		{v.T.StepKeep, any(func(in *Input) bool { return in.Manifest.Host.Source == "live" })},
		{v.T.StepNotes, any(func(in *Input) bool { return len(in.Notes) > 0 })},
		{v.T.StepFindings, grave},
		{v.T.StepQuiet, !grave},
		{v.T.StepClock, any(func(in *Input) bool { s := in.Manifest.Clock.Synchronized; return s != nil && !*s })},
		{v.T.StepGaps, len(v.Summary.Missing) > 0},
	} {
		if step.now {
			v.Summary.Steps = append(v.Summary.Steps, step.text)
		}
	}
}
