// Package ewf reads disks out of images of the Expert Witness format as EnCase, FTK and ewfacquire write it: E01, E02 …
// E99, EAA … of one disk, and s01. Every chunk is held against its checksum: a damaged one is an error that names it,
// and so are sectors that could not be read when the image was made. Ex01 is told apart and not read.
//
// The layout is that of "Expert Witness Compression Format specification" (libewf, Joachim Metz, 2012).
package ewf

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"slices"
	"strings"

	"spor/collect/image/piece"
)

var le = binary.LittleEndian

// Marks that files of the formats begin with.
const (
	Magic  = "EVF\x09\x0d\x0a\xff\x00"
	Magic2 = "EVF2\x0d\x0a\x81\x00" // Ex01
)

// ErrVersion2 is what Open says of Ex01.
var ErrVersion2 = errors.New("Ex01 is not read: acquire or convert to E01 (ewfexport -f encase6)")

// Bounds of an image: more than the largest disks need.
const (
	maxSegments = 14_971 // E01 to ZZZ
	maxSections = 1 << 16
	maxTables   = 1 << 20
	maxEntries  = 1 << 20  // of one table; EnCase writes 16,375, ewfacquire 65,534
	maxChunk    = 16 << 20 // bytes: 32,768 sectors of 512, the most that ewfacquire makes
	maxSize     = 1 << 56
)

// A Disk is a disk as an image holds it. It is safe for concurrent use.
type Disk struct {
	size   int64 // bytes
	chunk  int64 // bytes
	sector int64
	tables []table
	bad    []sectorRun // sectors that could not be read when the image was made, in order
	torn   bool        // which chunks the tables to come name is not known
	notes  []string

	// About is what the image says of itself, of the kind "case", "evidence", "examiner", "description", "md5", "sha1";
	// by its own word, unproved.
	About map[string]string

	entries piece.Cache[offsets]
	chunks  piece.Cache[*bytes.Reader]
}

// A table says where some chunks of the disk lie in a segment.
type table struct {
	from      io.ReaderAt
	segment   int
	first     int64 // chunk
	count     int64
	at, again int64 // of the entries in the segment, and of their copy; again is 0 where there is none
	base      int64 // what the entries are counted from
	end       int64 // of the last chunk
	summed    bool  // the entries have a checksum
}

// A sectorRun is a run of sectors.
type sectorRun struct{ first, count int64 }

// Open opens an image by its first segment, whose name is given so that the others are found.
func Open(r io.ReaderAt, size int64, name string, beside piece.Sibling) (*Disk, error) {
	d := &Disk{About: map[string]string{}, entries: piece.Cache[offsets]{Most: 8}, chunks: piece.Cache[*bytes.Reader]{Most: 16}}
	for number := 1; number <= maxSegments; number++ {
		s := segment{d: d, r: r, size: size, number: number}
		more, err := s.read()
		switch {
		case number == 1 && (errors.Is(err, ErrVersion2) || d.chunk == 0 && err != nil):
			return nil, err
		case err != nil:
			d.note("segment %d: %v", number, err)
			d.torn = true
		}
		if !more {
			break
		}
		next, err := segmentName(name, number+1)
		if err == nil {
			r, size, err = beside(next)
		}
		if err != nil {
			d.note("segment %d is missing, and what lies from there on cannot be read: %v", number+1, err)
			break
		}
	}
	if d.chunk == 0 {
		return nil, piece.Damaged("no segment says how large the disk is")
	}
	d.bad = joined(d.bad)
	d.tell()
	return d, nil
}

// joined puts runs in order, those that overlap or touch being one.
func joined(runs []sectorRun) (all []sectorRun) {
	slices.SortFunc(runs, func(a, b sectorRun) int { return cmp.Compare(a.first, b.first) })
	for _, r := range runs {
		if k := len(all) - 1; k >= 0 && r.first <= all[k].first+all[k].count {
			all[k].count = max(all[k].count, r.first+r.count-all[k].first)
			continue
		}
		all = append(all, r)
	}
	return all
}

func (d *Disk) note(format string, args ...any) {
	if len(d.notes) < 100 {
		d.notes = append(d.notes, fmt.Sprintf(format, args...))
	}
}

// tell notes what of the disk is not there.
func (d *Disk) tell() {
	var known, bad int64
	if k := len(d.tables); k > 0 {
		known = d.tables[k-1].first + d.tables[k-1].count
	}
	if want := (d.size + d.chunk - 1) / d.chunk; known < want {
		d.note("the tables name %d of %d chunks: the disk ends after %d of %d bytes", known, want, known*d.chunk, d.size)
	}
	for _, b := range d.bad {
		bad += b.count
	}
	if bad > 0 {
		d.note("%d sectors could not be read when the image was made, the first being %d: what lies on them is not read, and not taken for zeros", bad, d.bad[0].first)
	}
}

// Size is that of the disk in bytes.
func (d *Disk) Size() int64 { return d.size }

// Notes says in words what a reader of the disk has to know.
func (d *Disk) Notes() []string { return d.notes }

// ReadAt implements io.ReaderAt.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) { return piece.ReadAt(p, off, d.size, d.find) }

// find gives the rest of the chunk that a byte lies in, up to what could not be acquired.
func (d *Disk) find(off int64) (piece.Piece, error) {
	number := off / d.chunk
	most := d.chunk - off%d.chunk
	i, _ := slices.BinarySearchFunc(d.bad, off/d.sector, func(b sectorRun, sector int64) int {
		if b.first+b.count <= sector {
			return -1
		}
		return 1
	})
	if i < len(d.bad) {
		switch start := d.bad[i].first * d.sector; {
		case start <= off:
			return piece.Piece{}, fmt.Errorf("sector %d could not be read when the image was made", off/d.sector)
		case start-off < most:
			most = start - off
		}
	}
	b, err := d.chunks.Get(number, func() (*bytes.Reader, error) { return d.unpack(number) })
	if err != nil {
		return piece.Piece{}, fmt.Errorf("chunk %d: %w", number, err)
	}
	return piece.Piece{From: b, At: off % d.chunk, Length: most}, nil
}

// segmentName gives the name of a segment by that of the first: E01 … E99, EAA … EZZ, FAA …, in the case it is written
// in.
func segmentName(first string, number int) (string, error) {
	dot := strings.LastIndexByte(first, '.')
	if dot < 0 || len(first)-dot != 4 || first[dot+2:] != "01" {
		return "", fmt.Errorf("%q does not end as the first segment of an image does (.E01)", first)
	}
	stem, letter := first[:dot+1], first[dot+1]
	if number < 100 {
		return fmt.Sprintf("%s%c%02d", stem, letter, number), nil
	}
	base := byte('A')
	if letter >= 'a' {
		base = 'a'
	}
	n := number - 100
	if letter += byte(n / (26 * 26)); letter > base+25 {
		return "", fmt.Errorf("segment %d has no name", number)
	}
	return stem + string([]byte{letter, base + byte(n/26%26), base + byte(n%26)}), nil
}

func sum(b []byte) uint32 { return adler32.Checksum(b) }
