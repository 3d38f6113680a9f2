package ewf

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"spor/collect/image/piece"
)

// A segment is one file of an image.
type segment struct {
	d       *Disk
	r       io.ReaderAt
	size    int64 // bytes
	number  int
	sectors int64 // where the last section with chunks ended
}

// descriptorSize is that of what begins every section.
const descriptorSize = 76

// read goes through the sections of a segment, and tells whether another segment follows.
func (s *segment) read() (more bool, err error) {
	head := make([]byte, 13)
	if err := piece.Full(s.r, head, 0); err != nil {
		return false, err
	}
	switch {
	case bytes.HasPrefix(head, []byte(Magic2)):
		return false, ErrVersion2
	case !bytes.HasPrefix(head, []byte(Magic)):
		return false, piece.Damaged("it does not begin as one of E01 does")
	case int(le.Uint16(head[9:])) != s.number:
		return false, piece.Damaged("it is segment %d by its own word", le.Uint16(head[9:]))
	}
	b := make([]byte, descriptorSize)
	for at, turn := int64(13), 0; turn < maxSections; turn++ {
		if err := piece.Full(s.r, b, at); err != nil {
			return true, err
		}
		if sum(b[:72]) != le.Uint32(b[72:]) {
			return true, piece.Damaged("the checksum of the section at byte %d", at)
		}
		kind, _, _ := strings.Cut(string(b[:16]), "\x00")
		next := int64(le.Uint64(b[16:]))
		switch kind {
		case "next":
			return true, nil
		case "done":
			return false, nil
		}
		if next <= at+descriptorSize-1 || next > s.size { // sections go forward
			return true, piece.Damaged("section %q at byte %d leads to byte %d", kind, at, next)
		}
		if err := s.section(kind, at+descriptorSize, next); err != nil {
			s.d.note("segment %d, section %q: %v", s.number, kind, err)
		}
		at = next
	}
	return false, piece.Damaged("more than %d sections", maxSections)
}

// section reads what lies in a section, between two places.
func (s *segment) section(kind string, from, end int64) error {
	switch kind {
	case "volume", "disk", "data":
		if s.d.chunk == 0 {
			return s.volume(from, end)
		}
	case "sectors":
		s.sectors = end
	case "table":
		return s.table(from, end)
	case "table2": // the copy of the table before
		if k := len(s.d.tables) - 1; k >= 0 && s.d.tables[k].segment == s.number {
			return s.copied(&s.d.tables[k], from, end)
		}
	case "error2":
		return s.errors(from, end)
	case "header", "header2":
		return s.header(kind, from, end)
	case "hash", "digest":
		return s.hashes(kind, from, end)
	}
	return nil
}

// volume reads what the disk measures: 1052 bytes, or 94 of SMART.
func (s *segment) volume(from, end int64) error {
	b := make([]byte, min(end-from, 1052))
	if len(b) < 94 {
		return piece.Damaged("%d bytes", len(b))
	}
	if err := piece.Full(s.r, b, from); err != nil {
		return err
	}
	if sum(b[:len(b)-4]) != le.Uint32(b[len(b)-4:]) {
		return piece.Damaged("its checksum is wrong")
	}
	per, sector, count := int64(le.Uint32(b[8:])), int64(le.Uint32(b[12:])), le.Uint64(b[16:])
	if len(b) < 1052 {
		count &= 1<<32 - 1
	}
	if sector < 128 || sector > 1<<16 || per < 1 || per > maxChunk/sector || count < 1 || count > uint64(maxSize/sector) {
		return piece.Damaged("%d sectors of %d bytes, %d in a chunk", count, sector, per)
	}
	s.d.chunks.Most = int(max(2, min(64, 8<<20/(per*sector))))
	s.d.sector, s.d.chunk, s.d.size = sector, per*sector, int64(count)*sector
	return nil
}

// tableHead reads the 24 bytes before the entries of a table.
func (s *segment) tableHead(from, end int64) (count, base int64, err error) {
	b := make([]byte, 24)
	if err := piece.Full(s.r, b, from); err != nil {
		return 0, 0, err
	}
	count, base = int64(le.Uint32(b)), int64(le.Uint64(b[8:]))
	if sum(b[:20]) != le.Uint32(b[20:]) {
		return 0, 0, piece.Damaged("the checksum of its head is wrong")
	}
	if count > maxEntries || 24+4*count > end-from || base < 0 || base > s.size {
		return 0, 0, piece.Damaged("%d entries from byte %d, in %d bytes", count, base, end-from)
	}
	return count, base, nil
}

