// Package hivetest makes registry hives and their logs for tests, of the same description of the format that package
// hive reads them by.
package hivetest

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// A Key is a key to be made. One whose only value is of type REG_LINK (6) is a link.
type Key struct {
	Name    string
	Written time.Time // zero: that of the key above
	Values  []Value
	Keys    []*Key
}

// A Value is a value to be made.
type Value struct {
	Name string
	Type uint32
	Data []byte
}

// Text is a value REG_SZ; Expand one with variables.
func Text(name, s string) Value { return Value{name, 1, UTF16(s + "\x00")} }

// Expand is a value REG_EXPAND_SZ.
func Expand(name, s string) Value { return Value{name, 2, UTF16(s + "\x00")} }

// Texts is a value REG_MULTI_SZ.
func Texts(name string, all ...string) Value {
	return Value{name, 7, UTF16(strings.Join(all, "\x00") + "\x00\x00")}
}

// Number is a value REG_DWORD.
func Number(name string, n uint32) Value {
	return Value{name, 4, binary.LittleEndian.AppendUint32(nil, n)}
}

// UTF16 is text in UTF-16LE.
func UTF16(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// At gives the key at a path below k, made where it is not there.
func (k *Key) At(path string) *Key {
	at := k
	for name := range strings.SplitSeq(path, `\`) {
		i := slices.IndexFunc(at.Keys, func(k *Key) bool { return strings.EqualFold(k.Name, name) })
		if i < 0 {
			i = len(at.Keys)
			at.Keys = append(at.Keys, &Key{Name: name})
		}
		at = at.Keys[i]
	}
	return at
}

// Set adds values to the key at a path below k.
func (k *Key) Set(path string, values ...Value) {
	at := k.At(path)
	at.Values = append(at.Values, values...)
}

const (
	headSize = 4096
	segment  = 16344
	none     = 0xffffffff
)

// A maker puts cells one after the other into bins.
type maker struct {
	bins []byte
	time time.Time
	sk   uint32
}

// Hive is a hive of version 1.5 whose root is k. Its keys lie in lists of the kind lh, more than 500 in a list of lists.
func Hive(k *Key) []byte {
	m := &maker{bins: make([]byte, 32), time: time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)}
	copy(m.bins, "hbin")
	sk := make([]byte, 20, 40)
	copy(sk, "sk")
	binary.LittleEndian.PutUint32(sk[16:], 20)
	m.sk = m.cell(append(sk, append([]byte{1, 0, 4, 0x80}, make([]byte, 16)...)...))
	root := m.key(k, none, true)
	return finish(m.bins, root)
}

// finish pads the bins and puts the head in front.
func finish(bins []byte, root uint32) []byte {
	le := binary.LittleEndian
	if rest := len(bins) % 4096; rest > 0 {
		free := 4096 - rest
		bins = le.AppendUint32(bins, uint32(free))
		bins = append(bins, make([]byte, free-4)...)
	}
	le.PutUint32(bins[8:], uint32(len(bins)))
	b := make([]byte, headSize, headSize+len(bins))
	copy(b, "regf")
	for at, n := range map[int]uint32{4: 7, 8: 7, 20: 1, 24: 5, 32: 1, 36: root, 40: uint32(len(bins)), 44: 1} {
		le.PutUint32(b[at:], n)
	}
	copy(b[48:], UTF16(`\config\MADE`))
	return append(Sum(b), bins...)
}

// Sum puts the checksum into a head.
func Sum(b []byte) []byte {
	sum := uint32(0)
	for i := 0; i < 508; i += 4 {
		sum ^= binary.LittleEndian.Uint32(b[i:])
	}
	binary.LittleEndian.PutUint32(b[508:], sum)
	return b
}

func (m *maker) cell(b []byte) uint32 {
	at := len(m.bins)
	size := (len(b) + 4 + 7) / 8 * 8
	m.bins = binary.LittleEndian.AppendUint32(m.bins, uint32(-int32(size)))
	m.bins = append(append(m.bins, b...), make([]byte, size-4-len(b))...)
	return uint32(at)
}

func (m *maker) key(k *Key, above uint32, root bool) uint32 {
	le := binary.LittleEndian
	was := m.time
	if !k.Written.IsZero() {
		m.time = k.Written
	}
	defer func() { m.time = was }()
	name, latin := encode(k.Name)
	b := make([]byte, 76)
	copy(b, "nk")
	flags := uint16(0)
	if latin {
		flags |= 0x20
	}
	if root {
		flags |= 0x0c
	}
	if len(k.Values) == 1 && k.Values[0].Type == 6 {
		flags |= 0x10
	}
	le.PutUint16(b[2:], flags)
	le.PutUint64(b[4:], uint64(m.time.Unix()+11_644_473_600)*1e7+uint64(m.time.Nanosecond()/100))
	for at, n := range map[int]uint32{16: above, 20: uint32(len(k.Keys)), 28: none, 32: none, 36: uint32(len(k.Values)), 40: none, 44: m.sk, 48: none} {
		le.PutUint32(b[at:], n)
	}
	le.PutUint16(b[72:], uint16(len(name)))
	own := m.cell(append(b, name...))
	if len(k.Values) > 0 {
		var list []byte
		for _, v := range k.Values {
			list = le.AppendUint32(list, m.value(v))
		}
		at := m.cell(list)
		le.PutUint32(m.bins[own+4+40:], at)
	}
	if len(k.Keys) > 0 {
		at := m.list(k, own)
		le.PutUint32(m.bins[own+4+28:], at)
	}
	return own
}

// list makes the keys below k, in order of their names as the format wants it.
func (m *maker) list(k *Key, own uint32) uint32 {
	le := binary.LittleEndian
	sorted := slices.SortedFunc(slices.Values(k.Keys), func(a, b *Key) int {
		return strings.Compare(strings.ToUpper(a.Name), strings.ToUpper(b.Name))
	})
	var lists []uint32
	for part := range slices.Chunk(sorted, 500) {
		b := le.AppendUint16([]byte("lh"), uint16(len(part)))
		for _, sub := range part {
			hash := uint32(0)
			for _, r := range utf16.Encode([]rune(strings.ToUpper(sub.Name))) {
				hash = hash*37 + uint32(r)
			}
			b = le.AppendUint32(le.AppendUint32(b, m.key(sub, own, false)), hash)
		}
		lists = append(lists, m.cell(b))
	}
	if len(lists) == 1 {
		return lists[0]
	}
	b := le.AppendUint16([]byte("ri"), uint16(len(lists)))
	for _, at := range lists {
		b = le.AppendUint32(b, at)
	}
	return m.cell(b)
}

func (m *maker) value(v Value) uint32 {
	le := binary.LittleEndian
	name, latin := encode(v.Name)
	b := make([]byte, 20)
	copy(b, "vk")
	le.PutUint16(b[2:], uint16(len(name)))
	le.PutUint32(b[12:], v.Type)
	if latin {
		b[16] = 1
	}
	size := uint32(len(v.Data))
	switch {
	case size <= 4:
		copy(b[8:], v.Data)
		size |= 1 << 31
	case size <= segment:
		le.PutUint32(b[8:], m.cell(v.Data))
	default:
		var list []byte
		for part := range slices.Chunk(v.Data, segment) {
			list = le.AppendUint32(list, m.cell(part))
		}
		db := le.AppendUint16([]byte("db"), uint16(len(list)/4))
		le.PutUint32(b[8:], m.cell(le.AppendUint32(db, m.cell(list))))
	}
	le.PutUint32(b[4:], size)
	return m.cell(append(b, name...))
}

// encode gives a name in Latin-1 where that has its characters, else in UTF-16LE.
func encode(s string) (b []byte, latin bool) {
	for _, r := range s {
		if r > 0xff {
			return UTF16(s), false
		}
		b = append(b, byte(r))
	}
	return b, true
}

// Torn gives a hive that was written to up to where it is `before` on the disk, and the log that makes it `after`: an
// entry with every sector that differs, numbered from sequence.
func Torn(before, after []byte, sequence uint32) (dirty, log []byte) {
	le := binary.LittleEndian
	dirty = slices.Clone(before)
	le.PutUint32(dirty[4:], sequence+1)
	le.PutUint32(dirty[8:], sequence)
	Sum(dirty)
	log = slices.Clone(dirty[:512])
	le.PutUint32(log[28:], 6)
	Sum(log)
	return dirty, append(log, Entry(before, after, sequence)...)
}

// Entry is one entry of a log: what differs between two hives.
func Entry(before, after []byte, sequence uint32) []byte {
	le := binary.LittleEndian
	var refs, data []byte
	for off := headSize; off < len(after); off += 512 {
		page := after[off : off+512]
		if off+512 <= len(before) && string(before[off:off+512]) == string(page) {
			continue
		}
		refs = le.AppendUint32(le.AppendUint32(refs, uint32(off-headSize)), 512)
		data = append(data, page...)
	}
	b := make([]byte, 40, 40+len(refs)+len(data)+512)
	copy(b, "HvLE")
	le.PutUint32(b[12:], sequence)
	le.PutUint32(b[16:], uint32(len(after)-headSize))
	le.PutUint32(b[20:], uint32(len(refs)/8))
	b = append(append(b, refs...), data...)
	b = append(b, make([]byte, (512-len(b)%512)%512)...)
	le.PutUint32(b[4:], uint32(len(b)))
	le.PutUint64(b[24:], marvin(b[40:]))
	le.PutUint64(b[32:], marvin(b[:32]))
	return b
}

// OldLog is the log of the format before Windows 8.1 that makes one hive of another.
func OldLog(before, after []byte, sequence uint32) []byte {
	le := binary.LittleEndian
	log := slices.Clone(after[:512])
	for at, n := range map[int]uint32{4: sequence, 8: sequence, 28: 1} {
		le.PutUint32(log[at:], n)
	}
	Sum(log)
	sectors := (len(after) - headSize) / 512
	bitmap, data := make([]byte, (sectors+7)/8), []byte(nil)
	for i := range sectors {
		off := headSize + 512*i
		if page := after[off : off+512]; off+512 > len(before) || string(before[off:off+512]) != string(page) {
			bitmap[i/8] |= 1 << (i % 8)
			data = append(data, page...)
		}
	}
	log = append(append(log, "DIRT"...), bitmap...)
	log = append(log, make([]byte, (512-len(log)%512)%512)...)
	return append(log, data...)
}

// marvin is Marvin32 with the seed of registry logs.
func marvin(b []byte) uint64 {
	p0, p1 := uint32(0x7a4e55c5), uint32(0x82ef4d88)
	block := func(v uint32) {
		p0 += v
		p1 ^= p0
		p0 = bits.RotateLeft32(p0, 20) + p1
		p1 = bits.RotateLeft32(p1, 9) ^ p0
		p0 = bits.RotateLeft32(p0, 27) + p1
		p1 = bits.RotateLeft32(p1, 19)
	}
	whole := len(b) / 4 * 4
	for i := 0; i < whole; i += 4 {
		block(binary.LittleEndian.Uint32(b[i:]))
	}
	last := append(append([]byte{}, b[whole:]...), 0x80, 0, 0, 0)
	block(binary.LittleEndian.Uint32(last))
	block(0)
	return uint64(p1)<<32 | uint64(p0)
}
