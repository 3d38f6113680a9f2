// Package textlogtest is what every package of text logs must pass: tables of lines and what becomes of them, fuzzing, and
// a benchmark of the whole way from bytes to events.
package textlogtest

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/timeline"
)

// Modified is when the files of the tests were modified, in the zone of the tests, UTC.
var Modified = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// A Case is the text of a file and what its events must hold.
type Case struct {
	Format string   // that must know the file
	Name   string   // of the file
	Text   string   //
	Want   []string // a part of each event's JSON, in order
	Errors int
}

// Read parses a text; the events may be kept.
func Read(f *timeline.Format, name, text string) (events []timeline.Event, errs []error) {
	return read(f, timeline.Input{Name: name, ModTime: Modified, R: strings.NewReader(text), Size: int64(len(text))})
}

func read(f *timeline.Format, in timeline.Input) (events []timeline.Event, errs []error) {
	for e, err := range f.Parse(in) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		e.Fields = slices.Clone(e.Fields)
		events = append(events, e)
	}
	return events, errs
}

// Run holds formats to cases: the first format that knows a file must be the one named.
func Run(t *testing.T, formats timeline.Formats, cases []Case) {
	t.Helper()
	for _, c := range cases {
		head := []byte(c.Text)
		f := formats.Find(c.Name, head[:min(len(head), timeline.HeadSize)])
		if f == nil || f.Name != c.Format {
			t.Errorf("%s %.60q: known as %v, want %s", c.Name, c.Text, f, c.Format)
			continue
		}
		events, errs := Read(f, c.Name, c.Text)
		if len(events) != len(c.Want) || len(errs) != c.Errors {
			t.Errorf("%s %.60q: got %d events, errors %v; want %d events, %d errors", c.Format, c.Text, len(events), errs, len(c.Want), c.Errors)
			continue
		}
		for i := range events {
			if got := string(events[i].AppendJSON(nil)); !strings.Contains(got, c.Want[i]) {
				t.Errorf("%s, event %d:\ngot  %s\nwant %s", c.Format, i, got, c.Want[i])
			}
		}
	}
}

// Fuzz gives formats any text: events have a message and rising offsets within the file, and a file and a pipe give the
// same.
func Fuzz(f *testing.F, formats timeline.Formats, cases []Case) {
	for _, c := range cases {
		f.Add(c.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range formats {
			file, _ := Read(format, "/x", text)
			pipe, _ := read(format, timeline.Input{Name: "/x", ModTime: Modified, R: io.MultiReader(strings.NewReader(text)), Size: -1})
			if len(file) != len(pipe) {
				t.Fatalf("%s: %d events of a file, %d of a pipe", format.Name, len(file), len(pipe))
			}
			at := int64(-1)
			for i, e := range file {
				if e.Message == "" || e.Offset < at || e.Offset > int64(len(text)) || e.Type == "" || e.Desc == "" {
					t.Fatalf("%s: event at %d after %d of %d: %q", format.Name, e.Offset, at, len(text), e.Message)
				}
				at = e.Offset
				if !bytes.Equal(e.AppendJSON(nil), pipe[i].AppendJSON(nil)) {
					t.Fatalf("%s: event %d differs in file and pipe", format.Name, i)
				}
			}
		}
	})
}

// Bench parses a text again and again; all of it must be events.
func Bench(b *testing.B, formats timeline.Formats, name, text string) {
	b.Helper()
	text = strings.Repeat(text, 1+(8<<20)/len(text))
	f := formats.Find(name, []byte(text[:timeline.HeadSize]))
	if f == nil {
		b.Fatalf("%s is not known", name)
	}
	b.Run(f.Name, func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		start := cpu()
		for b.Loop() {
			for _, err := range f.Parse(timeline.Input{Name: name, ModTime: Modified, R: strings.NewReader(text)}) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		if took := cpu() - start; took > 0 {
			b.ReportMetric(float64(b.N)*float64(len(text))/1e6/took.Seconds(), "MB/cpu-s")
		}
	})
}
