package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"spor/cmd/internal/cli"
	"spor/cmd/spor/internal/interview"
	"spor/package/bundle"
	"spor/timeline"
	"spor/upload"
	"spor/upload/deadline"
)

// maxFAT is the largest file that FAT holds, in bytes.
const maxFAT = 1<<32 - 1

// littleRoom is the free space below which a person is told beforehand, in bytes: a triage of a usual host is less.
const littleRoom = 1 << 30

// A disk is what the system tells of the file system a folder lies on.
type disk struct {
	free   int64 // bytes that we may still write; negative: not known
	fat    bool  // FAT12, FAT16 or FAT32: no file of 4 GiB
	system bool  // the running system lies on it too
}

// errGone is why a folder is not written to any more.
var errGone = errors.New("is not the folder any more that it was at the beginning: was the disk pulled?")

// place is the Store that writes into a folder and tells the outbox of each volume that is finished. It looks before
// each whether the folder is still the same: below a disk that was pulled there may be another folder of that name, on
// the disk that is examined. A folder that does not answer is waited for as long as the guard says.
type place struct {
	bundle.Folder
	was      fs.FileInfo
	out      *outbox
	guard    *deadline.Guard
	finished []string // paths of the volumes
}

var _ bundle.Store = (*place)(nil)

// newPlace makes the folder where it is not there.
func newPlace(dir string, silence time.Duration, out *outbox) (*place, error) {
	p := &place{Folder: bundle.Folder(dir), out: out, guard: &deadline.Guard{Wait: silence}}
	if err := p.do(0, func() (err error) {
		if err = os.MkdirAll(dir, 0o700); err == nil {
			p.was, err = os.Stat(dir)
		}
		return err
	}); err != nil {
		return nil, err
	}
	return p, nil
}

// do asks something of the folder that may make it write so many bytes.
func (p *place) do(bytes int64, ask func() error) error {
	return p.guard.Do(context.Background(), bytes, ask)
}

func (p *place) same() error {
	now, err := os.Stat(string(p.Folder))
	if err != nil {
		return err
	}
	if !os.SameFile(p.was, now) {
		return fmt.Errorf("%s %w", string(p.Folder), errGone)
	}
	return nil
}

