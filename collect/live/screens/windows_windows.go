package screens

import (
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/collect/winapi"
)

var (
	procOpenInputDesktop   = user32.NewProc("OpenInputDesktop")
	procOpenDesktop        = user32.NewProc("OpenDesktopW")
	procCloseDesktop       = user32.NewProc("CloseDesktop")
	procObjectInformation  = user32.NewProc("GetUserObjectInformationW")
	procWindowStation      = user32.NewProc("GetProcessWindowStation")
	procEnumDesktops       = user32.NewProc("EnumDesktopsW")
	procEnumDesktopWindows = user32.NewProc("EnumDesktopWindows")
	procWindowText         = user32.NewProc("InternalGetWindowText") // asks no other program, which might hang
	procWindowRect         = user32.NewProc("GetWindowRect")
)

const (
	maxWindows  = 4096
	maxDesktops = 64

	desktopRead = 0x0001 | 0x0040 // DESKTOP_READOBJECTS, DESKTOP_ENUMERATE
)

// inputDesktop is the name of the desktop that has keyboard and mouse. That it may not be opened means that it is
// Winlogon's: the session is locked, or asks for consent.
func inputDesktop() string {
	h, last, err := winapi.Call(procOpenInputDesktop, 0, 0, desktopRead)
	if err != nil {
		return ""
	}
	if h == 0 {
		if last == windows.ERROR_ACCESS_DENIED {
			return "Winlogon"
		}
		return ""
	}
	defer func() { _, _, _ = winapi.Call(procCloseDesktop, h) }()
	const uoiName = 2
	var buf [256]uint16
	var n uint32
	r, _, err := winapi.Call(procObjectInformation, h, uoiName, uintptr(unsafe.Pointer(&buf)), unsafe.Sizeof(buf), uintptr(unsafe.Pointer(&n)))
	if err != nil || r == 0 {
		return ""
	}
	return windows.UTF16ToString(buf[:])
}

// A lister gathers what the system calls us back with. There is one at a time: the number of functions that can be
// called back is limited, and none is ever given up.
type lister struct {
	desktops []string
	windows  []uintptr
}

var (
	listing   lister
	listingMu sync.Mutex

	onDesktop = sync.OnceValue(func() uintptr {
		return windows.NewCallback(func(name *uint16, _ uintptr) uintptr {
			if name != nil && len(listing.desktops) < maxDesktops {
				listing.desktops = append(listing.desktops, windows.UTF16PtrToString(name))
			}
			return 1
		})
	})
	onWindow = sync.OnceValue(func() uintptr {
		return windows.NewCallback(func(h, _ uintptr) uintptr {
			listing.windows = append(listing.windows, h)
			if len(listing.windows) >= maxWindows {
				return 0
			}
			return 1
		})
	})
)

// list fills in the windows of all desktops of our window station.
func (s *Shot) list() {
	listingMu.Lock()
	defer listingMu.Unlock()
	listing = lister{}
	problem := func(what string, last windows.Errno, err error) {
		if err == nil {
			err = last
		}
		s.Problems = append(s.Problems, what+": "+err.Error())
	}
	station, last, err := winapi.Call(procWindowStation)
	if err == nil && station != 0 {
		var r uintptr
		if r, last, err = winapi.Call(procEnumDesktops, station, onDesktop(), 0); err == nil && r == 0 {
			err = last
		}
	}
	if err != nil || len(listing.desktops) == 0 {
		problem("desktops", last, err)
		listing.desktops = []string{"Default"}
	}
	front := uintptr(windows.GetForegroundWindow())
	for _, name := range listing.desktops {
		text, err := winapi.UTF16(name)
		if err != nil {
			continue
		}
		desktop, last, err := winapi.Call(procOpenDesktop, uintptr(unsafe.Pointer(text)), 0, 0, desktopRead)
		if err != nil || desktop == 0 {
			problem("windows of desktop "+name, last, err)
			continue
		}
		listing.windows = nil
		if r, last, err := winapi.Call(procEnumDesktopWindows, desktop, onWindow(), 0); err != nil || r == 0 && last != 0 {
			problem("windows of desktop "+name, last, err)
		}
		for _, h := range listing.windows {
			s.add(h, name, h == front)
		}
		_, _, _ = winapi.Call(procCloseDesktop, desktop)
	}
	if len(s.Windows) == 0 {
		s.Problems = append(s.Problems, fmt.Sprintf("no window has a title or is seen, on %d desktops", len(listing.desktops)))
	}
}

// add describes a window, if it has a title or is seen.
func (s *Shot) add(h uintptr, desktop string, front bool) {
	var buf [512]uint16
	w := Window{Front: front, Visible: windows.IsWindowVisible(windows.HWND(h))}
	if n, _, err := winapi.Call(procWindowText, h, uintptr(unsafe.Pointer(&buf)), uintptr(len(buf))); err == nil {
		w.Title = winapi.Decode(buf[:min(int(n), len(buf))])
	}
	if w.Title == "" && !w.Visible {
		return
	}
	if n, err := windows.GetClassName(windows.HWND(h), &buf[0], int32(len(buf))); err == nil {
		w.Class = winapi.Decode(buf[:min(int(n), len(buf))])
	}
	if !w.Visible && (w.Class == "IME" || w.Class == "MSCTFIME UI") { // every program that takes keys has them
		return
	}
	if len(s.Windows) == maxWindows {
		s.More++
		return
	}
	var pid uint32
	if _, err := windows.GetWindowThreadProcessId(windows.HWND(h), &pid); err == nil {
		w.PID = int(pid)
	}
	var rect [4]int32
	if r, _, err := winapi.Call(procWindowRect, h, uintptr(unsafe.Pointer(&rect))); err == nil && r != 0 {
		w.X, w.Y, w.Width, w.Height = int(rect[0]), int(rect[1]), int(rect[2]-rect[0]), int(rect[3]-rect[1])
	}
	if desktop != "Default" {
		w.Desktop = desktop
	}
	s.Windows = append(s.Windows, w)
}
