package timeline

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"spor/artifacts"
)

// words is a format of one event per line; some lines misbehave.
var words = &Format{
	Name:  "words",
	Sniff: func(_ string, head []byte) bool { return bytes.HasPrefix(head, []byte("words\n")) },
	Parse: func(in Input) iter.Seq2[Event, error] {
		return func(yield func(Event, error) bool) {
			for line, err := range LinesMax(in.R, 64<<10) {
				text := string(line.Text)
				switch {
				case err != nil:
					yield(Event{}, err)
					return
				case text == "panic":
					panic("at the " + text)
				case text == "hang":
					select {}
				case text == "bad":
					if !yield(Event{}, errors.New("bad line")) {
						return
					}
					continue
				case text == "enough":
					return
				}
				if !yield(Event{Time: at, Type: "word", Message: text, Offset: line.Offset}, nil) {
					return
				}
			}
		}
	},
}

func TestTap(t *testing.T) {
	big := "words\n" + strings.Repeat("one more line of words\n", 100_000)
	packed := new(bytes.Buffer)
	z := gzip.NewWriter(packed)
	z.Write([]byte(big))
	z.Close()
	cut := errors.New("disk went away")
	tests := []struct {
		name    string
		r       io.Reader
		want    string // content stored
		events  int64
		damaged int64
		err     string
	}{
		{"plain", strings.NewReader("words\na\nb"), "words\na\nb", 3, 0, ""},
		{"empty", strings.NewReader(""), "", -1, 0, ""},
		{"no format", strings.NewReader("something else"), "something else", -1, 0, ""},
		{"large", strings.NewReader(big), big, 100_001, 0, ""},
		{"x.gz", bytes.NewReader(packed.Bytes()), packed.String(), 100_001, 0, ""},
		{"half.gz", bytes.NewReader(packed.Bytes()[:packed.Len()-9]), packed.String()[:packed.Len()-9], -2, 1, "unexpected EOF"},
		{"panic", strings.NewReader("words\npanic\n" + big), "words\npanic\n" + big, 1, 1, "panicked: at the panic"},
		{"hang", strings.NewReader("words\nhang\n" + big), "words\nhang\n" + big, 0, 1, "took too long"},
		{"bad record", strings.NewReader("words\nbad\nb"), "words\nbad\nb", 2, 1, "bad line"},
		{"had enough", strings.NewReader("words\nenough\n" + big), "words\nenough\n" + big, 1, 0, ""},
		{"read error", io.MultiReader(strings.NewReader("words\na\n"), failed{cut}), "words\na\n", 2, 1, "disk went away"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewSorter(SorterOptions{})
			next := &store{got: map[artifacts.Path][]byte{}}
			patience := time.Minute // a machine with much to do makes no step for a while
			if tt.name == "hang" {
				patience = 100 * time.Millisecond
			}
			tap := &Tap{Next: next, Formats: Formats{words}, Add: s.Add, Host: "h", Limits: Limits{Patience: patience}}
			it := artifacts.Item{Origin: artifacts.Path("/" + tt.name), Times: artifacts.Times{Modified: at, Born: at.Add(-time.Hour)}}
			stored, err := tap.Put(t.Context(), it, tt.r)
			if err != nil || stored.SHA256 != strings.Repeat("5e", 32) {
				t.Fatalf("stored %+v, %v", stored, err)
			}
			if got := string(next.got[it.Origin]); got != tt.want {
				t.Errorf("stored %d bytes, want %d", len(got), len(tt.want))
			}
			checkTap(t, tap, s, tt.events, tt.damaged, tt.err)
		})
	}
}

// TestTapSparse gives the parser of a sparse item zeros for its holes; what is too large for that is left to the desk.
func TestTapSparse(t *testing.T) {
	runs := []artifacts.Extent{{Offset: 0, Length: 8}, {Offset: 100_000, Length: 4}}
	for _, tt := range []struct {
		size int64
		runs []artifacts.Extent
		data string
		want string
	}{
		{200_000, runs, "words\na\nb\nc\n", "words\na\n" + strings.Repeat("\x00", 99_992) + "b\nc\n" + strings.Repeat("\x00", 99_996)},
		{20_000, []artifacts.Extent{{Offset: 9_000, Length: 2}}, "b\n", ""}, // no format knows a head of zeros
		{maxSparse + 1, runs, "words\na\nb\nc\n", ""},
	} {
		var got []byte
		f := &Format{Name: "f", Sniff: func(_ string, head []byte) bool { return bytes.HasPrefix(head, []byte("words\n")) }, Parse: func(in Input) iter.Seq2[Event, error] {
			return func(func(Event, error) bool) { got, _ = io.ReadAll(in.R) }
		}}
		next := &store{got: map[artifacts.Path][]byte{}}
		tap := &Tap{Next: next, Formats: Formats{f}, Add: func(*Event) error { return nil }, Limits: Limits{Patience: time.Minute}}
		it := artifacts.Item{Origin: "/s", Sparse: &artifacts.Sparse{Size: tt.size, Runs: tt.runs}}
		if _, err := tap.Put(t.Context(), it, iotest.OneByteReader(strings.NewReader(tt.data))); err != nil {
			t.Fatal(err)
		}
		if string(got) != tt.want || string(next.got["/s"]) != tt.data {
			t.Errorf("size %d: the parser got %d bytes, want %d; stored %q", tt.size, len(got), len(tt.want), next.got["/s"])
		}
	}
}

func checkTap(t *testing.T, tap *Tap, s *Sorter, events, damaged int64, fault string) {
	t.Helper()
	out := string(lines(t, s))
	if n := strings.Count(out, `"data_type":"fs:stat"`); n != 2 {
		t.Errorf("%d fs:stat events, want 2", n)
	}
	if strings.Contains(out, `"sha256":""`) {
		t.Error("an event lacks the hash of its file")
	}
	if events == -1 {
		if len(tap.Summaries()) != 0 {
			t.Errorf("got %+v, want no parser", tap.Summaries())
		}
		return
	}
	if len(tap.Summaries()) != 1 {
		t.Fatalf("%d summaries", len(tap.Summaries()))
	}
	sum := tap.Summaries()[0]
	if events >= 0 && sum.Events != events || sum.Damaged != damaged || !strings.Contains(sum.Error, fault) {
		t.Errorf("got %+v, want %d events, %d damaged, %q", sum, events, damaged, fault)
	}
}

type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

func TestExpandLimit(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte("words\n" + strings.Repeat("x\n", 1<<20)))
	z.Close()
	n := int64(0)
	r := Reader{Formats: Formats{words}, Add: func(*Event) error { n++; return nil }, Limits: Limits{Expanded: 1000}}
	sum, err := r.File(t.Context(), &File{
		Path: "bomb.gz", Loose: true, Size: int64(packed.Len()),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil },
	})
	if err != nil || sum.Error != errExpanded.Error() || n != 498 {
		t.Errorf("got %+v, %d events, %v", sum, n, err)
	}
}

func TestSince(t *testing.T) {
	for _, tt := range []struct {
		since time.Time
		want  int
	}{{time.Time{}, 4}, {at.Add(-time.Minute), 3}, {at, 3}, {at.Add(time.Nanosecond), 0}} {
		s := NewSorter(SorterOptions{})
		tap := &Tap{Next: &store{got: map[artifacts.Path][]byte{}}, Formats: Formats{words}, Add: s.Add, Since: tt.since}
		it := artifacts.Item{Origin: "/x", Times: artifacts.Times{Modified: at, Born: at.Add(-time.Hour)}}
		if _, err := tap.Put(t.Context(), it, strings.NewReader("words\na\n")); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(string(lines(t, s)), "\n"); got != tt.want {
			t.Errorf("since %v: %d events, want %d", tt.since, got, tt.want)
		}
		open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("words\na\n")), nil }
		r := Reader{Formats: Formats{words}, Since: tt.since}
		got := 0
		r.Add = func(*Event) error { got++; return nil }
		if _, err := r.File(t.Context(), &File{Item: it, Open: open}); err != nil || got != tt.want {
			t.Errorf("since %v: %d events at the desk, want %d; %v", tt.since, got, tt.want, err)
		}
	}
}
