// Package vsstest writes shadow copies into images of volumes for tests, of the same description of the format that
// package vss reads them by.
package vsstest

import (
	"bytes"
	"encoding/binary"
	"time"
)

// Sizes of the format.
const (
	BlockSize    = 0x4000
	volumeHeader = 0x1e00
	headerSize   = 128
	descriptors  = (BlockSize - headerSize) / 32
)

// A Descriptor tells where one block of a copy is.
type Descriptor struct {
	Origin, Relative, At int64
	Flags, Bits          uint32
}

// A Store is one copy to be written.
type Store struct {
	Created     time.Time
	Descriptors []Descriptor
}

// A maker writes blocks one after the other into a part of a volume that nothing else uses.
type maker struct {
	volume []byte
	at     int64
}

var (
	identifier = []byte{0x6b, 0x87, 0x08, 0x38, 0x76, 0xc1, 0x48, 0x4e, 0xb7, 0xae, 0x04, 0x04, 0x6e, 0x6c, 0xc7, 0x52}
	le         = binary.LittleEndian
)

// record writes a block of a type and gives where it is.
func (m *maker) record(kind uint32, content []byte) int64 {
	at := m.at
	b := m.volume[at : at+BlockSize]
	clear(b)
	copy(b, identifier)
	le.PutUint32(b[16:], 1)
	le.PutUint32(b[20:], kind)
	le.PutUint64(b[32:], uint64(at))
	copy(b[headerSize:], content)
	m.at += BlockSize
	return at
}

// Write puts copies, oldest first, into a volume, from a place on that nothing else uses, and gives the end of what it
// wrote.
func Write(volume []byte, at int64, stores ...Store) (end int64) {
	m := &maker{volume, at}
	var catalog []byte
	catalogAt := m.record(2, nil)
	for i, s := range stores {
		id := bytes.Repeat([]byte{byte(0x11 * (i + 1))}, 16)
		info := make([]byte, 128)
		copy(info[16:], bytes.Repeat([]byte{byte(0xa0 + i)}, 16))
		copy(info[32:], bytes.Repeat([]byte{0xee}, 16))
		le.PutUint32(info[56:], 0x2001d)
		le.PutUint16(info[64:], 4)
		copy(info[66:], "P\x00C\x00")
		header := m.record(4, info)
		le.PutUint64(volume[header+48:], uint64(len(info)))
		blocks := m.list(s.Descriptors)
		ranges := m.record(5, nil)
		bitmap := m.record(6, nil)
		made, where := make([]byte, 128), make([]byte, 128)
		le.PutUint64(made, 2)
		le.PutUint64(made[8:], uint64(len(volume)))
		copy(made[16:], id)
		le.PutUint64(made[32:], uint64(i+1))
		le.PutUint64(made[40:], 0x40)
		le.PutUint64(made[48:], uint64(s.Created.Unix()+11_644_473_600)*1e7)
		le.PutUint64(where, 3)
		copy(where[16:], id)
		for off, n := range map[int]int64{8: blocks, 32: header, 40: ranges, 48: bitmap, 56: 40} {
			le.PutUint64(where[off:], uint64(n))
		}
		catalog = append(append(catalog, made...), where...)
	}
	copy(volume[catalogAt+headerSize:], catalog)
	head := volume[volumeHeader : volumeHeader+512]
	clear(head)
	copy(head, identifier)
	le.PutUint32(head[16:], 1)
	le.PutUint32(head[20:], 1)
	le.PutUint64(head[24:], volumeHeader)
	le.PutUint64(head[32:], volumeHeader)
	le.PutUint64(head[48:], uint64(catalogAt))
	return m.at
}

// list writes a list of descriptors in as many blocks as it takes.
func (m *maker) list(all []Descriptor) (first int64) {
	last := int64(0)
	for {
		part := all[:min(len(all), descriptors)]
		all = all[len(part):]
		var b []byte
		for _, d := range part {
			b = le.AppendUint64(b, uint64(d.Origin))
			b = le.AppendUint64(b, uint64(d.Relative))
			b = le.AppendUint64(b, uint64(d.At))
			b = le.AppendUint32(le.AppendUint32(b, d.Flags), d.Bits)
		}
		at := m.record(3, b)
		if last != 0 {
			le.PutUint64(m.volume[last+40:], uint64(at))
		} else {
			first = at
		}
		if last = at; len(all) == 0 {
			return first
		}
	}
}

// Keep puts what a volume was at earlier times, oldest first, into the volume as it is, and gives the end of what it
// wrote. From the place on, nothing is compared or kept.
func Keep(volume []byte, at int64, times []time.Time, earlier ...[]byte) (end int64) {
	next := at
	var stores []Store
	for i, was := range earlier {
		after := volume
		if i+1 < len(earlier) {
			after = earlier[i+1]
		}
		s := Store{Created: times[i]}
		for off := int64(0); off < at; off += BlockSize {
			if off == volumeHeader/BlockSize*BlockSize || bytes.Equal(was[off:off+BlockSize], after[off:off+BlockSize]) {
				continue // the first block has the header itself
			}
			copy(volume[next:], was[off:off+BlockSize])
			s.Descriptors = append(s.Descriptors, Descriptor{Origin: off, Relative: next - at, At: next})
			next += BlockSize
		}
		stores = append(stores, s)
	}
	return Write(volume, next, stores...)
}
