package rawfile

import (
	"encoding/binary"
	"errors"
	"slices"
	"unicode"

	"spor/collect/winapi"
)

// Types of attributes.
const (
	typeStandard = 0x10
	typeList     = 0x20
	typeName     = 0x30
	typeObject   = 0x40
	typeSecurity = 0x50
	typeData     = 0x80
	typeRoot     = 0x90
	typeIndex    = 0xa0
	typeReparse  = 0xc0
	typeEnd      = 0xffffffff
)

// Flags of attributes.
const (
	flagCompressed = 0x00ff // the method; 1 is LZNT1
	flagEncrypted  = 0x4000
)

// Flags of records.
const (
	inUse       = 1
	isDirectory = 2
)

// Bounds of one file.
const (
	maxList    = 1 << 20 // bytes of an attribute list; Windows makes at most 256 KiB
	maxRecords = 1 << 14 // that one list leads to
	maxAttrs   = 1 << 16
	maxRuns    = 1 << 20
)

// fixUp puts back what the update sequence replaced at the end of each 512 bytes of a record or an index block; what
// does not fit was written in part only.
func fixUp(b []byte, magic string) error {
	if string(b[:4]) != magic {
		return damaged("%q where %s should be", b[:4], magic)
	}
	at, count := int(binary.LittleEndian.Uint16(b[4:])), int(binary.LittleEndian.Uint16(b[6:]))
	if count != len(b)/512+1 || at < 8 || at+2*count > len(b) {
		return damaged("update sequence of %d at %d", count, at)
	}
	seq := b[at : at+2*count]
	for i := 1; i < count; i++ {
		end := b[512*i-2 : 512*i]
		if end[0] != seq[0] || end[1] != seq[1] {
			return damaged("torn at byte %d: the update sequence does not fit", 512*i)
		}
		end[0], end[1] = seq[2*i], seq[2*i+1]
	}
	return nil
}

// An attr is one attribute, or one piece of it.
type attr struct {
	kind  uint32
	flags uint16
	name  string // WTF-8
	value []byte // of a resident one
	// Of one whose content is elsewhere:
	away        bool
	first, last int64  // the clusters of the content this piece tells of
	pairs       []byte // its run list
	unit        uint8  // log2 of a compression unit, in clusters
	size, valid int64  // bytes: of the content, and of that what was ever written
}

// attrs reads the attributes of a record. Those before the first damaged one are returned with the error.
func attrs(b []byte) (all []attr, err error) {
	le := binary.LittleEndian
	at, used := int(le.Uint16(b[0x14:])), int(min(le.Uint32(b[0x18:]), uint32(len(b))))
	for at+4 <= used && le.Uint32(b[at:]) != typeEnd {
		if at+24 > used {
			return all, damaged("an attribute at %d of %d", at, used)
		}
		size := int(le.Uint32(b[at+4:]))
		if size < 24 || size%8 != 0 || size > used-at {
			return all, damaged("an attribute of %d bytes at %d of %d", size, at, used)
		}
		a, err := attribute(b[at : at+size])
		if err != nil {
			return all, err
		}
		all = append(all, a)
		at += size
	}
	return all, nil
}

func attribute(b []byte) (a attr, err error) {
	le := binary.LittleEndian
	a = attr{kind: le.Uint32(b), flags: le.Uint16(b[12:]), away: b[8] != 0}
	if n, at := 2*int(b[9]), int(le.Uint16(b[10:])); n > 0 {
		if at+n > len(b) {
			return a, damaged("the name of attribute %#x", a.kind)
		}
		a.name = winapi.Decode(units(b[at : at+n]))
	}
	if !a.away {
		n, at := int64(le.Uint32(b[16:])), int64(le.Uint16(b[20:]))
		if at+n > int64(len(b)) {
			return a, damaged("the value of attribute %#x: %d bytes at %d of %d", a.kind, n, at, len(b))
		}
		a.value = b[at : at+n]
		a.size, a.valid = n, n
		return a, nil
	}
	if len(b) < 64 {
		return a, damaged("attribute %#x of %d bytes", a.kind, len(b))
	}
	a.first, a.last = int64(le.Uint64(b[16:])), int64(le.Uint64(b[24:]))
	a.unit = b[34]
	a.size, a.valid = int64(le.Uint64(b[48:])), int64(le.Uint64(b[56:]))
	at := int(le.Uint16(b[32:]))
	if at < 64 || at > len(b) || a.first < 0 || a.last < -1 {
		return a, damaged("the run list of attribute %#x", a.kind)
	}
	if a.first == 0 && (a.size < 0 || a.valid < 0 || a.valid > a.size || a.size > 1<<62) {
		return a, damaged("attribute %#x has %d bytes, of which %d were written", a.kind, a.size, a.valid)
	}
	a.pairs = b[at:]
	return a, nil
}

