package main

import (
	"context"

	"spor/artifacts"
	"spor/artifacts/listing"
	"spor/artifacts/registered"
	"spor/timeline"
	"spor/timeline/format/evt"
	"spor/timeline/format/evtx"
)

// places are the collectors of files that no definition can name: those that settings of Windows name, and the listing
// of all. What configurations of Linux name is for the Linux program.
func places() []*artifacts.Collector { return append(registered.All(), listing.Collector) }

// parsers are the formats that the run's own timeline is made from: those that are met on Windows. The desk has all.
func parsers(context.Context, *artifacts.Host) timeline.Formats {
	return timeline.Formats{evtx.Format, evt.Format}
}
