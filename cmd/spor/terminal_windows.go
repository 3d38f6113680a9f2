package main

import (
	"os"

	"golang.org/x/sys/windows"
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
