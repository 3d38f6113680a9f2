// Package listing records the names, times, owners and modes of everything on the local file systems: what a body file
// holds (wiki.sleuthkit.org, Body file). Hidden names, set-user-ID bits, owners without an account and what the world may
// write to are read off it, and it tells of files that nobody thought to collect.
package listing

import (
	"spor/artifacts"
	"spor/artifacts/schema"
)

// Collector reads no content and follows no link.
var Collector = &artifacts.Collector{
	Name:     "listing",
	Doc:      "Names, times, owners and modes of all files, without content",
	Order:    artifacts.Bulk,
	Profiles: []string{"full", "ransomware"},
	Collect:  schema.ListAll,
}
