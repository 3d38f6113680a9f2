package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/windows"

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
	device *device
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
		if d.device, d.err = openDevice(drive); d.err != nil {
			d.err = fmt.Errorf(`\\.\%s: %w`, drive, notAbsent(d.err))
		}
	}
	if d.device != nil && time.Since(d.opened) > fresh {
		if d.volume, d.err = rawfile.Open(d.device, d.device.size, drive); d.err != nil {
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

// A device is a volume as its driver gives it: whole sectors only.
type device struct {
	mu     sync.Mutex
	handle windows.Handle
	size   int64 // bytes; zero: not known
}

// ioctlDiskGetLengthInfo is IOCTL_DISK_GET_LENGTH_INFO (ntdddisk.h).
const ioctlDiskGetLengthInfo = 0x7405c

// openDevice opens \\.\C:, which needs the rights of an administrator. It stays open until the program ends.
func openDevice(drive string) (*device, error) {
	text, err := winapi.UTF16(`\\.\` + drive)
	if err != nil {
		return nil, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(text, windows.GENERIC_READ, share, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return nil, err
	}
	d := &device{handle: h}
	var length [8]byte
	var n uint32
	if windows.DeviceIoControl(h, ioctlDiskGetLengthInfo, nil, 0, &length[0], uint32(len(length)), &n, nil) == nil {
		d.size = int64(binary.LittleEndian.Uint64(length[:])) // else the boot sector tells
	}
	return d, nil
}

// ReadAt implements io.ReaderAt.
func (d *device) ReadAt(p []byte, off int64) (n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n < len(p) {
		at := off + int64(n)
		o := windows.Overlapped{Offset: uint32(at), OffsetHigh: uint32(at >> 32)}
		var m uint32
		err := windows.ReadFile(d.handle, p[n:min(len(p), n+1<<20)], &m, &o)
		n += int(m)
		if errors.Is(err, windows.ERROR_HANDLE_EOF) || err == nil && m == 0 {
			return n, io.EOF
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
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
