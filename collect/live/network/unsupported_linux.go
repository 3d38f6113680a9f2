package network

import (
	"context"
	"errors"

	"spor/artifacts"
)

// Linux has no cache of its own (systemd-resolved's is not to be had without asking it to speak), and proxies are variables.
func unsupported(context.Context, *artifacts.Host, artifacts.Recorder) error {
	return errors.New("not built for this system")
}

var (
	cache   = unsupported
	proxies = unsupported
)
