// Package deadline calls a file system that may never answer: a network folder whose server hangs, a stick that died
// in the middle. The system offers no way to end such a call, so it is made in a goroutine, which is left behind when
// its time is up.
package deadline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// ErrNoAnswer is in the chain of the error of a call that was left behind, and of those that were not made because of it.
var ErrNoAnswer = errors.New("does not answer")

// slowest is how fast a disk must take what it is given, in bytes per second: a poor stick on USB 2.
const slowest = 1 << 20

// A Guard makes the calls to one place. While a call that was left behind has not come back, no other is made, so that a
// place that wakes up again finds nothing out of order.
type Guard struct {
	Wait time.Duration // the longest time for a call; zero: no limit
	away atomic.Int64  // calls that were left behind
}

// Do waits for do to end, or for ctx. A call that may have to bring so many bytes to the disk gets as much longer as a
// slow one needs. What do writes must not be read after an error that is ErrNoAnswer or the end of ctx: it may still run.
func (g *Guard) Do(ctx context.Context, bytes int64, do func() error) error {
	return g.do(ctx, bytes, do, func() {})
}

// do calls late when a call that was left behind comes back.
func (g *Guard) do(ctx context.Context, bytes int64, do func() error, late func()) error {
	if g.away.Load() > 0 {
		return ErrNoAnswer
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var up <-chan time.Time // never, without a limit
	limit := g.Wait + time.Duration(bytes/slowest)*time.Second
	if g.Wait > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		up = timer.C
	}
	done := make(chan error, 1)
	go func() { done <- do() }()
	var why error
	select {
	case err := <-done:
		return err
	case <-up:
		why = fmt.Errorf("%w: waited %v", ErrNoAnswer, limit)
	case <-ctx.Done():
		why = context.Cause(ctx)
	}
	g.away.Add(1)
	go func() {
		<-done
		late()
		g.away.Add(-1)
	}()
	return why
}

// A Handle is what a File guards; *os.File is one.
type Handle interface {
	io.ReadWriteSeeker
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Name() string
}

var _ Handle = (*os.File)(nil)

// A File is an open file behind a Guard. Bytes are copied on their way, for a call that was left behind may read and
// write them later. It is not safe for concurrent use.
type File struct {
	guard    *Guard
	handle   Handle
	buf      []byte
	unsynced int64
}

// most is how many bytes go in one call.
const most = 256 << 10

// Open guards the handle that open gives.
func (g *Guard) Open(ctx context.Context, open func() (Handle, error)) (*File, error) {
	var h Handle
	if err := g.do(ctx, 0, func() error {
		opened, err := open()
		if err == nil {
			h = opened
		}
		return err
	}, func() {
		if h != nil {
			h.Close()
		}
	}); err != nil {
		return nil, err
	}
	return &File{guard: g, handle: h}, nil
}

// lend gives at most so many bytes of room that are lost with a call that is left behind.
func (f *File) lend(n int) []byte {
	if n = min(n, most); cap(f.buf) < n {
		f.buf = make([]byte, n)
	}
	return f.buf[:n]
}

func (f *File) do(bytes int64, do func() error) error {
	err := f.guard.Do(context.Background(), bytes, do)
	if errors.Is(err, ErrNoAnswer) {
		f.buf = nil
	}
	return err
}

func (f *File) write(p []byte, call func(b []byte) error) (n int, err error) {
	for n < len(p) {
		b := f.lend(len(p) - n)
		copy(b, p[n:])
		if err := f.do(0, func() error { return call(b) }); err != nil {
			return n, err
		}
		n += len(b)
		f.unsynced += int64(len(b))
	}
	return n, nil
}

// Write writes all of p, or tells how much of it before an error was surely written.
func (f *File) Write(p []byte) (int, error) {
	return f.write(p, func(b []byte) error {
		_, err := f.handle.Write(b)
		return err
	})
}

// WriteAt is as Write, at a place.
func (f *File) WriteAt(p []byte, at int64) (int, error) {
	return f.write(p, func(b []byte) error {
		n, err := f.handle.WriteAt(b, at)
		at += int64(n)
		return err
	})
}

func (f *File) read(p []byte, call func(b []byte) (int, error)) (int, error) {
	b := f.lend(len(p))
	got := 0
	err := f.do(0, func() (err error) {
		got, err = call(b)
		return err
	})
	if errors.Is(err, ErrNoAnswer) {
		return 0, err // got may still change
	}
	return copy(p, b[:got]), err
}

// Read reads into p, at most 256 KiB.
func (f *File) Read(p []byte) (int, error) { return f.read(p, f.handle.Read) }

// ReadAt fills p from a place.
func (f *File) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = f.read(p[n:], func(b []byte) (int, error) { return f.handle.ReadAt(b, at+int64(n)) })
		n += m
	}
	if n == len(p) && err == io.EOF {
		err = nil
	}
	return n, err
}

// Seek asks nothing of the disk but where the end of the file is.
func (f *File) Seek(offset int64, whence int) (at int64, err error) {
	place := int64(0)
	if err := f.do(0, func() (err error) {
		place, err = f.handle.Seek(offset, whence)
		return err
	}); err != nil {
		return 0, err
	}
	return place, nil
}

// Sync may take as much longer as what was written since the last one asks for.
func (f *File) Sync() error {
	err := f.do(f.unsynced, f.handle.Sync)
	if err == nil {
		f.unsynced = 0
	}
	return err
}

// Close closes the file; one that is not answered for closes when its last call comes back.
func (f *File) Close() error {
	err := f.do(f.unsynced, f.handle.Close)
	if errors.Is(err, ErrNoAnswer) {
		go f.handle.Close()
	}
	return err
}

// Name is the name that the file was opened by.
func (f *File) Name() string { return f.handle.Name() }
