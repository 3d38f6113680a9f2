package ext4

import (
	"fmt"

	"spor/artifacts"
)

// An attribute is an extended attribute as it is stored.
type attribute struct {
	index byte // of the prefix of its name
	name  string
	value []byte
	inode uint32 // where the value lies in an inode of its own
	size  uint32
}

// prefixes of attribute names (fs/ext4/xattr.h).
var prefixes = map[byte]string{
	1: "user.", 2: "system.posix_acl_access", 3: "system.posix_acl_default", 4: "trusted.", 6: "security.", 7: "system.", 8: "system.richacl",
}

// maxValues bounds what is kept of one file's attributes, in bytes.
const maxValues = 64 << 10

const attributeMagic = 0xea020000

// ownAttributes are those that lie in the inode.
func (n *inode) ownAttributes() []attribute {
	at := 128 + n.extra()
	if n.extra() == 0 || at+4 > len(n.raw) || le.Uint32(n.raw[at:]) != attributeMagic {
		return nil
	}
	return parseAttributes(n.raw[at+4:], n.raw[at+4:])
}

// parseAttributes reads entries, whose values lie at offsets from the beginning of values.
func parseAttributes(b, values []byte) (list []attribute) {
	for len(b) >= 16 && le.Uint32(b) != 0 && len(list) < 4096 {
		length := (16 + int(b[0]) + 3) &^ 3
		if length > len(b) {
			break
		}
		a := attribute{index: b[1], name: string(b[16 : 16+int(b[0])]), inode: le.Uint32(b[4:]), size: le.Uint32(b[8:])}
		if from := int(le.Uint16(b[2:])); a.inode == 0 && from <= len(values) && int64(a.size) <= int64(len(values)-from) {
			a.value = values[from : from+int(a.size) : from+int(a.size)]
		}
		list = append(list, a)
		b = b[length:]
	}
	return list
}

// attributes reads all extended attributes of an inode, named as listxattr(2) names them.
func (v *Volume) attributes(n *inode) (map[string][]byte, error) {
	list := n.ownAttributes()
	var err error
	if block := uint64(le.Uint32(n.raw[0x68:])) | uint64(le.Uint16(n.raw[0x76:]))<<32; block != 0 {
		var b []byte
		switch b, err = v.readBlock(block); {
		case err == nil && le.Uint32(b) != attributeMagic:
			err = damaged("no attributes in block %d", block)
		case err == nil:
			list = append(list, parseAttributes(b[32:], b)...)
		}
	}
	var attrs map[string][]byte
	left := maxValues
	for _, a := range list {
		prefix, known := prefixes[a.index]
		if !known || a.index == 7 && a.name == "data" { // what an inline file keeps there is content
			continue
		}
		value := v.value(a)
		if len(value) > left {
			value = nil
		}
		left -= len(value)
		if attrs == nil {
			attrs = map[string][]byte{}
		}
		attrs[artifacts.Path(prefix+a.name).String()] = value
	}
	if err != nil {
		err = fmt.Errorf("attributes of inode %d: %w", n.number, err)
	}
	return attrs, err
}

// value gives what getxattr(2) would, or nil where that cannot be had.
func (v *Volume) value(a attribute) []byte {
	switch {
	case a.inode != 0 && a.size <= maxValues:
		n, err := v.inode(a.inode)
		if err != nil || n.size < int64(a.size) {
			return nil
		}
		c, err := v.content(n)
		if err != nil {
			return nil
		}
		b := make([]byte, a.size)
		if m, _ := c.ReadAt(b, 0); m < len(b) {
			return nil
		}
		return b
	case a.index == 2 || a.index == 3:
		return accessList(a.value)
	}
	return a.value
}

// accessList turns a POSIX ACL as ext4 stores it (version 1, ids only where they mean something) into that of acl(5) in
// an attribute (version 2, an id everywhere).
func accessList(b []byte) []byte {
	if len(b) < 4 || le.Uint32(b) != 1 {
		return b
	}
	out := []byte{2, 0, 0, 0}
	const user, group = 2, 8
	for b = b[4:]; len(b) >= 4; b = b[4:] {
		out = append(out, b[:4]...)
		id := []byte{0xff, 0xff, 0xff, 0xff}
		if tag := le.Uint16(b); (tag == user || tag == group) && len(b) >= 8 {
			id = b[4:8]
			b = b[4:]
		}
		out = append(out, id...)
	}
	return out
}
