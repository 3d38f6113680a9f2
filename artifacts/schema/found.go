package schema

import (
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"spor/artifacts"
)

// found is what the walk finds, by the definition that asked. The walk may be abandoned while it still runs, so that
// others read what there is under the lock.
type found struct {
	wanted []wanted // by number of the pattern; fixed before the walk begins

	mu      sync.Mutex
	targets []result // by number of the target
	missed  []bool   // by pattern: something stood in the way, and that it is absent cannot be said
	seen    []bool   // by pattern: it matched
	mounts  []artifacts.Outcome
	matches int
	begun   bool
	ended   bool
	cause   error // why it ended early
}

// wanted is a pattern of the walk and who wants it.
type wanted struct {
	pattern
	target  int
	listing bool // PATH: that it is there is enough
}

// A result is what the walk has for one target.
type result struct {
	hits     hits
	known    artifacts.Keys // of what was found
	first    int            // the target's patterns are wanted[first:last]
	last     int
	listed   int // matches that are to be listed
	outcomes []artifacts.Outcome
	said     map[artifacts.Path]bool // paths with an outcome
}

// key stands for a path in memory, and for what is wanted of it: a walk may find a million. Its seed is this process's, so
// that nobody can make two paths share one.
func key(p artifacts.Path, listing bool, stream string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	h.WriteString(string(p))
	if listing {
		h.WriteByte(0)
	}
	if stream != "" {
		h.WriteString("\x00" + stream)
	}
	return h.Sum64()
}

var seed = maphash.MakeSeed()

func newFound(w []wanted, targets int) *found {
	f := &found{wanted: w, targets: make([]result, targets), missed: make([]bool, len(w)), seen: make([]bool, len(w))}
	for id := len(w) - 1; id >= 0; id-- {
		r := &f.targets[w[id].target]
		r.first, r.last = id, max(r.last, id+1)
	}
	return f
}

// hit records a match. Its error means that the walk is over.
func (f *found) hit(ids []int, p artifacts.Path, kind artifacts.Kind) error {
	if len(ids) == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		want := &f.wanted[id]
		if kind == artifacts.Directory && !want.listing && !want.literalEnd() {
			continue // FILE matches files
		}
		f.seen[id] = true
		r := &f.targets[want.target]
		key := key(p, want.listing, want.stream)
		if r.known.Has(key) {
			continue
		}
		if want.listing {
			if r.listed++; r.listed > maxListed { // a full folder is not to end the walk of all others
				f.missed[id] = true
				f.sayOnce(id, "\x00listed", artifacts.Outcome{Path: want.text, Status: artifacts.Truncated, Reason: errListed.Error()})
				continue
			}
		}
		if f.matches++; f.matches > maxMatches {
			return errMatches
		}
		r.known.Put(key, 0)
		r.hits.add(hit{p, int32(id), kind})
	}
	return nil
}

// literalEnd tells whether the last name of a pattern is written out.
func (p *pattern) literalEnd() bool {
	last := p.names[len(p.names)-1]
	return last.glob == "" && last.depth == 0
}

// note adds an outcome to each target of some patterns, once for a path.
func (f *found) note(ids []int, o artifacts.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		f.say(id, o)
	}
}

func (f *found) say(id int, o artifacts.Outcome) { f.sayOnce(id, o.Path, o) }

func (f *found) sayOnce(id int, key artifacts.Path, o artifacts.Outcome) {
	r := &f.targets[f.wanted[id].target]
	if r.said[key] {
		return
	}
	if r.said == nil {
		r.said = make(map[artifacts.Path]bool)
	}
	r.said[key] = true
	r.outcomes = append(r.outcomes, o)
}

// blocked notes an outcome for what stands in the way of patterns.
func (f *found) blocked(ids []int, o artifacts.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		f.missed[id] = true
		f.say(id, o)
	}
}

// barred notes for each pattern that it was not looked for at all.
func (f *found) barred(ids []int, at artifacts.Path, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range slices.Sorted(slices.Values(ids)) {
		f.missed[id] = true
		reason := at.String() + ": " + why
		if asked := f.wanted[id].asked; asked != "" { // once for all homes behind it
			f.sayOnce(id, asked+"\x00"+at, artifacts.Outcome{Path: asked, Status: artifacts.Skipped, Reason: reason})
			continue
		}
		f.say(id, artifacts.Outcome{Path: f.wanted[id].text, Status: artifacts.Skipped, Reason: reason})
	}
}

func (f *found) decision(o artifacts.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mounts = append(f.mounts, o)
}

// begin and end stand around the walk.
func (f *found) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun = true
}

func (f *found) end(cause error) []artifacts.Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended, f.cause = true, cause
	return slices.Clone(f.mounts)
}

// of gives what is there for a target: hits in the order of its patterns, and the outcomes of what is not. The hits are
// the caller's, and are given once.
func (f *found) of(target int) (found hits, outcomes []artifacts.Outcome, complete bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &f.targets[target]
	found, r.hits, r.known = r.hits, hits{}, artifacts.Keys{}
	outcomes = slices.Clone(r.outcomes)
	complete = f.ended && f.cause == nil
	lacking := f.absences(r, complete)
	for id := r.first; id < r.last; id++ {
		if f.wanted[id].listing && f.seen[id] && !found.of(int32(id)) {
			outcomes = append(outcomes, artifacts.Outcome{Path: f.wanted[id].text, Status: artifacts.Collected, Reason: "listed for another pattern of the definition"})
		}
		if f.seen[id] || f.missed[id] {
			continue
		}
		if o, ok := lacking.outcome(&f.wanted[id]); ok {
			outcomes = append(outcomes, o)
		}
	}
	return found, outcomes, complete
}

// absences says what is absent. What was asked for in each user's home is said once for all homes that lack it: service
// accounts have many homes, and most are never there.
type absences struct {
	early string                 // why it cannot be known; empty: the walk came to its end
	all   map[artifacts.Path]int // homes asked, by what was asked
	lack  map[artifacts.Path]int // of them, those that lack it; 0: said
}

// absences counts for one target; f.mu is held.
func (f *found) absences(r *result, complete bool) *absences {
	a := &absences{all: make(map[artifacts.Path]int), lack: make(map[artifacts.Path]int)}
	if !complete {
		a.early = "not looked for: the walk ended early"
		if f.cause != nil {
			a.early += ": " + f.cause.Error()
		}
	}
	for id := r.first; id < r.last; id++ {
		asked := f.wanted[id].asked
		if asked == "" {
			continue
		}
		a.all[asked]++
		if !f.seen[id] && !f.missed[id] {
			a.lack[asked]++
		}
	}
	return a
}

// outcome of a pattern that matched nothing; false where it was said with another's.
func (a *absences) outcome(w *wanted) (artifacts.Outcome, bool) {
	o := artifacts.Outcome{Path: w.text, Status: artifacts.Absent}
	if n := a.lack[w.asked]; w.asked != "" && n != 1 {
		if n == 0 {
			return o, false
		}
		o.Path, o.Reason = w.asked, fmt.Sprintf("in %d of the %d homes of users", n, a.all[w.asked])
		a.lack[w.asked] = 0
	}
	if a.early != "" {
		o.Status, o.Reason = artifacts.Failed, a.early
	}
	return o, true
}

func (f *found) hasBegun() bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begun
}

// has tells whether a path was found for a target.
func (f *found) has(target int, p artifacts.Path) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.targets[target].known.Has(key(p, false, ""))
}
