//go:build !windows

package tasks

import (
	"context"
	"errors"
)

func registered(context.Context) ([]serviceTask, error) {
	return nil, errors.New("not Windows")
}
