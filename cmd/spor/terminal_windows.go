package main

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/collect/winapi"
)

// isTerminal tells whether a stream ends at a person: whether it is a console. Go reads and writes consoles in UTF-16
// (ReadConsoleW, WriteConsoleW), so the code page does not matter.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	var mode uint32
	return windows.GetConsoleMode(windows.Handle(f.Fd()), &mode) == nil
}

// locale is the language of the system's own windows, as in "nb-NO".
func locale() string {
	names, err := windows.GetUserPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err != nil || len(names) == 0 {
		return ""
	}
	return names[0]
}

// elevated tells whether we may read what matters.
func elevated() bool { return windows.GetCurrentProcessToken().IsElevated() }

// otherFolder is an example of a folder that is not on the system's disk.
const otherFolder = `E:\`

// columns is how many letters a line of a console has now; 80 where it does not say.
func columns(stream any) int {
	var info windows.ConsoleScreenBufferInfo
	if f, ok := stream.(*os.File); ok && windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info) == nil && info.Size.X > 0 {
		return int(info.Size.X)
	}
	return 80
}

var procPeekConsoleInput = windows.NewLazySystemDLL("kernel32.dll").NewProc("PeekConsoleInputW")

// pasted tells whether more was typed than a hand can in the moment since the last line. What is typed by then is in the
// console as records of keys (wincon.h, INPUT_RECORD); that of Enter being let go has no letter pressed.
func pasted(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	time.Sleep(pasting)
	var records [16]struct {
		kind            uint16
		_               uint16
		down            int32
		_, _, _, letter uint16
		_               uint32
	}
	var n uint32
	if r, _, err := winapi.Call(procPeekConsoleInput, f.Fd(), uintptr(unsafe.Pointer(&records)), uintptr(len(records)), uintptr(unsafe.Pointer(&n))); err != nil || r == 0 {
		return false
	}
	for _, one := range records[:min(int(n), len(records))] {
		if one.kind == 1 && one.down != 0 && one.letter != 0 {
			return true
		}
	}
	return false
}
