// Package partition reads how a disk is divided, MBR or GPT, and names what lies on each part by the marks of its kind.
// Tables are hostile: partitions lie on the disk or are cut to it, lists and chains are bounded.
package partition

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"spor/artifacts"
)

var le = binary.LittleEndian

// A Table is how a disk is divided.
type Table struct {
	Scheme string // "GPT" or "MBR"; empty: there is none, and the disk is one volume
	Sector int64  // bytes
	Parts  []Partition
	Places []artifacts.Extent // where the table lies beyond the first sectors of the disk: extended tables, the backup of GPT
	Notes  []string           // what in it is damaged or contradicts itself
}

// A Partition is a stretch of a disk, in bytes.
type Partition struct {
	Number      int // from 1; zero: the whole disk is one volume
	Start, Size int64
	Name        string // of GPT
	Type        string // "07" of MBR, a GUID of GPT
	ID          string // GUID of this partition, of GPT
}

func (p Partition) String() string {
	switch {
	case p.Number == 0:
		return "the volume"
	case p.Name != "":
		return fmt.Sprintf("partition %d %q", p.Number, p.Name)
	}
	return fmt.Sprintf("partition %d", p.Number)
}

// maxPartitions bounds the lists of partitions, and the chain of extended ones.
const maxPartitions = 256

// ErrNone is in the chain of errors about a disk that is neither divided nor a volume of a known kind.
var ErrNone = errors.New("neither a partition table nor a file system")

// Read reads the table of a disk of so many bytes: GPT (UEFI 2.10, 5.3) in sectors of 512 or 4096 bytes, by its backup
// where the first is damaged, or MBR. A disk that begins with a file system is one volume.
func Read(r io.ReaderAt, size int64) (Table, error) {
	if FileSystem(r, size) != Unknown {
		return Table{Sector: 512, Parts: []Partition{{Size: size}}}, nil
	}
	for _, sector := range []int64{512, 4096} {
		if t, ok := readGPT(r, size, sector); ok {
			return t, nil
		}
	}
	var first Table
	for _, sector := range []int64{512, 4096} { // MBR has it in 512, but on disks of 4096, where that reading finds nothing
		t := Table{Scheme: "MBR", Sector: sector}
		t.chain(r, size)
		known := func(p Partition) bool { return FileSystem(io.NewSectionReader(r, p.Start, p.Size), p.Size) != Unknown }
		if slices.ContainsFunc(t.Parts, known) {
			return t, nil
		}
		if sector == 512 {
			first = t
		}
	}
	if len(first.Parts) > 0 {
		return first, nil
	}
	return Table{}, ErrNone
}

// chain reads the table in the first sector of the disk and the chain of extended ones.
func (t *Table) chain(r io.ReaderAt, size int64) {
	b := make([]byte, 512)
	extended := int64(0) // where the chain begins
	number := 5
	for at, turn := int64(0), 0; turn < maxPartitions; turn++ {
		if n, _ := r.ReadAt(b, at*t.Sector); n < len(b) || b[510] != 0x55 || b[511] != 0xaa {
			if at > 0 {
				t.Notes = append(t.Notes, fmt.Sprintf("the extended table in sector %d is damaged; partitions behind it are not known", at))
			}
			return
		}
		if at > 0 {
			t.Places = append(t.Places, artifacts.Extent{Offset: at * t.Sector, Length: 512})
		}
		next := int64(0)
		for i := range 4 {
			e := b[446+16*i:]
			kind, first, count := e[4], int64(le.Uint32(e[8:])), int64(le.Uint32(e[12:]))
			if kind == 0 || count == 0 {
				continue
			}
			if kind == 0x05 || kind == 0x0f || kind == 0x85 {
				next = extended + first
				if extended == 0 {
					extended = first
				}
				continue
			}
			p := Partition{Number: i + 1, Start: (at + first) * t.Sector, Type: fmt.Sprintf("%02x", kind)}
			if at > 0 {
				p.Number = number
				number++
			}
			if p.Start >= size {
				t.Notes = append(t.Notes, fmt.Sprintf("%s lies beyond the end of the disk", p))
				continue
			}
			p.Size = min(count*t.Sector, size-p.Start)
			t.Parts = append(t.Parts, p)
		}
		if next <= at { // chains go forward
			return
		}
		at = next
	}
}

var noGUID [16]byte

// guid spells the bytes of a GUID as Windows stores them.
func guid(b []byte) string {
	if bytes.Equal(b[:16], noGUID[:]) {
		return ""
	}
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}
