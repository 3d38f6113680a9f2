// Package sectors collects how disks are divided and the sectors that a machine starts from: the first of each disk up
// to its first partition, the tables of partitions elsewhere, and the first of each volume. What starts before the
// system hides there (bootkits in MBR and boot sectors), and a table that was wiped is told by what is left of it. Of a
// running machine and of an image the same is taken, at most a mebibyte and a half of a disk.
//
// Sources: /sys/block and the devices of /dev on Linux, \\.\PhysicalDriveN on Windows; collect/image/partition.
package sectors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"spor/artifacts"
	"spor/collect/image/partition"
)

// Collector takes one Disk for each, and the sectors as items.
var Collector = &artifacts.Collector{
	Name:     "boot_sectors",
	Doc:      "Partition tables, the first sectors of disks and volumes, of a running machine or an image",
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Collect:  collect,
}

// A Disk is one line of live/boot_sectors.jsonl.
type Disk struct {
	Name   string            `json:"name"`             // "/dev/sda", `\\.\PhysicalDrive0`, the name of an image
	Size   int64             `json:"size"`             // bytes
	Scheme string            `json:"scheme,omitempty"` // "MBR", "GPT"; empty: the disk is one volume, or not divided
	Sector int64             `json:"sector,omitempty"` // bytes
	Parts  []Part            `json:"partitions,omitempty"`
	Notes  []string          `json:"notes,omitempty"` // what in the table is damaged or contradicts itself
	Items  []string          `json:"items,omitempty"` // the sectors, by their names in the bundle
	About  map[string]string `json:"about,omitempty"` // what an image says of itself; its own word
}

// A Part is a partition, in bytes.
type Part struct {
	Number int    `json:"number"` // zero: the whole disk is one volume
	Start  int64  `json:"start"`
	Size   int64  `json:"size"`
	Name   string `json:"name,omitempty"`
	Type   string `json:"type,omitempty"` // "07" of MBR, a GUID of GPT
	ID     string `json:"id,omitempty"`
	Holds  string `json:"holds"` // file system by its marks
}

// How much is taken, in bytes.
const (
	maxFirst = 1 << 20  // of a disk, up to its first partition: where starters and their kits lie
	minFirst = 63 * 512 // the old first track, wherever the table says that a partition begins
	maxTable = 64 << 10 // of a table elsewhere
	maxBoot  = 8 << 10  // of a volume: $Boot of NTFS has so many
	maxKnown = 512      // of a volume that is locked or unknown: behind lie keys, or anything
	maxDisks = 64
	maxItems = 200
)

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	if len(h.Disks) > 0 || !h.Live {
		for i, d := range h.Disks {
			if err := take(ctx, i, d, "", rec); err != nil {
				return err
			}
		}
		if len(h.Disks) == 0 {
			rec.Note(artifacts.Outcome{Status: artifacts.Skipped, Reason: "a folder has no disk beneath it that we know of"})
		}
		return nil
	}
	n, said := 0, false
	note := func(o artifacts.Outcome) {
		said = true
		rec.Note(o)
	}
	err := running(h, note, func(d artifacts.Disk) error {
		n++
		return take(ctx, n-1, d, artifacts.Path(d.Name), rec)
	})
	if n == 0 && !said && err == nil { // nothing found is not that there is nothing
		rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: "the system names no disk, but it runs from one"})
	}
	return err
}

// take records one disk, and takes its sectors. The origin is the device, of a running machine.
func take(ctx context.Context, number int, d artifacts.Disk, origin artifacts.Path, rec artifacts.Recorder) error {
	table, err := partition.Read(d.From, d.Size)
	if err != nil && !errors.Is(err, partition.ErrNone) {
		rec.Note(artifacts.Outcome{Path: artifacts.Path(d.Name), Status: artifacts.Failed, Reason: err.Error()})
	}
	out := Disk{Name: d.Name, Size: d.Size, Scheme: table.Scheme, Sector: table.Sector, Notes: table.Notes, About: d.About}
	if errors.Is(err, partition.ErrNone) {
		out.Notes = append(out.Notes, err.Error())
	}
	first := int64(maxFirst)
	if out.Scheme == "" {
		first = maxKnown
	}
	var stretches []stretch
	for _, p := range table.Parts {
		holds := partition.FileSystem(io.NewSectionReader(d.From, p.Start, p.Size), p.Size)
		out.Parts = append(out.Parts, Part{p.Number, p.Start, p.Size, p.Name, p.Type, p.ID, holds})
		if p.Number > 0 {
			first = min(first, p.Start)
			stretches = append(stretches, stretch{fmt.Sprintf("partition-%d", p.Number), p.Start, min(p.Size, boot(holds))})
		} else {
			first = boot(holds)
		}
	}
	if out.Scheme != "" {
		first = max(first, minFirst)
	}
	for i, e := range table.Places {
		stretches = append(stretches, stretch{fmt.Sprintf("table-%d", i+1), e.Offset, min(e.Length, maxTable)})
	}
	stretches = append([]stretch{{"first", 0, first}}, stretches...)
	for _, s := range stretches[:min(len(stretches), maxItems)] {
		name := fmt.Sprintf("live/boot_sectors/disk-%d/%s.bin", number, s.name)
		it := artifacts.Item{Name: name, Origin: origin, Size: min(s.size, d.Size-s.at), Method: "sectors"}
		if it.Size <= 0 {
			continue
		}
		if err := rec.Put(ctx, it, io.NewSectionReader(d.From, s.at, it.Size)); err != nil {
			return err
		}
		out.Items = append(out.Items, name)
	}
	return rec.Record(out)
}

// A stretch is what is taken as one item.
type stretch struct {
	name     string
	at, size int64 // bytes
}

// boot is how much is taken of the beginning of a volume.
func boot(holds string) int64 {
	switch {
	case holds == partition.Unknown || strings.HasSuffix(holds, "locked"):
		return maxKnown
	}
	return maxBoot
}

// failure is the outcome of a disk that could not be opened.
func failure(name string, err error) artifacts.Outcome {
	status := artifacts.Failed
	if errors.Is(err, fs.ErrPermission) {
		status = artifacts.Denied
	}
	return artifacts.Outcome{Path: artifacts.Path(name), Status: status, Reason: err.Error()}
}
