package timeline

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"spor/artifacts"
)

// A Tap is a Sink that makes events of what passes through it to the next sink: of the times of each item and, where a
// format knows the content, of the very bytes that are stored. Whatever a parser does (errors, panics, dawdles), the
// collection goes on unharmed; what came of it is in Summaries.
type Tap struct {
	Next    artifacts.Sink
	Formats Formats
	Add     func(*Event) error // takes the events: Sorter.Add. Called by one goroutine at a time, but one that was abandoned may call once more
	Host    string
	Zone    *time.Location
	Limits  Limits

	summaries []Summary
}

var _ artifacts.Sink = (*Tap)(nil)

// Summaries are what came of the items whose format is known, in the order they were put.
func (t *Tap) Summaries() []Summary { return t.summaries }

// Put hands the item on and returns what the next sink says of it.
func (t *Tap) Put(ctx context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	src := &Source{Host: t.Host, Path: it.Origin}
	if src.Path == "" {
		src.Path = artifacts.Path(it.Name)
	}
	p := &probe{tap: t, item: &it, src: src, r: r}
	stored, err := t.Next.Put(ctx, it, p)
	if p.pipe != nil {
		t.summaries = append(t.summaries, p.finish())
	}
	src.SHA256 = stored.SHA256
	if err != nil {
		return stored, err
	}
	stat := &Source{Host: t.Host, Path: it.Origin, SHA256: stored.SHA256}
	for _, e := range statEvents(&it, stored.Size, stat) {
		t.Add(&e) // the sorter counts what it drops
	}
	return stored, nil
}

// probe is the reader the next sink reads. It copies what passes to a parser, if the first bytes have one.
type probe struct {
	tap  *Tap
	item *artifacts.Item
	src  *Source
	r    io.Reader

	head  []byte
	known bool           // whether head was looked at
	pipe  *io.PipeWriter // to the parser; nil: there is none
	stuck func()         // frees a writer of pipe
	stop  atomic.Bool    // the parser was abandoned
	done  chan Summary
}

func (p *probe) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	switch {
	case !p.known:
		p.head = append(p.head, b[:n]...)
		if len(p.head) >= HeadSize || err != nil {
			p.look()
		}
	case p.pipe != nil:
		p.write(b[:n])
	}
	if err != nil && p.pipe != nil {
		p.pipe.CloseWithError(err) // io.EOF is the end for the parser too
	}
	return n, err
}

// look finds the parser for what was read so far and starts it.
func (p *probe) look() {
	p.known = true
	m := p.tap.Formats.know(string(p.src.Path), p.head[:min(len(p.head), HeadSize)])
	if m.format != nil {
		p.start(m)
		p.write(p.head)
	}
	p.head = nil
}

func (p *probe) start(m match) {
	p.src.Parser = m.format.Name
	pr, pw := io.Pipe()
	p.pipe, p.done = pw, make(chan Summary, 1)
	p.stuck = func() {
		p.stop.Store(true)
		pr.CloseWithError(errStop)
	}
	in := Input{Name: string(p.src.Path), ModTime: p.item.Times.Modified, Zone: p.tap.Zone, R: pr, Size: p.item.Size}
	in = m.input(in, p.tap.Limits)
	go func() {
		sum := parse(m.format, in, p.src, p.add)
		pr.CloseWithError(errStop) // a parser that had enough must not hold up the writer
		p.done <- sum
	}()
}

func (p *probe) add(e *Event) error {
	if p.stop.Load() {
		return errStop
	}
	return p.tap.Add(e)
}

// write gives the parser data, for as long as it has patience.
func (p *probe) write(b []byte) {
	if len(b) == 0 {
		return
	}
	timer := time.AfterFunc(p.tap.Limits.patience(), p.stuck)
	p.pipe.Write(b) // an error means that the parser had enough; the collection goes on
	timer.Stop()
}

// finish waits for the parser, for as long as it has patience.
func (p *probe) finish() Summary {
	p.pipe.Close()
	timer := time.NewTimer(p.tap.Limits.patience())
	defer timer.Stop()
	select {
	case sum := <-p.done:
		return sum
	case <-timer.C:
		p.stuck()
		sum := Summary{Path: p.src.Path, Parser: p.src.Parser}
		sum.damage(errors.New("parser took too long and was abandoned"))
		return sum
	}
}
