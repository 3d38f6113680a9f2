package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A Row is one of a table, valid until the next.
type Row struct {
	ID     int64   // its number; of a table without, zero
	Offset int64   // of its cell in the database file, or where that will be when the write-ahead log is worked in
	Values []Value // one for each column
	Cut    int64   // bytes over the bound, left out at the end
}

// A Value is that of a column. The zero Value is NULL.
type Value struct {
	Kind  Kind
	num   int64 // of Real, the bits
	bytes []byte
}

// A Kind is a storage class.
type Kind uint8

// The storage classes of SQLite (datatype3.html, 2).
const (
	Null Kind = iota
	Int
	Real
	Text
	Blob
)

// Int is a column as a number; 0 where it is none.
func (r *Row) Int(i int) int64 {
	if i < 0 || i >= len(r.Values) {
		return 0
	}
	switch v := r.Values[i]; v.Kind {
	case Int:
		return v.num
	case Real:
		return int64(math.Float64frombits(uint64(v.num)))
	default:
		n, _ := strconv.ParseInt(string(v.bytes), 10, 64)
		return n
	}
}

// Real is a column as a number; 0 where it is none.
func (r *Row) Real(i int) float64 {
	if i >= 0 && i < len(r.Values) && r.Values[i].Kind == Real {
		return math.Float64frombits(uint64(r.Values[i].num))
	}
	return float64(r.Int(i))
}

// Text is a column as UTF-8, a copy; empty where it is NULL.
func (r *Row) Text(i int) string {
	if i < 0 || i >= len(r.Values) {
		return ""
	}
	switch v := r.Values[i]; v.Kind {
	case Null:
		return ""
	case Int:
		return strconv.FormatInt(v.num, 10)
	case Real:
		return strconv.FormatFloat(math.Float64frombits(uint64(v.num)), 'g', -1, 64)
	default:
		return string(v.bytes)
	}
}

// Bytes are a column's bytes, valid until the next row; nil where it is a number or NULL.
func (r *Row) Bytes(i int) []byte {
	if i < 0 || i >= len(r.Values) {
		return nil
	}
	return r.Values[i].bytes
}

var (
	errTwice = errors.New("a page is used twice")
	errCell  = errors.New("a cell goes over the end of its page")
	errHead  = errors.New("a record has no head")
)

// Rows gives the rows of a table in the order of their numbers. An error stands for one page or one row, and the rows go
// on.
func (db *DB) Rows(t *Table) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		s := scan{DB: db, table: t, yield: yield, seen: make([]uint64, db.pages/64+1), rest: make([]byte, db.page)}
		s.tree(t.root, 0)
	}
}

// A scan goes through a tree.
type scan struct {
	*DB
	table   *Table
	yield   func(*Row, error) bool
	done    bool
	seen    []uint64 // pages, a bit each
	rest    []byte   // a page of what did not fit
	payload []byte
	row     Row
}

func (s *scan) fail(page uint32, err error) {
	s.done = s.done || !s.yield(nil, fmt.Errorf("table %q, page %d: %w", s.table.Name, page, err))
}

// once tells whether a page is met for the first time.
func (s *scan) once(page uint32) bool {
	if page == 0 || page > s.pages {
		return true // reading it tells
	}
	i, bit := page/64, uint64(1)<<(page%64)
	if s.seen[i]&bit != 0 {
		return false
	}
	s.seen[i] |= bit
	return true
}

// Kinds of pages (fileformat2.html, 1.6).
const (
	indexInner = 2
	tableInner = 5
	indexLeaf  = 10
	tableLeaf  = 13
)

// tree reads a page and those below it.
func (s *scan) tree(page uint32, depth int) {
	if !s.once(page) || depth > maxDepth {
		s.fail(page, errTwice)
		return
	}
	b := make([]byte, s.page)
	if err := s.read(page, b); err != nil {
		s.fail(page, err)
		return
	}
	head := 0
	if page == 1 {
		head = 100
	}
	kind, inner := b[head], 0
	switch kind {
	case tableInner, indexInner:
		inner = 4
	case tableLeaf, indexLeaf:
	default:
		s.fail(page, fmt.Errorf("a page of kind %d", kind))
		return
	}
	if (kind == indexInner || kind == indexLeaf) != s.table.noRowID {
		s.fail(page, fmt.Errorf("a page of kind %d in a table", kind))
		return
	}
	cells := int(binary.BigEndian.Uint16(b[head+3:]))
	for i := range cells {
		at := head + 8 + inner + 2*i
		if s.done || at+2 > s.use {
			break
		}
		cell := int(binary.BigEndian.Uint16(b[at:]))
		if cell+4 > s.use || cell < head+8 {
			s.fail(page, errCell)
			continue
		}
		if inner > 0 {
			s.tree(binary.BigEndian.Uint32(b[cell:]), depth+1)
		}
		if kind != tableInner && !s.done {
			s.cell(page, b[:s.use], cell+inner, s.offset(page)+int64(cell))
		}
	}
	if inner > 0 && !s.done {
		s.tree(binary.BigEndian.Uint32(b[head+8:]), depth+1)
	}
}

