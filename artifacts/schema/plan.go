package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"spor/artifacts"
)

// Options are what a plan depends on beside the definitions and the host.
type Options struct {
	Secrets bool             // without it, what secret definitions name is withheld from all others too
	Take    []artifacts.Path // files, folders or patterns the operator named, absolute, as the host spells them
}

// A Plan turns the definitions of a set into collectors for one host.
type Plan struct {
	host    *artifacts.Host
	options Options
	expand  *expander
	targets []*target
	found   *found
	secrets *trie // of the paths that are withheld
	keys    *trie // of the registry keys that are withheld
	guard   int   // the target in found that holds what is withheld
}

// A target is one collector of the plan.
type target struct {
	plan      *Plan
	number    int
	def       *artifacts.Definition // nil: what the operator named
	collector *artifacts.Collector
	planned   bool
	files     []wanted
	keys      []wantedKey
	left      []artifacts.Outcome // what is not looked for, and why
}

// maxPatterns bounds the patterns of one run, expanded. Each costs a few hundred bytes.
const maxPatterns = 200_000

// NewPlan makes one collector for each definition that has sources of its own, for whatever system, and one called
// "take" for what the operator named. Nothing of the host is touched.
func NewPlan(set *Set, h *artifacts.Host, o Options) *Plan {
	p := &Plan{host: h, options: o, expand: newExpander(h)}
	labels := set.labels()
	if len(o.Take) > 0 {
		t := p.target(&artifacts.Collector{Name: "take", Doc: "What the operator named", Order: artifacts.Decisive, Required: true})
		t.collector.Collect = t.collectTake
	}
	for _, d := range set.All() {
		if !slices.ContainsFunc(d.Sources, func(s artifacts.Source) bool { return s.Type != artifacts.SourceGroup }) {
			continue
		}
		c := &artifacts.Collector{Name: d.Name, Doc: firstLine(d.Doc), OS: d.SupportedOS, Order: artifacts.Decisive}
		for _, label := range labels[d] {
			switch {
			case label == artifacts.LabelRequired:
				c.Required = true
			case label == artifacts.LabelSecret:
				c.Secret = true
			case label == artifacts.LabelBulk:
				c.Order = artifacts.Bulk
			case isProfile(label):
				c.Profiles = append(c.Profiles, label)
			}
		}
		if len(c.Profiles) == 0 {
			c.Profiles = []string{"full"}
		}
		t := p.target(c)
		t.def, c.Collect = d, t.collect
	}
	return p
}

func (p *Plan) target(c *artifacts.Collector) *target {
	t := &target{plan: p, number: len(p.targets), collector: c}
	p.targets = append(p.targets, t)
	return t
}

// All gives the plan's collectors, for Choose and for listing; only what Collectors returns can be run.
func (p *Plan) All() []*artifacts.Collector {
	all := make([]*artifacts.Collector, 0, len(p.targets))
	for _, t := range p.targets {
		all = append(all, t.collector)
	}
	return all
}

// Collectors makes the chosen collectors ready to run: the plan's own among them share one walk, which is put in front
// of them under the name "walk". Collectors of other origin are passed through.
func (p *Plan) Collectors(chosen []*artifacts.Collector) []*artifacts.Collector {
	var wants []wanted
	mine := false
	for _, t := range p.targets {
		if !slices.Contains(chosen, t.collector) {
			continue
		}
		mine = true
		if !t.collector.Supports(p.host.OS) || t.collector.Secret && !p.options.Secrets {
			continue // the engine says so
		}
		t.prepare()
		if room := maxPatterns - len(wants); len(t.files) > room {
			t.left = append(t.left, artifacts.Outcome{Status: artifacts.Truncated, Reason: fmt.Sprintf("%d of its patterns are not looked for: more than %d in this run", len(t.files)-room, maxPatterns)})
			t.files = t.files[:room]
		}
		wants = append(wants, t.files...)
	}
	p.guard = len(p.targets)
	p.secrets, p.keys = newTrie(p.host.OS.FoldsCase()), newTrie(true)
	guards := p.guards()
	for i := range guards {
		p.secrets.add(guards[i].names, i)
	}
	if !mine {
		p.found = newFound(nil, p.guard+1) // for Withhold
		return chosen
	}
	paths := newTrie(p.host.OS.FoldsCase())
	wants = append(wants, guards...)
	for id := range wants {
		paths.add(wants[id].names, id)
	}
	p.found = newFound(wants, p.guard+1)
	walk := &artifacts.Collector{
		Name: "walk", Doc: "The one walk of the tree that finds what the definitions name", Order: artifacts.Walk,
		Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
			return p.walk(ctx, h, rec, paths)
		},
	}
	return append([]*artifacts.Collector{walk}, chosen...)
}

func newTrie(fold bool) *trie { return &trie{fold: fold} }

