package artifacts

import (
	"encoding/json"
	"testing"
	"time"
)

// odd are texts that JSON, or Path, writes in a way of its own.
var odd = []string{"", "plain", `a "quoted" \ name`, "<script>&", "line\nfeed\t\x00\x1f\x7f", "bjørn", "\xff\xfe", "100%FF %zz", "\u2028\u2029", "\ufffd", "\U0001f40d"}

func FuzzObject(f *testing.F) {
	for i, s := range odd {
		f.Add(s, odd[(i+3)%len(odd)], int64(i)*1e9, uint64(i), uint32(i))
	}
	f.Add("x", "y", int64(1)<<40, ^uint64(0), ^uint32(0))
	f.Fuzz(func(t *testing.T, a, b string, seconds int64, wide uint64, narrow uint32) {
		at := time.Unix(seconds%(1<<36), int64(narrow)%1e9).UTC()
		if y := at.Year(); y < 0 || y > 9999 {
			at = time.Time{}
		}
		it := Item{
			Name: a, Source: b, Origin: Path(a), Link: Path(b), Times: Times{Modified: at, Born: at}, Mode: narrow, UID: a, GID: b, Inode: wide,
			Device: wide, Attributes: narrow, Links: wide, Xattrs: map[string][]byte{a: []byte(b), b: nil}, ACL: a,
			Sparse: &Sparse{Size: seconds, Count: 1}, SameAs: b, Method: a, Read: at,
		}
		for _, it := range []Item{it, {Source: a}} {
			o := NewObject(nil)
			it.AppendMembers(o)
			same(t, o.End(), it)
		}
		out := Outcome{Source: a, Path: Path(b), Status: Status(narrow % 7), Reason: b, Item: a, Bytes: seconds, Gap: narrow%2 == 0}
		same(t, out.AppendJSON(nil), out)
	})
}

func same(t *testing.T, got []byte, v any) {
	t.Helper()
	want, err := json.Marshal(v)
	if err != nil || string(got) != string(want) {
		t.Errorf("%+v:\n got %s\nwant %s (%v)", v, got, want, err)
	}
}

// Whoever owns a file sets its times, on some file systems to years that no calendar has. They are told all the same.
func TestImpossibleTimes(t *testing.T) {
	for _, c := range []struct {
		times Times
		want  string
	}{
		{Times{Modified: time.Unix(1, 5).UTC()}, `{"modified":"1970-01-01T00:00:01.000000005Z"}`},
		{Times{Modified: time.Unix(4e11, 0), Accessed: time.Unix(0, 0).UTC()}, `{"accessed":"1970-01-01T00:00:00Z","impossible":{"modified":400000000000}}`},
		{Times{Changed: time.Unix(-1e11, 0), Born: time.Unix(1<<55, 0)}, `{"impossible":{"born":36028797018963968,"changed":-100000000000}}`},
	} {
		got, err := json.Marshal(struct {
			T Times `json:"t,omitzero"`
		}{c.times})
		if want := `{"t":` + c.want + `}`; err != nil || string(got) != want {
			t.Errorf("%v: %s, %v; want %s", c.times, got, err, want)
		}
		var back Times
		if err := json.Unmarshal([]byte(c.want), &back); err != nil {
			t.Errorf("%s is not read back: %v", c.want, err)
		}
	}
}
