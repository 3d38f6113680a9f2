package unlisted

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/live/procfs"
	"spor/collect/rawfile/ext4"
	"spor/collect/rawfile/tree"
)

// Bounds of one run.
const (
	maxFolders = 4096 // of a volume
	maxVolumes = 64
	maxNames   = 1000 // reported
	rounds     = 3    // comparisons that must all agree
	pause      = 50 * time.Millisecond
)

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	data, err := procfs.Read(h.Files, "/proc/self/mountinfo", procfs.MaxMountInfo)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, m := range procfs.Mounts(data) {
		if now, ok := h.Files.Mount(m.Path); !ok || now.Source != m.Source || !strings.HasPrefix(m.Type, "ext") || m.Root != "" || seen[m.Device] || len(seen) == maxVolumes {
			continue // covered by another, not of ours to read, a part of one, or read already
		}
		seen[m.Device] = true
		if err := volume(ctx, h, rec, m); err != nil {
			return err
		}
	}
	return nil
}

// volume compares one. Its error means that the run is over.
func volume(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, m procfs.MountInfo) error {
	disk, size, err := open(m)
	if err != nil {
		o := artifacts.Outcome{Path: m.Path, Status: artifacts.Failed, Reason: m.Source + ": " + err.Error()}
		if errors.Is(err, os.ErrPermission) {
			o.Status = artifacts.Denied
		}
		rec.Note(o)
		return nil
	}
	defer disk.Close()
	s := &search{host: h, mount: m, disk: disk, size: size, most: maxFolders}
	names, err := s.run(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		rec.Note(artifacts.Outcome{Path: m.Path, Status: artifacts.Failed, Reason: m.Source + ": " + err.Error()})
		return nil
	}
	if s.cut {
		rec.Note(artifacts.Outcome{Path: m.Path, Status: artifacts.Truncated, Reason: fmt.Sprintf("the first %d folders were compared with the disk, from the top", maxFolders)})
	} else {
		rec.Note(artifacts.Outcome{Path: m.Path, Status: artifacts.Collected, Reason: fmt.Sprintf("%d folders compared with the disk", s.compared)})
	}
	if s.undecided > 0 {
		rec.Note(artifacts.Outcome{Path: m.Path, Status: artifacts.Skipped, Reason: fmt.Sprintf("%d folders whose names are others on the disk (encrypted)", s.undecided)})
	}
	for _, n := range names[:min(len(names), maxNames)] {
		if err := rec.Record(n); err != nil {
			return err
		}
		if n.Answers && n.Kind == artifacts.Regular.String() {
			if err := rec.Take(ctx, n.Path); err != nil {
				return err
			}
		}
	}
	if len(names) > maxNames {
		rec.Note(artifacts.Outcome{Path: m.Path, Status: artifacts.Truncated, Reason: fmt.Sprintf("%d more names are not listed", len(names)-maxNames)})
	}
	return nil
}

// open opens the device of a mount for reading, and no other: its name may lead elsewhere.
func open(m procfs.MountInfo) (*os.File, int64, error) {
	var first error
	for _, name := range []string{m.Source, "/dev/block/" + m.Device} {
		const flags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK
		fd, err := unix.Open(name, flags|unix.O_NOATIME, 0) // the access time of the device file stays as it is
		if errors.Is(err, unix.EPERM) {
			fd, err = unix.Open(name, flags, 0)
		}
		if err != nil {
			first = cmp.Or(first, err)
			continue
		}
		f := os.NewFile(uintptr(fd), name)
		var st unix.Stat_t
		err = unix.Fstat(fd, &st)
		number := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))) //nolint:unconvert // their width differs by architecture
		if err == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && number == m.Device {
			size, err := f.Seek(0, io.SeekEnd)
			return f, size, err
		}
		f.Close()
		first = cmp.Or(first, err, fmt.Errorf("%s is not the device that is mounted", name))
	}
	return nil, 0, first
}

