package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

const maxMounts = 100_000 // of all namespaces together

func mounts(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	own, err := h.Files.Readlink("/proc/self/ns/mnt")
	self, _ := procfs.Inode(own, "mnt")
	left := maxMounts
	if err := table(h.Files, rec, "/proc/self/mountinfo", Mount{Namespace: self}, &left); err != nil {
		return err
	}
	if err != nil { // without the number of our own we cannot tell the others
		return swaps(h.Files, rec)
	}
	seen := map[uint64]bool{self: true}
	pids, _ := procfs.PIDs(h.Files)
	var closed []int
	for _, pid := range pids {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		link, err := h.Files.Readlink(procfs.Of(pid, "ns/mnt"))
		if errors.Is(err, fs.ErrPermission) {
			closed = append(closed, pid)
		}
		inode, ok := procfs.Inode(link, "mnt")
		if !ok || seen[inode] {
			continue
		}
		seen[inode] = true
		if err := table(h.Files, rec, procfs.Of(pid, "mountinfo"), Mount{Namespace: inode, Other: true, PID: pid}, &left); err != nil {
			return err
		}
	}
	if len(closed) > 0 {
		rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Denied, Reason: "mount namespace closed to us of " + procfs.Count(closed)})
	}
	return swaps(h.Files, rec)
}

// table takes the mounts of one namespace.
func table(files artifacts.Files, rec artifacts.Recorder, p artifacts.Path, like Mount, left *int) error {
	data, err := procfs.Read(files, p, procfs.MaxMountInfo)
	if o, bad := procfs.Outcome(p, err); bad {
		rec.Note(o)
	}
	all := procfs.Mounts(data)
	hidden := map[artifacts.Path]int{} // the last at a path is the one that is seen
	for i, m := range all {
		hidden[m.Path] = i
	}
	for i, info := range all {
		if *left--; *left < 0 {
			rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Truncated, Reason: fmt.Sprintf("more than %d mounts", maxMounts)})
			*left = 0
			return nil
		}
		m := like
		m.Path, m.Type, m.Source, m.Root, m.Device, m.Options = info.Path, info.Type, info.Source, info.Root, info.Device, info.Options
		if !m.Other && info.Class == artifacts.Local && hidden[info.Path] == i && reachable(all, info.Path) {
			m.use()
		}
		if err := rec.Record(m); err != nil {
			return err
		}
	}
	return nil
}

// reachable tells whether the way to a mount point leads through local file systems alone: on another, even the name may
// never be found.
func reachable(all []procfs.MountInfo, p artifacts.Path) bool {
	for _, m := range all {
		below := m.Path == "/" || p == m.Path || strings.HasPrefix(string(p), string(m.Path)+"/")
		if below && m.Class == artifacts.Remote {
			return false
		}
	}
	return true
}

// use asks a local file system for its size.
func (m *Mount) use() {
	var st unix.Statfs_t
	if unix.Statfs(string(m.Path), &st) != nil || st.Bsize <= 0 {
		return
	}
	block := uint64(st.Bsize)
	m.Size, m.Free, m.Files, m.FilesFree = st.Blocks*block, st.Bfree*block, st.Files, st.Ffree
}

// swaps reads lines "/dev/sda2 partition 1048572 0 -2" of /proc/swaps, in KiB, as it escapes names.
func swaps(files artifacts.Files, rec artifacts.Recorder) error {
	data, _ := procfs.Read(files, "/proc/swaps", procfs.Small)
	for line := range procfs.Lines(data) {
		f := strings.Fields(line)
		if len(f) != 5 || !path.IsAbs(f[0]) {
			continue
		}
		size, _ := strconv.ParseUint(f[2], 10, 64)
		used, _ := strconv.ParseUint(f[3], 10, 64)
		if err := rec.Record(Mount{Path: artifacts.Path(f[0]), Type: "swap", Source: f[1], Size: size << 10, Free: (max(size, used) - used) << 10}); err != nil {
			return err
		}
	}
	return nil
}
