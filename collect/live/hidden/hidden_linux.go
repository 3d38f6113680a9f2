package hidden

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

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/live/processes"
	"spor/collect/live/procfs"
	"spor/collect/patient"
)

const (
	batch      = 128  // processes held at a time
	maxRecords = 4096 //
	rounds     = 3    // comparisons that must all agree before a decoy is called one
	maxTaken   = 64   // executables taken
)

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	s := &search{host: h, rec: rec, shown: h.Files, found: map[int]*Process{}}
	d, err := detach(h.Files)
	if err == nil {
		defer d.Close()
		s.true = patient.New(d, func(op string, _ artifacts.Path) bool { return op == "open" }) // an executable may lie anywhere
	} else {
		s.refused(err)
	}
	if err := s.sameNamespace(); err != nil {
		return err
	}
	if err := s.run(ctx); err != nil {
		return err
	}
	return s.record(ctx)
}

// A search compares two views of /proc.
type search struct {
	host      *artifacts.Host
	rec       artifacts.Recorder
	shown     artifacts.Files // as mounted
	true      artifacts.Files // the detached one; nil: refused
	found     map[int]*Process
	covers    map[int][]procfs.MountInfo
	listed    int
	undecided int
	unstable  int
}

func (s *search) refused(err error) {
	o := artifacts.Outcome{Path: "/proc", Status: artifacts.Failed}
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENODEV):
		o.Status = artifacts.Skipped
	case errors.Is(err, fs.ErrPermission):
		o.Status = artifacts.Denied
	}
	o.Reason = fmt.Sprintf("no procfs of our own to compare with (%v): decoys are not told, hidden processes only by their numbers", err)
	s.rec.Note(o)
}

// view is the better of the two.
func (s *search) view() artifacts.Files {
	if s.true != nil {
		return s.true
	}
	return s.shown
}

// sameNamespace makes sure that /proc speaks of the processes that we see by number: a container may have the /proc of
// its host, and then every number would mean another process.
func (s *search) sameNamespace() error {
	self, err := s.shown.Readlink("/proc/self")
	if err == nil && string(self) != strconv.Itoa(os.Getpid()) && s.true == nil {
		return fmt.Errorf("/proc is of another process namespace: we are %d, there %s: not compared", os.Getpid(), self)
	}
	if err != nil || s.true == nil {
		return nil //nolint:nilerr // a /proc without self is compared, and found wanting
	}
	own, err := s.true.Readlink("/proc/self/ns/pid")
	if err != nil {
		return nil //nolint:nilerr // what cannot be read cannot differ
	}
	outer, err := s.shown.Readlink(artifacts.Path("/proc/" + string(self) + "/ns/pid"))
	if err == nil && outer == own && string(self) != strconv.Itoa(os.Getpid()) {
		return fmt.Errorf("/proc is of another process namespace: we are %d, there %s: not compared", os.Getpid(), self)
	}
	return nil
}

func (s *search) run(ctx context.Context) error {
	s.readCovers()
	truly, err := procfs.PIDs(s.view())
	if len(truly) == 0 {
		return cmp.Or(err, errors.New("no process in /proc"))
	}
	shown, _ := procfs.PIDs(s.shown)
	s.listed = len(truly)
	suspects := map[int]bool{}
	for pid := range s.covers {
		suspects[pid] = true
	}
	onlyIn(suspects, truly, shown)
	if s.true != nil {
		if err := s.decoys(ctx, truly); err != nil {
			return err
		}
	}
	swept := sweep{}
	if why := s.hidesByOption(); why == "" {
		for pid := range grouped(ctx, s.shown) {
			suspects[pid] = suspects[pid] || !has(truly, pid)
		}
		swept = ask(ctx, s.view())
		onlyIn(suspects, swept.answered, truly)
	} else {
		s.rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Denied, Reason: why})
	}
	maps.DeleteFunc(suspects, func(_ int, is bool) bool { return !is })
	if err := s.confirm(ctx, slices.Sorted(maps.Keys(suspects))); err != nil {
		return err
	}
	if s.true != nil {
		s.phantoms(shown)
	}
	s.say(swept)
	return nil
}

// onlyIn adds what is in the first sorted list and not in the second.
func onlyIn(to map[int]bool, list, other []int) {
	for _, pid := range list {
		if !has(other, pid) {
			to[pid] = true
		}
	}
}

func has(sorted []int, pid int) bool {
	_, ok := slices.BinarySearch(sorted, pid)
	return ok
}

