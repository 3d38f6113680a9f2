package schema

import "spor/artifacts"

// A trie is all patterns of a run, joined where they begin alike, so that one walk serves them all.
type trie struct {
	top  node
	fold bool
}

// A node is a place in the trie.
type node struct {
	literals map[string]*literal // by name, folded where the system folds
	globs    []*edge
	stars    []*edge
	ends     []int // the patterns that end here
}

// A literal is a child reached by one name.
type literal struct {
	written string
	next    node
}

// An edge is a child reached by a wildcard.
type edge struct {
	glob  string
	depth int // of `**`
	next  node
}

// add puts a pattern into the trie under a number.
func (t *trie) add(names []name, id int) {
	at := &t.top
	for _, n := range names {
		switch {
		case n.depth > 0:
			at = grow(&at.stars, edge{depth: n.depth})
		case n.glob != "":
			at = grow(&at.globs, edge{glob: n.glob})
		default:
			at = at.literal(t.key(n.literal), n.literal)
		}
	}
	at.ends = append(at.ends, id)
}

func (t *trie) key(name string) string {
	if t.fold {
		return foldCase(name)
	}
	return name
}

func (n *node) literal(key, written string) *node {
	if n.literals == nil {
		n.literals = make(map[string]*literal)
	}
	l := n.literals[key]
	if l == nil {
		l = &literal{written: written}
		n.literals[key] = l
	}
	return &l.next
}

func grow(edges *[]*edge, e edge) *node {
	for _, was := range *edges {
		if was.glob == e.glob && was.depth == e.depth {
			return &was.next
		}
	}
	*edges = append(*edges, &e)
	return &e.next
}

func (n *node) isLeaf() bool { return len(n.literals)+len(n.globs)+len(n.stars) == 0 }

// below gives the patterns that end at a node or anywhere under it.
func (n *node) below(ids []int) []int {
	ids = append(ids, n.ends...)
	for _, l := range n.literals {
		ids = l.next.below(ids)
	}
	for _, e := range n.globs {
		ids = e.next.below(ids)
	}
	for _, e := range n.stars {
		ids = e.next.below(ids)
	}
	return ids
}

// A state is where the walk stands in the trie when it is in some directory: at a node, or within a `**` that may span
// left more levels.
type state struct {
	at   *node
	star *edge
	left int
}

// states are all places at once. Each node is in it once, and each `**` with the most levels it has left.
type states []state

func (s *states) addNode(n *node) {
	for i := range *s {
		if (*s)[i].at == n {
			return
		}
	}
	if !n.isLeaf() {
		*s = append(*s, state{at: n})
	}
}

func (s *states) addStar(e *edge, left int) {
	for i := range *s {
		if (*s)[i].star == e {
			(*s)[i].left = max((*s)[i].left, left)
			return
		}
	}
	*s = append(*s, state{star: e, left: left})
}

// enter adds what follows without a name: a `**` begins, and may span nothing.
func (s states) enter() states {
	all := make(states, 0, len(s)+2)
	for _, st := range s {
		if st.star == nil {
			all.addNode(st.at)
		} else {
			all.addStar(st.star, st.left)
		}
	}
	for next := 0; next < len(all); { // what is added on the way is looked at too
		st := all[next]
		next++
		if st.star != nil {
			all.addNode(&st.star.next)
		} else {
			for _, e := range st.at.stars {
				all.addStar(e, e.depth)
			}
		}
	}
	return all
}

// step gives what one name leads to: the patterns that end with it, and the states below it. The states must have been
// entered.
func (s states) step(key string) (ends []int, below states) {
	follow := func(n *node) {
		ends = append(ends, n.ends...)
		below.addNode(n)
	}
	for _, st := range s {
		if st.star != nil {
			if st.left > 0 {
				ends = append(ends, st.star.next.ends...)
				below.addStar(st.star, st.left-1)
			}
			continue
		}
		if l := st.at.literals[key]; l != nil {
			follow(&l.next)
		}
		for _, e := range st.at.globs {
			if match(e.glob, key) {
				follow(&e.next)
			}
		}
	}
	return ends, below
}

// names tells whether a name is written out in any of the states.
func (s states) names(key string) bool {
	for _, st := range s {
		if st.at != nil && st.at.literals[key] != nil {
			return true
		}
	}
	return false
}

// written leaves out the states within a `**`: those that go on only by names or wildcards of one name.
func (s states) written() states {
	var some states
	for _, st := range s {
		if st.star == nil {
			some = append(some, st)
		}
	}
	return some
}

// patterns are those that could still match below.
func (s states) patterns() []int {
	var ids []int
	for _, st := range s {
		if st.star != nil {
			ids = st.star.next.below(ids)
		} else {
			ids = st.at.below(ids)
		}
	}
	return ids
}

// matches gives the patterns a path fits, without looking at any tree.
func (t *trie) matches(names []string) []int {
	at := states{{at: &t.top}}
	var ends []int
	for _, name := range names {
		ends, at = at.enter().step(t.key(name))
		if len(at) == 0 && len(ends) == 0 {
			return nil
		}
	}
	return ends
}

// names cuts a path of the host as its patterns are cut.
func names(os artifacts.OS, p artifacts.Path) []string {
	var all []string
	start, sep := 0, os.Separator()[0]
	for i := 0; i <= len(p); i++ {
		if i == len(p) || p[i] == sep {
			if i > start {
				all = append(all, string(p[start:i]))
			}
			start = i + 1
		}
	}
	return all
}
