package kit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A program can carry its kit within itself, where one file must do. Behind the program's last byte stand zeros, the kit, the
// kit's length in eight bytes (little-endian) and the mark, which ends at a multiple of eight. A signature made afterwards
// covers the kit too; it lies behind the mark (Microsoft, "PE Format", The Attribute Certificate Table).
const mark = "spor.kit"

const (
	trailer = 8 + int64(len(mark))
	padding = 15 // zeros that a signing program may put before the signature, at most
)

// ErrSigned is about a program that is signed already: what is put behind a signature breaks it.
var ErrSigned = errors.New("the program is signed already: put the kit in first, then sign")

// Carry gives what to write behind a program of the given size so that it carries the kit.
func Carry(program io.ReaderAt, size int64, kit []byte) ([]byte, error) {
	switch end, err := programEnd(program, size); {
	case err != nil:
		return nil, err
	case end != size:
		return nil, ErrSigned
	case len(kit) > maxKit:
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrNotKit, maxKit)
	}
	zeros := -(size + int64(len(kit))) & 7
	tail := append(make([]byte, zeros), kit...)
	tail = binary.LittleEndian.AppendUint64(tail, uint64(len(kit)))
	return append(tail, mark...), nil
}

// Carried gives the kit that a program carries, be it signed or not; nil where it carries none.
func Carried(program io.ReaderAt, size int64) ([]byte, error) {
	end, err := programEnd(program, size)
	if err != nil {
		return nil, err
	}
	tail := make([]byte, min(end, trailer+padding))
	if _, err := program.ReadAt(tail, end-int64(len(tail))); err != nil && len(tail) > 0 {
		return nil, err
	}
	zeros := len(tail) - len(bytes.TrimRight(tail, "\x00"))
	tail = tail[:len(tail)-zeros]
	end -= int64(zeros) + trailer
	if end < 0 || !bytes.HasSuffix(tail, []byte(mark)) {
		return nil, nil
	}
	length := binary.LittleEndian.Uint64(tail[int64(len(tail))-trailer:])
	if length > maxKit || int64(length) > end {
		return nil, fmt.Errorf("%w: the one in the program is torn", ErrNotKit)
	}
	kit := make([]byte, length)
	_, err = program.ReadAt(kit, end-int64(length))
	return kit, err
}

// programEnd is where a program ends and, in one for Windows, its signature begins.
func programEnd(program io.ReaderAt, size int64) (int64, error) {
	const (
		offsetOfPE  = 0x3c
		optional    = 24 // from the PE mark to the optional header
		plus        = 0x20b
		tables      = 96 // in the optional header, to the data directories
		tablesPlus  = 112
		certificate = 4 * 8 // among the data directories, of eight bytes each
	)
	var b [8]byte
	read := func(at int64, n int) bool {
		_, err := program.ReadAt(b[:n], at)
		return err == nil
	}
	if !read(0, 2) || string(b[:2]) != "MZ" || !read(offsetOfPE, 4) {
		return size, nil // another system's
	}
	header := int64(binary.LittleEndian.Uint32(b[:4]))
	if !read(header, 4) || string(b[:4]) != "PE\x00\x00" || !read(header+optional, 2) {
		return size, nil
	}
	at := header + optional + tables
	if binary.LittleEndian.Uint16(b[:2]) == plus {
		at = header + optional + tablesPlus
	}
	if !read(at+certificate, 8) {
		return 0, errors.New("the program's header is cut off")
	}
	start, length := int64(binary.LittleEndian.Uint32(b[:4])), int64(binary.LittleEndian.Uint32(b[4:]))
	switch {
	case length == 0:
		return size, nil
	case start == 0 || start+length != size:
		return 0, fmt.Errorf("the program's signature does not end it: %d bytes at %d of %d", length, start, size)
	}
	return start, nil
}
