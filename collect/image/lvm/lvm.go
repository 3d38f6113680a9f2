// Package lvm reads the logical volumes of LVM2 out of the physical volumes that lie in an image: linear and striped
// ones. Others (mirrors, RAID, thin pools, caches, snapshots) are named and not read.
//
// The layout is that of lib/format_text/layout.h and of the text format of LVM2 (lvm2 2.03).
package lvm

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strings"

	"spor/collect/image/piece"
)

var le = binary.LittleEndian

const sector = 512

// Bounds of what is read.
const (
	maxText   = 16 << 20 // bytes of metadata
	maxRing   = 1 << 30
	maxSize   = 1 << 56
	maxPieces = 1 << 16  // of one logical volume
	maxAll    = 64 << 20 // bytes of metadata, of all physical volumes
	maxAreas  = 2        // of descriptions on one: as many as pvcreate makes
	maxNotes  = 100
	maxFound  = 1024 // logical volumes
)

// A Physical is a volume that LVM was given.
type Physical struct {
	io.ReaderAt
	Size int64  // bytes
	Name string // in words
}

// A Logical is a volume that LVM makes of others. It is safe for concurrent use.
type Logical struct {
	Group, Name string
	size        int64 // bytes
	segments    []segment
}

// A segment is a stretch of a logical volume that lies on one physical volume or on several in stripes.
type segment struct {
	start, size int64 // bytes
	stripe      int64 // bytes
	places      []place
}

// A place is where a segment, or each of its stripes, begins.
type place struct {
	from    io.ReaderAt // nil: the physical volume is missing
	at      int64
	missing string
}

// Size is that of the volume in bytes.
func (l *Logical) Size() int64 { return l.size }

// ReadAt implements io.ReaderAt.
func (l *Logical) ReadAt(p []byte, off int64) (int, error) {
	return piece.ReadAt(p, off, l.size, l.find)
}

func (l *Logical) find(off int64) (piece.Piece, error) {
	i, _ := slices.BinarySearchFunc(l.segments, off, func(s segment, off int64) int {
		if s.start+s.size <= off {
			return -1
		}
		return 1
	})
	if i == len(l.segments) || l.segments[i].start > off {
		return piece.Piece{}, piece.Damaged("no segment of %s/%s has byte %d", l.Group, l.Name, off)
	}
	s := &l.segments[i]
	at, left, which := off-s.start, s.size-(off-s.start), 0
	if n := int64(len(s.places)); n > 1 {
		stripe := at / s.stripe
		which = int(stripe % n)
		at, left = stripe/n*s.stripe+at%s.stripe, min(left, s.stripe-at%s.stripe)
	}
	p := s.places[which]
	if p.from == nil {
		return piece.Piece{}, fmt.Errorf("it lies on physical volume %s, which is not in the image", p.missing)
	}
	return piece.Piece{From: p.from, At: p.at + at, Length: left}, nil
}

// Names are those that /etc/fstab may call the volume by.
func (l *Logical) Names() []string {
	double := func(s string) string { return strings.ReplaceAll(s, "-", "--") }
	return []string{"/dev/" + l.Group + "/" + l.Name, "/dev/mapper/" + double(l.Group) + "-" + double(l.Name)}
}

func (l *Logical) String() string { return fmt.Sprintf("logical volume %s/%s", l.Group, l.Name) }

// A group is a volume group as the newest of its copies describes it.
type group struct {
	name     string
	sequence int64
	text     section
}

