package processes

import (
	"context"
	"errors"
	"fmt"

	"github.com/shirou/gopsutil/v3/process"
	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

// collect takes what the system tells of every process without opening it, and then asks each as gently as can be:
// PROCESS_QUERY_LIMITED_INFORMATION suffices, and does not look like an attack on lsass to whoever watches.
// For the same reason the current folders, which stand in the processes' own memory, are left out.
func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	listed, err := winapi.Processes()
	if err != nil {
		return err
	}
	missing := gaps{}
	running := make([]Process, len(listed))
	for i, l := range listed {
		running[i] = Process{
			PID: l.PID, PPID: l.PPID, Name: l.Name, Start: l.Start, Threads: l.Threads, Session: l.Session, CPU: l.CPU, Resident: l.Resident,
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if l.PID != 0 { // the idle process is a counter
			ask(ctx, &running[i], missing)
		}
	}
	nameParents(running)
	for i := range running {
		describe(ctx, h.Files, &running[i])
		if err := errors.Join(ctx.Err(), rec.Record(running[i])); err != nil {
			return err
		}
	}
	missing.note(rec, len(running))
	return nil
}

// ask opens a process and fills in what only it tells. What it does not tell stands in its record, and in missing.
func ask(ctx context.Context, p *Process, missing gaps) {
	fail := func(what string, err error) {
		p.Errors = append(p.Errors, what+": "+err.Error())
		missing.add(what, err, p.PID)
	}
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(p.PID))
	if err != nil {
		fail("open", err)
		return
	}
	defer windows.CloseHandle(handle)
	if exe, err := winapi.ImagePath(handle); err != nil {
		p.ExeError = err.Error()
		missing.add("executable", err, p.PID)
	} else {
		p.Exe = artifacts.Path(exe)
	}
	if p.CommandLine, err = commandLine(ctx, handle, p.PID); err != nil {
		fail("command line", err)
	}
	token, err := winapi.ProcessToken(handle)
	if err != nil {
		fail("token", err)
	}
	if p.User, p.UserID, p.Integrity = token.User, token.SID, token.Integrity; token.Integrity != "" {
		p.Elevated = &token.Elevated
	}
	if level, err := winapi.Protection(handle); err != nil {
		fail("protection", err)
	} else {
		p.Protection = winapi.ProtectionName(level)
	}
	if p.Architecture, err = winapi.ProcessMachine(handle); err != nil {
		fail("architecture", err)
	}
}

// commandLine asks the kernel, and where that does not know the question (wine, Windows before 8.1) reads it from the
// process's memory.
func commandLine(ctx context.Context, handle windows.Handle, pid int) (string, error) {
	line, err := winapi.CommandLine(handle)
	if !errors.Is(err, windows.STATUS_INVALID_INFO_CLASS) && !errors.Is(err, windows.STATUS_NOT_IMPLEMENTED) {
		return line, err
	}
	line, errMemory := (&process.Process{Pid: int32(pid)}).CmdlineWithContext(ctx)
	if errMemory == nil && line == "" {
		errMemory = fmt.Errorf("%w: its memory gives none", err)
	}
	return line, errMemory
}

// nameParents fills in the parents that still live: numbers are used again, and a parent is older than its child.
func nameParents(running []Process) {
	byPID := make(map[int]*Process, len(running))
	for i := range running {
		byPID[running[i].PID] = &running[i]
	}
	for i := range running {
		p := &running[i]
		if parent := byPID[p.PPID]; parent != nil && parent != p && p.PPID != 0 && !parent.Start.After(p.Start) {
			p.ParentExe = string(parent.Exe)
			if p.ParentExe == "" {
				p.ParentExe = parent.Name
			}
		}
	}
}
