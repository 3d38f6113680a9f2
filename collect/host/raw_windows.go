package host

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"spor/artifacts"
	"spor/collect/rawfile"
	"spor/collect/winapi"
)

// raws are the drives as volumes of bytes, each opened when it is first needed: for what is locked, and for NTFS's own
// files.
type raws struct {
	mu     sync.Mutex
	drives map[string]*rawDrive
}

type rawDrive struct {
	volume *rawfile.Volume
	err    error
	opened time.Time
	device *winapi.RawDevice
}

// fresh is how long a volume's tables are believed on a running system, before they are read again.
const fresh = 30 * time.Second

// volume opens the drive of a path, or gives it as it was opened before. The table of files is looked at again from
// time to time, for it grows.
func (r *raws) volume(p string) (*rawfile.Volume, error) {
	if !winapi.HasDrive(p) {
		return nil, errors.New("no drive whose volume could be read")
	}
	drive := strings.ToUpper(p[:2])
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.drives == nil {
		r.drives = map[string]*rawDrive{}
	}
	d := r.drives[drive]
	if d == nil {
		d = &rawDrive{}
		r.drives[drive] = d
		if d.device, d.err = winapi.OpenRaw(drive); d.err != nil {
			d.err = fmt.Errorf(`\\.\%s: %w`, drive, notAbsent(d.err))
		}
	}
	if d.device != nil && time.Since(d.opened) > fresh {
		if d.volume, d.err = rawfile.Open(d.device, d.device.Size, drive); d.err != nil {
			d.err = fmt.Errorf(`\\.\%s: %w`, drive, notAbsent(d.err))
		}
		d.opened = time.Now()
	}
	return d.volume, d.err
}

// notAbsent keeps that there is no such volume from meaning that there is no such file.
func notAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New(err.Error())
	}
	return err
}

// instead tells whether an error of the system is one that reading the volume gets around.
func instead(err error) bool { return errors.Is(err, ErrLocked) || errors.Is(err, ErrMetafile) }

// A record that is being written looks damaged, for a moment.
const (
	tries = 3
	pause = 50 * time.Millisecond
)

// rawOpen opens through the volume what the system did not: its error carries both reasons.
func (f *files) rawOpen(p artifacts.Path, why error) (artifacts.File, error) {
	v, err := f.raw.volume(string(p))
	if err != nil {
		return nil, both("open", p, why, err)
	}
	var file *rawfile.File
	for range tries {
		if !errors.Is(why, ErrMetafile) {
			v.Refresh() // what is locked is written to
		}
		if file, err = v.OpenFile(p); err == nil {
			return file, nil
		}
		if !errors.Is(err, rawfile.ErrDamaged) {
			break
		}
		time.Sleep(pause)
	}
	return nil, both("open", p, why, err)
}

// rawLstat describes a metafile.
func (f *files) rawLstat(p artifacts.Path, why error) (artifacts.Stat, error) {
	v, err := f.raw.volume(string(p))
	if err != nil {
		return artifacts.Stat{}, both("lstat", p, why, err)
	}
	st, err := v.Lstat(p)
	if err != nil {
		return artifacts.Stat{}, both("lstat", p, why, err)
	}
	return st, nil
}

// both is the error of the system with that of the volume. What the volume does not have is not there, whatever the
// system says of the name.
func both(op string, p artifacts.Path, why, raw error) error {
	var pe *fs.PathError
	if errors.As(raw, &pe) {
		raw = pe.Err
	}
	if errors.As(why, &pe) {
		why = pe.Err
	}
	if errors.Is(why, ErrMetafile) && errors.Is(raw, fs.ErrNotExist) {
		return &fs.PathError{Op: op, Path: p.String(), Err: raw}
	}
	return &fs.PathError{Op: op, Path: p.String(), Err: fmt.Errorf("%w; through the raw volume: %w", why, raw)}
}
