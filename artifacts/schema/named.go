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
		for _, id := range hits.patterns() {
			for hit := range hits.take(id) {
				if hit.kind == artifacts.Regular {
					files[i] = append(files[i], hit.path)
				}
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

// A Value is what a value of a registry key says in text.
type Value struct {
	Key   artifacts.Path
	Name  string
	Texts []string // one, or those of a list; variables stand as they are
}

// Values gives the values that patterns of keys and values name, by the place of the pattern in the list. What cannot
// be read is noted.
func Values(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, pairs []artifacts.KeyValue) ([][]Value, error) {
	e := newExpander(h)
	all := make([][]Value, len(pairs))
	for i := range pairs {
		patterns, _ := e.keys(pairs[i].Key)
		for _, p := range patterns {
			c := values{Recorder: rec}
			want := wantedKey{p, &pairs[i].Value}
			w := keyWalk{ctx: ctx, registry: h.Registry, rec: &c, want: &want}
			if err := w.run(); err != nil {
				return all, err
			}
			all[i] = append(all[i], c.all...)
		}
	}
	return all, nil
}

// values is a recorder that keeps the texts of what is recorded.
type values struct {
	artifacts.Recorder
	all []Value
}

// maxTexts bounds what one pattern may give.
const maxTexts = 20_000

func (c *values) Record(v any) error {
	r, ok := v.(registryRecord)
	if !ok || r.Value == nil || len(c.all) == maxTexts {
		return nil
	}
	got := Value{Key: r.Key, Name: *r.Value}
	switch data := r.Data.(type) {
	case string:
		got.Texts = []string{data}
	case []string:
		got.Texts = data
	default:
		return nil
	}
	c.all = append(c.all, got)
	return nil
}

func (c *values) Note(o artifacts.Outcome) {
	if o.Status != artifacts.Collected && o.Status != artifacts.Absent {
		c.Recorder.Note(o)
	}
}
