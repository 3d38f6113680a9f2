//go:build linux && amd64

// Command old runs a program with no more system calls than Linux 3.10 has: those that came later answer ENOSYS, as they
// would there.
//
//	old PROGRAM ARGUMENT...
package main

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// first is the lowest number of what came after 3.10: sched_setattr(2) of 3.14.
const first = unix.SYS_SCHED_SETATTR

func main() {
	runtime.LockOSThread() // the filter is the thread's, and so the program's that replaces it
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS // the number of the call
		below = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		give  = unix.BPF_RET | unix.BPF_K
	)
	filter := []unix.SockFilter{
		{Code: load, K: 0},
		{Code: below, Jt: 1, K: first},
		{Code: give, K: unix.SECCOMP_RET_ALLOW},
		{Code: give, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	}
	if err == nil {
		err = unix.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "old:", err)
	os.Exit(99)
}
