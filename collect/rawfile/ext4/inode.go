package ext4

import (
	"fmt"
	"strconv"
	"time"

	"spor/artifacts"
	"spor/collect/rawfile/tree"
)

// Flags of an inode.
const (
	encrypted  = 0x800
	inExtents  = 0x80000
	inlineData = 0x10000000
)

// An inode is a file, folder or other thing of a volume, as its inode tells.
type inode struct {
	number uint32
	raw    []byte // the whole of it
	mode   uint16
	flags  uint32
	size   int64 // bytes
}

// inode reads the inode with a number.
func (v *Volume) inode(number uint32) (*inode, error) {
	if number == 0 || number > v.inodes {
		return nil, damaged("inode %d of %d", number, v.inodes)
	}
	table, err := v.inodeTable(uint64((number - 1) / v.inodesInGroup))
	if err != nil {
		return nil, err
	}
	raw := make([]byte, v.inodeSize)
	if err := v.readAt(raw, int64(table)*v.block+int64((number-1)%v.inodesInGroup)*v.inodeSize); err != nil {
		return nil, fmt.Errorf("inode %d: %w", number, err)
	}
	n := &inode{number: number, raw: raw, mode: le.Uint16(raw), flags: le.Uint32(raw[0x20:])}
	size := uint64(le.Uint32(raw[4:]))
	if k := n.kind(); k == artifacts.Regular || k == artifacts.Directory && v.incompat&0x4000 != 0 { // largedir
		size |= uint64(le.Uint32(raw[0x6c:])) << 32
	}
	if size > 1<<32*uint64(v.block) {
		return nil, damaged("inode %d: %d bytes", number, size)
	}
	n.size = int64(size)
	return n, nil
}

func (n *inode) kind() artifacts.Kind { return tree.Kind(n.mode) }

// stat describes an inode.
func (n *inode) stat() artifacts.Stat {
	id := func(low, high int) string {
		return strconv.Itoa(int(le.Uint16(n.raw[low:])) | int(le.Uint16(n.raw[high:]))<<16)
	}
	return artifacts.Stat{
		Kind: n.kind(), Size: n.size, Mode: tree.Mode(n.mode), UID: id(2, 0x78), GID: id(0x18, 0x7a),
		Inode: uint64(n.number), Links: uint64(le.Uint16(n.raw[0x1a:])),
		Times: artifacts.Times{
			Modified: n.time(0x10, 0x88), Accessed: n.time(8, 0x8c), Changed: n.time(0xc, 0x84), Born: n.born(),
		},
	}
}

// extra is how much of a large inode, beyond the 128 bytes of old, has a meaning.
func (n *inode) extra() int {
	if len(n.raw) <= 128+4 {
		return 0
	}
	return min(int(le.Uint16(n.raw[0x80:])), len(n.raw)-128)
}

// time joins the seconds with what a large inode adds: two bits of the epoch and nanoseconds.
func (n *inode) time(at, more int) time.Time {
	seconds, nanoseconds := int64(int32(le.Uint32(n.raw[at:]))), int64(0)
	if more+4 <= 128+n.extra() {
		e := le.Uint32(n.raw[more:])
		seconds += int64(e&3) << 32
		nanoseconds = int64(e >> 2)
	}
	return time.Unix(seconds, nanoseconds).UTC()
}

func (n *inode) born() time.Time {
	if 0x98 > 128+n.extra() || le.Uint32(n.raw[0x90:]) == 0 {
		return time.Time{}
	}
	return n.time(0x90, 0x94)
}

// inline gives the content that lies in the inode itself: 60 bytes where others have their map, the rest in the
// attribute system.data.
func (v *Volume) inline(n *inode) []byte {
	b := append([]byte(nil), n.raw[0x28:0x28+60]...)
	for _, a := range n.ownAttributes() {
		if a.index == 7 && a.name == "data" {
			b = append(b, a.value...)
		}
	}
	return b
}

// maxLink is the longest text of a symbolic link, a block of the largest kind.
const maxLink = 64 << 10

// link reads the text of a symbolic link: in the inode where it is short, in a block otherwise.
func (v *Volume) link(n *inode) (string, error) {
	switch {
	case n.flags&encrypted != 0:
		return "", ErrEncrypted
	case n.size == 0 || n.size > maxLink:
		return "", damaged("a link of %d bytes", n.size)
	case n.flags&inlineData != 0:
		b := v.inline(n)
		return string(b[:min(n.size, int64(len(b)))]), nil
	case n.size < 60 && n.flags&inExtents == 0:
		return string(n.raw[0x28 : 0x28+n.size]), nil
	}
	runs, err := v.runs(n)
	if err != nil {
		return "", err
	}
	b := make([]byte, n.size)
	_, err = (&content{v: v, size: n.size, runs: runs}).ReadAt(b, 0)
	return string(b), err
}
