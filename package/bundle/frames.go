package bundle

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// What the archive's bytes are cut into.
const (
	frameSize  = 1 << 20         // of content, in a zstd frame: each can be decompressed without the others
	frameDelay = 2 * time.Second // after which a frame that is not full goes its way
	frameQueue = 3               // frames on their way: one for each worker, one for the seal
	workers    = 2
)

// frames compresses what is written to it into zstd frames, several at a time, and writes them in order to the seal in
// a goroutine of their own. All memory it needs is frameQueue+2 frames, and as many of what came of them as are sealed
// or packed at a time.
type frames struct {
	to    io.Writer
	flush func() error // what lies below, after each frame
	codec *zstd.Encoder
	queue chan *frame // in order
	work  chan *frame
	spare chan []byte // room for content
	room  chan []byte // for what comes of it
	ended sync.WaitGroup

	mu     sync.Mutex
	now    *frame
	timer  *time.Timer
	closed bool

	errMu sync.Mutex
	err   error // of the sealing goroutine
}

type frame struct {
	in, out []byte
	done    chan struct{} // receives when out is there
	barrier chan struct{} // not nil: no frame, but somebody who waits for all before it
}

func newCodec() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(workers), zstd.WithWindowSize(frameSize),
		zstd.WithLowerEncoderMem(true))
}

func newFrames(to io.Writer, flush func() error, codec *zstd.Encoder) *frames {
	f := &frames{
		to: to, flush: flush, codec: codec, queue: make(chan *frame, frameQueue), work: make(chan *frame, frameQueue+1),
		spare: make(chan []byte, frameQueue+2), room: make(chan []byte, frameQueue+2),
	}
	for range workers {
		f.ended.Go(f.compress)
	}
	f.ended.Go(f.seal)
	return f
}

func (f *frames) compress() {
	for fr := range f.work {
		fr.out = f.codec.EncodeAll(fr.in, buffer(f.room))
		keep(f.spare, fr.in)
		fr.done <- struct{}{}
	}
}

func (f *frames) seal() {
	for fr := range f.queue {
		if fr.barrier != nil {
			close(fr.barrier)
			continue
		}
		<-fr.done
		if f.fault() == nil {
			_, err := f.to.Write(fr.out)
			if err == nil {
				err = f.flush()
			}
			f.fail(err)
		}
		keep(f.room, fr.out)
	}
}

// buffer gives one that was kept, empty; nil: there is none.
func buffer(kept chan []byte) []byte {
	select {
	case b := <-kept:
		return b
	default:
		return nil
	}
}

func keep(kept chan []byte, b []byte) {
	select {
	case kept <- b[:0]:
	default:
	}
}

func (f *frames) fault() error {
	f.errMu.Lock()
	defer f.errMu.Unlock()
	return f.err
}

func (f *frames) fail(err error) {
	f.errMu.Lock()
	defer f.errMu.Unlock()
	f.err = err
}

// Write takes archive bytes. An error is one of the sealing before.
func (f *frames) Write(b []byte) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(b) > n {
		if f.now == nil {
			if err := f.fault(); err != nil {
				return n, err
			}
			f.now = f.fresh()
			f.arm()
		}
		m := min(len(b)-n, frameSize-len(f.now.in))
		f.now.in = append(f.now.in, b[n:n+m]...)
		n += m
		if len(f.now.in) == frameSize {
			f.submit()
		}
	}
	return n, nil
}

func (f *frames) fresh() *frame {
	in := buffer(f.spare)
	if in == nil {
		in = make([]byte, 0, frameSize)
	}
	return &frame{in: in, done: make(chan struct{}, 1)}
}

// arm sees to it that a frame does not wait for content that comes slowly.
func (f *frames) arm() {
	if f.timer == nil {
		f.timer = time.AfterFunc(frameDelay, f.late)
		return
	}
	f.timer.Reset(frameDelay)
}

func (f *frames) late() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.submit()
	}
}

// submit sends the frame in the making on its way; f.mu is held.
func (f *frames) submit() {
	if f.now == nil {
		return
	}
	f.timer.Stop()
	f.work <- f.now
	f.queue <- f.now
	f.now = nil
}

// Flush waits until all that was written is through.
func (f *frames) Flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return errors.New("volume is closed")
	}
	f.submit()
	barrier := make(chan struct{})
	f.queue <- &frame{barrier: barrier}
	<-barrier
	return f.fault()
}

// Close flushes and ends the goroutines.
func (f *frames) Close() error {
	err := f.Flush()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		close(f.work)
		close(f.queue)
		f.ended.Wait()
	}
	return err
}
