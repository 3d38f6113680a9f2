package objects

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

const (
	maxPipes   = 100_000
	maxHandles = 300_000         // that are recorded
	maxTime    = 3 * time.Minute // for all names
	maxStuck   = 64              // threads that may be left behind
	patience   = 300 * time.Millisecond
	maxName    = 64 << 10 // bytes

	systemHandles = 64 // SystemExtendedHandleInformation, since Windows XP
)

var (
	ntdll             = windows.NewLazySystemDLL("ntdll.dll")
	procQueryObject   = ntdll.NewProc("NtQueryObject")
	procGetProcessID  = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessId")
	errPipes          = errors.New("no pipe is listed: every running Windows has some")
	errNothingHasName = errors.New("no handle has a name")
)

func pipes(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
	text, err := winapi.UTF16(`\\.\pipe\*`)
	if err != nil {
		return err
	}
	var d windows.Win32finddata
	h, err := windows.FindFirstFile(text, &d)
	if err != nil {
		return fmt.Errorf(`listing \\.\pipe\: %w`, err)
	}
	defer windows.FindClose(h)
	n := 0
	for ; err == nil && n < maxPipes; n++ {
		// The listing of this file system has the instances where others have the size.
		p := Pipe{Name: artifacts.Path(windows.UTF16ToString(d.FileName[:])), Instances: int64(d.FileSizeHigh)<<32 | int64(d.FileSizeLow)}
		if err := errors.Join(ctx.Err(), rec.Record(p)); err != nil {
			return err
		}
		err = windows.FindNextFile(h, &d)
	}
	switch {
	case n == 0:
		return errPipes
	case err == nil:
		rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: fmt.Sprintf("more than %d pipes", maxPipes)})
	case !errors.Is(err, windows.ERROR_NO_MORE_FILES):
		rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: fmt.Sprintf("the listing ends after %d: %v", n, err)})
	}
	return nil
}

// A worker asks about handles, in a thread that is left behind with the first one that hangs.
type worker struct {
	devices winapi.DeviceNames
	kinds   map[uint16]string // types by index, as far as known
	stuck   int
}

func handles(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
	b, err := winapi.SystemInformation(systemHandles)
	if err != nil {
		return err
	}
	rows, err := parseHandles(b, int(unsafe.Sizeof(uintptr(0))))
	if err != nil {
		rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: err.Error()})
	}
	names := map[int]string{}
	running, err := winapi.Processes()
	if err != nil {
		rec.Note(artifacts.Outcome{Status: winapi.Status(err), Reason: "names of the processes: " + err.Error()})
	}
	for _, p := range running {
		names[p.PID] = p.Name
	}
	hurry, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	w := worker{devices: winapi.Devices(), kinds: map[uint16]string{}}
	s := survey{refused: map[string]int{}}
	own := int(windows.GetCurrentProcessId())
	for first := 0; first < len(rows); {
		last := first // rows of one process stand together
		for last < len(rows) && rows[last].pid == rows[first].pid {
			last++
		}
		if pid := rows[first].pid; pid != own && hurry.Err() == nil && s.recorded < maxHandles {
			if err := w.process(hurry, rec, names[pid], rows[first:last], &s); err != nil {
				return err
			}
		} else if pid != own {
			s.left += last - first
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		first = last
	}
	return s.note(rec, len(rows), w.stuck)
}

// A survey counts what could not be asked.
type survey struct {
	recorded, left, hung int
	refused              map[string]int // processes, by reason
}

func (s *survey) note(rec artifacts.Recorder, total, stuck int) error {
	for reason, n := range s.refused {
		rec.Note(artifacts.Outcome{Status: artifacts.Denied, Reason: fmt.Sprintf("handles of %d processes: %s", n, reason)})
	}
	if s.hung > 0 {
		rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: fmt.Sprintf("%d handles did not tell their name in time; %d threads were left behind", s.hung, stuck)})
	}
	if s.left > 0 {
		rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: fmt.Sprintf("%d of %d handles were not asked: it took longer than %v, or there are more than %d", s.left, total, maxTime, maxHandles)})
	}
	if s.recorded == 0 {
		return errNothingHasName
	}
	return nil
}

