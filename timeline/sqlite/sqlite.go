// Package sqlite reads databases of SQLite 3 without SQLite: tables row by row, as sqlite.org/fileformat2.html has them
// (SQLite 3.47), with what a write-ahead log holds beyond the file. It opens nothing, writes nothing, and believes
// nothing: a damaged page costs what it holds, every page is read once, and no value is larger than a bound.
//
// Indexes, views and free pages are passed over. A rollback journal is not played back: a database that was copied in the
// middle of a transaction shows what stands in the file.
package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"spor/timeline"
)

// Magic begins every database.
const Magic = "SQLite format 3\x00"

// Bounds of what a database may ask for.
const (
	maxPayload = 1 << 20  // bytes of a row that are kept
	maxPiped   = 32 << 20 // of a database that cannot be read at any place
	maxDepth   = 40       // of a tree; SQLite makes 20 at most
	maxTables  = 10_000
	maxFrames  = 1 << 20 // of a write-ahead log
)

// Errors of a file that is no database, or one that cannot be read.
var (
	ErrNot   = errors.New("no SQLite database")
	ErrLarge = fmt.Errorf("a database of more than %d bytes cannot be read in one pass", maxPiped)
)

// A DB is a database that can be read.
type DB struct {
	file   io.ReaderAt
	size   int64
	wal    *wal      // nil: there is none
	beside io.Closer // of the log; nil: From did not open it
	page   int       // bytes
	use    int       // bytes of a page that are in use: the rest is reserved
	pages  uint32
	text   uint32 // 1: UTF-8; 2: UTF-16, little-endian; 3: UTF-16, big-endian
}

// Open reads the head of a database, and its write-ahead log if there is one. An error of the log alone is given with the
// database, which is read without.
func Open(file io.ReaderAt, size int64, log io.ReaderAt, logSize int64) (*DB, error) {
	db := &DB{file: file, size: size}
	var trouble error
	if log != nil && logSize > 0 {
		db.wal, trouble = readWAL(log, logSize)
	}
	head := make([]byte, 100)
	switch at, ok := db.wal.frame(1); {
	case ok:
		if _, err := log.ReadAt(head, at); err != nil {
			return nil, err
		}
	default:
		if n, _ := file.ReadAt(head, 0); n < len(head) {
			return nil, ErrNot
		}
	}
	if !bytes.HasPrefix(head, []byte(Magic)) {
		return nil, ErrNot
	}
	db.page = int(binary.BigEndian.Uint16(head[16:]))
	if db.page == 1 {
		db.page = 64 << 10
	}
	db.use = db.page - int(head[20])
	if db.page < 512 || db.page&(db.page-1) != 0 || db.use < 480 {
		return nil, fmt.Errorf("%w: pages of %d bytes, %d of them in use", ErrNot, db.page, db.use)
	}
	if db.wal != nil && db.wal.page != db.page {
		db.wal, trouble = nil, fmt.Errorf("the write-ahead log has pages of %d bytes, the database of %d", db.wal.page, db.page)
	}
	db.pages = uint32(min(size/int64(db.page), 1<<32-2))
	if db.wal != nil {
		db.pages = max(db.pages, db.wal.pages)
	}
	db.text = binary.BigEndian.Uint32(head[56:])
	return db, trouble
}

// From opens the database of an Input, with its write-ahead log where the input has one beside it. The caller closes it.
func From(in timeline.Input) (*DB, error) {
	file, size, err := whole(in.R)
	if err != nil {
		return nil, err
	}
	var beside io.ReadCloser
	if in.Beside != nil {
		beside = in.Beside("-wal")
	}
	if beside == nil {
		return Open(file, size, nil, 0)
	}
	log, logSize, trouble := whole(beside)
	if trouble != nil {
		log = nil
	}
	db, err := Open(file, size, log, logSize)
	if db == nil {
		return nil, errors.Join(err, beside.Close())
	}
	db.beside = beside
	return db, errors.Join(trouble, err)
}

// Close closes what From opened.
func (db *DB) Close() error {
	if db.beside == nil {
		return nil
	}
	return db.beside.Close()
}

// whole makes a stream one that can be read at any place.
func whole(r io.Reader) (io.ReaderAt, int64, error) {
	if at, ok := r.(io.ReaderAt); ok {
		if s, ok := r.(io.Seeker); ok {
			if size, err := s.Seek(0, io.SeekEnd); err == nil {
				return at, size, nil
			}
		}
	}
	b, err := io.ReadAll(io.LimitReader(r, maxPiped+1))
	if err != nil {
		return nil, 0, err
	}
	if len(b) > maxPiped {
		return nil, 0, ErrLarge
	}
	return bytes.NewReader(b), int64(len(b)), nil
}

// read reads a page, in the state that the last transaction left it in.
func (db *DB) read(n uint32, b []byte) error {
	if n == 0 || n > db.pages {
		return fmt.Errorf("page %d of %d", n, db.pages)
	}
	src, at := db.file, db.offset(n)
	if frame, ok := db.wal.frame(n); ok {
		src, at = db.wal.log, frame
	}
	k, err := src.ReadAt(b[:db.page], at)
	if k < db.page {
		return fmt.Errorf("page %d: %w", n, err)
	}
	return nil
}

// offset is where a page lies in the file, or would.
func (db *DB) offset(n uint32) int64 { return int64(n-1) * int64(db.page) }
