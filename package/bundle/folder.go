package bundle

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A Store is where sealed volumes go. Volumes are made one after the other.
type Store interface {
	Create(name string) (Volume, error)
}

// A Volume is one sealed file in the making. Only Commit gives it its name.
type Volume interface {
	io.Writer
	Commit() error // all is durable, under its final name
	Abort() error  // leaves what was written as an unfinished file
}

// Folder is the store that writes NAME.part, syncs it and renames it to NAME.
type Folder string

var _ Store = Folder("")

// Create opens NAME.part. A file that is there already is never overwritten.
func (f Folder) Create(name string) (Volume, error) {
	final := filepath.Join(string(f), name)
	if _, err := os.Lstat(final); err == nil {
		return nil, fmt.Errorf("%s: %w", final, os.ErrExist)
	}
	file, err := os.OpenFile(final+".part", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &part{File: file, final: final}, nil
}

// stretch is how many bytes are on their way to the disk at a time while more are written.
const stretch = 16 << 20

type part struct {
	*os.File
	final   string
	written int64
	begun   int64 // of those, the disk was told of
}

func (p *part) Write(b []byte) (int, error) {
	n, err := p.File.Write(b)
	if p.written += int64(n); p.written-p.begun >= stretch {
		writeBehind(p.File, p.begun, p.written-p.begun)
		p.begun = p.written
	}
	return n, err
}

func (p *part) Commit() error {
	if err := errors.Join(p.Sync(), p.Close()); err != nil {
		return err
	}
	if err := os.Rename(p.final+".part", p.final); err != nil {
		return err
	}
	return syncDir(filepath.Dir(p.final))
}

func (p *part) Abort() error { return p.Close() }