func units(b []byte) []uint16 {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return u
}

// A reference names a record, and which of the files that had it one after the other is meant.
type reference struct {
	record   uint64
	sequence uint16
}

func readReference(b []byte) reference {
	n := binary.LittleEndian.Uint64(b)
	return reference{n & (1<<48 - 1), uint16(n >> 48)}
}

// A node is a file: its base record with what others hold of it.
type node struct {
	reference
	v     *Volume
	flags uint16
	links uint16
	base  reference // not zero: this record is part of another file
	attrs []attr
	seen  map[uint64]bool // records that its list led to
}

// readRecord reads a record as it is, with its update sequence undone.
func (v *Volume) readRecord(n uint64) ([]byte, error) {
	if n >= v.Records() {
		return nil, damaged("record %d of %d", n, v.Records())
	}
	b := make([]byte, v.record)
	if _, err := v.mft.ReadAt(b, int64(n)*int64(v.record)); err != nil {
		return nil, err
	}
	return b, fixUp(b, "FILE")
}

// parse reads what one record says.
func (v *Volume) parse(n uint64, b []byte) (*node, error) {
	le := binary.LittleEndian
	nd := &node{
		v: v, reference: reference{n, le.Uint16(b[0x10:])}, links: le.Uint16(b[0x12:]), flags: le.Uint16(b[0x16:]),
		base: readReference(b[0x20:]),
	}
	var err error
	nd.attrs, err = attrs(b)
	return nd, err
}

// node reads a file whole, in use or not.
func (v *Volume) node(n uint64) (*node, error) {
	b, err := v.readRecord(n)
	if err != nil {
		return nil, err
	}
	nd, err := v.parse(n, b)
	if err != nil {
		return nil, err
	}
	if nd.base.record != 0 {
		return nil, damaged("record %d is a part of file %d", n, nd.base.record)
	}
	return nd, nd.followList(v)
}

// followList adds what other records hold of the file. A record that belongs to another file by now adds nothing, which
// shows where pieces do not fit together.
func (n *node) followList(v *Volume) error {
	i := slices.IndexFunc(n.attrs, func(a attr) bool { return a.kind == typeList })
	if i < 0 {
		return nil
	}
	list, err := n.content(typeList, "", maxList)
	if err != nil {
		return err
	}
	if n.seen == nil {
		n.seen = map[uint64]bool{n.record: true}
	}
	for at := 0; at+26 <= len(list); {
		size := int(binary.LittleEndian.Uint16(list[at+4:]))
		if size < 26 || size > len(list)-at {
			return damaged("an entry of %d bytes in an attribute list", size)
		}
		ref := readReference(list[at+16:])
		at += size
		if n.seen[ref.record] || ref.record >= v.Records() || v.mft.covered < int64(ref.record+1)*int64(v.record) {
			continue
		}
		if len(n.seen) >= maxRecords || len(n.attrs) >= maxAttrs {
			return damaged("an attribute list that leads to more than %d records", len(n.seen))
		}
		n.seen[ref.record] = true
		b, err := v.readRecord(ref.record)
		if err != nil {
			return err
		}
		part, err := v.parse(ref.record, b)
		if err != nil {
			return err
		}
		if part.base == n.reference || part.base.record == n.record && n.flags&inUse == 0 {
			n.attrs = append(n.attrs, part.attrs...)
		}
	}
	return nil
}

