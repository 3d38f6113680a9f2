package main

import (
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// troubleWith is what an error of writing means that a person can do something about (errno(3)); nil: another. Those of networks
// come from a server that goes while it is asked: FUSE, NFS, SMB.
func troubleWith(number syscall.Errno) *trouble {
	switch number {
	case syscall.ENOSPC, syscall.EDQUOT:
		return &diskFull
	case syscall.EFBIG:
		return &tooLarge
	case syscall.EROFS:
		return &readOnly
	case syscall.EIO, syscall.ENODEV, syscall.ENXIO, syscall.ENOENT, syscall.ESTALE,
		syscall.ETIMEDOUT, syscall.EHOSTDOWN, syscall.ENOTCONN, syscall.ECONNABORTED, syscall.ECONNRESET,
		syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EREMOTEIO, syscall.ENOMEDIUM:
		return &diskGone
	}
	return nil
}

// diskOf asks statfs(2) and compares the device with that of the root folder.
func diskOf(dir string) (disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return disk{}, err
	}
	var here, root unix.Stat_t
	if err := unix.Stat(dir, &here); err != nil {
		return disk{}, err
	}
	if err := unix.Stat("/", &root); err != nil {
		return disk{}, err
	}
	d := disk{free: math.MaxInt64, fat: int64(st.Type) == unix.MSDOS_SUPER_MAGIC, system: here.Dev == root.Dev}
	if size := uint64(st.Bsize); size == 0 || st.Bavail <= math.MaxInt64/size {
		d.free = int64(st.Bavail * size)
	}
	return d, nil
}
