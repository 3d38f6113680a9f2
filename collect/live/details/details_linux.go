package details

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// Bounds against a host that means to choke us.
const (
	maxProcesses   = 1 << 18
	maxEnviron     = 2 << 20 // bytes
	maxMapped      = 1024    // files listed of one process
	maxRegions     = 64      // of one process
	maxOpen        = 256     // files listed of one process
	maxDescriptors = 4 << 20 // of all processes together
)

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	s := &scan{host: h, files: h.Files, rec: rec, closed: map[string][]int{}, taken: map[string]bool{}, last: int(procfs.Number(h.Files, "/proc/sys/kernel/cap_last_cap"))}
	s.own = s.namespaces("self", &Detail{})
	err := each(ctx, h, rec, func(pid int, stat procfs.Stat) error {
		if stat.KernelThread() {
			return nil
		}
		d, err := s.detail(ctx, pid, stat)
		if err != nil || d == nil {
			return err
		}
		return rec.Record(*d)
	})
	s.note()
	return err
}

// environments takes the secret half.
func environments(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	var denied, silent []int
	err := each(ctx, h, rec, func(pid int, stat procfs.Stat) error {
		data, err := procfs.Read(h.Files, procfs.Of(pid, "environ"), maxEnviron)
		if errors.Is(err, fs.ErrPermission) {
			denied = append(denied, pid)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			silent = append(silent, pid)
		}
		if len(data) == 0 {
			return nil
		}
		e := Environment{PID: pid, Start: start(h, stat), Name: procfs.Text(stat.Comm), Variables: variables(data)}
		for i, v := range e.Variables {
			e.Variables[i] = procfs.Text(v)
		}
		return rec.Record(e)
	})
	if len(denied) > 0 {
		rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Denied, Reason: "environment closed to us of " + procfs.Count(denied)})
	}
	if len(silent) > 0 {
		rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Failed, Reason: "no answer in time about the environment of " + procfs.Count(silent)})
	}
	return err
}

// each calls for each process that is there.
func each(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, call func(pid int, stat procfs.Stat) error) error {
	pids, err := procfs.PIDs(h.Files)
	if len(pids) == 0 {
		return cmp.Or(err, errors.New("no process in /proc"))
	}
	if len(pids) > maxProcesses {
		rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Truncated, Reason: fmt.Sprintf("%d processes; the limit is %d", len(pids), maxProcesses)})
		pids = pids[:maxProcesses]
	}
	for _, pid := range pids {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		stat, err := statOf(h.Files, pid)
		if err != nil || stat.State == 'Z' {
			continue // it ended; the processes' own collector says so
		}
		if err := call(pid, stat); err != nil {
			return err
		}
	}
	return nil
}

func statOf(files artifacts.Files, pid int) (procfs.Stat, error) {
	data, err := procfs.Read(files, procfs.Of(pid, "stat"), 64<<10)
	if err != nil {
		return procfs.Stat{}, err
	}
	return procfs.ParseStat(data)
}

func start(h *artifacts.Host, stat procfs.Stat) time.Time {
	if h.Clock.BootTime.IsZero() {
		return time.Time{}
	}
	return h.Clock.BootTime.Add(time.Duration(stat.Start) * (time.Second / procfs.Ticks))
}

// A scan goes through the processes once.
type scan struct {
	host        *artifacts.Host
	files       artifacts.Files
	rec         artifacts.Recorder
	own         map[string]uint64 // namespaces
	last        int               // highest capability of this kernel
	closed      map[string][]int  // pids by what was refused
	silent      []int             // pids of which something did not answer
	taken       map[string]bool   // device and inode of files that were taken
	takenBytes  int64
	untaken     int
	descriptors int
	cut         bool
}

// detail reads one process; nil: it ended meanwhile, and what was read may be another's.
func (s *scan) detail(ctx context.Context, pid int, stat procfs.Stat) (*Detail, error) {
	d := &Detail{PID: pid, Start: start(s.host, stat), Name: procfs.Text(stat.Comm)}
	exe, err := s.files.Readlink(procfs.Of(pid, "exe"))
	s.refused(d, "executable", err)
	d.Exe = exe
	s.status(d)
	d.Namespaces = s.namespaces(strconv.Itoa(pid), d)
	for kind, inode := range d.Namespaces {
		if own := s.own[kind]; own != 0 && own != inode {
			d.Apart = append(d.Apart, kind)
		}
	}
	slices.Sort(d.Apart)
	data, err := procfs.Read(s.files, procfs.Of(pid, "environ"), maxEnviron)
	s.refused(d, "environment", err)
	e := tell(data)
	d.Variables, d.Values, d.Loader = e.names, e.values, e.loaders
	gone := s.mapped(d)
	s.open(d)
	if again, err := statOf(s.files, pid); err != nil || again.Start != stat.Start {
		return nil, nil //nolint:nilnil // described above
	}
	return d, s.take(ctx, d, gone)
}

