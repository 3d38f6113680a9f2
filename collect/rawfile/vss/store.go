package vss

import (
	"encoding/binary"
	"errors"
	"io"
)

// A store is the blocks of one copy.
type store struct {
	blocks  map[int64]block // by their offset on the volume
	reverse map[int64]int64 // of forwarders: what was at the offset they point to, by that offset
	// unused has a bit for each block of the volume that this copy does not use; nil: not known.
	unused, unusedBefore []byte
}

// A block is where the bytes of one block of a copy are.
type block struct {
	at      int64  // on the volume; of a forwarder in the next newer copy
	flags   uint32 // of the descriptor
	overlay int64  // where on the volume the sectors are that overlaid names
	sectors uint32 // a bit for each sector of the overlay that holds
}

// Bits of a descriptor.
const (
	forwarder = 1
	overlaid  = 2
	ignored   = 4
)

const descriptorSize = 32

// store reads the list of blocks of a copy, once.
func (v *Volume) store(n int) (*store, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.stores[n]; s != nil {
		return s, nil
	}
	c := &v.Copies[n]
	s := &store{blocks: map[int64]block{}, reverse: map[int64]int64{}}
	le := binary.LittleEndian
	err := v.chain(c.blocks, recordBlocks, func(b []byte) error {
		for ; len(b) >= descriptorSize; b = b[descriptorSize:] {
			origin, relative := int64(le.Uint64(b)), int64(le.Uint64(b[8:]))
			at, flags, bits := int64(le.Uint64(b[16:])), le.Uint32(b[24:]), le.Uint32(b[28:])
			if origin == 0 && relative == 0 && at == 0 && flags == 0 {
				continue // not used
			}
			if v.left--; v.left < 0 {
				return damaged("more than %d blocks: too many to be kept", maxBlocks)
			}
			s.add(origin, relative, at, flags, bits)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n == len(v.Copies)-1 { // of older ones, a newer copy or the volume tells
		if s.unused, err = v.bitmap(c.bitmap); err == nil {
			s.unusedBefore, err = v.bitmap(c.previous)
		}
	}
	if err != nil {
		return nil, err
	}
	v.stores[n] = s
	return s, nil
}

// add takes one descriptor in, in the order of the list. Successive ones of the same block are joined as the format's
// description says ("Successive block descriptors").
func (s *store) add(origin, relative, at int64, flags, bits uint32) {
	if flags&ignored != 0 {
		return
	}
	if flags&overlaid == 0 {
		if was, ok := s.reverse[origin]; ok {
			delete(s.reverse, origin)
			origin = was
		}
		if flags&forwarder != 0 && origin == relative {
			return // to where it is
		}
	}
	have, known := s.blocks[origin]
	switch {
	case flags&overlaid != 0 && known && have.sectors != 0:
		have.sectors |= bits
	case flags&overlaid != 0:
		if !known {
			have.flags = overlaid // and nothing below it
		}
		have.overlay, have.sectors = at, bits
	default:
		have.at, have.flags = at, flags
		if flags&forwarder != 0 {
			have.at = relative
		}
	}
	s.blocks[origin] = have
	if flags&forwarder != 0 && flags&overlaid == 0 {
		s.reverse[relative] = origin
	}
}

// bitmap reads the bits of a store, or none.
func (v *Volume) bitmap(at int64) (bits []byte, err error) {
	most := int(v.size/blockSize/8 + 1)
	err = v.chain(at, recordBitmap, func(b []byte) error {
		if len(bits) < most {
			bits = append(bits, b...)
		}
		return nil
	})
	return bits, err
}

func bit(bits []byte, offset int64) bool {
	n := offset / blockSize
	return n/8 < int64(len(bits)) && bits[n/8]>>(n%8)&1 != 0
}

// A reader is a volume as it was.
type reader struct {
	volume *Volume
	stores []*store // of the copy itself, and of all newer ones
	size   int64
}

const sectorSize = 512

// ReadAt implements io.ReaderAt.
func (r *reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("an offset below zero")
	}
	for n < len(p) {
		at := off + int64(n)
		if at >= r.size {
			return n, io.EOF
		}
		part := p[n:min(int64(len(p)), int64(n)+blockSize-at%blockSize, int64(n)+r.size-at)]
		m, err := r.block(part, at)
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// block reads within one block, from where the newer copies and the volume have it.
func (r *reader) block(p []byte, at int64) (int, error) {
	start, inside := at/blockSize*blockSize, at%blockSize
	for i, s := range r.stores {
		b, ok := s.blocks[start]
		if ok && i == 0 && b.sectors != 0 {
			if n, over := b.run(inside, len(p)); over {
				return r.volume.read(p[:n], b.overlay+inside)
			} else if n < len(p) {
				p = p[:n] // up to the next sector that is overlaid
			}
		}
		switch {
		case !ok || b.flags&overlaid != 0:
		case b.flags&forwarder != 0:
			start = b.at
			continue
		default:
			return r.volume.read(p, b.at+inside)
		}
		if last := len(r.stores) == 1; last && start == at-inside && r.empty(s, start) {
			clear(p)
			return len(p), nil
		}
	}
	return r.volume.read(p, start+inside)
}

// empty tells whether the newest copy does not hold a block at all: it was not used when the copy was made.
func (r *reader) empty(s *store, start int64) bool {
	if _, moved := s.reverse[start]; moved {
		return false
	}
	return bit(s.unused, start) && (s.unusedBefore == nil || bit(s.unusedBefore, start))
}

// run tells whether the overlay has the sector at an offset in the block, and for how many bytes that stays so.
func (b *block) run(inside int64, most int) (n int, over bool) {
	sector := inside / sectorSize
	over = b.sectors>>sector&1 != 0
	end := sector + 1
	for end < blockSize/sectorSize && (b.sectors>>end&1 != 0) == over {
		end++
	}
	return min(most, int(end*sectorSize-inside)), over
}

func (v *Volume) read(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > v.size {
		return 0, damaged("%d bytes at %#x, of a volume of %#x", len(p), at, v.size)
	}
	n, err := v.r.ReadAt(p, at)
	if n == len(p) {
		err = nil
	}
	return n, err
}
