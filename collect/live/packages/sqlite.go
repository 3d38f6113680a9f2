package packages

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// A sqlite is a database file of SQLite 3, read page by page and never written: tables alone, no index, no journal
// (sqlite.org/fileformat2.html).
type sqlite struct {
	r      io.ReaderAt
	page   int64  // bytes of a page
	usable int64  // of them for content
	pages  uint32 // in the file
}

const (
	maxSQLiteDepth = 24
	maxPayload     = 64 << 20 // bytes of one row: more than the header of any package
)

var errSQLite = errors.New("not a database of SQLite 3, or damaged")

func openSQLite(r io.ReaderAt, size int64) (*sqlite, error) {
	var head [100]byte
	if _, err := r.ReadAt(head[:], 0); err != nil || string(head[:16]) != "SQLite format 3\x00" {
		return nil, errSQLite
	}
	db := &sqlite{r: r, page: int64(binary.BigEndian.Uint16(head[16:]))}
	if db.page == 1 {
		db.page = 1 << 16
	}
	if db.page < 512 || db.page&(db.page-1) != 0 {
		return nil, errSQLite
	}
	db.usable = db.page - int64(head[20])
	db.pages = uint32(min(size/db.page, math.MaxUint32))
	if db.usable < 480 {
		return nil, errSQLite
	}
	return db, nil
}

func (db *sqlite) read(n uint32, buf []byte) error {
	if n == 0 || n > db.pages {
		return fmt.Errorf("page %d of %d: %w", n, db.pages, errSQLite)
	}
	_, err := db.r.ReadAt(buf, (int64(n)-1)*db.page)
	return err
}

// table finds the first page of a table in the schema, which is itself the table on page 1: type, name, table, page, sql.
func (db *sqlite) table(name string) (root uint32, err error) {
	err = db.rows(1, func(row []byte) error {
		v, err := columns(row)
		if err == nil && len(v) >= 4 && string(v[0].data) == "table" && string(v[1].data) == name {
			root = uint32(v[3].number)
		}
		return err
	})
	if err == nil && root == 0 {
		err = fmt.Errorf("no table %q", name)
	}
	return root, err
}

// rows calls with the record of each row of the table whose tree begins on a page. The record is only good until the next.
func (db *sqlite) rows(root uint32, use func(row []byte) error) error {
	w := &walk{db: db, left: db.pages + 1, use: use}
	return w.tree(root, 0)
}

// A walk goes through the tree of a table. Each page counts once, so that a tree that leads back into itself ends.
type walk struct {
	db      *sqlite
	left    uint32
	use     func(row []byte) error
	payload []byte
}

func (w *walk) tree(n uint32, depth int) error {
	if depth > maxSQLiteDepth || w.left == 0 {
		return fmt.Errorf("tree of pages too deep or going in circles: %w", errSQLite)
	}
	w.left--
	buf := make([]byte, w.db.page)
	if err := w.db.read(n, buf); err != nil {
		return err
	}
	head := buf
	if n == 1 {
		head = buf[100:]
	}
	cells := int(binary.BigEndian.Uint16(head[3:]))
	switch head[0] {
	case 0x0d: // leaf
		for i := range cells {
			cell, err := cellAt(buf, head[8:], i)
			if err == nil {
				err = w.leaf(cell)
			}
			if err != nil {
				return err
			}
		}
		return nil
	case 0x05: // interior: child page, row id
		for i := range cells {
			cell, err := cellAt(buf, head[12:], i)
			if err == nil && len(cell) < 4 {
				err = errSQLite
			}
			if err == nil {
				err = w.tree(binary.BigEndian.Uint32(cell), depth+1)
			}
			if err != nil {
				return err
			}
		}
		return w.tree(binary.BigEndian.Uint32(head[8:]), depth+1)
	}
	return fmt.Errorf("page %d is none of a table: %w", n, errSQLite)
}

func cellAt(page, pointers []byte, i int) ([]byte, error) {
	if 2*i+2 > len(pointers) {
		return nil, errSQLite
	}
	at := int(binary.BigEndian.Uint16(pointers[2*i:]))
	if at < 8 || at >= len(page) {
		return nil, errSQLite
	}
	return page[at:], nil
}

// leaf reads a cell: length of the record, row id, the record or its beginning, and the page where it goes on.
func (w *walk) leaf(cell []byte) error {
	length, n := varint(cell)
	_, m := varint(cell[n:])
	if n == 0 || m == 0 || length > maxPayload {
		return fmt.Errorf("row of %d bytes: %w", length, errSQLite)
	}
	cell = cell[n+m:]
	usable := w.db.usable
	local := int64(length)
	if most := usable - 35; local > most {
		least := (usable-12)*32/255 - 23
		if local = least + (int64(length)-least)%(usable-4); local > most {
			local = least
		}
	}
	if int64(len(cell)) < local {
		return errSQLite
	}
	if local == int64(length) {
		return w.use(cell[:local])
	}
	if int64(len(cell)) < local+4 {
		return errSQLite
	}
	next := binary.BigEndian.Uint32(cell[local:])
	w.payload = append(w.payload[:0], cell[:local]...)
	buf := make([]byte, w.db.page)
	for missing := int64(length) - local; missing > 0; next = binary.BigEndian.Uint32(buf) {
		if err := w.db.read(next, buf); err != nil {
			return err
		}
		part := min(missing, usable-4)
		w.payload = append(w.payload, buf[4:4+part]...)
		missing -= part
	}
	return w.use(w.payload)
}

// varint reads a number of one to nine bytes, high bits first; no bytes where it is not whole.
func varint(b []byte) (v uint64, n int) {
	for n < len(b) && n < 8 {
		v = v<<7 | uint64(b[n]&0x7f)
		n++
		if b[n-1] < 0x80 {
			return v, n
		}
	}
	if n == 8 && len(b) > 8 {
		return v<<8 | uint64(b[8]), 9
	}
	return 0, 0
}

// A column is a value of a row: a number, or the bytes of a text or blob.
type column struct {
	number int64
	data   []byte
}

// columns reads a record: the length of its head, a type for each column, then the values.
func columns(row []byte) ([]column, error) {
	length, n := varint(row)
	if n == 0 || length > uint64(len(row)) || length < uint64(n) {
		return nil, errSQLite
	}
	head, body := row[n:length], row[length:]
	var all []column
	for len(head) > 0 {
		kind, n := varint(head)
		if n == 0 || len(all) > 2000 {
			return nil, errSQLite
		}
		head = head[n:]
		size := uint64(0)
		switch {
		case kind <= 4:
			size = kind
		case kind == 5:
			size = 6
		case kind == 6, kind == 7:
			size = 8
		case kind >= 12:
			size = (kind - 12) / 2
		}
		if size > uint64(len(body)) {
			return nil, errSQLite
		}
		c := column{}
		switch {
		case kind >= 12:
			c.data = body[:size]
		case kind == 9:
			c.number = 1
		case kind < 7:
			for i, b := range body[:size] {
				if c.number = c.number<<8 | int64(b); i == 0 {
					c.number = int64(int8(b))
				}
			}
		}
		all, body = append(all, c), body[size:]
	}
	return all, nil
}
