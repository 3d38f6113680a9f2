package winapi

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

var procWTSQuerySessionInformation = windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSQuerySessionInformationW")

// SessionInformation gives one answer of the terminal services about a session, by its WTS_INFO_CLASS.
func SessionInformation(id, class uint32) ([]byte, error) {
	const current = 0 // WTS_CURRENT_SERVER_HANDLE
	var p *byte
	var n uint32
	r, last, err := Call(procWTSQuerySessionInformation, current, uintptr(id), uintptr(class), uintptr(unsafe.Pointer(&p)), uintptr(unsafe.Pointer(&n)))
	switch {
	case err != nil:
		return nil, err
	case r == 0:
		return nil, fmt.Errorf("refused: %w", last)
	case p == nil:
		return nil, errors.New("empty answer")
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(p)))
	return append([]byte(nil), unsafe.Slice(p, min(n, 64<<10))...), nil
}
