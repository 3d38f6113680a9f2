// Package ext4 reads ext2, ext3 and ext4 from an image by its own structures, without mounting it: a Volume is one file
// system, to be put into a tree.Tree. Nothing is written, the journal is not replayed, and whatever the structures claim,
// reading ends: every list, depth and size is bounded.
//
// The structures are those of the kernel's Documentation/filesystems/ext4 and of fs/ext4/ext4.h.
package ext4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

var le = binary.LittleEndian

// ErrDamaged is in the chain of errors about structures that contradict themselves.
var ErrDamaged = errors.New("damaged")

// ErrEncrypted is in the chain of errors about what fscrypt keeps from us.
var ErrEncrypted = errors.New("encrypted (fscrypt); the key is not in the image")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Features that change how structures are read (s_feature_incompat).
const (
	hasFileType    = 0x2
	needsRecovery  = 0x4
	hasMetaGroups  = 0x10
	has64Bit       = 0x80
	knownFeatures  = 0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x20000
	sparseSuper    = 0x1   // s_feature_ro_compat
	sparseSuper2   = 0x200 // s_feature_compat
	rootInode      = 2
	superBlockSize = 1024
)

// A Volume is an ext2, ext3 or ext4 file system. It is safe for concurrent use.
type Volume struct {
	r    io.ReaderAt
	size int64 // bytes, the smaller of what the image holds and the superblock says

	Type  string // "ext2", "ext3" or "ext4", by its features
	UUID  string // in lower case
	Label string // as stored

	block         int64  // bytes
	blocks        uint64 // of the volume
	firstData     uint64 // s_first_data_block
	perGroup      uint64 // blocks
	inodes        uint32
	inodesInGroup uint32
	inodeSize     int64
	descriptor    int64 // bytes
	firstMeta     uint64
	backups       [2]uint32 // groups with a superblock, with sparse_super2
	compat        uint32
	incompat      uint32
	roCompat      uint32
	truncated     bool // the image is shorter than the volume

	mu      sync.Mutex
	folders map[uint32]listing // that were read, by inode
	kept    int                // names in them
}

// Open reads the superblock of a volume of so many bytes.
func Open(r io.ReaderAt, size int64) (*Volume, error) {
	b := make([]byte, superBlockSize)
	if n, err := r.ReadAt(b, 1024); n < len(b) {
		return nil, fmt.Errorf("superblock: %w", err)
	}
	if le.Uint16(b[0x38:]) != 0xef53 {
		return nil, damaged("no superblock")
	}
	v := &Volume{
		r: r, inodes: le.Uint32(b), firstData: uint64(le.Uint32(b[0x14:])), perGroup: uint64(le.Uint32(b[0x20:])),
		inodesInGroup: le.Uint32(b[0x28:]), inodeSize: 128, descriptor: 32, blocks: uint64(le.Uint32(b[4:])),
		Type: "ext2", folders: map[uint32]listing{},
	}
	if le.Uint32(b[0x4c:]) > 0 { // s_rev_level: the fields below have a meaning
		v.inodeSize = int64(le.Uint16(b[0x58:]))
		v.compat, v.incompat, v.roCompat = le.Uint32(b[0x5c:]), le.Uint32(b[0x60:]), le.Uint32(b[0x64:])
		id := b[0x68:0x78]
		v.UUID = fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
		label, _, _ := bytes.Cut(b[0x78:0x88], []byte{0})
		v.Label = string(label)
		v.firstMeta = uint64(le.Uint32(b[0x104:]))
		v.backups = [2]uint32{le.Uint32(b[0x24c:]), le.Uint32(b[0x250:])}
	}
	if v.incompat&has64Bit != 0 {
		v.blocks |= uint64(le.Uint32(b[0x150:])) << 32
		v.descriptor = int64(le.Uint16(b[0xfe:]))
	}
	if err := v.check(le.Uint32(b[0x18:]), size); err != nil {
		return nil, err
	}
	return v, nil
}

// check refuses what cannot be, and what is not read.
func (v *Volume) check(logBlock uint32, size int64) error {
	if logBlock > 6 {
		return damaged("blocks of 2^%d KiB", logBlock)
	}
	v.block = 1024 << logBlock
	if unknown := v.incompat &^ knownFeatures; unknown != 0 {
		return fmt.Errorf("features %#x of the volume are not read", unknown)
	}
	switch {
	case v.inodeSize < 128 || v.inodeSize > v.block || v.inodeSize&(v.inodeSize-1) != 0:
		return damaged("inodes of %d bytes", v.inodeSize)
	case v.descriptor < 32 || v.descriptor > v.block || v.descriptor&(v.descriptor-1) != 0:
		return damaged("group descriptors of %d bytes", v.descriptor)
	case v.perGroup == 0 || v.inodesInGroup == 0 || v.inodes < rootInode || v.blocks == 0 || v.blocks > 1<<62/uint64(v.block):
		return damaged("%d blocks, %d in a group, %d inodes, %d in a group", v.blocks, v.perGroup, v.inodes, v.inodesInGroup)
	}
	v.size = min(size, int64(v.blocks)*v.block)
	v.truncated = size < int64(v.blocks)*v.block
	const extents, flexGroups, hasJournal = 0x40, 0x200, 0x4
	switch {
	case v.incompat&(extents|flexGroups|has64Bit) != 0:
		v.Type = "ext4"
	case v.compat&hasJournal != 0:
		v.Type = "ext3"
	}
	return nil
}

// Notes says in words what a reader of the volume has to know.
func (v *Volume) Notes() []string {
	var notes []string
	if v.incompat&needsRecovery != 0 {
		notes = append(notes, "it was not unmounted; its journal is not replayed, so that the last seconds before may be missing or in part")
	}
	if v.truncated {
		notes = append(notes, fmt.Sprintf("the image ends after %d of %d bytes", v.size, int64(v.blocks)*v.block))
	}
	return notes
}

// readAt fills b from the volume.
func (v *Volume) readAt(b []byte, at int64) error {
	if at < 0 || at > v.size-int64(len(b)) {
		return damaged("%d bytes at %d of %d", len(b), at, v.size)
	}
	n, err := v.r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	return fmt.Errorf("byte %d: %w", at+int64(n), err)
}

// readBlock reads a block of metadata.
func (v *Volume) readBlock(number uint64) ([]byte, error) {
	if number == 0 || number >= v.blocks {
		return nil, damaged("block %d of %d", number, v.blocks)
	}
	b := make([]byte, v.block)
	return b, v.readAt(b, int64(number)*v.block)
}

// inodeTable gives the block where a group's inodes begin.
func (v *Volume) inodeTable(group uint64) (uint64, error) {
	perBlock := uint64(v.block / v.descriptor)
	b := make([]byte, v.descriptor)
	at := int64(v.descriptorBlock(group/perBlock))*v.block + int64(group%perBlock)*v.descriptor
	if err := v.readAt(b, at); err != nil {
		return 0, fmt.Errorf("descriptor of group %d: %w", group, err)
	}
	table := uint64(le.Uint32(b[8:]))
	if v.descriptor >= 64 {
		table |= uint64(le.Uint32(b[0x28:])) << 32
	}
	if table == 0 || table >= v.blocks {
		return 0, damaged("inodes of group %d in block %d of %d", group, table, v.blocks)
	}
	return table, nil
}

// descriptorBlock tells where the block of group descriptors with this number lies (descriptor_loc, fs/ext4/super.c).
func (v *Volume) descriptorBlock(number uint64) uint64 {
	super := uint64(1024 / v.block) // the block that the superblock lies in
	if v.incompat&hasMetaGroups == 0 || number < v.firstMeta {
		return super + 1 + number
	}
	group := number * uint64(v.block/v.descriptor)
	at := v.firstData + group*v.perGroup
	if v.hasSuper(group) {
		at++
	}
	if v.block == 1024 && number == 0 && v.firstData == 0 {
		at++
	}
	return at
}

// hasSuper tells whether a group begins with a copy of the superblock.
func (v *Volume) hasSuper(group uint64) bool {
	switch {
	case group == 0:
		return true
	case v.compat&sparseSuper2 != 0:
		return group == uint64(v.backups[0]) || group == uint64(v.backups[1])
	case group == 1 || v.roCompat&sparseSuper == 0:
		return true
	}
	for _, base := range []uint64{3, 5, 7} {
		power := base
		for power < group {
			power *= base
		}
		if power == group {
			return true
		}
	}
	return false
}
