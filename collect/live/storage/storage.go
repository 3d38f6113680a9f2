// Package storage collects what is mounted, in every mount namespace, and what the disks are made of: partitions, device
// mapper (LVM, LUKS), RAID, loop devices and their files, by sysfs. No disk is read and no file system is entered.
//
// Sources: /proc/PID/mountinfo (proc_pid_mountinfo(5)), /proc/swaps, /sys/class/block with its folders dm, md and loop
// (Documentation/ABI of the kernel), the links of /dev/disk (udev(7)), /sys/fs/btrfs; statfs(2) of local file systems.
package storage

import "spor/artifacts"

// Mounts takes one Mount for each.
var Mounts = &artifacts.Collector{
	Name:     "mounts",
	Doc:      "Mounted file systems of all mount namespaces with options and use; swap",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsLive,
	Collect:  mounts,
}

// Devices takes one Device for each.
var Devices = &artifacts.Collector{
	Name:     "block-devices",
	Doc:      "Disks, partitions, LVM, LUKS, RAID and loop devices, and what they are made of",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsLive,
	Collect:  devices,
}

// A Mount is one line of live/mounts.jsonl.
type Mount struct {
	Namespace uint64         `json:"mnt_ns,omitempty"` // inode of the mount namespace
	Other     bool           `json:"other_ns,omitempty"`
	PID       int            `json:"pid,omitempty"` // other namespace: a process in it
	Path      artifacts.Path `json:"path"`
	Type      string         `json:"type"` // "ext4"; "swap"
	Source    string         `json:"source,omitempty"`
	Root      artifacts.Path `json:"root,omitempty"`   // the folder of the file system that is mounted, where not its top
	Device    string         `json:"device,omitempty"` // "8:1"
	Options   []string       `json:"options,omitempty"`
	Size      uint64         `json:"size,omitempty"` // bytes, of local file systems of our own namespace
	Free      uint64         `json:"free,omitempty"`
	Files     uint64         `json:"files,omitempty"` // inodes
	FilesFree uint64         `json:"files_free,omitempty"`
}

// A Device is one line of live/block-devices.jsonl.
type Device struct {
	Name       string         `json:"name"`             // "sda1", "dm-0"
	Number     string         `json:"number,omitempty"` // "8:1"
	Size       int64          `json:"size"`             // bytes
	Start      int64          `json:"start,omitempty"`  // of a partition, bytes from the beginning of its disk
	Partition  int64          `json:"partition,omitempty"`
	Disk       string         `json:"disk,omitempty"` // of a partition
	ReadOnly   bool           `json:"read_only,omitempty"`
	Removable  bool           `json:"removable,omitempty"`
	Rotates    bool           `json:"rotates,omitempty"`
	Vendor     string         `json:"vendor,omitempty"`
	Model      string         `json:"model,omitempty"`
	Serial     string         `json:"serial,omitempty"`
	Kind       string         `json:"kind,omitempty"`   // "crypt", "lvm", "mpath", "raid", "loop", "btrfs"
	Mapped     string         `json:"mapped,omitempty"` // device mapper: its name, "vg0-root"
	UUID       string         `json:"uuid,omitempty"`   // device mapper: "CRYPT-LUKS2-…", "LVM-…"
	Level      string         `json:"raid_level,omitempty"`
	State      string         `json:"raid_state,omitempty"`
	Sync       string         `json:"raid_sync,omitempty"` // "idle", "resync", "recover"
	RaidDisks  int64          `json:"raid_disks,omitempty"`
	Degraded   int64          `json:"raid_missing,omitempty"` // disks
	Backing    artifacts.Path `json:"backing_file,omitempty"` // of a loop device
	MadeOf     []string       `json:"made_of,omitempty"`      // devices below
	HeldBy     []string       `json:"held_by,omitempty"`      // devices above
	Names      []string       `json:"names,omitempty"`        // of /dev/disk: "by-uuid/…", "by-label/…"
	DiscardsOn bool           `json:"discards,omitempty"`     // blocks that files gave up may be gone for good
}
