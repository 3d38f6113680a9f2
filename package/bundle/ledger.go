package bundle

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A ledger keeps text compressed until it is read again: an entry of 600 bytes takes about 80.
type ledger struct {
	packed pages
	codec  *zstd.Encoder
	size   int64 // bytes written
	sealed bool
}

// newLedger makes one that holds so much in memory as pages says.
func newLedger(p pages) *ledger {
	l := &ledger{packed: p}
	l.codec, _ = zstd.NewWriter(&l.packed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true)) // these options are valid
	return l
}

func (l *ledger) Write(b []byte) (int, error) {
	n, err := l.codec.Write(b)
	l.size += int64(n)
	return n, err
}

// open gives all that was written, as often as it is asked to. Nothing can be written after.
func (l *ledger) open() (io.ReadCloser, error) {
	if !l.sealed {
		if err := l.codec.Close(); err != nil {
			return nil, err
		}
		l.sealed, l.codec = true, nil
	}
	r, err := zstd.NewReader(l.packed.reader(), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return r.IOReadCloser(), nil
}

// A Temp is a temporary file that is gone from the disk once it is closed.
type Temp interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// pages are bytes that grow without being copied: a buffer that doubles needs three times its size for it. Where there
// is a place for a temporary file, what is over heldPages goes there, each page sealed with AES-256-GCM under a key that is
// made for the file and never leaves memory; its nonce is the page's number. A place that takes no more costs memory.
type pages struct {
	list []page
	temp func() (Temp, error) // nil: all is kept in memory
	file Temp
	aead cipher.AEAD
	end  int64 // of the file
}

// A page is in memory or in the file.
type page struct {
	held []byte
	at   int64
	size int // sealed; 0: it is held
}

const (
	pageSize  = 256 << 10
	heldPages = 8
)

var errPage = errors.New("temporary file of the bundle: altered")

func (p *pages) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		last := len(p.list) - 1
		if last < 0 || len(p.list[last].held) == pageSize {
			p.list = append(p.list, page{held: p.next()})
			last++
		}
		held := &p.list[last].held
		m := min(len(b), pageSize-len(*held))
		*held = append(*held, b[:m]...)
		b = b[m:]
	}
	return n, nil
}

// next gives room for a page: that of one that goes to the file, where it can.
func (p *pages) next() []byte {
	fresh := func() []byte { return make([]byte, 0, pageSize+16) } // the seal's tag
	full := len(p.list) - heldPages
	if full < 0 || p.temp == nil {
		return fresh()
	}
	if p.file == nil && p.begin() != nil {
		p.temp = nil
		return fresh()
	}
	old := &p.list[full]
	sealed := p.aead.Seal(nil, p.nonce(full), old.held, nil)
	if _, err := p.file.WriteAt(sealed, p.end); err != nil {
		p.temp = nil
		return fresh()
	}
	room := old.held[:0]
	*old = page{at: p.end, size: len(sealed)}
	p.end += int64(len(sealed))
	return room
}

func (p *pages) begin() error {
	key := make([]byte, 32)
	rand.Read(key) // never fails, crypto/rand
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	if p.aead, err = cipher.NewGCM(block); err != nil {
		return err
	}
	p.file, err = p.temp()
	return err
}

func (p *pages) nonce(n int) []byte {
	b := make([]byte, p.aead.NonceSize())
	binary.BigEndian.PutUint64(b[len(b)-8:], uint64(n))
	return b
}

// close removes the file, with what it holds.
func (p *pages) close() error {
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	p.file, p.temp = nil, nil
	return err
}

func (p *pages) reader() io.Reader { return &pageReader{pages: p} }

// pageReader reads one page after the other.
type pageReader struct {
	pages *pages
	next  int
	rest  []byte
}

func (r *pageReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.next == len(r.pages.list) {
			return 0, io.EOF
		}
		var err error
		if r.rest, err = r.pages.open(r.next); err != nil {
			return 0, err
		}
		r.next++
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (p *pages) open(n int) ([]byte, error) {
	from := &p.list[n]
	if from.size == 0 {
		return from.held, nil
	}
	if p.file == nil {
		return nil, errPage
	}
	sealed := make([]byte, from.size)
	if _, err := p.file.ReadAt(sealed, from.at); err != nil {
		return nil, err
	}
	plain, err := p.aead.Open(sealed[:0], p.nonce(n), sealed, nil)
	if err != nil {
		return nil, errPage
	}
	return plain, nil
}
