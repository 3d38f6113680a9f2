package ewf

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"slices"

	"spor/collect/image/piece"
)

// unpack reads a chunk and holds it against its checksum.
func (d *Disk) unpack(number int64) (*bytes.Reader, error) {
	i, _ := slices.BinarySearchFunc(d.tables, number, func(t table, n int64) int {
		if t.first+t.count <= n {
			return -1
		}
		return 1
	})
	if i == len(d.tables) {
		return nil, piece.Damaged("no table names it")
	}
	t := &d.tables[i]
	entries, err := d.entries.Get(int64(i), t.read)
	if err != nil {
		return nil, fmt.Errorf("table of segment %d: %w", t.segment, err)
	}
	at, length, packed := t.place(entries, int(number-t.first))
	whole := min(d.chunk, d.size-number*d.chunk)
	if length <= 0 || length > 2*d.chunk+64<<10 {
		return nil, piece.Damaged("%d bytes at byte %d of segment %d", length, at, t.segment)
	}
	b := make([]byte, length)
	if err := piece.Full(t.from, b, at); err != nil {
		return nil, err
	}
	if packed {
		if b, err = inflate(b, whole, d.chunk); err != nil {
			return nil, fmt.Errorf("%d bytes at byte %d of segment %d: %w", length, at, t.segment, err)
		}
		return bytes.NewReader(b), nil
	}
	if int64(len(b)) < whole+4 {
		return nil, piece.Damaged("%d bytes at byte %d of segment %d, want %d", length, at, t.segment, whole+4)
	}
	// Where the disk ends within a chunk some programs write it whole all the same; the checksum is behind what is there.
	for _, n := range []int64{whole, d.chunk, int64(len(b)) - 4} {
		if n+4 <= int64(len(b)) && sum(b[:n]) == le.Uint32(b[n:]) {
			return bytes.NewReader(b[:whole]), nil
		}
	}
	return nil, piece.Damaged("its checksum is wrong, at byte %d of segment %d", at, t.segment)
}

// inflate unpacks so many bytes of a chunk, which may hold more up to most. The checksum is zlib's own.
func inflate(b []byte, size, most int64) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	out := make([]byte, size)
	if _, err := io.ReadFull(z, out); err != nil {
		return nil, err
	}
	rest, err := io.Copy(io.Discard, io.LimitReader(z, most-size+1)) // to the checksum
	if err == nil && rest > most-size {
		err = errors.New("more than a chunk")
	}
	return out, err
}

// An offsets is the entries of a table.
type offsets struct {
	entries  []uint32
	overflow int // the first that counts beyond 2 GiB; len(entries): none
}

// read reads the entries of a table, or their copy where they are damaged.
func (t *table) read() (offsets, error) {
	var all error
	for _, at := range []int64{t.at, t.again} {
		if at == 0 {
			continue
		}
		b := make([]byte, 4*t.count+4)
		if !t.summed {
			b = b[:4*t.count]
		}
		err := piece.Full(t.from, b, at)
		if err == nil && t.summed && sum(b[:4*t.count]) != le.Uint32(b[4*t.count:]) {
			err = piece.Damaged("the checksum of the entries at byte %d is wrong", at)
		}
		if err == nil {
			entries := make([]uint32, t.count)
			for i := range entries {
				entries[i] = le.Uint32(b[4*i:])
			}
			return offsets{entries, overflow(entries)}, nil
		}
		all = errors.Join(all, err)
	}
	return offsets{}, all
}

// packedBit is the highest of an entry; the others are an offset.
const packedBit = 1 << 31

// overflow finds where offsets go on beyond 31 bits: at the first that is below the one before.
func overflow(entries []uint32) int {
	for i := 1; i < len(entries); i++ {
		if entries[i]&^packedBit < entries[i-1]&^packedBit {
			return i
		}
	}
	return len(entries)
}

// place gives where a chunk lies in its segment. An offset has 31 bits, the highest telling that the chunk is packed;
// EnCase 6.7 goes on counting into that bit where a section is larger than 2 GiB, and packs no chunk there.
func (t *table) place(o offsets, i int) (at, length int64, packed bool) {
	start := func(i int) int64 {
		if i == len(o.entries) {
			return t.end
		}
		if i >= o.overflow {
			return t.base + int64(o.entries[i])
		}
		return t.base + int64(o.entries[i]&^packedBit)
	}
	at = start(i)
	return at, start(i+1) - at, i < o.overflow && o.entries[i]&packedBit != 0
}
