package vmdk

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"math/bits"

	"spor/collect/image/piece"
)

// A sparse is a file with the grains of a disk that were written.
type sparse struct {
	from       io.ReaderAt
	size       int64 // of the disk in it, bytes
	grain      int64 // bytes
	perTable   int64 // grains
	directory  int64 // byte
	tables     int64
	zeros      bool // an entry of 1 is a grain of zeros
	packed     bool
	unclean    bool
	descriptor []byte

	start int64 // of the extent in the whole disk, bytes

	pages  piece.Cache[[]byte]
	grains *piece.Cache[*bytes.Reader] // unpacked ones, by their place in the whole disk
}

// Flags of a sparse file.
const (
	flagZeros   = 1 << 2
	flagPacked  = 1 << 16
	atEnd       = 1<<64 - 1 // the directory's place is in the footer
	maxGrain    = 1 << 20   // bytes; 64 KiB is what is written
	maxPerTable = 1 << 16
)

func openSparse(r io.ReaderAt, size int64) (*sparse, error) {
	b := make([]byte, sectorSize)
	if err := piece.Full(r, b, 0); err != nil {
		return nil, err
	}
	if string(b[:4]) != Magic {
		return nil, piece.Damaged("it does not begin as a sparse disk does")
	}
	var descriptor []byte
	if at, length := le.Uint64(b[28:]), le.Uint64(b[36:]); at > 0 && at < maxSectors && length > 0 {
		descriptor = make([]byte, min(length, maxDescriptor/sectorSize)*sectorSize)
		if err := piece.Full(r, descriptor, int64(at)*sectorSize); err != nil {
			return nil, fmt.Errorf("descriptor: %w", err)
		}
	}
	if le.Uint64(b[56:]) == atEnd {
		if err := piece.Full(r, b, size-2*sectorSize); err != nil {
			return nil, fmt.Errorf("footer: %w", err)
		}
		if string(b[:4]) != Magic {
			return nil, piece.Damaged("the footer is missing: the image was cut, or not written to its end")
		}
	}
	s := &sparse{
		from: r, descriptor: descriptor, perTable: int64(le.Uint32(b[44:])), unclean: b[72] != 0,
		zeros: le.Uint32(b[8:])&flagZeros != 0, packed: le.Uint32(b[8:])&flagPacked != 0,
		pages: piece.Cache[[]byte]{Most: 8}, grains: &piece.Cache[*bytes.Reader]{Most: 16},
	}
	capacity, grain, directory := le.Uint64(b[12:]), le.Uint64(b[20:]), le.Uint64(b[56:])
	if capacity == 0 || capacity > maxSectors || grain == 0 || grain > maxGrain/sectorSize || bits.OnesCount64(grain) != 1 ||
		s.perTable == 0 || s.perTable > maxPerTable || directory == 0 || directory > maxSectors {
		return nil, piece.Damaged("%d sectors in grains of %d, %d in a table, the directory in sector %d", capacity, grain, s.perTable, directory)
	}
	if s.packed && le.Uint16(b[77:]) != 1 {
		return nil, fmt.Errorf("packed by method %d, which is not read", le.Uint16(b[77:]))
	}
	s.size, s.grain, s.directory = int64(capacity)*sectorSize, int64(grain)*sectorSize, int64(directory)*sectorSize
	s.tables = (s.size + s.grain*s.perTable - 1) / (s.grain * s.perTable)
	return s, nil
}

// entry gives an entry of a table that lies at a byte of the file.
func (s *sparse) entry(table, number, count int64) (uint32, error) {
	const page = 1024 // entries
	first := number / page * page
	b, err := s.pages.Get(table+4*first, func() ([]byte, error) {
		b := make([]byte, 4*min(page, count-first))
		return b, piece.Full(s.from, b, table+4*first)
	})
	if err != nil {
		return 0, err
	}
	return le.Uint32(b[4*(number-first):]), nil
}

// find gives the grain that a byte lies in.
func (s *sparse) find(off int64) (piece.Piece, error) {
	number, rest := off/s.grain, off%s.grain
	left := s.grain - rest
	table, err := s.entry(s.directory, number/s.perTable, s.tables)
	if err != nil {
		return piece.Piece{}, fmt.Errorf("directory: %w", err)
	}
	if table == 0 {
		return piece.Piece{Length: left}, nil
	}
	at, err := s.entry(int64(table)*sectorSize, number%s.perTable, s.perTable)
	switch {
	case err != nil:
		return piece.Piece{}, fmt.Errorf("table: %w", err)
	case at == 0, at == 1 && s.zeros:
		return piece.Piece{Length: left}, nil
	case !s.packed:
		return piece.Piece{From: s.from, At: int64(at)*sectorSize + rest, Length: left}, nil
	}
	b, err := s.grains.Get(s.start+number*s.grain, func() (*bytes.Reader, error) { return s.unpack(number, int64(at)) })
	if err != nil {
		return piece.Piece{}, fmt.Errorf("grain %d: %w", number, err)
	}
	return piece.Piece{From: b, At: rest, Length: left}, nil
}

// unpack reads a packed grain: its sector of the disk, how many bytes follow, and those.
func (s *sparse) unpack(number, sector int64) (*bytes.Reader, error) {
	head := make([]byte, 12)
	if err := piece.Full(s.from, head, sector*sectorSize); err != nil {
		return nil, err
	}
	length := int64(le.Uint32(head[8:]))
	if le.Uint64(head) != uint64(number*s.grain/sectorSize) || length == 0 || length > 2*s.grain+64<<10 {
		return nil, piece.Damaged("in sector %d of the image lies sector %d, in %d bytes", sector, le.Uint64(head), length)
	}
	z, err := zlib.NewReader(io.NewSectionReader(s.from, sector*sectorSize+12, length))
	if err != nil {
		return nil, err
	}
	b := make([]byte, s.grain)
	n, err := io.ReadFull(z, b)
	if err == io.ErrUnexpectedEOF && number*s.grain+int64(n) >= s.size { // the last grain may be short
		err = nil
	}
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(z, 1)) // to the checksum
	}
	return bytes.NewReader(b), err
}
