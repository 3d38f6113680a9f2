//go:build !linux

package kernel

import (
	"context"
	"errors"

	"spor/artifacts"
)

var errSystem = errors.New("not built for this system")

func collect(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }

func modules(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }

func hooks(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }
