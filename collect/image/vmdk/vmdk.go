// Package vmdk reads the disks of VMware: in one growing file (monolithicSparse), packed for transport (streamOptimized),
// flat, and split in pieces of 2 GB, by the descriptor that names them. A disk that holds only changes to its parent is
// refused.
//
// The layout is that of "Virtual Disk Format 5.0" (VMware, 2011).
package vmdk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"spor/collect/image/piece"
)

var le = binary.LittleEndian

// Marks that files of the format begin with.
const (
	Magic           = "KDMV"
	MagicDescriptor = "# Disk DescriptorFile"
)

// ErrParent is in the chain of errors about disks that hold changes alone.
var ErrParent = errors.New("a snapshot, which holds only what was changed; merge it with its parent")

// Bounds of an image.
const (
	sectorSize    = 512
	maxSectors    = 1 << 46 / sectorSize // 64 TB
	maxExtents    = 4096
	maxDescriptor = 1 << 20
)

// A Disk is a disk as an image holds it. It is safe for concurrent use.
type Disk struct {
	extents []extent
	size    int64 // bytes
	notes   []string
}

// An extent is a stretch of a disk that lies in one file.
type extent struct {
	start, size int64       // bytes
	flat        io.ReaderAt // of which the stretch begins at byte at; nil: sparse or zeros
	at          int64
	sparse      *sparse // nil: zeros
	missing     error   // why the file cannot be read
}

// Size is that of the disk in bytes.
func (d *Disk) Size() int64 { return d.size }

// Notes says in words what a reader of the disk has to know.
func (d *Disk) Notes() []string { return d.notes }

// ReadAt implements io.ReaderAt.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) { return piece.ReadAt(p, off, d.size, d.find) }

func (d *Disk) find(off int64) (piece.Piece, error) {
	i, _ := slices.BinarySearchFunc(d.extents, off, func(e extent, off int64) int {
		if e.start+e.size <= off {
			return -1
		}
		return 1
	})
	e := &d.extents[i] // they lie side by side up to the end
	left := e.start + e.size - off
	switch {
	case e.missing != nil:
		return piece.Piece{}, e.missing
	case e.flat != nil:
		return piece.Piece{From: e.flat, At: e.at + off - e.start, Length: left}, nil
	case e.sparse == nil:
		return piece.Piece{Length: left}, nil
	}
	p, err := e.sparse.find(off - e.start)
	p.Length = min(p.Length, left)
	return p, err
}

// Open opens a disk by its descriptor or by the one file it is.
func Open(r io.ReaderAt, size int64, beside piece.Sibling) (*Disk, error) {
	head := make([]byte, sectorSize)
	n, err := r.ReadAt(head, 0)
	if head = head[:n]; n < len(Magic) {
		return nil, err
	}
	if string(head[:4]) != Magic {
		text := make([]byte, min(size, maxDescriptor))
		if err := piece.Full(r, text, 0); err != nil {
			return nil, err
		}
		return described(text, beside)
	}
	s, err := openSparse(r, size)
	if err != nil {
		return nil, err
	}
	if len(s.descriptor) == 0 {
		return nil, errors.New("one piece of a disk in several files: name its descriptor, the small file without a number")
	}
	if p := parse(s.descriptor); p.parent {
		return nil, ErrParent
	}
	d := &Disk{size: s.size, extents: []extent{{size: s.size, sparse: s}}}
	if s.unclean {
		d.notes = append(d.notes, "the disk was not closed: what was written last may be missing")
	}
	return d, nil
}

// A description is what a descriptor says.
type description struct {
	parent  bool
	kind    string
	extents []piecePlace
}

// A piecePlace is a line that names an extent.
type piecePlace struct {
	kind    string // "FLAT", "SPARSE", "ZERO" …
	sectors int64
	name    string
	at      int64 // sectors
}

