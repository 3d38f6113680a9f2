//go:build !windows

package objects

import (
	"context"
	"errors"

	"spor/artifacts"
)

var errSystem = errors.New("not built for this system")

func pipes(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }

func handles(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }
