package vhd

import (
	"bytes"
	"io"
	"slices"

	"spor/collect/image/piece"
)

// Bounds of a log: one mebibyte is what is written.
const (
	maxLog     = 16 << 20
	logSector  = 4096
	maxSectors = 1 << 16
	maxFile    = 2 * maxSize // bytes, more than the format can fill
)

// An overlay is a file with the sectors that a log holds for it in their places.
type overlay struct {
	io.ReaderAt
	sectors map[int64][]byte // by their number; nil: zeros
	numbers []int64          // of them, in order
	zeros   int64            // sectors that entries made so, again and again
}

// ReadAt implements io.ReaderAt.
func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.ReaderAt.ReadAt(p, off)
	i, _ := slices.BinarySearch(o.numbers, off/logSector)
	for ; i < len(o.numbers) && o.numbers[i]*logSector < off+int64(len(p)); i++ {
		at := o.numbers[i]*logSector - off
		from := max(0, -at)
		part := p[max(0, at):min(int64(len(p)), at+logSector)]
		if b := o.sectors[o.numbers[i]]; b != nil {
			copy(part, b[from:])
		} else {
			clear(part)
		}
		if n < len(p) && int64(n) >= max(0, at) { // the file may be shorter than what its log adds
			if n = max(n, int(max(0, at))+len(part)); n == len(p) {
				err = nil
			}
		}
	}
	return n, err
}

// An entry is one of a log.
type logEntry struct {
	at, length, tail int64 // in the log, bytes
	sequence         uint64
	b                []byte
}

// replay reads the newest sequence of entries of a log that is whole (MS-VHDX, 2.3.3), which is a ring.
func replay(r io.ReaderAt, size int64, id []byte, at, length int64) (*overlay, error) {
	if length < logSector || length > maxLog || length%logSector != 0 || at <= 0 || at > size-length {
		return nil, piece.Damaged("a log of %d bytes at byte %d", length, at)
	}
	ring := make([]byte, length)
	if err := piece.Full(r, ring, at); err != nil {
		return nil, err
	}
	entries, left := map[int64]logEntry{}, 4*length // entries that overlap are damage, and cost
	for at := int64(0); at < length && left > 0; at += logSector {
		e, ok := entryAt(ring, at, id)
		if left -= int64(len(e.b)); ok {
			entries[at] = e
		}
	}
	var best []logEntry
	for at := range entries {
		if s := sequence(entries, at, length); len(s) > 0 && (best == nil || s[len(s)-1].sequence > best[len(best)-1].sequence) {
			best = s
		}
	}
	if best == nil {
		return nil, piece.Damaged("no entry of the log is whole")
	}
	o := &overlay{ReaderAt: r, sectors: map[int64][]byte{}}
	if file := int64(le.Uint64(best[len(best)-1].b[48:])); file > size {
		return nil, piece.Damaged("the file has %d bytes, the log knows of %d", size, file)
	}
	for _, e := range best {
		if err := o.add(e); err != nil {
			return nil, err
		}
	}
	for n := range o.sectors {
		o.numbers = append(o.numbers, n)
	}
	slices.Sort(o.numbers)
	return o, nil
}

// entryAt gives the entry that begins at a place of the ring, if one does and is whole.
func entryAt(ring []byte, at int64, id []byte) (e logEntry, ok bool) {
	size := int64(len(ring))
	head := ring[at : at+logSector]
	e = logEntry{at: at, length: int64(le.Uint32(head[8:])), tail: int64(le.Uint32(head[12:])), sequence: le.Uint64(head[16:])}
	if string(head[:4]) != "loge" || !bytes.Equal(head[32:48], id) || e.length < logSector || e.length > size || e.length%logSector != 0 || e.tail >= size || e.sequence == 0 {
		return e, false
	}
	e.b = slices.Concat(ring[at:min(size, at+e.length)], ring[:max(0, at+e.length-size)])
	return e, summed(e.b)
}

// sequence gives the entries from the tail of the one at a place up to it, in order; none where one is missing.
func sequence(entries map[int64]logEntry, last, length int64) (all []logEntry) {
	end := entries[last]
	for at, turn := end.tail, 0; turn <= len(entries); turn++ {
		e, ok := entries[at]
		if !ok || len(all) > 0 && e.sequence != all[len(all)-1].sequence+1 {
			return nil
		}
		all = append(all, e)
		if at == last {
			return all
		}
		at = (at + e.length) % length
	}
	return nil
}

// add puts the sectors of an entry in their places.
func (o *overlay) add(e logEntry) error {
	count := int64(le.Uint32(e.b[24:]))
	room := (64 + 32*count + logSector - 1) / logSector * logSector // of the descriptors
	if count > e.length/32 || room > e.length {
		return piece.Damaged("an entry of the log with %d descriptors", count)
	}
	data := e.b[room:]
	for i := range count {
		d := e.b[64+32*i:]
		at := int64(le.Uint64(d[16:]))
		if at < 0 || at > maxFile || at%logSector != 0 || le.Uint64(d[24:]) != e.sequence {
			return piece.Damaged("an entry of the log for byte %d", at)
		}
		switch string(d[:4]) {
		case "zero":
			length := int64(le.Uint64(d[8:]))
			if length >= 0 {
				o.zeros += min(length/logSector, maxSectors+1)
			}
			if length < 0 || o.zeros+int64(len(o.sectors)) > maxSectors {
				return piece.Damaged("an entry of the log for %d bytes", length)
			}
			for k := range length / logSector {
				o.sectors[at/logSector+k] = nil
			}
		case "desc":
			if len(data) < logSector || string(data[:4]) != "data" ||
				uint64(le.Uint32(data[4:]))<<32|uint64(le.Uint32(data[logSector-4:])) != e.sequence {
				return piece.Damaged("the data of an entry of the log for byte %d", at)
			}
			o.sectors[at/logSector] = slices.Concat(d[8:16], data[8:logSector-4], d[4:8])
			data = data[logSector:]
		default:
			return piece.Damaged("a descriptor %q of the log", d[:4])
		}
	}
	return nil
}
