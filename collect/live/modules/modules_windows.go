package modules

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/live/program"
	"spor/collect/winapi"
)

const (
	patience   = 10 * time.Second // for one process
	maxHung    = 12               // processes, each of which costs patience and a thread
	maxModules = 10_000           // of one process
	maxRegions = 1 << 20          // of its memory
	maxLooking = 4 * time.Minute  // for hashes and signatures of all files
)

// libraries asks each process but the keeper of the passwords: whoever opens lsass so looks like an attacker to all that
// watch.
func libraries(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	running, err := winapi.Processes()
	if err != nil {
		return err
	}
	devices := winapi.Devices()
	found := map[string]*Library{} // by path in lower case
	refused, hung := map[string]int{}, 0
	for _, p := range running {
		if p.PID == 0 || p.PID == 4 { // no program is loaded there
			continue
		}
		if strings.EqualFold(p.Name, "lsass.exe") || strings.EqualFold(p.Name, "lsaiso.exe") {
			rec.Note(artifacts.Outcome{Status: artifacts.Skipped, Reason: fmt.Sprintf("%s (%d) is not opened: it keeps the passwords", p.Name, p.PID)})
			continue
		}
		if hung == maxHung {
			refused["not asked: the system did not answer for others"]++
			continue
		}
		var m mapped
		err := winapi.Within(ctx, patience, func() { m = ask(uint32(p.PID), devices) })
		if errors.Is(err, winapi.ErrHangs) {
			hung++
		}
		if err == nil { // else m may still be written to
			err = m.err
			m.merge(found, p.PID)
		}
		if err != nil {
			refused[err.Error()]++
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(refused)) {
		rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: fmt.Sprintf("modules of %d of %d processes: %s", refused[reason], len(running), reason)})
	}
	if len(found) == 0 {
		return errors.New("no process tells its modules")
	}
	return look(ctx, h, rec, found)
}

// look records each library with what its file says, as long as there is time for that.
func look(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, found map[string]*Library) error {
	hurry, cancel := context.WithTimeout(ctx, maxLooking)
	defer cancel()
	unread := 0
	for _, key := range slices.Sorted(maps.Keys(found)) {
		l := found[key]
		switch {
		case !winapi.HasDrive(string(l.Path)):
			l.Error = "not on a drive of this machine: not read"
		case hurry.Err() != nil:
			unread++
		default:
			l.File = program.Look(hurry, h.Files, l.Path)
		}
		if err := errors.Join(ctx.Err(), rec.Record(*l)); err != nil {
			return err
		}
	}
	if unread > 0 {
		rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: fmt.Sprintf("%d of %d files were not read: it took more than %v", unread, len(found), maxLooking)})
	}
	return nil
}

// mapped is what one process has loaded: by its own list, and by its memory.
type mapped struct {
	listed, memory []string
	err            error
}

func (m mapped) merge(found map[string]*Library, pid int) {
	add := func(path string) *Library {
		key := strings.ToLower(path)
		l := found[key]
		if l == nil {
			l = &Library{File: program.File{Path: artifacts.Path(path)}}
			found[key] = l
		}
		if n := len(l.PIDs); n == 0 || l.PIDs[n-1] != pid {
			l.PIDs = append(l.PIDs, pid)
		}
		return l
	}
	for _, path := range m.listed {
		add(path)
	}
	for _, path := range m.memory {
		l := add(path)
		if len(m.listed) > 0 && !slices.ContainsFunc(m.listed, func(p string) bool { return strings.EqualFold(base(p), base(path)) }) {
			l.Unlisted = append(l.Unlisted, pid)
		}
	}
}

func base(path string) string { return path[strings.LastIndexByte(path, '\\')+1:] }

// ask gives what a process has mapped as programs, by both ways.
func ask(pid uint32, devices winapi.DeviceNames) (m mapped) {
	m.listed, m.err = list(pid)
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION, false, pid)
	if err != nil {
		m.err = errors.Join(m.err, err)
		return m
	}
	defer windows.CloseHandle(h)
	m.memory = images(h, devices)
	return m
}

// list is what the loader in the process keeps.
func list(pid uint32) ([]string, error) {
	var snapshot windows.Handle
	var err error
	for range 5 { // ERROR_BAD_LENGTH: the list changed meanwhile
		snapshot, err = windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPMODULE|windows.TH32CS_SNAPMODULE32, pid)
		if !errors.Is(err, windows.ERROR_BAD_LENGTH) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(snapshot)
	var all []string
	e := windows.ModuleEntry32{Size: uint32(unsafe.Sizeof(windows.ModuleEntry32{}))}
	for err = windows.Module32First(snapshot, &e); err == nil && len(all) < maxModules; err = windows.Module32Next(snapshot, &e) {
		all = append(all, windows.UTF16ToString(e.ExePath[:]))
	}
	if !errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return all, err
	}
	return all, nil
}

// images are the files of all regions that are mapped as programs, whatever the loader says. The names come from the
// kernel, for a handle that may not read the memory.
func images(process windows.Handle, devices winapi.DeviceNames) []string {
	const memImage = 0x1000000
	var all []string
	last := uintptr(0)
	for at, n := uintptr(0), 0; n < maxRegions; n++ {
		m, ok := winapi.RegionAt(process, at)
		if !ok {
			break
		}
		at = m.Base + m.Size
		if m.Type != memImage || m.AllocationBase == last {
			continue
		}
		last = m.AllocationBase
		if name := winapi.MappedFile(process, m.Base); name != "" {
			all = append(all, devices.Path(name))
		}
	}
	return all
}
