package main

import (
	"spor/artifacts"
	"spor/artifacts/listing"
)

// places are the collectors of files that no definition can name. What configurations of Linux name is for the Linux
// program.
func places() []*artifacts.Collector { return []*artifacts.Collector{listing.Collector} }
