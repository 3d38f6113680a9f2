package schema

import (
	"fmt"
	"slices"
	"testing"

	"spor/artifacts"
)

func TestHitsComeBackByPatternInTheOrderOfTheWalk(t *testing.T) {
	var all hits
	want := map[int32][]hit{}
	for i := range 5000 {
		h := hit{artifacts.Path(fmt.Sprintf("/usr/share/%d/name\xfe-%d", i/50, i)), int32(i * i % 7), artifacts.Kind(i % 4)}
		if i == 100 {
			h.path = ""
		}
		want[h.pattern] = append(want[h.pattern], h)
		all.add(h)
	}
	patterns := all.patterns()
	if !slices.IsSorted(patterns) || len(patterns) != len(want) {
		t.Errorf("patterns %v; want the %d in order", patterns, len(want))
	}
	for _, id := range patterns {
		if got := slices.Collect(all.take(id)); !slices.Equal(got, want[id]) {
			t.Errorf("pattern %d: %d hits, or others; want %d", id, len(got), len(want[id]))
		}
		for h := range all.take(id) {
			t.Errorf("%v is given twice", h)
		}
	}
	if !all.none() {
		t.Error("hits are left when all were taken")
	}
}
