package details

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

// maxBlock bounds the variables of one process, in bytes: the system sets no limit since Vista.
const maxBlock = 1 << 20

func collect(context.Context, *artifacts.Host, artifacts.Recorder) error {
	return errors.New("not built for this system")
}

// environments reads the memory of each process but of the keeper of the passwords: whoever reads that looks like an
// attacker to all that watch.
func environments(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
	running, err := winapi.Processes()
	if err != nil {
		return err
	}
	refused := map[string]int{}
	for _, p := range running {
		if p.PID == 0 || p.PID == 4 { // no program is loaded there
			continue
		}
		if strings.EqualFold(p.Name, "lsass.exe") || strings.EqualFold(p.Name, "lsaiso.exe") {
			refused[p.Name+" is not opened: it keeps the passwords"]++
			continue
		}
		b, err := environment(uint32(p.PID))
		if err != nil {
			refused[err.Error()]++
			continue
		}
		if err := errors.Join(ctx.Err(), rec.Record(Environment{PID: p.PID, Start: p.Start, Name: p.Name, Variables: block(b)})); err != nil {
			return err
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(refused)) {
		rec.Note(artifacts.Outcome{Status: artifacts.Denied, Reason: fmt.Sprintf("variables of %d of %d processes: %s", refused[reason], len(running), reason)})
	}
	return nil
}

const word = unsafe.Sizeof(uintptr(0))

// environment reads the block of variables that a process's parameters point to. Its pointers are numbers to us.
func environment(pid uint32) ([]byte, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION|windows.PROCESS_VM_READ, false, pid)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(h)
	var info [unsafe.Sizeof(windows.PROCESS_BASIC_INFORMATION{}) / word]uintptr
	if err := windows.NtQueryInformationProcess(h, windows.ProcessBasicInformation, unsafe.Pointer(&info), uint32(unsafe.Sizeof(info)), nil); err != nil {
		return nil, err
	}
	number := func(base, offset uintptr) (n uintptr, err error) {
		if base == 0 {
			return 0, errors.New("it has no parameters")
		}
		err = windows.ReadProcessMemory(h, base+offset, (*byte)(unsafe.Pointer(&n)), word, nil)
		return n, err
	}
	parameters, err := number(info[unsafe.Offsetof(windows.PROCESS_BASIC_INFORMATION{}.PebBaseAddress)/word], unsafe.Offsetof(windows.PEB{}.ProcessParameters))
	if err != nil {
		return nil, err
	}
	at, err := number(parameters, unsafe.Offsetof(windows.RTL_USER_PROCESS_PARAMETERS{}.Environment))
	if err != nil {
		return nil, err
	}
	size, err := number(parameters, unsafe.Offsetof(windows.RTL_USER_PROCESS_PARAMETERS{}.EnvironmentSize))
	if err != nil || size == 0 || at == 0 {
		return nil, err
	}
	b := make([]byte, min(size, maxBlock))
	err = windows.ReadProcessMemory(h, at, &b[0], uintptr(len(b)), nil)
	return b, err
}
