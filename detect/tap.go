package detect

import (
	"context"
	"io"
	"strings"

	"spor/artifacts"
)

// A Tap is a Sink that shows what passes through it to a Detector: every item, the records of live state, and the
// content of files that rules want. The next sink gets the same bytes.
type Tap struct {
	Next     artifacts.Sink
	Detector *Detector
}

var _ artifacts.Sink = (*Tap)(nil)

// maxLive bounds the live records that are looked at; a host with a hundred thousand processes stays below.
const maxLive = 64 << 20

// Put hands the item on and returns what the next sink says of it.
func (t *Tap) Put(ctx context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	collector := Collector(it.Name)
	live := collector != ""
	keep := keeper{r: r}
	switch {
	case live && t.Detector.WantsLive(collector):
		keep.left = maxLive
		keep.kept = make([]byte, 0, min(max(it.Size, 0), maxLive))
	case live:
	case it.Origin != "" && t.Detector.Wants(it.Origin):
		keep.left = MaxText
	}
	stored, err := t.Next.Put(ctx, it, &keep)
	if err != nil {
		return stored, err
	}
	if live {
		t.Detector.Live(it.Name, keep.kept)
	} else {
		t.Detector.Item(&it, stored, keep.kept)
	}
	return stored, nil
}

// Collector is who made an item of live state: "processes" of live/processes.jsonl and, where the records went on in
// another item, of live/processes.2.jsonl. Empty: the item is none.
func Collector(item string) string {
	name, ok := strings.CutPrefix(item, "live/")
	name, ok2 := strings.CutSuffix(name, ".jsonl")
	if !ok || !ok2 || strings.Contains(name, "/") {
		return ""
	}
	if stem, number, ok := strings.Cut(name, "."); ok && strings.Trim(number, "0123456789") == "" {
		return stem
	}
	return name
}

// keeper keeps the beginning of what is read through it.
type keeper struct {
	r    io.Reader
	kept []byte
	left int
}

func (k *keeper) Read(b []byte) (int, error) {
	n, err := k.r.Read(b)
	keep := min(n, k.left)
	k.kept = append(k.kept, b[:keep]...)
	k.left -= keep
	return n, err
}
