package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"spor/cmd/internal/cli"
	"spor/package/bundle"
	"spor/upload"
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
// the disk that is examined.
type place struct {
	bundle.Folder
	was fs.FileInfo
	out *outbox
}

var _ bundle.Store = (*place)(nil)

func newPlace(dir string, out *outbox) (*place, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	return &place{bundle.Folder(dir), st, out}, nil
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
	if err := p.same(); err != nil {
		return nil, err
	}
	v, err := p.Folder.Create(name)
	if err != nil {
		return nil, err
	}
	return &placed{v, p, name}, nil
}

// placed is a volume that tells when it is finished.
type placed struct {
	bundle.Volume
	place *place
	name  string
}

func (v *placed) Commit() error {
	if err := v.place.same(); err != nil {
		return errors.Join(err, v.Volume.Abort())
	}
	if err := v.Volume.Commit(); err != nil {
		return err
	}
	v.place.out.add(&parcel{Source: upload.File(filepath.Join(string(v.place.Folder), v.name))})
	return nil
}

// A trouble is what a failing disk means to a person, and the next step.
type trouble struct{ what, hint string }

var (
	diskFull = trouble{"the disk of %s is full", "make room, or run again with --out on a larger disk; a second --out is used when the first fails"}
	tooLarge = trouble{"%s cannot hold files this large", "run again with --volume-size 2GiB"}
	readOnly = trouble{"%s is read-only", "is there a lock on the stick? Name another folder with --out"}
	diskGone = trouble{"%s is gone", "plug the disk in or connect the network folder again, or run again with another --out"}
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
		if t, ok := troubles[number]; ok {
			return t, true
		}
	}
	if errors.Is(err, errGone) || errors.Is(err, fs.ErrNotExist) {
		return diskGone, true
	}
	return trouble{}, false
}

// volumeFor is the volume size for a folder, and what the person is to know of its disk beforehand.
func (j *job) volumeFor(folder string) (size int64, notes []string) {
	d, err := diskOf(folder)
	if err != nil {
		d = disk{free: -1} // what cannot be asked will show when it is written to
	}
	return j.volumeOn(folder, d)
}

func (j *job) volumeOn(folder string, d disk) (size int64, notes []string) {
	size = int64(j.opts.volumeSize)
	if d.fat && size > maxFAT {
		size = maxFAT
		notes = append(notes, folder+" is FAT, which holds no file of 4 GiB: volumes are made smaller")
	}
	need := int64(littleRoom)
	if j.opts.maxTotal > 0 {
		need = min(need, int64(j.opts.maxTotal))
	}
	if d.free >= 0 && d.free < need {
		notes = append(notes, fmt.Sprintf("only %s are free in %s; a second --out is used when it is full", cli.Bytes(d.free), folder))
	}
	if d.system && j.host.Live {
		notes = append(notes, folder+" lies on the disk that is examined, where writing destroys what was deleted; better: --out on another disk, or --stream")
	}
	return size, notes
}