// Create begins a volume.
func (p *place) Create(name string) (bundle.Volume, error) {
	var v bundle.Volume
	if err := p.do(0, func() (err error) {
		if err = p.same(); err != nil {
			return err
		}
		if v, err = p.Folder.Create(name); err != nil {
			return err
		}
		if err = p.same(); err != nil { // it was pulled just now: what was begun lies below it, on another disk
			return errors.Join(err, v.Abort(), os.Remove(filepath.Join(string(p.Folder), name+".part")))
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return &placed{place: p, volume: v, name: name}, nil
}

// source gives the bytes of a finished volume.
func (p *place) source(name string) upload.Source {
	return upload.Source{Name: filepath.Base(name), Open: func() (io.ReadSeekCloser, error) {
		f, err := p.guard.Open(context.Background(), func() (deadline.Handle, error) { return os.Open(name) })
		if err != nil {
			return nil, err
		}
		return f, nil
	}}
}

// temp makes the temporary file of the timeline.
func (p *place) temp(dir string) (timeline.TempFile, error) {
	return p.guard.Open(context.Background(), func() (deadline.Handle, error) { return timeline.CreateTemp(dir) })
}

// placed is a volume that tells when it is finished.
type placed struct {
	place   *place
	volume  bundle.Volume
	name    string
	buf     []byte // on its way: a call that was left behind may write it later
	written int64
	lost    atomic.Bool // a call was left behind: what comes of it is no volume
}

func (v *placed) do(bytes int64, ask func() error) error {
	err := v.place.do(bytes, ask)
	if errors.Is(err, deadline.ErrNoAnswer) {
		v.lost.Store(true)
		v.buf = nil
	}
	return err
}

func (v *placed) Write(b []byte) (n int, err error) {
	buf := append(v.buf[:0], b...)
	v.buf = buf
	if err := v.do(0, func() error {
		_, err := v.volume.Write(buf)
		return err
	}); err != nil {
		return 0, err
	}
	v.written += int64(len(b))
	return len(b), nil
}

// Commit finishes the volume. One that took too long is left without its name, also when the folder wakes up again, unless
// it was just being given: so the error says which it was.
func (v *placed) Commit() error {
	if err := v.do(v.written, func() error {
		if err := v.place.same(); err != nil {
			return errors.Join(err, v.volume.Abort())
		}
		if s, ok := v.volume.(interface{ Sync() error }); ok {
			if err := s.Sync(); err != nil {
				return errors.Join(err, v.volume.Abort())
			}
		}
		if v.lost.Load() {
			return v.volume.Abort()
		}
		return v.volume.Commit()
	}); err != nil {
		return fmt.Errorf("finishing %s: %w", v.name, err)
	}
	name := filepath.Join(string(v.place.Folder), v.name)
	v.place.finished = append(v.place.finished, name)
	v.place.out.add(&parcel{Source: v.place.source(name)})
	return nil
}

func (v *placed) Abort() error { return v.do(v.written, v.volume.Abort) }

// A trouble is what a failing disk means to a person, and the next step.
type trouble struct{ key, what, hint string } // the key is that of the words for who is led

var (
	diskFull = trouble{"full", "the disk of %s is full", "make room, or run again with --out on a larger disk; a second --out is used when the first fails"}
	tooLarge = trouble{"large", "%s cannot hold files this large", "run again with --volume-size 2GiB"}
	readOnly = trouble{"readonly", "%s is read-only", "is there a lock on the stick? Name another folder with --out"}
	silent   = trouble{"silent", "%s", "connect the network folder again or plug the disk in anew, or run again with another --out; --disk-timeout says how long is waited"}
	diskGone = trouble{"gone", "%s is gone", "plug the disk in or connect the network folder again, or run again with another --out"}
)

// explain says in words why a folder cannot be written to, and what to do. Of an error that it does not know it says
// nothing more than the error itself.
func explain(folder string, err error) (hint string, said error) {
	t, known := troubleOf(err)
	if !known {
		return "name another folder with --out; a second --out is used when the first fails", fmt.Errorf("%s: %w", folder, err)
	}
	return t.hint, fmt.Errorf("%s: %w", fmt.Sprintf(t.what, folder), err)
}

func troubleOf(err error) (trouble, bool) {
	var number syscall.Errno
	if errors.As(err, &number) {
		if t := troubleWith(number); t != nil {
			return *t, true
		}
	}
	if errors.Is(err, deadline.ErrNoAnswer) {
		return silent, true
	}
	if errors.Is(err, errGone) || errors.Is(err, fs.ErrNotExist) {
		return diskGone, true
	}
	return trouble{}, false
}

// volumeFor is the volume size for a folder, and what the person is to know of its disk beforehand.
func (j *job) volumeFor(p *place) (size int64, notes []string) {
	folder := string(p.Folder)
	var d disk
	if err := p.do(0, func() (err error) {
		d, err = diskOf(folder)
		return err
	}); err != nil {
		return j.volumeOn(folder, disk{free: -1}) // what cannot be asked will show when it is written to
	}
	return j.volumeOn(folder, d)
}

func (j *job) volumeOn(folder string, d disk) (size int64, notes []string) {
	size = int64(j.opts.volumeSize)
	if d.fat && size > maxFAT {
		if size = maxFAT; !j.view.led() {
			notes = append(notes, folder+" is FAT, which holds no file of 4 GiB: volumes are made smaller")
		}
	}
	need := int64(littleRoom)
	if j.opts.maxTotal > 0 {
		need = min(need, int64(j.opts.maxTotal))
	}
	switch {
	case d.free < 0 || d.free >= need:
	case j.view.led():
		notes = append(notes, interview.Fill(j.view.telling.words.Notes["little"], cli.Bytes(d.free), folder))
	default:
		notes = append(notes, fmt.Sprintf("only %s are free in %s; a second --out is used when it is full", cli.Bytes(d.free), folder))
	}
	if d.system && j.host.Live && !j.view.led() { // who is led was told before
		notes = append(notes, folder+" lies on the disk that is examined, where writing destroys what was deleted; better: --out on another disk, or --stream")
	}
	return size, notes
}
