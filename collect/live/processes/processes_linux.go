package processes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// Bounds against a host that means to choke us.
const (
	maxProcesses = 1 << 18
	maxArguments = 1 << 20 // bytes of one command line
	maxDecoys    = 100     // notes on single processes
)

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	pids, err := procfs.PIDs(h.Files)
	if len(pids) == 0 {
		return cmp.Or(err, errors.New("no process in /proc"))
	}
	if err != nil {
		rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Truncated, Reason: err.Error()})
	}
	if len(pids) > maxProcesses {
		rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Truncated, Reason: fmt.Sprintf("%d processes; the limit is %d", len(pids), maxProcesses)})
		pids = pids[:maxProcesses]
	}
	s := newScan(h, rec)
	for _, pid := range pids {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p, ok := s.process(ctx, pid)
		if !ok {
			continue
		}
		if err := rec.Record(p); err != nil {
			return err
		}
	}
	s.note()
	return nil
}

// A scan goes through the processes once, and counts what it was refused: a note for each kind, not for each process.
type scan struct {
	host   *artifacts.Host
	files  artifacts.Files
	rec    artifacts.Recorder
	users  map[string]string // names by uid; the first account of a uid
	images images
	ended  int
	reused int
	decoys int
	denied []string         // of the process that is being read: what was refused
	closed map[string][]int // pids by what was refused
	silent map[string][]int // pids by what did not answer in time
}

func newScan(h *artifacts.Host, rec artifacts.Recorder) *scan {
	s := &scan{host: h, files: h.Files, rec: rec, users: map[string]string{}, closed: map[string][]int{}, silent: map[string][]int{}}
	s.images = images{files: h.Files, known: map[fileID]image{}}
	for _, u := range h.Users {
		if _, ok := s.users[u.ID]; !ok {
			s.users[u.ID] = u.Name
		}
	}
	return s
}

// process reads one process. It may end meanwhile, and its number may be used again: its start time, read before and
// after, tells.
func (s *scan) process(ctx context.Context, pid int) (Process, bool) {
	s.denied = nil
	defer func() { s.close(pid) }()
	stat, err := s.stat(pid)
	s.late(pid, "state", err)
	if err != nil {
		if procfs.Gone(s.files, pid) {
			s.ended++
		} else {
			s.refused("state", err)
		}
		return Process{}, false
	}
	first := s.fromStat(pid, stat)
	p := first
	s.status(&p)
	s.arguments(&p)
	s.cgroup(&p)
	if !p.KernelThread {
		s.places(&p)
		s.image(ctx, &p)
	}
	switch again, err := s.stat(pid); {
	case err != nil:
		s.ended++
		p.Ended = true
	case again.Start != stat.Start:
		s.reused++
		p = first // the rest may be another's
		p.Ended = true
	}
	return p, true
}

func (s *scan) stat(pid int) (procfs.Stat, error) {
	data, err := procfs.Read(s.files, procfs.Of(pid, "stat"), 64<<10)
	if err != nil {
		return procfs.Stat{}, err
	}
	return procfs.ParseStat(data)
}

func (s *scan) fromStat(pid int, stat procfs.Stat) Process {
	p := Process{
		PID: pid, PPID: stat.PPID, Name: procfs.Text(stat.Comm), State: stat.StateName(), Threads: stat.Threads, Session: stat.Session,
		TTY: procfs.TTYName(stat.TTY), KernelThread: stat.KernelThread(), CPU: time.Duration(stat.CPU) * (time.Second / procfs.Ticks),
	}
	if boot := s.host.Clock.BootTime; !boot.IsZero() {
		p.Start = boot.Add(time.Duration(stat.Start) * (time.Second / procfs.Ticks))
	}
	if m, ok := s.files.Mount(artifacts.Path("/proc/" + strconv.Itoa(pid))); ok {
		p.Covered = true
		if s.decoys++; s.decoys <= maxDecoys {
			s.rec.Note(artifacts.Outcome{
				Path: m.Path, Status: artifacts.Failed,
				Reason: fmt.Sprintf("a file system (%s) is mounted over this process: what it shows is not the process", m.Type),
			})
		}
	}
	return p
}

// status reads the owner, what it may do, and who debugs it.
func (s *scan) status(p *Process) {
	data, err := procfs.Read(s.files, procfs.Of(p.PID, "status"), procfs.Small)
	s.refused("status", err)
	m := procfs.Map(data, ":")
	uid, gid := append(strings.Fields(m["Uid"]), "", ""), append(strings.Fields(m["Gid"]), "", "") // real, effective, saved, file system
	p.UserID, p.GroupID = uid[1], gid[1]
	if uid[0] != uid[1] {
		p.RealUserID = uid[0]
	}
	p.User = s.users[p.UserID]
	p.TracerPID, _ = strconv.Atoi(m["TracerPid"])
	p.Capabilities = m["CapEff"]
	kib, _ := strconv.ParseInt(strings.TrimSuffix(m["VmRSS"], " kB"), 10, 64)
	p.Resident = kib << 10
	const nobody = "4294967295" // never set
	if login := procfs.Line(s.files, procfs.Of(p.PID, "loginuid")); login != nobody {
		p.LoginID = login
	}
}

