package winapi

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// A Driver is a module of the kernel: a driver, or the kernel itself.
type Driver struct {
	Name  string // its last name
	Path  string // as the kernel spells it: `\SystemRoot\system32\drivers\x.sys`
	Base  uint64 // zero where we may not know it
	Size  uint32 // in memory, bytes
	Order uint16 // in which they were loaded
}

// ParseDrivers reads RTL_PROCESS_MODULES, the answer to SystemModuleInformation, of a system whose pointers have so many
// bytes: a count, and for each module three pointers, 8 + 8 bytes of numbers and a path of 256 bytes. The modules before
// an error come with it.
func ParseDrivers(b []byte, pointer int) ([]Driver, error) {
	row := 3*pointer + 16 + 256
	if len(b) < pointer {
		return nil, fmt.Errorf("list of drivers of %d bytes", len(b))
	}
	count := int64(binary.LittleEndian.Uint32(b))
	b = b[pointer:]
	var all []Driver
	for i := range count {
		if len(b) < row {
			return all, fmt.Errorf("list says %d drivers, has %d", count, i)
		}
		base := uint64(binary.LittleEndian.Uint32(b[2*pointer:]))
		if pointer == 8 {
			base = binary.LittleEndian.Uint64(b[2*pointer:])
		}
		rest := b[3*pointer:]
		raw, _, _ := bytes.Cut(rest[16:16+256], []byte{0})
		d := Driver{Path: latin(raw), Base: base, Size: binary.LittleEndian.Uint32(rest), Order: binary.LittleEndian.Uint16(rest[8:])}
		if d.Name = d.Path; int(binary.LittleEndian.Uint16(rest[14:])) < len(raw) {
			d.Name = latin(raw[binary.LittleEndian.Uint16(rest[14:]):])
		}
		all = append(all, d)
		b = b[row:]
	}
	return all, nil
}

// latin gives bytes of the system's code page, of which only ASCII is certain: the rest becomes U+FFFD.
func latin(b []byte) string {
	s := []rune(nil)
	for _, c := range b {
		r := rune(c)
		if c >= 0x80 {
			r = 0xfffd
		}
		s = append(s, r)
	}
	return string(s)
}
