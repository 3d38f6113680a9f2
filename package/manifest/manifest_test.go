package manifest

import (
	"encoding/json"
	"testing"
	"time"

	"spor/artifacts"
)

// A record is written by hand, in the bytes that encoding/json gives.
func TestAppendJSON(t *testing.T) {
	it := artifacts.Item{Name: "files/a", Source: "s", Origin: "/\xff<", Times: artifacts.Times{Changed: time.Unix(1, 20).UTC()}, Mode: 0o644}
	for _, e := range []Entry{
		{},
		{Number: 1, Item: it, Size: 5, SHA256: "ab", Volume: 1},
		{Number: 2, Item: it, SHA256: "ab", SHA1: "cd", MD5: "ef", Volume: 2, Padding: 3, Cut: "read: \"eof\"", Changed: "grew", Parts: []Part{{"a.part001", 1, 2, "x"}, {"a.part002", 2, 1, "y"}}},
	} {
		want, err := json.Marshal(&e)
		if got := e.AppendJSON([]byte("before ")); err != nil || string(got) != "before "+string(want) {
			t.Errorf("%+v:\n got %s\nwant before %s (%v)", e, got, want, err)
		}
	}
}
