//go:build !linux && !windows

package network

import (
	"context"
	"errors"

	"spor/artifacts"
)

var errSystem = errors.New("not built for this system")

func unsupported(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }

var (
	interfaces = unsupported
	neighbours = unsupported
	routes     = unsupported
	firewall   = unsupported
	dns        = unsupported
	cache      = unsupported
	proxies    = unsupported
)
