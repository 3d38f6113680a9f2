// Package ntfs makes NTFS images for tests, by ntfs-3g and its tools: another's writer for our reader.
package ntfs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A Shape is how an image is made.
type Shape struct {
	Sector, Cluster int   // bytes
	Size            int64 // bytes
}

func (s Shape) String() string { return fmt.Sprintf("%d_%d", s.Sector, s.Cluster) }

// Image makes a volume, and lets fill write to it through a mount. It skips the test, loudly, where the tools or the
// right to mount are missing.
func Image(t testing.TB, s Shape, fill func(dir string)) string {
	t.Helper()
	Need(t, "mkntfs", "ntfs-3g", "umount", "setfattr")
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		t.Skipf("NOT TESTED on an image of ntfs-3g: mounting needs root and /dev/fuse: %v", err)
	}
	dir := t.TempDir()
	image, mount := filepath.Join(dir, "image.ntfs"), filepath.Join(dir, "mount")
	f, err := os.Create(image)
	if err == nil {
		err = f.Truncate(s.Size)
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Mkdir(mount, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	Run(t, "mkntfs", "-F", "-q", "-Q", "-s", fmt.Sprint(s.Sector), "-c", fmt.Sprint(s.Cluster), "-L", "spor", "-p", "0", "-H", "255", "-S", "63", image)
	Mounted(t, image, mount, fill)
	return image
}

// Mounted mounts an image at a folder while use runs. Alternate streams are file:stream, compression is on.
func Mounted(t testing.TB, image, mount string, use func(dir string)) {
	t.Helper()
	Run(t, "ntfs-3g", "-o", "streams_interface=windows,compression,noatime", image, mount)
	defer func() {
		for try := 0; ; try++ {
			out, err := exec.Command("umount", mount).CombinedOutput()
			if err == nil {
				return
			}
			if try == 20 {
				t.Fatalf("umount: %v: %s", err, out)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	use(mount)
}

// Need skips the test where a program is missing.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("NOT TESTED against others' programs: %v (build/deps.sh installs them)", err)
		}
	}
}

// Run runs a program and gives its output; its failure is the test's.
func Run(t testing.TB, program string, args ...string) []byte {
	t.Helper()
	var stderr []byte
	cmd := exec.Command(program, args...)
	out, err := cmd.Output()
	if err != nil {
		if e, ok := err.(*exec.ExitError); ok {
			stderr = e.Stderr
		}
		t.Fatalf("%s %q: %v\n%s", program, args, err, stderr)
	}
	return out
}

// Compress marks a folder of a mounted image: what is made in it from now on is compressed.
func Compress(t testing.TB, dir string) {
	t.Helper()
	Run(t, "setfattr", "-n", "system.ntfs_attrib_be", "-v", "0x00000810", dir)
}
