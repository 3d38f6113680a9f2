//go:build !windows

package main

import (
	"spor/artifacts"
	"spor/artifacts/configured"
	"spor/artifacts/listing"
	"spor/artifacts/shadow"
	"spor/timeline"
	"spor/timeline/formats"
)

// places are the collectors of files that no definition can name: those that a configuration names, and the listing of
// all.
func places() []*artifacts.Collector { return append(configured.All(), listing.Collector, shadow.List) }

// parsers are the formats that the run's own timeline is made from.
func parsers() timeline.Formats { return formats.All() }
