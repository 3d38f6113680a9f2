//go:build !windows

package image

import (
	"spor/artifacts"
	"spor/collect/registry"
)

// hives gives the host the registry that lies in its files, and fills in what that tells.
func hives(h *artifacts.Host, note func(artifacts.Outcome)) { registry.Describe(h, note) }