// cell gives the row of a cell.
func (s *scan) cell(page uint32, b []byte, at int, offset int64) {
	size, n := varint(b[at:])
	at += n
	id := int64(0)
	if n > 0 && !s.table.noRowID {
		var key uint64
		key, n = varint(b[at:])
		id, at = int64(key), at+n
	}
	if n == 0 || size > 1<<30 {
		s.fail(page, errCell)
		return
	}
	local := s.local(int(size))
	if at+local > len(b) {
		s.fail(page, errCell)
		return
	}
	payload := b[at : at+local]
	s.row = Row{ID: id, Offset: offset, Values: s.row.Values[:0]}
	if local < int(size) {
		if at+local+4 > len(b) {
			s.fail(page, errCell)
			return
		}
		s.payload = append(s.payload[:0], payload...)
		if err := s.overflow(binary.BigEndian.Uint32(b[at+local:]), int(size)); err != nil {
			s.fail(page, err)
			if s.done {
				return
			}
		}
		payload = s.payload
		s.row.Cut = int64(int(size) - len(payload))
	}
	if err := s.record(payload); err != nil {
		s.fail(page, err)
		return
	}
	s.done = !s.yield(&s.row, nil)
}

// local is how much of a payload its cell holds (fileformat2.html, 1.6).
func (s *scan) local(size int) int {
	most, least := s.use-35, (s.use-12)*32/255-23
	if s.table.noRowID {
		most = (s.use-12)*64/255 - 23
	}
	if size <= most {
		return size
	}
	if k := least + (size-least)%(s.use-4); k <= most {
		return k
	}
	return least
}

// overflow reads on a payload from the pages that hold the rest of it.
func (s *scan) overflow(page uint32, size int) error {
	for size = min(size, maxPayload); len(s.payload) < size; {
		if page == 0 {
			return errCell
		}
		if !s.once(page) {
			return errTwice
		}
		if err := s.read(page, s.rest); err != nil {
			return err
		}
		page = binary.BigEndian.Uint32(s.rest)
		s.payload = append(s.payload, s.rest[4:min(s.use, 4+size-len(s.payload))]...)
	}
	return nil
}

// record reads the values of a payload into the row (fileformat2.html, 2.1). Columns that it
// lacks were added later.
func (s *scan) record(b []byte) error {
	t := s.table
	s.row.Values = append(s.row.Values, make([]Value, len(t.Columns))...)
	size, n := varint(b)
	if n == 0 || size < uint64(n) || size > uint64(len(b)) {
		return errHead
	}
	head, body := b[n:size], b[size:]
	for i := range t.Columns {
		column := i
		if t.order != nil {
			column = t.order[i]
		}
		if len(head) == 0 {
			if t.unset != nil {
				s.row.Values[column] = t.unset[column]
			}
			continue
		}
		code, n := varint(head)
		if n == 0 {
			return errHead
		}
		head = head[n:]
		var v Value
		v, body = s.value(code, body)
		if column == t.id && v.Kind == Null {
			v = Value{Kind: Int, num: s.row.ID}
		}
		s.row.Values[column] = v
	}
	return nil
}

// value reads one value by its code. What is cut off is empty, or shorter.
func (s *scan) value(code uint64, b []byte) (Value, []byte) {
	switch {
	case code == 0 || code == 10 || code == 11:
		return Value{}, b
	case code == 8 || code == 9:
		return Value{Kind: Int, num: int64(code - 8)}, b
	case code == 7 && len(b) >= 8:
		return Value{Kind: Real, num: int64(binary.BigEndian.Uint64(b))}, b[8:]
	case code < 7:
		n := [...]int{0, 1, 2, 3, 4, 6, 8}[code]
		if n > len(b) {
			return Value{}, nil
		}
		num := int64(int8(b[0]))
		for _, c := range b[1:n] {
			num = num<<8 | int64(c)
		}
		return Value{Kind: Int, num: num}, b[n:]
	case code < 12:
		return Value{}, nil
	}
	n := int(min((code-12)/2, uint64(len(b))))
	if code&1 == 0 {
		return Value{Kind: Blob, bytes: b[:n]}, b[n:]
	}
	return Value{Kind: Text, bytes: s.utf8(b[:n])}, b[n:]
}

// utf8 gives a text of the database in UTF-8.
func (s *scan) utf8(b []byte) []byte {
	if s.text != 2 && s.text != 3 {
		return b
	}
	var order binary.ByteOrder = binary.LittleEndian
	if s.text == 3 {
		order = binary.BigEndian
	}
	out := make([]byte, 0, len(b))
	for i := 0; i+2 <= len(b); i += 2 {
		r := rune(order.Uint16(b[i:]))
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if i+4 <= len(b) {
				low = rune(order.Uint16(b[i+2:]))
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				i += 2
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// varint reads a number of one to nine bytes, big-endian, seven bits in each of the first eight; n is 0 where it is cut.
func varint(b []byte) (v uint64, n int) {
	for n < len(b) && n < 8 {
		v = v<<7 | uint64(b[n]&0x7f)
		if n++; b[n-1] < 0x80 {
			return v, n
		}
	}
	if n == 8 && len(b) > 8 {
		return v<<8 | uint64(b[8]), 9
	}
	return 0, 0
}
