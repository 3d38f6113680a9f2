// Package xfs reads XFS, versions 4 and 5 of it, from an image by its own structures, without mounting it: a Volume is
// one file system, to be put into a tree.Tree. Nothing is written, the log is not replayed, and whatever the structures
// claim, reading ends: every list, depth and size is bounded.
//
// The structures are those of "XFS Algorithms & Data Structures" (3rd edition) and of fs/xfs/libxfs/xfs_format.h and
// xfs_da_format.h of Linux.
package xfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"spor/collect/rawfile/tree"
)

var be = binary.BigEndian

// ErrDamaged is in the chain of errors about structures that contradict themselves.
var ErrDamaged = errors.New("damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Features that change how structures are read (sb_features_incompat, sb_features2).
const (
	hasFileType   = 1
	needsRepair   = 0x10
	knownFeatures = 0xff // up to parent pointers
	v4FileType    = 0x200
)

// A Volume is an XFS file system. It is safe for concurrent use.
type Volume struct {
	r    io.ReaderAt
	size int64 // bytes, the smaller of what the image holds and the superblock says

	UUID  string // in lower case
	Label string

	version     int
	block       int64 // bytes
	blocks      uint64
	groupBlocks uint64
	groups      uint64
	inodeSize   int64
	groupBits   uint // of a block number within a group
	inodeBits   uint // of an inode number within a block
	folderBlock int64
	root        uint64
	fileTypes   bool
	notes       []string

	mu      sync.Mutex
	folders map[uint64]listing // that were read, by inode
	kept    int                // names in them
}

var _ tree.Volume = (*Volume)(nil)

// FileSystem implements tree.Volume.
func (*Volume) FileSystem() string { return "XFS" }

// Notes says in words what a reader of the volume has to know.
func (v *Volume) Notes() []string { return v.notes }

// Open reads the superblock of a volume of so many bytes.
func Open(r io.ReaderAt, size int64) (*Volume, error) {
	b := make([]byte, 512)
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("superblock: %w", early(err))
	}
	if string(b[:4]) != "XFSB" {
		return nil, damaged("no superblock")
	}
	v := &Volume{
		r: r, block: int64(be.Uint32(b[4:])), blocks: be.Uint64(b[8:]), root: be.Uint64(b[56:]), groupBlocks: uint64(be.Uint32(b[84:])),
		groups: uint64(be.Uint32(b[88:])), version: int(be.Uint16(b[100:]) & 15), inodeSize: int64(be.Uint16(b[104:])),
		inodeBits: uint(b[123]), groupBits: uint(b[124]), folders: map[uint64]listing{},
	}
	id := b[32:48]
	v.UUID = fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	label, _, _ := bytes.Cut(b[108:120], []byte{0})
	v.Label = string(label)
	if err := v.check(b); err != nil {
		return nil, err
	}
	if v.size = int64(v.blocks) * v.block; size < v.size {
		v.notes = append(v.notes, fmt.Sprintf("the image ends after %d of %d bytes", size, v.size))
		v.size = size
	}
	if note := v.logNote(be.Uint64(b[48:]), int64(be.Uint32(b[96:]))*v.block); note != "" {
		v.notes = append(v.notes, note)
	}
	return v, nil
}