// readCovers finds mounts at or below /proc/PID in our mount table.
func (s *search) readCovers() {
	s.covers = map[int][]procfs.MountInfo{}
	data, err := procfs.Read(s.view(), artifacts.Path(fmt.Sprintf("/proc/%d/mountinfo", os.Getpid())), procfs.MaxMountInfo)
	if err != nil {
		s.rec.Note(artifacts.Outcome{Path: "/proc/self/mountinfo", Status: artifacts.Failed, Reason: err.Error()})
	}
	for _, m := range procfs.Mounts(data) {
		rest, ok := strings.CutPrefix(string(m.Path), "/proc/")
		first, _, _ := strings.Cut(rest, "/")
		if pid, err := strconv.Atoi(first); ok && err == nil && pid > 0 {
			s.covers[pid] = append(s.covers[pid], m)
		}
	}
}

// hidesByOption tells why numbers that /proc does not list mean nothing here: proc(5), hidepid.
func (s *search) hidesByOption() string {
	data, _ := procfs.Read(s.view(), "/proc/self/mountinfo", procfs.MaxMountInfo)
	for _, m := range procfs.Mounts(data) {
		i := slices.IndexFunc(m.Options, func(o string) bool {
			return strings.HasPrefix(o, "hidepid=") && o != "hidepid=0" && o != "hidepid=off"
		})
		if m.Path == "/proc" && i >= 0 && s.true == nil && !s.host.Root {
			return fmt.Sprintf("/proc is mounted with %s: that a number is not listed means nothing to us", m.Options[i])
		}
	}
	return ""
}

// confirm tells which of the suspects run and are not listed: all are held, both views are listed, and those that still
// run must be in both.
func (s *search) confirm(ctx context.Context, suspects []int) error {
	for group := range slices.Chunk(suspects, batch) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var held []handle
		for _, pid := range group {
			h, err := hold(s.view(), pid)
			switch {
			case err == nil:
				held = append(held, h)
			case !errors.Is(err, errThread):
				s.undecided++
			}
		}
		if len(held) == 0 {
			continue
		}
		shown, shownErr := procfs.PIDs(s.shown)
		truly, trueErr := procfs.PIDs(s.view())
		for _, h := range held {
			if h.alive(s.view()) && trueErr == nil {
				s.judge(h.pid, has(shown, h.pid) || shownErr != nil, has(truly, h.pid))
			}
			h.release()
		}
	}
	return nil
}

// judge says how a process that runs is hidden, if it is.
func (s *search) judge(pid int, shown, truly bool) {
	switch {
	case !truly && s.true == nil:
		s.add(pid, Unlisted, "the kernel answers for this process, /proc does not list it")
	case !truly:
		s.add(pid, Kernel, "the kernel answers for this process, but its own procfs does not list it: a changed kernel (rootkit)")
	case !shown:
		s.add(pid, Unlisted, "the kernel's procfs lists it, /proc as mounted does not")
	}
	for _, m := range s.covers[pid] {
		s.add(pid, Covered, fmt.Sprintf("%s is mounted over %s (source %s, its folder %s)", m.Type, m.Path, m.Source, cmp.Or(m.Root, "/")))
	}
}

func (s *search) add(pid int, how How, reason string) *Process {
	p := s.found[pid]
	if p == nil {
		p = &Process{PID: pid}
		s.found[pid] = p
	}
	if !slices.Contains(p.How, how) {
		p.How = append(p.How, how)
	}
	if !slices.Contains(p.Reasons, reason) {
		p.Reasons = append(p.Reasons, reason)
	}
	return p
}

// decoys compares what both views say of each process.
func (s *search) decoys(ctx context.Context, pids []int) error {
	for _, pid := range pids {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		shown, reason := s.differs(ctx, pid)
		if reason == "" {
			continue
		}
		p := s.add(pid, Decoy, reason)
		if shown != (Facts{}) {
			shown.Start = s.when(shown.Ticks)
			p.Shown = &shown
		}
	}
	return nil
}

