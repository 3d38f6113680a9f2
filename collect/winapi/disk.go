package winapi

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// A Device is what a disk says of itself.
type Device struct {
	Vendor, Product, Serial, Bus string
	Removable                    bool
}

// STORAGE_BUS_TYPE (ntddstor.h).
var buses = [...]string{
	"", "scsi", "atapi", "ata", "1394", "ssa", "fibre", "usb", "raid", "iscsi", "sas", "sata", "sd", "mmc", "virtual",
	"file_backed_virtual", "spaces", "nvme", "scm", "ufs",
}

// ParseDevice reads a STORAGE_DEVICE_DESCRIPTOR (ntddstor.h): 36 bytes, and strings at the offsets it gives.
func ParseDevice(b []byte) (Device, error) {
	if len(b) < 36 {
		return Device{}, fmt.Errorf("storage descriptor of %d bytes", len(b))
	}
	text := func(at int) string {
		offset := int64(binary.LittleEndian.Uint32(b[at:]))
		if offset == 0 || offset >= int64(len(b)) {
			return ""
		}
		s, _, _ := bytes.Cut(b[offset:], []byte{0})
		return strings.TrimSpace(strings.ToValidUTF8(string(s), "\uFFFD"))
	}
	d := Device{Vendor: text(12), Product: text(16), Serial: text(24), Removable: b[10] != 0}
	if bus := binary.LittleEndian.Uint32(b[28:]); int64(bus) < int64(len(buses)) {
		d.Bus = buses[bus]
	} else {
		d.Bus = strconv.FormatUint(uint64(bus), 10)
	}
	return d, nil
}

// A Partition is a part of a disk, in bytes.
type Partition struct {
	Number      int
	Start, Size int64
	Name        string // GPT
	ID          string // GPT: of the partition, not of its type
}

// maxPartitions is what GPT allots by default.
const maxPartitions = 128

// ParseLayout reads a DRIVE_LAYOUT_INFORMATION_EX (winioctl.h): 48 bytes, and 144 for each partition; empty slots of an
// MBR are left out.
func ParseLayout(b []byte) ([]Partition, error) {
	const header, size = 48, 144
	if len(b) < header {
		return nil, fmt.Errorf("drive layout of %d bytes", len(b))
	}
	count := binary.LittleEndian.Uint32(b[4:])
	b = b[header:]
	var all []Partition
	for i := range min(count, maxPartitions) {
		if len(b) < size {
			return all, fmt.Errorf("drive layout says %d partitions, has %d", count, i)
		}
		p := Partition{
			Number: int(binary.LittleEndian.Uint32(b[24:])), Start: int64(binary.LittleEndian.Uint64(b[8:])), Size: int64(binary.LittleEndian.Uint64(b[16:])),
		}
		if gpt := binary.LittleEndian.Uint32(b) == 1; gpt {
			p.ID, p.Name = guid([16]byte(b[48:64])), DecodeBytes(b[72:144])
		}
		if p.Size > 0 {
			all = append(all, p)
		}
		b = b[size:]
	}
	return all, nil
}

// DiskSize reads the size in bytes out of a DISK_GEOMETRY_EX (winioctl.h), behind the 24 bytes of geometry.
func DiskSize(b []byte) (int64, bool) {
	if len(b) < 32 {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint64(b[24:])), true
}
