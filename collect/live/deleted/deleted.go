// Package deleted collects the names of deleted files that the file system still knows. It proves that a file was there,
// how large it was and when it was made, though not what it held. On an image the MFT of each NTFS volume is read, and the
// folders of each FAT and exFAT one.
package deleted

import (
	"context"
	"fmt"

	"spor/artifacts"
)

// Collector lists deleted names.
var Collector = &artifacts.Collector{
	Name:     "deleted_files",
	Doc:      "Names, sizes and times of deleted files that the volumes of an image (NTFS, FAT, exFAT) still know",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Collect:  collect,
}

// maxDamaged is how many records that cannot be read are told one by one.
const maxDamaged = 20

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	files, ok := h.Files.(artifacts.Undeleter)
	if !ok {
		rec.Note(artifacts.Outcome{Status: artifacts.Skipped, Reason: "only of an image: take $MFT of a running host"})
		return nil
	}
	failed := 0
	for f, err := range files.Undelete(ctx) {
		if err != nil {
			if failed++; failed <= maxDamaged {
				rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: err.Error()})
			}
			continue
		}
		if err := rec.Record(f); err != nil {
			return err
		}
	}
	if failed > maxDamaged {
		rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: fmt.Sprintf("%d records or folders cannot be read in all", failed)})
	}
	return ctx.Err()
}
