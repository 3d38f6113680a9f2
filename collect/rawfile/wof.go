package rawfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

const (
	tagWOF    = 0x80000017 // IO_REPARSE_TAG_WOF
	streamWOF = "WofCompressedData"
)

// A packing is a method of the Windows Overlay Filter (WOF_EXTERNAL_INFO and FILE_PROVIDER_EXTERNAL_INFO_V1 of
// ntifs.h): chunks of one size, each compressed by itself.
type packing struct {
	name   string
	chunk  int64
	unpack func(dst, src []byte) error
}

var packings = map[uint32]packing{
	0: {"XPRESS4K", 4 << 10, xpress},
	1: {"LZX", 32 << 10, lzx},
	2: {"XPRESS8K", 8 << 10, xpress},
	3: {"XPRESS16K", 16 << 10, xpress},
}

// A packed stream is a file that Windows keeps compressed in an alternate stream, while the main one is a hole: a table
// with the end of each chunk but the last, counted from the table's own end, and the chunks. One that is as long as what
// it stands for is stored as it is.
type packed struct {
	packing
	from *stream
	size int64

	mu    sync.Mutex
	index int64 // of the chunk in plain, plus one
	plain []byte
}

// openWOF gives the content of a file with the filter's reparse point.
func (n *node) openWOF(size int64) (io.ReaderAt, error) {
	b, err := n.reparse()
	if err != nil {
		return nil, err
	}
	if b = b[8:]; len(b) < 16 {
		return nil, damaged("the reparse point of a compressed file: %d bytes", len(b))
	}
	le := binary.LittleEndian
	if provider := le.Uint32(b[4:]); provider != 2 {
		return nil, fmt.Errorf("%w: it is in a WIM image (provider %d)", ErrElsewhere, provider)
	}
	method, ok := packings[le.Uint32(b[12:])]
	if !ok {
		return nil, fmt.Errorf("%w: number %d of the overlay filter", errMethod, le.Uint32(b[12:]))
	}
	s := n.stream(typeData, streamWOF)
	if s == nil {
		return nil, damaged("a compressed file without the stream %s", streamWOF)
	}
	if err := s.readable(); err != nil {
		return nil, err
	}
	p := &packed{packing: method, from: s, size: size}
	if table := (p.chunks() - 1) * p.width(); size > 0 && table > s.size {
		return nil, damaged("a compressed file of %d bytes with a stream of %d", size, s.size)
	}
	return p, nil
}

func (p *packed) chunks() int64 { return (p.size + p.chunk - 1) / p.chunk }

// width is that of a number in the table, in bytes.
func (p *packed) width() int64 {
	if p.size > 1<<32-1 {
		return 8
	}
	return 4
}

// ReadAt implements io.ReaderAt.
func (p *packed) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 || off >= p.size {
		return 0, io.EOF
	}
	if int64(len(b)) > p.size-off {
		b, err = b[:p.size-off], io.EOF
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for n < len(b) {
		at := off + int64(n)
		i := at / p.chunk
		if p.index != i+1 {
			p.index = 0
			if failed := p.load(i); failed != nil {
				return n, fmt.Errorf("chunk %d of %d, %s: %w", i, p.chunks(), p.name, failed)
			}
			p.index = i + 1
		}
		n += copy(b[n:], p.plain[at-i*p.chunk:])
	}
	return n, err
}

// load unpacks a chunk.
func (p *packed) load(i int64) error {
	start, err := p.end(i - 1)
	if err != nil {
		return err
	}
	end, err := p.end(i)
	if err != nil {
		return err
	}
	size := min(p.chunk, p.size-i*p.chunk)
	if start < 0 || end <= start || end-start > size {
		return damaged("from %d to %d for %d bytes", start, end, size)
	}
	src := make([]byte, end-start)
	table := (p.chunks() - 1) * p.width()
	if n, err := p.from.ReadAt(src, table+start); n < len(src) {
		return notEOF(err)
	}
	if p.plain == nil {
		p.plain = make([]byte, p.chunk)
	}
	p.plain = p.plain[:size]
	if int64(len(src)) == size {
		copy(p.plain, src)
		return nil
	}
	return p.unpack(p.plain, src)
}

// end is where a chunk ends, counted from the end of the table.
func (p *packed) end(i int64) (int64, error) {
	switch i {
	case -1:
		return 0, nil
	case p.chunks() - 1:
		return p.from.size - (p.chunks()-1)*p.width(), nil
	}
	var b [8]byte
	w := p.width()
	if n, err := p.from.ReadAt(b[:w], i*w); int64(n) < w {
		return 0, notEOF(err)
	}
	return int64(binary.LittleEndian.Uint64(b[:])), nil
}
