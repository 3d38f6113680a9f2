package report

import (
	"cmp"
	"slices"

	"spor/artifacts"
	"spor/detect"
	"spor/package/manifest"
)

type findingRecord = detect.Finding

// missingGroups are the groups of what was not taken whole, in the order shown. What was just not there is folded away.
var missingGroups = []string{"gap", "denied", "failed", "truncated", "skipped", "absent"}

// outcomes sums up what was taken by source, and what was not by reason.
func (v *view) outcomes(m *manifest.Manifest) {
	v.takenBySource(m.Entries)
	byGroup := map[string]*reasons{}
	for i := range m.Outcomes {
		o := &m.Outcomes[i]
		group := o.Status.String()
		switch {
		case o.Gap:
			group = "gap"
		case o.Status == artifacts.Collected:
			continue
		}
		if byGroup[group] == nil {
			byGroup[group] = &reasons{index: map[string]int{}}
		}
		byGroup[group].add(o)
	}
	for _, name := range missingGroups {
		g := byGroup[name]
		if g == nil {
			continue
		}
		v.Missing = append(v.Missing, g.view(name, v.T))
	}
}

func (v *view) takenBySource(entries []manifest.Entry) {
	index := map[string]int{}
	var sums []struct {
		source       string
		items, bytes int64
	}
	for i := range entries {
		e := &entries[i]
		at, known := index[e.Source]
		if !known {
			at = len(sums)
			index[e.Source] = at
			sums = append(sums, struct {
				source       string
				items, bytes int64
			}{source: e.Source})
		}
		sums[at].items++
		sums[at].bytes += e.Size
	}
	for _, s := range sums {
		v.Taken = append(v.Taken, taken{clean(s.source), v.T.number(s.items), v.T.size(s.bytes)})
	}
}

// reasons gathers outcomes that have the same reason.
type reasons struct {
	index map[string]int
	rows  []reason
	total int64
}

type reason struct {
	text           string
	count          int64
	sources, paths []string
}

const examples = 3 // sources and paths named for a reason

func (g *reasons) add(o *artifacts.Outcome) {
	g.total++
	key := cmp.Or(o.Reason, o.Status.String()+"\x00"+o.Source)
	i, known := g.index[key]
	if !known {
		i = len(g.rows)
		g.index[key] = i
		g.rows = append(g.rows, reason{text: o.Reason})
	}
	r := &g.rows[i]
	r.count++
	if len(r.sources) < examples && !slices.Contains(r.sources, o.Source) {
		r.sources = append(r.sources, o.Source)
	}
	if len(r.paths) < examples && o.Path != "" && !slices.Contains(r.paths, o.Path.String()) {
		r.paths = append(r.paths, o.Path.String())
	}
}

func (g *reasons) view(name string, t *texts) missing {
	out := missing{Class: name, Title: t.Groups[name], Count: t.number(g.total), Closed: name == "absent"}
	for i, r := range g.rows {
		if i == shownRows {
			out.More = "+ " + t.number(int64(len(g.rows)-i))
			break
		}
		text, own := t.told(r.text)
		row := missingRow{Count: t.number(r.count), Reason: clean(text), Own: own, Sources: cleanAll(r.sources), Paths: cleanAll(r.paths)}
		if rest := r.count - int64(len(r.paths)); rest > 0 && len(r.paths) == examples {
			row.More = "+ " + t.number(rest)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}
