package packages

import (
	"errors"

	"golang.org/x/sys/unix"

	"spor/artifacts"
)

// capabilities asks the running system for a file's capabilities: lgetxattr(2), which opens nothing. Empty: none, or a
// file system without.
func capabilities(p artifacts.Path) (string, error) {
	var buf [64]byte
	n, err := unix.Lgetxattr(string(p), "security.capability", buf[:])
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOENT):
		return "", nil
	case err != nil:
		return "", err
	}
	return parseCapabilities(buf[:n])
}
