package shares

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// What a call fills in lies where no growing stack leaves it behind, and takes the widest number a call writes: the
// resume handle of NetFileEnum is a DWORD_PTR. A goroutine's stack grows during the call at some of these depths.
func TestWhatACallFillsIn(t *testing.T) {
	if a := (answer{}); unsafe.Sizeof(a.resume) != unsafe.Sizeof(uintptr(0)) {
		t.Errorf("resume handle of %d bytes, want those of a pointer", unsafe.Sizeof(a.resume))
	}
	const most = 400
	lost := 0
	for depth := range most {
		done := make(chan int)
		go func() { done <- deep(depth, listUsers) }()
		if <-done == 0 {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d calls filled in what was not there any more", lost, most)
	}
}

// listUsers calls what gives rows on every Windows, wine too, in the way of those that wine lacks.
func listUsers() int {
	n := 0
	proc := windows.NewLazySystemDLL("netapi32.dll").NewProc("NetUserEnum") // looked up anew, which needs stack
	if err := list(proc, unsafe.Sizeof(uintptr(0)), func(unsafe.Pointer) { n++ }, 0, 0, 0); err != nil {
		panic(err)
	}
	return n
}

//go:noinline
func deep(n int, f func() int) int {
	var frame [64]byte
	if n == 0 {
		return f() + int(frame[0])
	}
	frame[n%64] = byte(n)
	return deep(n-1, f) + int(frame[(n+1)%64])
}
