//go:build !linux

package packages

import "spor/artifacts"

// capabilities are told by a running Linux alone.
func capabilities(artifacts.Path) (string, error) { return parseCapabilities(nil) }
