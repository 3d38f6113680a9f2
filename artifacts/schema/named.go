package schema

import (
	"context"

	"spor/artifacts"
)

// Quote makes text that stands for itself in a pattern.
func Quote(text string) string { return quote(text) }

// Find walks a host once and gives the files that patterns name, by the place of the pattern in the list. Links are
// followed within the tree, and the real path is given. What a pattern lacks, and why, is not said.
func Find(ctx context.Context, h *artifacts.Host, patterns []string) ([][]artifacts.Path, error) {
	e := newExpander(h)
	var wants []wanted
	for i, text := range patterns {
		all, _ := e.paths(text, "")
		for _, p := range all {
			wants = append(wants, wanted{p, i, false})
		}
	}
	paths, f := newTrie(h.OS.FoldsCase()), newFound(wants, len(patterns))
	for id := range wants {
		paths.add(wants[id].names, id)
	}
	err := newWalker(h, paths, f).walk(ctx)
	files := make([][]artifacts.Path, len(patterns))
	for i := range patterns {
		hits, _, _ := f.of(i)
		for _, hit := range hits {
			if hit.kind == artifacts.Regular {
				files[i] = append(files[i], hit.path)
			}
		}
	}
	return files, err
}

// Collect takes what a definition names that was made while the run went on, by a walk of its own. That secrets stay
// withheld is up to the recorder.
func Collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, d artifacts.Definition) error {
	set := &Set{}
	set.add(&d)
	p := NewPlan(set, h, Options{Secrets: true})
	if len(p.targets) == 0 {
		return nil
	}
	for _, c := range p.Collectors(p.All()) {
		to := rec
		if c.Order == artifacts.Walk {
			to = exceptions{rec}
		}
		if err := c.Collect(ctx, h, to); err != nil {
			return err
		}
	}
	return nil
}

// exceptions is a recorder that is not told again which file systems were entered.
type exceptions struct{ artifacts.Recorder }

func (r exceptions) Note(o artifacts.Outcome) {
	if o.Status != artifacts.Collected {
		r.Recorder.Note(o)
	}
}
