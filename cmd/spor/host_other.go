//go:build !windows

package main

import (
	"slices"

	"spor/artifacts"
	"spor/artifacts/configured"
	"spor/artifacts/listing"
	"spor/artifacts/registered"
	"spor/artifacts/shadow"
	"spor/timeline"
	listings "spor/timeline/format/listing"
	"spor/timeline/formats"
)

// places are the collectors of files that no definition can name: those that a configuration or a setting names, the
// listing of all, and the shadow copies of an image.
func places() []*artifacts.Collector {
	return slices.Concat(configured.All(), registered.All(), []*artifacts.Collector{listing.Collector, shadow.List})
}

// parsers are the formats that the run's own timeline is made from: all but that of listings, whose times would be most of
// it. The desk has them.
func parsers() timeline.Formats {
	return slices.DeleteFunc(formats.All(), func(f *timeline.Format) bool { return f == listings.Format })
}
