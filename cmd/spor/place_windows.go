package main

import (
	"math"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

// troubleWith is what an error of writing means that a person can do something about; nil: another
// (learn.microsoft.com/windows/win32/debug/system-error-codes).
func troubleWith(number syscall.Errno) *trouble {
	switch number {
	case windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED:
		return &diskFull
	case windows.ERROR_FILE_TOO_LARGE:
		return &tooLarge
	case windows.ERROR_WRITE_PROTECT:
		return &readOnly
	case windows.ERROR_NOT_READY, windows.ERROR_DEV_NOT_EXIST, windows.ERROR_PATH_NOT_FOUND, windows.ERROR_BAD_NETPATH, windows.ERROR_NETNAME_DELETED,
		windows.ERROR_UNEXP_NET_ERR, windows.ERROR_FILE_INVALID, windows.ERROR_NO_SUCH_DEVICE, windows.ERROR_DEVICE_NOT_CONNECTED, windows.ERROR_SEM_TIMEOUT,
		windows.ERROR_IO_DEVICE:
		return &diskGone
	}
	return nil
}

// diskOf asks for the volume that holds the folder, and compares it with that of the Windows folder.
func diskOf(dir string) (disk, error) {
	root, err := volumeOf(dir)
	if err != nil {
		return disk{}, err
	}
	d := disk{free: -1}
	name, err := windows.UTF16PtrFromString(root)
	if err != nil {
		return disk{}, err
	}
	system := make([]uint16, windows.MAX_PATH+1)
	if err := windows.GetVolumeInformation(name, nil, 0, nil, nil, nil, &system[0], uint32(len(system))); err == nil {
		d.fat = strings.HasPrefix(windows.UTF16ToString(system), "FAT")
	}
	folder, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return disk{}, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(folder, &free, nil, nil); err == nil {
		d.free = int64(min(free, math.MaxInt64))
	}
	if own, err := windows.GetSystemWindowsDirectory(); err == nil {
		at, err := volumeOf(own)
		d.system = err == nil && strings.EqualFold(at, root)
	}
	return d, nil
}

func volumeOf(dir string) (string, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return "", err
	}
	root := make([]uint16, windows.MAX_LONG_PATH)
	if err := windows.GetVolumePathName(name, &root[0], uint32(len(root))); err != nil {
		return "", err
	}
	return windows.UTF16ToString(root), nil
}
