//go:build !unix

package wine

import (
	"errors"
	"os"
)

// errLocked says that somebody else holds the lock.
var errLocked = errors.New("in use")

func lockExclusive(*os.File) error { return errors.ErrUnsupported }

func lockShared(*os.File) error { return errors.ErrUnsupported }
