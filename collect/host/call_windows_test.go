package host

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/collect/winapi"
)

// advapi names a function of advapi32.dll that only the tests call, since it writes.
type advapi string

func (f advapi) call(t *testing.T, args ...uintptr) {
	t.Helper()
	r, _, err := winapi.Call(windows.NewLazySystemDLL("advapi32.dll").NewProc(string(f)), args...)
	if err != nil || r != 0 {
		t.Fatalf("%s: %d, %v", f, r, err)
	}
}

// key creates a key below HKEY_CURRENT_USER.
func (f advapi) key(t *testing.T, path *uint16) windows.Handle {
	t.Helper()
	var k windows.Handle
	f.call(t, uintptr(windows.HKEY_CURRENT_USER), uintptr(unsafe.Pointer(path)), 0, 0, 0,
		windows.KEY_ALL_ACCESS|windows.KEY_WOW64_64KEY, 0, uintptr(unsafe.Pointer(&k)), 0)
	return k
}

// kept holds what was passed as a number until the tests end.
var kept []any

func ptr(t *testing.T, s string) uintptr {
	t.Helper()
	p, err := winapi.UTF16(s)
	if err != nil {
		t.Fatal(err)
	}
	kept = append(kept, p)
	return uintptr(unsafe.Pointer(p))
}

func bytesAt(b []byte) uintptr {
	kept = append(kept, &b[0])
	return uintptr(unsafe.Pointer(&b[0]))
}
