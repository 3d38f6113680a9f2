// Package patient asks a host's file systems only so long: a call that may never come back is made in a goroutine of its
// own and left behind when its time is up.
//
// What hangs is a FUSE whose server does not answer, a network file system whose server is away, and of /proc what needs
// the memory of a process that waits for one of those (proc(5); mmap_lock in Documentation/mm/process_addrs.rst). Such a
// call cannot be broken off, and a thread waits in it; so there is a limit to how many are left behind, and the time that
// is spent on waiting is shared by all of a run: whoever makes a thousand processes that hang does not stop us.
package patient

import (
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"spor/artifacts"
)

// Limits of a run.
const (
	longest   = 4 * time.Second // that a call is waited for
	shortest  = 50 * time.Millisecond
	budget    = 60 * time.Second // of waiting in vain, after which a call gets the shortest time
	share     = 8                // of what is left of it a call gets one such part
	maxBehind = 256              // calls left behind; each holds a thread
)

// errBehind is what comes at once when too many calls were left behind.
var errBehind = fmt.Errorf("not asked: %d calls have not come back: %w", maxBehind, os.ErrDeadlineExceeded)

// Files is a tree of which some answer in time, and the rest is waited for so long. Errors of what did not answer are
// os.ErrDeadlineExceeded.
type Files struct {
	artifacts.Files
	doubt func(op string, p artifacts.Path) bool

	mu     sync.Mutex
	left   time.Duration // of the budget
	behind int           // calls that have not come back
}

// New wraps a tree. Doubt tells whether a call ("lstat", "readdir", "readlink", "open") on a path may hang.
func New(files artifacts.Files, doubt func(op string, p artifacts.Path) bool) *Files {
	return &Files{Files: files, doubt: doubt, left: budget}
}

// Lstat implements artifacts.Files.
func (f *Files) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	if !f.doubt("lstat", p) {
		return f.Files.Lstat(p)
	}
	return wait(f, "lstat", p, func() (artifacts.Stat, error) { return f.Files.Lstat(p) }, nil)
}

// ReadDir implements artifacts.Files.
func (f *Files) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	if !f.doubt("readdir", p) {
		return f.Files.ReadDir(p)
	}
	return wait(f, "readdir", p, func() ([]artifacts.DirEntry, error) { return f.Files.ReadDir(p) }, nil)
}

// Readlink implements artifacts.Files.
func (f *Files) Readlink(p artifacts.Path) (artifacts.Path, error) {
	if !f.doubt("readlink", p) {
		return f.Files.Readlink(p)
	}
	return wait(f, "readlink", p, func() (artifacts.Path, error) { return f.Files.Readlink(p) }, nil)
}

// Open implements artifacts.Files.
func (f *Files) Open(p artifacts.Path) (artifacts.File, error) {
	if !f.doubt("open", p) {
		return f.Files.Open(p)
	}
	in, err := wait(f, "open", p, func() (artifacts.File, error) { return f.Files.Open(p) }, func(late artifacts.File) {
		if late != nil {
			late.Close()
		}
	})
	if err != nil {
		return nil, err
	}
	return &file{in: in, files: f, path: p}, nil
}

// wait makes a call, and comes back without it when its time is up. What it then still gives goes to late, where that is
// not nil.
func wait[T any](f *Files, op string, p artifacts.Path, call func() (T, error), late func(T)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	limit, err := f.begin()
	if err != nil {
		return none, &fs.PathError{Op: op, Path: p.String(), Err: err}
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := call()
		answers <- answer{value, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case a := <-answers:
		f.end()
		return a.value, a.err
	case <-timer.C:
	}
	go func() {
		a := <-answers
		f.end()
		if late != nil {
			late(a.value)
		}
	}()
	f.spend(limit)
	return none, &fs.PathError{Op: op, Path: p.String(), Err: fmt.Errorf("no answer within %v: %w", limit, os.ErrDeadlineExceeded)}
}

// begin gives the time that the next call has.
func (f *Files) begin() (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.behind >= maxBehind {
		return 0, errBehind
	}
	f.behind++
	return min(max(f.left/share, shortest), longest), nil
}

// end is called when a call has come back.
func (f *Files) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.behind--
}

func (f *Files) spend(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = max(0, f.left-d)
}