// A search compares the folders of one volume.
type search struct {
	host      *artifacts.Host
	mount     procfs.MountInfo
	disk      io.ReaderAt
	size      int64
	most      int            // folders
	start     artifacts.Path // where it begins; empty: at the top
	compared  int
	undecided int
	cut       bool
}

// A place is a folder of the volume.
type place struct {
	path artifacts.Path
	node tree.Node
}

// top reads the volume anew, as it is now.
func (s *search) top() (tree.Node, error) {
	v, err := ext4.Open(s.disk, s.size)
	if err != nil {
		return nil, err
	}
	return v.Root()
}

// run goes through the folders from the top.
func (s *search) run(ctx context.Context) ([]Name, error) {
	top, err := s.top()
	if err != nil {
		return nil, err
	}
	first := place{s.mount.Path, top}
	if s.start != "" {
		if first.node, err = descend(top, s.below(s.start)); err != nil {
			return nil, err
		}
		first.path = s.start
	}
	var found []Name
	queue := []place{first}
	for len(queue) > 0 && ctx.Err() == nil {
		at := queue[0]
		queue = queue[1:]
		if _, mounted := s.host.Files.Mount(at.path); mounted && at.path != s.mount.Path {
			continue // another file system lies over it
		}
		if s.compared == s.most {
			s.cut = true
			break
		}
		s.compared++
		missing, _, raw := s.compare(at)
		if len(missing) > 0 {
			found = append(found, s.confirm(ctx, at.path, missing)...)
		}
		for _, e := range raw {
			if e.Kind != artifacts.Directory || len(queue) >= 4*s.most {
				continue
			}
			if child, err := at.node.Child(e.Name); err == nil {
				queue = append(queue, place{artifacts.Linux.Join(at.path, e.Name), child})
			}
		}
	}
	return found, nil
}

// compare gives the names that the disk has and the system does not list, how many it is the other way round, and what the
// disk has. Where the system lists nothing at all, nothing can be said.
func (s *search) compare(at place) (missing []string, extra int, raw []artifacts.DirEntry) {
	raw, rawErr := at.node.Names()
	listed, err := s.host.Files.ReadDir(at.path)
	if err != nil || rawErr != nil {
		return nil, 0, raw
	}
	has := make(map[string]bool, len(listed))
	for _, e := range listed {
		has[e.Name] = true
	}
	for _, e := range raw {
		if !has[e.Name] {
			missing = append(missing, e.Name)
		}
	}
	return missing, len(listed) - (len(raw) - len(missing)), raw
}

// confirm compares a folder again, each time as the disk is then, and gives what is missing every time.
func (s *search) confirm(ctx context.Context, dir artifacts.Path, missing []string) (list []Name) {
	other := 0
	var node tree.Node
	for range rounds {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		top, err := s.top()
		if err != nil {
			return nil
		}
		if node, err = descend(top, s.below(dir)); err != nil {
			return nil // it is gone
		}
		again, extra, _ := s.compare(place{dir, node})
		missing = slices.DeleteFunc(missing, func(name string) bool { return !slices.Contains(again, name) })
		if len(missing) == 0 {
			return nil
		}
		if extra >= len(again) {
			other++
		}
	}
	if other == rounds {
		s.undecided++
		return nil
	}
	for _, name := range missing {
		child, err := node.Child(name)
		if err != nil {
			continue
		}
		st := child.Stat()
		n := Name{
			Path: artifacts.Linux.Join(dir, name), Kind: st.Kind.String(), Device: procfs.Text(s.mount.Source), Inode: st.Inode,
			Size: st.Size, Mode: st.Mode.String(), UID: st.UID, GID: st.GID, Times: st.Times,
		}
		_, err = s.host.Files.Lstat(n.Path)
		n.Answers = err == nil
		list = append(list, n)
	}
	return list
}

// below gives the names that lead from the top of the volume to a folder.
func (s *search) below(dir artifacts.Path) []string {
	return strings.FieldsFunc(strings.TrimPrefix(string(dir), string(s.mount.Path)), func(r rune) bool { return r == '/' })
}

func descend(at tree.Node, names []string) (tree.Node, error) {
	for _, name := range names {
		next, err := at.Child(name)
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}