func (s *segment) table(from, end int64) error {
	count, base, err := s.tableHead(from, end)
	t := table{from: s.r, segment: s.number, count: count, at: from + 24, base: base, end: s.sectors, summed: 24+4*count+4 <= end-from}
	if t.end == 0 { // SMART keeps chunks behind the table, in its section
		t.end, t.summed = end, false
	}
	if k := len(s.d.tables); k > 0 {
		before := s.d.tables[k-1]
		t.first = before.first + before.count
		s.d.torn = s.d.torn || before.count == 0
	}
	if s.d.torn {
		return piece.Damaged("which chunks it names is not known, as one before it is lost")
	}
	if len(s.d.tables) == maxTables {
		return fmt.Errorf("more than %d tables", maxTables)
	}
	s.d.tables = append(s.d.tables, t) // where damaged it has no chunks until its copy is read
	return err
}

// copied adds the copy of a table's entries, and what the table could not say of itself.
func (s *segment) copied(t *table, from, end int64) error {
	count, base, err := s.tableHead(from, end)
	switch {
	case err != nil:
		return err
	case t.count == 0:
		t.count, t.base, t.at, t.summed = count, base, from+24, 24+4*count+4 <= end-from
	case count == t.count && base == t.base:
		t.again = from + 24
	}
	return nil
}

// errors reads the list of sectors that could not be read when the image was made.
func (s *segment) errors(from, end int64) error {
	b := make([]byte, min(end-from, 520+8*maxEntries))
	if len(b) < 520 {
		return piece.Damaged("%d bytes", len(b))
	}
	if err := piece.Full(s.r, b, from); err != nil {
		return err
	}
	count := int(le.Uint32(b))
	for b = b[520:]; count > 0 && len(b) >= 8 && len(s.d.bad) < maxEntries; count, b = count-1, b[8:] {
		if n := int64(le.Uint32(b[4:])); n > 0 {
			s.d.bad = append(s.d.bad, sectorRun{int64(le.Uint32(b)), n})
		}
	}
	return nil
}

// names of what a header tells, by the letters it has for them.
var headerNames = map[string]string{
	"c": "case", "n": "evidence", "a": "description", "e": "examiner", "t": "notes", "m": "acquired", "u": "system_date", "av": "program", "ov": "system", "md": "model", "sn": "serial",
}

// maxHeader bounds the text of a header, in bytes.
const maxHeader = 64 << 10

// header reads the text that the examiner gave: lines with tabs between fields, the third of names, the fourth of values.
func (s *segment) header(kind string, from, end int64) error {
	z, err := zlib.NewReader(io.NewSectionReader(s.r, from, end-from))
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(z, maxHeader))
	if err != nil {
		return err
	}
	text := string(b)
	if kind == "header2" {
		order := func(b []byte) uint16 { return le.Uint16(b) }
		if len(b) > 1 && b[0] == 0xfe {
			order = func(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }
		}
		units := make([]uint16, 0, len(b)/2)
		for ; len(b) >= 2; b = b[2:] {
			units = append(units, order(b))
		}
		text = string(utf16.Decode(units))
	}
	lines := strings.Split(strings.ReplaceAll(text, "\r", ""), "\n")
	if len(lines) < 4 {
		return nil
	}
	values := strings.Split(lines[3], "\t")
	for i, letter := range strings.Split(lines[2], "\t") {
		if name := headerNames[letter]; name != "" && i < len(values) && values[i] != "" && s.d.About[name] == "" {
			s.d.About[name] = values[i]
		}
	}
	return nil
}

// hashes reads the digests of the whole disk that its maker computed.
func (s *segment) hashes(kind string, from, end int64) error {
	b := make([]byte, 36)
	if end-from < int64(len(b)) {
		return piece.Damaged("%d bytes", end-from)
	}
	if err := piece.Full(s.r, b, from); err != nil {
		return err
	}
	s.d.About["md5"] = hex.EncodeToString(b[:16])
	if kind == "digest" && !bytes.Equal(b[16:], make([]byte, 20)) {
		s.d.About["sha1"] = hex.EncodeToString(b[16:])
	}
	return nil
}
