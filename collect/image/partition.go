package image

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"spor/collect/winapi"
)

// A partition is a stretch of a disk, in bytes.
type partition struct {
	number      int // from 1; zero: the whole image is one volume
	start, size int64
	name        string // of GPT
	windows     bool
}

func (p partition) hasWindows() bool { return p.windows }

func (p partition) String() string {
	switch {
	case p.number == 0:
		return "the volume"
	case p.name != "":
		return fmt.Sprintf("partition %d %q", p.number, p.name)
	}
	return fmt.Sprintf("partition %d", p.number)
}

// maxPartitions bounds the lists of partitions, and the chain of extended ones.
const maxPartitions = 256

// partitions reads the partition table of a disk: GPT (UEFI 2.10, 5.3) in sectors of 512 or 4096 bytes, or MBR. An
// image that begins with a file system is one volume.
func partitions(r io.ReaderAt, size int64) ([]partition, error) {
	whole := partition{size: size}
	if fileSystem(r, whole) != unknownSystem {
		return []partition{whole}, nil
	}
	for _, sector := range []int64{512, 4096} {
		if parts := gpt(r, size, sector); parts != nil {
			return parts, nil
		}
	}
	if parts := mbr(r, size); parts != nil {
		return parts, nil
	}
	return nil, fmt.Errorf("neither a partition table nor a file system: %w", ErrFormat)
}

func gpt(r io.ReaderAt, size, sector int64) (parts []partition) {
	head := make([]byte, 92)
	if n, _ := r.ReadAt(head, sector); n < len(head) || !bytes.HasPrefix(head, []byte("EFI PART")) {
		return nil
	}
	le := binary.LittleEndian
	at, count, width := int64(le.Uint64(head[72:])), le.Uint32(head[80:]), le.Uint32(head[84:])
	if width < 128 || width > 4096 || at <= 0 || at > size/sector {
		return nil
	}
	entry := make([]byte, width)
	for i := range min(count, maxPartitions) {
		if n, _ := r.ReadAt(entry, at*sector+int64(i)*int64(width)); n < len(entry) {
			break
		}
		first, last := int64(le.Uint64(entry[32:])), int64(le.Uint64(entry[40:]))
		if bytes.Equal(entry[:16], make([]byte, 16)) || first <= 0 || last < first || first >= size/sector {
			continue
		}
		parts = append(parts, partition{
			number: int(i) + 1, start: first * sector, size: min((last-first+1)*sector, size-first*sector), name: winapi.DecodeBytes(entry[56:128]),
		})
	}
	return parts
}

// mbr reads the table in the first sector and the chain of extended ones. Sectors are of 512 bytes, as MBR has it
// everywhere but on disks of 4096, which hold a file system where the first reading finds none.
func mbr(r io.ReaderAt, size int64) []partition {
	for _, sector := range []int64{512, 4096} {
		parts := mbrChain(r, size, sector)
		if sector == 4096 || slices.ContainsFunc(parts, func(p partition) bool { return fileSystem(r, p) != unknownSystem }) {
			return parts
		}
	}
	return nil
}

func mbrChain(r io.ReaderAt, size, sector int64) (parts []partition) {
	b := make([]byte, 512)
	extended := int64(0) // where the chain begins
	number := 5
	for at, turn := int64(0), 0; turn < maxPartitions; turn++ {
		if n, _ := r.ReadAt(b, at*sector); n < len(b) || b[510] != 0x55 || b[511] != 0xaa {
			return parts
		}
		next := int64(0)
		for i := range 4 {
			e := b[446+16*i:]
			kind, first, count := e[4], int64(binary.LittleEndian.Uint32(e[8:])), int64(binary.LittleEndian.Uint32(e[12:]))
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
			p := partition{number: i + 1, start: (at + first) * sector}
			if at > 0 {
				p.number = number
				number++
			}
			if p.start < size {
				p.size = min(count*sector, size-p.start)
				parts = append(parts, p)
			}
		}
		if next <= at { // chains go forward
			return parts
		}
		at = next
	}
	return parts
}

const unknownSystem = "no file system we know"

// fileSystem names what is on a partition by the marks of its kind.
func fileSystem(r io.ReaderAt, p partition) string {
	for _, s := range []struct {
		at          int64
		magic, name string
	}{
		{3, "NTFS    ", "NTFS"},
		{3, "-FVE-FS-", "BitLocker, locked"},
		{3, "ReFS\x00\x00\x00\x00", "ReFS"},
		{3, "EXFAT   ", "exFAT"},
		{82, "FAT32   ", "FAT32"},
		{54, "FAT1", "FAT"},
		{1080, "\x53\xef", "ext4"},
		{0, "XFSB", "XFS"},
		{0x10040, "_BHRfS_M", "Btrfs"},
		{0, "LUKS\xba\xbe", "LUKS, locked"},
		{4086, "SWAPSPACE2", "swap"},
		{512, "LABELONE", "LVM"},
		{32769, "CD001", "ISO 9660"},
	} {
		b := make([]byte, len(s.magic))
		if s.at+int64(len(b)) <= p.size {
			if n, _ := r.ReadAt(b, p.start+s.at); n == len(b) && string(b) == s.magic {
				return s.name
			}
		}
	}
	return unknownSystem
}
