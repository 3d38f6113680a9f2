package memory

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what the kernel tells: far beyond any machine.
const (
	maxIOMem  = 4 << 20 // bytes of /proc/iomem
	maxRanges = 1 << 12
)

var (
	errHidden = errors.New("/proc/iomem hides its addresses: CAP_SYS_ADMIN is needed")
	errNoRAM  = errors.New("/proc/iomem names no System RAM")
)

// parseIOMem gives the memory that /proc/iomem names, in order, what touches joined. A line is
//
//	00100000-bfffffff : System RAM
//
// with inclusive hexadecimal addresses; what lies within the range above is indented and of no matter here. Without
// CAP_SYS_ADMIN all addresses are zero.
func parseIOMem(text []byte) ([]Range, error) {
	var list []Range
	hidden := false
	for line := range bytes.Lines(text) {
		addresses, name, ok := strings.Cut(strings.TrimRight(string(line), "\n"), " : ")
		if !ok || strings.HasPrefix(addresses, " ") || name != "System RAM" && !strings.HasPrefix(name, "System RAM (") {
			continue
		}
		first, last, _ := strings.Cut(addresses, "-")
		start, err1 := strconv.ParseUint(first, 16, 64)
		end, err2 := strconv.ParseUint(last, 16, 64)
		if err := cmp.Or(err1, err2); err != nil {
			return nil, fmt.Errorf("/proc/iomem: %w", err)
		}
		switch {
		case start == 0 && end == 0:
			hidden = true
		case end < start || end == math.MaxUint64 || len(list) == maxRanges:
			return nil, fmt.Errorf("/proc/iomem: range %q out of bounds", addresses)
		default:
			list = append(list, Range{start, end + 1})
		}
	}
	switch {
	case len(list) > 0:
		return join(list), nil
	case hidden:
		return nil, errHidden
	}
	return nil, errNoRAM
}

// join sorts ranges and makes one of those that touch.
func join(list []Range) []Range {
	slices.SortFunc(list, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	out := list[:1]
	for _, r := range list[1:] {
		if last := &out[len(out)-1]; r.Start <= last.End {
			last.End = max(last.End, r.End)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// A segment is a PT_LOAD of /proc/kcore that leads to physical memory.
type segment struct {
	Range        // physical
	offset int64 // in the file
}

// Of elf(5), for 64 bits.
const (
	elfHeader  = 64
	progHeader = 56
	typeCore   = 4
	typeLoad   = 1
)

var (
	errNotCore   = errors.New("/proc/kcore is no ELF core file of 64 bits, little-endian")
	errNoAddress = errors.New("/proc/kcore gives no physical addresses, and they cannot be told from the virtual ones")
)

// parseCore gives the segments of /proc/kcore that have a physical address, in order. Those of vmalloc and modules have
// none (all bits set): their pages are in the direct map as well. Linux before 4.11 says zero for all; then the direct
// map is found by the memory that must be in it.
func parseCore(r io.ReaderAt, ram []Range) ([]segment, error) {
	headers, err := programHeaders(r)
	if err != nil {
		return nil, err
	}
	var list, virtual []segment
	known := false
	le := binary.LittleEndian
	for h := range slices.Chunk(headers, progHeader) {
		offset, address, start, length := le.Uint64(h[8:]), le.Uint64(h[16:]), le.Uint64(h[24:]), le.Uint64(h[40:])
		if le.Uint32(h) != typeLoad || start == math.MaxUint64 || length == 0 {
			continue
		}
		if offset > math.MaxInt64 || length > math.MaxInt64-offset || length > math.MaxUint64-start {
			return nil, fmt.Errorf("/proc/kcore: segment of %d bytes at %d, address %#x: out of bounds", length, offset, start)
		}
		known = known || start != 0
		list = append(list, segment{Range{start, start + length}, int64(offset)})
		if length <= math.MaxUint64-address {
			virtual = append(virtual, segment{Range{address, address + length}, int64(offset)})
		}
	}
	if !known {
		return place(virtual, ram)
	}
	order(list)
	return list, nil
}

func order(list []segment) {
	slices.SortFunc(list, func(a, b segment) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End)) })
}

// programHeaders gives the table of an ELF core file.
func programHeaders(r io.ReaderAt) ([]byte, error) {
	var head [elfHeader]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("/proc/kcore: %w", err)
	}
	le := binary.LittleEndian
	if string(head[:6]) != "\x7fELF\x02\x01" || le.Uint16(head[16:]) != typeCore || le.Uint16(head[54:]) != progHeader {
		return nil, errNotCore
	}
	table, count := le.Uint64(head[32:]), int(le.Uint16(head[56:]))
	if table > math.MaxInt32 || count == math.MaxUint16 { // PN_XNUM: the number stands elsewhere; kcore has tens
		return nil, errNotCore
	}
	headers := make([]byte, count*progHeader)
	if _, err := r.ReadAt(headers, int64(table)); err != nil {
		return nil, fmt.Errorf("/proc/kcore: program headers: %w", err)
	}
	return headers, nil
}

