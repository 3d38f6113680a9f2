package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spor/build/ntfs"
	"spor/build/wine"
	"spor/package/manifest"
)

// TestLockedFileIsReadFromTheVolume holds a hive as a running Windows does, and gives spor.exe the raw volume that it
// lies on: an image of ntfs-3g behind \\.\C:. What is collected must be what the volume holds, byte for byte, and
// NTFS's own files with it.
func TestLockedFileIsReadFromTheVolume(t *testing.T) {
	if testing.Short() {
		t.Skip("short: NOT checked that locked files are read under wine")
	}
	hive := bytes.Repeat([]byte("regf on the volume "), 30_000)
	image := ntfs.Image(t, ntfs.Shape{Sector: 512, Cluster: 4096, Size: 16 << 20}, func(mount string) {
		writeBelow(t, mount, `C:\raw volume\SYSTEM`, hive)
	})
	rig := wine.ForTest(t)
	dir := t.TempDir()
	writeBelow(t, rig.DriveC(), `C:\raw volume\SYSTEM`, []byte("what the file system would give"))
	t.Cleanup(func() { os.RemoveAll(filepath.Join(rig.DriveC(), "raw volume")) })
	device := filepath.Join(rig.DosDevices(), "c::")
	os.Remove(device) // of a run that was killed
	if err := os.Symlink(image, device); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(device) })
	hold(t, rig, dir, `C:\raw volume\SYSTEM`)
	exe := filepath.Join(dir, "spor.exe")
	if out, err := build("windows", exe, "spor/cmd/spor"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	public, private := keys(t, dir)
	res, err := rig.Run(t.Context(), nil, exe, "collect", "--recipient", onZ(public), "--out", onZ(dir), "--case", "raw", "--json", "--only", "none",
		"--take", `C:\raw volume\SYSTEM`, "--take", `C:\$MFT`, "--take", `C:\$LogFile`, "--take", `C:\$Extend\$UsnJrnl:$J`)
	if err != nil || res.Code != 0 && res.Code != 3 {
		t.Fatalf("ended with %d, %v\n%s\n%s", res.Code, err, res.Stdout, res.Stderr)
	}
	sealed := glob(t, filepath.Join(dir, "*.pgp"))
	if len(sealed) != 1 {
		t.Fatalf("bundles %v\n%s", sealed, res.Stderr)
	}
	opened := filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", "open", sealed[0], "--key", private, "--out", opened)
	table := ntfs.Run(t, "icat", "-f", "ntfs", image, "0")
	log := ntfs.Run(t, "icat", "-f", "ntfs", image, "2")
	judgeRaw(t, opened, map[string][]byte{`C:\raw volume\SYSTEM`: hive, `C:\$MFT`: table, `C:\$LogFile`: log})
	if t.Failed() {
		t.Logf("%s\n%s", res.Stdout, res.Stderr)
	}
}

func judgeRaw(t *testing.T, opened string, want map[string][]byte) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	var m manifest.Manifest
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Entries {
		content, ok := want[string(e.Origin)]
		if !ok {
			continue
		}
		delete(want, string(e.Origin))
		got, err := os.ReadFile(filepath.Join(opened, filepath.FromSlash(e.Name)))
		if err != nil || !bytes.Equal(got, content) || e.Method != "raw ntfs" {
			t.Errorf("%s: %d bytes by %q, want the %d of the volume by raw ntfs: %v", e.Origin, len(got), e.Method, len(content), err)
		}
	}
	for name := range want {
		t.Errorf("%s was not collected", name)
	}
}

// hold keeps a file open in a process of its own until the test ends.
func hold(t *testing.T, rig *wine.Rig, dir, name string) {
	t.Helper()
	exe := filepath.Join(dir, "hold.exe")
	if out, err := build("windows", exe, "spor/cmd/internal/e2e/testdata/hold"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := rig.Command(t.Context(), nil, exe, name)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			if _, ended := err.(*exec.ExitError); !ended {
				t.Error(err)
			}
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if strings.TrimSpace(line) != "held" {
		t.Fatalf("the file could not be held: %q, %v", line, err)
	}
}

// onZ is a path of Linux as wine's programs see it.
func onZ(name string) string { return `Z:` + strings.ReplaceAll(name, "/", `\`) }
