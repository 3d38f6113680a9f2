package packed

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// The container is read here (The .xz File Format 1.2.1, tukaani.org/xz), because the library believes what a block says
// of its dictionary, up to 4 GiB of memory for some bytes of file.

const xzMagic = "\xfd7zXZ\x00"

var (
	errXZ         = errors.New("no xz stream")
	errFilter     = errors.New("xz: another filter than LZMA2 alone")
	errDictionary = errors.New("xz: dictionary over 64 MiB")
	errTiny       = errors.New("xz: blocks that hold far less than their dictionaries")
	errCheck      = errors.New("xz: check does not match")
)

// An xzReader reads streams behind each other, block by block.
type xzReader struct {
	r     *bufio.Reader
	in    int64 // bytes read of r
	block io.Reader
	check hash.Hash // of the block; nil: there is none that is known
	size  int       // of the check, in bytes
	start int64     // of the block's data
	asked int64     // bytes of all dictionaries
	out   int64     // bytes given
	open  bool      // inside a stream
	err   error
}

func newXZ(r io.Reader) *xzReader {
	return &xzReader{r: bufio.NewReaderSize(r, 64<<10)}
}

func (x *xzReader) Read(p []byte) (int, error) {
	for x.err == nil {
		if x.block == nil {
			x.err = x.next()
			continue
		}
		n, err := x.block.Read(p)
		x.out += int64(n)
		if x.check != nil {
			x.check.Write(p[:n])
		}
		if errors.Is(err, io.EOF) {
			err = x.finish()
		}
		x.err = err
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
	return 0, x.err
}

// bytes reads as many bytes, all of which must be there.
func (x *xzReader) bytes(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull((*xzInput)(x), b)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// xzInput is the file, counted.
type xzInput xzReader

func (x *xzInput) Read(p []byte) (int, error) {
	n, err := x.r.Read(p)
	x.in += int64(n)
	return n, err
}

func (x *xzInput) ReadByte() (byte, error) {
	c, err := x.r.ReadByte()
	if err == nil {
		x.in++
	}
	return c, err
}

// next finds the next block, over the ends and beginnings of streams; io.EOF: there is none.
func (x *xzReader) next() error {
	for {
		if !x.open {
			if err := x.header(); err != nil {
				return err
			}
		}
		size, err := (*xzInput)(x).ReadByte()
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		if size != 0 {
			return x.begin(4*int(size) + 3)
		}
		if err := x.index(); err != nil {
			return err
		}
		x.open = false
	}
}

// header reads a stream's header, 2.1.1, behind zeros of padding, 2.2.
func (x *xzReader) header() error {
	for {
		b, err := x.r.Peek(4)
		switch {
		case len(b) == 0:
			return err // the end of the file, or why it cannot be read on
		case x.in > 0 && string(b) == "\x00\x00\x00\x00":
			if _, err := x.bytes(4); err != nil {
				return err
			}
			continue
		}
		h, err := x.bytes(12)
		if err != nil {
			return err
		}
		if string(h[:6]) != xzMagic || h[6] != 0 || h[7] > 15 || crc32.ChecksumIEEE(h[6:8]) != binary.LittleEndian.Uint32(h[8:]) {
			return errXZ
		}
		x.open, x.check, x.size = true, nil, 0
		if id := h[7]; id > 0 {
			x.size = 4 << ((id - 1) / 3) // 3.4: 4, 8, 16, 32, 64 bytes
			switch id {
			case 1:
				x.check = crc32.NewIEEE()
			case 4:
				x.check = crc64.New(crc64.MakeTable(crc64.ECMA))
			case 10:
				x.check = sha256.New()
			}
		}
		return nil
	}
}

// begin reads a block's header, 3.1, but for its first byte, and opens the block.
func (x *xzReader) begin(size int) error {
	h, err := x.bytes(size)
	if err != nil {
		return err
	}
	sum := crc32.Update(crc32.ChecksumIEEE([]byte{byte((size - 3) / 4)}), crc32.IEEETable, h[:size-4])
	if sum != binary.LittleEndian.Uint32(h[size-4:]) {
		return errXZ
	}
	at := 1
	for _, bit := range []byte{0x40, 0x80} { // sizes of the block
		if h[0]&bit == 0 {
			continue
		}
		_, n := binary.Uvarint(h[at : size-4])
		if n <= 0 {
			return errXZ
		}
		at += n
	}
	if h[0]&0x3f != 0 || at+3 > size-4 || h[at] != 0x21 || h[at+1] != 1 {
		return errFilter
	}
	dictionary, err := lzma.DecodeDictCap(h[at+2])
	if err != nil || dictionary > maxWindow {
		return errDictionary
	}
	dictionary = max(dictionary, lzma.MinDictCap)
	if x.asked += dictionary; x.asked > 4*maxWindow+16*x.out {
		return errTiny
	}
	x.start = x.in
	if x.check != nil {
		x.check.Reset()
	}
	x.block, err = lzma.Reader2Config{DictCap: int(dictionary)}.NewReader2((*xzInput)(x))
	return err
}

// finish reads what stands behind a block's data: zeros up to four bytes, and the check.
func (x *xzReader) finish() error {
	x.block = nil
	if _, err := x.bytes(int(-(x.in - x.start) & 3)); err != nil {
		return err
	}
	want, err := x.bytes(x.size)
	if err != nil || x.check == nil {
		return err
	}
	got := x.check.Sum(nil)
	if x.size < 32 { // CRCs are stored in little-endian
		for i := range len(got) / 2 {
			got[i], got[len(got)-1-i] = got[len(got)-1-i], got[i]
		}
	}
	if string(got) != string(want) {
		return fmt.Errorf("%w before offset %d", errCheck, x.in)
	}
	return nil
}

// index passes over the index, section 4, whose first byte is read, and the stream's footer.
func (x *xzReader) index() error {
	start := x.in - 1
	records, err := binary.ReadUvarint((*xzInput)(x))
	if err != nil {
		return errXZ
	}
	for i := uint64(0); i < 2*records; i++ {
		if _, err := binary.ReadUvarint((*xzInput)(x)); err != nil {
			return errXZ
		}
	}
	const footer = 4 + 12 // the index has a check of its own
	_, err = x.bytes(int(-(x.in-start)&3) + footer)
	return err
}
