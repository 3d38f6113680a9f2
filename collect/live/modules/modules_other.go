//go:build !windows

package modules

import (
	"context"
	"errors"

	"spor/artifacts"
)

var errSystem = errors.New("not built for this system")

func libraries(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }

func drivers(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }
