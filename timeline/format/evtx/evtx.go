// Package evtx reads the event logs of Windows Vista and later. The layout is that of libevtx's "Windows XML Event Log
// (EVTX) format" (libyal, 2023) and of [MS-EVEN6] 2.2.12 for the binary XML in the records: a header of 4 KiB, then
// chunks of 64 KiB, each of which can be read without the others. What the header says of their number is not believed.
//
// A record becomes one event at the time it was written, and a second one at its creation time where that differs by more
// than a second, as it does in forwarded logs; where it differs by less it is a field. What lies behind the end of a chunk's records, or in a block that lost its head, is carved and
// marked Recovered, and only if its sizes, its template and all names fit.
//
// Named data are fields of that name; data without a name are the list strings. All of them are text, in the way
// Windows shows them, because providers use one name for values of different kinds and an index takes only one.
package evtx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"time"

	"spor/timeline"
)

// Format is the parser of .evtx files.
var Format = &timeline.Format{
	Name: "winevtx",
	Sniff: func(_ string, head []byte) bool {
		return bytes.HasPrefix(head, fileMagic) || bytes.HasPrefix(head, chunkMagic)
	},
	Parse: parse,
}

var (
	fileMagic   = []byte("ElfFile\x00")
	chunkMagic  = []byte("ElfChnk\x00")
	recordMagic = []byte("\x2a\x2a\x00\x00")
)

const (
	headerSize  = 4096
	chunkSize   = 64 << 10
	firstRecord = 512 // after the chunk's own header
	recordHead  = 24
	recordLeast = recordHead + 4 // with the copy of the size
)

// Flags of a file and of a chunk.
const (
	flagDirty = 1 // being written when it was copied: checksums need not fit
	flagNoCRC = 4 // the writer makes no checksums
)

var le = binary.LittleEndian

// parse reads chunk by chunk. A damaged record is an error; so is a chunk whose checksum is wrong, though it is read.
func parse(in timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(yield func(timeline.Event, error) bool) {
		r := &reader{in: in.R, since: in.Since, yield: yield, templates: newCache()}
		r.file()
	}
}

// reader goes through a file.
type reader struct {
	in        io.Reader
	since     time.Time
	yield     func(timeline.Event, error) bool
	done      bool // the consumer had enough
	dirty     bool // the file says so
	offset    int64
	chunk     [chunkSize]byte
	size      int // of what of the chunk was read
	templates *cache
	build     builder
}

// fail reports an error.
func (r *reader) fail(format string, args ...any) {
	r.done = r.done || !r.yield(timeline.Event{}, fmt.Errorf(format, args...))
}

func (r *reader) file() {
	n, err := io.ReadFull(r.in, r.chunk[:headerSize])
	switch {
	case n < headerSize:
		r.fail("%d bytes are less than a file header: %w", n, err)
		return
	case bytes.HasPrefix(r.chunk[:], fileMagic):
		r.offset = headerSize
		n = 0
		r.dirty = le.Uint32(r.chunk[120:])&flagDirty != 0
		if crc32.ChecksumIEEE(r.chunk[:120]) != le.Uint32(r.chunk[124:]) && !r.dirty {
			r.fail("the checksum of the file header does not fit")
		}
	}
	for !r.done { // a file of chunks alone goes on with what was read
		m, err := io.ReadFull(r.in, r.chunk[n:])
		r.size = n + m
		if r.size > 0 {
			clear(r.chunk[r.size:])
			n = r.block()
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !r.done {
				r.fail("after offset %d: %w", r.offset, err)
			}
			if n == 0 || r.size < chunkSize {
				return
			}
		}
	}
}

// block reads one chunk, or what stands in its place, and says how many bytes of it are left over: where a chunk begins
// in the middle of the block, all that follows is moved by as much.
func (r *reader) block() (left int) {
	defer func() { r.offset += int64(r.size - left) }()
	r.build.templates = r.templates
	r.templates.newChunk()
	b := r.chunk[:r.size]
	if bytes.HasPrefix(b, chunkMagic) {
		r.records()
		return 0
	}
	if isZero(b) {
		return 0
	}
	end := len(b)
	if at := bytes.Index(b[1:], chunkMagic); at >= 0 && r.size == chunkSize {
		end = at + 1
	}
	r.fail("no chunk at offset %d", r.offset)
	r.carve(0, end)
	if end == len(b) {
		return 0
	}
	return copy(r.chunk[:], b[end:])
}