// arguments reads what stands where the arguments were put: words each ended by a zero byte, or whatever the process
// wrote there since, often padded with zero bytes; so empty arguments at the end are lost.
func (s *scan) arguments(p *Process) {
	data, err := procfs.Read(s.files, procfs.Of(p.PID, "cmdline"), maxArguments)
	s.refused("command line", err)
	s.late(p.PID, "command line", err)
	if errors.Is(err, procfs.ErrTooLong) {
		s.rec.Note(artifacts.Outcome{Path: procfs.Of(p.PID, "cmdline"), Status: artifacts.Truncated, Reason: err.Error()})
	}
	text := strings.TrimRight(string(data), "\x00")
	if text == "" {
		return
	}
	p.Argv = strings.Split(text, "\x00")
	for i, a := range p.Argv {
		p.Argv[i] = procfs.Text(a)
	}
	p.CommandLine = strings.Join(p.Argv, " ")
}

// cgroup reads lines "0::/path" (unified), "1:name=systemd:/path" and "4:memory:/path", and takes the first of that order
// that says more than "/".
func (s *scan) cgroup(p *Process) {
	data, err := procfs.Read(s.files, procfs.Of(p.PID, "cgroup"), procfs.Small)
	s.refused("control group", err)
	best := 3
	for line := range procfs.Lines(data) {
		f := strings.SplitN(procfs.Text(line), ":", 3)
		if len(f) < 3 {
			continue
		}
		rank := 2
		switch f[1] {
		case "":
			rank = 0
		case "name=systemd":
			rank = 1
		}
		if f[2] != "/" && rank < best {
			best, p.Cgroup = rank, f[2]
		}
		if p.ContainerID == "" {
			p.ContainerID = containerID(f[2])
		}
	}
}

// Container runtimes name the control group after the container: Docker, containerd, CRI-O and Podman by 64 hex digits,
// LXC and systemd-nspawn by its name.
var (
	hexContainer  = regexp.MustCompile(`(?:^|[^0-9a-f])([0-9a-f]{64})(?:$|[^0-9a-f])`)
	nameContainer = regexp.MustCompile(`/lxc(?:\.payload)?[./]([^/]+)|/machine\.slice/(?:machine-|systemd-nspawn@)([^/]+)\.(?:scope|service)`)
)

func containerID(cgroup string) string {
	if m := hexContainer.FindStringSubmatch(cgroup); m != nil {
		return m[1]
	}
	if m := nameContainer.FindStringSubmatch(cgroup); m != nil {
		return cmp.Or(m[1], m[2])
	}
	return ""
}

// places reads where the process stands: its folder, its root, its namespaces.
func (s *scan) places(p *Process) {
	dir, err := s.files.Readlink(procfs.Of(p.PID, "cwd"))
	s.refused("folder", err)
	if name, gone := strings.CutSuffix(string(dir), deletedMark); gone {
		dir, p.DirDeleted = artifacts.Path(name), true
	}
	p.Dir = dir
	root, err := s.files.Readlink(procfs.Of(p.PID, "root"))
	s.refused("root", err)
	if root != "/" {
		p.Root = root
	}
	for _, name := range []string{"mnt", "net", "pid", "user"} {
		link, err := s.files.Readlink(procfs.Of(p.PID, "ns/"+name))
		s.refused("namespaces", err)
		if inode, ok := procfs.Inode(link, name); ok {
			if p.Namespaces == nil {
				p.Namespaces = map[string]uint64{}
			}
			p.Namespaces[name] = inode
		}
	}
}

// image reads the executable that runs, through the link that reaches it without its name.
func (s *scan) image(ctx context.Context, p *Process) {
	link, err := s.files.Readlink(procfs.Of(p.PID, "exe"))
	if err != nil {
		s.refused("executable", err)
		if !errors.Is(err, fs.ErrNotExist) { // a process about to end has none
			p.ExeError = reason(err)
		}
		return
	}
	i := s.images.read(ctx, link, procfs.Of(p.PID, "exe"))
	s.refused("executable", i.err)
	s.late(p.PID, "executable", i.err)
	p.Exe, p.ExeDeleted, p.ExeReplaced = i.path, i.deleted, i.replaced
	p.ExeSHA256, p.ExeSize, p.ExeModified = i.sha256, i.size, i.modified
	if i.err != nil {
		p.ExeError = reason(i.err)
	}
}

// reason is an error without the path, which stands beside it.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}

// refused keeps in mind what permissions kept from us.
func (s *scan) refused(what string, err error) {
	if errors.Is(err, fs.ErrPermission) && !slices.Contains(s.denied, what) {
		s.denied = append(s.denied, what)
	}
}

// late keeps in mind what did not answer.
func (s *scan) late(pid int, what string, err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.silent[what] = append(s.silent[what], pid)
	}
}

// close files a process under what it refused.
func (s *scan) close(pid int) {
	if len(s.denied) > 0 {
		what := strings.Join(s.denied, ", ")
		s.closed[what] = append(s.closed[what], pid)
	}
}

func (s *scan) note() {
	for _, what := range slices.Sorted(maps.Keys(s.closed)) {
		pids := s.closed[what]
		s.rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Denied, Reason: fmt.Sprintf("closed to us of %s: %s", procfs.Count(pids), what)})
	}
	for _, what := range slices.Sorted(maps.Keys(s.silent)) {
		s.rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Failed, Reason: fmt.Sprintf("no answer in time of %s: %s", procfs.Count(s.silent[what]), what)})
	}
	if s.ended+s.reused > 0 {
		s.rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Absent, Reason: fmt.Sprintf("%d processes ended while they were read", s.ended+s.reused)})
	}
}

// Read describes one process by the files of h, which may be another view of /proc than the one that is mounted; false:
// it has ended.
func Read(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, pid int) (Process, bool) {
	return newScan(h, rec).process(ctx, pid)
}
