package timeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
)

// made gives n events in no order, of three files, some without a time.
func made(n int) []*Event {
	rnd := rand.New(rand.NewSource(1))
	sources := []*Source{{Host: "b", Path: "/2"}, {Host: "a", Path: "/1"}, {Host: "a", Path: "/2", SHA256: Digest{0xcc}}}
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
	spilled := NewSorter(SorterOptions{Memory: 60_000, Dir: dir})
	defer spilled.Close()
	rand.New(rand.NewSource(2)).Shuffle(n, func(i, j int) { events[i], events[j] = events[j], events[i] })
	// The order of sources decides ties of equal host, path and offset alone; keep it.
	for _, e := range whole.codec.sources {
		spilled.codec.sourceNumber(e)
	}
	for _, e := range events {
		if err := spilled.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if spilled.records.spill == nil || spilled.records.spill.count < 20 || len(spilled.records.spill.runs) >= 8 {
		t.Fatal("nothing was spilled, or its runs were not merged")
	}
	raw := make([]byte, spilled.records.spill.size)
	if _, err := spilled.records.spill.f.ReadAt(raw, 0); err != nil {
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
	s.records.spill.f.ReadAt(b, 40)
	b[0] ^= 1
	s.records.spill.f.WriteAt(b, 40)
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
	return artifacts.Stored{Name: it.Name, Size: int64(len(b)), SHA256: strings.Repeat("5e", 32), Cut: err}, nil
}

// TestSame adds the same records from several files in all orders.
func TestSame(t *testing.T) {
	live, archive, shadow := &Source{Host: "h", Path: "/live"}, &Source{Host: "h", Path: "/archive"}, &Source{Host: "h", Path: "/vss/live"}
	other := &Source{Host: "i", Path: "/live"}
	event := func(src *Source, offset int64, message string, carved bool) *Event {
		return &Event{Time: at, Type: "t", Message: message, Source: src, Offset: offset, Recovered: carved, Fields: []Field{Int("n", 1)}}
	}
	events := []*Event{
		event(live, 10, "a", false), event(archive, 20, "a", false), event(shadow, 30, "a", true), event(other, 10, "a", false),
		event(live, 40, "twice", false), event(live, 50, "twice", false), event(shadow, 60, "twice", false),
		event(live, 70, "slack", false), event(live, 80, "slack", true),
		event(shadow, 90, "gone", true),
	}
	want := []string{
		"h/archive@20 a [/live /vss/live]", "h/live@40 twice [/vss/live]", "h/live@50 twice []", "h/live@70 slack []",
		"h/vss/live@90 gone [] recovered", "i/live@10 a []",
	}
	for seed := range int64(50) {
		rand.New(rand.NewSource(seed)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		s := NewSorter(SorterOptions{})
		for _, e := range events {
			s.Add(e)
		}
		var got []string
		for e, err := range s.Events() {
			if err != nil {
				t.Fatal(err)
			}
			also := []string{}
			for _, src := range e.Also {
				also = append(also, string(src.Path))
			}
			line := fmt.Sprintf("%s%s@%d %s %v", e.Source.Host, e.Source.Path, e.Offset, e.Message, also)
			if e.Recovered {
				line += " recovered"
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestSameGivenTwice gives a file twice, as who has two collections of one host does.
func TestSameGivenTwice(t *testing.T) {
	for _, few := range []bool{false, true} {
		s := NewSorter(SorterOptions{})
		for range 2 {
			src := &Source{Host: "h", Path: "/var/log/syslog", few: few}
			for offset := range int64(3) {
				message := "/var/log/syslog twice"
				if offset == 2 || few {
					message += fmt.Sprint(" ", offset)
				}
				s.Add(&Event{Time: at, Type: "t", Message: message, Source: src, Offset: offset})
			}
		}
		var offsets []int64
		for e, err := range s.Events() {
			if err != nil || len(e.Also) != 0 {
				t.Fatalf("%+v, %v", e, err)
			}
			offsets = append(offsets, e.Offset)
		}
		if want := []int64{0, 1, 2}; !slices.Equal(offsets, want) {
			t.Errorf("few %v: records at %v, want %v", few, offsets, want)
		}
	}
}

// TestSameManyAtOnce puts more into one moment than memory holds.
func TestSameManyAtOnce(t *testing.T) {
	const n = 20_000
	s := NewSorter(SorterOptions{Memory: 200_000, Dir: t.TempDir()})
	defer s.Close()
	files := []*Source{{Path: "/a"}, {Path: "/b"}}
	for i := range 2 * n {
		e := Event{Type: "t", Message: fmt.Sprint("line ", i/2), Source: files[i%2], Offset: int64(i / 2)}
		if err := s.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	next := int64(0)
	for e, err := range s.Events() {
		if err != nil {
			t.Fatal(err)
		}
		if e.Source != files[0] || e.Offset != next || len(e.Also) != 1 || e.Also[0] != files[1] {
			t.Fatalf("event %d: %+v", next, e)
		}
		next++
	}
	if next != n {
		t.Errorf("%d events, want %d", next, n)
	}
}

func TestShapesOverflow(t *testing.T) {
	s := NewSorter(SorterOptions{})
	for i := range 2 * maxShapes {
		s.Add(&Event{Time: at, Type: "t", Message: "m", Offset: int64(i), Fields: []Field{Int(fmt.Sprint("n", i), int64(-i)), List("l", []string{"x", ""})}})
	}
	n := 0
	for e, err := range s.Events() {
		if err != nil || e.Fields[0] != Int(fmt.Sprint("n", e.Offset), -e.Offset) || e.Fields[1].String() != "x, " {
			t.Fatalf("event %d: %v %+v", n, err, e)
		}
		n++
	}
	if n != 2*maxShapes {
		t.Errorf("%d events came out", n)
	}
}

// The times of files carry their sources through the sorter, so that nothing is kept of a million files. What comes out is
// the same as where sources are kept.
func TestSorterKeepsNothingOfAFile(t *testing.T) {
	rng := rand.New(rand.NewSource(4))
	var carried, kept [2]*Sorter
	for i := range 2 {
		o := SorterOptions{}
		if i > 0 {
			o = SorterOptions{Memory: 50_000, Dir: t.TempDir()}
		}
		carried[i], kept[i] = NewSorter(o), NewSorter(o)
		defer carried[i].Close()
		defer kept[i].Close()
	}
	for i := range 2000 {
		at := time.Unix(int64(rng.Intn(300)), 0)
		it := artifacts.Item{Origin: artifacts.Path(fmt.Sprintf("/d%d/f%d", rng.Intn(30), i)), Times: artifacts.Times{Modified: at, Changed: at}, Inode: uint64(i)}
		src := &Source{Host: fmt.Sprint("h", i%2), Path: it.Origin, SHA256: Digest{byte(i), byte(i >> 8)}}
		for e := range statEvents(&it, 5, src) {
			for n := range 2 {
				if err := carried[n].Add(&e); err != nil {
					t.Fatal(err)
				}
			}
			other := *src
			e.Source, other.few = &other, false
			for n := range 2 {
				if err := kept[n].Add(&e); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	want := lines(t, kept[0])
	for n, s := range []*Sorter{kept[1], carried[0], carried[1]} {
		if got := lines(t, s); !bytes.Equal(got, want) {
			t.Errorf("sorter %d gives other lines:\n%.600s\nwant:\n%.600s", n, got, want)
		}
	}
	if n := len(carried[0].codec.sources); n > 2 {
		t.Errorf("%d sources were kept; want one for each host", n)
	}
}
