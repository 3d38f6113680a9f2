package journald

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"
)

// How a payload is compressed: the flags of its object.
const (
	packedXZ   = 1
	packedLZ4  = 2
	packedZstd = 4
)

// maxExpanded is how much of compressed data is looked at: a text that is kept whole, and its name.
const maxExpanded = maxText + 65

// unpacker expands payloads. The zero value is one.
type unpacker struct {
	buf  []byte
	from bytes.Reader
	zstd *zstd.Decoder
}

// expand gives the beginning of what a payload holds, valid until the next call, and how much it is in all: where that is
// not known, one more than what is given. The end of the payload may be missing.
func (u *unpacker) expand(how byte, b []byte) (text []byte, size int64, err error) {
	if u.buf == nil {
		u.buf = make([]byte, maxExpanded)
	}
	u.from.Reset(b)
	var r io.Reader
	switch how {
	case packedLZ4:
		return lz4Block(u.buf, b)
	case packedXZ:
		r, err = xzBlock(b)
	default:
		r, err = u.zstdReader()
	}
	if err != nil {
		return nil, 0, err
	}
	n, err := io.ReadFull(r, u.buf)
	switch {
	case err == nil:
		return u.buf, maxExpanded + 1, nil
	case errors.Is(err, io.ErrUnexpectedEOF) && n > 0:
		return u.buf[:n], int64(n), nil
	case n > 64: // the name is there
		return u.buf[:n], int64(n) + 1, nil
	}
	return nil, 0, fmt.Errorf("compressed: %w", err)
}

// zstdReader reads the frame (RFC 8878) in u.from.
func (u *unpacker) zstdReader() (io.Reader, error) {
	if u.zstd == nil {
		var err error
		if u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20)); err != nil {
			return nil, err
		}
	}
	return u.zstd, u.zstd.Reset(&u.from)
}

var errLZ4 = errors.New("no block of lz4")

// lz4Block expands a block (lz4_Block_format.md, 2022) behind its expanded size in 64 bits, as far as there is room.
func lz4Block(dst, b []byte) (text []byte, size int64, err error) {
	if len(b) < 9 {
		return nil, 0, errLZ4
	}
	size = int64(le.Uint64(b))
	want := int(min(uint64(size), uint64(len(dst))))
	n := 0
	for b = b[8:]; len(b) > 0 && n < want; {
		token := b[0]
		literals, rest := lz4Length(int(token>>4), b[1:])
		k := copy(dst[n:want], rest[:min(literals, len(rest))])
		n += k
		if k < literals || len(rest) < literals+2 {
			break // enough, cut, or the last sequence, which has no match
		}
		distance := int(le.Uint16(rest[literals:]))
		match, rest := lz4Length(int(token&15), rest[literals+2:])
		if distance == 0 || distance > n {
			return nil, 0, errLZ4
		}
		for end := min(n+match+4, want); n < end; n++ {
			dst[n] = dst[n-distance]
		}
		b = rest
	}
	if n == 0 {
		return nil, 0, errLZ4
	}
	return dst[:n], max(size, int64(n)), nil
}

// lz4Length reads on a length that did not fit into four bits.
func lz4Length(n int, b []byte) (int, []byte) {
	if n < 15 {
		return n, b
	}
	for len(b) > 0 {
		c := b[0]
		n, b = n+int(c), b[1:]
		if c < 255 {
			break
		}
	}
	return n, b
}

var (
	xzMagic = []byte("\xfd7zXZ\x00")
	errXZ   = errors.New("no xz stream of one LZMA2 filter")
)

// xzBlock reads the first block of an xz stream (The .xz File Format 1.2.1, 2.1 and 3.1), which is all that journald writes.
// What the block says of its dictionary is not believed: a dictionary never holds more than what was expanded.
func xzBlock(b []byte) (io.Reader, error) {
	const head = 12
	if !bytes.HasPrefix(b, xzMagic) || len(b) < head+12 {
		return nil, errXZ
	}
	block := b[head:]
	size := 4 * (int(block[0]) + 1)
	flags := block[1]
	if block[0] == 0 || flags&0x3f != 0 || len(block) < size { // one filter, nothing unknown
		return nil, errXZ
	}
	at := 2
	for _, bit := range []byte{0x40, 0x80} { // sizes, as numbers of seven bits a byte
		if flags&bit == 0 {
			continue
		}
		for at < size && block[at]&0x80 != 0 {
			at++
		}
		at++
	}
	if at+3 > size || block[at] != 0x21 || block[at+1] != 1 { // LZMA2, one byte of properties
		return nil, errXZ
	}
	return lzma.Reader2Config{DictCap: maxExpanded}.NewReader2(bytes.NewReader(block[size:]))
}
