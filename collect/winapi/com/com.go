// Package com makes the few COM calls that some states of Windows cannot be had without: by interface pointers and the
// numbers of their methods, as the headers of the Windows SDK have them, without type libraries and late binding. Calls
// run in a thread that can be left behind, because a service that hangs answers for as long as it likes.
package com

import (
	"errors"
	"io/fs"
	"strconv"
)

// An Error is the HRESULT of a call that failed ([MS-ERREF] 2.1).
type Error uint32

// Results that callers tell apart. Those of WMI are of wbemcli.h, those of BITS of bitsmsg.h.
const (
	NotImplemented    Error = 0x80004001
	NoInterface       Error = 0x80004002
	AccessDenied      Error = 0x80070005
	ClassNotThere     Error = 0x80040154 // not registered
	WMIFailed         Error = 0x80041001
	WMINotFound       Error = 0x80041002
	WMIAccessDenied   Error = 0x80041003
	WMIInvalidName    Error = 0x8004100E // no such namespace
	WMIInvalidClass   Error = 0x80041010
	WMIProviderFailed Error = 0x80041004
	WMINotSupported   Error = 0x8004100C
)

// names are what the headers call them, for the reader of an outcome.
var names = map[Error]string{
	NotImplemented: "not implemented", NoInterface: "no such interface", AccessDenied: "access denied", ClassNotThere: "class not registered",
	WMIFailed: "WMI failed", WMINotFound: "WMI knows no such thing", WMIAccessDenied: "WMI denies access", WMIInvalidName: "WMI has no such namespace",
	WMIInvalidClass: "WMI has no such class", WMIProviderFailed: "the WMI provider failed", WMINotSupported: "WMI does not support it",
	0x800706BA: "the RPC server is unavailable", 0x80070422: "the service is disabled", 0x80070002: "file not found", 0x80080005: "the server could not be started",
	0x80041045: "WMI timed out", 0x80041033: "WMI is shutting down",
}

func (e Error) Error() string {
	number := "HRESULT 0x" + strconv.FormatUint(uint64(e), 16)
	if name := names[e]; name != "" {
		return name + " (" + number + ")"
	}
	return number
}

// Is tells what the number means in Go's terms.
func (e Error) Is(target error) bool {
	switch e {
	case AccessDenied, WMIAccessDenied:
		return target == fs.ErrPermission
	case WMINotFound, WMIInvalidName, WMIInvalidClass, 0x80070002:
		return target == fs.ErrNotExist
	case NotImplemented, NoInterface, ClassNotThere, WMINotSupported:
		return target == errors.ErrUnsupported
	}
	return false
}
