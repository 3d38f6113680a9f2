package partition

import (
	"io"
	"math/bits"
)

// Unknown is the name of what bears no mark that we know.
const Unknown = "no file system we know"

// Names of what is read; others are said by name alone.
const (
	NTFS  = "NTFS"
	Ext   = "ext4" // ext2 and ext3 too
	XFS   = "XFS"
	FAT   = "FAT"
	ExFAT = "exFAT"
	LVM   = "LVM"
)

// marks are where file systems and what lies below them show their kind: the sources of util-linux's libblkid and The
// Sleuth Kit, and the formats' own documentation. What locks others comes first.
var marks = []struct {
	at          int64
	magic, name string
}{
	{3, "NTFS    ", NTFS},
	{3, "-FVE-FS-", "BitLocker, locked"},
	{0x1a8, "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01", "BitLocker To Go, locked"},
	{3, "ReFS\x00\x00\x00\x00", "ReFS"},
	{3, "EXFAT   ", ExFAT},
	{82, "FAT32   ", FAT},
	{54, "FAT1", FAT},
	{0, "XFSB", XFS},
	{0, "LUKS\xba\xbe", "LUKS, locked"},
	{0, "LABELONE", LVM},
	{512, "LABELONE", LVM},
	{1024, "LABELONE", LVM},
	{1536, "LABELONE", LVM},
	{4096, "\xfc\x4e\x2b\xa9", "a member of a Linux RAID"},
	{0, "\xfc\x4e\x2b\xa9", "a member of a Linux RAID"},
	{1080, "\x53\xef", Ext},
	{0x10040, "_BHRfS_M", "Btrfs"},
	{32, "NXSB", "APFS"},
	{1024, "H+\x00\x04", "HFS+"},
	{1024, "HX\x00\x05", "HFS+"},
	{1024, "\x10\x20\xf5\xf2", "F2FS"},
	{0x10034, "ReIsEr", "ReiserFS"},
	{0x8000, "JFS1", "JFS"},
	{0, "hsqs", "SquashFS"},
	{4086, "SWAPSPACE2", "swap"},
	{4086, "SWAP-SPACE", "swap"},
	{32769, "CD001", "ISO 9660"},
	{0, "PRIVHEAD", "dynamic disk (LDM)"},
	{0x100000, "\x0d\xd0\x01\xc0", "VMFS"},
}

// FileSystem names what is on a volume of so many bytes by the marks of its kind.
func FileSystem(r io.ReaderAt, size int64) string {
	head := make([]byte, 8192)
	n, _ := r.ReadAt(head[:min(size, int64(len(head)))], 0)
	head = head[:n]
	for _, m := range marks {
		end := m.at + int64(len(m.magic))
		switch {
		case end <= int64(len(head)):
			if string(head[m.at:end]) == m.magic {
				return m.name
			}
		case end <= size:
			b := make([]byte, len(m.magic))
			if n, _ := r.ReadAt(b, m.at); n == len(b) && string(b) == m.magic {
				return m.name
			}
		}
	}
	if plainFAT(head, size) {
		return FAT
	}
	return Unknown
}

// plainFAT tells whether a first sector is FAT's by its numbers, for those who write no name into it.
func plainFAT(b []byte, size int64) bool {
	if len(b) < 512 || b[510] != 0x55 || b[511] != 0xaa || b[0] != 0xeb && b[0] != 0xe9 {
		return false
	}
	sector, per := int64(le.Uint16(b[11:])), b[13]
	total := int64(le.Uint16(b[19:]))
	if total == 0 {
		total = int64(le.Uint32(b[32:]))
	}
	return sector >= 512 && sector <= 4096 && bits.OnesCount64(uint64(sector)) == 1 && bits.OnesCount8(per) == 1 &&
		le.Uint16(b[14:]) > 0 && (b[16] == 1 || b[16] == 2) && b[21] >= 0xf0 && total > 0 && total <= size/sector+1 &&
		(le.Uint16(b[22:]) > 0 || le.Uint32(b[36:]) > 0)
}
