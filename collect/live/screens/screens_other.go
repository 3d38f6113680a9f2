//go:build !windows

package screens

import (
	"context"
	"errors"

	"spor/artifacts"
)

func clipboard(context.Context, *artifacts.Host, artifacts.Recorder) error {
	return errors.New("not built for this system")
}

func collect(context.Context, *artifacts.Host, artifacts.Recorder) error {
	return errors.New("not built for this system")
}

// Child is a copy of ourselves in another session: here there is none.
func Child([]string) bool { return false }