func isZero(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if le.Uint64(b) != 0 {
			return false
		}
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// records reads the records of a chunk, then what is left of older ones behind them. After a damaged stretch only those
// are live whose numbers go on, up to the last that the chunk says it has.
func (r *reader) records() {
	end := int(le.Uint32(r.chunk[48:]))
	bounded := firstRecord <= end && end <= chunkSize
	if !bounded {
		end = chunkSize
	}
	if bounded {
		r.checksums(end)
	}
	at, last, damaged := firstRecord, uint64(0), false
	for at+recordLeast <= end && !r.done {
		size := r.recordSize(at, end)
		if size > 0 {
			number := le.Uint64(r.chunk[at+8:])
			stale := damaged && (number <= last || number > le.Uint64(r.chunk[32:]))
			if r.record(at, size, stale) && !stale {
				last = number
			}
			at += size
			continue
		}
		damaged = true
		if !bounded || isZero(r.chunk[at:end]) {
			break
		}
		next := r.nextRecord(at+1, end)
		r.fail("damaged record at offset %d, went on %d bytes later", r.offset+int64(at), next-at)
		at = next
	}
	if !r.done {
		r.carve(at, r.size)
	}
}

// checksums compares a chunk's own, unless it was being written.
func (r *reader) checksums(end int) {
	head := r.chunk[:firstRecord]
	flags := le.Uint32(head[120:])
	if r.dirty || flags&(flagDirty|flagNoCRC) != 0 {
		return
	}
	sum := crc32.Update(crc32.ChecksumIEEE(head[:120]), crc32.IEEETable, head[128:])
	if sum != le.Uint32(head[124:]) {
		r.fail("the checksum of the chunk header at offset %d does not fit", r.offset)
	}
	if crc32.ChecksumIEEE(r.chunk[firstRecord:end]) != le.Uint32(head[52:]) && !r.done {
		r.fail("the checksum of the records of the chunk at offset %d does not fit", r.offset)
	}
}

// recordSize is the size of the record at an offset in the chunk, or zero where none is.
func (r *reader) recordSize(at, end int) int {
	b := r.chunk[at:end]
	if len(b) < recordLeast || !bytes.HasPrefix(b, recordMagic) {
		return 0
	}
	size := int(le.Uint32(b[4:]))
	if size < recordLeast || size > len(b) || int(le.Uint32(b[size-4:])) != size {
		return 0
	}
	return size
}

// nextRecord finds the next record from an offset on, or gives end.
func (r *reader) nextRecord(at, end int) int {
	for at < end {
		i := bytes.Index(r.chunk[at:end], recordMagic)
		if i < 0 {
			return end
		}
		if at += i; r.recordSize(at, end) > 0 {
			return at
		}
		at++
	}
	return end
}

// carve gives what is convincing between two offsets in the chunk. What is not is no fault: it is free space.
func (r *reader) carve(at, end int) {
	for !r.done {
		if at = r.nextRecord(at, end); at >= end {
			return
		}
		size := r.recordSize(at, end)
		if bytes.HasPrefix(r.chunk[at+recordHead:], fragmentHead) && r.record(at, size, true) {
			at += size
		} else {
			at++
		}
	}
}

var fragmentHead = []byte{0x0f, 1, 1, 0}

// record gives the events of a record; false: it is none.
func (r *reader) record(at, size int, carved bool) bool {
	b := r.chunk[at : at+size]
	number, written := le.Uint64(b[8:]), le.Uint64(b[16:])
	if carved && (number == 0 || number >= 1<<48 || written != 0 && written < earliest || written > latest) {
		return false
	}
	when := filetime(written)
	if !r.since.IsZero() && when.Before(r.since) && !carved && written > earliest {
		return true
	}
	err := r.build.decode(r.chunk[:], at+recordHead, at+size-4, carved)
	if err != nil {
		if !carved {
			r.fail("record %d at offset %d, written %s: %w", number, r.offset+int64(at), when.Format(time.RFC3339), err)
		}
		return !carved
	}
	e := r.build.event(number, written)
	e.Time, e.Desc, e.Offset, e.Recovered = when, timeline.DescModified, r.offset+int64(at), carved
	if created := r.build.created; created != 0 && (created+second < written || written+second < created) {
		if written != 0 && !r.yield(e, nil) {
			r.done = true
			return true
		}
		e.Time, e.Desc = filetime(created), timeline.DescCreated
	}
	r.done = !r.yield(e, nil)
	return true
}

// second is how far the time a record was written may be from that of the event to be taken for it: a service flushes
// its records a little later. A host that collects the logs of others writes them later than that.
const second = 1e7

// What a record's time can be if there is nothing else to believe in it: 1995 to 2100.
const (
	earliest = 124354656000000000
	latest   = 157469184000000000
)

// filetime is a FILETIME, 100 ns since 1601 UTC, as a time.
func filetime(t uint64) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(int64(t/1e7)-11644473600, int64(t%1e7)*100).UTC()
}
