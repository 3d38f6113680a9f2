package image

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spor/artifacts"
)

// lvmVolume makes a physical volume of LVM with a group "vg" and on it volumes that begin with these bytes, each in 4 MiB.
func lvmVolume(t *testing.T, names []string, volumes ...[]byte) []byte {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED on LVM: loop devices need root")
	}
	image := filepath.Join(t.TempDir(), "pv")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 32<<20)); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", image).Output()
	if err != nil {
		t.Skipf("NOT TESTED on LVM: no loop device: %v", err)
	}
	loop := strings.TrimSpace(string(out))
	defer exec.Command("losetup", "--detach", loop).Run()
	config := fmt.Sprintf(`devices{use_devicesfile=0 filter=["a|^%s$|","r|.*|"]} backup{backup=0 archive=0} activation{udev_sync=0 udev_rules=0 monitoring=0}`, loop)
	commands := [][]string{{"pvcreate", "-y", loop}, {"vgcreate", "vg", loop}}
	for _, name := range names {
		commands = append(commands, []string{"lvcreate", "-an", "-Wn", "-Zn", "-y", "-n", name, "-L", "4M", "vg"})
	}
	for _, c := range commands {
		tool, err := exec.LookPath("lvm")
		if err != nil {
			t.Skipf("NOT TESTED on LVM: %v (build/deps.sh installs it)", err)
		}
		if out, err := exec.Command(tool, append([]string{c[0], "--driverloaded", "n", "--config", config}, c[1:]...)...).CombinedOutput(); err != nil {
			t.Fatalf("lvm %q: %v\n%s", c, err, out)
		}
	}
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range volumes {
		copy(b[1<<20+i*4<<20:], v)
	}
	return b
}

// TestLVMDisk holds that a Linux in logical volumes is found, and that its fstab may name them as mapped devices.
func TestLVMDisk(t *testing.T) {
	boot := extImage(t, map[string]string{"vmlinuz": "MZ"}, "-U", "12345678-1234-1234-1234-1234567890ab")
	home := extImage(t, map[string]string{"anna/.bash_history": "ls\n"})
	root := extImage(t, map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/sh\n",
		"etc/fstab":  "/dev/mapper/vg-Root / ext4\n/dev/vg/home /home ext4 defaults 0 2\nUUID=12345678-1234-1234-1234-1234567890ab /boot ext4\n",
	})
	h, err := Disk(save(t, gptDisk(512, boot, lvmVolume(t, []string{"home", "Root", "swap"}, home, root))))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []artifacts.Path{"/etc/passwd", "/home/anna/.bash_history", "/boot/vmlinuz"} {
		if st, err := h.Files.Lstat(p); err != nil || st.Size == 0 {
			t.Errorf("%s: %+v, %v", p, st, err)
		}
	}
	if m, ok := h.Files.Mount("/home"); !ok || m.Source != "logical volume vg/home" || m.Type != "ext4" {
		t.Errorf("/home is %+v", m)
	}
	if said := reasons(h.Limits); h.OS != artifacts.Linux || said != "logical volume vg/swap (no file system we know) is not read" {
		t.Errorf("%s, limits %q", h.OS, said)
	}
}

// TestNamed holds that what is not read is named in an outcome, whatever else the disk is.
func TestNamed(t *testing.T) {
	system := extImage(t, map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\n"})
	for kind, mark := range map[string]struct {
		at    int
		magic string
	}{
		"LUKS, locked": {0, "LUKS\xba\xbe"}, "Btrfs": {0x10040, "_BHRfS_M"}, "ReFS": {3, "ReFS\x00\x00\x00\x00"}, "BitLocker, locked": {3, "-FVE-FS-"},
		"APFS": {32, "NXSB"}, "a member of a Linux RAID": {4096, "\xfc\x4e\x2b\xa9"}, "HFS+": {1024, "H+\x00\x04"}, "swap": {4086, "SWAPSPACE2"},
	} {
		other := make([]byte, 128<<10)
		copy(other[mark.at:], mark.magic)
		h, err := Disk(save(t, gptDisk(512, other, system)))
		if err != nil || !strings.Contains(reasons(h.Limits), `partition 1 "part" (`+kind+") is not read") {
			t.Errorf("%s: %+v, %v", kind, h, err)
		}
		if _, err = Disk(save(t, other)); err == nil || !strings.Contains(err.Error(), kind) {
			t.Errorf("%s alone: %v", kind, err)
		}
	}
}