// check refuses what cannot be, and what is not read.
func (v *Volume) check(b []byte) error {
	power := func(n int64, low, high int64) bool { return n >= low && n <= high && n&(n-1) == 0 }
	switch {
	case v.version != 4 && v.version != 5:
		return fmt.Errorf("version %d is not read", v.version)
	case !power(v.block, 512, 64<<10) || !power(v.inodeSize, 256, 2048) || v.inodeSize > v.block:
		return damaged("blocks of %d bytes, inodes of %d", v.block, v.inodeSize)
	case int64(1)<<v.inodeBits != v.block/v.inodeSize || v.groupBits > 32 || v.inodeBits > 8:
		return damaged("2^%d inodes in a block", v.inodeBits)
	case v.groupBlocks == 0 || v.groupBlocks > 1<<v.groupBits || v.groups == 0 || v.blocks == 0 || v.blocks > 1<<62/uint64(v.block) || v.blocks > v.groups*v.groupBlocks:
		return damaged("%d blocks, %d groups of %d", v.blocks, v.groups, v.groupBlocks)
	case b[192] > 7 || v.block<<b[192] > 64<<10:
		return damaged("folders in 2^%d blocks", b[192])
	}
	v.folderBlock = v.block << b[192]
	if v.version == 4 {
		v.fileTypes = be.Uint32(b[200:])&v4FileType != 0
		return nil
	}
	features := be.Uint32(b[216:])
	if unknown := features &^ knownFeatures; unknown != 0 {
		return fmt.Errorf("features %#x of the volume are not read", unknown)
	}
	v.fileTypes = features&hasFileType != 0
	if features&needsRepair != 0 {
		v.notes = append(v.notes, "it is marked as needing repair")
	}
	return nil
}

// early turns the end of an image, which is not the end of a file, into an error that says so.
func early(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("the volume ends early: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// readAt fills b from the volume.
func (v *Volume) readAt(b []byte, at int64) error {
	if at < 0 || at > v.size-int64(len(b)) {
		return damaged("%d bytes at %d of %d", len(b), at, v.size)
	}
	if n, err := v.r.ReadAt(b, at); n < len(b) {
		return fmt.Errorf("byte %d: %w", at+int64(n), early(err))
	}
	return nil
}

// place gives the byte where a block begins, whose number has that of its group in the upper bits; false where there is
// no room for so many blocks.
func (v *Volume) place(number, count uint64) (at int64, ok bool) {
	group, block := number>>v.groupBits, number&(1<<v.groupBits-1)
	if group >= v.groups || block >= v.groupBlocks || count > v.groupBlocks-block {
		return 0, false
	}
	block += group * v.groupBlocks
	return int64(block) * v.block, block < v.blocks && count <= v.blocks-block
}

// readBlock reads a block of metadata.
func (v *Volume) readBlock(number uint64) ([]byte, error) {
	at, ok := v.place(number, 1)
	if !ok {
		return nil, damaged("block %#x", number)
	}
	b := make([]byte, v.block)
	return b, v.readAt(b, at)
}

// logNote finds the head of the log, and tells whether the last thing written there is that the volume was unmounted
// (xfs_log_recover.c). Each sector begins with the number of the turn in which it was written, but for the first of a
// record, which has a mark before it.
func (v *Volume) logNote(start uint64, length int64) string {
	const unknown = "whether it was unmounted is not known, and its log is not replayed"
	at, ok := v.place(start, 1)
	if start == 0 || !ok || length < 512 || length > v.size-at {
		return unknown
	}
	b := make([]byte, 512)
	turn := func(sector int64) (n uint32, record bool) {
		if v.readAt(b, at+sector*512) != nil {
			return 0, false
		}
		if be.Uint32(b) == 0xfeedbabe {
			return be.Uint32(b[4:]), true
		}
		return be.Uint32(b), false
	}
	first, _ := turn(0)
	low, high := int64(0), length/512 // sectors up to low are of the first turn
	for high-low > 1 {
		middle := (low + high) / 2
		if n, _ := turn(middle); n == first {
			low = middle
		} else {
			high = middle
		}
	}
	const record = 1024 // sectors: more than the largest has
	for sector := low; sector >= 0 && sector > low-record; sector-- {
		if _, ok := turn(sector); !ok {
			continue
		}
		heads := int64(be.Uint32(b[320:])+32<<10-1) / (32 << 10)
		if be.Uint32(b[40:]) == 1 && v.readAt(b, at+(sector+max(1, heads))*512) == nil && b[9]&0x20 != 0 {
			return ""
		}
		return "it was not unmounted; its log is not replayed, so that the last seconds before may be missing or in part"
	}
	return unknown
}
