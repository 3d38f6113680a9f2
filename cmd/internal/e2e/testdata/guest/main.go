//go:build linux

// Command guest is the first process of a virtual machine that the agent is tried in. It loads the modules it finds in
// /modules, mounts the share of the host, fills memory with what can be told from zeros, plants a process whose program
// is deleted, runs the agent with the arguments of the share's file "arguments", and says on the console how it ended.
// Then it waits, so that the machine can be stopped as it stands.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// canary stands in the memory of the process whose program is deleted, once for each four bytes of a counter.
const canary = "spor canary in memory "

func main() {
	if len(os.Args) > 1 { // the planted process
		text := bytes.Repeat([]byte(canary+os.Args[1]+" "), 1000)
		time.Sleep(time.Hour)
		fmt.Println(len(text))
		return
	}
	code, err := run()
	if err != nil {
		fmt.Println("guest:", err)
	}
	fmt.Printf("\nguest: ended with %d\n", code)
	for {
		time.Sleep(time.Hour)
	}
}

func run() (code int, err error) {
	if err := errors.Join(
		mount("proc", "/proc"), mount("sysfs", "/sys"), mount("devtmpfs", "/dev"), mount("tmpfs", "/tmp"),
		mount("securityfs", "/sys/kernel/security"),
		modules(),
		os.MkdirAll("/share", 0o755),
		unix.Mount("share", "/share", "9p", 0, "trans=virtio,version=9p2000.L,cache=none,msize=262144"),
	); err != nil {
		return -1, err
	}
	if err := busyDisk(); err != nil {
		return -1, err
	}
	iomem, err := os.ReadFile("/proc/iomem")
	if err != nil {
		return -1, err
	}
	if err := os.WriteFile("/share/iomem", iomem, 0o600); err != nil {
		return -1, err
	}
	text, err := os.ReadFile("/share/arguments")
	if err != nil {
		return -1, err
	}
	megabytes, arguments, _ := strings.Cut(string(text), "\n")
	ballast, err := fill(megabytes)
	if err != nil {
		return -1, err
	}
	if err := plant(); err != nil {
		return -1, err
	}
	agent := exec.Command("/spor", strings.Split(strings.TrimSpace(arguments), "\n")...)
	agent.Stdout, agent.Stderr = os.Stdout, os.Stdout
	err = agent.Run()
	if agent.ProcessState == nil || len(ballast) == 0 {
		return -1, err
	}
	return agent.ProcessState.ExitCode(), nil
}

// busyDisk mounts the disk, where there is one, and goes on making and removing files on it for ever.
func busyDisk() error {
	if _, err := os.Stat("/dev/vda"); err != nil {
		return nil
	}
	if err := errors.Join(os.MkdirAll("/data", 0o755), unix.Mount("/dev/vda", "/data", "ext4", 0, "")); err != nil {
		return fmt.Errorf("/data: %w", err)
	}
	churn := func(i int) error {
		dir := fmt.Sprintf("/data/%d/%d", i%7, i%100)
		name := fmt.Sprintf("%s/%d", dir, i)
		if i%3 == 0 {
			defer os.Remove(name)
		}
		return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(name, []byte(name), 0o600))
	}
	for i := range 3000 {
		if err := churn(i); err != nil {
			return err
		}
	}
	go func() {
		for i := 3000; churn(i) == nil && i < 60000; i++ {
			time.Sleep(time.Millisecond)
		}
	}()
	return nil
}

func mount(kind, at string) error {
	if err := os.MkdirAll(at, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := unix.Mount(kind, at, kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("%s: %w", at, err)
	}
	return nil
}

// modules loads those of the folder, in the order of their names.
func modules() error {
	names, err := filepath.Glob("/modules/*")
	for _, name := range names {
		f, openErr := os.Open(name)
		if openErr != nil {
			return openErr
		}
		if loadErr := unix.FinitModule(int(f.Fd()), "", 0); loadErr != nil && !errors.Is(loadErr, unix.EEXIST) {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, loadErr))
		}
		f.Close()
	}
	return err
}

// fill makes so many megabytes of memory into what looks random and does not change.
func fill(megabytes string) ([]byte, error) {
	n, err := strconv.Atoi(megabytes)
	if err != nil {
		return nil, err
	}
	b, err := unix.Mmap(-1, 0, n<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	random := rand.NewPCG(1, 2)
	for at := 0; at+8 <= len(b); at += 8 {
		binary.LittleEndian.PutUint64(b[at:], random.Uint64())
	}
	return b, err
}

// plant starts a copy of this program under a name that it then removes.
func plant() error {
	program, err := os.ReadFile("/init")
	if err != nil {
		return err
	}
	if err := os.WriteFile("/tmp/evil", program, 0o700); err != nil {
		return err
	}
	if err := exec.Command("/tmp/evil", "alive").Start(); err != nil {
		return err
	}
	time.Sleep(time.Second)
	return os.Remove("/tmp/evil")
}
