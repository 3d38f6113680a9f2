package image

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
)

// fatImage makes a volume of FAT with these files, by dosfstools and mtools, and deletes one more.
func fatImage(t *testing.T, files map[string]string, args ...string) []byte {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	run := func(name string, args ...string) {
		t.Helper()
		full, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("NOT TESTED on FAT: %v (build/deps.sh installs it)", err)
		}
		if out, err := exec.Command(full, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v: %s", name, args, err, out)
		}
	}
	if err := errors.Join(os.WriteFile(image, make([]byte, 2<<20), 0o600)); err != nil {
		t.Fatal(err)
	}
	run("mkfs.vfat", append(args, image)...)
	dir := t.TempDir()
	files["deleted file.txt"] = "gone"
	for name, content := range files {
		full := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	run("mcopy", append(append([]string{"-s", "-i", image}, names...), "::")...)
	run("mdel", "-i", image, "::deleted file.txt")
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFATBeside holds where a volume of FAT stands: under a letter beside a Windows, at its place in a Linux, and alone.
func TestFATBeside(t *testing.T) {
	efi := fatImage(t, map[string]string{"EFI/Boot/bootx64.efi": "MZ"}, "-i", "12345678", "-n", "EFI")
	windows := ntfsVolume(t, 512, "Windows/System32/config/SYSTEM")
	system := extImage(t, map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/fstab": "UUID=1234-5678 /boot/efi vfat umask=0077 0 1\n", "boot/efi/x": ""})
	for _, c := range []struct {
		what    string
		parts   [][]byte
		os      artifacts.OS
		file    artifacts.Path
		deleted bool
	}{
		{"beside Windows", [][]byte{efi, windows}, artifacts.Windows, `D:\efi\boot\BOOTX64.EFI`, true},
		{"in a Linux", [][]byte{efi, system}, artifacts.Linux, "/boot/efi/EFI/BOOT/bootx64.efi", false},
		{"alone", [][]byte{efi}, artifacts.Windows, `C:\EFI\Boot\bootx64.efi`, true},
	} {
		h, err := Disk(save(t, gptDisk(512, c.parts...)))
		if err != nil || h.OS != c.os {
			t.Errorf("%s: %+v, %v, want %s", c.what, h, err, c.os)
			continue
		}
		if st, err := h.Files.Lstat(c.file); err != nil || st.Size != 2 {
			t.Errorf("%s: %+v, %v", c.what, st, err)
		}
		if said := reasons(h.Limits); !strings.Contains(said, "(FAT") || !strings.Contains(said, "as if they were UTC") {
			t.Errorf("%s: limits %q, want a word on the times of FAT", c.what, said)
		}
		var gone []artifacts.Path
		if u, ok := h.Files.(artifacts.Undeleter); ok {
			for f, err := range u.Undelete(t.Context()) {
				if err != nil {
					t.Errorf("%s: %v", c.what, err)
				}
				gone = append(gone, f.Path)
			}
		}
		if has := slices.ContainsFunc(gone, func(p artifacts.Path) bool { return strings.HasSuffix(string(p), `:\deleted file.txt`) }); has != c.deleted {
			t.Errorf("%s: deleted %q, want the file there: %v", c.what, gone, c.deleted)
		}
	}
}
