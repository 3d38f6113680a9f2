//go:build !linux

package unlisted

import (
	"context"
	"errors"

	"spor/artifacts"
)

func collect(context.Context, *artifacts.Host, artifacts.Recorder) error {
	return errors.New("not built for this system")
}
