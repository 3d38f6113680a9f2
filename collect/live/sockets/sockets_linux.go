package sockets

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// Bounds against a host that means to choke us.
const (
	maxSockets     = 1 << 20 // records
	maxDescriptors = 4 << 20 // links of all processes together
	maxTable       = 1 << 30 // bytes of one table
	maxOwners      = 64      // processes that are named of one socket
	maxNotes       = 100     // on single namespaces
)

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	pids, err := procfs.PIDs(h.Files)
	if len(pids) == 0 {
		return cmp.Or(err, errors.New("no process in /proc"))
	}
	s := newScan(h, rec)
	for _, pid := range pids {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.descriptors(pid)
		s.namespace(pid)
	}
	if len(s.namespaces) == 0 { // the links are closed to us; the tables are not
		s.namespaces[0] = []string{"self"}
	}
	for _, ns := range slices.Sorted(maps.Keys(s.namespaces)) {
		if err := s.tables(ctx, ns); err != nil {
			return err
		}
	}
	if h.Live {
		if err := s.unlisted(); err != nil {
			return err
		}
	}
	s.unreached()
	s.note()
	return nil
}

// A scan first learns who holds which socket, then reads the tables: what is opened between the two has no owner.
type scan struct {
	files       artifacts.Files
	rec         artifacts.Recorder
	users       map[string]string         // names by uid
	holders     map[uint64][]int          // pids by inode of the socket
	links       map[uint64]artifacts.Path // a descriptor of it
	seen        map[uint64]bool           // inodes that a table lists
	owners      map[int]Owner             // those that were looked up
	namespaces  map[uint64][]string       // names in /proc by inode of their network namespace
	descriptor  int
	closed      []int // processes whose descriptors we may not see
	count       int
	unreadable  map[string]int // lines by table
	interfaces  map[uint64]string
	cut         bool
	nsClosed    []int // processes whose namespace we may not see
	unreachable int
}

func newScan(h *artifacts.Host, rec artifacts.Recorder) *scan {
	s := &scan{
		files: h.Files, rec: rec, users: map[string]string{}, holders: map[uint64][]int{}, links: map[uint64]artifacts.Path{}, seen: map[uint64]bool{}, owners: map[int]Owner{},
		namespaces: map[uint64][]string{}, unreadable: map[string]int{},
	}
	for _, u := range h.Users {
		if _, ok := s.users[u.ID]; !ok {
			s.users[u.ID] = u.Name
		}
	}
	return s
}

// descriptors notes the sockets a process holds: links "socket:[1161]" in /proc/PID/fd.
func (s *scan) descriptors(pid int) {
	entries, err := s.files.ReadDir(procfs.Of(pid, "fd"))
	denied := errors.Is(err, fs.ErrPermission)
	defer func() {
		if denied {
			s.closed = append(s.closed, pid)
		}
	}()
	for _, e := range entries {
		if s.descriptor++; s.descriptor > maxDescriptors {
			s.cut = true
			return
		}
		link, err := s.files.Readlink(procfs.Of(pid, "fd/"+e.Name))
		inode, ok := procfs.Inode(link, "socket")
		denied = denied || errors.Is(err, fs.ErrPermission)
		if err != nil || !ok {
			continue
		}
		if held := s.holders[inode]; !slices.Contains(held, pid) && len(held) < maxOwners {
			s.holders[inode] = append(held, pid)
			s.links[inode] = procfs.Of(pid, "fd/"+e.Name)
		}
	}
}

// namespace notes in which network namespace a process is. A few names of each are kept: the first may have ended when
// its tables are read.
func (s *scan) namespace(pid int) {
	link, err := s.files.Readlink(procfs.Of(pid, "ns/net"))
	inode, ok := procfs.Inode(link, "net")
	if err != nil || !ok {
		if errors.Is(err, fs.ErrPermission) {
			s.nsClosed = append(s.nsClosed, pid)
		}
		return
	}
	if names := s.namespaces[inode]; len(names) < 8 {
		s.namespaces[inode] = append(names, strconv.Itoa(pid))
	}
}

// tables reads every table of a network namespace through one of its processes.
func (s *scan) tables(ctx context.Context, ns uint64) error {
	s.interfaces = nil
	for _, t := range tables {
		var dir artifacts.Path
		var unread, fatal error
		for _, name := range s.namespaces[ns] {
			dir = artifacts.Path("/proc/" + name + "/net/")
			if unread, fatal = s.table(ctx, ns, t, dir); !errors.Is(unread, fs.ErrNotExist) {
				break
			}
		}
		if fatal != nil || s.count > maxSockets {
			return fatal
		}
		if o, bad := procfs.Outcome(dir+artifacts.Path(t.name), unread); bad {
			s.rec.Note(o)
		}
	}
	return nil
}