// process asks about the handles of one process. The keeper of the passwords is not opened: whoever takes handles from
// it looks like an attacker.
func (w *worker) process(ctx context.Context, rec artifacts.Recorder, name string, rows []row, s *survey) error {
	if strings.EqualFold(name, "lsass.exe") || strings.EqualFold(name, "lsaiso.exe") {
		s.refused[name+" is left alone: it keeps the passwords"]++
		return nil
	}
	source, err := windows.OpenProcess(windows.PROCESS_DUP_HANDLE, false, uint32(rows[0].pid))
	if err != nil {
		s.refused[err.Error()]++
		return nil
	}
	defer windows.CloseHandle(source)
	for i, r := range rows {
		if ctx.Err() != nil || s.recorded >= maxHandles {
			s.left += len(rows) - i
			return nil
		}
		if kind, known := w.kinds[r.kind]; known && !wanted(kind) {
			continue
		}
		a, err := w.ask(ctx, source, r)
		if err != nil {
			s.hung++
			continue
		}
		w.kinds[r.kind] = a.kind
		if a.name == "" && a.target == 0 || !wanted(a.kind) {
			continue
		}
		s.recorded++
		h := Handle{PID: r.pid, Process: name, Handle: r.handle, Type: a.kind, Name: artifacts.Path(w.devices.Path(a.name)), Target: a.target, Access: r.access}
		if err := rec.Record(h); err != nil {
			return err
		}
	}
	return nil
}

// wanted tells of which types the names tell anything.
func wanted(kind string) bool {
	switch kind {
	case "File", "Mutant", "Section", "Process", "Thread", "Key", "SymbolicLink", "Job", "":
		return true
	}
	return false
}

// An answer is what a handle tells: its type, its name or the process it stands for. Empty where it does not.
type answer struct {
	kind, name string
	target     int
}

func (w *worker) ask(ctx context.Context, source windows.Handle, r row) (answer, error) {
	if w.stuck >= maxStuck {
		return answer{}, winapi.ErrHangs
	}
	var copied windows.Handle
	const sameAccess = 2
	if windows.DuplicateHandle(source, windows.Handle(r.handle), windows.CurrentProcess(), &copied, 0, false, sameAccess) != nil {
		return answer{}, nil // closed meanwhile, or of a kind that is not passed on
	}
	const typeInformation, nameInformation = 2, 1 // OBJECT_INFORMATION_CLASS
	a := answer{kind: w.kinds[r.kind]}
	if a.kind == "" {
		a.kind = object(copied, typeInformation)
	}
	switch a.kind {
	case "Process":
		if pid, _, err := winapi.Call(procGetProcessID, uintptr(copied)); err == nil {
			a.target = int(pid)
		}
	case "File":
		var name string
		if err := winapi.Within(ctx, patience, func() { name = object(copied, nameInformation) }); err != nil {
			w.stuck++
			return a, err // the copy stays open: closing it would hang as well
		}
		a.name = name
	default:
		if wanted(a.kind) {
			a.name = object(copied, nameInformation)
		}
	}
	windows.CloseHandle(copied)
	return a, nil
}

// object gives an answer of NtQueryObject that begins with a counted string.
func object(h windows.Handle, class uintptr) string {
	for size := uint32(1 << 10); size <= maxName; size *= 8 {
		buf := make([]uint64, size/8)
		var n uint32
		r, _, err := winapi.Call(procQueryObject, uintptr(h), class, uintptr(unsafe.Pointer(&buf[0])), uintptr(size), uintptr(unsafe.Pointer(&n)))
		status := windows.NTStatus(r)
		switch {
		case err == nil && status == 0:
			return winapi.Text(*(*windows.NTUnicodeString)(unsafe.Pointer(&buf[0])))
		case err == nil && (status == windows.STATUS_INFO_LENGTH_MISMATCH || status == windows.STATUS_BUFFER_OVERFLOW || status == windows.STATUS_BUFFER_TOO_SMALL):
			continue
		default:
			return ""
		}
	}
	return ""
}
