package folder

import (
	"errors"
	"os"
	"syscall"
)

// System error codes, learn.microsoft.com/windows/win32/debug/system-error-codes.
const (
	errHandleDiskFull syscall.Errno = 39
	errDiskFull       syscall.Errno = 112
	errFileTooLarge   syscall.Errno = 223 // FAT32: 4 GiB
)

func full(err error) bool {
	return errors.Is(err, errHandleDiskFull) || errors.Is(err, errDiskFull) || errors.Is(err, errFileTooLarge)
}

// forget does nothing: only a file opened for unbuffered reading passes by the cache here.
func forget(*os.File) {}