// parse reads the lines of a descriptor.
func parse(text []byte) (d description) {
	text, _, _ = bytes.Cut(text, []byte{0})
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if key, value, ok := strings.Cut(line, "="); ok {
			value = strings.Trim(strings.TrimSpace(value), `"`)
			switch strings.ToLower(strings.TrimSpace(key)) {
			case "parentcid":
				d.parent = !strings.EqualFold(value, "ffffffff")
			case "createtype":
				d.kind = value
			}
		}
		if p, ok := parseExtent(line); ok && len(d.extents) <= maxExtents {
			d.extents = append(d.extents, p)
		}
	}
	return d
}

// parseExtent reads `RW 4192256 SPARSE "disk-s001.vmdk"`.
func parseExtent(line string) (p piecePlace, ok bool) {
	before, rest, _ := strings.Cut(line, `"`)
	fields := strings.Fields(before)
	if len(fields) != 3 || fields[0] != "RW" && fields[0] != "RDONLY" && fields[0] != "NOACCESS" {
		return p, false
	}
	sectors, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || sectors <= 0 || sectors > maxSectors {
		return p, false
	}
	p = piecePlace{kind: fields[2], sectors: sectors}
	var offset string
	p.name, offset, _ = strings.Cut(rest, `"`)
	if offset = strings.TrimSpace(offset); offset != "" {
		if p.at, err = strconv.ParseInt(strings.Fields(offset)[0], 10, 64); err != nil || p.at < 0 || p.at > maxSectors {
			return p, false
		}
	}
	return p, true
}

// described opens the files that a descriptor names. One that is not there makes a stretch that cannot be read.
func described(text []byte, beside piece.Sibling) (*Disk, error) {
	about := parse(text)
	switch {
	case about.parent:
		return nil, ErrParent
	case len(about.extents) == 0:
		return nil, piece.Damaged("the descriptor names no files (kind %q)", about.kind)
	case len(about.extents) > maxExtents:
		return nil, piece.Damaged("the descriptor names more than %d files", maxExtents)
	}
	d := &Disk{}
	grains := &piece.Cache[*bytes.Reader]{Most: 16}
	there := 0
	for _, p := range about.extents {
		e := extent{start: d.size, size: p.sectors * sectorSize}
		if d.size += e.size; d.size > maxSectors*sectorSize {
			return nil, piece.Damaged("a disk of more than %d bytes", int64(maxSectors*sectorSize))
		}
		if err := e.open(p, beside, grains); err != nil {
			e.missing = fmt.Errorf("%q: %w", p.name, err)
			d.notes = append(d.notes, e.missing.Error())
		} else {
			there++
		}
		d.extents = append(d.extents, e)
	}
	if there == 0 {
		return nil, fmt.Errorf("none of the files that the descriptor names can be read: %s", strings.Join(d.notes, "; "))
	}
	return d, nil
}

// open opens the file of an extent. Packed grains of all are kept together.
func (e *extent) open(p piecePlace, beside piece.Sibling, grains *piece.Cache[*bytes.Reader]) error {
	switch p.kind {
	case "ZERO":
		return nil
	case "FLAT", "VMFS":
		r, size, err := beside(p.name)
		if err != nil {
			return err
		}
		e.flat, e.at = r, p.at*sectorSize
		if size-e.at < e.size {
			return piece.Damaged("%d bytes, want %d", size, e.at+e.size)
		}
		return nil
	case "SPARSE":
		r, size, err := beside(p.name)
		if err != nil {
			return err
		}
		if e.sparse, err = openSparse(r, size); err != nil {
			return err
		}
		e.sparse.descriptor, e.sparse.grains, e.sparse.start = nil, grains, e.start
		if e.sparse.size < e.size {
			return piece.Damaged("a piece of %d bytes, want %d", e.sparse.size, e.size)
		}
		return nil
	}
	return fmt.Errorf("pieces of kind %s are not read; convert the disk (vmkfstools -i, qemu-img convert)", p.kind)
}
