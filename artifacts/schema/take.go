package schema

import (
	"context"
	"slices"

	"spor/artifacts"
)

// prepareTake plans what the operator named. A path is looked for as it is written, with all that lies below it, and as
// a pattern as well, because a name may hold a bracket.
func (t *target) prepareTake() {
	p := t.plan
	os := p.host.OS
	for _, path := range p.options.Take {
		for _, text := range slices.Compact([]string{quote(string(path)), string(path)}) {
			parts, err := split(os, text, p.expand.drive)
			var whole []name
			if err == nil {
				whole, err = compile(parts, os.FoldsCase())
			}
			if err != nil {
				t.left = append(t.left, artifacts.Outcome{Path: path, Status: artifacts.Failed, Reason: err.Error()})
				break
			}
			if len(whole) > 0 && (os != artifacts.Windows || len(whole) > 1) {
				t.files = append(t.files, wanted{pattern{text: path, names: whole}, t.number, false})
			}
			if len(whole) == 0 || whole[len(whole)-1].depth == 0 {
				everything := append(slices.Clip(whole), name{depth: maxBelow + 1}) // so that the walk says where it goes no further
				t.files = append(t.files, wanted{pattern{text: path, names: everything}, t.number, false})
			}
		}
	}
}

// collectTake takes what the operator named. That something is not there is a failure, because it was asked for.
func (t *target) collectTake(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	f := t.plan.found
	for _, o := range t.left {
		rec.Note(o)
	}
	if !f.hasBegun() {
		return errNoWalk
	}
	hits, outcomes, complete := f.of(t.number)
	for _, path := range t.plan.options.Take {
		if !slices.ContainsFunc(hits.patterns(), func(id int32) bool { return f.wanted[id].text == path }) {
			why := "nothing is there"
			if !complete {
				why = "not found before the walk ended"
			}
			rec.Note(artifacts.Outcome{Path: path, Status: artifacts.Failed, Reason: why})
		}
	}
	for _, o := range outcomes {
		if o.Status != artifacts.Absent || o.Reason != "" {
			rec.Note(o)
		}
	}
	if !complete && !hits.none() {
		rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: "there may be more: the walk did not come to its end"})
	}
	return t.take(ctx, h, rec, hits)
}
