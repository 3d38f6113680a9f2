package sectors

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"spor/artifacts"
)

// others are devices that are no disks of this machine: in memory, made of files or of other disks, optical, or on
// another machine.
var others = []string{"loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "rbd", "drbd", "zd"}

// running opens the disks of this machine one after the other.
func running(h *artifacts.Host, note func(artifacts.Outcome), use func(artifacts.Disk) error) error {
	if !h.Root {
		note(artifacts.Outcome{Status: artifacts.Denied, Reason: "disks are read by root alone"})
		return nil
	}
	dir, err := os.Open("/sys/block")
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	n := 0
	for _, name := range names {
		if other(name) || name != filepath.Base(name) {
			continue
		}
		if n++; n > maxDisks {
			note(artifacts.Outcome{Status: artifacts.Skipped, Reason: fmt.Sprintf("more than %d disks", maxDisks)})
			break
		}
		f, size, err := openDisk(name)
		switch {
		case err != nil:
			note(failure("/dev/"+name, err))
			continue
		case size > 0: // none where a slot is empty
			err = use(artifacts.Disk{Name: "/dev/" + name, Size: size, From: f})
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func other(name string) bool {
	for _, o := range others {
		if rest, ok := strings.CutPrefix(name, o); ok && (strings.HasSuffix(o, "-") || rest != "" && rest[0] >= '0' && rest[0] <= '9') {
			return true
		}
	}
	return false
}

// openDisk opens a disk by its name, and holds the device against the number that the kernel gives it: /dev is a folder
// like others. The access time of the device file stays as it is.
func openDisk(name string) (*os.File, int64, error) {
	number, err := sys(name, "dev")
	if err != nil {
		return nil, 0, err
	}
	blocks, err := sys(name, "size")
	if err != nil {
		return nil, 0, err
	}
	size, err := strconv.ParseInt(blocks, 10, 64)
	if err != nil || size < 0 || size > 1<<53 {
		return nil, 0, fmt.Errorf("size %q", blocks)
	}
	path := "/dev/" + strings.ReplaceAll(name, "!", "/")
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOATIME|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.EPERM) {
		f, err = os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	}
	if err != nil {
		return nil, 0, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(int(f.Fd()), &st); err == nil {
		got := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))) //nolint:unconvert // other widths on other machines
		if st.Mode&unix.S_IFMT != unix.S_IFBLK || got != number {
			err = fmt.Errorf("%s is device %s, the kernel's is %s", path, got, number)
		}
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, size * 512, nil // in units of 512 bytes whatever the disk's sectors are
}

// sys reads a file of the disk's folder below /sys/block.
func sys(name, file string) (string, error) {
	f, err := os.Open("/sys/block/" + name + "/" + file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	return strings.TrimSpace(string(b)), err
}
