package host

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// remotes are the network file systems, FUSE and automounters of the host. No call goes to them, by whatever path: what is
// below one, or behind a link that leads there, is refused before the kernel is asked for it.
type remotes struct {
	mounts map[artifacts.Path]artifacts.Mount
	any    bool // there are some
	links  bool // outside /proc, where links may lead to them

	mu      sync.Mutex
	real    map[string]string // directories, by a path that may have links; what is remote is ""
	devices map[string]bool   // file systems of all namespaces seen, "8:1"; true: remote
}

// maxReal bounds the directories that are remembered.
const maxReal = 1 << 16

// add tells of a mount.
func (r *remotes) add(m artifacts.Mount) {
	if m.Class == artifacts.Remote {
		r.any = true
		r.links = r.links || !strings.HasPrefix(string(m.Path), "/proc/")
	}
}

// refuse gives ErrRemote for a path that is on a remote file system.
func (r *remotes) refuse(op string, p artifacts.Path) error {
	if !r.any || !r.is(string(p)) {
		return nil
	}
	return &fs.PathError{Op: op, Path: p.String(), Err: artifacts.ErrRemote}
}

func (r *remotes) is(p string) bool {
	p = path.Clean(p)
	if !r.links || strings.HasPrefix(p, "/proc/") {
		return r.within(p)
	}
	dir, ok := r.resolve(path.Dir(p), 0)
	return !ok || r.within(path.Join(dir, path.Base(p)))
}

// within looks at the mounts that the names of a path lead through.
func (r *remotes) within(p string) bool {
	for dir := p; dir != "/" && dir != "."; dir = path.Dir(dir) {
		if m, ok := r.mounts[artifacts.Path(dir)]; ok && m.Class == artifacts.Remote {
			return true
		}
	}
	return false
}

// resolve gives a directory without links; false where the way leads over a remote file system. A name that is not there,
// or a loop, is left as it is: the call that follows says so.
func (r *remotes) resolve(dir string, links int) (string, bool) {
	if dir == "/" || dir == "." || links > 40 {
		return dir, true
	}
	r.mu.Lock()
	real, known := r.real[dir]
	r.mu.Unlock()
	if known {
		return real, real != ""
	}
	parent, ok := r.resolve(path.Dir(dir), links)
	if ok {
		real = path.Join(parent, path.Base(dir))
		if m, mounted := r.mounts[artifacts.Path(real)]; mounted && m.Class == artifacts.Remote {
			ok = false
		} else if text, linked := readlink(real); linked {
			if !strings.HasPrefix(text, "/") {
				text = path.Join(parent, text)
			}
			real, ok = r.resolve(path.Clean(text), links+1)
		}
	}
	if !ok {
		real = ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.real == nil || len(r.real) >= maxReal {
		r.real = map[string]string{}
	}
	r.real[dir] = real
	return real, ok
}

// device tells whether what a link of /proc leads to is remote, in whatever namespace it is mounted: the process it
// belongs to knows its mounts by their device.
func (r *remotes) device(p artifacts.Path, device uint64) bool {
	key := strconv.FormatUint(uint64(unix.Major(device)), 10) + ":" + strconv.FormatUint(uint64(unix.Minor(device)), 10)
	r.mu.Lock()
	remote, known := r.devices[key]
	r.mu.Unlock()
	if known {
		return remote
	}
	unfamiliar := !r.familiar(p, device)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.devices == nil || len(r.devices) >= maxReal {
		r.devices = map[string]bool{}
	}
	pid, _, _ := strings.Cut(strings.TrimPrefix(string(p), "/proc/"), "/")
	data, err := procfs.Read(&files{}, artifacts.Path("/proc/"+pid+"/mountinfo"), procfs.MaxMountInfo)
	if err != nil && len(data) == 0 {
		return unfamiliar
	}
	for _, m := range procfs.Mounts(data) {
		r.devices[m.Device] = procfs.Class(m.Type) == artifacts.Remote
	}
	if _, known := r.devices[key]; !known {
		r.devices[key] = unfamiliar
	}
	return r.devices[key]
}

// familiar tells whether a device that no mount is known of answers: a disk's, that of memfd_create(2), or that of a subvolume of
// btrfs, by which its folder goes too. The others are file systems that were unmounted while in use, of whatever type.
func (r *remotes) familiar(p artifacts.Path, device uint64) bool {
	if unix.Major(device) != 0 {
		return true
	}
	if fd, err := unix.MemfdCreate("", unix.MFD_CLOEXEC); err == nil {
		st, err := lstat(fd, "", unix.AT_EMPTY_PATH)
		unix.Close(fd)
		if err == nil && st.Device == device {
			return true
		}
	}
	text, ok := readlink(string(p))
	dir := path.Dir(text)
	if !ok || !strings.HasPrefix(text, "/") || r.is(dir) {
		return false
	}
	st, err := lstat(unix.AT_FDCWD, dir, 0)
	return err == nil && st.Device == device
}

func readlink(p string) (string, bool) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlink(p, buf[:])
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Readlink(p, buf[:])
	}
	return string(buf[:max(n, 0)]), err == nil
}
