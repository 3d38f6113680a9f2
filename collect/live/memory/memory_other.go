//go:build !linux && !windows

package memory

import (
	"context"
	"errors"

	"spor/artifacts"
)

var errSystem = errors.New("not built for this system")

func collectProcesses(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }

func collectPhysical(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }

func collectSymbols(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }
