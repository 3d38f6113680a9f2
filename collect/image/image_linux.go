package image

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/inode"
	"spor/collect/live/procfs"
)

// mountsBelow gives what is mounted at a folder and below it, with paths below the folder. What is mounted at the
// folder itself was named, and is entered whatever it is.
func mountsBelow(dir string) ([]artifacts.Mount, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, procfs.MaxMountInfo))
	if err != nil {
		return nil, err
	}
	dir = strings.TrimSuffix(dir, "/")
	var below []artifacts.Mount
	for _, m := range procfs.Mounts(data) {
		rest, ok := strings.CutPrefix(string(m.Path), dir)
		if m.Path == "/" {
			rest, ok = "", dir == ""
		}
		switch {
		case !ok || rest != "" && rest[0] != '/':
			continue
		case rest == "":
			m.Class = artifacts.Local
		}
		m.Path = artifacts.Path(rest)
		below = append(below, m.Mount)
	}
	return below, nil
}

// openFile opens without leaving an access time (open(2), O_NOATIME), or as it is allowed to, and without waiting.
func openFile(root *os.Root, name string) (f *os.File, method string, err error) {
	const flags = os.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	f, err = root.OpenFile(name, flags|unix.O_NOATIME, 0)
	if errors.Is(err, syscall.EPERM) {
		f, err = root.OpenFile(name, flags, 0)
		return f, "read", err
	}
	return f, "noatime", err
}

func openDir(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOATIME, 0)
	if errors.Is(err, syscall.EPERM) {
		f, err = root.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY, 0)
	}
	return f, err
}

// stat adds the birth time, which only statx(2) tells, to what is known of a name.
func (t *folder) stat(name string, info fs.FileInfo) artifacts.Stat {
	st := statOf(info)
	dir, err := t.root.OpenFile(path.Dir(name), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return st
	}
	defer dir.Close()
	var x unix.Statx_t
	err = unix.Statx(int(dir.Fd()), path.Base(name), unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_BTIME|unix.STATX_INO, &x)
	if err == nil && x.Mask&unix.STATX_BTIME != 0 && x.Ino == st.Inode {
		st.Times.Born = time.Unix(x.Btime.Sec, int64(x.Btime.Nsec)).UTC()
	}
	return st
}

// stat adds the birth time to what is known of an open file, without looking for its name again.
func (f *file) stat(info fs.FileInfo) artifacts.Stat {
	st := statOf(info)
	raw, err := f.SyscallConn()
	if err != nil {
		return st
	}
	var x unix.Statx_t
	rawErr := raw.Control(func(fd uintptr) { err = unix.Statx(int(fd), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &x) })
	if rawErr == nil && err == nil && x.Mask&unix.STATX_BTIME != 0 {
		st.Times.Born = time.Unix(x.Btime.Sec, int64(x.Btime.Nsec)).UTC()
	}
	return st
}

func statOf(info fs.FileInfo) artifacts.Stat {
	st := artifacts.Stat{
		Kind: kind(info.Mode()), Size: info.Size(),
		Mode: info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky),
	}
	st.Times.Modified = info.ModTime().UTC()
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		st.UID, st.GID = strconv.FormatUint(uint64(s.Uid), 10), strconv.FormatUint(uint64(s.Gid), 10)
		st.Inode, st.Device, st.Links = s.Ino, s.Dev, uint64(s.Nlink) //nolint:unconvert // other widths on other machines
		st.Times.Accessed = time.Unix(s.Atim.Unix()).UTC()
		st.Times.Changed = time.Unix(s.Ctim.Unix()).UTC()
	}
	return st
}

// Extents implements artifacts.SparseFile.
func (f *file) Extents(most int) (runs []artifacts.Extent, whole bool, err error) {
	info, err := f.File.Stat()
	if err != nil {
		return nil, false, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, false, err
	}
	rawErr := raw.Control(func(fd uintptr) { runs, whole, err = inode.Extents(int(fd), info.Size(), most) })
	return runs, whole, errors.Join(rawErr, err)
}

// Details implements artifacts.DetailedFile.
func (f *file) Details() (d artifacts.Details, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return d, err
	}
	rawErr := raw.Control(func(fd uintptr) { d.Xattrs, err = inode.Xattrs(int(fd)) })
	return d, errors.Join(rawErr, err)
}

var (
	_ artifacts.SparseFile   = (*file)(nil)
	_ artifacts.DetailedFile = (*file)(nil)
)
