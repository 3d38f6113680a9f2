package main

import (
	"errors"

	"golang.org/x/sys/windows"
)

// onlyOne makes sure that no other run is active on this host, by a named mutex, which is gone with the process. It is
// false where another run has it.
func onlyOne() (release func(), alone bool, err error) {
	name, err := windows.UTF16PtrFromString(`Global\spor-collect`)
	if err != nil {
		return nil, false, err
	}
	h, err := windows.CreateMutex(nil, false, name)
	if errors.Is(err, windows.ERROR_ALREADY_EXISTS) || errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		if h != 0 {
			windows.CloseHandle(h)
		}
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return func() { windows.CloseHandle(h) }, true, nil
}
