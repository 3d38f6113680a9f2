package schema

import (
	"fmt"
	"testing"

	"spor/artifacts"
)

// TestFullFolder holds that a folder with more names than are listed ends that listing alone, and that this is said once.
func TestFullFolder(t *testing.T) {
	f := newFound([]wanted{{listing: true, target: 0}, {target: 1}}, 2)
	for i := range maxListed + 10 {
		if err := f.hit([]int{0}, artifacts.Path(fmt.Sprintf("/tmp/%d", i)), artifacts.Regular); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.hit([]int{1}, "/root/.bash_history", artifacts.Regular); err != nil || !f.seen[1] {
		t.Errorf("a file of another definition: %v, seen %v", err, f.seen[1])
	}
	if said := f.targets[0].outcomes; f.matches != maxListed+1 || len(said) != 1 || said[0].Status != artifacts.Truncated || !f.missed[0] {
		t.Errorf("%d matches, outcomes %+v, want %d and one that says it", f.matches, said, maxListed+1)
	}
}
