// Package journald reads the binary logs of systemd: *.journal, and *.journal~ where a machine went down in the middle.
// The layout is that of systemd.io/JOURNAL_FILE_FORMAT and of journal-def.h (systemd 257): a header, then objects one
// behind the other, each at an offset of a multiple of eight. Data objects hold "FIELD=value" once, however many entries
// share them; entries name their data by offset. Compact files (systemd 252) have short references, keyed ones (246)
// another hash, and data may be compressed with xz, lz4 or zstd.
//
// A writer makes an entry's data before the entry, and links entries in the order it makes them. So one pass from the
// front gives all entries in order, needs neither hash tables nor entry arrays, and finds what these lost. Shared data
// are kept until the entries that they count have passed.
//
// What lies behind the last object that the header knows was being written when the file was copied or the machine
// stopped; it is marked Recovered, and only whole entries of it come out.
package journald

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"spor/timeline"
)

// Format is the parser of journal files.
var Format = &timeline.Format{
	Name:  "systemd_journal",
	Sniff: func(_ string, head []byte) bool { return bytes.HasPrefix(head, magic) && len(head) >= headerLeast },
	Parse: parse,
}

var magic = []byte("LPKSHHRH")

var le = binary.LittleEndian

// Kinds of objects.
const (
	kindData = 1 + iota
	kindField
	kindEntry
	kindDataTable
	kindFieldTable
	kindArray
	kindTag
)

// Incompatible flags of a file.
const (
	flagKeyed   = 1 << 2
	flagCompact = 1 << 4
)

const (
	headerLeast = 208       // of systemd 187
	headerMost  = 4096      // it has 272 bytes in systemd 257
	objectHead  = 16        // kind, flags, size
	entryHead   = 64        // before the items
	maxItems    = 1024      // of an entry: ENTRY_FIELD_COUNT_MAX of journal-importer.h
	window      = 256 << 10 // of the file that is in memory
)

// header is what of a file's header is used.
type header struct {
	keyed, compact bool
	id             [16]byte // key of the hash
	size           int64
	tail           int64  // offset of the last object
	tables         [2]int // sizes of the data and field hash tables
	lastNumber     uint64 // of an entry
	lastTime       uint64 // µs since 1970
	closed         bool   // offline or archived: nobody writes to it
}

func readHeader(b []byte) header {
	flags := le.Uint32(b[12:])
	return header{
		keyed: flags&flagKeyed != 0, compact: flags&flagCompact != 0, id: [16]byte(b[24:40]),
		size: int64(le.Uint64(b[88:])), tail: int64(le.Uint64(b[136:])),
		tables:     [2]int{int(le.Uint64(b[112:])), int(le.Uint64(b[128:]))},
		lastNumber: le.Uint64(b[160:]), lastTime: le.Uint64(b[192:]), closed: b[16] != 1,
	}
}

// parse gives one event per entry. An error stands for an object or a stretch that is damaged; entries that miss data
// for it come out with the rest of theirs, and say how many are lost.
func parse(in timeline.Input) iter.Seq2[timeline.Event, error] {
	return func(yield func(timeline.Event, error) bool) {
		j := &journal{r: bufio.NewReaderSize(in.R, window), size: in.Size, yield: yield}
		j.at, _ = in.R.(io.ReaderAt)
		if !in.Since.IsZero() {
			j.since = uint64(max(0, in.Since.UnixMicro()))
		}
		j.run()
	}
}

// journal is one reading of a file.
type journal struct {
	header
	r     *bufio.Reader
	at    io.ReaderAt // nil: the file can be read only once
	off   int64       // of what r gives next
	size  int64       // of the file; negative: not known
	since uint64      // µs since 1970
	yield func(timeline.Event, error) bool
	done  bool // the consumer had enough
	past  bool // behind the objects that the header knows

	number uint64 // of the entry before

	data   store
	unpack unpacker
	build  builder
}

// fail reports an error.
func (j *journal) fail(format string, args ...any) {
	j.done = j.done || !j.yield(timeline.Event{}, fmt.Errorf(format, args...))
}

func (j *journal) run() {
	b, err := j.r.Peek(headerMost)
	if len(b) < headerLeast {
		j.fail("%d bytes are less than a journal's header: %w", len(b), err)
		return
	}
	j.header = readHeader(b)
	if j.closed && j.lastTime != 0 && j.lastTime < j.since {
		return
	}
	if j.header.size < headerLeast || j.header.size > headerMost || j.header.size%8 != 0 {
		j.fail("the header says that it has %d bytes", j.header.size)
		j.header.size = headerLeast
	}
	j.data.init()
	j.skip(j.header.size)
	for !j.done && j.next() {
	}
}

// skip goes on by n bytes, or to the end.
func (j *journal) skip(n int64) {
	for n > 0 {
		k, err := j.r.Discard(int(min(n, 1<<30)))
		j.off, n = j.off+int64(k), n-int64(k)
		if err != nil {
			return
		}
	}
}

