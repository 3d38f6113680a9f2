package domain

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/collect/winapi"
)

var (
	netapi32                     = windows.NewLazySystemDLL("netapi32.dll")
	procNetGetAadJoinInformation = netapi32.NewProc("NetGetAadJoinInformation")
	procNetFreeAadJoin           = netapi32.NewProc("NetFreeAadJoinInformation")
	procDsRoleGetPrimary         = netapi32.NewProc("DsRoleGetPrimaryDomainInformation")
	procDsRoleFree               = netapi32.NewProc("DsRoleFreeMemory")
)

// ask fills in what the system says of itself. No controller is asked.
func (r *Record) ask() {
	var name *uint16
	var status uint32
	if err := windows.NetGetJoinInformation(nil, &name, &status); err != nil {
		r.Errors = append(r.Errors, "NetGetJoinInformation: "+err.Error())
	} else {
		r.Name = windows.UTF16PtrToString(name)
		if int(status) < len(statuses) {
			r.Status = statuses[status]
		}
		_ = windows.NetApiBufferFree((*byte)(unsafe.Pointer(name)))
	}
	if err := r.role(); err != nil {
		r.Errors = append(r.Errors, "DsRoleGetPrimaryDomainInformation: "+err.Error())
	}
	if err := r.entra(); err != nil {
		r.Errors = append(r.Errors, "NetGetAadJoinInformation: "+err.Error())
	}
}

var errEmpty = errors.New("empty answer")

func (r *Record) role() error {
	var info *struct { // DSROLE_PRIMARY_DOMAIN_INFO_BASIC
		Role, Flags       uint32
		Flat, DNS, Forest *uint16
		ID                windows.GUID
	}
	e, _, err := winapi.Call(procDsRoleGetPrimary, 0, 1, uintptr(unsafe.Pointer(&info)))
	switch {
	case err != nil:
		return err
	case e != 0:
		return windows.Errno(e)
	case info == nil:
		return errEmpty
	}
	if int64(info.Role) < int64(len(roles)) {
		r.Role = roles[info.Role]
	}
	r.DNS, r.Forest = windows.UTF16PtrToString(info.DNS), windows.UTF16PtrToString(info.Forest)
	const hasID = 0x01000000 // DSROLE_PRIMARY_DOMAIN_GUID_PRESENT
	if info.Flags&hasID != 0 {
		r.ID = info.ID.String()
	}
	_, _, _ = winapi.Call(procDsRoleFree, uintptr(unsafe.Pointer(info)))
	return nil
}

// joinInfo is DSREG_JOIN_INFO (lmjoin.h).
type joinInfo struct {
	Type                                              uint32
	Certificate                                       uintptr
	Device, Domain, Tenant, User, Name, MDM, MDMTerms *uint16
	MDMCompliance, SettingsSync                       *uint16
	Own                                               uintptr
}

// entra asks for a tenant. None is no error.
func (r *Record) entra() error {
	var info *joinInfo
	e, _, err := winapi.Call(procNetGetAadJoinInformation, 0, uintptr(unsafe.Pointer(&info)))
	switch {
	case err != nil:
		return err
	case e != 0 && int32(e) != 1: // S_FALSE: not joined
		return windows.Errno(e)
	case info == nil:
		return nil
	}
	c := Cloud{
		From: "system", Tenant: windows.UTF16PtrToString(info.Tenant), Name: windows.UTF16PtrToString(info.Name), Device: windows.UTF16PtrToString(info.Device),
		User: windows.UTF16PtrToString(info.User), Domain: windows.UTF16PtrToString(info.Domain), MDM: windows.UTF16PtrToString(info.MDM),
	}
	switch info.Type {
	case 1:
		c.Type = "device"
	case 2:
		c.Type = "workplace"
	}
	r.Cloud = append(r.Cloud, c)
	_, _, _ = winapi.Call(procNetFreeAadJoin, uintptr(unsafe.Pointer(info)))
	return nil
}
