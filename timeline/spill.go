package timeline

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/klauspost/compress/zstd"
)

// A spill is the sorter's temporary file: runs of frames, each frame some events, compressed with zstd and sealed with
// AES-256-GCM under a key that is made for the file and never leaves memory. The nonce is the frame's number, so a
// frame that was altered, moved or put back from elsewhere does not open.
type spill struct {
	f     *os.File
	aead  cipher.AEAD
	enc   *zstd.Encoder
	dec   *zstd.Decoder
	size  int64  // of the file
	count uint64 // frames
	start run    // of the run being written
	plain []byte // the frame being filled
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

func newSpill(dir string) (*spill, error) {
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
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(frameMax))
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, "spor-*.tmp") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("timeline spill: %w", err)
	}
	os.Remove(f.Name()) // where a file may be removed while open; else close does it
	return &spill{f: f, aead: aead, enc: enc, dec: dec}, nil
}

// add appends an event to the run being written.
func (s *spill) add(event []byte) error {
	s.plain = append(binary.AppendUvarint(s.plain, uint64(len(event))), event...)
	if len(s.plain) < frameSize {
		return nil
	}
	return s.writeFrame()
}

func (s *spill) writeFrame() error {
	if len(s.plain) == 0 {
		return nil
	}
	packed := s.enc.EncodeAll(s.plain, nil)
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(packed)+s.aead.Overhead()))
	frame = s.aead.Seal(frame, s.nonce(s.count), packed, nil)
	if _, err := s.f.WriteAt(frame, s.size); err != nil {
		return err
	}
	s.size += int64(len(frame))
	s.count++
	s.plain = s.plain[:0]
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

// reader gives the events of a run one after the other, and nil at its end.
func (s *spill) reader(r run) func() ([]byte, error) {
	var plain []byte
	at, n := r.start, r.first
	return func() ([]byte, error) {
		if len(plain) == 0 {
			if at == r.end {
				return nil, nil
			}
			var err error
			if plain, at, err = s.readFrame(at, n); err != nil {
				return nil, err
			}
			n++
		}
		size, k := binary.Uvarint(plain)
		if k <= 0 || size > uint64(len(plain)-k) {
			return nil, errFrame
		}
		event := plain[k : k+int(size)]
		plain = plain[k+int(size):]
		return event, nil
	}
}

func (s *spill) readFrame(at int64, n uint64) (plain []byte, next int64, err error) {
	var head [4]byte
	if _, err := s.f.ReadAt(head[:], at); err != nil {
		return nil, 0, fmt.Errorf("timeline spill: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > frameMax {
		return nil, 0, errFrame
	}
	sealed := make([]byte, size)
	if _, err := s.f.ReadAt(sealed, at+4); err != nil {
		return nil, 0, fmt.Errorf("timeline spill: %w", err)
	}
	packed, err := s.aead.Open(sealed[:0], s.nonce(n), sealed, nil)
	if err != nil {
		return nil, 0, errFrame
	}
	if plain, err = s.dec.DecodeAll(packed, nil); err != nil {
		return nil, 0, errFrame
	}
	return plain, at + 4 + int64(size), nil
}

func (s *spill) close() error {
	s.dec.Close()
	err := s.f.Close()
	if rm := os.Remove(s.f.Name()); rm != nil && !errors.Is(rm, os.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}
