package memory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// machines are e_machine by the system's name.
var machines = map[string]uint16{"amd64": 62, "arm64": 183}

// A suspect is a process whose memory is taken.
type suspect struct {
	pid  int
	exe  artifacts.Path
	why  string
	rank int
}

func collectProcesses(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	list, err := suspects(ctx, h)
	if err != nil {
		return err
	}
	left := uint64(maxAll)
	for i, s := range list {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if i == maxTaken || left < pageSize {
			rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Truncated, Reason: fmt.Sprintf("memory of %d processes left out: the limit is %d bytes or %d processes", len(list)-i, int64(maxAll), maxTaken)})
			break
		}
		used, err := takeProcess(ctx, h, rec, s, min(left, maxProcess))
		if err != nil {
			return err
		}
		left -= used
	}
	return nil
}

// suspects gives the processes to take, those that say most first. Ourselves we leave out.
func suspects(ctx context.Context, h *artifacts.Host) ([]suspect, error) {
	pids, err := procfs.PIDs(h.Files)
	if len(pids) == 0 {
		return nil, cmp.Or(err, errors.New("no process in /proc"))
	}
	var list []suspect
	for _, pid := range pids[:min(len(pids), maxProcesses)] {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		exe, err := h.Files.Readlink(procfs.Of(pid, "exe"))
		if err != nil || pid == os.Getpid() {
			continue // ended, a thread of the kernel, or another user's: the processes collector says which
		}
		if why, rank := reason(exe); why != "" {
			list = append(list, suspect{pid, exe, why, rank})
		}
	}
	slices.SortStableFunc(list, func(a, b suspect) int { return cmp.Compare(a.rank, b.rank) })
	return list, nil
}

// takeProcess stores the memory of one process and gives how much that was. What it is refused it notes; the error is
// the recorder's.
func takeProcess(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, s suspect, most uint64) (uint64, error) {
	before, err := stat(h, s.pid)
	if err != nil {
		return 0, nil // it has ended
	}
	p := Process{PID: s.pid, Name: procfs.Text(before.Comm), Exe: s.exe, Why: s.why, Item: fmt.Sprintf("memory/process-%d.core", s.pid)}
	f, err := h.Files.Open(procfs.Of(s.pid, "mem"))
	if err == nil {
		defer f.Close()
		var maps []procfs.Mapping
		maps, err = mappings(h, s.pid)
		p.Regions, p.Omitted = choose(maps, most)
	}
	from, ok := f.(io.ReaderAt)
	if err != nil || !ok || len(p.Regions) == 0 {
		if !procfs.Gone(h.Files, s.pid) {
			err = cmp.Or(err, errors.New("it has no readable memory"))
			if o, bad := procfs.Outcome(procfs.Of(s.pid, "mem"), err); bad {
				rec.Note(o)
			}
		}
		return 0, nil
	}
	parts := core(p.Regions, machines[runtime.GOARCH])
	p.Size = size(parts)
	in := &stream{ctx: ctx, from: from, parts: parts}
	it := artifacts.Item{Name: p.Item, Origin: procfs.Of(s.pid, "mem"), Size: p.Size, Method: "process memory"}
	if err := rec.Put(ctx, it, in); err != nil {
		return 0, err
	}
	after, err := stat(h, s.pid)
	p.Ended = err != nil || after.Start != before.Start
	p.Unreadable = in.unreadable.Load()
	if p.Omitted > 0 {
		rec.Note(artifacts.Outcome{Path: it.Origin, Status: artifacts.Truncated, Item: p.Item, Reason: fmt.Sprintf("%d bytes are over the limit and left out", p.Omitted)})
	}
	return uint64(p.Size), rec.Record(p)
}

func stat(h *artifacts.Host, pid int) (procfs.Stat, error) {
	data, err := procfs.Read(h.Files, procfs.Of(pid, "stat"), 64<<10)
	if err != nil {
		return procfs.Stat{}, err
	}
	return procfs.ParseStat(data)
}

// mappings gives what of the process's mappings may hold something.
func mappings(h *artifacts.Host, pid int) ([]procfs.Mapping, error) {
	text, err := procfs.Read(h.Files, procfs.Of(pid, "maps"), procfs.MaxMaps)
	if err != nil && !errors.Is(err, procfs.ErrTooLong) {
		return nil, err
	}
	var list []procfs.Mapping
	for line := range bytes.Lines(text) {
		if m, err := procfs.ParseMapping(strings.TrimSuffix(string(line), "\n")); err == nil {
			list = append(list, m)
		}
	}
	f, err := h.Files.Open(procfs.Of(pid, "pagemap"))
	if err != nil { // CONFIG_PROC_PAGE_MONITOR is not set: all is read
		return list, nil
	}
	defer f.Close()
	if pagemap, ok := f.(io.ReaderAt); ok {
		list = touched(list, pagemap, uint64(os.Getpagesize()))
	}
	return list, nil
}
