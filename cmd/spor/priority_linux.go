package main

import (
	"errors"

	"golang.org/x/sys/unix"
)

// lowImpact gives all other processes the right of way, on the processor and on the disk: nice 19, and the idle class
// of ioprio_set(2) for the whole process.
func lowImpact() error {
	const idleClass, whoProcess = 3 << 13, 1
	_, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, whoProcess, 0, idleClass)
	var disk error
	if errno != 0 {
		disk = errno
	}
	return errors.Join(disk, unix.Setpriority(unix.PRIO_PROCESS, 0, 19))
}
