// Package formats is the list of all parsers. A new format is a folder under timeline/format and a line here.
package formats

import (
	"slices"

	"spor/timeline"
	"spor/timeline/format/collectors"
	"spor/timeline/format/evt"
	"spor/timeline/format/evtx"
	"spor/timeline/format/journald"
	"spor/timeline/format/lastlog"
	"spor/timeline/format/listing"
	"spor/timeline/format/utmp"
	"spor/timeline/format/wtmpdb"
)

// All gives the parsers in the order they are asked: the strictest first.
func All() timeline.Formats {
	return slices.Concat(timeline.Formats{
		evtx.Format,
		evt.Format,
		journald.Format,
		utmp.Format,
		listing.Samples,
		listing.Format,
	}, wtmpdb.Formats, lastlog.Formats, text())
}

// Desk gives the parsers of the desk: all, and those of what other collectors say.
func Desk() timeline.Formats { return slices.Concat(collectors.Formats, All()) }
