package vhd

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"

	"spor/collect/image/piece"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// GUIDs of [MS-VHDX] in the order of their bytes in the file.
const (
	regionTable    = "6677c22d23f600429d64115e9bfd4a08"
	regionMetadata = "06a27c8b90479a4bb8fe575f050f886e"
	itemParameters = "3767a1ca36fa434db3b633f0aa44e76b"
	itemSize       = "2442a52f1bcd7648b2115dbed83bf4b8"
	itemSector     = "1dbf41816fa90947ba47f233a8faab5f"
)

// maxMetadata bounds the metadata of a disk, in bytes; one mebibyte is what is written.
const maxMetadata = 8 << 20

// OpenX opens a VHDX. What its log holds is read as if it had been replayed; the image is not changed.
func OpenX(r io.ReaderAt, size int64) (*Disk, error) {
	head, err := header(r)
	if err != nil {
		return nil, err
	}
	d := &Disk{from: r, pages: piece.Cache[[]byte]{Most: 16}}
	if id := head[48:64]; !bytes.Equal(id, make([]byte, 16)) {
		over, err := replay(r, size, id, int64(le.Uint64(head[72:])), int64(le.Uint32(head[68:])))
		if err != nil {
			return nil, fmt.Errorf("the disk was not closed, and its log cannot be replayed: %w", err)
		}
		d.notes = append(d.notes, fmt.Sprintf("the disk was not closed: %d sectors are read from its log", len(over.sectors)))
		d.from = over
	}
	table, metadata, err := regions(d.from)
	if err != nil {
		return nil, err
	}
	sector, flags, err := d.measures(metadata)
	if err != nil {
		return nil, err
	}
	const hasParent = 2
	if flags&hasParent != 0 {
		return nil, ErrParent
	}
	d.table = table.at
	d.blocks = (d.size + d.block - 1) / d.block
	ratio := sector << 23 / d.block // after so many blocks comes the place of a bitmap
	entries := d.blocks + (d.blocks-1)/ratio
	if entries*8 > table.length {
		return nil, piece.Damaged("a table of %d bytes for %d blocks", table.length, d.blocks)
	}
	d.place = func(number int64) (int64, bool, error) {
		b, err := d.entry(number+number/ratio, 8, entries)
		if err != nil {
			return 0, false, err
		}
		const mib = 1 << 20
		at := int64(le.Uint64(b) / mib * mib)
		switch state := b[0] & 7; state {
		case 0, 1, 2, 3: // never written, undefined, zeros, given back
			return 0, true, nil
		case 6:
			if at < mib || at > size {
				return 0, false, piece.Damaged("at byte %d of %d", at, size)
			}
			return at, false, nil
		case 7:
			return 0, false, ErrParent
		default:
			return 0, false, piece.Damaged("in state %d", state)
		}
	}
	return d, nil
}

// summed tells whether a structure has the checksum it holds in its second four bytes.
func summed(b []byte) bool {
	var none [4]byte
	s := crc32.Update(0, castagnoli, b[:4])
	s = crc32.Update(s, castagnoli, none[:])
	return crc32.Update(s, castagnoli, b[8:]) == le.Uint32(b[4:])
}

// header gives the newer of the two headers that are whole.
func header(r io.ReaderAt) (newest []byte, err error) {
	for _, at := range []int64{64 << 10, 128 << 10} {
		b := make([]byte, 4096)
		bad := piece.Full(r, b, at)
		if bad == nil && (string(b[:4]) != "head" || !summed(b)) {
			bad = piece.Damaged("the header at byte %d", at)
		}
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		if newest == nil || le.Uint64(b[8:]) > le.Uint64(newest[8:]) {
			newest = b
		}
	}
	if newest == nil {
		return nil, err
	}
	return newest, nil
}

// A region is a part of the file.
type region struct{ at, length int64 }

// regions reads where the table of blocks and the metadata are, by the first copy of that list that is whole.
func regions(r io.ReaderAt) (table, metadata region, err error) {
	for _, at := range []int64{192 << 10, 256 << 10} {
		b := make([]byte, 64<<10)
		if bad := piece.Full(r, b, at); bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		if string(b[:4]) != "regi" || !summed(b) {
			err = errors.Join(err, piece.Damaged("the list of regions at byte %d", at))
			continue
		}
		for i := range min(int(le.Uint32(b[8:])), 2047) {
			e := b[16+32*i:]
			found := region{int64(le.Uint64(e[16:])), int64(le.Uint32(e[24:]))}
			switch id := hex.EncodeToString(e[:16]); {
			case id == regionTable:
				table = found
			case id == regionMetadata:
				metadata = found
			case e[28]&1 != 0:
				return table, metadata, fmt.Errorf("the image needs what is not known: region %s", id)
			}
		}
		if table.at <= 0 || metadata.at <= 0 {
			return table, metadata, piece.Damaged("no table of blocks or no metadata is named")
		}
		return table, metadata, nil
	}
	return table, metadata, err
}

// measures reads the size of the disk and of its blocks; the size of its sectors is in bytes.
func (d *Disk) measures(metadata region) (sector int64, flags uint32, err error) {
	if metadata.length < 64<<10 || metadata.length > maxMetadata {
		return 0, 0, piece.Damaged("%d bytes of metadata", metadata.length)
	}
	b := make([]byte, metadata.length)
	if err := piece.Full(d.from, b, metadata.at); err != nil {
		return 0, 0, err
	}
	if string(b[:8]) != "metadata" {
		return 0, 0, piece.Damaged("no metadata at byte %d", metadata.at)
	}
	sector = 512
	for i := range min(int(le.Uint16(b[10:])), 2047) {
		e := b[32+32*i:]
		at, length := int64(le.Uint32(e[16:])), int64(le.Uint32(e[20:]))
		if at > int64(len(b)) || length > int64(len(b))-at {
			return 0, 0, piece.Damaged("a value at byte %d of the metadata", at)
		}
		switch v, id := b[at:at+length], hex.EncodeToString(e[:16]); {
		case id == itemParameters && length >= 8:
			d.block, flags = int64(le.Uint32(v)), le.Uint32(v[4:])
		case id == itemSize && length >= 8:
			d.size = int64(le.Uint64(v))
		case id == itemSector && length >= 4:
			sector = int64(le.Uint32(v))
		}
	}
	if d.block < 1<<20 || d.block > 256<<20 || bits.OnesCount64(uint64(d.block)) != 1 || d.size <= 0 || d.size > maxSize || sector != 512 && sector != 4096 {
		return 0, 0, piece.Damaged("a disk of %d bytes in blocks of %d and sectors of %d", d.size, d.block, sector)
	}
	return sector, flags, nil
}
