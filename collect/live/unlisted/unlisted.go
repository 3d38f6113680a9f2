//go:build linux

// Package unlisted finds names that a file system holds and the system does not list: what a changed kernel leaves out of
// getdents(2), as rootkits do with their files.
//
// The folders of ext2, ext3 and ext4 are read from the device itself and compared with what the system lists. Linux keeps
// the blocks of folders of a mounted ext4 in the device's own cache (fs/ext4/inode.c, ext4_bread), so that the device shows
// them as they are now, written back or not. Names come and go meanwhile: one is reported only where the device has it and
// the system does not list it in each of several rounds. Folders near the top come first, and their number is bounded.
//
// Names that are encrypted (fscrypt) are others on the device than in the listing: such folders are told by that and left
// out. Content is read through the system alone, as everybody's is.
package unlisted

import (
	"spor/artifacts"
)

// Collector takes one Name for each name that is not listed.
var Collector = &artifacts.Collector{
	Name:     "hidden-files",
	Doc:      "Files that the disk has and the system does not list (ext2, ext3, ext4), by comparing both",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Needs:    artifacts.NeedsLive,
	Collect:  collect,
}

// A Name is one line of live/hidden-files.jsonl.
type Name struct {
	Path   artifacts.Path  `json:"path"`
	Kind   string          `json:"kind"`
	Device string          `json:"device"` // "/dev/sda1"
	Inode  uint64          `json:"inode"`
	Size   int64           `json:"size"` // bytes
	Mode   string          `json:"mode,omitempty"`
	UID    string          `json:"uid,omitempty"`
	GID    string          `json:"gid,omitempty"`
	Times  artifacts.Times `json:"times,omitzero"`
	// Answers tells whether the system knows the name when it is asked for it; then the file is taken, as others are.
	Answers bool `json:"answers"`
}
