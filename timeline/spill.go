package timeline

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/klauspost/compress/s2"
)

// A spill is the sorter's temporary file: runs of frames, each frame some events, compressed with S2 and sealed with
// AES-256-GCM under a key that is made for the file and never leaves memory. The nonce is the frame's number, so a
// frame that was altered, moved or put back from elsewhere does not open.
type spill struct {
	f     TempFile
	aead  cipher.AEAD
	size  int64  // of the file
	count uint64 // frames
	start run    // of the run being written
	plain []byte // the frame being filled
	key   uint64 // of the record added last, in this frame
	pack  []byte // and compressed, and sealed
	runs  []run
}

// run is a stretch of frames whose events are in order.
type run struct {
	start, end int64
	first      uint64 // number of its first frame
}

const (
	frameSize = 64 << 10 // of events, at least, before compression
	frameMax  = 64 << 20 // no frame is larger, whatever the events are
)

var errFrame = errors.New("timeline spill: frame damaged")

func newSpill(temp func() (TempFile, error)) (*spill, error) {
	key := make([]byte, 32)
	rand.Read(key) // never fails, crypto/rand
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	f, err := temp()
	if err != nil {
		return nil, fmt.Errorf("timeline spill: %w", err)
	}
	return &spill{f: f, aead: aead}, nil
}

// add appends a record to the run being written: how much later it is than that before in the frame, the length of its data,
// the data.
func (s *spill) add(r record) error {
	s.plain = binary.AppendUvarint(s.plain, r.key-s.key)
	s.plain = append(binary.AppendUvarint(s.plain, uint64(len(r.data))), r.data...)
	s.key = r.key
	if len(s.plain) < frameSize {
		return nil
	}
	return s.writeFrame()
}

func (s *spill) writeFrame() error {
	if len(s.plain) == 0 {
		return nil
	}
	if n := 4 + s2.MaxEncodedLen(len(s.plain)) + s.aead.Overhead(); cap(s.pack) < n {
		s.pack = make([]byte, n)
	}
	s.pack = s.pack[:cap(s.pack)]
	packed := s2.Encode(s.pack[4:], s.plain)
	frame := binary.BigEndian.AppendUint32(s.pack[:0], uint32(len(packed)+s.aead.Overhead()))
	frame = s.aead.Seal(frame, s.nonce(s.count), packed, nil)
	if _, err := s.f.WriteAt(frame, s.size); err != nil {
		return err
	}
	s.size += int64(len(frame))
	s.count++
	s.plain, s.key = s.plain[:0], 0
	return nil
}

func (s *spill) endRun() error {
	if err := s.writeFrame(); err != nil {
		return err
	}
	s.start.end = s.size
	s.runs = append(s.runs, s.start)
	s.start = run{start: s.size, first: s.count}
	return nil
}

func (s *spill) nonce(n uint64) []byte {
	b := make([]byte, s.aead.NonceSize())
	binary.BigEndian.PutUint64(b[len(b)-8:], n)
	return b
}

// reader gives the events of a run one after the other.
func (s *spill) reader(r run) *runReader { return &runReader{spill: s, run: r} }

// runReader is at a place in a run.
type runReader struct {
	spill *spill
	run   run    // what is left of it
	plain []byte // the frame that is open
	key   uint64 // of the record
	from  int    // in the frame: its data
	to    int
	ahead [4]byte // the size of the next frame, read with the one before
	known bool    // that it was
}

// record is the one that next came to, valid until it is called again.
func (r *runReader) record() record { return record{r.key, r.plain[r.from:r.to]} }

// next goes to the next record; false: there is none.
func (r *runReader) next() (bool, error) {
	if r.to == len(r.plain) {
		if r.run.start == r.run.end {
			return false, nil
		}
		if err := r.frame(); err != nil {
			return false, err
		}
	}
	later, n := binary.Uvarint(r.plain[r.to:])
	if n <= 0 {
		return false, errFrame
	}
	r.key += later
	r.from = r.to + n
	size, n := binary.Uvarint(r.plain[r.from:])
	if n <= 0 || size > uint64(len(r.plain)-r.from-n) {
		return false, errFrame
	}
	r.from += n
	if r.to = r.from + int(size); size < recordHead {
		return false, errCodec
	}
	return true, nil
}

// frame opens the next frame.
func (r *runReader) frame() error {
	if !r.known {
		if _, err := r.spill.f.ReadAt(r.ahead[:], r.run.start); err != nil {
			return fmt.Errorf("timeline spill: %w", err)
		}
	}
	size := int(binary.BigEndian.Uint32(r.ahead[:]))
	if size > frameMax {
		return errFrame
	}
	s := r.spill
	next := r.run.start + 4 + int64(size)
	r.known = next < r.run.end
	n := size
	if r.known {
		n += len(r.ahead)
	}
	s.pack = slices.Grow(s.pack[:0], n)[:n] // writeFrame may use it again: by then what it holds is in plain
	if _, err := s.f.ReadAt(s.pack, r.run.start+4); err != nil {
		return fmt.Errorf("timeline spill: %w", err)
	}
	copy(r.ahead[:], s.pack[size:])
	packed, err := s.aead.Open(s.pack[:0], s.nonce(r.run.first), s.pack[:size], nil)
	if err != nil {
		return errFrame
	}
	n, err = s2.DecodedLen(packed)
	if err != nil || n > frameMax {
		return errFrame
	}
	r.plain = slices.Grow(r.plain[:0], n)[:n]
	if r.plain, err = s2.Decode(r.plain, packed); err != nil {
		return errFrame
	}
	r.key, r.from, r.to = 0, 0, 0
	r.run.start = next
	r.run.first++
	return nil
}

func (s *spill) close() error { return s.f.Close() }

// A TempFile is gone from the disk once it is closed.
type TempFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// Temp is a TempFile in a folder.
type Temp struct{ *os.File }

var _ TempFile = (*Temp)(nil)

// CreateTemp makes a temporary file that only its owner may read.
func CreateTemp(dir string) (*Temp, error) {
	f, err := os.CreateTemp(dir, "spor-*.tmp")
	if err != nil {
		return nil, err
	}
	os.Remove(f.Name()) // where a file may be removed while open; else Close does it
	return &Temp{f}, nil
}

// Close closes the file and removes it.
func (t *Temp) Close() error {
	err := t.File.Close()
	if rm := os.Remove(t.Name()); rm != nil && !errors.Is(rm, os.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}
