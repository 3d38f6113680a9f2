package winapi

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// TestRegion holds the layout of MEMORY_BASIC_INFORMATION, and that the memory of this variable is found by it.
func TestRegion(t *testing.T) {
	const pointer = unsafe.Sizeof(uintptr(0))
	want := map[uintptr][2]uintptr{4: {28, 12}, 8: {48, 24}}[pointer]
	var r Region
	if got := [2]uintptr{unsafe.Sizeof(r), unsafe.Offsetof(r.Size)}; got != want {
		t.Errorf("size and place of the length %v, want %v", got, want)
	}
	here := new(int)
	at := uintptr(unsafe.Pointer(here))
	const committed = 0x1000
	r, ok := RegionAt(windows.CurrentProcess(), at)
	if !ok || at < r.Base || at >= r.Base+r.Size || r.State != committed {
		t.Errorf("the memory at %#x: %v %+v", at, ok, r)
	}
	*here = 1
}
