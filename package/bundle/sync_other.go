//go:build !windows

package bundle

import (
	"errors"
	"os"
	"syscall"
)

// syncDir makes a rename durable. File systems that cannot sync a folder (FAT, some network ones) say EINVAL.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
