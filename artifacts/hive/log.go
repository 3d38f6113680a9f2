package hive

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// maxLog bounds what is read of one log. Windows writes its logs back into the hive long before.
const maxLog = 256 << 20

// maxEntry bounds one entry of a log, in bytes: what is written at once is held in memory to be summed.
const maxEntry = 64 << 20

// An overlay is the cells of a hive with pages of logs in place of its own. The page that was put in last wins.
type overlay struct {
	under io.ReaderAt
	end   int64 // where the cells end
	over  map[uint32]sector
}

// A sector is where the bytes lie that stand for one of the hive.
type sector struct {
	log io.ReaderAt
	at  int64
}

const sectorSize = 512 // the unit in which logs hold what was written

// put lays n bytes of a log over the cells at an offset; both are whole sectors.
func (o *overlay) put(off, n uint32, log io.ReaderAt, at int64) {
	if o.over == nil {
		o.over = map[uint32]sector{}
	}
	for done := uint32(0); done < n; done += sectorSize {
		o.over[(off+done)/sectorSize] = sector{log, at + int64(done)}
	}
	o.end = max(o.end, int64(off)+int64(n))
}

// ReadAt implements io.ReaderAt. Runs of sectors that lie together are read at once.
func (o *overlay) ReadAt(p []byte, off int64) (n int, err error) {
	if len(o.over) == 0 {
		return o.under.ReadAt(p, off)
	}
	for n < len(p) {
		at := off + int64(n)
		first, over := o.over[uint32(at/sectorSize)]
		run := sectorSize - at%sectorSize
		for next := uint32(at/sectorSize) + 1; run < int64(len(p)-n); next++ {
			s, also := o.over[next]
			if also != over || over && (s.log != first.log || s.at != first.at+(int64(next)-at/sectorSize)*sectorSize) {
				break
			}
			run += sectorSize
		}
		from, start := o.under, at
		if over {
			from, start = first.log, first.at+at%sectorSize
		}
		m, err := from.ReadAt(p[n:min(int64(len(p)), int64(n)+run)], start)
		n += m
		if m == 0 || err != nil && err != io.EOF {
			return n, err
		}
	}
	return n, nil
}

// replay puts what the logs of a dirty hive hold over its cells, and gives the head that then holds: where the hive's
// own was torn, a log's copy of it.
func (h *Hive) replay(o *overlay, first head, logs []io.ReaderAt) head {
	var runs []run
	for i, log := range logs {
		r, err := readLog(log)
		if err != nil {
			h.LogErrors = append(h.LogErrors, fmt.Errorf("log %d: %w", i+1, err))
			continue
		}
		runs = append(runs, r)
	}
	if !first.intact {
		for i := range runs {
			if runs[i].head.intact {
				first = runs[i].head
				first.kind = 0
				break
			}
		}
		if !first.intact {
			h.LogErrors = append(h.LogErrors, damaged("the checksum of the hive's head is wrong, and no log has a copy"))
		}
	}
	from := first.secondary
	late := func(sequence uint32) bool { return int32(sequence-from) >= 0 } // numbers turn over
	for i := 1; i < len(runs); i++ {                                        // there are two or three
		for j := i; j > 0 && int32(runs[j].sequence()-runs[j-1].sequence()) < 0; j-- {
			runs[j], runs[j-1] = runs[j-1], runs[j]
		}
	}
	for i := range runs {
		if !runs[i].old {
			continue
		}
		if newest := &runs[len(runs)-1]; late(newest.sequence()) {
			h.apply(o, &first, newest.entries) // it is the whole of what was last written
		}
		return first
	}
	applied := false
	for i := range runs {
		// Entries follow each other without a gap, in one log and then in the other.
		entries := runs[i].entries
		for len(entries) > 0 && !late(entries[0].sequence) {
			entries = entries[1:]
		}
		if len(entries) == 0 {
			continue
		}
		if applied && entries[0].sequence != from {
			h.LogErrors = append(h.LogErrors, damaged("a log goes on with entry %d, where %d is next", entries[0].sequence, from))
			break
		}
		h.apply(o, &first, entries)
		applied, from = true, entries[len(entries)-1].sequence+1
	}
	return first
}

func (h *Hive) apply(o *overlay, first *head, entries []entry) {
	for _, e := range entries {
		for _, p := range e.pages {
			o.put(p.off, p.size, e.log, p.at)
			h.Recovered++
		}
		first.size = e.size
	}
}

// A run is what one log holds: entries whose sequence numbers follow each other.
type run struct {
	head    head
	old     bool // of the format before Windows 8.1: one entry
	entries []entry
}

func (r *run) sequence() uint32 {
	if len(r.entries) == 0 {
		return r.head.primary
	}
	return r.entries[0].sequence
}

// An entry is one write to the hive.
type entry struct {
	log      io.ReaderAt
	sequence uint32
	size     uint32 // of the hive's cells, from then on
	pages    []page
}

// A page is a part of the hive, and where in the log its bytes are.
type page struct {
	off, size uint32
	at        int64
}

