//go:build linux

// Command traps lays out in mount and network namespaces of its own what a collector may be caught by, runs the program it
// is given, and says in one line of JSON what became of both. What it made ends with it.
//
//	traps PROGRAM ARGUMENT...
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An Account is what is printed at the end.
type Account struct {
	Code    int     // of the program
	Seconds float64 // it took
	Unasked int64   // requests that reached the hung FUSE
	Mounted bool    // something asked the automounter
	Pids    map[string]int
	States  map[string]string // of the processes, by the kernel's letter
}

// deadline ends the program where it does not end.
const deadline = 3 * time.Minute

func main() {
	runtime.LockOSThread() // while it is the first thread, which is what /proc shows of a process
	switch {
	case os.Args[1] == "-vfork": // it waits in the kernel until its child has begun, which it never does
		fmt.Println(exec.Command(os.Args[2]).Run())
		return
	case os.Args[1] == "-detach": // its child runs from what is then mounted nowhere any more
		cmd := exec.Command(os.Args[2], "300")
		cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
		if cmd.Start() == nil && unix.Unmount(filepath.Dir(os.Args[2]), unix.MNT_DETACH) == nil {
			fmt.Println(cmd.Process.Pid)
			_ = cmd.Wait()
		}
		return
	case os.Args[1] == "-arguments":
		fmt.Println(moveArguments(os.Args[2]))
		time.Sleep(time.Hour)
		return
	}
	a, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "traps:", err)
		os.Exit(99)
	}
	_ = json.NewEncoder(os.Stdout).Encode(a)
}

// run lays out the traps and runs the program among them. Processes that hang end with the FUSE, which ends with us.
func run(command []string) (*Account, error) {
	program, err := os.ReadFile("/bin/sleep")
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", "/home", "tmpfs", 0, "mode=755"),
		unix.Mount("tmpfs", "/mnt", "tmpfs", 0, ""),
		unix.Mount("tmpfs", "/var/log", "tmpfs", 0, "mode=755"),
		os.MkdirAll("/home/hung", 0o755), os.MkdirAll("/home/auto", 0o755), os.MkdirAll("/home/anna/.config", 0o755), os.MkdirAll("/mnt/apart", 0o755),
	)
	if err != nil {
		return nil, err
	}
	home, err := serve("/home/hung", program)
	if err != nil {
		return nil, err
	}
	apart, err := serve("/mnt/apart", program)
	if err != nil {
		return nil, err
	}
	a := &Account{Pids: map[string]int{}, States: map[string]string{}}
	if err := errors.Join(files(), a.processes(apart, home)); err != nil {
		return nil, err
	}
	var asked atomic.Bool
	if err := automounter("/home/auto", &asked); err != nil {
		return nil, err
	}
	go grow("/home/anna/.bash_history")
	for name, pid := range a.Pids {
		a.States[name] = state(pid)
	}
	before := home.heard.Load()
	began := time.Now()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	timer := time.AfterFunc(deadline, func() { _ = cmd.Process.Kill() })
	err = cmd.Wait() // until its last thread has ended, too
	timer.Stop()
	a.Code, a.Seconds, a.Mounted = cmd.ProcessState.ExitCode(), time.Since(began).Seconds(), asked.Load()
	a.Unasked = home.heard.Load() - before
	if err != nil && a.Code < 0 {
		return nil, err
	}
	return a, nil
}

// processes starts one whose program lies on a FUSE that only its own namespace has, one that waits in the kernel for
// ever, and one whose arguments lie in memory that the FUSE has to bring; then both FUSE hang.
func (a *Account) processes(apart, home *server) error {
	start := func(name string, flags uintptr, command ...string) error {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: flags, Pdeathsig: unix.SIGKILL}
		err := cmd.Start()
		if err == nil {
			a.Pids[name] = cmd.Process.Pid
		}
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := errors.Join(
		start("program on a FUSE", unix.CLONE_NEWNS, "/mnt/apart/program", "300"),
		start("arguments on a FUSE", 0, self, "-arguments", "/mnt/apart/text"),
	); err != nil {
		return err
	}
	detached := exec.Command(self, "-detach", "/mnt/apart/program")
	detached.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	out, err := detached.StdoutPipe()
	if err != nil {
		return err
	}
	if err := detached.Start(); err != nil {
		return err
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		return err
	}
	a.Pids["program mounted nowhere"] = pid
	time.Sleep(500 * time.Millisecond)
	apart.hung.Store(true)
	home.hung.Store(true)
	if err := start("uninterruptible", 0, self, "-vfork", "/mnt/apart/program"); err != nil {
		return err
	}
	time.Sleep(500 * time.Millisecond)
	return unix.Unmount("/mnt/apart", unix.MNT_DETACH)
}

