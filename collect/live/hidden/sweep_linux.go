package hidden

import (
	"context"
	"errors"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

const (
	maxPID      = 4 << 20                // PID_MAX_LIMIT of include/linux/threads.h
	maxFolders  = 1 << 16                // control groups that are looked into
	maxDepth    = 32                     // of them
	sweepTime   = 400 * time.Millisecond // for asking the kernel number by number
	pausePolled = 5 * time.Millisecond
)

var errSweepTime = errors.New("time for trying process numbers used up")

// grouped are the processes that control groups name: cgroups(7), cgroup.procs. It is a second list of processes in the
// kernel, and covers the high numbers that a sweep cut short does not reach.
func grouped(ctx context.Context, files artifacts.Files) map[int]bool {
	found := map[int]bool{}
	folders := 0
	var walk func(dir artifacts.Path, depth int)
	walk = func(dir artifacts.Path, depth int) {
		if folders++; folders > maxFolders || depth > maxDepth || ctx.Err() != nil {
			return
		}
		data, _ := procfs.Read(files, dir+"/cgroup.procs", procfs.Small)
		for line := range procfs.Lines(data) {
			if pid, err := strconv.Atoi(line); err == nil && pid > 0 { // 0: of another process namespace
				found[pid] = true
			}
		}
		entries, _ := files.ReadDir(dir)
		for _, e := range entries {
			if e.Kind == artifacts.Directory {
				walk(artifacts.Path(path.Join(string(dir), e.Name)), depth+1)
			}
		}
	}
	for _, top := range []artifacts.Path{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"} {
		if st, err := files.Lstat(top + "/cgroup.procs"); err == nil && st.Kind == artifacts.Regular {
			walk(top, 0)
		}
	}
	return found
}

// A sweep is how far the kernel was asked, number by number.
type sweep struct {
	tried, limit int
	answered     []int // numbers of processes and threads
}

// ask tries each number up to pid_max by getpgid(2): ESRCH means that nothing has it. It begins with those up to the
// number that was given out last (the end of /proc/loadavg), and ends when its time is up.
func ask(ctx context.Context, files artifacts.Files) sweep {
	s := sweep{limit: int(procfs.Number(files, "/proc/sys/kernel/pid_max"))}
	if s.limit <= 0 || s.limit > maxPID {
		s.limit = maxPID
	}
	last := s.limit
	if f := strings.Fields(procfs.Line(files, "/proc/loadavg")); len(f) == 5 {
		if n, err := strconv.Atoi(f[4]); err == nil && n > 0 && n < s.limit {
			last = n
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, sweepTime, errSweepTime)
	defer cancel()
	const slice = 4096
	for pid := 1; pid <= s.limit; pid++ {
		if pid%slice == 0 && pid > last && ctx.Err() != nil {
			break
		}
		if _, err := unix.Getpgid(pid); err == nil || !errors.Is(err, unix.ESRCH) {
			s.answered = append(s.answered, pid)
		}
		s.tried = pid
	}
	return s
}

// A handle holds on to a process: a pidfd, or its start time where there are none.
type handle struct {
	pid   int
	fd    int // -1: none
	ticks uint64
}

var errThread = errors.New("is no process")

// hold takes a handle. errThread: the number is a thread's, or nothing has it any more; another error: it cannot be
// told.
func hold(files artifacts.Files, pid int) (handle, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case err == nil:
		return handle{pid: pid, fd: fd}, nil
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
		return handle{}, errThread
	}
	data, statusErr := procfs.Read(files, procfs.Of(pid, "status"), procfs.Small)
	if statusErr != nil {
		return handle{}, err
	}
	if procfs.Map(data, ":")["Tgid"] != strconv.Itoa(pid) {
		return handle{}, errThread
	}
	stat, statErr := readStat(files, pid)
	if statErr != nil || stat.State == 'Z' {
		return handle{}, errThread
	}
	return handle{pid: pid, fd: -1, ticks: stat.Start}, nil
}

// alive tells whether the process has run all the time since it was held.
func (h handle) alive(files artifacts.Files) bool {
	if h.fd < 0 {
		stat, err := readStat(files, h.pid)
		return err == nil && stat.Start == h.ticks && stat.State != 'Z'
	}
	poll := []unix.PollFd{{Fd: int32(h.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, 0)
		if !errors.Is(err, unix.EINTR) {
			return err == nil && n == 0
		}
	}
}

func (h handle) release() {
	if h.fd >= 0 {
		unix.Close(h.fd)
	}
}

func readStat(files artifacts.Files, pid int) (procfs.Stat, error) {
	data, err := procfs.Read(files, procfs.Of(pid, "stat"), 64<<10)
	if err != nil {
		return procfs.Stat{}, err
	}
	return procfs.ParseStat(data)
}
