package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"spor/artifacts"
)

// Limits of one walk. What they cut is an outcome.
const (
	maxMatches = 1_000_000
	maxListed  = 200_000    // of one definition's listings: anybody can fill a folder for temporary files
	maxEntries = 20_000_000 // names listed
	maxKept    = 100_000    // names of listings kept for directories that links lead to
	maxLinks   = 40         // followed for one path, as Linux does
	maxBelow   = 256        // directories within one another
)

var (
	errMatches = fmt.Errorf("more than %d matches", maxMatches)
	errListed  = fmt.Errorf("more than %d names: the rest is not listed", maxListed)
	errLoop    = fmt.Errorf("more than %d links on the way: a loop", maxLinks)
	errOutside = errors.New("the link leads to no drive of this host")
)

// A walker goes once through a host's tree and finds what the patterns of a trie name. Directories are visited by their
// real path: a link on the way is resolved within the tree, and what several links lead to is still listed once.
type walker struct {
	os      artifacts.OS
	files   artifacts.Files
	trie    *trie
	found   *found
	kept    map[artifacts.Path][]artifacts.DirEntry
	nKept   int
	entries int
	visited map[visit]bool
	decided map[string]bool
	homes   homes
}

type visit struct {
	dir artifacts.Path
	at  *node
}

func newWalker(h *artifacts.Host, t *trie, f *found) *walker {
	return &walker{
		os: h.OS, files: h.Files, trie: t, found: f,
		kept:    make(map[artifacts.Path][]artifacts.DirEntry),
		visited: make(map[visit]bool),
		decided: make(map[string]bool),
		homes:   newHomes(h),
	}
}

