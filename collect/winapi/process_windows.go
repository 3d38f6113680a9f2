package winapi

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A Process is what the system tells of a process to anybody, without opening it.
type Process struct {
	PID, PPID int
	Name      string    // of the image, without its folder
	Start     time.Time // zero for the idle process
	Threads   int
	Session   int
	CPU       time.Duration // user and kernel
	Resident  int64         // bytes
}

// maxSnapshot bounds the answer about all processes and their threads, in bytes.
const maxSnapshot = 256 << 20

// Processes is the list of all processes at one moment (NtQuerySystemInformation, SystemProcessInformation). A list
// without ourselves is an error: it is not the truth.
func Processes() ([]Process, error) {
	buf, err := systemInformation(windows.SystemProcessInformation)
	if err != nil {
		return nil, fmt.Errorf("list of processes: %w", err)
	}
	var all []Process
	var self bool
	own := int(windows.GetCurrentProcessId())
	const header = unsafe.Sizeof(windows.SYSTEM_PROCESS_INFORMATION{})
	for size, offset := uintptr(len(buf))*8, uintptr(0); offset+header <= size; {
		info := (*windows.SYSTEM_PROCESS_INFORMATION)(unsafe.Add(unsafe.Pointer(&buf[0]), offset))
		p := Process{
			PID: int(info.UniqueProcessID), PPID: int(info.InheritedFromUniqueProcessID), Start: Time(info.CreateTime),
			Threads: int(info.NumberOfThreads), Session: int(info.SessionID),
			CPU:      time.Duration(info.UserTime+info.KernelTime) * 100,
			Resident: int64(info.WorkingSetSize),
		}
		p.Name = Text(info.ImageName)
		if p.PID == 0 {
			p.Name, p.Start = "System Idle Process", time.Time{}
		}
		self = self || p.PID == own
		all = append(all, p)
		if info.NextEntryOffset == 0 {
			break
		}
		offset += uintptr(info.NextEntryOffset)
	}
	if !self {
		return all, fmt.Errorf("list of processes: has %d and lacks our own, %d", len(all), own)
	}
	return all, nil
}

// SystemInformation gives an answer of NtQuerySystemInformation as bytes.
func SystemInformation(class int32) ([]byte, error) {
	buf, err := systemInformation(class)
	if err != nil || len(buf) == 0 {
		return nil, err
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&buf[0])), 8*len(buf)), nil
}

// systemInformation gives an answer of NtQuerySystemInformation, aligned as its structures want it.
func systemInformation(class int32) ([]uint64, error) {
	for size := uint32(1 << 20); size <= maxSnapshot; size *= 2 {
		buf := make([]uint64, size/8)
		var n uint32
		err := windows.NtQuerySystemInformation(class, unsafe.Pointer(&buf[0]), size, &n)
		if err == nil {
			return buf[:min(size, (n+7)&^7)/8], nil
		}
		if !errors.Is(err, windows.STATUS_INFO_LENGTH_MISMATCH) && !errors.Is(err, windows.STATUS_BUFFER_TOO_SMALL) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("more than %d bytes", maxSnapshot)
}

// ImagePath is the Win32 path of a process's image file, for a handle with PROCESS_QUERY_LIMITED_INFORMATION.
func ImagePath(process windows.Handle) (string, error) {
	for size := uint32(512); ; size *= 4 {
		buf, n := make([]uint16, size), size
		err := windows.QueryFullProcessImageName(process, 0, &buf[0], &n)
		if err == nil {
			return Decode(buf[:n]), nil
		}
		if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) || size > MaxPath {
			return "", err
		}
	}
}

// CommandLine is a process's command line, which it can change at any time (class 60, since Windows 8.1), for a handle
// with PROCESS_QUERY_LIMITED_INFORMATION: its memory need not be opened.
func CommandLine(process windows.Handle) (string, error) {
	for size := uint32(4 << 10); ; size *= 4 {
		buf := make([]uint64, size/8)
		var n uint32
		err := windows.NtQueryInformationProcess(process, windows.ProcessCommandLineInformation, unsafe.Pointer(&buf[0]), size, &n)
		if err == nil {
			return Text(*(*windows.NTUnicodeString)(unsafe.Pointer(&buf[0]))), nil
		}
		if !errors.Is(err, windows.STATUS_INFO_LENGTH_MISMATCH) && !errors.Is(err, windows.STATUS_BUFFER_TOO_SMALL) || size > 1<<20 {
			return "", err
		}
	}
}

// Protection tells how a process is protected, as Protection's parts are named in ProtectionName.
func Protection(process windows.Handle) (byte, error) {
	var level byte
	err := windows.NtQueryInformationProcess(process, windows.ProcessProtectionInformation, unsafe.Pointer(&level), 1, nil)
	return level, err
}

var (
	procIsWow64Process2 = windows.NewLazySystemDLL("kernel32.dll").NewProc("IsWow64Process2")
	errMachine          = errors.New("the system does not tell")
)

// ProcessMachine is the architecture a process runs as, in Go's word, for a handle with
// PROCESS_QUERY_LIMITED_INFORMATION. (What runs emulated as amd64 on arm64 counts as native.)
func ProcessMachine(process windows.Handle) (string, error) {
	if err := procIsWow64Process2.Find(); err != nil {
		return "", fmt.Errorf("%w: %w", errMachine, err)
	}
	var emulated, native uint16
	if err := windows.IsWow64Process2(process, &emulated, &native); err != nil {
		return "", err
	}
	if emulated != 0 {
		return Machine(emulated), nil
	}
	return Machine(native), nil
}

// NativeMachine is the architecture of the system, whatever we are built for; empty where it is not told.
func NativeMachine() string {
	if procIsWow64Process2.Find() != nil {
		return ""
	}
	var emulated, native uint16
	if windows.IsWow64Process2(windows.CurrentProcess(), &emulated, &native) != nil {
		return ""
	}
	return Machine(native)
}
