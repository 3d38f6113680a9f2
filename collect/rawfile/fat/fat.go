// Package fat reads FAT12, FAT16, FAT32 and exFAT from an image by their own structures, without mounting it: a Volume
// is to be put into a tree. Nothing is written. Whatever the structures claim, reading ends: chains are no longer than
// the volume has clusters, folders and walks are bounded, and what a chain does not cover is an error, never zeros.
//
// The layouts are those of "FAT: General Overview of On-Disk Format" 1.03 and of the "exFAT file system specification"
// (both Microsoft).
package fat

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"sync"

	"spor/collect/rawfile/tree"
)

var le = binary.LittleEndian

// ErrDamaged is in the chain of errors about structures that contradict themselves.
var ErrDamaged = errors.New("damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// A Volume is a file system of the FAT family. It is safe for concurrent use.
type Volume struct {
	Type  string // "FAT12", "FAT16", "FAT32" or "exFAT"
	ID    string // as blkid(8) writes it, in lower case: "1234-abcd"
	Label string

	r        io.ReaderAt
	size     int64 // bytes, the smaller of what the image holds and the volume says
	short    int64 // how many bytes the image lacks
	cluster  int64 // bytes
	clusters uint32
	data     int64 // byte of cluster 2, the first
	table    int64 // byte
	entries  uint32
	width    uint // bits of an entry: 12, 16 or 32
	top      *node
	dirty    bool

	mu      sync.Mutex
	pages   map[int64][]byte   // of the table
	folders map[uint32]listing // by their first cluster
	kept    int                // names in them
}

var (
	_ tree.Volume    = (*Volume)(nil)
	_ tree.Undeleter = (*Volume)(nil)
)

// Open reads the first sector of a volume of so many bytes.
func Open(r io.ReaderAt, size int64) (*Volume, error) {
	b := make([]byte, 512)
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("boot sector: %w", early(err))
	}
	v := &Volume{r: r, pages: map[int64][]byte{}, folders: map[uint32]listing{}}
	claimed, err := int64(0), error(nil)
	if string(b[3:11]) == "EXFAT   " {
		claimed, err = v.parseEx(b)
	} else {
		claimed, err = v.parse(b)
	}
	if err != nil {
		return nil, err
	}
	v.size, v.short = min(size, claimed), max(0, claimed-size)
	v.readLabel()
	return v, nil
}

// parse reads the parameters of FAT, and how many bytes the volume has.
func (v *Volume) parse(b []byte) (size int64, err error) {
	sector, per := int64(le.Uint16(b[11:])), int64(b[13])
	reserved, tables, top := int64(le.Uint16(b[14:])), int64(b[16]), int64(le.Uint16(b[17:]))
	total, length := int64(le.Uint16(b[19:])), int64(le.Uint16(b[22:]))
	wide := length == 0
	if total == 0 {
		total = int64(le.Uint32(b[32:]))
	}
	if wide {
		length = int64(le.Uint32(b[36:]))
	}
	if sector < 512 || sector > 4096 || bits.OnesCount64(uint64(sector)) != 1 || bits.OnesCount64(uint64(per)) != 1 || reserved == 0 || tables == 0 || length == 0 {
		return 0, damaged("sectors of %d bytes, %d in a cluster, %d reserved, %d tables of %d", sector, per, reserved, tables, length)
	}
	topSectors := (top*32 + sector - 1) / sector
	first := reserved + tables*length + topSectors
	if total <= first {
		return 0, damaged("%d sectors, of which %d are tables", total, first)
	}
	v.cluster, v.data = per*sector, first*sector
	v.clusters = uint32((total - first) / per)
	v.table = reserved * sector
	v.top = &node{v: v, dir: true, root: true}
	serial, label := 39, 43
	switch {
	case wide:
		v.Type, v.width = "FAT32", 32
		serial, label = 67, 71
		v.top.first = le.Uint32(b[44:])
		if flags := le.Uint16(b[40:]); flags&0x80 != 0 && int64(flags&15) < tables { // one table is in use, and which
			v.table += int64(flags&15) * length * sector
		}
	default:
		v.Type, v.width = "FAT16", 16
		if v.clusters < 4085 {
			v.Type, v.width = "FAT12", 12
		}
		v.top.content = &content{v: v, size: topSectors * sector, valid: topSectors * sector, runs: []run{{0, (reserved + tables*length) * sector, topSectors * sector}}}
	}
	v.entries = uint32(min(length*sector*8/int64(v.width), 1<<28))
	v.clusters = min(v.clusters, max(v.entries, 2)-2)
	v.ID = fmt.Sprintf("%04x-%04x", le.Uint16(b[serial+2:]), le.Uint16(b[serial:]))
	v.Label = trimmed(b[label : label+11])
	return total * sector, nil
}

// FileSystem implements tree.Volume.
func (v *Volume) FileSystem() string { return v.Type }

// Root implements tree.Volume.
func (v *Volume) Root() (tree.Node, error) { return v.top, nil }