// next reads the object at hand; false: there is no more.
func (j *journal) next() bool {
	b, err := j.r.Peek(objectHead)
	if len(b) < objectHead {
		j.end(len(b), err)
		return false
	}
	if isZero(b) {
		return j.zeros()
	}
	o, ok := j.sound(j.off)
	if !ok {
		return j.resync()
	}
	j.past = j.past || j.off > j.tail
	want := int(min(o.size, window))
	if o.kind == kindData || o.kind == kindEntry {
		b, _ = j.r.Peek(want)
	}
	switch { // where less than wanted is there, the file ends, which is told below
	case o.kind == kindData && len(b) == want:
		j.keep(o, b)
	case o.kind == kindEntry && len(b) == want:
		j.entry(o, b[:min(len(b), entryHead+16*maxItems)])
	}
	j.skip(aligned(o.size))
	if j.off < o.off+o.size && !j.done {
		j.fail("the object at offset %d has %d bytes, the file ends after %d", o.off, o.size, j.off-o.off)
		return false
	}
	return true
}

// end tells what the file ended with.
func (j *journal) end(n int, err error) {
	switch {
	case !errors.Is(err, io.EOF):
		j.fail("after offset %d: %w", j.off, err)
	case n > 0:
		b, _ := j.r.Peek(n)
		if !isZero(b) {
			j.fail("%d bytes at offset %d are less than an object", n, j.off)
		}
	case j.off < j.tail && j.tail < 1<<60:
		j.fail("the file ends at offset %d, its header knows an object at %d", j.off, j.tail)
	}
}

// zeros passes over a stretch that was never written: the room that a journal takes in advance, or what a crash left.
func (j *journal) zeros() bool {
	start := j.off
	for {
		b, err := j.r.Peek(max(objectHead, j.r.Buffered()&^7))
		n := leadingZeros(b) &^ 7
		j.skip(int64(n))
		if n < len(b)&^7 || err != nil {
			break
		}
	}
	if j.off == start { // fewer than eight zero bytes
		j.skip(8)
	}
	if start < j.tail && j.off <= j.tail {
		j.fail("nothing but zeros from offset %d to %d, where the header knows objects", start, j.off)
	}
	return !j.done
}

// resync goes to the next object after a damaged stretch. What begins it may still be of use: see salvage.
func (j *journal) resync() bool {
	start := j.off
	first, _ := j.r.Peek(entryHead + 16*maxItems)
	first = bytes.Clone(first)
	for {
		j.skip(8)
		b, err := j.r.Peek(objectHead)
		if len(b) < objectHead {
			j.skip(int64(len(b)))
			if j.fail("no object from offset %d to the end at %d", start, j.off); !errors.Is(err, io.EOF) {
				j.fail("after offset %d: %w", j.off, err)
			}
			return false
		}
		if _, ok := j.plausible(b, j.off); !ok {
			continue
		}
		if _, ok := j.sound(j.off); ok {
			break
		}
	}
	j.fail("no object at offset %d, went on %d bytes later", start, j.off-start)
	if !j.done {
		j.salvage(first, start)
	}
	return !j.done
}

// salvage reads what began a damaged stretch, where it is an object of which only the head is wrong: the next one tells
// where it ends. An entry must have a number that goes on.
func (j *journal) salvage(b []byte, start int64) {
	size := j.off - start
	b = b[:min(int64(len(b)), size)]
	if len(b) < objectHead {
		return
	}
	o := object{kind: b[0], flags: b[1], off: start, size: int64(le.Uint64(b[8:]))}
	switch {
	case o.kind == kindData && aligned(o.size) == size && int64(len(b)) == size && (o.flags < 3 || o.flags == packedZstd) && j.named(b, o.flags):
		j.keep(o, b[:o.size])
	case o.kind == kindEntry && len(b) > entryHead:
		number := le.Uint64(b[16:])
		if number <= j.number || number > j.lastNumber {
			return
		}
		o.size = size - (size-entryHead)%int64(j.item())
		if last := b[len(b)-4:]; j.compact && le.Uint32(last) == 0 { // fills up to a multiple of eight
			o.size -= 4
		}
		j.entry(o, b[:min(int64(len(b)), o.size)])
	}
}

func aligned(n int64) int64 { return (n + 7) &^ 7 }

func isZero(b []byte) bool { return leadingZeros(b) == len(b) }

// leadingZeros is how many bytes at the beginning are zero, rounded down to eight as long as there are as many.
func leadingZeros(b []byte) int {
	n := 0
	for ; n+8 <= len(b); n += 8 {
		if le.Uint64(b[n:]) != 0 {
			return n
		}
	}
	for n < len(b) && b[n] == 0 {
		n++
	}
	return n
}

// moment is a time of the file.
func moment(µs uint64) time.Time {
	if µs == 0 || µs >= 1<<62 {
		return time.Time{}
	}
	return time.UnixMicro(int64(µs)).UTC()
}
