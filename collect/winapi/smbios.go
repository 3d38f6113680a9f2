package winapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Firmware is what the SMBIOS tables say of a machine. What is empty they do not say.
type Firmware struct {
	Vendor, Version, Date                    string // of the firmware
	Maker, Product, Model, Serial, UUID, SKU string // of the system
	BoardMaker, Board, BoardSerial           string
	Chassis, ChassisSerial, AssetTag         string
}

var errSMBIOS = errors.New("SMBIOS table is damaged")

// ParseSMBIOS reads RawSMBIOSData, the answer of GetSystemFirmwareTable('RSMB'): 8 bytes, and the structures of the
// DMTF's DSP0134 (types 0 to 3 are read; UUID as of version 2.6). What was read before an error comes with it.
func ParseSMBIOS(raw []byte) (Firmware, error) {
	var f Firmware
	if len(raw) < 8 {
		return f, fmt.Errorf("%w: %d bytes", errSMBIOS, len(raw))
	}
	table := raw[8:]
	if n := binary.LittleEndian.Uint32(raw[4:]); int64(n) < int64(len(table)) {
		table = table[:n]
	}
	for len(table) >= 4 {
		kind, size := table[0], int(table[1])
		if size < 4 || size > len(table) {
			return f, fmt.Errorf("%w: structure of %d bytes", errSMBIOS, size)
		}
		end := bytes.Index(table[size:], []byte{0, 0})
		if end < 0 {
			return f, fmt.Errorf("%w: strings without an end", errSMBIOS)
		}
		f.add(structure{kind, table[:size], strings.Split(string(table[size:size+end]), "\x00")})
		table = table[size+end+2:]
	}
	return f, nil
}

// A structure is one of the table: its formatted part, and its strings, which that counts from one.
type structure struct {
	kind    byte
	data    []byte
	strings []string
}

func (s structure) text(at int) string {
	if at >= len(s.data) {
		return ""
	}
	i := int(s.data[at])
	if i == 0 || i > len(s.strings) {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(s.strings[i-1], "\uFFFD"))
}

// add takes the first of each kind.
func (f *Firmware) add(s structure) {
	set := func(into *string, at int) {
		if *into == "" {
			*into = s.text(at)
		}
	}
	switch s.kind {
	case 0:
		set(&f.Vendor, 4)
		set(&f.Version, 5)
		set(&f.Date, 8)
	case 1:
		set(&f.Maker, 4)
		set(&f.Product, 5)
		set(&f.Model, 6)
		set(&f.Serial, 7)
		set(&f.SKU, 0x19)
		if len(s.data) >= 24 && f.UUID == "" {
			f.UUID = guid([16]byte(s.data[8:24]))
		}
	case 2:
		set(&f.BoardMaker, 4)
		set(&f.Board, 5)
		set(&f.BoardSerial, 7)
	case 3:
		if len(s.data) > 5 && f.Chassis == "" {
			f.Chassis = strconv.Itoa(int(s.data[5] & 0x7f))
		}
		set(&f.ChassisSerial, 7)
		set(&f.AssetTag, 8)
	}
}

func guid(b [16]byte) string {
	if b == [16]byte{} || b == [16]byte(bytes.Repeat([]byte{0xff}, 16)) {
		return "" // not set
	}
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(b[:]), binary.LittleEndian.Uint16(b[4:]),
		binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:])
}
