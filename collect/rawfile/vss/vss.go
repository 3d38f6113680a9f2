// Package vss reads the shadow copies that Windows keeps of a volume on the volume itself: what it was at earlier times,
// put together from blocks that were copied before they were written over.
//
// The format is that of Windows Vista and later ("Volume Shadow Snapshot (VSS) format", libyal/libvshadow, 0.0.13). The
// catalog names stores, each the blocks of one copy; a block that a copy does not have is in the next newer one, or as
// it is on the volume now. An image comes from a host that others may have owned: every offset and count is a claim.
package vss

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
	"unicode/utf16"
)

// ErrDamaged is in the chain of errors about bytes that are not as VSS has them.
var ErrDamaged = errors.New("damaged shadow copy")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
}

// A Copy is a shadow copy of a volume.
type Copy struct {
	ID      string    `json:"id"`      // of the copy, as vssadmin has it
	SetID   string    `json:"set_id"`  // of those made at once
	Store   string    `json:"store"`   // in the name of the file that holds its blocks
	Created time.Time `json:"created"` // UTC
	Size    int64     `json:"size"`    // of the volume then, bytes
	Flags   uint32    `json:"attributes"`
	Machine string    `json:"machine,omitempty"` // on which it was made
	// Elsewhere tells that the blocks lie on another volume: without that the copy cannot be read.
	Elsewhere bool `json:"elsewhere,omitempty"`

	blocks, header, bitmap, previous int64 // where on the volume the parts of the store begin; zero: there is none
}

// A Volume is a volume with its shadow copies. Its methods may be called concurrently.
type Volume struct {
	Copies  []Copy   // oldest first
	Foreign []string // stores on this volume of copies of other volumes

	r    io.ReaderAt
	size int64

	mu     sync.Mutex
	stores map[int]*store
	left   int // block descriptors that may still be kept
	lists  int // blocks of lists that may still be read
}

// Sizes of the format, and bounds.
const (
	volumeHeader = 0x1e00
	blockSize    = 0x4000
	headerSize   = 128
	maxCopies    = 512     // Windows keeps 512 of a volume
	maxChain     = 1 << 20 // blocks of one list
	maxLists     = 2 << 20 // and of all: 32 GiB
	maxBlocks    = 4 << 20 // descriptors kept in memory: 64 GiB of changes
	entrySize    = 128     // of the catalog
	bitsOfBlock  = (blockSize - headerSize) * 8
)

// Types of records.
const (
	recordVolume  = 1
	recordCatalog = 2
	recordBlocks  = 3
	recordStore   = 4
	recordBitmap  = 6
)

// identifier is {3808876b-c176-4e48-b7ae-04046e6cc752}, which begins each record.
var identifier = []byte{0x6b, 0x87, 0x08, 0x38, 0x76, 0xc1, 0x48, 0x4e, 0xb7, 0xae, 0x04, 0x04, 0x6e, 0x6c, 0xc7, 0x52}

// Open reads the catalog of a volume of so many bytes. That there are no copies is no error. With an error come the
// copies that the readable part of the catalog names.
func Open(r io.ReaderAt, size int64) (*Volume, error) {
	v := &Volume{r: r, size: size, stores: map[int]*store{}, left: maxBlocks, lists: maxLists}
	b := make([]byte, headerSize)
	if n, _ := r.ReadAt(b, volumeHeader); n < len(b) || !bytes.HasPrefix(b, identifier) {
		return v, nil
	}
	if kind := binary.LittleEndian.Uint32(b[20:]); kind != recordVolume {
		return v, damaged("a volume header of type %d", kind)
	}
	err := v.catalog(int64(binary.LittleEndian.Uint64(b[48:])))
	slices.SortStableFunc(v.Copies, func(a, b Copy) int { return a.Created.Compare(b.Created) })
	for i := range v.Copies {
		if !v.Copies[i].Elsewhere {
			err = errors.Join(err, v.describe(&v.Copies[i]))
		}
	}
	return v, err
}

// record gives a block of the volume that begins with the header of a record of a kind, and where the next one is.
func (v *Volume) record(at int64, kind uint32) (b []byte, next int64, err error) {
	if at <= 0 || at > v.size-blockSize {
		return nil, 0, damaged("a block at %#x, of a volume of %#x", at, v.size)
	}
	b = make([]byte, blockSize)
	if n, err := v.r.ReadAt(b, at); n < len(b) {
		return nil, 0, fmt.Errorf("block at %#x: %w", at, err)
	}
	le := binary.LittleEndian
	if !bytes.HasPrefix(b, identifier) || le.Uint32(b[20:]) != kind || int64(le.Uint64(b[32:])) != at {
		return nil, 0, damaged("no record of type %d is at %#x", kind, at)
	}
	return b, int64(le.Uint64(b[40:])), nil
}

