//go:build !windows

package live

import (
	"spor/artifacts"
	"spor/collect/live/accounts"
	"spor/collect/live/packages"
	"spor/collect/live/persistence"
	"spor/collect/live/unlisted"
)

// linux gives those that read the files of a Linux host, running or on a disk. The Windows program has no room for
// them: a disk of Linux is examined with the Linux program.
func linux() []*artifacts.Collector {
	return []*artifacts.Collector{
		accounts.Collector,
		accounts.SudoRules,
		packages.Collector,
		packages.Changed,
		packages.Privileged,
		persistence.Collector,
		unlisted.Collector,
		packages.ChangedAll,
		packages.PrivilegedAll,
	}
}
