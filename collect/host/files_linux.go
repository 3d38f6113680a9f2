package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/inode"
)

// files is the tree of the running system, by system calls that leave no access time behind (open(2) O_NOATIME) and
// open nothing but regular files and folders.
type files struct {
	mounts  map[artifacts.Path]artifacts.Mount // as they were when the host was opened
	doubted []artifacts.Path                   // mounts that are entered and need not answer
	remotes remotes
}

// ofProcess are the paths of one process: what they lead to may be on any file system, of any namespace, and to read them
// may need memory of the process that waits for one.
var ofProcess = regexp.MustCompile(`^/proc/\d+/(?:task/\d+/)?([^/]+)(/?)`)

// doubtful tells whether a call on a path may never come back. The text of a link of /proc comes from the kernel alone.
func (f *files) doubtful(op string, p artifacts.Path) bool {
	if strings.HasPrefix(string(p), "/proc/") {
		m := ofProcess.FindStringSubmatch(string(p))
		if m == nil {
			return false
		}
		through := m[2] != "" && (m[1] == "root" || m[1] == "cwd" || m[1] == "exe")
		switch {
		case through:
			return true
		case m[1] == "fd" || m[1] == "map_files" || m[1] == "ns":
			return op == "open"
		}
		return op == "open" || op == "readdir" && (m[1] == "root" || m[1] == "cwd")
	}
	for _, at := range f.doubted {
		if at == "/" || p == at || strings.HasPrefix(string(p), string(at)+"/") {
			return true
		}
	}
	return false
}

var _ artifacts.Files = (*files)(nil)

// maxEntries is where the listing of one folder ends: names enough for any mail spool, few enough for our memory.
const maxEntries = 4 << 20

func (*files) Roots() []artifacts.Path { return []artifacts.Path{"/"} }

func (f *files) Mount(p artifacts.Path) (artifacts.Mount, bool) {
	m, ok := f.mounts[p]
	return m, ok
}

func (f *files) Lstat(p artifacts.Path) (s artifacts.Stat, err error) {
	if err := f.remotes.refuse("lstat", p); err != nil {
		return s, err
	}
	err = at("lstat", p, func(dir int, name string) error {
		s, err = lstat(dir, name, unix.AT_SYMLINK_NOFOLLOW)
		return err
	})
	return s, err
}

func (f *files) Readlink(p artifacts.Path) (text artifacts.Path, err error) {
	if err := f.remotes.refuse("readlink", p); err != nil {
		return "", err
	}
	err = at("readlink", p, func(dir int, name string) error {
		for size := 256; ; size *= 4 {
			buf := make([]byte, size)
			n, err := unix.Readlinkat(dir, name, buf)
			if err != nil {
				return err
			}
			if n < size || size > 1<<20 {
				text = artifacts.Path(buf[:n])
				return nil
			}
		}
	})
	return text, err
}

