package bpf

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

const (
	maxObjects = 1 << 16 // of a kind
	maxPins    = 1 << 14
	maxDepth   = 16
)

// A kind is how objects of one kind are asked for.
type kind struct {
	name        string
	next, open  uintptr // commands of bpf(2)
	flags       uint32  // to open with
	descriptor  string  // the link of a descriptor
	fdinfo      string  // the line of /proc/PID/fdinfo with its id
	fromInfo    func(b info, boot time.Time) Object
	sinceKernel string
}

var kinds = []kind{
	{"program", unix.BPF_PROG_GET_NEXT_ID, unix.BPF_PROG_GET_FD_BY_ID, 0, "anon_inode:bpf-prog", "prog_id", info.program, "4.13"},
	{"map", unix.BPF_MAP_GET_NEXT_ID, unix.BPF_MAP_GET_FD_BY_ID, unix.BPF_F_RDONLY, "anon_inode:bpf-map", "map_id", func(b info, _ time.Time) Object { return b.table() }, "4.13"},
	{"link", unix.BPF_LINK_GET_NEXT_ID, unix.BPF_LINK_GET_FD_BY_ID, 0, "anon_inode:bpf_link", "link_id", func(b info, _ time.Time) Object { return b.link() }, "5.8"},
}

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	holders := held(ctx, h.Files)
	for _, k := range kinds {
		if err := k.all(ctx, h, rec, holders); err != nil {
			return err
		}
	}
	return pins(h.Files, rec, "/sys/fs/bpf")
}

// all takes every object of a kind.
func (k kind) all(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, holders map[string][]int) error {
	id, n := uint32(0), 0
	for ; n < maxObjects; n++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		next, err := nextID(k.next, id)
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		if err != nil {
			rec.Note(k.refused(err))
			return nil
		}
		id = next
		o, err := k.describe(id, h.Clock.BootTime)
		if errors.Is(err, unix.ENOENT) {
			continue // it went meanwhile
		}
		if err != nil {
			o = Object{Kind: k.name, ID: id, Error: err.Error()}
		}
		o.PIDs = holders[k.name+strconv.FormatUint(uint64(id), 10)]
		if err := rec.Record(o); err != nil {
			return err
		}
	}
	rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: fmt.Sprintf("more than %d of kind %s", maxObjects, k.name)})
	return nil
}

func (k kind) refused(err error) artifacts.Outcome {
	o := artifacts.Outcome{Status: artifacts.Failed, Reason: fmt.Sprintf("%ss of eBPF: %v", k.name, err)}
	switch {
	case errors.Is(err, fs.ErrPermission):
		o.Status = artifacts.Denied
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		o.Status, o.Reason = artifacts.Skipped, fmt.Sprintf("%ss of eBPF cannot be asked for (Linux %s can be): %v", k.name, k.sinceKernel, err)
	}
	return o
}

// call makes the system call. The kernel wants bytes of the attribute that it does not know to be zero.
func call(command uintptr, attr []byte) (int, error) {
	r, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(unsafe.Pointer(&attr[0])), uintptr(len(attr)))
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

func nextID(command uintptr, after uint32) (uint32, error) {
	attr := make([]byte, 12) // start_id, next_id, open_flags
	binary.NativeEndian.PutUint32(attr, after)
	_, err := call(command, attr)
	next := binary.NativeEndian.Uint32(attr[4:])
	if err == nil && next <= after {
		return 0, errors.New("numbers do not ascend")
	}
	return next, err
}

func (k kind) describe(id uint32, boot time.Time) (Object, error) {
	attr := make([]byte, 12)
	binary.NativeEndian.PutUint32(attr, id)
	binary.NativeEndian.PutUint32(attr[8:], k.flags)
	fd, err := call(k.open, attr)
	if err != nil {
		return Object{}, err
	}
	defer unix.Close(fd)
	b := make([]byte, 256)
	var pin runtime.Pinner // the kernel is given its address as a number
	pin.Pin(&b[0])
	defer pin.Unpin()
	attr = make([]byte, 16) // descriptor, length, address
	binary.NativeEndian.PutUint32(attr, uint32(fd))
	binary.NativeEndian.PutUint32(attr[4:], uint32(len(b)))
	binary.NativeEndian.PutUint64(attr[8:], uint64(uintptr(unsafe.Pointer(&b[0]))))
	_, err = call(unix.BPF_OBJ_GET_INFO_BY_FD, attr)
	length := binary.NativeEndian.Uint32(attr[4:])
	if err != nil {
		return Object{}, err
	}
	return k.fromInfo(info(b[:min(int(length), len(b))]), boot), nil
}

// held finds the processes with descriptors of objects, by kind and number.
func held(ctx context.Context, files artifacts.Files) map[string][]int {
	found := map[string][]int{}
	pids, _ := procfs.PIDs(files)
	for _, pid := range pids {
		entries, _ := files.ReadDir(procfs.Of(pid, "fd"))
		for _, e := range entries {
			if ctx.Err() != nil {
				return found
			}
			link, _ := files.Readlink(procfs.Of(pid, "fd/"+e.Name))
			for _, k := range kinds {
				if string(link) != k.descriptor && !strings.HasPrefix(string(link), k.descriptor+":") {
					continue
				}
				data, _ := procfs.Read(files, procfs.Of(pid, "fdinfo/"+e.Name), 64<<10)
				key := k.name + procfs.Map(data, ":")[k.fdinfo]
				if !slices.Contains(found[key], pid) && len(found[key]) < 64 {
					found[key] = append(found[key], pid)
				}
			}
		}
	}
	return found
}

// pins lists the names below where the file system of eBPF is mounted.
func pins(files artifacts.Files, rec artifacts.Recorder, top artifacts.Path) error {
	if m, ok := files.Mount(top); !ok || m.Type != "bpf" {
		return nil
	}
	left := maxPins
	var walk func(dir artifacts.Path, depth int) error
	walk = func(dir artifacts.Path, depth int) error {
		entries, err := files.ReadDir(dir)
		if o, bad := procfs.Outcome(dir, err); bad {
			rec.Note(o)
		}
		for _, e := range entries {
			p := artifacts.Path(path.Join(string(dir), e.Name))
			if left--; left < 0 || depth > maxDepth {
				rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Truncated, Reason: "more pinned names, or deeper, than the limit"})
				return nil
			}
			var err error
			if e.Kind == artifacts.Directory {
				err = walk(p, depth+1)
			} else {
				err = rec.Record(Object{Kind: "pin", Path: p})
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return walk(top, 0)
}