// content is the whole value of an attribute that is not meant to be large.
func (n *node) content(kind uint32, name string, most int64) ([]byte, error) {
	s := n.stream(kind, name)
	switch {
	case s == nil:
		return nil, damaged("record %d has no attribute %#x", n.record, kind)
	case s.size > most:
		return nil, damaged("attribute %#x of %d bytes, the most is %d", kind, s.size, most)
	}
	if err := s.map_(); err != nil {
		return nil, err
	}
	if s.covered < s.size { // no memory for what is not there
		return nil, damaged("attribute %#x has %d bytes, its run list %d", kind, s.size, s.covered)
	}
	b := make([]byte, s.size)
	_, err := s.ReadAt(b, 0)
	return b, err
}

// stream gives the attribute of a type and name, put together of its pieces; nil where there is none.
func (n *node) stream(kind uint32, name string) *stream {
	var s *stream
	for i := range n.attrs {
		a := &n.attrs[i]
		if a.kind != kind || a.name != name {
			continue
		}
		if s == nil {
			s = &stream{v: n.v, size: -1}
		}
		if !a.away {
			s.resident, s.size, s.valid, s.flags, s.covered = a.value, a.size, a.size, a.flags, a.size
			s.isResident = true
			return s
		}
		if a.first == 0 {
			s.size, s.valid, s.flags, s.unit = a.size, a.valid, a.flags, a.unit
		}
		s.pieces = append(s.pieces, a)
	}
	if s != nil && s.size < 0 {
		s.size, s.torn = 0, true
	}
	return s
}

// names are the names of the file's streams of content, the main one's being empty.
func (n *node) streams() []string {
	var names []string
	for i := range n.attrs {
		if a := &n.attrs[i]; a.kind == typeData && (!a.away || a.first == 0) && !slices.Contains(names, a.name) {
			names = append(names, a.name)
		}
	}
	return names
}

// standard is $STANDARD_INFORMATION.
type standard struct {
	times      Times
	attributes uint32
	security   uint32 // which entry of $Secure; zero: of an old volume
}

func (n *node) standard() (s standard) {
	for i := range n.attrs {
		if a := &n.attrs[i]; a.kind == typeStandard && len(a.value) >= 48 {
			s.times = readTimes(a.value)
			s.attributes = binary.LittleEndian.Uint32(a.value[32:])
			if len(a.value) >= 72 {
				s.security = binary.LittleEndian.Uint32(a.value[52:])
			}
			break
		}
	}
	return s
}

// A fileName is $FILE_NAME, as a record or an index holds it.
type fileName struct {
	parent     reference
	times      Times
	size       int64
	attributes uint32
	reparse    uint32
	namespace  uint8
	units      []uint16
}

// namespaceDOS marks the short name that stands beside a long one.
const namespaceDOS = 2

var errName = errors.New("a file name is cut off")

func readFileName(b []byte) (f fileName, err error) {
	if len(b) < 66 || len(b) < 66+2*int(b[64]) {
		return f, errName
	}
	le := binary.LittleEndian
	return fileName{
		parent: readReference(b), times: readTimes(b[8:]), size: int64(le.Uint64(b[48:])),
		attributes: le.Uint32(b[56:]), reparse: le.Uint32(b[60:]), namespace: b[65],
		units: units(b[66 : 66+2*int(b[64])]),
	}, nil
}

// fileNames are all names of the file, the short ones left out where there are others.
func (n *node) fileNames() []fileName {
	var names, short []fileName
	for i := range n.attrs {
		if n.attrs[i].kind != typeName {
			continue
		}
		f, err := readFileName(n.attrs[i].value)
		switch {
		case err != nil:
		case f.namespace == namespaceDOS:
			short = append(short, f)
		default:
			names = append(names, f)
		}
	}
	if names == nil {
		return short
	}
	return names
}

// upperUnicode is a letter's upper case where the volume does not tell.
func upperUnicode(c uint16) uint16 {
	if r := unicode.ToUpper(rune(c)); r < 0x10000 {
		return uint16(r)
	}
	return c
}