// Open looks before it opens: a descriptor of O_PATH opens nothing, so that a FIFO, a device or a socket is seen for
// what it is and left alone. The regular file behind that descriptor, and no other, is then opened through
// /proc/self/fd.
func (f *files) Open(p artifacts.Path) (artifacts.File, error) {
	if err := f.remotes.refuse("open", p); err != nil {
		return nil, err
	}
	if consumed(p) {
		return nil, &fs.PathError{Op: "open", Path: p.String(), Err: fmt.Errorf("%w: reading takes its content away", artifacts.ErrNotRegular)}
	}
	var out *file
	err := at("open", p, func(dir int, name string) error {
		fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_CLOEXEC|noFollow(p), 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		device, err := regular(fd)
		if err != nil {
			return err
		}
		if noFollow(p) == 0 && f.remotes.device(p, device) {
			return artifacts.ErrRemote
		}
		real, method, err := openQuietly(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), 0)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EACCES) { // no /proc here, or our own is closed to us (prctl(2), PR_SET_DUMPABLE)
			if real, method, err = openQuietly(dir, name, noFollow(p)); err == nil {
				if _, err = regular(real); err != nil { // another has the name by now
					unix.Close(real)
				}
			}
		}
		if err != nil {
			return err
		}
		out = &file{descriptor: descriptor{fd: real}, path: p, method: method}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// openQuietly opens for reading without a new access time where the system lets us: it does for the owner and for
// root. O_NONBLOCK keeps a lease or a lock of another process from holding us up.
func openQuietly(dir int, name string, flags int) (fd int, method string, err error) {
	flags |= unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC | unix.O_NOCTTY
	fd, err = unix.Openat(dir, name, flags|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) {
		fd, err = unix.Openat(dir, name, flags, 0)
		return fd, "read", err
	}
	return fd, "noatime", err
}

// regular gives the device of a regular file, without asking its file system for what is at hand: one that hangs would not
// answer, and a call on a FUSE cannot even be killed once its server has heard it.
func regular(fd int) (device uint64, err error) {
	st, err := lstat(fd, "", unix.AT_EMPTY_PATH)
	if err == nil && st.Kind != artifacts.Regular {
		err = artifacts.ErrNotRegular
	}
	return st.Device, err
}

// magic are the links of /proc that lead to an open file, not to a name: proc_pid_exe(5) and its like. They are
// followed, for they are how a deleted program is read.
var magic = regexp.MustCompile(`^/proc/(?:\d+|self|thread-self)(?:/task/\d+)?/(?:exe|cwd|root|fd/\d+|map_files/[0-9a-f]+-[0-9a-f]+)$`)

func noFollow(p artifacts.Path) int {
	if strings.HasPrefix(string(p), "/proc/") && magic.MatchString(string(p)) {
		return 0
	}
	return unix.O_NOFOLLOW
}

// consumed tells of pseudo files that call themselves regular and give each line but once, to whoever reads first:
// proc_kmsg(5), Documentation/trace/ftrace.rst.
func consumed(p artifacts.Path) bool {
	switch p {
	case "/proc/kmsg", "/proc/acpi/event":
		return true
	}
	name := path.Base(string(p))
	return (name == "trace_pipe" || name == "trace_pipe_raw") && strings.HasPrefix(string(p), "/sys/kernel/")
}

func (f *files) ReadDir(p artifacts.Path) (list []artifacts.DirEntry, err error) {
	if err := f.remotes.refuse("readdir", p); err != nil {
		return nil, err
	}
	err = at("readdir", p, func(dir int, name string) error {
		fd, _, err := openQuietly(dir, name, unix.O_DIRECTORY|noFollow(p))
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		list, err = readDir(fd)
		return err
	})
	slices.SortFunc(list, func(a, b artifacts.DirEntry) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

// readDir lists an open folder. Not os.File.ReadDir: that asks lstat for each name whose kind the file system does not
// tell, through the path.
func readDir(fd int) ([]artifacts.DirEntry, error) {
	var list []artifacts.DirEntry
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return list, err
		}
		if list = appendEntries(list, buf[:n]); len(list) >= maxEntries {
			return list, fmt.Errorf("more than %d names", maxEntries)
		}
	}
}

// appendEntries reads struct linux_dirent64 of getdents64(2): inode 8, offset 8, length 2, type 1, name.
func appendEntries(list []artifacts.DirEntry, b []byte) []artifacts.DirEntry {
	const head = 19
	for len(b) > head {
		length := int(binary.NativeEndian.Uint16(b[16:]))
		if length <= head || length > len(b) {
			return list
		}
		name, _, _ := strings.Cut(string(b[head:length]), "\x00")
		if name != "." && name != ".." && name != "" {
			list = append(list, artifacts.DirEntry{Name: name, Kind: kindOfEntry[b[18]]})
		}
		b = b[length:]
	}
	return list
}

var kindOfEntry = map[byte]artifacts.Kind{
	unix.DT_REG: artifacts.Regular, unix.DT_DIR: artifacts.Directory, unix.DT_LNK: artifacts.Symlink,
	unix.DT_BLK: artifacts.Device, unix.DT_CHR: artifacts.Device, unix.DT_FIFO: artifacts.Pipe, unix.DT_SOCK: artifacts.Socket,
}

// at calls with a folder and a name that together mean p. A path longer than the kernel takes at once (PATH_MAX) is
// walked to its last part, so that depth is no place to hide. Interrupted calls are repeated; errors get the path.
func at(op string, p artifacts.Path, call func(dir int, name string) error) error {
	dir, name, err := descend(string(p))
	if err == nil {
		for err = call(dir, name); errors.Is(err, unix.EINTR); err = call(dir, name) {
		}
	}
	if dir != unix.AT_FDCWD {
		unix.Close(dir)
	}
	if errors.Is(err, unix.ELOOP) && op == "open" {
		err = artifacts.ErrNotRegular
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: p.String(), Err: err}
	}
	return nil
}

