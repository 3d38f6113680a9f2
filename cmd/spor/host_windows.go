package main

import (
	"spor/artifacts"
	"spor/artifacts/listing"
	"spor/timeline"
	"spor/timeline/format/evt"
	"spor/timeline/format/evtx"
)

// places are the collectors of files that no definition can name. What configurations of Linux name is for the Linux
// program.
func places() []*artifacts.Collector { return []*artifacts.Collector{listing.Collector} }

// parsers are the formats that the run's own timeline is made from: those that are met on Windows. The desk has all.
func parsers() timeline.Formats { return timeline.Formats{evtx.Format, evt.Format} }
