//go:build !linux && !windows

package receive

import (
	"errors"
	"math"
	"os"
	"syscall"
)

func free(*os.File) (int64, error) { return math.MaxInt64, nil }

func lock(*os.File) error { return nil }

func full(err error) bool { return errors.Is(err, syscall.ENOSPC) }