// Read finds the logical volumes on physical ones. What cannot be read of them is in the notes.
func Read(all []Physical) (volumes []*Logical, notes []string) {
	groups, there := map[string]group{}, map[string]Physical{}
	left := maxAll
	for _, p := range all {
		id, texts, err := p.read(&left)
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s (LVM): %v", p.Name, err))
		}
		if id != "" {
			there[id] = p
		}
		for _, text := range texts {
			g, err := parseGroup(text)
			if err != nil {
				notes = append(notes, fmt.Sprintf("%s (LVM): %v", p.Name, err))
				continue
			}
			if known, ok := groups[g.text.text("id")]; !ok || g.sequence > known.sequence {
				groups[g.text.text("id")] = g
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		found, said := groups[id].volumes(there)
		volumes, notes = append(volumes, found...), append(notes, said...)
	}
	if len(volumes) > maxFound {
		notes = slices.Insert(notes, 0, fmt.Sprintf("more than %d logical volumes: %d are not read", maxFound, len(volumes)-maxFound))
		volumes = volumes[:maxFound]
	}
	if len(notes) > maxNotes {
		notes = append(notes[:maxNotes], fmt.Sprintf("and %d more", len(notes)-maxNotes))
	}
	return volumes, notes
}

// checksum is that of LVM: CRC-32 that begins elsewhere and is not turned over at the end.
func checksum(b []byte) uint32 {
	const first = 0xf597a6cf
	return ^crc32.Update(^uint32(first), crc32.IEEETable, b)
}

// read gives the identity of a physical volume, without dashes, and the copies of the group's description on it.
// Left is how many bytes of them may still be read.
func (p Physical) read(left *int) (id string, texts []string, err error) {
	head := make([]byte, 4*sector)
	if err := piece.Full(p, head, 0); err != nil {
		return "", nil, err
	}
	label := []byte(nil)
	for at := 0; at < len(head) && label == nil; at += sector {
		if b := head[at : at+sector]; bytes.HasPrefix(b, []byte("LABELONE")) && checksum(b[20:]) == le.Uint32(b[16:]) {
			label = b
		}
	}
	if label == nil {
		return "", nil, piece.Damaged("no label that is whole")
	}
	at := int(le.Uint32(label[20:]))
	if at < 32 || at > sector-40 || string(label[24:32]) != "LVM2 001" {
		return "", nil, piece.Damaged("a label of %q", label[24:32])
	}
	id = string(label[at : at+32])
	areas := label[at+40:]
	for len(areas) >= 16 && le.Uint64(areas) != 0 { // of data
		areas = areas[16:]
	}
	if len(areas) < 16 {
		return id, nil, nil
	}
	areas = areas[16:]
	for n := 0; n < maxAreas && len(areas) >= 16 && le.Uint64(areas) != 0; n, areas = n+1, areas[16:] { // of descriptions
		text, bad := p.description(int64(le.Uint64(areas)))
		if *left -= len(text); *left < 0 {
			return id, texts, fmt.Errorf("more than %d bytes of descriptions", maxAll)
		}
		if bad == nil && text != "" {
			texts = append(texts, text)
		}
		err = errors.Join(err, bad)
	}
	if len(texts) > 0 { // one that is whole is enough
		err = nil
	}
	return id, texts, err
}

// description reads the text of an area, which is a ring behind a head of one sector. Empty: there is none.
func (p Physical) description(at int64) (string, error) {
	b := make([]byte, sector)
	if err := piece.Full(p, b, at); err != nil {
		return "", err
	}
	if string(b[4:20]) != " LVM2 x[5A%r0N*>" || checksum(b[4:]) != le.Uint32(b) {
		return "", piece.Damaged("the head of a description at byte %d", at)
	}
	ring, from, length := int64(le.Uint64(b[32:])), int64(le.Uint64(b[40:])), int64(le.Uint64(b[48:]))
	if from == 0 && length == 0 {
		return "", nil
	}
	if ring < sector || ring > maxRing || from < sector || from >= ring || length <= 0 || length > min(maxText, ring-sector) {
		return "", piece.Damaged("a description of %d bytes at %d in %d", length, from, ring)
	}
	text := make([]byte, length)
	first := min(length, ring-from)
	if err := piece.Full(p, text[:first], at+from); err != nil {
		return "", err
	}
	if err := piece.Full(p, text[first:], at+sector); err != nil {
		return "", err
	}
	if checksum(text) != le.Uint32(b[56:]) {
		return "", piece.Damaged("the checksum of the description at byte %d", at)
	}
	return string(bytes.TrimRight(text, "\x00")), nil
}

// volumes gives the visible volumes of a group.
func (g group) volumes(there map[string]Physical) (all []*Logical, notes []string) {
	extent := g.text.number("extent_size") * sector
	if extent <= 0 || extent > maxSize/sector {
		return nil, []string{fmt.Sprintf("volume group %s: extents of %d bytes", g.name, extent)}
	}
	physical := map[string]place{}
	for name, v := range g.text.section("physical_volumes").sections {
		id := strings.ReplaceAll(v.text("id"), "-", "")
		p := place{at: v.number("pe_start") * sector, missing: v.text("id")}
		if found, ok := there[id]; ok {
			p.from = found
		} else {
			notes = append(notes, fmt.Sprintf("volume group %s: physical volume %s is not in the image", g.name, p.missing))
		}
		physical[name] = p
	}
	list := g.text.section("logical_volumes").sections
	for _, name := range slices.Sorted(maps.Keys(list)) {
		l, err := logical(list[name], extent, physical)
		if !slices.Contains(list[name].lists["status"], "VISIBLE") {
			continue
		}
		if err != nil {
			notes = append(notes, fmt.Sprintf("logical volume %s/%s is not read: %v", g.name, name, err))
			continue
		}
		l.Group, l.Name = g.name, name
		all = append(all, l)
	}
	return all, notes
}

// logical reads the segments of a volume.
func logical(s section, extent int64, physical map[string]place) (*Logical, error) {
	l := &Logical{}
	for _, part := range s.sections {
		start, count := part.number("start_extent"), part.number("extent_count")
		if start < 0 || count <= 0 || start > maxSize/extent || count > maxSize/extent {
			return nil, piece.Damaged("%d extents from %d", count, start)
		}
		if kind := part.text("type"); kind != "striped" {
			return nil, fmt.Errorf("it is of kind %q", kind)
		}
		piece := segment{start: start * extent, size: count * extent, stripe: part.number("stripe_size") * sector}
		stripes := part.lists["stripes"]
		for ; len(stripes) >= 2; stripes = stripes[2:] {
			p, ok := physical[stripes[0]]
			at := integer(stripes[1])
			if !ok || at < 0 || at > maxSize/extent {
				return nil, fmt.Errorf("a stripe on %q at extent %d", stripes[0], at)
			}
			p.at += at * extent
			piece.places = append(piece.places, p)
		}
		if n := len(piece.places); n == 0 || n > 1 && (piece.stripe <= 0 || piece.stripe > maxSize) {
			return nil, fmt.Errorf("%d stripes of %d bytes", n, piece.stripe)
		}
		if l.segments = append(l.segments, piece); len(l.segments) > maxPieces {
			return nil, fmt.Errorf("more than %d segments", maxPieces)
		}
		l.size = max(l.size, piece.start+piece.size)
	}
	slices.SortFunc(l.segments, func(a, b segment) int { return cmp.Compare(a.start, b.start) })
	if l.size == 0 {
		return nil, errors.New("it has no segments")
	}
	return l, nil
}
