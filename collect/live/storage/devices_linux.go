package storage

import (
	"context"
	"path"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

const (
	maxDevices = 1 << 14
	maxNames   = 1 << 16
	sector     = 512 // bytes, of every size in sysfs
)

func devices(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	entries, err := h.Files.ReadDir("/sys/class/block")
	if err != nil {
		return err
	}
	if len(entries) > maxDevices {
		rec.Note(artifacts.Outcome{Path: "/sys/class/block", Status: artifacts.Truncated, Reason: "more devices than the limit"})
		entries = entries[:maxDevices]
	}
	names := diskNames(h.Files)
	for _, e := range entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		d := device(h.Files, e.Name)
		if d.Size == 0 && d.Backing == "" && d.MadeOf == nil {
			continue // a loop or a drive without anything in it
		}
		d.Names = names[e.Name]
		if err := rec.Record(d); err != nil {
			return err
		}
	}
	return btrfs(h.Files, rec)
}

// device reads a folder of /sys/class/block, which are links to where the device hangs.
func device(f artifacts.Files, name string) Device {
	dir := artifacts.Path("/sys/class/block/" + name)
	on := func(file string) bool { return procfs.Number(f, dir+artifacts.Path(file)) == 1 }
	line := func(file string) string { return procfs.Line(f, dir+artifacts.Path(file)) }
	number := func(file string) int64 { return procfs.Number(f, dir+artifacts.Path(file)) }
	d := Device{
		Name: procfs.Text(name), Number: line("/dev"), Size: number("/size") * sector, Start: number("/start") * sector, Partition: number("/partition"),
		ReadOnly: on("/ro"), Removable: on("/removable"), Rotates: on("/queue/rotational"), DiscardsOn: number("/queue/discard_max_bytes") > 0,
		Vendor: line("/device/vendor"), Model: line("/device/model"), Serial: line("/device/serial"), Mapped: line("/dm/name"), UUID: line("/dm/uuid"),
		MadeOf: list(f, dir+"/slaves"), HeldBy: list(f, dir+"/holders"),
	}
	if d.Serial == "" {
		d.Serial = line("/serial")
	}
	if d.Partition > 0 {
		target, _ := f.Readlink(dir)
		d.Disk = procfs.Text(path.Base(path.Dir(string(target))))
	}
	if backing := line("/loop/backing_file"); backing != "" {
		d.Kind = "loop"
		d.Backing.UnmarshalText([]byte(backing)) //nolint:errcheck // never fails
	}
	if kind, _, ok := strings.Cut(d.UUID, "-"); ok {
		d.Kind = strings.ToLower(kind)
	}
	if level := line("/md/level"); level != "" {
		d.Kind, d.Level, d.State, d.Sync = "raid", level, line("/md/array_state"), line("/md/sync_action")
		d.RaidDisks, d.Degraded = number("/md/raid_disks"), number("/md/degraded")
	}
	return d
}

func list(f artifacts.Files, dir artifacts.Path) []string {
	entries, _ := f.ReadDir(dir)
	var names []string
	for _, e := range entries[:min(len(entries), 1024)] {
		names = append(names, procfs.Text(e.Name))
	}
	return names
}

// diskNames are the links of /dev/disk by the device they lead to.
func diskNames(f artifacts.Files) map[string][]string {
	names := map[string][]string{}
	kinds, _ := f.ReadDir("/dev/disk")
	left := maxNames
	for _, kind := range kinds {
		dir := artifacts.Path("/dev/disk/" + kind.Name)
		entries, _ := f.ReadDir(dir)
		for _, e := range entries {
			target, err := f.Readlink(dir + artifacts.Path("/"+e.Name))
			if left--; err != nil || left < 0 {
				continue
			}
			device := path.Base(string(target))
			names[device] = append(names[device], procfs.Text(kind.Name+"/"+e.Name))
		}
	}
	for _, of := range names {
		slices.Sort(of)
	}
	return names
}

// btrfs file systems that are mounted, with their devices.
func btrfs(f artifacts.Files, rec artifacts.Recorder) error {
	entries, _ := f.ReadDir("/sys/fs/btrfs")
	for _, e := range entries[:min(len(entries), 1024)] {
		dir := artifacts.Path("/sys/fs/btrfs/" + e.Name)
		made := list(f, dir+"/devices")
		if len(made) == 0 {
			continue // "features"
		}
		d := Device{Name: procfs.Line(f, dir+"/label"), UUID: procfs.Text(e.Name), Kind: "btrfs", MadeOf: made}
		if err := rec.Record(d); err != nil {
			return err
		}
	}
	return nil
}
