package sqlite

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
)

// wal is a write-ahead log: pages that were written after those of the file (fileformat2.html, 4).
type wal struct {
	log    io.ReaderAt
	page   int
	pages  uint32           // of the database after the last transaction
	frames map[uint32]int64 // where a page's last state lies in the log
}

// frame says where a page lies in the log.
func (w *wal) frame(page uint32) (int64, bool) {
	if w == nil {
		return 0, false
	}
	at, ok := w.frames[page]
	return at, ok
}

const (
	walHead   = 32
	frameHead = 24
)

// readWAL finds the frames of whole transactions. Those of an earlier use of the log, behind them, have another salt.
func readWAL(log io.ReaderAt, size int64) (*wal, error) {
	var head [walHead]byte
	if n, err := log.ReadAt(head[:], 0); n < walHead {
		return nil, fmt.Errorf("write-ahead log: %w", err)
	}
	magic := binary.BigEndian.Uint32(head[:])
	if magic&^1 != 0x377f0682 {
		return nil, fmt.Errorf("write-ahead log begins with %08x", magic)
	}
	sum := checksum{order: binary.LittleEndian}
	if magic&1 != 0 {
		sum.order = binary.BigEndian
	}
	w := &wal{log: log, page: int(binary.BigEndian.Uint32(head[8:])), frames: map[uint32]int64{}}
	if w.page < 512 || w.page > 64<<10 || w.page&(w.page-1) != 0 {
		return nil, fmt.Errorf("write-ahead log of pages of %d bytes", w.page)
	}
	sum.add(head[:24])
	if !sum.is(head[24:]) {
		return nil, fmt.Errorf("the checksum of the write-ahead log's header does not fit")
	}
	frame := make([]byte, frameHead+w.page)
	pending := map[uint32]int64{}
	for at, n := int64(walHead), 0; at+int64(len(frame)) <= size && n < maxFrames; at, n = at+int64(len(frame)), n+1 {
		if k, err := log.ReadAt(frame, at); k < len(frame) {
			return w, fmt.Errorf("write-ahead log: %w", err)
		}
		if string(frame[8:16]) != string(head[16:24]) {
			break
		}
		sum.add(frame[:8])
		sum.add(frame[frameHead:])
		if !sum.is(frame[16:]) {
			break
		}
		pending[binary.BigEndian.Uint32(frame)] = at + frameHead
		if pages := binary.BigEndian.Uint32(frame[4:]); pages != 0 { // the end of a transaction
			w.pages = pages
			maps.Copy(w.frames, pending)
			clear(pending)
		}
	}
	return w, nil
}

// checksum is that of the log: two sums over all that was read so far.
type checksum struct {
	order  binary.ByteOrder
	s0, s1 uint32
}

func (c *checksum) add(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		c.s0 += c.order.Uint32(b) + c.s1
		c.s1 += c.order.Uint32(b[4:]) + c.s0
	}
}

func (c *checksum) is(b []byte) bool {
	return binary.BigEndian.Uint32(b) == c.s0 && binary.BigEndian.Uint32(b[4:]) == c.s1
}
