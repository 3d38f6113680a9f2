// Package host gives the running machine as an artifacts.Host: its files without a trace of reading, its identity,
// its clock, its accounts, and what we may not do on it.
//
// It executes no program and asks no name service.
package host

import (
	"context"

	"spor/artifacts"
)

// Open gives the machine the program runs on. What could not be had is in Host.Limits; an error means that there is
// no host to work with.
func Open(ctx context.Context) (*artifacts.Host, error) { return open(ctx) }
