package xfs

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"spor/artifacts"
)

// An attribute is an extended attribute as it is stored.
type attribute struct {
	flags byte
	name  string
	value []byte // nil: it lies in blocks that cannot be read, or is too large
}

// Flags of an attribute: which namespace it is of, and that it is being written.
const (
	attrRoot       = 0x02
	attrSecure     = 0x04
	attrParent     = 0x08
	attrIncomplete = 0x80
	attrLocal      = 0x01
)

// Bounds of the attributes of one file.
const (
	maxValues     = 64 << 10 // bytes
	maxRead       = 1 << 20  // bytes, of which some may turn out to be too many to be kept
	maxAttributes = 4096
	maxLeaves     = 4096
)

// attributes reads all extended attributes of an inode, named as listxattr(2) names them.
func (v *Volume) attributes(n *inode) (map[string][]byte, error) {
	f, ok := n.attributeFork()
	if !ok {
		return nil, nil
	}
	var list []attribute
	var err error
	if f.format == inInode {
		list = shortAttributes(f.b)
	} else {
		list, err = v.leafAttributes(n, f)
	}
	if err != nil {
		err = fmt.Errorf("attributes of inode %d: %w", n.number, err)
	}
	var attrs map[string][]byte
	left := maxValues
	keep := func(name string, value []byte) {
		if len(value) > left {
			value = nil
		}
		left -= len(value)
		if attrs == nil {
			attrs = map[string][]byte{}
		}
		attrs[artifacts.Path(name).String()] = value
	}
	for _, a := range list {
		prefix := "user."
		switch {
		case a.flags&(attrIncomplete|attrParent) != 0:
			continue
		case a.flags&attrRoot != 0:
			prefix = "trusted."
			switch a.name { // the kernel gives these by two names
			case "SGI_ACL_FILE":
				keep("system.posix_acl_access", accessList(a.value))
			case "SGI_ACL_DEFAULT":
				keep("system.posix_acl_default", accessList(a.value))
			}
		case a.flags&attrSecure != 0:
			prefix = "security."
		}
		keep(prefix+a.name, a.value)
	}
	return attrs, err
}

// shortAttributes reads those that lie in the inode (struct xfs_attr_shortform).
func shortAttributes(b []byte) (list []attribute) {
	if len(b) < 4 {
		return nil
	}
	count := int(b[2])
	for b = b[4:]; count > 0 && len(b) >= 3; count-- {
		name, value := int(b[0]), int(b[1])
		if len(b) < 3+name+value {
			break
		}
		list = append(list, attribute{b[2], string(b[3 : 3+name]), bytes.Clone(b[3+name : 3+name+value : 3+name+value])})
		if value == 0 {
			list[len(list)-1].value = []byte{}
		}
		b = b[3+name+value:]
	}
	return list
}

// leafAttributes follows the leaves of the attributes' tree, from the first on.
func (v *Volume) leafAttributes(n *inode, f fork) (list []attribute, err error) {
	runs, err := v.runs(n.number, f, 1<<32*v.block)
	if err != nil {
		return nil, err
	}
	c := &content{v: v, size: 1 << 32 * v.block, runs: runs}
	b := make([]byte, v.block)
	left := int64(maxRead)
	seen := map[uint32]bool{}
	for block := uint32(0); len(seen) < maxLeaves && len(list) < maxAttributes; {
		if seen[block] {
			return list, damaged("block %d comes again", block)
		}
		seen[block] = true
		if _, err := c.ReadAt(b, int64(block)*v.block); err != nil {
			return list, err
		}
		switch magic := be.Uint16(b[8:]); magic {
		case 0xfebe: // a node: the first child
			block = be.Uint32(b[20:])
		case 0x3ebe:
			block = be.Uint32(b[68:])
		case 0xfbee, 0x3bee:
			list = append(list, v.leaf(b, magic == 0x3bee, runs, &left)...)
			if block = be.Uint32(b); block == 0 {
				return list, nil
			}
		default:
			return list, damaged("block %d of them has mark %#x", block, magic)
		}
	}
	return list, nil
}

// leaf reads the attributes of a leaf (struct xfs_attr_leafblock), and of their values as many bytes as are left.
func (v *Volume) leaf(b []byte, v5 bool, runs []run, left *int64) (list []attribute) {
	count, head := int(be.Uint16(b[12:])), 32
	if v5 {
		count, head = int(be.Uint16(b[56:])), 80
	}
	for i := 0; i < min(count, maxAttributes) && head+8*i+8 <= len(b); i++ {
		e := b[head+8*i:]
		at, flags := int(be.Uint16(e[4:])), e[6]
		if at+9 > len(b) {
			continue
		}
		v1 := b[at:]
		if flags&attrLocal != 0 {
			size, named := int(be.Uint16(v1)), int(v1[2])
			if 3+named+size > len(v1) {
				continue
			}
			a := attribute{flags: flags, name: string(v1[3 : 3+named])}
			if *left -= int64(size); *left >= 0 {
				a.value = append([]byte{}, v1[3+named:3+named+size]...)
			}
			list = append(list, a)
			continue
		}
		first, size, named := be.Uint32(v1), int64(be.Uint32(v1[4:])), int(v1[8])
		if 9+named > len(v1) {
			continue
		}
		a := attribute{flags: flags, name: string(v1[9 : 9+named])}
		if *left -= size; size <= maxValues && *left >= 0 {
			a.value, _ = v.remote(runs, uint64(first), size, "XARM") // nil says that it cannot be read
		}
		list = append(list, a)
	}
	return list
}

// accessList turns a POSIX ACL as XFS stores it into that of acl(5) in an attribute.
func accessList(b []byte) []byte {
	if len(b) < 4 {
		return nil
	}
	out := []byte{2, 0, 0, 0}
	for b = b[4:]; len(b) >= 12; b = b[12:] {
		tag, id := be.Uint32(b), be.Uint32(b[4:])
		if tag != 2 && tag != 8 { // neither a named user nor a named group
			id = 1<<32 - 1
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(tag))
		out = binary.LittleEndian.AppendUint16(out, be.Uint16(b[8:]))
		out = binary.LittleEndian.AppendUint32(out, id)
	}
	return out
}
