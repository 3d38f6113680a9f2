package shadows

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/collect/winapi"
)

var (
	ntdll                     = windows.NewLazySystemDLL("ntdll.dll")
	procNtOpenDirectoryObject = ntdll.NewProc("NtOpenDirectoryObject")
	procNtQueryDirectory      = ntdll.NewProc("NtQueryDirectoryObject")
)

// objectAttributes is OBJECT_ATTRIBUTES (ntdef.h).
type objectAttributes struct {
	Length     uint32
	Root       windows.Handle
	Name       *windows.NTUnicodeString
	Attributes uint32
	Security   uintptr
	Quality    uintptr
}

// devices lists the kernel's devices of shadow copies, by their names in \Device.
func devices() ([]string, error) {
	name, err := windows.NewNTUnicodeString(`\Device`)
	if err != nil {
		return nil, err
	}
	const query, caseInsensitive = 1, 0x40
	attributes := objectAttributes{Name: name, Attributes: caseInsensitive}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	var dir windows.Handle
	r, _, err := winapi.Call(procNtOpenDirectoryObject, uintptr(unsafe.Pointer(&dir)), query, uintptr(unsafe.Pointer(&attributes)))
	if err != nil {
		return nil, err
	}
	if r != 0 {
		return nil, fmt.Errorf("NtOpenDirectoryObject: %w", windows.NTStatus(r))
	}
	defer windows.CloseHandle(dir)
	return list(dir)
}

// list reads the names in a directory of objects, one at a time.
func list(dir windows.Handle) ([]string, error) {
	const prefix, more, noMore = "HarddiskVolumeShadowCopy", 0x105, 0x8000001a
	var all []string
	var context, size uint32
	buf := make([]uint64, 512)
	any := false
	for range 100_000 {
		first := uintptr(0)
		r, _, err := winapi.Call(procNtQueryDirectory, uintptr(dir), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)*8), 1, first,
			uintptr(unsafe.Pointer(&context)), uintptr(unsafe.Pointer(&size)))
		switch {
		case err != nil:
			return all, err
		case uint32(r) == noMore && any:
			return all, nil
		case uint32(r) == noMore:
			return all, errors.New("the kernel lists no device at all, which cannot be")
		case r != 0 && uint32(r) != more:
			return all, fmt.Errorf("NtQueryDirectoryObject: %w", windows.NTStatus(r))
		}
		any = true
		entry := (*[2]windows.NTUnicodeString)(unsafe.Pointer(&buf[0])) // OBJECT_DIRECTORY_INFORMATION: name, type
		if name := winapi.Text(entry[0]); strings.HasPrefix(name, prefix) {
			all = append(all, name)
		}
	}
	return all, errors.New("more than 100,000 devices")
}