// descend opens folder after folder until what is left of a path is short enough.
func descend(p string) (dir int, rest string, err error) {
	dir, rest = unix.AT_FDCWD, p
	for len(rest) >= unix.PathMax {
		i := strings.LastIndexByte(rest[:unix.PathMax-1], '/')
		if i <= 0 {
			return dir, rest, unix.ENAMETOOLONG
		}
		next, err := unix.Openat(dir, rest[:i], unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return dir, rest, err
		}
		if dir != unix.AT_FDCWD {
			unix.Close(dir)
		}
		dir, rest = next, strings.TrimLeft(rest[i:], "/")
	}
	return dir, rest, nil
}

// lstat asks statx(2) for what the system has at hand: no network file system is asked, nothing is mounted. Where there
// is no statx (before Linux 4.11, or filtered), lstat(2) answers, without a birth time.
func lstat(dir int, name string, flags int) (artifacts.Stat, error) {
	var x unix.Statx_t
	err := unix.Statx(dir, name, flags|unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &x)
	if err == nil {
		return fromStatx(&x), nil
	}
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return artifacts.Stat{}, err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, flags|unix.AT_NO_AUTOMOUNT); err != nil {
		return artifacts.Stat{}, err
	}
	return fromStat(&st), nil
}

func fromStatx(x *unix.Statx_t) artifacts.Stat {
	when := func(mask uint32, t unix.StatxTimestamp) time.Time {
		if x.Mask&mask == 0 {
			return time.Time{}
		}
		return time.Unix(t.Sec, int64(t.Nsec)).UTC()
	}
	s := artifacts.Stat{
		Kind: kindOf(uint32(x.Mode)), Mode: modeOf(uint32(x.Mode)), Size: int64(x.Size),
		UID: strconv.FormatUint(uint64(x.Uid), 10), GID: strconv.FormatUint(uint64(x.Gid), 10),
		Inode: x.Ino, Device: unix.Mkdev(x.Dev_major, x.Dev_minor), Links: uint64(x.Nlink),
	}
	s.Times.Modified, s.Times.Accessed = when(unix.STATX_MTIME, x.Mtime), when(unix.STATX_ATIME, x.Atime)
	s.Times.Changed = when(unix.STATX_CTIME, x.Ctime)
	if x.Attributes&unix.STATX_ATTR_APPEND != 0 {
		s.Flags = "a"
	}
	if x.Attributes&unix.STATX_ATTR_IMMUTABLE != 0 {
		s.Flags += "i"
	}
	if x.Btime.Sec != 0 { // some file systems claim to know, and say 1970
		s.Times.Born = when(unix.STATX_BTIME, x.Btime)
	}
	return s
}

