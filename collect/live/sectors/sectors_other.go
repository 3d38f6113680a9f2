//go:build !linux && !windows

package sectors

import (
	"errors"

	"spor/artifacts"
)

func running(*artifacts.Host, func(artifacts.Outcome), func(artifacts.Disk) error) error {
	return errors.New("not built for this system")
}
