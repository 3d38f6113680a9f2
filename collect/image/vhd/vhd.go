// Package vhd reads the disks of Microsoft's virtual machines: VHD of fixed and of growing size, and VHDX with its log.
// A differencing disk is refused, as its other half is not in it.
//
// The layouts are those of "Virtual Hard Disk Image Format Specification" (Microsoft, 2006) and of [MS-VHDX] 8.0.
package vhd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"unicode/utf16"

	"spor/collect/image/piece"
)

var (
	be = binary.BigEndian
	le = binary.LittleEndian
)

// Marks of the formats: a VHD has its own in the last 512 bytes, one of growing size in the first too.
const (
	Magic  = "conectix"
	MagicX = "vhdxfile"
)

// ErrParent is in the chain of errors about differencing disks.
var ErrParent = errors.New("a differencing disk, which holds only what was changed; merge it with its parent")

// maxSize is the largest disk of the formats: 64 TB of VHDX.
const maxSize = 64 << 40

// A Disk is a disk as an image holds it. It is safe for concurrent use.
type Disk struct {
	from   io.ReaderAt
	size   int64 // bytes
	block  int64 // bytes
	table  int64 // where the blocks' places are
	blocks int64
	notes  []string
	place  func(number int64) (at int64, zero bool, err error) // of a block's data; nil: the disk lies at the beginning
	pages  piece.Cache[[]byte]                                 // of the table
}

// Size is that of the disk in bytes.
func (d *Disk) Size() int64 { return d.size }

// Notes says in words what a reader of the disk has to know.
func (d *Disk) Notes() []string { return d.notes }

// ReadAt implements io.ReaderAt.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) { return piece.ReadAt(p, off, d.size, d.find) }

func (d *Disk) find(off int64) (piece.Piece, error) {
	if d.place == nil {
		return piece.Piece{From: d.from, At: off, Length: d.size - off}, nil
	}
	number, rest := off/d.block, off%d.block
	at, zero, err := d.place(number)
	if err != nil {
		return piece.Piece{}, fmt.Errorf("block %d: %w", number, err)
	}
	p := piece.Piece{From: d.from, At: at + rest, Length: d.block - rest}
	if zero {
		p.From = nil
	}
	return p, nil
}

// pageSize is how much of a table is read at once, in bytes.
const pageSize = 64 << 10

// entry gives the bytes of a table's entry, of which there are so many.
func (d *Disk) entry(number, width, count int64) ([]byte, error) {
	if number >= count {
		return nil, piece.Damaged("the table has %d entries", count)
	}
	at := number * width
	page, err := d.pages.Get(at/pageSize, func() ([]byte, error) {
		b := make([]byte, min(pageSize, count*width-at/pageSize*pageSize))
		return b, piece.Full(d.from, b, d.table+at/pageSize*pageSize)
	})
	if err != nil {
		return nil, err
	}
	return page[at%pageSize:][:width], nil
}

// footerSize is that of what ends a VHD.
const footerSize = 512

// Open opens a VHD by its footer, or the copy of it in the first sector.
func Open(r io.ReaderAt, size int64) (*Disk, error) {
	b := make([]byte, footerSize)
	var all error
	for _, at := range []int64{size - footerSize, 0} {
		err := piece.Full(r, b, at)
		if err == nil && !bytes.HasPrefix(b, []byte(Magic)) {
			err = piece.Damaged("no footer at byte %d", at)
		}
		if err == nil && sum(b, 64) != be.Uint32(b[64:]) {
			err = piece.Damaged("the checksum of the footer at byte %d is wrong", at)
		}
		if err == nil {
			d := &Disk{from: r, size: int64(be.Uint64(b[48:])), pages: piece.Cache[[]byte]{Most: 16}}
			if at == 0 && all != nil {
				d.notes = append(d.notes, "the footer is damaged or missing: the image was cut, or the machine stopped in the middle")
			}
			return d, d.open(b, size)
		}
		all = errors.Join(all, err)
	}
	return nil, all
}

// sum is the checksum of a footer or header, in which it has a place itself.
func sum(b []byte, own int) (s uint32) {
	for i, c := range b {
		if i < own || i >= own+4 {
			s += uint32(c)
		}
	}
	return ^s
}

// open reads what a footer leads to.
func (d *Disk) open(footer []byte, file int64) error {
	if d.size <= 0 || d.size > maxSize {
		return piece.Damaged("a disk of %d bytes", d.size)
	}
	switch kind := be.Uint32(footer[60:]); kind {
	case 2:
		if d.size > file-footerSize {
			d.notes = append(d.notes, fmt.Sprintf("the image ends after %d of %d bytes", file-footerSize, d.size))
		}
		return nil
	case 3:
		return d.openDynamic(int64(be.Uint64(footer[16:])))
	case 4:
		return d.parent(int64(be.Uint64(footer[16:])))
	default:
		return piece.Damaged("a disk of kind %d", kind)
	}
}

// parent says whose other half a differencing disk is.
func (d *Disk) parent(at int64) error {
	b := make([]byte, 1024)
	if err := piece.Full(d.from, b, at); err != nil {
		return fmt.Errorf("%w (of which: %w)", ErrParent, err)
	}
	var units []uint16
	for name := b[64 : 64+512]; len(name) >= 2 && be.Uint16(name) != 0; name = name[2:] {
		units = append(units, be.Uint16(name))
	}
	return fmt.Errorf("%w %q", ErrParent, string(utf16.Decode(units)))
}

// openDynamic reads the header of a disk of growing size.
func (d *Disk) openDynamic(at int64) error {
	b := make([]byte, 1024)
	if err := piece.Full(d.from, b, at); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if !bytes.HasPrefix(b, []byte("cxsparse")) || sum(b, 36) != be.Uint32(b[36:]) {
		return piece.Damaged("the header at byte %d", at)
	}
	d.table, d.blocks, d.block = int64(be.Uint64(b[16:])), int64(be.Uint32(b[28:])), int64(be.Uint32(b[32:]))
	if d.block < 512 || d.block > 1<<30 || bits.OnesCount64(uint64(d.block)) != 1 || d.table <= 0 || d.blocks > 1<<24 {
		return piece.Damaged("%d blocks of %d bytes, their table at byte %d", d.blocks, d.block, d.table)
	}
	bitmap := (d.block/512/8 + 511) / 512 * 512
	d.place = func(number int64) (int64, bool, error) {
		e, err := d.entry(number, 4, d.blocks)
		if err != nil {
			return 0, false, err
		}
		sector := be.Uint32(e)
		// Which sectors of a block were written its bitmap tells; the others were made zero when it was made, and some
		// writers do not keep the bitmap. So the block is read as it is.
		return int64(sector)*512 + bitmap, sector == 0xffffffff, nil
	}
	return nil
}