func fromStat(st *unix.Stat_t) artifacts.Stat {
	s := artifacts.Stat{
		Kind: kindOf(st.Mode), Mode: modeOf(st.Mode), Size: st.Size,
		UID: strconv.FormatUint(uint64(st.Uid), 10), GID: strconv.FormatUint(uint64(st.Gid), 10),
		Inode: st.Ino, Device: uint64(st.Dev), Links: uint64(st.Nlink), //nolint:unconvert // their width differs by architecture
	}
	s.Times.Modified = time.Unix(st.Mtim.Unix()).UTC()
	s.Times.Accessed = time.Unix(st.Atim.Unix()).UTC()
	s.Times.Changed = time.Unix(st.Ctim.Unix()).UTC()
	return s
}

func kindOf(mode uint32) artifacts.Kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return artifacts.Regular
	case unix.S_IFDIR:
		return artifacts.Directory
	case unix.S_IFLNK:
		return artifacts.Symlink
	case unix.S_IFBLK, unix.S_IFCHR:
		return artifacts.Device
	case unix.S_IFIFO:
		return artifacts.Pipe
	case unix.S_IFSOCK:
		return artifacts.Socket
	}
	return artifacts.Unknown
}

func modeOf(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	if mode&unix.S_ISUID != 0 {
		m |= fs.ModeSetuid
	}
	if mode&unix.S_ISGID != 0 {
		m |= fs.ModeSetgid
	}
	if mode&unix.S_ISVTX != 0 {
		m |= fs.ModeSticky
	}
	return m
}

// file is an open regular file. It is no os.File: that asks the kernel twice more of each, whether a poller could wait for it.
// So a pseudo file with nothing to say answers EAGAIN and is not waited for.
type file struct {
	descriptor
	path   artifacts.Path
	method string
}

var (
	_ artifacts.SparseFile   = (*file)(nil)
	_ artifacts.DetailedFile = (*file)(nil)
)

// descriptor is closed when nobody asks it any more: Close does not wait for a call that hangs, and none finds another file
// under its number.
type descriptor struct {
	fd int

	mu     sync.Mutex
	users  int // calls that have not come back
	closed bool
}

// use makes a call on it.
func (d *descriptor) use(call func(fd int) error) error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return os.ErrClosed
	}
	d.users++
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.users--; d.closed && d.users == 0 {
			unix.Close(d.fd)
		}
	}()
	return call(d.fd)
}

func (d *descriptor) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return os.ErrClosed
	}
	d.closed = true
	if d.users > 0 {
		return nil // the last of them closes it
	}
	return unix.Close(d.fd)
}

// ask makes a call on the file; errors get its path.
func (f *file) ask(op string, call func(fd int) error) error {
	if err := f.use(call); err != nil {
		return &fs.PathError{Op: op, Path: f.path.String(), Err: err}
	}
	return nil
}

func (f *file) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	err = f.ask("read", func(fd int) (err error) {
		for n, err = unix.Read(fd, p); errors.Is(err, unix.EINTR); n, err = unix.Read(fd, p) {
		}
		return err
	})
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return max(n, 0), err
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, offset int64) (n int, err error) {
	end := false
	err = f.ask("read", func(fd int) error {
		for n < len(p) && !end {
			m, err := unix.Pread(fd, p[n:], offset+int64(n))
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return err
			}
			n, end = n+m, m == 0
		}
		return nil
	})
	if end && err == nil {
		return n, io.EOF
	}
	return n, err
}

// Extents implements artifacts.SparseFile.
func (f *file) Extents(most int) (runs []artifacts.Extent, whole bool, err error) {
	st, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	err = f.ask("extents", func(fd int) error {
		runs, whole, err = inode.Extents(fd, st.Size, most)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return runs, whole, nil
}

// Details implements artifacts.DetailedFile.
func (f *file) Details() (d artifacts.Details, err error) {
	err = f.ask("xattr", func(fd int) error {
		d.Xattrs, err = inode.Xattrs(fd)
		return err
	})
	return d, err
}

func (f *file) Stat() (s artifacts.Stat, err error) {
	err = f.ask("stat", func(fd int) error {
		s, err = lstat(fd, "", unix.AT_EMPTY_PATH)
		return err
	})
	return s, err
}

func (f *file) Method() string { return f.method }