// readLog reads a log up to the first entry that was not written to its end.
func readLog(log io.ReaderAt) (run, error) {
	first, err := readHead(log)
	if err != nil {
		return run{}, err
	}
	r := run{head: first}
	switch first.kind {
	case 1, 2:
		r.old = true
		e, err := oldEntry(log, first)
		r.entries = []entry{e}
		return r, err
	case 6:
	default:
		return run{}, damaged("kind %d is no log", first.kind)
	}
	for at := int64(headBytes); at < maxLog; {
		e, size, err := newEntry(log, at)
		if err != nil || len(r.entries) > 0 && e.sequence != r.entries[len(r.entries)-1].sequence+1 {
			return r, nil // what was written there before, or not to its end
		}
		r.entries = append(r.entries, e)
		at += size
	}
	return r, nil
}

const entryHead = 40 // bytes

// newEntry reads an entry of the format since Windows 8.1 and checks both of its sums.
func newEntry(log io.ReaderAt, at int64) (e entry, size int64, err error) {
	var b [entryHead]byte
	if n, err := log.ReadAt(b[:], at); n < len(b) {
		return e, 0, damaged("no entry at %#x: %v", at, err)
	}
	le := binary.LittleEndian
	n := le.Uint32(b[4:])
	if string(b[:4]) != "HvLE" || n < sectorSize || n%sectorSize != 0 || int64(n) > min(maxEntry, maxLog-at) {
		return e, 0, damaged("no entry at %#x", at)
	}
	if marvin(b[:32]) != le.Uint64(b[32:]) {
		return e, 0, damaged("the head of the entry at %#x has another checksum", at)
	}
	if m, err := log.ReadAt(b[entryHead-1:], at+int64(n)-1); m < 1 { // no memory for what is not there
		return e, 0, damaged("the entry at %#x: %v", at, err)
	}
	whole := make([]byte, n)
	if m, err := log.ReadAt(whole, at); m < len(whole) {
		return e, 0, damaged("the entry at %#x: %v", at, err)
	}
	if marvin(whole[entryHead:]) != le.Uint64(b[24:]) {
		return e, 0, damaged("the entry at %#x has another checksum", at)
	}
	e = entry{log: log, sequence: le.Uint32(b[12:]), size: le.Uint32(b[16:])}
	pages := int64(le.Uint32(b[20:]))
	data := entryHead + 8*pages
	if data > int64(n) || e.size > maxSize {
		return e, 0, damaged("%d pages in the entry at %#x", pages, at)
	}
	for i := range pages {
		p := page{off: le.Uint32(whole[entryHead+8*i:]), size: le.Uint32(whole[entryHead+8*i+4:]), at: at + data}
		if p.size == 0 || p.off%sectorSize != 0 || p.size%sectorSize != 0 || uint64(p.off)+uint64(p.size) > maxSize || data+int64(p.size) > int64(n) {
			return e, 0, damaged("a page of %d bytes for %#x in the entry at %#x", p.size, p.off, at)
		}
		data += int64(p.size)
		e.pages = append(e.pages, p)
	}
	return e, int64(n), nil
}

// oldEntry reads a log of the format before Windows 8.1: a bit for each 512 bytes of the hive, and those that are set.
func oldEntry(log io.ReaderAt, first head) (entry, error) {
	e := entry{log: log, sequence: first.primary, size: first.size}
	if !first.intact || first.primary != first.secondary || first.size > maxSize {
		return e, damaged("a log that was not written to its end")
	}
	b := make([]byte, 4+(first.size/sectorSize+7)/8)
	if n, err := log.ReadAt(b, headBytes); n < len(b) || string(b[:4]) != "DIRT" {
		return e, damaged("the map of what was written: %d bytes: %v", n, err)
	}
	at := (int64(headBytes+len(b)) + sectorSize - 1) / sectorSize * sectorSize
	var probe [1]byte
	for i, set := range b[4:] {
		for ; set != 0; set &= set - 1 {
			if n, err := log.ReadAt(probe[:], at+sectorSize-1); n < 1 || at > maxLog {
				return entry{log: log, sequence: e.sequence, size: e.size}, damaged("the log ends at %#x: %v", at, err)
			}
			off := uint32(8*i+bits.TrailingZeros8(set)) * sectorSize
			e.pages = append(e.pages, page{off, sectorSize, at})
			at += sectorSize
		}
	}
	return e, nil
}

// marvin is the checksum Marvin32 ("Marvin32 checksum algorithm", patent US 8,407,476) with the seed of registry logs.
func marvin(b []byte) uint64 {
	const seed = 0x82ef4d887a4e55c5
	low, high := uint32(seed&0xffffffff), uint32(seed>>32)
	mix := func(v uint32) {
		low += v
		high ^= low
		low = bits.RotateLeft32(low, 20) + high
		high = bits.RotateLeft32(high, 9) ^ low
		low = bits.RotateLeft32(low, 27) + high
		high = bits.RotateLeft32(high, 19)
	}
	for ; len(b) >= 4; b = b[4:] {
		mix(binary.LittleEndian.Uint32(b))
	}
	last := uint32(0x80)
	for i := len(b) - 1; i >= 0; i-- {
		last = last<<8 | uint32(b[i])
	}
	mix(last)
	mix(0)
	return uint64(high)<<32 | uint64(low)
}