// chain gives the content of all blocks of a list. It ends with the first block that cannot be read, or was before.
func (v *Volume) chain(at int64, kind uint32, each func(b []byte) error) error {
	seen := map[int64]bool{}
	for at != 0 {
		if seen[at] || len(seen) > maxChain {
			return damaged("a list of blocks comes back to %#x", at)
		}
		if v.lists--; v.lists < 0 {
			return damaged("more than %d blocks of lists", maxLists)
		}
		seen[at] = true
		b, next, err := v.record(at, kind)
		if err != nil {
			return err
		}
		if err := each(b[headerSize:]); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// catalog reads what copies there are, each from two entries: when it was made, and where its store is.
func (v *Volume) catalog(at int64) error {
	le := binary.LittleEndian
	made, order := map[string]*Copy{}, []string{}
	err := v.chain(at, recordCatalog, func(b []byte) error {
		for ; len(b) >= entrySize; b = b[entrySize:] {
			kind := le.Uint64(b)
			if kind != 2 && kind != 3 {
				continue
			}
			id := guid(b[16:32])
			c := made[id]
			if c == nil {
				if len(made) == maxCopies {
					return damaged("more than %d shadow copies", maxCopies)
				}
				c = &Copy{Store: id}
				made[id], order = c, append(order, id)
			}
			if kind == 2 {
				c.Size, c.Created = int64(le.Uint64(b[8:])), filetime(le.Uint64(b[48:]))
			} else {
				c.blocks, c.header = int64(le.Uint64(b[8:])), int64(le.Uint64(b[32:]))
				c.bitmap, c.previous = int64(le.Uint64(b[48:])), int64(le.Uint64(b[72:]))
			}
		}
		return nil
	})
	for _, id := range order {
		c := made[id]
		if c.Size == 0 {
			v.Foreign = append(v.Foreign, id)
			continue
		}
		c.Elsewhere = c.header == 0
		if c.Size < 0 || c.Size > v.size {
			c.Size = v.size // as libvshadow has seen it
		}
		v.Copies = append(v.Copies, *c)
	}
	if err != nil {
		err = fmt.Errorf("catalog: %w", err)
	}
	return err
}

// describe reads from the store's header what the copy is called, and where.
func (v *Volume) describe(c *Copy) error {
	b, _, err := v.record(c.header, recordStore)
	if err != nil {
		return fmt.Errorf("store %s: %w", c.Store, err)
	}
	b = b[headerSize:]
	c.ID, c.SetID, c.Flags = guid(b[16:32]), guid(b[32:48]), binary.LittleEndian.Uint32(b[56:])
	if n := int(binary.LittleEndian.Uint16(b[64:])); n%2 == 0 && n < 1024 {
		u := make([]uint16, n/2)
		for i := range u {
			u[i] = binary.LittleEndian.Uint16(b[66+2*i:])
		}
		c.Machine = string(utf16.Decode(u))
	}
	return nil
}

// Reader gives the volume as it was when copy i was made. Its size is that of the copy.
func (v *Volume) Reader(i int) (io.ReaderAt, error) {
	if i < 0 || i >= len(v.Copies) {
		return nil, fmt.Errorf("shadow copy %d of %d", i, len(v.Copies))
	}
	r := &reader{volume: v, size: v.Copies[i].Size}
	for n := i; n < len(v.Copies); n++ {
		if v.Copies[n].Elsewhere {
			return nil, fmt.Errorf("the blocks of the copy of %s lie on another volume", v.Copies[n].Created.Format(time.RFC3339))
		}
		s, err := v.store(n)
		if err != nil {
			return nil, fmt.Errorf("shadow copy of %s: %w", v.Copies[n].Created.Format(time.RFC3339), err)
		}
		r.stores = append(r.stores, s)
	}
	return r, nil
}

func guid(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

// filetime is a time of 100 ns since 1601, UTC.
func filetime(t uint64) time.Time {
	const toUnix = 11_644_473_600
	if t == 0 || t > 1<<63-1 {
		return time.Time{}
	}
	return time.Unix(int64(t/1e7)-toUnix, int64(t%1e7)*100).UTC()
}