// Notes says in words what a reader of the volume has to know.
func (v *Volume) Notes() []string {
	notes := []string{"times are local ones of whoever wrote them, in steps of 2 seconds, and of the last access there is the day alone: they are given as if they were UTC"}
	if v.Type == "exFAT" {
		notes[0] = "times are in steps of 10 ms to 2 seconds; where a record does not tell its zone, they are given as if they were UTC"
	}
	if v.dirty {
		notes = append(notes, "it was not unmounted: what was written last may be missing or in part")
	}
	if v.short > 0 {
		notes = append(notes, fmt.Sprintf("the image ends %d bytes before the volume does", v.short))
	}
	return notes
}

// early turns the end of an image, which is not the end of a file, into an error that says so.
func early(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("the volume ends early: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// readAt fills b from the volume.
func (v *Volume) readAt(b []byte, at int64) error {
	if at < 0 || at > v.size-int64(len(b)) {
		if v.short > 0 {
			return early(nil)
		}
		return damaged("%d bytes at %d of %d", len(b), at, v.size)
	}
	if n, err := v.r.ReadAt(b, at); n < len(b) {
		return fmt.Errorf("byte %d: %w", at+int64(n), early(err))
	}
	return nil
}

// Bounds of what is kept of the table.
const (
	pageSize = 48 << 10 // bytes: a multiple of 12 bits, 16 and 32
	maxPages = 64
)

// next gives the entry of a cluster in the table.
func (v *Volume) next(cluster uint32) (uint32, error) {
	if cluster >= v.entries {
		return 0, damaged("cluster %d of %d", cluster, v.clusters)
	}
	at := int64(cluster) * int64(v.width) / 8
	page, err := v.page(at / pageSize)
	if err != nil {
		return 0, fmt.Errorf("table: %w", err)
	}
	b := page[at%pageSize:]
	if len(b) < 4 {
		b = append(append([]byte(nil), b...), 0, 0, 0, 0)
	}
	switch v.width {
	case 12:
		return uint32(le.Uint16(b)) >> (cluster % 2 * 4) & 0xfff, nil
	case 16:
		return uint32(le.Uint16(b)), nil
	}
	if v.Type == "FAT32" {
		return le.Uint32(b) & 0x0fffffff, nil
	}
	return le.Uint32(b), nil
}

func (v *Volume) page(number int64) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if b, ok := v.pages[number]; ok {
		return b, nil
	}
	b := make([]byte, min(pageSize, (int64(v.entries)*int64(v.width)+7)/8-number*pageSize))
	if err := v.readAt(b, v.table+number*pageSize); err != nil {
		return nil, err
	}
	if len(v.pages) >= maxPages {
		clear(v.pages)
	}
	v.pages[number] = b
	return b, nil
}

// last is the first number that is not a cluster but says that a chain ends.
func (v *Volume) last() uint32 {
	switch v.width {
	case 12:
		return 0xff8
	case 16:
		return 0xfff8
	}
	if v.Type == "FAT32" {
		return 0x0ffffff8
	}
	return 0xfffffff8
}

// A run is a stretch of a file that lies in one place, in bytes.
type run struct{ from, at, length int64 }

// maxRuns bounds how many stretches a file may lie in.
const maxRuns = 1 << 20

// chain follows a chain from its first cluster for at most so many bytes. Stretches before an error are given with it,
// but none where the chain leads into itself.
func (v *Volume) chain(first uint32, most int64) ([]run, error) {
	runs, err := v.follow(first, most)
	sorted := slices.SortedFunc(slices.Values(runs), func(a, b run) int { return cmp.Compare(a.at, b.at) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i-1].at+sorted[i-1].length > sorted[i].at {
			return nil, damaged("a chain from cluster %d leads into itself", first)
		}
	}
	return runs, err
}

func (v *Volume) follow(first uint32, most int64) (runs []run, err error) {
	from, cluster := int64(0), first
	for from < most {
		if cluster < 2 || cluster-2 >= v.clusters {
			return runs, damaged("a chain from cluster %d leads to %d after %d bytes", first, cluster, from)
		}
		if from/v.cluster >= int64(v.clusters) {
			return runs, damaged("a chain from cluster %d leads into itself", first)
		}
		at := v.place(cluster)
		if k := len(runs) - 1; k >= 0 && runs[k].at+runs[k].length == at {
			runs[k].length += v.cluster
		} else if len(runs) == maxRuns {
			return runs, fmt.Errorf("more than %d pieces", maxRuns)
		} else {
			runs = append(runs, run{from, at, v.cluster})
		}
		from += v.cluster
		next, err := v.next(cluster)
		if err != nil {
			return runs, err
		}
		if next >= v.last() {
			return runs, nil
		}
		cluster = next
	}
	return runs, nil
}

// place is the byte where a cluster begins.
func (v *Volume) place(cluster uint32) int64 { return v.data + int64(cluster-2)*v.cluster }
