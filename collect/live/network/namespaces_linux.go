package network

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/live/netlink"
	"spor/collect/live/procfs"
)

const (
	maxNamespaces = 4096
	maxRows       = 200_000 // of one table of one namespace
)

// A namespace is a network namespace, and a name it can be reached by.
type namespace struct {
	inode uint64
	at    artifacts.Path // empty: our own
	net   artifacts.Path // its folder of tables in /proc; empty: no process is in it
}

// namespaces finds those that processes are in, and those that ip-netns(8) and container runtimes gave names; closed
// are the processes whose namespace we may not see.
func namespaces(files artifacts.Files) (all []namespace, closed []int) {
	found := map[uint64]namespace{}
	own, _ := files.Readlink("/proc/self/ns/net")
	inode, _ := procfs.Inode(own, "net")
	found[inode] = namespace{inode: inode, net: "/proc/self/net"}
	pids, _ := procfs.PIDs(files)
	for _, pid := range pids {
		link, err := files.Readlink(procfs.Of(pid, "ns/net"))
		if errors.Is(err, fs.ErrPermission) {
			closed = append(closed, pid)
		}
		if inode, ok := procfs.Inode(link, "net"); ok {
			if _, known := found[inode]; !known && len(found) < maxNamespaces {
				found[inode] = namespace{inode, procfs.Of(pid, "ns/net"), procfs.Of(pid, "net")}
			}
		}
	}
	for _, dir := range []artifacts.Path{"/run/netns", "/run/docker/netns"} {
		entries, _ := files.ReadDir(dir)
		for _, e := range entries {
			p := dir + artifacts.Path("/"+e.Name)
			st, err := files.Lstat(p)
			if _, known := found[st.Inode]; err == nil && !known && len(found) < maxNamespaces {
				found[st.Inode] = namespace{inode: st.Inode, at: p}
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b namespace) int { return cmp.Compare(a.inode, b.inode) }), closed
}

var errNamespace = errors.New("no longer that network namespace")

// within calls from a thread that is in the namespace and ends with the call. What it opens stays of the namespace.
func (n namespace) within(call func() error) error {
	if n.at == "" {
		return call()
	}
	done := make(chan error, 1)
	go func() { done <- n.throwAway(call) }()
	return <-done
}

// throwAway ends with its thread, which is locked for ever. The main thread cannot end, and is what /proc/self speaks of:
// while it is kept from running anything else, another has to do it.
func (n namespace) throwAway(call func() error) error {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		return n.enter(call)
	}
	defer runtime.UnlockOSThread()
	done := make(chan error, 1)
	go func() { done <- n.throwAway(call) }()
	return <-done
}

func (n namespace) enter(call func() error) error {
	flags := unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	if !strings.HasPrefix(string(n.at), "/proc/") {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Open(string(n.at), flags, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Ino != n.inode {
		return errNamespace
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("setns: %w", err)
	}
	return call()
}

// each asks every namespace by a socket of the netlink protocol. What is wrong with one of them is noted.
func each(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, protocol int, ask func(n namespace, c *netlink.Conn) error) error {
	all, closed := namespaces(h.Files)
	if len(closed) > 0 {
		rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Denied, Reason: "network namespace closed to us of " + procfs.Count(closed)})
	}
	for _, n := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var c *netlink.Conn
		err := n.within(func() (err error) {
			c, err = netlink.Open(protocol)
			return err
		})
		if err == nil {
			err = ask(n, c)
			c.Close()
		}
		var stop fatal
		if errors.As(err, &stop) {
			return stop.error
		}
		if err != nil {
			n.note(rec, err)
		}
	}
	return nil
}

// fatal is an error of the recorder: the run is over.
type fatal struct{ error }

// record marks an error of the recorder as such.
func record(rec artifacts.Recorder, v any) error {
	if err := rec.Record(v); err != nil {
		return fatal{err}
	}
	return nil
}

func (n namespace) note(rec artifacts.Recorder, err error) {
	o := artifacts.Outcome{Path: n.at, Status: artifacts.Failed, Reason: fmt.Sprintf("network namespace %d: %v", n.inode, err)}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNamespace):
		o.Status = artifacts.Absent
	case errors.Is(err, fs.ErrPermission):
		o.Status = artifacts.Denied
	case errors.Is(err, netlink.ErrTooLong), errors.Is(err, netlink.ErrInterrupted):
		o.Status = artifacts.Truncated
	}
	rec.Note(o)
}
