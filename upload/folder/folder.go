// Package folder is the destination that is a folder: a USB disk, a mounted share, the receiver's own inbox.
//
// An object is written as NAME.<first 16 digits of its SHA-256>.part, so that a remnant of other content is never
// gone on with; synced; read again from the disk as far as the system lets us; and only then given its name. A file
// of that name which is already there is never overwritten. A folder that does not answer is left alone after a while.
package folder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"spor/upload"
	"spor/upload/deadline"
)

// Destination writes into one folder.
type Destination struct {
	root  *os.Root
	name  string // absolute, for receipts
	guard *deadline.Guard
}

var (
	_ upload.Destination = (*Destination)(nil)
	_ upload.Checker     = (*Destination)(nil)
)

// New opens the folder, which must exist: a missing one is more likely a disk that is not mounted. Wait is how long one
// call to its file system may take before the folder is said to be upload.ErrUnreachable; zero: for ever.
func New(dir string, wait time.Duration) (*Destination, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	d := &Destination{name: abs, guard: &deadline.Guard{Wait: wait}}
	var root *os.Root
	if err := d.guard.Do(context.Background(), 0, func() (err error) {
		root, err = os.OpenRoot(abs)
		return err
	}); err != nil {
		return nil, fmt.Errorf("destination folder: %w; is the disk mounted?", err)
	}
	d.root = root
	return d, nil
}

// Close releases the folder.
func (d *Destination) Close() error { return d.root.Close() }

// Check writes a file into the folder and removes it again.
func (d *Destination) Check(ctx context.Context) error {
	const name = "spor-check.part"
	f, err := d.open(ctx, name, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, "spor\n")
	return refused(errors.Join(err, f.Close(), d.guard.Do(ctx, 0, func() error { return d.root.Remove(name) })))
}

func part(o upload.Object) string { return o.Name + "." + o.SHA256[:min(16, len(o.SHA256))] + ".part" }

// lstat describes a name of the folder.
func (d *Destination) lstat(ctx context.Context, name string) (fs.FileInfo, error) {
	var st fs.FileInfo
	if err := d.guard.Do(ctx, 0, func() (err error) {
		st, err = d.root.Lstat(name)
		return err
	}); err != nil {
		return nil, err
	}
	return st, nil
}

// open opens a file of the folder.
func (d *Destination) open(ctx context.Context, name string, flag int) (*deadline.File, error) {
	f, err := d.guard.Open(ctx, func() (deadline.Handle, error) { return d.root.OpenFile(name, flag, 0o600) })
	return f, refused(err)
}

// Offset is what the .part holds, or all of it where the file has its name already.
func (d *Destination) Offset(ctx context.Context, o upload.Object) (int64, error) {
	if err := check(o); err != nil {
		return 0, err
	}
	if _, err := d.lstat(ctx, o.Name); err == nil {
		return o.Size, nil // Commit tells whether it is the same
	} else if !errors.Is(err, fs.ErrNotExist) {
		return 0, refused(err)
	}
	st, err := d.lstat(ctx, part(o))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, d.start(ctx, o)
	case err != nil:
		return 0, refused(err)
	case !st.Mode().IsRegular():
		return 0, fmt.Errorf("%w: %s is no regular file", upload.ErrRefused, part(o))
	case st.Size() > o.Size:
		return 0, d.start(ctx, o)
	}
	return st.Size(), nil
}

func check(o upload.Object) error {
	if err := upload.CheckName(o.Name); err != nil {
		return err
	}
	if b, err := hex.DecodeString(o.SHA256); err != nil || len(b) != sha256.Size {
		return fmt.Errorf("%w: %q is no SHA-256", upload.ErrRefused, o.SHA256)
	}
	return nil
}

