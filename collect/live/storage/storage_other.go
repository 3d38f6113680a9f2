//go:build !linux

package storage

import (
	"context"
	"errors"

	"spor/artifacts"
)

var errSystem = errors.New("not built for this system")

func mounts(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }

func devices(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }
