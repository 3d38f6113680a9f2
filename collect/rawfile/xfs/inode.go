package xfs

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"spor/artifacts"
	"spor/collect/rawfile/tree"
)

// How a fork of an inode keeps what is in it (enum xfs_dinode_fmt).
const (
	inInode = 1
	inRuns  = 2
	inTree  = 3
)

// Flags of an inode.
const (
	onRealtime = 1      // di_flags
	bigTime    = 1 << 3 // di_flags2
	bigExtents = 1 << 4
)

// An inode is a file, folder or other thing of a volume.
type inode struct {
	number uint64
	raw    []byte // the whole of it
	core   int    // bytes before the forks
	mode   uint16
	size   int64
	flags2 uint64
}

// inode reads the inode with a number.
func (v *Volume) inode(number uint64) (*inode, error) {
	at, ok := v.place(number>>v.inodeBits, 1)
	if !ok {
		return nil, damaged("inode %d", number)
	}
	raw := make([]byte, v.inodeSize)
	if err := v.readAt(raw, at+int64(number&(1<<v.inodeBits-1))*v.inodeSize); err != nil {
		return nil, fmt.Errorf("inode %d: %w", number, err)
	}
	n := &inode{number: number, raw: raw, core: 100, mode: be.Uint16(raw[2:]), size: int64(be.Uint64(raw[56:]))}
	if string(raw[:2]) != "IN" || n.mode == 0 {
		return nil, damaged("inode %d is not in use", number)
	}
	if raw[4] >= 3 {
		n.core, n.flags2 = 176, be.Uint64(raw[120:])
		if own := be.Uint64(raw[152:]); own != number {
			return nil, damaged("inode %d says that it is %d", number, own)
		}
	}
	if n.size < 0 {
		return nil, damaged("inode %d: %d bytes", number, n.size)
	}
	return n, nil
}

// A fork is one of the two things that an inode holds: its content, and its attributes.
type fork struct {
	format byte
	b      []byte
	count  uint64 // of runs
}

func (n *inode) data() fork {
	f := fork{format: n.raw[5], b: n.raw[n.core:], count: uint64(be.Uint32(n.raw[76:]))}
	if n.flags2&bigExtents != 0 {
		f.count = be.Uint64(n.raw[24:])
	}
	if at := int(n.raw[82]) * 8; at > 0 && at < len(f.b) {
		f.b = f.b[:at]
	}
	return f
}

// attributeFork is the second one; false where there is none, or nothing in it: the kernel makes room for attributes with a
// new file, and leaves a map without runs when there were some and none is left (xfs_inode_hasattr).
func (n *inode) attributeFork() (fork, bool) {
	at := n.core + int(n.raw[82])*8
	if at == n.core || at >= len(n.raw) {
		return fork{}, false
	}
	f := fork{format: n.raw[83], b: n.raw[at:], count: uint64(be.Uint16(n.raw[80:]))}
	if n.flags2&bigExtents != 0 {
		f.count = uint64(be.Uint32(n.raw[76:]))
	}
	return f, f.format != inRuns || f.count > 0
}

func (n *inode) kind() artifacts.Kind { return tree.Kind(n.mode) }

// stat describes an inode.
func (n *inode) stat() artifacts.Stat {
	links := uint64(be.Uint32(n.raw[16:]))
	if n.raw[4] == 1 {
		links = uint64(be.Uint16(n.raw[6:]))
	}
	st := artifacts.Stat{
		Kind: n.kind(), Size: n.size, Mode: tree.Mode(n.mode), Inode: n.number, Links: links,
		UID: strconv.FormatUint(uint64(be.Uint32(n.raw[8:])), 10), GID: strconv.FormatUint(uint64(be.Uint32(n.raw[12:])), 10),
		Times: artifacts.Times{Accessed: n.time(32), Modified: n.time(40), Changed: n.time(48)},
	}
	if n.core == 176 {
		st.Times.Born = n.time(144)
	}
	return st
}

// time reads seconds and nanoseconds since 1970, or nanoseconds since 1901 where the inode has larger times.
func (n *inode) time(at int) time.Time {
	if n.flags2&bigTime != 0 {
		t := be.Uint64(n.raw[at:])
		return time.Unix(int64(t/1e9)-1<<31, int64(t%1e9)).UTC()
	}
	return time.Unix(int64(int32(be.Uint32(n.raw[at:]))), int64(be.Uint32(n.raw[at+4:]))).UTC()
}

// maxLink is the longest text of a symbolic link.
const maxLink = 1024

// link reads the text of a symbolic link: in the inode where it is short, otherwise in blocks, which in version 5 have
// heads of their own.
func (v *Volume) link(n *inode) (string, error) {
	f := n.data()
	switch {
	case n.size == 0 || n.size > maxLink:
		return "", damaged("a link of %d bytes", n.size)
	case f.format == inInode:
		return string(f.b[:min(n.size, int64(len(f.b)))]), nil
	}
	runs, err := v.runs(n.number, f, maxLink)
	if err != nil {
		return "", err
	}
	text, err := v.remote(runs, 0, n.size, "XSLM")
	return string(text), err
}

// remote reads a value that lies in blocks of a fork from one on; in version 5 each has a head of 56 bytes.
func (v *Volume) remote(runs []run, first uint64, size int64, mark string) ([]byte, error) {
	const head = 56
	var value []byte
	b := make([]byte, v.block)
	for block := first; int64(len(value)) < size; block++ {
		c := content{v: v, size: int64(block+1) * v.block, runs: runs}
		if n, _ := c.ReadAt(b, int64(block)*v.block); n < len(b) {
			return nil, damaged("a value of %d bytes", size)
		}
		part := b
		if v.version == 5 {
			if !bytes.HasPrefix(b, []byte(mark)) {
				return nil, damaged("block %d of a value", block)
			}
			part = b[head:]
		}
		value = append(value, part[:min(int64(len(part)), size-int64(len(value)))]...)
	}
	return value, nil
}
