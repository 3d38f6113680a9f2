// Package qcow2 reads the disks of QEMU in their own format, versions 2 and 3, packed by deflate or zstd. The state of
// the disk is read, not that of snapshots within it. A disk that holds only changes to another file is refused, and so
// is an encrypted one.
//
// The layout is that of docs/interop/qcow2.txt of QEMU.
package qcow2

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"spor/collect/image/piece"
)

var be = binary.BigEndian

// Magic is what files of the format begin with.
const Magic = "QFI\xfb"

// ErrParent is in the chain of errors about disks that hold changes alone.
var ErrParent = errors.New("it holds only what was changed of another file; convert both into one (qemu-img convert)")

const maxSize = 1 << 50

// A Disk is a disk as an image holds it. It is safe for concurrent use.
type Disk struct {
	from    io.ReaderAt
	size    int64 // of the disk, bytes
	bits    uint  // a cluster has 1<<bits bytes
	table   int64 // byte of the first level
	entries int64
	version uint32
	zstd    bool
	notes   []string
	pages   piece.Cache[[]byte]
	packed  piece.Cache[*bytes.Reader]
}

// Size is that of the disk in bytes.
func (d *Disk) Size() int64 { return d.size }

// Notes says in words what a reader of the disk has to know.
func (d *Disk) Notes() []string { return d.notes }

// ReadAt implements io.ReaderAt.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) { return piece.ReadAt(p, off, d.size, d.find) }

// Features of version 3 that a reader must know.
const (
	dirty        = 1
	corrupt      = 2
	external     = 4
	otherPacking = 8
)

// Open reads the header of a disk.
func Open(r io.ReaderAt) (*Disk, error) {
	b := make([]byte, 112)
	if err := piece.Full(r, b[:72], 0); err != nil {
		return nil, err
	}
	d := &Disk{
		from: r, version: be.Uint32(b[4:]), bits: uint(be.Uint32(b[20:])), size: int64(be.Uint64(b[24:])), entries: int64(be.Uint32(b[36:])),
		table: int64(be.Uint64(b[40:])), pages: piece.Cache[[]byte]{Most: 32}, packed: piece.Cache[*bytes.Reader]{Most: 16},
	}
	if string(b[:4]) != Magic || d.version != 2 && d.version != 3 {
		return nil, piece.Damaged("version %d", d.version)
	}
	if d.bits < 9 || d.bits > 21 || d.size <= 0 || d.size > maxSize || d.table <= 0 || d.entries > 4<<20 {
		return nil, piece.Damaged("%d bytes in clusters of 2^%d, %d entries at byte %d", d.size, d.bits, d.entries, d.table)
	}
	if name := be.Uint64(b[8:]); name != 0 {
		text := make([]byte, min(1023, be.Uint32(b[16:])))
		if err := piece.Full(r, text, int64(min(name, maxSize))); err != nil {
			return nil, fmt.Errorf("%w (its name: %w)", ErrParent, err)
		}
		return nil, fmt.Errorf("%w: %q", ErrParent, text)
	}
	if crypt := be.Uint32(b[32:]); crypt != 0 {
		return nil, errors.New("encrypted; the key is not in the image")
	}
	if d.version == 3 {
		if err := d.features(b); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// features reads what version 3 adds.
func (d *Disk) features(b []byte) error {
	if err := piece.Full(d.from, b[72:], 72); err != nil {
		return err
	}
	set := be.Uint64(b[72:])
	if set&dirty != 0 {
		d.notes = append(d.notes, "the disk was not closed: what was written last may be missing")
	}
	if set&corrupt != 0 {
		d.notes = append(d.notes, "the image is marked as corrupt")
	}
	if set&external != 0 {
		return errors.New("its data lies in another file; convert both into one (qemu-img convert)")
	}
	if unknown := set &^ (dirty | corrupt | otherPacking); unknown != 0 {
		return fmt.Errorf("features %#x are not read (qemu-img convert)", unknown)
	}
	if set&otherPacking != 0 && be.Uint32(b[100:]) >= 104 {
		if d.zstd = b[104] == 1; !d.zstd && b[104] != 0 {
			return fmt.Errorf("packed by method %d, which is not read", b[104])
		}
	}
	return nil
}

// word gives an entry of a table that lies at a byte of the file.
func (d *Disk) word(table, number, count int64) (uint64, error) {
	if number >= count {
		return 0, piece.Damaged("a table of %d entries", count)
	}
	const page = 512
	first := number / page * page
	b, err := d.pages.Get(table+8*first, func() ([]byte, error) {
		b := make([]byte, 8*min(page, count-first))
		return b, piece.Full(d.from, b, table+8*first)
	})
	if err != nil {
		return 0, err
	}
	return be.Uint64(b[8*(number-first):]), nil
}

// place is the part of an entry that says where something lies.
const place = 0x00fffffffffffe00

// find gives the cluster that a byte lies in.
func (d *Disk) find(off int64) (piece.Piece, error) {
	cluster := int64(1) << d.bits
	number, rest := off>>d.bits, off&(cluster-1)
	left := cluster - rest
	perTable := cluster / 8
	first, err := d.word(d.table, number/perTable, d.entries)
	if err != nil {
		return piece.Piece{}, fmt.Errorf("first table: %w", err)
	}
	if first&place == 0 {
		return piece.Piece{Length: left}, nil
	}
	second, err := d.word(int64(first&place), number%perTable, perTable)
	if err != nil {
		return piece.Piece{}, fmt.Errorf("second table: %w", err)
	}
	switch {
	case second>>62&1 == 1:
		b, err := d.packed.Get(number, func() (*bytes.Reader, error) { return d.unpack(second) })
		if err != nil {
			return piece.Piece{}, fmt.Errorf("cluster %d: %w", number, err)
		}
		return piece.Piece{From: b, At: rest, Length: left}, nil
	case second&place == 0, second&1 == 1 && d.version == 3:
		return piece.Piece{Length: left}, nil
	}
	return piece.Piece{From: d.from, At: int64(second&place) + rest, Length: left}, nil
}

// unpack reads a packed cluster. Its entry has the place in the low bits, and above how many further sectors it reaches
// into.
func (d *Disk) unpack(entry uint64) (*bytes.Reader, error) {
	width := 62 - (d.bits - 8)
	at := int64(entry & (1<<width - 1))
	length := int64(entry<<2>>2>>width+1)*512 - at%512
	b := make([]byte, 1<<d.bits)
	var r io.Reader = io.NewSectionReader(d.from, at, length)
	if d.zstd {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		r = z
	} else {
		r = flate.NewReader(r)
	}
	if n, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("%d bytes at byte %d unpack to %d: %w", length, at, n, err)
	}
	return bytes.NewReader(b), nil
}
