package memory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/live/procfs"
	"spor/collect/winapi"
)

var (
	errSystem = errors.New("not built for this system")
	errDriver = errors.New("the memory of a running Windows is read by a signed driver alone, which this program does not carry: " +
		"take it by the hypervisor or with a driver of your own; page file, hibernation file and crash dumps are taken")
)

func collectPhysical(context.Context, *artifacts.Host, artifacts.Recorder) error { return errDriver }

func collectSymbols(context.Context, *artifacts.Host, artifacts.Recorder) error { return errSystem }

// temporaryWindows are folders any user may write to, from which installed software does not run.
var temporaryWindows = []string{`\windows\temp\`, `\appdata\local\temp\`, `\users\public\`, `\$recycle.bin\`, `\perflogs\`}

// suspicion tells why the memory of a process is taken; empty: it is not.
func suspicion(h *artifacts.Host, exe string) string {
	folded := strings.ToLower(exe)
	for _, dir := range temporaryWindows {
		if strings.Contains(folded, dir) {
			return "its program lies in a temporary folder"
		}
	}
	if !winapi.HasDrive(exe) {
		return ""
	}
	if _, err := h.Files.Lstat(artifacts.Path(exe)); errors.Is(err, fs.ErrNotExist) {
		return "its program is deleted or was renamed"
	}
	return ""
}

// collectProcesses reads the memory of processes that run while it does: what it gives is of no one moment.
func collectProcesses(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	running, err := winapi.Processes()
	if err != nil {
		return err
	}
	left, taken := uint64(maxAll), 0
	for _, p := range running {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if p.PID == 0 || p.PID == 4 || p.PID == int(windows.GetCurrentProcessId()) {
			continue
		}
		query, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(p.PID))
		if err != nil {
			continue // the processes collector says which
		}
		exe, err := winapi.ImagePath(query)
		windows.CloseHandle(query)
		why := ""
		if err == nil {
			why = suspicion(h, exe)
		}
		if why == "" {
			continue
		}
		if taken++; taken > maxTaken || left < pageSize {
			rec.Note(artifacts.Outcome{Path: artifacts.Path(exe), Status: artifacts.Truncated, Reason: fmt.Sprintf("memory of process %d left out: the limit is %d bytes or %d processes", p.PID, int64(maxAll), maxTaken)})
			continue
		}
		out := Process{PID: p.PID, Name: p.Name, Exe: artifacts.Path(exe), Why: why, Item: fmt.Sprintf("memory/process-%d.dmp", p.PID)}
		used, err := takeProcess(ctx, rec, out, min(left, maxProcess))
		if err != nil {
			return err
		}
		left -= used
	}
	if taken == 0 {
		rec.Note(artifacts.Outcome{Status: artifacts.Absent, Reason: "no process runs from a temporary folder or from a file that is gone"})
	}
	return nil
}

// takeProcess stores the memory of one process and gives how much that was. The error is the recorder's.
func takeProcess(ctx context.Context, rec artifacts.Recorder, p Process, most uint64) (uint64, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION|windows.PROCESS_VM_READ, false, uint32(p.PID))
	if err != nil {
		rec.Note(artifacts.Outcome{Path: p.Exe, Status: winapi.Status(err), Reason: fmt.Sprintf("memory of process %d: %v", p.PID, err)})
		return 0, nil
	}
	defer windows.CloseHandle(h)
	maps, known := mappings(h)
	if p.Regions, p.Omitted = choose(maps, most); len(p.Regions) == 0 {
		rec.Note(artifacts.Outcome{Path: p.Exe, Status: artifacts.Failed, Reason: fmt.Sprintf("process %d has no readable memory", p.PID)})
		return 0, nil
	}
	say := make([]attributes, len(p.Regions))
	for i, r := range p.Regions {
		say[i] = known[r.Start]
	}
	parts := minidump(p.Regions, say, thisSystem(), uint32(time.Now().Unix()))
	p.Size = size(parts)
	in := &stream{ctx: ctx, from: memoryOf(h), parts: parts}
	if err := rec.Put(ctx, artifacts.Item{Name: p.Item, Origin: p.Exe, Size: p.Size, Method: "process memory"}, in); err != nil {
		return 0, err
	}
	event, err := windows.WaitForSingleObject(h, 0)
	p.Ended = err == nil && event == windows.WAIT_OBJECT_0
	p.Unreadable = in.unreadable.Load()
	if p.Omitted > 0 {
		rec.Note(artifacts.Outcome{Path: p.Exe, Status: artifacts.Truncated, Item: p.Item, Reason: fmt.Sprintf("%d bytes are over the limit and left out", p.Omitted)})
	}
	return uint64(p.Size), rec.Record(p)
}

// mappings lists the committed memory of a process in order of address, with what the system says of each by where it
// begins. Memory of no file is told by Inode, as on Linux.
func mappings(process windows.Handle) (list []procfs.Mapping, known map[uint64]attributes) {
	const committed = 0x1000
	known = map[uint64]attributes{}
	devices := winapi.Devices()
	for at := uintptr(0); len(list) < 1<<20; {
		m, ok := winapi.RegionAt(process, at)
		if !ok {
			break
		}
		at = m.Base + m.Size
		if m.State != committed {
			continue
		}
		r := procfs.Mapping{Start: uint64(m.Base), End: uint64(at), Perms: permissions(m.Protect)}
		if m.Type != memPrivate {
			r.Inode = 1
			r.Path = artifacts.Path(devices.Path(winapi.MappedFile(process, m.Base)))
		}
		list = append(list, r)
		known[r.Start] = attributes{uint64(m.AllocationBase), m.AllocationProtect, m.Protect, m.Type}
	}
	return list, known
}

// thisSystem is what a dump says of the machine it is from.
func thisSystem() system {
	v := windows.RtlGetVersion()
	architectures := map[string]uint16{"386": 0, "amd64": 9, "arm64": 12}
	return system{architectures[runtime.GOARCH], byte(min(runtime.NumCPU(), 255)), v.MajorVersion, v.MinorVersion, v.BuildNumber}
}

// memoryOf reads a process's memory by its addresses.
type memoryOf windows.Handle

func (h memoryOf) ReadAt(b []byte, at int64) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	var n uintptr
	err := windows.ReadProcessMemory(windows.Handle(h), uintptr(at), &b[0], uintptr(len(b)), &n)
	if err == nil && int(n) < len(b) {
		err = io.ErrUnexpectedEOF
	}
	return int(min(n, uintptr(len(b)))), err
}
