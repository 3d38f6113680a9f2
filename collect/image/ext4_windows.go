package image

import (
	"fmt"
	"os"

	"spor/artifacts"
)

// linuxDisk reads nothing here, so that the program for Windows stays small.
func linuxDisk(f *os.File, parts []partition, _ string, _ bool) (h *artifacts.Host, limits []artifacts.Outcome) {
	for _, p := range parts {
		kind := fileSystem(f, p)
		reason := fmt.Sprintf("%s (%s) cannot be read", p, kind)
		if kind == "ext4" {
			reason = p.String() + ": ext4 is read by the Linux program"
		}
		limits = append(limits, artifacts.Outcome{Source: source, Status: artifacts.Skipped, Reason: reason})
	}
	return nil, limits
}
