package hive

import (
	"encoding/binary"
	"fmt"
	"iter"
	"unicode/utf8"
)

// A Value is a named value; the name of a key's default value is empty.
type Value struct {
	Name   string // WTF-8
	Type   uint32 // REG_SZ is 1, REG_BINARY 3, …
	Data   []byte // as stored; strings are UTF-16LE
	Offset uint32 // of its cell, behind the head of the file
}

// Sizes of values.
const (
	valueSize = 20       // before the name
	maxData   = 16 << 20 // bytes of one value that are read
	segment   = 16344    // bytes in each cell of a value that is longer than that
)

// Values gives the values of a key. An error tells of one that cannot be read, or not to its end, and comes with what
// there is of it; more may follow.
func (k *Key) Values() iter.Seq2[Value, error] {
	return func(yield func(Value, error) bool) {
		if k.values == 0 || k.valueList == none {
			return
		}
		n := min(k.values, maxValues)
		list, err := k.hive.cell(k.valueList, 4*int(n))
		if err != nil {
			yield(Value{}, fmt.Errorf("the %d values of %q: %w", k.values, k.Name, err))
			return
		}
		own := int64(maxKeyData)
		left := &own
		if k.budget != nil {
			left = k.budget
		}
		for i := range len(list) / 4 {
			v, err := k.hive.value(binary.LittleEndian.Uint32(list[4*i:]))
			if *left -= valueSize + int64(len(v.Data)); *left < 0 {
				yield(Value{}, damaged("the values of %q, from number %d on, are more than are read", k.Name, i))
				return
			}
			if err != nil {
				err = fmt.Errorf("value %d %q of %q: %w", i, v.Name, k.Name, err)
			}
			if !yield(v, err) {
				return
			}
		}
		if has := uint32(len(list) / 4); has < k.values {
			yield(Value{}, damaged("%d values of %q, of %d", has, k.Name, k.values))
		}
	}
}

func (h *Hive) value(at uint32) (Value, error) {
	v := Value{Offset: at}
	b, err := h.cell(at, valueSize+maxName)
	if err != nil {
		return v, err
	}
	if len(b) < valueSize || string(b[:2]) != "vk" {
		return v, damaged("no value is at %#x", at)
	}
	le := binary.LittleEndian
	n := int(le.Uint16(b[2:]))
	if valueSize+n > len(b) {
		return v, damaged("a value name of %d bytes in the cell at %#x", n, at)
	}
	v.Name = name(b[valueSize:valueSize+n], le.Uint16(b[16:])&valueLatin != 0)
	v.Type = le.Uint32(b[12:])
	size := le.Uint32(b[4:])
	if size&valueInPlace != 0 {
		size &^= valueInPlace
		if size > 4 {
			return v, damaged("%d bytes where 4 have room", size)
		}
		v.Data = b[8 : 8+size : 8+size]
		return v, nil
	}
	v.Data, err = h.data(le.Uint32(b[8:]), size)
	return v, err
}

// data gives the bytes of a value, as many as there are.
func (h *Hive) data(at, size uint32) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	if size > maxData {
		return nil, damaged("%d bytes, more than the %d that are read", size, maxData)
	}
	b, err := h.cell(at, int(size))
	if err != nil {
		return nil, err
	}
	if size > segment && h.minor > 3 && len(b) >= 8 && string(b[:2]) == "db" {
		return h.segments(binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:]), size)
	}
	if uint32(len(b)) < size {
		return b, damaged("%d bytes of %d", len(b), size)
	}
	return b, nil
}

// segments puts together a value that lies in several cells.
func (h *Hive) segments(n uint16, at, size uint32) ([]byte, error) {
	list, err := h.cell(at, 4*int(n))
	if err != nil {
		return nil, fmt.Errorf("the list of %d segments: %w", n, err)
	}
	var all []byte
	for ; len(list) >= 4 && uint32(len(all)) < size; list = list[4:] {
		b, err := h.cell(binary.LittleEndian.Uint32(list), int(min(segment, size-uint32(len(all)))))
		if err != nil {
			return all, fmt.Errorf("segment at byte %d of %d: %w", len(all), size, err)
		}
		all = append(all, b...)
	}
	if uint32(len(all)) < size {
		return all, damaged("segments of %d bytes, of %d", len(all), size)
	}
	return all, nil
}

// name is a name in Latin-1, one byte a character, or in UTF-16LE.
func name(b []byte, latin bool) string {
	if !latin {
		return wtf8(b)
	}
	s := make([]byte, 0, len(b))
	for _, c := range b {
		s = utf8.AppendRune(s, rune(c))
	}
	return string(s)
}

// text is UTF-16LE up to the first NUL.
func text(b []byte) string {
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] == 0 && b[i+1] == 0 {
			return wtf8(b[:i])
		}
	}
	return wtf8(b)
}

// wtf8 gives UTF-16LE as WTF-8 (simonsapin.github.io/wtf-8), which keeps lone surrogates. A NUL ends nothing; an odd byte
// at the end is left out.
func wtf8(b []byte) string {
	s := make([]byte, 0, len(b))
	for ; len(b) >= 2; b = b[2:] {
		c := rune(binary.LittleEndian.Uint16(b))
		if c&^0x3ff == 0xd800 && len(b) >= 4 {
			if low := rune(binary.LittleEndian.Uint16(b[2:])); low&^0x3ff == 0xdc00 {
				s = utf8.AppendRune(s, (c-0xd800)<<10|(low-0xdc00)+0x10000)
				b = b[2:]
				continue
			}
		}
		if c&^0x7ff == 0xd800 {
			s = append(s, 0xe0|byte(c>>12), 0x80|byte(c>>6)&0x3f, 0x80|byte(c)&0x3f)
			continue
		}
		s = utf8.AppendRune(s, c)
	}
	return string(s)
}
