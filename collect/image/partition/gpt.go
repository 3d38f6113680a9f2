package partition

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"

	"spor/artifacts"
	"spor/collect/winapi"
)

// A header is one of the two that GPT has.
type header struct {
	at      int64 // sector
	entries []byte
	width   int
	where   int64 // sector of the entries
	other   int64 // sector of the other header
	whole   bool  // its checksums fit
}

// maxTable bounds the entries of a table, in bytes: Windows and Linux write 16 KiB.
const maxTable = 1 << 20

// readHeader reads a header and its entries; false where there is none that makes sense.
func readHeader(r io.ReaderAt, size, sector, at int64) (h header, ok bool) {
	b := make([]byte, 512)
	if at <= 0 || at > size/sector {
		return h, false
	}
	if n, _ := r.ReadAt(b, at*sector); n < len(b) || !bytes.HasPrefix(b, []byte("EFI PART")) {
		return h, false
	}
	h = header{at: at, where: int64(le.Uint64(b[72:])), other: int64(le.Uint64(b[32:])), width: int(le.Uint32(b[84:]))}
	count, length := min(le.Uint32(b[80:]), maxTable/128), le.Uint32(b[12:])
	if h.width < 128 || h.width > 4096 || h.where <= 0 || h.where > size/sector {
		return h, false
	}
	h.entries = make([]byte, min(int(count)*h.width, maxTable))
	n, _ := r.ReadAt(h.entries, h.where*sector)
	complete := n == len(h.entries)
	h.entries = h.entries[:n]
	sum := le.Uint32(b[16:])
	clear(b[16:20])
	h.whole = complete && length >= 92 && int(length) <= len(b) && crc32.ChecksumIEEE(b[:length]) == sum && crc32.ChecksumIEEE(h.entries) == le.Uint32(b[88:])
	return h, true
}

// readGPT reads a GUID partition table by the header that is whole, the first where both are.
func readGPT(r io.ReaderAt, size, sector int64) (t Table, ok bool) {
	t = Table{Scheme: "GPT", Sector: sector}
	first, ok := readHeader(r, size, sector, 1)
	last := header{}
	there := false
	for _, at := range []int64{first.other, size/sector - 1} {
		if at > 1 && !there {
			last, there = readHeader(r, size, sector, at)
		}
	}
	if !ok && !there {
		return t, false
	}
	if there {
		t.Places = []artifacts.Extent{{Offset: last.where * sector, Length: int64(len(last.entries))}, {Offset: last.at * sector, Length: sector}}
	}
	note := func(format string, args ...any) { t.Notes = append(t.Notes, fmt.Sprintf(format, args...)) }
	use := first
	switch {
	case ok && first.whole && there && last.whole && !bytes.Equal(first.entries, last.entries):
		note("the two tables of GPT name different partitions: the first is used")
	case ok && first.whole && !there:
		note("the backup of GPT is missing")
	case ok && first.whole && !last.whole:
		note("the backup of GPT is damaged")
	case ok && first.whole:
	case there && last.whole:
		note("the first table of GPT is damaged or missing: its backup is used")
		use = last
	case ok:
		note("the checksums of GPT are wrong, and there is no backup that is whole: the first is used")
	default:
		note("the first table of GPT is missing and the checksums of its backup are wrong: the backup is used")
		use = last
	}
	for i := 0; (i+1)*use.width <= len(use.entries) && len(t.Parts) < maxPartitions; i++ {
		e := use.entries[i*use.width:]
		from, to := int64(le.Uint64(e[32:])), int64(le.Uint64(e[40:]))
		if guid(e) == "" {
			continue
		}
		p := Partition{Number: i + 1, Name: winapi.DecodeBytes(e[56:128]), Type: guid(e), ID: guid(e[16:])}
		if from <= 0 || to < from || from >= size/sector {
			note("%s, sectors %d to %d, does not lie on the disk", p, from, to)
			continue
		}
		p.Start = from * sector
		p.Size = size - p.Start
		if n := to - from + 1; n > 0 && n < p.Size/sector {
			p.Size = n * sector
		}
		t.Parts = append(t.Parts, p)
	}
	return t, true
}