// differs compares until both views say the same once. A process that renames itself, runs another program or ends
// makes them differ for a moment; a decoy differs each time, in the same way, while the true process stays as it is.
func (s *search) differs(ctx context.Context, pid int) (Facts, string) {
	var before, said Facts
	for round := range rounds {
		truth, err := facts(s.true, pid)
		shown, shownErr := facts(s.shown, pid)
		switch {
		case err != nil:
			return Facts{}, "" // it ended
		case shownErr == nil && shown == truth:
			return Facts{}, ""
		case errors.Is(shownErr, fs.ErrPermission):
			return Facts{}, ""
		case round > 0 && (truth != before || shown != said):
			s.unstable++
			return Facts{}, ""
		}
		before, said = truth, shown
		select {
		case <-ctx.Done():
			return Facts{}, ""
		case <-time.After(pausePolled):
		}
	}
	if again, err := facts(s.true, pid); err != nil || again != before {
		return Facts{}, "" // it ended meanwhile: the last difference was its end
	}
	if said == (Facts{}) {
		return said, "/proc shows nothing of a process under its number"
	}
	return said, fmt.Sprintf("/proc shows process %d %q (%s) under its number", said.PID, said.Name, cmp.Or(said.Exe, "no executable"))
}

// facts reads a process by one view. The error is that of its stat.
func facts(files artifacts.Files, pid int) (Facts, error) {
	stat, err := readStat(files, pid)
	if err != nil {
		return Facts{}, err
	}
	if stat.State == 'Z' || stat.State == 'X' {
		return Facts{}, fs.ErrNotExist
	}
	f := Facts{PID: stat.PID, Ticks: stat.Start, Name: procfs.Text(stat.Comm)}
	if stat.KernelThread() {
		return f, nil
	}
	line, _ := procfs.Read(files, procfs.Of(pid, "cmdline"), 4096)
	f.Command = procfs.Text(strings.TrimRight(strings.ReplaceAll(string(line), "\x00", " "), " "))
	f.Exe, _ = files.Readlink(procfs.Of(pid, "exe"))
	return f, nil
}

func (s *search) when(ticks uint64) time.Time {
	if boot := s.host.Clock.BootTime; !boot.IsZero() && ticks > 0 {
		return boot.Add(time.Duration(ticks) * (time.Second / procfs.Ticks))
	}
	return time.Time{}
}

// phantoms are numbers that /proc as mounted goes on listing while nothing has them.
func (s *search) phantoms(shown []int) {
	for _, pid := range shown {
		if _, err := unix.Getpgid(pid); !errors.Is(err, unix.ESRCH) {
			continue
		}
		// Nothing had the number: what ended cannot be listed by a listing that begins now, but for a new process.
		again, err := procfs.PIDs(s.shown)
		if _, still := unix.Getpgid(pid); err == nil && has(again, pid) && errors.Is(still, unix.ESRCH) {
			p := s.add(pid, Phantom, "/proc lists this number, and the kernel has no process of it")
			if f, err := facts(s.shown, pid); err == nil {
				f.Start = s.when(f.Ticks)
				p.Shown = &f
			}
		}
	}
}

// say leaves a note of what was compared: that nothing was found is worth as much as how it was looked for.
func (s *search) say(swept sweep) {
	if s.undecided > 0 {
		s.rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Failed, Reason: fmt.Sprintf("%d numbers answer, and whether they are threads cannot be told", s.undecided)})
	}
	o := artifacts.Outcome{Path: "/proc", Status: artifacts.Absent}
	if len(s.found) > 0 {
		o.Status, o.Reason = artifacts.Collected, fmt.Sprintf("%d processes are hidden or shown as others; ", len(s.found))
	}
	o.Reason += fmt.Sprintf("%d processes compared, numbers tried up to %d of %d", s.listed, swept.tried, swept.limit)
	if s.unstable > 0 {
		o.Reason += fmt.Sprintf(", %d changed too often to compare", s.unstable)
	}
	s.rec.Note(o)
}

// record reads what is found once more where nothing covers it, and takes its executable.
func (s *search) record(ctx context.Context) error {
	through := *s.host
	through.Files = s.view()
	for i, pid := range slices.Sorted(maps.Keys(s.found)) {
		if i >= maxRecords {
			s.rec.Note(artifacts.Outcome{Path: "/proc", Status: artifacts.Truncated, Reason: fmt.Sprintf("%d found; the limit is %d", len(s.found), maxRecords)})
			return nil
		}
		p := s.found[pid]
		if !slices.Contains(p.How, Phantom) {
			if truth, ok := processes.Read(ctx, &through, s.rec, pid); ok {
				p.True = &truth
			}
		}
		if p.True != nil && !p.True.KernelThread && i < maxTaken {
			exe := procfs.Of(pid, "exe")
			_, ok, err := processes.Take(ctx, &through, s.rec, exe)
			if err != nil {
				return err
			}
			if ok {
				p.ExeItem = exe
			}
		}
		if err := s.rec.Record(*p); err != nil {
			return err
		}
	}
	return nil
}