// guards are the patterns of all secret definitions, whether they are chosen or not, unless secrets are asked for. Those
// of registry keys go into a trie of their own.
func (p *Plan) guards() []wanted {
	if p.options.Secrets {
		return nil
	}
	var all []wanted
	for _, t := range p.targets {
		if !t.collector.Secret || !t.collector.Supports(p.host.OS) {
			continue
		}
		t.prepare()
		for _, w := range t.files {
			w.target, w.listing = p.guard, false
			all = append(all, w)
		}
		for _, k := range t.keys {
			for _, names := range k.variants() {
				p.keys.add(names, 0)
			}
		}
	}
	return all
}

// walk is the collector of that name.
func (p *Plan) walk(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, paths *trie) error {
	p.found.begin()
	w := newWalker(h, paths, p.found)
	err := w.walk(ctx)
	for _, o := range append(p.found.end(err), w.homes.outcomes()...) {
		rec.Note(o)
	}
	if errors.Is(err, errMatches) {
		rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: err.Error()})
		return nil
	}
	return err
}

// Planned is what a definition comes to on a host.
type Planned struct {
	Definition string              `json:"definition"`
	Paths      []artifacts.Path    `json:"paths,omitempty"` // patterns of files and folders
	Keys       []artifacts.Path    `json:"keys,omitempty"`  // patterns of registry keys; a value stands after a colon
	Left       []artifacts.Outcome `json:"left,omitempty"`  // what is not looked for, and why
}

// Planned tells what each of the chosen collectors would look for. Those that are not of the plan are left out.
func (p *Plan) Planned(chosen []*artifacts.Collector) []Planned {
	var all []Planned
	for _, t := range p.targets {
		if !slices.Contains(chosen, t.collector) {
			continue
		}
		t.prepare()
		planned := Planned{Definition: t.collector.Name, Left: t.left}
		for i := range t.files {
			planned.Paths = append(planned.Paths, t.files[i].text)
		}
		for i := range t.keys {
			planned.Keys = append(planned.Keys, t.keys[i].label())
		}
		all = append(all, planned)
	}
	return all
}

// prepare expands a target's sources for the host, once.
func (t *target) prepare() {
	if t.planned {
		return
	}
	t.planned = true
	if t.def == nil {
		t.prepareTake()
		return
	}
	for i := range t.def.Sources {
		t.source(&t.def.Sources[i])
	}
}

func (t *target) source(s *artifacts.Source) {
	os, e := t.plan.host.OS, t.plan.expand
	if len(s.SupportedOS) > 0 && !slices.Contains(s.SupportedOS, os) {
		if t.def.Supports(os) && s.Type != artifacts.SourceGroup {
			t.skip(artifacts.Path(describeSource(s)), fmt.Sprintf("a source for %v", s.SupportedOS))
		}
		return
	}
	switch s.Type {
	case artifacts.SourceFile, artifacts.SourcePath:
		for _, text := range s.Paths {
			patterns, left := e.paths(text, s.Separator)
			t.left = append(t.left, left...)
			for _, p := range patterns {
				t.files = append(t.files, wanted{p, t.number, s.Type == artifacts.SourcePath})
			}
		}
	case artifacts.SourceRegistryKey:
		for _, text := range s.Keys {
			t.key(text, nil)
		}
	case artifacts.SourceRegistryValue:
		for i := range s.Pairs {
			t.key(s.Pairs[i].Key, &s.Pairs[i].Value)
		}
	case artifacts.SourceCommand, artifacts.SourceWMI:
		t.skip("", "never executed: "+describeSource(s))
	case artifacts.SourceGroup:
	}
}

// skip records what is left out on purpose.
func (t *target) skip(p artifacts.Path, why string) {
	t.left = append(t.left, artifacts.Outcome{Path: p, Status: artifacts.Skipped, Reason: why})
}

func (t *target) key(text string, value *string) {
	if t.plan.host.Registry == nil {
		t.skip(artifacts.Path(text), "there is no registry to ask on this host or image")
		return
	}
	patterns, left := t.plan.expand.keys(text)
	t.left = append(t.left, left...)
	for _, p := range patterns {
		t.keys = append(t.keys, wantedKey{p, value})
	}
}

// describeSource names a source in one line.
func describeSource(s *artifacts.Source) string {
	text := s.Command
	for _, arg := range s.Args {
		text += " " + arg
	}
	switch {
	case s.Query != "":
		text = s.Query
	case len(s.Pairs) > 0:
		text = s.Pairs[0].Key + ":" + s.Pairs[0].Value
	case len(s.Paths)+len(s.Keys) > 0:
		text = slices.Concat(s.Paths, s.Keys)[0]
	}
	if more := len(s.Paths) + len(s.Keys) + len(s.Pairs) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
