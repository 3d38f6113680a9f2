package timeline

import (
	"cmp"
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
	Since   time.Time // events before it are left out; zero: none are
	Limits  Limits

	Packings []*Packing // ways of compression that are opened beside gzip

	summaries []Summary
	head      [HeadSize]byte // of the item being put
}

var _ artifacts.Sink = (*Tap)(nil)

// Summaries are what came of the items whose format is known, in the order they were put.
func (t *Tap) Summaries() []Summary { return t.summaries }

// maxSparse is how large a sparse file may be, holes and all, for a parser to be given it: their zeros cost time.
const maxSparse = 256 << 20

// Put hands the item on and returns what the next sink says of it.
func (t *Tap) Put(ctx context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	p := &probe{tap: t, item: &it, path: cmp.Or(it.Origin, artifacts.Path(it.Name)), r: r, head: t.head[:0]}
	if it.Sparse != nil {
		p.runs, p.known = it.Sparse.Runs, it.Sparse.Size > maxSparse // what is too large the desk reads, where holes can be passed over
	}
	stored, err := t.Next.Put(ctx, it, p)
	if p.pipe != nil {
		if sum := p.finish(ctx); sum.Parser != "" {
			t.summaries = append(t.summaries, sum)
		}
		p.src.SHA256 = ParseDigest(stored.SHA256)
	}
	if err != nil {
		return stored, err
	}
	stat := &Source{Host: t.Host, Path: stored.Shared(it.Origin), SHA256: ParseDigest(stored.SHA256)}
	for e := range statEvents(&it, stored.Size, stat) {
		if !before(&e, t.Since) {
			t.Add(&e) // the sorter counts what it drops
		}
	}
	return stored, nil
}

// probe is the reader the next sink reads. It copies what passes to a parser, if the first bytes have one.
type probe struct {
	tap  *Tap
	item *artifacts.Item
	path artifacts.Path
	src  *Source // of the events; nil: no format knows the item
	r    io.Reader

	parser string // as it was known by the first bytes: the source's own is the parser's to set

	runs  []artifacts.Extent // of a sparse item, that are still to come: the parser gets zeros between them
	at    int64              // where in the file the parser is, of a sparse item
	head  []byte
	known bool           // whether head was looked at
	pipe  *io.PipeWriter // to the parser; nil: there is none
	done  chan Summary   // what the parser found, at its end

	waiting  atomic.Bool  // the collection waits for the parser
	progress atomic.Int64 // steps: events, and data taken
	gone     chan struct{}
	stop     atomic.Bool // the parser was abandoned: gone is closed
}

func (p *probe) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if p.item.Sparse == nil {
		p.take(b[:n])
	} else {
		p.fill(b[:n], err)
	}
	if err != nil && !p.known {
		p.look()
	}
	if err != nil && p.pipe != nil {
		p.pipe.CloseWithError(err) // io.EOF is the end for the parser too
	}
	return n, err
}

// take looks at the beginning of what passes, and gives it to the parser.
func (p *probe) take(b []byte) {
	if !p.known {
		m := min(len(b), HeadSize-len(p.head))
		p.head, b = append(p.head, b[:m]...), b[m:]
		if len(p.head) < HeadSize {
			return
		}
		p.look()
	}
	p.write(b)
}

// fill takes the data of a sparse item, with zeros for its holes.
func (p *probe) fill(b []byte, err error) {
	for len(b) > 0 && len(p.runs) > 0 {
		run := p.runs[0]
		p.zeros(run.Offset - p.at)
		n := max(0, min(int64(len(b)), run.Offset+run.Length-p.at))
		p.take(b[:n])
		b, p.at = b[n:], p.at+n
		if p.at >= run.Offset+run.Length {
			p.runs = p.runs[1:]
		}
	}
	if errors.Is(err, io.EOF) && len(p.runs) == 0 {
		p.zeros(p.item.Sparse.Size - p.at)
	}
}

// zeros gives the parser a hole.
func (p *probe) zeros(n int64) {
	var b [32 << 10]byte
	for n > 0 && (!p.known || p.pipe != nil) {
		k := min(n, int64(len(b)))
		p.take(b[:k])
		n, p.at = n-k, p.at+k
	}
	p.at += max(n, 0)
}

// look finds the parser for what was read so far and starts it.
func (p *probe) look() {
	p.known = true
	m := p.tap.Formats.know(string(p.path), p.head, p.tap.Packings)
	if m != (match{}) {
		p.start(m)
		p.write(p.head)
	}
}

func (p *probe) start(m match) {
	p.src = &Source{Host: p.tap.Host, Path: p.path, Parser: m.parser()}
	p.parser = p.src.Parser
	pr, pw := io.Pipe()
	p.pipe, p.done, p.gone = pw, make(chan Summary, 1), make(chan struct{})
	in := Input{Name: string(p.path), ModTime: written(p.item.Times), Zone: p.tap.Zone, Since: p.tap.Since, R: pr, Size: p.item.Size}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		sum := m.parse(in, p.tap.Formats, p.tap.Limits, p.src, p.add)
		pr.CloseWithError(errStop) // a parser that had enough must not hold up the writer
		p.done <- sum
	}()
	go p.watch(pr, ended)
}

// watch abandons a parser that the collection waits for and that makes no step for as long as there is patience.
func (p *probe) watch(pr *io.PipeReader, ended <-chan struct{}) {
	tick := time.NewTicker(p.tap.Limits.patience())
	defer tick.Stop()
	last := int64(-1)
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
		}
		now := p.progress.Load()
		if now == last && p.waiting.Load() {
			p.stop.Store(true)
			pr.CloseWithError(errStop)
			close(p.gone)
			return
		}
		last = now
	}
}

func (p *probe) add(e *Event) error {
	if p.stop.Load() {
		return errStop
	}
	p.progress.Add(1)
	return p.tap.Add(e)
}

// wait marks that the collection waits; the function it gives, that it goes on.
func (p *probe) wait() (goOn func()) {
	p.progress.Add(1) // patience begins now
	p.waiting.Store(true)
	return func() { p.waiting.Store(false) }
}

// write gives the parser data, if there is one.
func (p *probe) write(b []byte) {
	if len(b) == 0 || p.pipe == nil {
		return
	}
	defer p.wait()()
	p.pipe.Write(b) // an error means that the parser had enough; the collection goes on
}

// finish waits for the parser.
func (p *probe) finish(ctx context.Context) Summary {
	p.pipe.Close()
	defer p.wait()()
	why := errors.New("parser took too long and was abandoned")
	select {
	case sum := <-p.done:
		return sum
	case <-p.gone:
	case <-ctx.Done():
		p.stop.Store(true)
		why = context.Cause(ctx)
	}
	sum := Summary{Path: p.path, Parser: p.parser}
	sum.damage(why)
	return sum
}