func (d *Destination) start(ctx context.Context, o upload.Object) error {
	f, err := d.open(ctx, part(o), os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	return refused(f.Close())
}

// discard makes the next attempt begin anew, also where a file can be emptied but not removed.
func (d *Destination) discard(ctx context.Context, o upload.Object) error {
	if d.guard.Do(ctx, 0, func() error { return d.root.Remove(part(o)) }) == nil {
		return nil
	}
	return d.start(ctx, o)
}

// Append writes r at the end of the .part.
func (d *Destination) Append(ctx context.Context, o upload.Object, offset int64, r io.Reader) error {
	f, err := d.open(ctx, part(o), os.O_WRONLY)
	if err != nil {
		return err
	}
	err = fill(ctx, f, o, offset, r)
	return errors.Join(err, refused(f.Close()))
}

func fill(ctx context.Context, f *deadline.File, o upload.Object, offset int64, r io.Reader) error {
	if stands, err := f.Seek(0, io.SeekEnd); err != nil || stands != offset {
		return errors.Join(fmt.Errorf("append at %d, the file ends at %d", offset, stands), refused(err))
	}
	buf := make([]byte, 256<<10)
	for offset < o.Size {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := r.Read(buf[:min(int64(len(buf)), o.Size-offset)])
		if _, werr := f.Write(buf[:n]); werr != nil {
			return refused(werr)
		}
		offset += int64(n)
		if err == io.EOF && offset < o.Size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}

// Commit syncs the .part, reads it again, and gives it its name.
func (d *Destination) Commit(ctx context.Context, o upload.Object) (upload.Receipt, error) {
	if err := check(o); err != nil {
		return upload.Receipt{}, err
	}
	if _, err := d.lstat(ctx, o.Name); err == nil {
		r, err := d.read(ctx, o, o.Name)
		if err == nil && r.SHA256 != o.SHA256 {
			return upload.Receipt{}, fmt.Errorf("%w: %s has SHA-256 %s; move it away, nothing was overwritten", upload.ErrConflict, o.Name, r.SHA256)
		}
		return r, err
	}
	r, err := d.read(ctx, o, part(o))
	switch {
	case err != nil:
		return upload.Receipt{}, err
	case r.Size < o.Size:
		return upload.Receipt{}, fmt.Errorf("commit of %d bytes, %d are there", o.Size, r.Size)
	case r.SHA256 != o.SHA256:
		r.Announced = o.SHA256
		return r, errors.Join(fmt.Errorf("%w: the disk gives back other bytes than were written; use another one", upload.ErrIntegrity),
			d.discard(ctx, o))
	}
	if err := d.guard.Do(ctx, 0, func() error { return d.root.Rename(part(o), o.Name) }); err != nil {
		return upload.Receipt{}, refused(err)
	}
	return r, refused(d.guard.Do(ctx, 0, d.sync))
}

// read syncs a file and hashes what the disk then gives back.
func (d *Destination) read(ctx context.Context, o upload.Object, name string) (upload.Receipt, error) {
	var file *os.File
	f, err := d.guard.Open(ctx, func() (_ deadline.Handle, err error) {
		file, err = d.root.OpenFile(name, os.O_RDWR, 0) // Windows syncs only what it may write
		return file, err
	})
	if err != nil {
		return upload.Receipt{}, refused(err)
	}
	defer f.Close() // nothing is written, and Sync is asked below
	if err := d.guard.Do(ctx, o.Size, func() error {
		defer forget(file)
		return file.Sync()
	}); err != nil {
		return upload.Receipt{}, refused(err)
	}
	h := sha256.New()
	n, err := io.CopyBuffer(h, reader{ctx, f}, make([]byte, 256<<10))
	if err != nil {
		return upload.Receipt{}, refused(err)
	}
	return upload.Receipt{
		Name: o.Name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil)),
		Received: time.Now().UTC(), Receiver: "folder " + d.name,
	}, nil
}

type reader struct {
	ctx context.Context // of the one call it lives for
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// sync makes the rename last. Windows has no such call for folders.
func (d *Destination) sync() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// refused says of an error of the file system whether it would come again.
func refused(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, deadline.ErrNoAnswer):
		return fmt.Errorf("%w: the folder %w; is the network there, the disk connected?", upload.ErrUnreachable, err)
	case full(err):
		return fmt.Errorf("%w: %w; use another disk, or smaller volumes", upload.ErrQuota, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", upload.ErrRefused, err)
	}
	return err
}
