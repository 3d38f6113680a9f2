package network

import (
	"context"
	"errors"

	"spor/artifacts"
)

func unsupported(context.Context, *artifacts.Host, artifacts.Recorder) error {
	return errors.New("not built for this system")
}

// What Windows has of these stands in live/identity.jsonl and with the firewall's own collector.
var (
	interfaces = unsupported
	routes     = unsupported
	firewall   = unsupported
)
