//go:build !linux && !windows

package main

import (
	"errors"
	"syscall"
)

func troubleWith(syscall.Errno) *trouble { return nil }

// diskOf cannot tell on this system.
func diskOf(string) (disk, error) { return disk{}, errors.ErrUnsupported }