// moveArguments says to the kernel that the arguments of this process lie in a mapped file that nobody has read yet.
func moveArguments(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, 1<<12, unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	stat, err := os.ReadFile("/proc/self/stat")
	_, text, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(text)
	if err != nil || len(fields) < 49 {
		return fmt.Errorf("stat %q: %w", stat, err)
	}
	field := func(n int) (v uint64) { // as proc_pid_stat(5) numbers them
		v, _ = strconv.ParseUint(fields[n-3], 10, 64)
		return v
	}
	brk, _, _ := unix.Syscall(unix.SYS_BRK, 0, 0, 0)
	at := uint64(uintptr(unsafe.Pointer(&b[0])))
	// struct prctl_mm_map of linux/prctl.h: code, data, brk, stack, arguments, environment, auxiliary vector, executable
	m := struct {
		addresses [11]uint64
		auxv      uint64
		size      uint32
		exe       int32
	}{addresses: [11]uint64{field(26), field(27), field(45), field(46), field(47), uint64(brk), field(28), at, at + 64, field(50), field(51)}, exe: -1}
	const setMM, all = 35, 14 // PR_SET_MM, PR_SET_MM_MAP
	return unix.Prctl(setMM, all, uintptr(unsafe.Pointer(&m)), unsafe.Sizeof(m), 0)
}

// automounter mounts an autofs, whose master we are, and hears whether anything is asked of it.
func automounter(at string, asked *atomic.Bool) error {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	// our own group is let through unseen, so another one is named: that of the first process
	options := fmt.Sprintf("fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", pipe[1], 1)
	if err := unix.Mount("traps", at, "autofs", 0, options); err != nil {
		return fmt.Errorf("autofs: %w", err)
	}
	go func() {
		packet := make([]byte, 1024)
		if n, err := unix.Read(pipe[0], packet); n > 0 && err == nil {
			asked.Store(true)
		}
	}()
	return nil
}

// files lays out what should not be opened, not be followed and not be read to its end, under names that are looked for.
func files() error {
	const anna = "/home/anna/"
	err := errors.Join(
		unix.Mkfifo(anna+".zsh_history", 0o644),
		unix.Mknod(anna+".profile", unix.S_IFCHR|0o644, int(unix.Mkdev(1, 5))), // zero
		os.Symlink("/dev/zero", anna+".bashrc"),
		os.Symlink(".bash_logout", anna+".bash_logout"),
		os.Symlink("..", anna+".config/up"),
		os.Symlink("/home/hung/text", anna+".python_history"),
		os.Symlink("/proc/kmsg", anna+".lesshst"),
		os.Symlink("/home/auto/x", anna+".wget-hsts"),
	)
	const page = "Nov 21 03:04:05 victim sshd[812]: Accepted password for anna from 192.0.2.7 port 50022 ssh2\n"
	for i := range 500 { // 500 GiB, of which next to nothing is there
		name := fmt.Sprintf("/var/log/syslog.%03d", i)
		err = errors.Join(err, os.WriteFile(name, []byte(strings.Repeat(page, 10)), 0o644), os.Truncate(name, 1<<30))
	}
	for i := range 20 { // 40,000 names
		dir := fmt.Sprintf("/var/log/many-%02d", i)
		err = errors.Join(err, os.Mkdir(dir, 0o755))
		for j := range 2000 {
			f, openErr := os.Create(filepath.Join(dir, fmt.Sprint(j)))
			if openErr != nil {
				return openErr
			}
			f.Close()
		}
	}
	return err
}

// grow appends to a file for ever.
func grow(name string) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return
	}
	line := []byte(strings.Repeat("id; uname -a; cat /etc/shadow\n", 100))
	for range 1 << 18 {
		if _, err := f.Write(line); err != nil {
			return
		}
		time.Sleep(20 * time.Microsecond)
	}
}

// state is the third field of /proc/PID/stat.
func state(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	if err != nil || rest == "" {
		return "gone"
	}
	return rest[:1]
}