func (s *scan) status(d *Detail) {
	data, err := procfs.Read(s.files, procfs.Of(d.PID, "status"), procfs.Small)
	s.refused(d, "status", err)
	m := procfs.Map(data, ":")
	c := Capabilities{
		Effective: capabilities(m["CapEff"], s.last), Permitted: capabilities(m["CapPrm"], s.last), Inheritable: capabilities(m["CapInh"], s.last),
		Bounding: capabilities(m["CapBnd"], s.last), Ambient: capabilities(m["CapAmb"], s.last),
	}
	if m["CapEff"] != "" {
		d.Capabilities = &c
	}
	d.NoNewPrivs = m["NoNewPrivs"] == "1"
	d.Seccomp = map[string]string{"1": "strict", "2": "filter"}[m["Seccomp"]]
	d.SeccompFilters, _ = strconv.Atoi(m["Seccomp_filters"])
	d.Groups = strings.Fields(m["Groups"])
}

func (s *scan) namespaces(name string, d *Detail) map[string]uint64 {
	all := map[string]uint64{}
	for _, kind := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		link, err := s.files.Readlink(artifacts.Path("/proc/" + name + "/ns/" + kind))
		s.refused(d, "namespaces", err)
		if inode, ok := procfs.Inode(link, kind); ok {
			all[kind] = inode
		}
	}
	return all
}

// refused keeps in mind what permissions kept from us, and what did not answer.
func (s *scan) refused(d *Detail, what string, err error) {
	if errors.Is(err, fs.ErrPermission) && !slices.Contains(d.Errors, what+": permission denied") {
		d.Errors = append(d.Errors, what+": permission denied")
		s.closed[what] = append(s.closed[what], d.PID)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		d.Errors = append(d.Errors, what+": no answer in time")
		s.silent = append(s.silent, d.PID)
	}
}

// open lists what the process holds by descriptors.
func (s *scan) open(d *Detail) {
	entries, err := s.files.ReadDir(procfs.Of(d.PID, "fd"))
	s.refused(d, "descriptors", err)
	if len(entries) > 0 {
		d.Descriptors = map[string]int{}
	}
	for _, e := range entries {
		if s.descriptors++; s.descriptors > maxDescriptors {
			s.cut = true
			return
		}
		link, err := s.files.Readlink(procfs.Of(d.PID, "fd/"+e.Name))
		s.refused(d, "descriptors", err)
		if err != nil {
			continue
		}
		kind := descriptorKind(string(link))
		d.Descriptors[kind]++
		if kind != "file" || link == "/dev/null" {
			continue
		}
		if len(d.Open) >= maxOpen {
			d.MoreOpen++
			continue
		}
		o := Open{Path: link}
		o.FD, _ = strconv.Atoi(e.Name)
		o.Path, o.Deleted, o.Memory = gone(link)
		d.Open = append(d.Open, o)
	}
}

// descriptorKind reads what the link of a descriptor leads to: "/a/file", "socket:[1]", "pipe:[2]", "anon_inode:[io_uring]",
// "anon_inode:bpf-prog".
func descriptorKind(link string) string {
	if strings.HasPrefix(link, "/") {
		return "file"
	}
	kind, rest, _ := strings.Cut(link, ":")
	if kind == "anon_inode" {
		kind = strings.Trim(rest, "[]")
	}
	if len(kind) > 64 {
		kind = kind[:64]
	}
	return procfs.Text(kind)
}

// gone reads what the kernel puts after a name that is gone (d_path in fs/d_path.c), and before one that memfd_create(2)
// made.
func gone(link artifacts.Path) (p artifacts.Path, deleted, memory bool) {
	name, deleted := strings.CutSuffix(string(link), " (deleted)")
	return artifacts.Path(name), deleted, deleted && strings.HasPrefix(name, "/memfd:")
}

func (s *scan) note() {
	note := func(status artifacts.Status, format string, args ...any) {
		s.rec.Note(artifacts.Outcome{Path: "/proc", Status: status, Reason: fmt.Sprintf(format, args...)})
	}
	for _, what := range slices.Sorted(maps.Keys(s.closed)) {
		note(artifacts.Denied, "%s closed to us of %s", what, procfs.Count(s.closed[what]))
	}
	if len(s.silent) > 0 {
		note(artifacts.Failed, "no answer in time of %s", procfs.Count(slices.Compact(s.silent)))
	}
	if s.cut {
		note(artifacts.Truncated, "more than %d descriptors", maxDescriptors)
	}
	if s.untaken > 0 {
		note(artifacts.Skipped, "%d more programs and libraries whose names are gone: the limit is %d files, %d bytes", s.untaken, maxTaken, maxTakenBytes)
	}
}
