// Package hive reads registry hives from their bytes: the files SYSTEM, SOFTWARE, NTUSER.DAT and their like, of versions
// 1.3 to 1.6, together with the transaction logs beside them. It reads what the hive's own tree holds; what was deleted
// lies outside of it and is not given.
//
// The format is not Microsoft's to tell; what is written here is from "Windows registry file format specification"
// (github.com/msuhanov/regf, 2023) and "Windows NT Registry File (REGF) format specification" (libyal/libregf).
// A hive was written by a host that others may have owned: every offset, count and length in it is a claim.
package hive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// ErrDamaged is in the chain of errors about bytes that are not as a hive has them.
var ErrDamaged = errors.New("damaged hive")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
}

// A Hive is an open hive. It is safe for concurrent use as far as its bytes are.
type Hive struct {
	Version   string    // "1.5"
	LastWrite time.Time // of the hive, as its head says
	Name      string    // the end of the path it was loaded from; empty where none is kept
	// Dirty tells that the file alone is not the whole hive: what was last written is in its logs.
	Dirty bool
	// Recovered is how many pages were taken from the logs, in place of those of the file.
	Recovered int
	// LogErrors say which logs could not be used, and why.
	LogErrors []error

	bins  io.ReaderAt // the cells: the file behind its head, with what the logs have put over it
	size  uint32      // of the cells, bytes
	root  uint32
	minor uint32

	mu    sync.Mutex
	pages map[uint32][]byte // of the cells, by number
}

// Sizes of the format.
const (
	headSize = 4096 // before the first cell
	maxSize  = 2 << 30
	none     = 0xffffffff // an offset that leads nowhere
)

// A head is the first block of a hive or of its log.
type head struct {
	primary, secondary uint32 // sequence numbers; equal where the last write was finished
	written            time.Time
	major, minor       uint32
	kind               uint32 // 0: a hive; 1, 2, 6: a log
	root, size         uint32
	name               string
	intact             bool // the checksum is right
}

const headBytes = 512 // of the head that mean something, checksum included

var magic = []byte("regf")

func readHead(r io.ReaderAt) (head, error) {
	var b [headBytes]byte
	if n, err := r.ReadAt(b[:], 0); n < len(b) {
		return head{}, damaged("%d bytes: %v", n, err)
	}
	if !bytes.HasPrefix(b[:], magic) {
		return head{}, damaged("it does not begin with %q", magic)
	}
	le := binary.LittleEndian
	sum := uint32(0)
	for i := 0; i < headBytes-4; i += 4 {
		sum ^= le.Uint32(b[i:])
	}
	switch sum { // the two that are never written
	case 0:
		sum = 1
	case 0xffffffff:
		sum = 0xfffffffe
	}
	return head{
		primary: le.Uint32(b[4:]), secondary: le.Uint32(b[8:]), written: filetime(le.Uint64(b[12:])),
		major: le.Uint32(b[20:]), minor: le.Uint32(b[24:]), kind: le.Uint32(b[28:]),
		root: le.Uint32(b[36:]), size: le.Uint32(b[40:]), name: text(b[48:112]), intact: sum == le.Uint32(b[headBytes-4:]),
	}, nil
}

// Open reads the head of a hive and, where the hive is dirty, its logs, in whatever order. What is read stays open for
// as long as the hive is in use. The size is that of the file. A log that cannot be used is in LogErrors; a hive whose
// logs are needed and missing is opened as it is, and is Dirty with nothing recovered.
func Open(r io.ReaderAt, size int64, logs ...io.ReaderAt) (*Hive, error) {
	first, err := readHead(r)
	if err != nil {
		return nil, err
	}
	dirty := !first.intact || first.primary != first.secondary
	h := &Hive{Dirty: dirty, pages: map[uint32][]byte{}}
	o := &overlay{under: io.NewSectionReader(r, headSize, max(size-headSize, 0)), end: max(size-headSize, 0)}
	if dirty && len(logs) > 0 {
		first = h.replay(o, first, logs)
	}
	if first.major != 1 || first.minor < 3 || first.minor > 6 || first.kind != 0 {
		return nil, damaged("version %d.%d, kind %d: hives of versions 1.3 to 1.6 are read", first.major, first.minor, first.kind)
	}
	h.bins, h.root, h.minor = o, first.root, first.minor
	h.size = uint32(min(int64(first.size), o.end, maxSize))
	h.Version = fmt.Sprintf("%d.%d", first.major, first.minor)
	h.LastWrite, h.Name = first.written, first.name
	return h, nil
}

// Whole tells whether the file is as long as its head says; cells beyond its end are errors where they are met.
func (h *Hive) Whole() bool {
	var b [1]byte
	n, _ := h.bins.ReadAt(b[:], int64(h.size)-1)
	return n == 1
}

const (
	pageSize = 16 << 10
	maxPages = 48 // kept in memory: a host may have hundreds of users with a hive each
)

// read gives n bytes of the cells at an offset.
func (h *Hive) read(at, n uint32) ([]byte, error) {
	if uint64(at)+uint64(n) > uint64(h.size) {
		return nil, damaged("%d bytes at %#x, of %#x", n, at, h.size)
	}
	b := make([]byte, n)
	if n > 4*pageSize {
		if m, err := h.bins.ReadAt(b, int64(at)); m < len(b) {
			return nil, fmt.Errorf("%d bytes at %#x: %w", n, at, err)
		}
		return b, nil
	}
	for done := uint32(0); done < n; {
		page, err := h.page((at + done) / pageSize)
		if err != nil {
			return nil, err
		}
		from := (at + done) % pageSize
		if from >= uint32(len(page)) {
			return nil, fmt.Errorf("%#x: %w", at+done, io.ErrUnexpectedEOF)
		}
		done += uint32(copy(b[done:], page[from:]))
	}
	return b, nil
}

func (h *Hive) page(number uint32) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.pages[number]; p != nil {
		return p, nil
	}
	p := make([]byte, min(pageSize, h.size-number*pageSize))
	n, err := h.bins.ReadAt(p, int64(number)*pageSize)
	if n == 0 {
		return nil, fmt.Errorf("page at %#x: %w", number*pageSize, err)
	}
	if len(h.pages) >= maxPages {
		clear(h.pages)
	}
	h.pages[number] = p[:n]
	return p[:n], nil
}

// cell gives the content of a cell that is in use, up to most bytes of it.
func (h *Hive) cell(at uint32, most int) ([]byte, error) {
	if at == none || at%8 != 0 {
		return nil, damaged("no cell can be at %#x", at)
	}
	b, err := h.read(at, 4)
	if err != nil {
		return nil, err
	}
	size := int64(int32(binary.LittleEndian.Uint32(b)))
	if size >= 0 {
		return nil, damaged("the cell at %#x is free", at)
	}
	size = -size - 4
	if size < 4 || int64(at)+4+size > int64(h.size) {
		return nil, damaged("a cell of %d bytes at %#x", size, at)
	}
	return h.read(at+4, uint32(min(size, int64(most))))
}

// filetime is a time of 100 ns since 1601, UTC. Zero, and what no calendar has, is no time.
func filetime(t uint64) time.Time {
	const toUnix = 11_644_473_600
	if t == 0 || t > 1<<63-1 {
		return time.Time{}
	}
	return time.Unix(int64(t/1e7)-toUnix, int64(t%1e7)*100).UTC()
}
