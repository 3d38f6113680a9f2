package winapi

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

var procMappedFile = windows.NewLazySystemDLL("kernel32.dll").NewProc("K32GetMappedFileNameW")

// MappedFile is the kernel's name of the file that a process has mapped at an address, for a handle with
// PROCESS_QUERY_INFORMATION; empty where there is none.
func MappedFile(process windows.Handle, at uintptr) string {
	var buf [1024]uint16
	r, _, err := Call(procMappedFile, uintptr(process), at, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
	if err != nil || r == 0 || int(r) >= len(buf) {
		return ""
	}
	return Decode(buf[:r])
}

// A Region is MEMORY_BASIC_INFORMATION (winnt.h). That of x/sys has a number of a partition in it, which 32-bit systems
// have not: there all behind it would be read from the wrong place.
type Region struct {
	Base, AllocationBase uintptr
	AllocationProtect    uint32
	Size                 uintptr // bytes
	State, Protect, Type uint32
}

// RegionAt gives the region of a process's memory that an address lies in, for a handle with PROCESS_QUERY_INFORMATION;
// false behind the last one.
func RegionAt(process windows.Handle, at uintptr) (r Region, ok bool) {
	err := windows.VirtualQueryEx(process, at, (*windows.MemoryBasicInformation)(unsafe.Pointer(&r)), unsafe.Sizeof(r))
	return r, err == nil && r.Size > 0 && r.Base+r.Size > at
}

// Devices asks which volume each drive letter stands for.
func Devices() DeviceNames {
	all := DeviceNames{}
	drives, err := windows.GetLogicalDrives()
	if err != nil {
		return all
	}
	for i := range 26 {
		if drives>>i&1 == 0 {
			continue
		}
		drive := string(rune('A'+i)) + ":"
		text, err := UTF16(drive)
		if err != nil {
			continue
		}
		var buf [512]uint16
		if n, err := windows.QueryDosDevice(text, &buf[0], uint32(len(buf))); err == nil && n > 0 {
			all[windows.UTF16ToString(buf[:])] = drive
		}
	}
	return all
}
