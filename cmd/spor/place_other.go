//go:build !linux && !windows

package main

import (
	"errors"
	"syscall"
)

var troubles = map[syscall.Errno]trouble{}

// diskOf cannot tell on this system.
func diskOf(string) (disk, error) { return disk{}, errors.ErrUnsupported }
