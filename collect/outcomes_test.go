package collect

import (
	"fmt"
	"slices"
	"testing"

	"spor/artifacts"
)

func TestOutcomesComeBackAsTheyWere(t *testing.T) {
	var list Outcomes
	var want []artifacts.Outcome
	for i := range 3*blockOutcomes + 7 {
		p := artifacts.Path(fmt.Sprintf("/var/log/%d/a\xff%d", i/100, i))
		o := artifacts.Outcome{Source: fmt.Sprint("source", i/500), Path: p, Status: artifacts.Status(i % 6), Gap: i%7 == 0}
		switch i % 5 {
		case 0:
			o.Item, o.Bytes = "files"+string(p), int64(i)
		case 1:
			o.Item, o.Bytes = "files/other~2", 1<<40
		case 2:
			o.Reason = fmt.Sprint("is odd: ", i) // more than are remembered once there are many
		case 3:
			o.Path, o.Item = "", "files" // of no path, and yet so called
		}
		want = append(want, o)
		list.Add(o)
	}
	for range maxTexts {
		list.Add(artifacts.Outcome{Reason: fmt.Sprint("reason ", list.Len())})
		want = append(want, artifacts.Outcome{Reason: fmt.Sprint("reason ", len(want))})
	}
	if got := list.List(); !slices.Equal(got, want) {
		t.Errorf("%d outcomes came back of %d, or others", len(got), len(want))
	}
	for i, o := range want {
		if got := list.at(i); got != o {
			t.Fatalf("outcome %d: %+v; want %+v", i, got, o)
		}
	}
	for o := range list.All() {
		if o != want[0] {
			t.Errorf("the first is %+v; want %+v", o, want[0])
		}
		break
	}
	if list.Len() != len(want) {
		t.Errorf("%d outcomes; want %d", list.Len(), len(want))
	}
}
