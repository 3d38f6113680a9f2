package hidden

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"spor/artifacts"
)

// A detached is a host's files with /proc replaced by a procfs that is mounted nowhere.
type detached struct {
	artifacts.Files
	root int // its top
}

// detach makes a procfs of our own process namespace. Errors are those of the three calls: ENOSYS before Linux 5.2,
// EPERM without CAP_SYS_ADMIN, and in a container whose /proc has parts masked.
func detach(files artifacts.Files) (*detached, error) {
	context, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return nil, fmt.Errorf("fsconfig: %w", err)
	}
	root, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fsmount: %w", err)
	}
	return &detached{Files: files, root: root}, nil
}

func (d *detached) Close() error { return unix.Close(d.root) }

// inside gives the name below the top of procfs; false for what is not in /proc.
func inside(p artifacts.Path) (string, bool) {
	if p == "/proc" {
		return ".", true
	}
	return strings.CutPrefix(string(p), "/proc/")
}

func (d *detached) Mount(p artifacts.Path) (artifacts.Mount, bool) {
	if _, ok := inside(p); ok {
		return artifacts.Mount{}, false
	}
	return d.Files.Mount(p)
}

func (d *detached) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	name, ok := inside(p)
	if !ok {
		return d.Files.Lstat(p)
	}
	var st unix.Stat_t
	if err := unix.Fstatat(d.root, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return artifacts.Stat{}, &fs.PathError{Op: "lstat", Path: p.String(), Err: err}
	}
	return artifacts.Stat{Kind: kind(st.Mode), Inode: st.Ino, Device: uint64(st.Dev)}, nil //nolint:unconvert // their width differs by architecture
}

func kind(mode uint32) artifacts.Kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return artifacts.Directory
	case unix.S_IFREG:
		return artifacts.Regular
	case unix.S_IFLNK:
		return artifacts.Symlink
	}
	return artifacts.Unknown
}

func (d *detached) Readlink(p artifacts.Path) (artifacts.Path, error) {
	name, ok := inside(p)
	if !ok {
		return d.Files.Readlink(p)
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(d.root, name, buf)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: p.String(), Err: err}
	}
	return artifacts.Path(buf[:n]), nil
}

func (d *detached) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	name, ok := inside(p)
	if !ok {
		return d.Files.ReadDir(p)
	}
	fd, err := unix.Openat(d.root, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: p.String(), Err: err}
	}
	f := os.NewFile(uintptr(fd), p.String())
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	list := make([]artifacts.DirEntry, len(names))
	for i, n := range names {
		list[i] = artifacts.DirEntry{Name: n}
	}
	return list, err
}

// Open opens regular files, and what /proc/PID/exe leads to, which is one; with O_NONBLOCK nothing is waited for.
func (d *detached) Open(p artifacts.Path) (artifacts.File, error) {
	name, ok := inside(p)
	if !ok {
		return d.Files.Open(p)
	}
	flags := unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC | unix.O_NOCTTY
	if _, last, _ := strings.Cut(name, "/"); last != "exe" {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Openat(d.root, name, flags|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) {
		fd, err = unix.Openat(d.root, name, flags, 0)
	}
	var st unix.Stat_t
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	if errors.Is(err, unix.ELOOP) || err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errors.Join(err, artifacts.ErrNotRegular)
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, &fs.PathError{Op: "open", Path: p.String(), Err: err}
	}
	return &opened{os.NewFile(uintptr(fd), p.String())}, nil
}

// opened is an open file of a detached procfs, or an executable reached through it.
type opened struct{ *os.File }

func (*opened) Method() string { return "detached procfs" }

func (o *opened) Stat() (artifacts.Stat, error) {
	info, err := o.File.Stat()
	if err != nil {
		return artifacts.Stat{}, err
	}
	s := artifacts.Stat{Kind: artifacts.Regular, Size: info.Size(), Mode: info.Mode().Perm()}
	s.Times.Modified = info.ModTime().UTC()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Inode, s.Device = st.Ino, uint64(st.Dev) //nolint:unconvert // their width differs by architecture
		s.UID, s.GID = strconv.FormatUint(uint64(st.Uid), 10), strconv.FormatUint(uint64(st.Gid), 10)
	}
	return s, nil
}
