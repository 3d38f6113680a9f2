package memory

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync/atomic"
)

// pageSize is the unit in which unreadable memory is left out: the smallest page of the systems we run on.
const pageSize = 4096

// A part of a stream is some bytes of our own followed by a run of the source.
type part struct {
	head           []byte
	offset, length int64 // of the source
}

// size is how long a stream of the parts is.
func size(parts []part) (n int64) {
	for _, p := range parts {
		n += int64(len(p.head)) + p.length
	}
	return n
}

// A stream reads parts one after the other, straight into the reader's buffer. A page that cannot be read is zeros and
// counted: its place must stay. A source that is at its end, closed to us or out of time ends it.
type stream struct {
	ctx        context.Context
	from       io.ReaderAt
	parts      []part
	unreadable atomic.Int64 // pages; read by others while a read may hang
	given      atomic.Int64 // bytes
}

var errEnded = errors.New("the source ended early")

// Read implements io.Reader.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.read(b)
	s.given.Add(int64(n))
	return n, err
}

func (s *stream) read(b []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	for len(s.parts) > 0 && len(s.parts[0].head) == 0 && s.parts[0].length == 0 {
		s.parts = s.parts[1:]
	}
	if len(s.parts) == 0 {
		return 0, io.EOF
	}
	p := &s.parts[0]
	if len(p.head) > 0 {
		n := copy(b, p.head)
		p.head = p.head[n:]
		return n, nil
	}
	b = b[:min(int64(len(b)), p.length)]
	n, err := s.from.ReadAt(b, p.offset)
	if n = min(max(n, 0), len(b)); n == 0 && len(b) > 0 {
		if fatal := ended(err); fatal != nil {
			return 0, fatal
		}
		n = s.page(b, p.offset, p.length)
	}
	p.offset += int64(n)
	p.length -= int64(n)
	return n, nil
}

// page reads the rest of the page at the offset, or makes it zeros. One that is cut by the end of the reader's buffer is
// counted with its last part.
func (s *stream) page(b []byte, offset, left int64) int {
	b = b[:min(len(b), pageSize-int(offset%pageSize))]
	if n, _ := s.from.ReadAt(b, offset); n > 0 {
		return min(n, len(b))
	}
	clear(b)
	if n := int64(len(b)); n == left || (offset+n)%pageSize == 0 {
		s.unreadable.Add(1)
	}
	return len(b)
}

// ended tells errors that the next page will have too.
func ended(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errEnded
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrClosed):
		return err
	}
	return nil
}
