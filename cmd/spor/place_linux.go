package main

import (
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// troubles are the errors of writing that a person can do something about (errno(3)).
var troubles = map[syscall.Errno]trouble{
	syscall.ENOSPC: diskFull, syscall.EDQUOT: diskFull, syscall.EFBIG: tooLarge, syscall.EROFS: readOnly,
	syscall.EIO: diskGone, syscall.ENODEV: diskGone, syscall.ENXIO: diskGone, syscall.ENOENT: diskGone,
	syscall.ESTALE: diskGone, syscall.ETIMEDOUT: diskGone, syscall.EHOSTDOWN: diskGone, syscall.ENOTCONN: diskGone,
	// a server that goes while it is asked: FUSE, NFS, SMB
	syscall.ECONNABORTED: diskGone, syscall.ECONNRESET: diskGone, syscall.ENETUNREACH: diskGone, syscall.EHOSTUNREACH: diskGone,
	syscall.ENETDOWN: diskGone, syscall.EREMOTEIO: diskGone, syscall.ENOMEDIUM: diskGone,
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
