package fat

import (
	"fmt"
	"time"
	"unicode/utf16"

	"spor/artifacts"
)

// parseEx reads the parameters of exFAT, and how many bytes the volume has.
func (v *Volume) parseEx(b []byte) (size int64, err error) {
	shift, per := b[108], b[109]
	if shift < 9 || shift > 12 || per > 25-shift {
		return 0, damaged("sectors of 2^%d bytes, 2^%d in a cluster", shift, per)
	}
	sectors, sector := le.Uint64(b[72:]), int64(1)<<shift
	table, length, heap := int64(le.Uint32(b[80:])), int64(le.Uint32(b[84:])), int64(le.Uint32(b[88:]))
	if sectors == 0 || sectors > 1<<62>>shift || table == 0 || heap == 0 || length == 0 {
		return 0, damaged("%d sectors, a table of %d at %d, clusters from %d", sectors, length, table, heap)
	}
	v.Type, v.width = "exFAT", 32
	v.cluster, v.clusters = sector<<per, le.Uint32(b[92:])
	v.data, v.table = heap*sector, table*sector
	flags := le.Uint16(b[106:])
	if flags&1 != 0 && b[110] == 2 { // the second table is in use
		v.table += length * sector
	}
	v.dirty = flags&2 != 0
	v.entries = uint32(min(length*sector/4, 1<<32-1))
	v.clusters = min(v.clusters, max(v.entries, 2)-2)
	v.top = &node{v: v, dir: true, root: true, first: le.Uint32(b[96:])}
	v.ID = fmt.Sprintf("%04x-%04x", le.Uint16(b[102:]), le.Uint16(b[100:]))
	return int64(sectors) << shift, nil
}

// Kinds of entries in a folder of exFAT; those that were deleted lack the highest bit.
const (
	inUse     = 0x80
	exLabel   = 0x83
	exFile    = 0x85
	exStream  = 0xc0
	exName    = 0xc1
	contains  = 2 // flag of a stream: it lies in one piece, and the table says nothing of it
	localZone = 0x80
)

// parseEx of a folder reads the sets of entries in a folder: a file, its stream, and its name in pieces.
func (d *folder) parseEx(b []byte, at func(int) int64) {
	for i := 0; i+32 <= len(b); i += 32 {
		e := b[i : i+32]
		switch {
		case e[0] == 0:
			return
		case e[0] == exLabel && d.node.root:
			d.label = decode(e[2:], int(e[1]))
			continue
		case e[0]|inUse != exFile:
			continue
		}
		gone := e[0]&inUse == 0
		more := int(e[1])
		if more < 2 || more > 18 || i+32*(more+1) > len(b) {
			if !gone {
				d.bad++
			}
			continue
		}
		set := b[i : i+32*(more+1)]
		if stream := set[32]; stream|inUse != exStream || (stream&inUse == 0) != gone || !gone && sumEx(set) != le.Uint16(e[2:]) {
			if !gone {
				d.bad++
			}
			continue
		}
		d.add(d.exNode(set, gone, at(i)))
		if !gone {
			i += 32 * more
		}
	}
}

// sumEx is the checksum of a set of entries.
func sumEx(set []byte) (sum uint16) {
	for i, c := range set {
		if i != 2 && i != 3 {
			sum = sum>>1 | sum<<15
			sum += uint16(c)
		}
	}
	return sum
}

func (d *folder) exNode(set []byte, gone bool, at int64) entry {
	e, s := set, set[32:]
	n := &node{
		v: d.node.v, at: at, attributes: uint32(le.Uint16(e[4:])), first: le.Uint32(s[20:]), size: int64(le.Uint64(s[24:])), valid: int64(le.Uint64(s[8:])),
		whole: s[1]&contains != 0,
	}
	n.dir = n.attributes&attrDirectory != 0
	n.times = artifacts.Times{
		Born:     exTime(le.Uint32(e[8:]), e[20], e[22]),
		Modified: exTime(le.Uint32(e[12:]), e[21], e[23]),
		Accessed: exTime(le.Uint32(e[16:]), 0, e[24]),
	}
	var name []byte
	for rest := set[64:]; len(rest) >= 32; rest = rest[32:] {
		if rest[0]|inUse == exName {
			name = append(name, rest[2:32]...)
		}
	}
	return entry{node: n, name: decode(name, int(s[3])), gone: gone}
}

// decode reads so many units of UTF-16.
func decode(b []byte, count int) string {
	units := make([]uint16, 0, count)
	for ; count > 0 && len(b) >= 2; count, b = count-1, b[2:] {
		units = append(units, le.Uint16(b))
	}
	return string(utf16.Decode(units))
}

// exTime reads a time with its hundredths and its zone in quarters of an hour.
func exTime(stamp uint32, hundredths, zone byte) time.Time {
	t := stampTime(uint16(stamp>>16), uint16(stamp), hundredths)
	if t.IsZero() || zone&localZone == 0 {
		return t
	}
	return t.Add(-time.Duration(int8(zone<<1)>>1) * 15 * time.Minute)
}