// walk visits all roots. It ends early when the context is done or a limit of the whole walk is reached, and says why.
func (w *walker) walk(ctx context.Context) error {
	for _, root := range w.files.Roots() {
		at := states{{at: &w.trie.top}}
		if w.os == artifacts.Windows {
			if _, at = at.enter().step(w.trie.key(strings.TrimRight(string(root), `\`))); len(at) == 0 {
				continue
			}
		}
		m, mounted := w.files.Mount(root)
		if mounted && m.Class == artifacts.Remote && w.os == artifacts.Windows {
			w.remote(m, nil, at)
			continue
		}
		if mounted {
			w.decide(m, artifacts.Collected, "entered: "+describe(m))
		}
		if err := w.visit(ctx, root, mounted && m.Class == artifacts.Pseudo, at, 0); err != nil {
			return err
		}
	}
	return nil
}

// visit goes on from one directory. Its error means that the walk is over.
func (w *walker) visit(ctx context.Context, dir artifacts.Path, pseudo bool, at states, depth int) error {
	if at = w.fresh(dir, at); len(at) == 0 {
		return nil
	}
	if depth > maxBelow {
		w.found.blocked(at.patterns(), artifacts.Outcome{Path: dir, Status: artifacts.Truncated, Reason: fmt.Sprintf("not entered: more than %d directories deep", maxBelow)})
		return nil
	}
	keep := len(at.written()) > 0
	at = at.enter()
	if pseudo {
		at = w.withoutStars(dir, at)
	}
	listed := make(map[string]bool) // of the names that are written out
	if w.mustList(at) {
		list, err := w.list(dir, keep)
		if err != nil {
			w.refused(dir, err, at.patterns())
		}
		for _, e := range list {
			ends, below := at.step(w.trie.key(e.Name))
			if len(ends)+len(below) == 0 {
				continue
			}
			if at.names(w.trie.key(e.Name)) {
				listed[w.trie.key(e.Name)] = true
			}
			if err := w.arrive(ctx, arrival{w.os.Join(dir, e.Name), e.Kind, ends, below, pseudo, depth}); err != nil {
				return err
			}
		}
	}
	return w.literals(ctx, dir, pseudo, at, depth, listed)
}

// literals looks for the names that are written out and were not listed: asking for a name costs one call, needs no
// permission to list, and finds what a listing hides.
func (w *walker) literals(ctx context.Context, dir artifacts.Path, pseudo bool, at states, depth int, listed map[string]bool) error {
	for _, st := range at {
		if st.star != nil {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(st.at.literals)) {
			if listed[key] {
				continue
			}
			l := st.at.literals[key]
			listed[key] = true
			ends, below := at.step(key)
			if err := w.arrive(ctx, arrival{w.os.Join(dir, l.written), artifacts.Unknown, ends, below, pseudo, depth}); err != nil {
				return err
			}
		}
	}
	return nil
}

// fresh leaves out the places this directory was visited with before.
func (w *walker) fresh(dir artifacts.Path, at states) states {
	var some states
	for _, st := range at {
		if st.star == nil {
			v := visit{dir, st.at}
			if w.visited[v] {
				continue
			}
			w.visited[v] = true
		}
		some = append(some, st)
	}
	return some
}

// withoutStars takes `**` out of the states of a directory in a pseudo file system, and says so once.
func (w *walker) withoutStars(dir artifacts.Path, at states) states {
	some := at.written()
	if len(some) < len(at) {
		m := w.mountOf(dir)
		w.decide(m, artifacts.Skipped, "not searched by wildcards that span folders: "+describe(m))
	}
	return some
}

func (w *walker) mustList(at states) bool {
	for _, st := range at {
		if st.star != nil && st.left > 0 || st.at != nil && (len(st.at.globs) > 0 || w.trie.fold && len(st.at.literals) > 0) {
			return true
		}
	}
	return false
}

// list reads a directory, or remembers it. Listings are kept, up to a bound, for directories that patterns name: those
// are the ones that links lead to.
func (w *walker) list(dir artifacts.Path, keep bool) ([]artifacts.DirEntry, error) {
	if list, ok := w.kept[dir]; ok {
		return list, nil
	}
	if w.entries > maxEntries {
		return nil, fmt.Errorf("more than %d names were listed in this run", maxEntries)
	}
	list, err := w.files.ReadDir(dir)
	w.entries += len(list)
	if keep && err == nil && w.nKept+len(list) <= maxKept {
		w.kept[dir] = list
		w.nKept += len(list)
	}
	return list, err
}

// An arrival is a name that patterns lead to.
type arrival struct {
	path   artifacts.Path
	kind   artifacts.Kind
	ends   []int
	below  states
	pseudo bool
	depth  int // of the directory it is in
}

// arrive decides about mounts, before the name is touched, and then about what the name is.
func (w *walker) arrive(ctx context.Context, a arrival) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m, mounted := w.files.Mount(a.path)
	if mounted && m.Class == artifacts.Remote {
		w.remote(m, a.ends, a.below)
		return nil
	}
	if a.kind == artifacts.Unknown {
		st, err := w.files.Lstat(a.path)
		if err != nil {
			w.refused(a.path, err, append(a.below.patterns(), a.ends...))
			return nil
		}
		a.kind = st.Kind
	}
	if mounted {
		a.pseudo = m.Class == artifacts.Pseudo
	}
	if mounted && a.kind == artifacts.Directory && len(a.below) > 0 {
		if !a.pseudo || len(a.below.written()) > 0 {
			w.decide(m, artifacts.Collected, "entered: "+describe(m))
		}
	}
	if err := w.found.hit(a.ends, a.path, a.kind); err != nil {
		return err
	}
	switch {
	case a.kind == artifacts.Symlink:
		return w.follow(ctx, a)
	case a.kind == artifacts.Directory && len(a.below) > 0:
		return w.visit(ctx, a.path, a.pseudo, a.below, a.depth+1)
	}
	return nil
}

// follow goes on where a link leads. `**` does not.
func (w *walker) follow(ctx context.Context, a arrival) error {
	below := a.below.written()
	if len(a.ends)+len(below) == 0 {
		return nil
	}
	real, kind, err := w.resolve(a.path)
	var remote *remoteError
	switch {
	case errors.As(err, &remote):
		w.remote(remote.mount, a.ends, below)
	case errors.Is(err, errLoop), errors.Is(err, errOutside):
		w.found.blocked(append(below.patterns(), a.ends...), artifacts.Outcome{Path: a.path, Status: artifacts.Failed, Reason: err.Error()})
	case errors.Is(err, fs.ErrNotExist):
		w.found.note(a.ends, artifacts.Outcome{Path: a.path, Status: artifacts.Absent, Reason: "the link leads to nothing"})
	case err != nil:
		w.refused(a.path, err, append(below.patterns(), a.ends...))
	case kind == artifacts.Directory && len(below) > 0:
		return w.visit(ctx, real, w.mountOf(real).Class == artifacts.Pseudo, below, a.depth+1)
	case kind == artifacts.Regular || kind == artifacts.Placeholder:
		return w.found.hit(a.ends, real, kind)
	}
	return nil
}

// refused records an error of the host for all patterns it stands in the way of. That a name is not there is no error.
func (w *walker) refused(p artifacts.Path, err error, ids []int) {
	o := artifacts.Outcome{Path: p, Status: artifacts.Failed, Reason: reason(err)}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.homes.lacks(p)
		return
	case errors.Is(err, fs.ErrPermission):
		o.Status = artifacts.Denied
	}
	w.found.blocked(ids, o)
}

// reason is an error's text without the path, which stands beside it.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Op + ": " + pe.Err.Error()
	}
	return err.Error()
}

// remote records that a network file system was left alone.
func (w *walker) remote(m artifacts.Mount, ends []int, below states) {
	why := "network file system " + describe(m) + " is not entered"
	w.decide(m, artifacts.Skipped, why)
	w.found.barred(append(below.patterns(), ends...), m.Path, why)
}

// decide records a decision about a mount, once.
func (w *walker) decide(m artifacts.Mount, status artifacts.Status, why string) {
	key := string(m.Path) + "\x00" + why
	if !w.decided[key] {
		w.decided[key] = true
		w.found.decision(artifacts.Outcome{Path: m.Path, Status: status, Reason: why})
	}
}

func describe(m artifacts.Mount) string {
	if m.Source == "" || m.Source == "none" || m.Source == m.Type {
		return m.Type
	}
	return m.Type + " (" + artifacts.Path(m.Source).String() + ")"
}

// mountOf is the file system a path lies on, as far as is known.
func (w *walker) mountOf(p artifacts.Path) artifacts.Mount {
	for {
		if m, ok := w.files.Mount(p); ok {
			return m
		}
		dir, name := w.os.Split(p)
		if dir == "" || name == "" || dir == p {
			return artifacts.Mount{Path: p, Type: "unknown"}
		}
		p = dir
	}
}
