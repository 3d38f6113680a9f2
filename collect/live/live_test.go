package live_test

import (
	"slices"
	"testing"

	"spor/artifacts"
	"spor/collect/live"
)

// The list is what runs on a victim's machine: each has a name of its own, a line for the responder, a profile that
// exists, and stands in the order of volatility.
func TestAll(t *testing.T) {
	seen := map[string]bool{}
	last := artifacts.Volatile
	for _, c := range live.All() {
		if c.Name == "" || c.Doc == "" || c.Collect == nil || seen[c.Name] {
			t.Errorf("collector %q: name used before (%v), no doc %q, or nothing to do", c.Name, seen[c.Name], c.Doc)
		}
		seen[c.Name] = true
		if len(c.Profiles) == 0 {
			t.Errorf("collector %q: in no profile", c.Name)
		}
		for _, name := range c.Profiles {
			if !slices.ContainsFunc(artifacts.Profiles, func(p artifacts.Profile) bool { return p.Name == name }) {
				t.Errorf("collector %q: no profile is called %q", c.Name, name)
			}
		}
		if c.Order < last {
			t.Errorf("collector %q is %v and stands after one that is %v", c.Name, c.Order, last)
		}
		last = c.Order
	}
}
