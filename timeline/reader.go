package timeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"spor/artifacts"
)

// A Summary says what the parser of one file found.
type Summary struct {
	Path      artifacts.Path `json:"path"`
	Parser    string         `json:"parser"`    // empty: no format knows the file
	Records   int64          `json:"records"`   // that gave events: runs of events with the same offset
	Recovered int64          `json:"recovered"` // of those, carved
	Damaged   int64          `json:"damaged"`   // errors the parser reported
	Events    int64          `json:"events"`
	Dropped   int64          `json:"dropped,omitempty"` // events the sorter had no room for
	First     time.Time      `json:"first,omitzero"`    // of the events with a time, UTC
	Last      time.Time      `json:"last,omitzero"`
	Error     string         `json:"error,omitempty"` // the first error in words
}

// Limits bound what parsing a file may cost. Zero fields have the default.
type Limits struct {
	Expanded int64         // bytes of a compressed file, expanded: 1 GiB
	Patience time.Duration // how long a Tap lets a parser hold up the collection without a step forward: 5 s
}

func (l Limits) expanded() int64 {
	if l.Expanded <= 0 {
		return 1 << 30
	}
	return l.Expanded
}

func (l Limits) patience() time.Duration {
	if l.Patience <= 0 {
		return 5 * time.Second
	}
	return l.Patience
}

// parse runs a parser to the end of its input and gives each event, its source filled in, to add. A panic of the parser is
// its error. The source has its name when the first event is given. add refuses an event by an error, which is counted, and ends everything by errStop.
func (m match) parse(in Input, fs Formats, l Limits, src *Source, add func(*Event) error) (sum Summary) {
	sum = Summary{Path: src.Path, Parser: m.parser()}
	defer func() {
		if r := recover(); r != nil {
			sum.damage(fmt.Errorf("parser %s panicked: %v", sum.Parser, r))
		}
	}()
	f := m.format
	if m.packing != nil {
		var err error
		if in, f, err = m.unpack(in, fs, l); err != nil {
			sum.damage(err)
			return sum
		}
		if f == nil {
			return Summary{Path: src.Path}
		}
		sum.Parser, src.Parser = f.Name, f.Name
	}
	last := int64(-1)
	var e Event // one for all: add takes its address, which would cost an allocation each
	for parsed, err := range f.Parse(in) {
		if err != nil {
			sum.damage(err)
			if sum.Damaged >= maxDamaged {
				return sum
			}
			continue
		}
		e = parsed
		if before(&e, in.Since) {
			continue
		}
		e.Source = src
		if err := add(&e); errors.Is(err, errStop) {
			sum.damage(err)
			return sum
		} else if err != nil {
			sum.Dropped++
		}
		sum.count(&e, e.Offset != last)
		last = e.Offset
	}
	return sum
}

// before tells whether an event is older than what is wanted. One without a time is not.
func before(e *Event, since time.Time) bool {
	return !since.IsZero() && e.Timed() && e.Time.Before(since)
}

// maxDamaged ends a parser that reports nothing but errors.
const maxDamaged = 1 << 20

var errStop = errors.New("parser was abandoned")

func (s *Summary) damage(err error) {
	s.Damaged++
	if s.Error == "" {
		s.Error = err.Error()
	}
}

func (s *Summary) count(e *Event, record bool) {
	s.Events++
	if record {
		s.Records++
		if e.Recovered {
			s.Recovered++
		}
	}
	if !e.Timed() {
		return
	}
	if s.First.IsZero() || e.Time.Before(s.First) {
		s.First = e.Time.UTC()
	}
	if e.Time.After(s.Last) {
		s.Last = e.Time.UTC()
	}
}

// written is when a file was written last, as the host claims it. That time can be set to any; the time at which it was set,
// which bounds it, cannot be as easily.
func written(t artifacts.Times) time.Time {
	if !t.Changed.IsZero() && t.Changed.Before(t.Modified) {
		return t.Changed
	}
	return t.Modified
}

// A Reader makes events of files at the desk.
type Reader struct {
	Formats Formats
	Add     func(*Event) error // takes the events: Sorter.Add, or a function that only looks; nil: they are only counted
	Zone    *time.Location     // for files that do not bring one
	Since   time.Time          // events before it are left out; zero: none are
	Limits  Limits

	Packings []*Packing // ways of compression that are opened beside gzip
}

// File parses one file and gives, for one that came from a host, the events of its times. An error is about the desk,
// not about the evidence: the file cannot be opened or ctx is done.
func (r *Reader) File(ctx context.Context, f *File) (Summary, error) {
	add := r.Add
	if add == nil {
		add = func(*Event) error { return nil }
	}
	src := &Source{Host: f.Host, Path: f.Path, SHA256: ParseDigest(f.SHA256)}
	if !f.Loose {
		stat := *src
		for e := range statEvents(&f.Item, f.Size, &stat) {
			if !before(&e, r.Since) {
				add(&e) // the sorter counts what it drops
			}
		}
	}
	if f.Item.Link != "" { // there is nothing in it
		return Summary{Path: f.Path}, ctx.Err()
	}
	rc, err := f.Open()
	if err != nil {
		return Summary{Path: f.Path}, err
	}
	defer rc.Close()
	head := make([]byte, HeadSize)
	n, err := io.ReadFull(rc, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Summary{Path: f.Path}, err
	}
	m := r.Formats.know(string(f.Path), head[:n], r.Packings)
	if m == (match{}) {
		return Summary{Path: f.Path}, ctx.Err()
	}
	in := Input{Name: string(f.Path), ModTime: written(f.Item.Times), Zone: f.Zone, Since: r.Since, Size: f.Size, Beside: f.Beside}
	if in.Zone == nil {
		in.Zone = r.Zone
	}
	if seek, ok := rc.(io.Seeker); ok {
		if _, err := seek.Seek(0, io.SeekStart); err != nil {
			return Summary{Path: f.Path}, err
		}
		in.R = rc
	} else {
		in.R = io.MultiReader(bytes.NewReader(head[:n]), rc)
	}
	src.Parser = m.parser()
	sum := m.parse(in, r.Formats, r.Limits, src, func(e *Event) error {
		if ctx.Err() != nil {
			return errStop
		}
		return add(e)
	})
	return sum, ctx.Err()
}
