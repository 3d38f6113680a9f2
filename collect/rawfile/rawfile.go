// Package rawfile reads NTFS from the bytes of a volume: of an image, or of a running Windows beside its file system,
// which is the only way to files that others have locked and to NTFS's own files ($MFT, $LogFile, $UsnJrnl).
//
// The layout is that of the Linux-NTFS documentation (flatcap.github.io/linux-ntfs) and of fs/ntfs/layout.h of Linux.
// The reader is our own because the one that exists for Go gives wrong bytes for compressed files with long holes, calls
// hard links by wrong names, does not end on damaged indexes, and weighs three times what the agent has room for.
//
// What it reads is hostile: sizes are compared with the volume's, every list is bounded, no record is visited twice on
// one way, and nothing is called recursively. Damage is an error, never zeros.
package rawfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"sync"

	"spor/artifacts"
)

// Errors about volumes and files that are not read. They carry what was found where.
var (
	ErrNotNTFS   = errors.New("not an NTFS volume")
	ErrDamaged   = errors.New("NTFS structure is damaged")
	ErrEncrypted = errors.New("encrypted by EFS: its content needs the owner's key")
	ErrElsewhere = errors.New("its content is not on this volume")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Method is what files read here say of how they were read.
const Method = "raw ntfs"

// Numbers of the records that are always in the same place.
const (
	recordMFT    = 0
	recordRoot   = 5
	recordSecure = 9
	recordUpCase = 10
	firstUser    = 16 // those before are NTFS's own, and the four next are reserved
)

// A Volume is an NTFS volume that was opened. It is safe for concurrent use.
type Volume struct {
	drive   string // "C:"
	from    *sectors
	size    int64 // bytes
	cluster int64 // bytes
	record  int   // bytes of an MFT record
	index   int   // bytes of an index block
	total   int64 // clusters
	serial  uint64
	mft     *stream
	upcase  []uint16 // nil: the table could not be read, Unicode's is used

	mu          sync.Mutex
	dirs        map[uint64]*directory
	listed      int // names in dirs
	descriptors *descriptors
}

// Open opens the NTFS volume in r, whose root is to be called drive ("C:"). The size, in bytes, is that of r; zero where
// it is not known, and then it is what the volume says of itself. Reads are whole sectors and never go past the end.
func Open(r io.ReaderAt, size int64, drive string) (*Volume, error) {
	boot := make([]byte, 4096) // a sector of every kind of disk
	if n, err := r.ReadAt(boot, 0); n < len(boot) {
		return nil, fmt.Errorf("boot sector: %w", notEOF(err))
	}
	v := &Volume{drive: drive, dirs: map[uint64]*directory{}}
	sector, mft, mirror, err := v.parseBoot(boot)
	if err != nil {
		return nil, err
	}
	if size > 0 && size < v.size {
		v.size = size - size%int64(sector)
	}
	v.from = &sectors{from: r, unit: int64(sector), size: v.size}
	if err := v.openMFT(mft); err != nil {
		if again := v.openMFT(mirror); again != nil {
			return nil, fmt.Errorf("$MFT: %w; by its mirror: %w", err, again)
		}
	}
	v.upcase = v.readUpCase()
	return v, nil
}

// parseBoot reads the boot sector: what the volume measures, and the clusters of $MFT and $MFTMirr.
func (v *Volume) parseBoot(b []byte) (sector int, mft, mirror int64, err error) {
	switch id := b[3:11]; {
	case bytes.Equal(id, []byte("-FVE-FS-")):
		return 0, 0, 0, fmt.Errorf("%w: it is locked by BitLocker", ErrNotNTFS)
	case bytes.HasPrefix(id, []byte("ReFS")):
		return 0, 0, 0, fmt.Errorf("%w: ReFS is not read", ErrNotNTFS)
	case !bytes.Equal(id, []byte("NTFS    ")):
		return 0, 0, 0, fmt.Errorf("%w: the boot sector does not say so", ErrNotNTFS)
	}
	le := binary.LittleEndian
	sector = int(le.Uint16(b[11:]))
	if sector < 256 || sector > 4096 || bits.OnesCount(uint(sector)) != 1 {
		return 0, 0, 0, damaged("sectors of %d bytes", sector)
	}
	per := int64(b[13])
	if per > 0x80 { // a power of two, negative: clusters over 64 KiB
		per = 1 << (256 - per)
	}
	v.cluster = per * int64(sector)
	if per == 0 || v.cluster > 2<<20 || bits.OnesCount64(uint64(per)) != 1 {
		return 0, 0, 0, damaged("clusters of %d bytes", v.cluster)
	}
	sectors := int64(le.Uint64(b[0x28:]))
	if sectors <= 0 || sectors > 1<<50/int64(sector)*16 {
		return 0, 0, 0, damaged("a volume of %d sectors", sectors)
	}
	v.total = sectors / per
	v.size = (sectors + 1) * int64(sector) // the copy of the boot sector is not counted
	v.serial = le.Uint64(b[0x48:])
	if v.record, err = v.blockSize(int8(b[0x40])); err != nil {
		return 0, 0, 0, err
	}
	if v.index, err = v.blockSize(int8(b[0x44])); err != nil {
		return 0, 0, 0, err
	}
	return sector, int64(le.Uint64(b[0x30:])), int64(le.Uint64(b[0x38:])), nil
}

// blockSize is the size of records and index blocks: clusters, or where negative, a power of two of bytes.
func (v *Volume) blockSize(n int8) (int, error) {
	size := int64(n) * v.cluster
	if n < 0 && n > -32 {
		size = 1 << -n
	}
	if size < 512 || size > 1<<20 || bits.OnesCount64(uint64(size)) != 1 {
		return 0, damaged("blocks of %d bytes", size)
	}
	return int(size), nil
}

// openMFT makes records readable: the first one says where the rest of them is, by way of an attribute list where the
// table is in many pieces.
func (v *Volume) openMFT(cluster int64) error {
	if cluster <= 0 || cluster >= v.total {
		return damaged("cluster %d of %d", cluster, v.total)
	}
	b := make([]byte, v.record)
	if _, err := v.from.ReadAt(b, cluster*v.cluster); err != nil {
		return err
	}
	if err := fixUp(b, "FILE"); err != nil {
		return err
	}
	v.mft = nil
	n, err := v.parse(recordMFT, b)
	if err != nil {
		return err
	}
	for { // each turn makes more of the table readable, until its list has nothing new
		s := n.stream(typeData, "")
		if s == nil {
			return damaged("record 0 has no content")
		}
		if err := s.map_(); err != nil {
			return err
		}
		had := len(n.attrs)
		v.mft = s
		if err := n.followList(v); err != nil {
			return err
		}
		if len(n.attrs) == had {
			break
		}
	}
	if v.mft.covered < v.mft.size {
		return damaged("$MFT has %d bytes, its run list %d", v.mft.size, v.mft.covered)
	}
	if v.mft.size > v.size {
		return damaged("$MFT has %d bytes, the volume %d", v.mft.size, v.size)
	}
	return nil
}

// Records is how many records the MFT has room for.
func (v *Volume) Records() uint64 { return uint64(v.mft.size) / uint64(v.record) }

// readUpCase gives the volume's own table of upper-case letters, by which names are compared.
func (v *Volume) readUpCase() []uint16 {
	n, err := v.node(recordUpCase)
	if err != nil {
		return nil
	}
	s := n.stream(typeData, "")
	if s == nil || s.size != 1<<17 {
		return nil
	}
	b := make([]byte, s.size)
	if _, err := s.ReadAt(b, 0); err != nil {
		return nil
	}
	table := make([]uint16, 1<<16)
	for i := range table {
		table[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	if table['a'] != 'A' || table['Z'] != 'Z' {
		return nil
	}
	return table
}

// root is the drive's top folder.
func (v *Volume) root() artifacts.Path { return artifacts.Path(v.drive + `\`) }

// sectors reads whole sectors of a volume that may refuse anything else, and nothing past its end.
type sectors struct {
	from io.ReaderAt
	unit int64 // bytes
	size int64
}

// most is how much is read at once where a read must be widened to whole sectors, in bytes.
const most = 64 << 10

// ReadAt implements io.ReaderAt.
func (s *sectors) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 || off >= s.size {
		return 0, io.EOF
	}
	if int64(len(p)) > s.size-off {
		p, err = p[:s.size-off], io.EOF
	}
	if off%s.unit == 0 {
		whole := int64(len(p)) / s.unit * s.unit
		if n, short := s.from.ReadAt(p[:whole], off); int64(n) < whole {
			return n, notEOF(short)
		}
		n = int(whole)
	}
	for n < len(p) {
		at := (off + int64(n)) / s.unit * s.unit
		wide := min(s.size-at, most, (int64(len(p)-n)+2*s.unit)/s.unit*s.unit)
		buf := make([]byte, (wide+s.unit-1)/s.unit*s.unit)
		got, short := s.from.ReadAt(buf, at)
		skip := int(off + int64(n) - at)
		if got <= skip {
			return n, notEOF(short)
		}
		n += copy(p[n:], buf[skip:got])
	}
	return n, err
}

// notEOF turns the end of a volume, which is not the end of a file, into an error that says so.
func notEOF(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("the volume ends early: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// upper is a name in the form in which names are compared.
func (v *Volume) upper(units []uint16) string {
	var b strings.Builder
	b.Grow(2 * len(units))
	for _, c := range units {
		if v.upcase != nil {
			c = v.upcase[c]
		} else {
			c = upperUnicode(c)
		}
		b.WriteByte(byte(c))
		b.WriteByte(byte(c >> 8))
	}
	return b.String()
}
