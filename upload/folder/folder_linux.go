package folder

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// full tells the errors that mean no room: EFBIG is also FAT's answer to a file over 4 GiB.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// forget asks the system to drop its copy of a synced file, so that what is read next comes from the disk. It is a
// wish: where it is not granted, the copy is what is read.
func forget(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
