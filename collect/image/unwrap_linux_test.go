package image

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestContainers reads one disk out of every format, and holds that each gives the same file of its Windows.
func TestContainers(t *testing.T) {
	disk := gptDisk(512, ntfsVolume(t, 512, "Windows/System32/config/SYSTEM"))
	disk = append(disk, make([]byte, (1<<20-len(disk)%(1<<20))%(1<<20))...) // to whole mebibytes, as qemu-img makes them
	for format, command := range map[string][]string{
		"raw":   {"cp", "RAW", "OUT"},
		"split": {"split", "-b", "3M", "-d", "-a", "3", "--numeric-suffixes=1", "RAW", "OUT."},
		"E01":   {"ewfacquire", "-u", "-q", "-c", "fast", "-S", "1MiB", "-t", "OUT", "RAW"},
		"VHD":   {"qemu-img", "convert", "-O", "vpc", "-o", "force_size=on", "RAW", "OUT"},
		"VHDX":  {"qemu-img", "convert", "-O", "vhdx", "RAW", "OUT"},
		"VMDK":  {"qemu-img", "convert", "-O", "vmdk", "-o", "subformat=twoGbMaxExtentSparse", "RAW", "OUT"},
		"qcow2": {"qemu-img", "convert", "-c", "-O", "qcow2", "RAW", "OUT"},
	} {
		dir := t.TempDir()
		raw, out := filepath.Join(dir, "raw"), filepath.Join(dir, "image")
		if err := os.WriteFile(raw, disk, 0o600); err != nil {
			t.Fatal(err)
		}
		for i, a := range command {
			command[i] = strings.NewReplacer("RAW", raw, "OUT", out).Replace(a)
		}
		tool, err := exec.LookPath(command[0])
		if err != nil {
			t.Logf("NOT TESTED on %s: %v (build/deps.sh installs it)", format, err)
			continue
		}
		if b, err := exec.Command(tool, command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", command, err, b)
		}
		switch format {
		case "split":
			out += ".001"
		case "E01":
			out += ".E01"
		}
		h, err := Disk(out)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		for _, o := range h.Limits {
			if !strings.Contains(o.Reason, "backup of GPT") && !strings.Contains(o.Reason, "guessed") { // it stands before what was added; no true hive
				t.Errorf("%s: limits %q", format, o.Reason)
			}
		}
		if len(h.Disks) != 1 || h.Disks[0].About["format"] != strings.ReplaceAll(format, "split", "raw") || h.Disks[0].Size != int64(len(disk)) {
			t.Errorf("%s: disk %+v, want one of %d bytes", format, h.Disks, len(disk))
		}
		f, err := h.Files.Open(`C:\Windows\System32\config\SYSTEM`)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		if b, err := io.ReadAll(f); err != nil || string(b) != "Windows/System32/config/SYSTEM" {
			t.Errorf("%s: %q, %v", format, b, err)
		}
	}
}

// TestBeside holds that a descriptor cannot lead to files elsewhere.
func TestBeside(t *testing.T) {
	for _, name := range []string{"../../etc/passwd", "/etc/passwd", "link.vmdk", "..", `..\secret`} {
		dir := t.TempDir()
		if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link.vmdk")); err != nil {
			t.Fatal(err)
		}
		image := filepath.Join(dir, "d.vmdk")
		text := "# Disk DescriptorFile\nparentCID=ffffffff\nRW 1 FLAT \"" + name + "\" 0\n"
		if err := os.WriteFile(image, []byte(text+strings.Repeat("#", 512)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Disk(image); err == nil || !strings.Contains(err.Error(), "none of the files") {
			t.Errorf("%q: %v, want that it cannot be read", name, err)
		}
	}
	if _, err := Disk("/dev/null"); err == nil {
		t.Error("/dev/null was opened")
	}
}
