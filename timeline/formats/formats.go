// Package formats is the list of all parsers. A new format is a folder under timeline/format and a line here.
package formats

import (
	"spor/timeline"
	"spor/timeline/format/evt"
	"spor/timeline/format/evtx"
	"spor/timeline/format/journald"
	"spor/timeline/format/utmp"
	"spor/timeline/format/wtmpdb"
)

// All gives the parsers in the order they are asked: the strictest first.
func All() timeline.Formats {
	return append(timeline.Formats{
		evtx.Format,
		evt.Format,
		journald.Format,
		wtmpdb.Formats[0],
		wtmpdb.Formats[1],
		utmp.Format,
	}, text()...)
}
