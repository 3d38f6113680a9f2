//go:build !linux && !windows

package main

import (
	"errors"
	"os"
)

func silence(*os.File) (restore func() error, err error) { return nil, errors.ErrUnsupported }

func isTerminal(any) bool { return false }