// The direct map begins at a multiple of baseAlign, wherever the kernel put it (PUD_SIZE of x86-64).
const (
	baseAlign = 1 << 30
	maxBases  = 64 // that are tried
)

// place gives segments whose addresses are virtual as physical ones. One of them is the first page of memory; the base
// of the direct map is right where all memory is then in some segment, and wrong otherwise.
func place(virtual []segment, ram []Range) ([]segment, error) {
	if len(ram) == 0 {
		return nil, errNoAddress
	}
	first := (ram[0].Start + pageSize - 1) / pageSize * pageSize
	order(virtual)
	tried := 0
	for _, v := range virtual {
		base := v.Start - first
		if v.Start < first || base%baseAlign != 0 || base == 0 {
			continue
		}
		var list []segment
		for _, s := range virtual {
			if s.Start >= base {
				list = append(list, segment{Range{s.Start - base, s.End - base}, s.offset})
			}
		}
		if missing(ram, cut(ram, list)) == 0 {
			return list, nil
		}
		if tried++; tried == maxBases {
			break
		}
	}
	return nil, errNoAddress
}

// cut gives the pieces of the segments that are memory, each byte once, in order. The kernel's text (KCORE_TEXT) is a
// segment of its own beside the direct map that holds the same pages: what was reached is not reached again. Both lists
// are in order.
func cut(ram []Range, segments []segment) (pieces []segment) {
	var reached uint64
	for _, s := range segments {
		for len(ram) > 0 && ram[0].End <= max(s.Start, reached) {
			ram = ram[1:]
		}
		for _, r := range ram {
			if r.Start >= s.End {
				break
			}
			p := Range{max(r.Start, s.Start, reached), min(r.End, s.End)}
			if p.Start >= p.End {
				continue
			}
			pieces = append(pieces, segment{p, s.offset + int64(p.Start-s.Start)})
			reached = p.End
		}
	}
	return pieces
}

// missing counts the bytes of whole pages of memory that no piece holds.
func missing(ram []Range, pieces []segment) (n uint64) {
	for _, r := range ram {
		start, end := (r.Start+pageSize-1)/pageSize*pageSize, r.End/pageSize*pageSize
		if start >= end {
			continue
		}
		n += end - start
		for _, p := range pieces {
			if from, to := max(p.Start, start), min(p.End, end); from < to {
				n -= to - from
			}
		}
	}
	return n
}

// lime gives the image of the pieces: each behind a header of version 1, which is magic, version, first and last
// address (inclusive) and eight bytes of zeros, little-endian.
func lime(pieces []segment) []part {
	parts := make([]part, len(pieces))
	for i, p := range pieces {
		head := binary.LittleEndian.AppendUint32(make([]byte, 0, 32), 0x4C694D45)
		head = binary.LittleEndian.AppendUint32(head, 1)
		head = binary.LittleEndian.AppendUint64(head, p.Start)
		head = binary.LittleEndian.AppendUint64(head, p.End-1)
		head = binary.LittleEndian.AppendUint64(head, 0)
		parts[i] = part{head, p.offset, int64(p.End - p.Start)}
	}
	return parts
}
