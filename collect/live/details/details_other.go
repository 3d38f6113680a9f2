//go:build !linux && !windows

package details

import (
	"context"
	"errors"

	"spor/artifacts"
)

var errSystem = errors.New("not built for this system")

func collect(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }

func environments(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }
