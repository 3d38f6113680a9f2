package winapi

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"golang.org/x/sys/windows"
)

// A RawDevice is a disk or a volume as its driver gives it: whole sectors only. It is safe for concurrent use.
type RawDevice struct {
	Size   int64 // bytes; zero: not known
	mu     sync.Mutex
	handle windows.Handle
}

// ioctlDiskGetLengthInfo is IOCTL_DISK_GET_LENGTH_INFO (ntdddisk.h).
const ioctlDiskGetLengthInfo = 0x7405c

// OpenRaw opens \\.\NAME for reading ("C:", "PhysicalDrive0"), which needs the rights of an administrator.
func OpenRaw(name string) (*RawDevice, error) {
	text, err := UTF16(`\\.\` + name)
	if err != nil {
		return nil, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(text, windows.GENERIC_READ, share, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return nil, err
	}
	d := &RawDevice{handle: h}
	var length [8]byte
	var n uint32
	if windows.DeviceIoControl(h, ioctlDiskGetLengthInfo, nil, 0, &length[0], uint32(len(length)), &n, nil) == nil {
		d.Size = int64(binary.LittleEndian.Uint64(length[:]))
	}
	return d, nil
}

// Close closes the device.
func (d *RawDevice) Close() error { return windows.CloseHandle(d.handle) }

// ReadAt implements io.ReaderAt.
func (d *RawDevice) ReadAt(p []byte, off int64) (n int, err error) {
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
