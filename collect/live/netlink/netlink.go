// Package netlink asks the kernel for its tables by netlink(7), and takes the answers apart: messages and attributes of
// include/uapi/linux/netlink.h. It asks only; nothing is changed.
package netlink

import (
	"encoding/binary"
	"errors"
	"iter"
	"maps"
)

// A Message is one answer.
type Message struct {
	Type uint16
	Data []byte // without the header
}

const header = 16 // bytes of struct nlmsghdr

// Types of messages that end or fail a dump.
const (
	typeNoop  = 1
	typeError = 2
	typeDone  = 3
)

// flagInterrupted is NLM_F_DUMP_INTR: the table changed while it was dumped.
const flagInterrupted = 0x10

var errShort = errors.New("netlink message cut short")

// messages splits what one read brought. done: the dump is over; code: the kernel's answer where it is an error.
func messages(b []byte, seq uint32) (list []Message, done, interrupted bool, code int32, err error) {
	for len(b) >= header {
		length := binary.NativeEndian.Uint32(b)
		if length < header || int64(length) > int64(len(b)) {
			return list, false, interrupted, 0, errShort
		}
		kind, flags, got := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:]), binary.NativeEndian.Uint32(b[8:])
		data := b[header:length]
		b = b[min(int(length+3)&^3, len(b)):]
		if got != seq {
			continue // of an earlier question
		}
		interrupted = interrupted || flags&flagInterrupted != 0
		switch kind {
		case typeNoop:
		case typeDone, typeError:
			if len(data) >= 4 {
				code = int32(binary.NativeEndian.Uint32(data))
			}
			return list, true, interrupted, code, nil
		default:
			list = append(list, Message{Type: kind, Data: data})
		}
	}
	return list, false, interrupted, 0, nil
}

// Attributes gives the attributes of a message by type, the bits of nesting and byte order left out. What is cut short
// ends it.
func Attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			length, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])&0x3fff
			if length < 4 || length > len(b) || !yield(kind, b[4:length]) {
				return
			}
			b = b[min((length+3)&^3, len(b)):]
		}
	}
}

// Map is Attributes as a map; of equal types the last counts.
func Map(b []byte) map[uint16][]byte {
	return maps.Collect(Attributes(b))
}

// Uint32 reads an attribute in the machine's order; zero where it is too short.
func Uint32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}

// BigUint32 reads an attribute in network order.
func BigUint32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// BigUint64 reads an attribute in network order.
func BigUint64(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
