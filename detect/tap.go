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
	collector := liveName(it.Name)
	keep := keeper{r: r}
	switch {
	case collector != "":
		keep.left = maxLive
	case it.Origin != "" && t.Detector.Wants(it.Origin):
		keep.left = MaxText
	}
	stored, err := t.Next.Put(ctx, it, &keep)
	if err != nil {
		return stored, err
	}
	if collector != "" {
		t.Detector.Live(collector, keep.kept)
	} else {
		t.Detector.Item(&it, stored, keep.kept)
	}
	return stored, nil
}

// liveName is the collector of live/<collector>.jsonl, else empty.
func liveName(name string) string {
	rest, ok := strings.CutPrefix(name, "live/")
	collector, ok2 := strings.CutSuffix(rest, ".jsonl")
	if !ok || !ok2 || strings.Contains(collector, "/") {
		return ""
	}
	return collector
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
