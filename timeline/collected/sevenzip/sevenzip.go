// Package sevenzip reads archives of 7-Zip (DOC/7zFormat.txt of the LZMA SDK 23.01) as far as evidence is brought in them: blocks
// that are stored, or packed by LZMA, LZMA2, Deflate or BZip2 alone. What filters executables (BCJ, BCJ2, ARM64), PPMd and
// encryption are named where they are met. Every count in an archive is held against how long its list is, and no dictionary is
// larger than a bound.
package sevenzip

import (
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/ulikunitz/xz/lzma"
)

// Magic begins an archive.
const Magic = "7z\xbc\xaf\x27\x1c"

// A File is one of an archive, with what it is in its block.
type File struct {
	Name     string    // with "/" between folders
	Modified time.Time // UTC; zero: not told
	Size     int64     // bytes
	Block    int       // in which it lies; negative: it is empty
	Offset   int64     // in the expanded block
}

// An Archive is one whose list was read.
type Archive struct {
	Files  []File // no folders
	blocks []block
	r      io.ReaderAt
}

// A block is a stream that was packed as one: "folder" in 7zFormat.txt.
type block struct {
	coder  coder
	why    error // it cannot be read
	packed [2]int64
	size   int64 // expanded
	summed bool  // its checksum stands with it, not with its file
}

// A coder is how a block is packed.
type coder struct {
	method uint64
	props  []byte
}

// Bounds of what a list of files may ask for.
const (
	maxList       = 128 << 20 // bytes, expanded
	maxCount      = 1 << 20   // files, blocks or packed streams
	maxDictionary = 256 << 20
	headSize      = 32
)

// Errors of what is no archive, or a damaged one.
var (
	ErrNot    = errors.New("no 7z archive")
	errCut    = errors.New("its list of files goes beyond its end")
	errList   = errors.New("its list of files is damaged")
	errMany   = fmt.Errorf("more than %d files, blocks or streams", maxCount)
	errFilter = errors.New("packed with a filter, as executables are")
)

// Open reads the list of files of an archive of a size.
func Open(r io.ReaderAt, size int64) (*Archive, error) {
	var head [headSize]byte
	if _, err := r.ReadAt(head[:], 0); err != nil || string(head[:len(Magic)]) != Magic {
		return nil, ErrNot
	}
	if crc32.ChecksumIEEE(head[12:]) != binary.LittleEndian.Uint32(head[8:]) {
		return nil, errList
	}
	at, n := binary.LittleEndian.Uint64(head[12:]), binary.LittleEndian.Uint64(head[20:])
	if n == 0 {
		return &Archive{}, nil
	}
	if n > maxList || at > uint64(size) || headSize+at+n > uint64(size) {
		return nil, errCut
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, int64(headSize+at)); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(b) != binary.LittleEndian.Uint32(head[28:]) {
		return nil, errList
	}
	a := &Archive{r: r}
	for depth := 0; ; depth++ {
		l := list{b: b, r: r, size: size}
		switch kind := l.byte(); {
		case kind == idHeader:
			err := l.header(a)
			return a, err
		case kind != idEncodedHeader || depth > 1:
			return nil, errList
		}
		blocks, _ := l.streams()
		if l.many {
			return nil, errMany
		}
		if l.bad || len(blocks) != 1 || blocks[0].size > maxList {
			return nil, errList
		}
		inner := Archive{r: r, blocks: blocks}
		packed, err := inner.Open(0)
		if err != nil {
			return nil, fmt.Errorf("its list of files: %w", err)
		}
		if b, err = io.ReadAll(io.LimitReader(packed, blocks[0].size)); err != nil {
			return nil, fmt.Errorf("its list of files: %w", err)
		}
	}
}

// Blocks is how many blocks there are.
func (a *Archive) Blocks() int { return len(a.blocks) }

// Open expands a block. What comes out is no longer than the archive says.
func (a *Archive) Open(n int) (io.Reader, error) {
	b := &a.blocks[n]
	if b.why != nil {
		return nil, b.why
	}
	r, err := b.coder.open(io.NewSectionReader(a.r, b.packed[0], b.packed[1]), b.size)
	if err != nil {
		return nil, err
	}
	return io.LimitReader(r, b.size), nil
}

// The methods of DOC/Methods.txt.
const (
	methodCopy    = 0x00
	methodLZMA2   = 0x21
	methodLZMA    = 0x030101
	methodDeflate = 0x040108
	methodBZip2   = 0x040202
	methodPPMd    = 0x030401
	methodAES     = 0x06f10701
)

func (c *coder) open(r io.Reader, size int64) (io.Reader, error) {
	switch c.method {
	case methodCopy:
		return r, nil
	case methodDeflate:
		return flate.NewReader(r), nil
	case methodBZip2:
		return bzip2.NewReader(r), nil
	case methodLZMA:
		if len(c.props) != 5 {
			return nil, errList
		}
		dictionary := min(int64(binary.LittleEndian.Uint32(c.props[1:])), max(size, lzma.MinDictCap))
		if dictionary > maxDictionary {
			return nil, fmt.Errorf("packed with a dictionary of %d bytes, of which %d are read", dictionary, maxDictionary)
		}
		head := make([]byte, lzma.HeaderLen)
		head[0] = c.props[0]
		binary.LittleEndian.PutUint32(head[1:], uint32(dictionary))
		binary.LittleEndian.PutUint64(head[5:], uint64(size))
		return lzma.NewReader(io.MultiReader(bytes.NewReader(head), r))
	case methodLZMA2:
		if len(c.props) != 1 {
			return nil, errList
		}
		dictionary, err := lzma.DecodeDictCap(c.props[0])
		if err != nil {
			return nil, err
		}
		if dictionary = min(dictionary, max(size, lzma.MinDictCap)); dictionary > maxDictionary {
			return nil, fmt.Errorf("packed with a dictionary of %d bytes, of which %d are read", dictionary, maxDictionary)
		}
		return lzma.Reader2Config{DictCap: int(dictionary)}.NewReader2(r)
	case methodAES:
		return nil, errors.New("encrypted: unpack it first, with its password")
	case methodPPMd:
		return nil, errors.New("packed by PPMd: unpack it first")
	}
	return nil, fmt.Errorf("packed by method %x: unpack it first", c.method)
}
