//go:build !linux && !windows

package host

import (
	"context"
	"errors"

	"spor/artifacts"
)

func open(context.Context) (*artifacts.Host, error) {
	return nil, errors.New("not built for this system")
}
