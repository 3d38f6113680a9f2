package bundle

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A ledger keeps text compressed in memory until it is read again: an entry of 600 bytes takes about 80.
type ledger struct {
	packed pages
	codec  *zstd.Encoder
	size   int64 // bytes written
	sealed bool
}

func newLedger() *ledger {
	l := new(ledger)
	l.codec, _ = zstd.NewWriter(&l.packed, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1),
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

// pages are bytes in memory that grow without being copied: a buffer that doubles needs three times its size for it.
type pages [][]byte

const pageSize = 256 << 10

func (p *pages) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		last := len(*p) - 1
		if last < 0 || len((*p)[last]) == pageSize {
			*p = append(*p, make([]byte, 0, pageSize))
			last++
		}
		m := min(len(b), pageSize-len((*p)[last]))
		(*p)[last] = append((*p)[last], b[:m]...)
		b = b[m:]
	}
	return n, nil
}

func (p pages) reader() io.Reader {
	readers := make([]io.Reader, len(p))
	for i := range p {
		readers[i] = bytes.NewReader(p[i])
	}
	return io.MultiReader(readers...)
}