// table reads one table line by line: a busy server's are tens of megabytes. What is wrong with the table alone is the
// first error.
func (s *scan) table(ctx context.Context, ns uint64, t table, dir artifacts.Path) (unread, fatal error) {
	f, err := s.files.Open(dir + artifacts.Path(t.name))
	if err != nil {
		return err, nil
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxTable))
	lines.Buffer(nil, 1<<20)
	for heading := true; lines.Scan(); heading = false {
		if heading {
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		socket, err := t.parse(s, lines.Text(), dir)
		s.seen[socket.Inode] = true
		if errors.Is(err, errKernel) {
			continue
		}
		if err != nil {
			s.unreadable[t.name]++
			continue
		}
		if s.count++; s.count > maxSockets {
			s.cut = true
			return nil, nil
		}
		socket.Protocol, socket.NetNS = t.name, ns
		s.join(&socket)
		if err := s.rec.Record(socket); err != nil {
			return nil, err
		}
	}
	return lines.Err(), nil
}

// join adds who made the socket and who holds it.
func (s *scan) join(socket *Socket) {
	socket.User = s.users[socket.UserID]
	if socket.Inode == 0 {
		return
	}
	for _, pid := range s.holders[socket.Inode] {
		socket.Owners = append(socket.Owners, s.owner(pid))
	}
}

func (s *scan) owner(pid int) Owner {
	if o, ok := s.owners[pid]; ok {
		return o
	}
	o := Owner{PID: pid, Name: procfs.Line(s.files, procfs.Of(pid, "comm"))}
	o.Exe, _ = s.files.Readlink(procfs.Of(pid, "exe"))
	s.owners[pid] = o
	return o
}

// listed are the protocols that have a table, by their names in the kernel: such a socket is in none because nothing is
// bound to it yet, or because it is closed by now.
var listed = strings.Fields("TCP TCPv6 UDP UDPv6 UDP-Lite UDPLITEv6 RAW RAWv6 PING PINGv6 UNIX UNIX-STREAM PACKET NETLINK MPTCP MPTCPv6")

// unlisted are sockets that processes hold and that are of a family without a table (AF_VSOCK, AF_ALG, AF_XDP, Bluetooth).
// The kernel tells the protocol of a descriptor as the attribute system.sockprotoname.
func (s *scan) unlisted() error {
	name := make([]byte, 64)
	for _, inode := range slices.Sorted(maps.Keys(s.links)) {
		if s.seen[inode] || s.count >= maxSockets {
			continue
		}
		n, err := unix.Getxattr(string(s.links[inode]), "system.sockprotoname", name)
		if err != nil {
			continue // closed by now, or a kernel that does not say
		}
		protocol := procfs.Text(strings.TrimRight(string(name[:n]), "\x00"))
		if protocol == "" || slices.Contains(listed, protocol) {
			continue
		}
		s.count++
		socket := Socket{Protocol: "other", NextProtocol: protocol, Inode: inode}
		s.join(&socket)
		if err := s.rec.Record(socket); err != nil {
			return err
		}
	}
	return nil
}

// unreached tells of namespaces that have a name, given by ip-netns(8) or a container runtime, but no process we could
// read them through. To enter one is not for us.
func (s *scan) unreached() {
	for _, dir := range []artifacts.Path{"/run/netns", "/run/docker/netns"} {
		entries, _ := s.files.ReadDir(dir)
		for _, e := range entries {
			p := dir + artifacts.Path("/"+e.Name)
			st, err := s.files.Lstat(p)
			if _, seen := s.namespaces[st.Inode]; err != nil || seen {
				continue
			}
			if s.unreachable++; s.unreachable <= maxNotes {
				s.rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Absent, Reason: "network namespace without a process: its tables cannot be read from outside"})
			}
		}
	}
}

func (s *scan) note() {
	note := func(status artifacts.Status, format string, args ...any) {
		s.rec.Note(artifacts.Outcome{Path: "/proc", Status: status, Reason: fmt.Sprintf(format, args...)})
	}
	if len(s.closed) > 0 {
		note(artifacts.Denied, "closed to us of %s: descriptors, so that their sockets have no owner here", procfs.Count(s.closed))
	}
	if len(s.nsClosed) > 0 {
		note(artifacts.Denied, "closed to us of %s: network namespace", procfs.Count(s.nsClosed))
	}
	for _, name := range slices.Sorted(maps.Keys(s.unreadable)) {
		note(artifacts.Failed, "%d lines of the table %s are not of its form", s.unreadable[name], name)
	}
	if s.cut {
		note(artifacts.Truncated, "more than %d sockets, or more than %d descriptors", maxSockets, maxDescriptors)
	}
}
