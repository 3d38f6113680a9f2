package protection

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/collect/winapi"
)

var (
	advapi32                   = windows.NewLazySystemDLL("advapi32.dll")
	procAuditQuerySystemPolicy = advapi32.NewProc("AuditQuerySystemPolicy")
	procAuditFree              = advapi32.NewProc("AuditFree")
	procGetFirmwareType        = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetFirmwareType")
)

// audited gives the bits of a subcategory: 1 success, 2 failure. It needs SeSecurityPrivilege.
func audited(number uint32) (uint32, error) {
	id := windows.GUID{Data1: number, Data2: 0x69ae, Data3: 0x11d9, Data4: [8]byte{0xbe, 0xd3, 0x50, 0x50, 0x54, 0x50, 0x30, 0x30}}
	var policy *struct { // AUDIT_POLICY_INFORMATION
		Subcategory windows.GUID
		Bits        uint32
		Category    windows.GUID
	}
	r, last, err := winapi.Call(procAuditQuerySystemPolicy, uintptr(unsafe.Pointer(&id)), 1, uintptr(unsafe.Pointer(&policy)))
	runtime.KeepAlive(&id)
	switch {
	case err != nil:
		return 0, err
	case r&0xff == 0: // a BOOLEAN
		return 0, fmt.Errorf("AuditQuerySystemPolicy: %w", last)
	case policy == nil:
		return 0, fmt.Errorf("AuditQuerySystemPolicy: empty answer")
	}
	bits := policy.Bits
	_, _, _ = winapi.Call(procAuditFree, uintptr(unsafe.Pointer(policy)))
	return bits, nil
}

// Classes of NtQuerySystemInformation that package windows does not answer about.
const (
	classDebugger      = 35
	classCodeIntegrity = 103
	classSecureBoot    = 145
)

func (r *BootRecord) ask() {
	fail := func(what string, err error) { r.Errors = append(r.Errors, what+": "+err.Error()) }
	var secure [2]byte // enabled, capable
	if err := windows.NtQuerySystemInformation(classSecureBoot, unsafe.Pointer(&secure), 2, nil); err != nil {
		fail("secure boot", err)
	} else {
		on, capable := secure[0] != 0, secure[1] != 0
		r.SecureBoot, r.SecureCapable = &on, &capable
	}
	integrity := [2]uint32{8, 0} // length, options
	if err := windows.NtQuerySystemInformation(classCodeIntegrity, unsafe.Pointer(&integrity), 8, nil); err != nil {
		fail("code integrity", err)
	} else {
		r.integrity(integrity[1])
	}
	var debugger [2]byte // enabled, not present
	if err := windows.NtQuerySystemInformation(classDebugger, unsafe.Pointer(&debugger), 2, nil); err != nil {
		fail("kernel debugger", err)
	} else {
		on := debugger[0] != 0
		r.Debugger = &on
	}
	var firmware uint32
	ok, last, err := winapi.Call(procGetFirmwareType, uintptr(unsafe.Pointer(&firmware)))
	switch {
	case err != nil:
		fail("firmware", err)
	case ok == 0:
		fail("firmware", last)
	case firmware == 1:
		r.Firmware = "bios"
	case firmware == 2:
		r.Firmware = "uefi"
	default:
		fail("firmware", fmt.Errorf("type %d", firmware))
	}
}
