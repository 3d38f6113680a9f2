//go:build !windows

package main

import (
	"spor/timeline"
	"spor/timeline/packed"
)

// packings are the ways of compression, beside gzip, that rotated logs are found in.
func packings() []*timeline.Packing { return packed.All() }
