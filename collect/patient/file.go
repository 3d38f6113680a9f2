package patient

import (
	"errors"
	"io"
	"os"
	"sync"

	"spor/artifacts"
)

// maxRead is what one call asks for: into memory of our own, for a call that was left behind still writes there.
const maxRead = 128 << 10

var errNoOffset = errors.New("cannot be read at an offset")

// A file is an open file that may not answer. Once it has not, it is not asked again, and the call that comes back late
// closes it.
type file struct {
	in    artifacts.File
	files *Files
	path  artifacts.Path

	mu    sync.Mutex
	buf   []byte // that no call writes to
	stuck error  // how it once did not answer
}

var (
	_ artifacts.SparseFile   = (*file)(nil)
	_ artifacts.DetailedFile = (*file)(nil)
)

// ask makes a call on the file.
func ask[T any](f *file, op string, call func() (T, error)) (T, error) {
	f.mu.Lock()
	stuck := f.stuck
	f.mu.Unlock()
	if stuck != nil {
		var none T
		return none, stuck
	}
	value, err := wait(f.files, op, f.path, call, func(T) { f.in.Close() })
	if errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, errBehind) {
		f.mu.Lock()
		f.stuck = err
		f.mu.Unlock()
	}
	return value, err
}

// Read implements io.Reader.
func (f *file) Read(b []byte) (int, error) { return f.fill(b, f.in.Read) }

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(b []byte, offset int64) (n int, err error) {
	at, ok := f.in.(io.ReaderAt)
	if !ok {
		return 0, errNoOffset
	}
	for n < len(b) && err == nil {
		var m int
		from := offset + int64(n)
		m, err = f.fill(b[n:], func(b []byte) (int, error) { return at.ReadAt(b, from) })
		n += m
	}
	return n, err
}

// fill reads into memory of our own and copies what came in time.
func (f *file) fill(b []byte, read func([]byte) (int, error)) (int, error) {
	f.mu.Lock()
	own := f.buf
	f.buf = nil
	f.mu.Unlock()
	if size := min(len(b), maxRead); len(own) < size {
		own = make([]byte, size)
	}
	part := own[:min(len(b), len(own))]
	type got struct {
		n   int
		err error // of the read itself, which may come with bytes
	}
	g, err := ask(f, "read", func() (got, error) {
		n, err := read(part)
		return got{n, err}, nil
	})
	if err != nil {
		return 0, err // own is lost: somebody may still write to it
	}
	n := copy(b, part[:min(max(g.n, 0), len(part))])
	f.mu.Lock()
	f.buf = own
	f.mu.Unlock()
	return n, g.err
}

// Stat implements artifacts.File.
func (f *file) Stat() (artifacts.Stat, error) { return ask(f, "stat", f.in.Stat) }

// Method implements artifacts.File.
func (f *file) Method() string { return f.in.Method() }

// Extents implements artifacts.SparseFile.
func (f *file) Extents(most int) (runs []artifacts.Extent, whole bool, err error) {
	sparse, ok := f.in.(artifacts.SparseFile)
	if !ok {
		return nil, false, nil
	}
	type got struct {
		runs  []artifacts.Extent
		whole bool
	}
	g, err := ask(f, "extents", func() (got, error) {
		runs, whole, err := sparse.Extents(most)
		return got{runs, whole}, err
	})
	return g.runs, g.whole, err
}

// Details implements artifacts.DetailedFile.
func (f *file) Details() (artifacts.Details, error) {
	detailed, ok := f.in.(artifacts.DetailedFile)
	if !ok {
		return artifacts.Details{}, nil
	}
	return ask(f, "details", detailed.Details)
}

// Close implements io.Closer. A FUSE is told of it, and may not answer (FUSE_FLUSH).
func (f *file) Close() error {
	f.mu.Lock()
	stuck := f.stuck
	f.mu.Unlock()
	if stuck != nil {
		return nil
	}
	_, err := wait(f.files, "close", f.path, func() (struct{}, error) { return struct{}{}, f.in.Close() }, nil)
	return err
}
