//go:build linux

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/package/manifest"
)

// TestDiskFormats examines one disk in every format it may come in: each bundle must hold the same entries with the same
// content.
func TestDiskFormats(t *testing.T) {
	raw := linuxDisk(t, linuxFolder(t))
	want := collectElsewhere(t, "--image", raw)
	for end, command := range map[string][]string{
		".E01":   {"ewfacquire", "-u", "-q", "-c", "best", "-S", "1MiB", "-t", "OUT", raw},
		".vhdx":  {"qemu-img", "convert", "-O", "vhdx", raw, "OUT"},
		".vhd":   {"qemu-img", "convert", "-O", "vpc", "-o", "force_size=on", raw, "OUT"},
		".vmdk":  {"qemu-img", "convert", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, "OUT"},
		".qcow2": {"qemu-img", "convert", "-O", "qcow2", "-c", raw, "OUT"},
	} {
		image := filepath.Join(t.TempDir(), "disk"+end)
		for i, a := range command {
			out := image
			if end == ".E01" { // the tool adds it
				out = strings.TrimSuffix(image, end)
			}
			command[i] = strings.ReplaceAll(a, "OUT", out)
		}
		tool(t, command[0], command[1:]...)
		sameEntries(t, end, collectElsewhere(t, "--image", image), want)
	}
}

// sameEntries compares what two bundles hold, by where it was.
func sameEntries(t *testing.T, what string, got, want manifest.Manifest) {
	t.Helper()
	entries, n := byOrigin(want), 0
	for _, e := range got.Entries {
		w, ok := entries[e.Origin]
		delete(entries, e.Origin)
		switch {
		case e.Origin == "" || strings.HasSuffix(string(e.Origin), "lost+found"):
		case !ok:
			t.Errorf("%s: %s is in it alone", what, e.Origin)
		case e.SHA256 != w.SHA256 || e.Size != w.Size || e.Link != w.Link || e.Times.Modified.Unix() != w.Times.Modified.Unix():
			t.Errorf("%s: %s: %+v, want %+v", what, e.Origin, e, w)
		default:
			n++
		}
	}
	for origin := range entries {
		if origin != "" {
			t.Errorf("%s: %s is missing", what, origin)
		}
	}
	if n < 10 {
		t.Errorf("%s: %d entries are the same", what, n)
	}
}

// TestXFSImage examines an XFS volume that the kernel filled from a folder, and beside it that folder.
func TestXFSImage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: NOT checked on XFS")
	}
	root := linuxFolder(t)
	image := filepath.Join(t.TempDir(), "xfs.raw")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 300<<20); err != nil {
		t.Fatal(err)
	}
	tool(t, "mkfs.xfs", "-q", image)
	if out, err := exec.Command("unshare", "-m", "sh", "-ec", `mount -o loop "$0" "$2"; cp -a "$1/." "$2"; umount "$2"`, image, root, t.TempDir()).CombinedOutput(); err != nil {
		t.Skipf("cannot mount: NOT checked on XFS: %v: %s", err, out)
	}
	want, got := collectElsewhere(t, "--root", root), collectElsewhere(t, "--image", image)
	sameEntries(t, "XFS", got, want)
	for _, e := range got.Entries {
		if e.Origin != "" && e.Link == "" && e.Method != "raw XFS" {
			t.Errorf("%s was read by %q", e.Origin, e.Method)
		}
	}
	if got.Host.Hostname != "victim" || got.Host.OS != artifacts.Linux {
		t.Errorf("the host is %+v", got.Host)
	}
}

// TestStick examines a stick with FAT: its files are taken where asked, names that were deleted are listed, and so is
// how it is divided.
func TestStick(t *testing.T) {
	dir := t.TempDir()
	image, file := filepath.Join(dir, "stick.raw"), filepath.Join(dir, "invoice of november.exe")
	for _, name := range []string{image, file} {
		if err := os.WriteFile(name, []byte("MZ"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(image, 4<<20); err != nil {
		t.Fatal(err)
	}
	tool(t, "mkfs.vfat", "-n", "STICK", image)
	for _, args := range [][]string{
		{"mmd", "-i", image, "::Folder"},
		{"mcopy", "-i", image, file, "::Folder"},
		{"mcopy", "-i", image, file, "::a deleted program.exe"},
		{"mdel", "-i", image, "::a deleted program.exe"},
	} {
		tool(t, args[0], args[1:]...)
	}
	public, private := keys(t, dir)
	must(t, dir, []int{0, 3}, "spor", "collect", "--image", image, "--recipient", public, "--out", dir, "--case", "stick", "--take", `C:\Folder\*`)
	opened := filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", "open", glob(t, filepath.Join(dir, "*.pgp"))[0], "--key", private, "--out", opened)
	for name, want := range map[string]string{
		"live/deleted_files.jsonl":               `"C:\\a deleted program.exe"`,
		"live/boot_sectors.jsonl":                `"holds":"FAT"`,
		"live/boot_sectors/disk-0/first.bin":     "mkfs.fat",
		"files/C/Folder/invoice of november.exe": "MZ",
	} {
		b, err := os.ReadFile(filepath.Join(opened, filepath.FromSlash(name)))
		if err != nil || !bytes.Contains(b, []byte(want)) {
			t.Errorf("%s: %v, %d bytes without %q", name, err, len(b), want)
		}
	}
}
