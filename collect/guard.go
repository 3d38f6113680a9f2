package collect

import (
	"context"
	"io"
)

// A guarded reader reads ahead in a goroutine, so that reading overlaps with what is done with the bytes, and a read
// that hangs can be left behind: once ctx is over, Read returns its cause, whatever the source is doing.
type guarded struct {
	ctx   context.Context
	full  chan chunk
	empty chan []byte
	done  chan struct{}
	now   chunk  // being read out of
	rest  []byte // of now
}

type chunk struct {
	buf []byte
	n   int
	err error
}

const chunkSize = 128 << 10

var chunks = free{make(chan *[]byte, 2*(ahead+1)), chunkSize}

// free are buffers of one size to be used again. Not a sync.Pool: that is emptied with each collection of garbage, which
// is what buffers of this size bring about.
type free struct {
	list chan *[]byte
	size int
}

func (f free) get() *[]byte {
	select {
	case b := <-f.list:
		return b
	default:
		b := make([]byte, f.size)
		return &b
	}
}

func (f free) put(b *[]byte) {
	select {
	case f.list <- b:
	default:
	}
}

// smallFile is the size up to which a file is read at once, in the collector's own goroutine: handing tiny pieces over costs
// more than reading them.
const smallFile = 64 << 10

var smalls = free{make(chan *[]byte, ahead+2), smallFile}

// A small is content that is in memory: of a small file that was read to its end, with the error that ended it early.
type small struct {
	buf  *[]byte // to be used again; nil: it is not
	rest []byte
	err  error // after rest
	file io.Closer
}

// newBytes is content that was never a file.
func newBytes(b []byte) *small { return &small{rest: b, err: io.EOF} }

// slurp reads a small file. It may hang: nothing is locked meanwhile. The file stays open until Close.
func slurp(ctx context.Context, f io.ReadCloser) *small {
	s := &small{buf: smalls.get(), file: f}
	n := 0
	for s.err == nil && n < len(*s.buf) {
		var m int
		m, s.err = f.Read((*s.buf)[n:])
		n += m
		if ctx.Err() != nil {
			s.err = context.Cause(ctx)
		}
	}
	if s.err == nil {
		s.err = io.EOF // the reader was limited to no more
	}
	s.rest = (*s.buf)[:n]
	return s
}

func (s *small) Read(b []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, s.err
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close gives the memory back; nobody reads any more.
func (s *small) Close() error {
	s.rest = nil
	if s.buf == nil {
		return nil
	}
	smalls.put(s.buf)
	return s.file.Close()
}

// guard starts reading r. Close must be called; it does not wait. release, where given, is called when the last read is
// over, however late that is.
func guard(ctx context.Context, r io.Reader, release func() error) *guarded {
	g := &guarded{ctx: ctx, full: make(chan chunk, 1), empty: make(chan []byte, 2), done: make(chan struct{})}
	go g.pump(r, release)
	return g
}

func (g *guarded) pump(r io.Reader, release func() error) {
	first, second := chunks.get(), chunks.get()
	g.empty <- *first
	g.empty <- *second
	if release != nil {
		defer release() //nolint:errcheck // opened for reading: there is nothing to lose
	}
	for {
		var c chunk
		select {
		case c.buf = <-g.empty:
		case <-g.done:
			return
		}
		for c.n < len(c.buf) && c.err == nil {
			var n int
			n, c.err = r.Read(c.buf[c.n:])
			c.n += n
			if g.ctx.Err() != nil {
				c.err = context.Cause(g.ctx)
			}
		}
		select {
		case g.full <- c:
		case <-g.done:
			return
		}
		if c.err != nil {
			<-g.done // the buffers are not given back before nobody reads them
			chunks.put(first)
			chunks.put(second)
			return
		}
	}
}

func (g *guarded) Read(b []byte) (int, error) {
	for len(g.rest) == 0 {
		if g.now.err != nil {
			return 0, g.now.err
		}
		if g.now.buf != nil {
			g.empty <- g.now.buf
		}
		select {
		case g.now = <-g.full:
			g.rest = g.now.buf[:g.now.n]
		case <-g.ctx.Done():
			g.now = chunk{err: context.Cause(g.ctx)}
		}
	}
	n := copy(b, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// Close lets the reading goroutine end.
func (g *guarded) Close() error {
	close(g.done)
	return nil
}
