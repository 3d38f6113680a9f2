package timeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"spor/artifacts"
)

// made gives n events in no order, of three files, some without a time.
func made(n int) []*Event {
	rnd := rand.New(rand.NewSource(1))
	sources := []*Source{{Host: "b", Path: "/2"}, {Host: "a", Path: "/1"}, {Host: "a", Path: "/2", SHA256: "cc"}}
	events := make([]*Event, n)
	for i := range events {
		e := &Event{
			Desc: DescModified, Type: "t", Message: fmt.Sprintf("canary %d", i), Source: sources[rnd.Intn(3)],
			Offset: int64(rnd.Intn(50)), Fields: []Field{Int("i", int64(i))},
		}
		if rnd.Intn(20) > 0 {
			e.Time = time.Unix(int64(rnd.Intn(100)), int64(rnd.Intn(3))).UTC()
		}
		events[i] = e
	}
	return events
}

func lines(t *testing.T, s *Sorter) []byte {
	t.Helper()
	var out []byte
	for e, err := range s.Events() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(e.AppendJSON(out), '\n')
	}
	return out
}

func TestSorter(t *testing.T) {
	const n = 20_000
	events := made(n)
	whole := NewSorter(SorterOptions{})
	for _, e := range events {
		if err := whole.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	want := lines(t, whole)
	if got := bytes.Count(want, []byte("\n")); got != n {
		t.Fatalf("%d events came out of %d", got, n)
	}
	last := ""
	for line := range bytes.Lines(want) {
		i := bytes.Index(line, []byte(`"datetime":"`))
		if now := string(line[i+12 : i+31]); now < last {
			t.Fatalf("%s after %s", now, last)
		} else {
			last = now
		}
	}

	dir := t.TempDir()
	spilled := NewSorter(SorterOptions{Memory: 100_000, Dir: dir})
	defer spilled.Close()
	rand.New(rand.NewSource(2)).Shuffle(n, func(i, j int) { events[i], events[j] = events[j], events[i] })
	// The order of sources decides ties of equal host, path and offset alone; keep it.
	for _, e := range whole.sources {
		spilled.number(e)
	}
	for _, e := range events {
		if err := spilled.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if spilled.spill == nil || len(spilled.spill.runs) < 10 {
		t.Fatal("nothing was spilled")
	}
	raw := make([]byte, spilled.spill.size)
	if _, err := spilled.spill.f.ReadAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("canary")) {
		t.Error("evidence can be read in the spill file")
	}
	if got := lines(t, spilled); !bytes.Equal(got, want) {
		t.Error("the order differs when events are spilled")
	}
	if again := lines(t, spilled); !bytes.Equal(again, want) {
		t.Error("the second reading differs from the first")
	}
	if err := spilled.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSorterNoPlace(t *testing.T) {
	s := NewSorter(SorterOptions{Memory: 50_000})
	var refused int64
	for _, e := range made(2000) {
		if err := s.Add(e); errors.Is(err, ErrFull) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	dropped, why := s.Dropped()
	if dropped == 0 || dropped != refused || !errors.Is(why, ErrFull) {
		t.Errorf("dropped %d (%v), refused %d", dropped, why, refused)
	}
	if got := int64(bytes.Count(lines(t, s), []byte("\n"))); got != 2000-dropped {
		t.Errorf("%d came out, want %d", got, 2000-dropped)
	}
}

func TestSpillAltered(t *testing.T) {
	s := NewSorter(SorterOptions{Memory: 10_000, Dir: t.TempDir()})
	defer s.Close()
	for _, e := range made(500) {
		s.Add(e)
	}
	b := make([]byte, 1)
	s.spill.f.ReadAt(b, 40)
	b[0] ^= 1
	s.spill.f.WriteAt(b, 40)
	var last error
	for _, err := range s.Events() {
		last = err
	}
	if !errors.Is(last, errFrame) {
		t.Errorf("got %v, want %v", last, errFrame)
	}
}

// store is a sink that keeps what it is given.
type store struct{ got map[artifacts.Path][]byte }

func (s *store) Put(_ context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	b, err := io.ReadAll(r)
	s.got[it.Origin] = b
	return artifacts.Stored{Name: it.Name, Size: int64(len(b)), SHA256: "5e1f", Cut: err}, nil
}

func BenchmarkSorter(b *testing.B) {
	events := made(10_000)
	dir := filepath.Join(b.TempDir())
	for b.Loop() {
		s := NewSorter(SorterOptions{Memory: 1 << 20, Dir: dir})
		for _, e := range events {
			s.Add(e)
		}
		n := 0
		for range s.Events() {
			n++
		}
		s.Close()
		if n != len(events) {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.N*len(events))/b.Elapsed().Seconds(), "events/s")
}
