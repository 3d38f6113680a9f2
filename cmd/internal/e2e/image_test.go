package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spor/build/ntfs"
	"spor/package/manifest"
)

// TestImage examines a disk image with a volume of Windows on its second partition: what the bundle holds must be what
// was written to the volume, deleted names are listed, and the partition that is not read is said.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	want := map[string][]byte{
		`C:\Windows\System32\config\SYSTEM`: bytes.Repeat([]byte("a hive "), 20_000), `C:\Users\anna\NTUSER.DAT`: []byte("resident hive"),
		`C:\Windows\System32\winevt\Logs\Security.evtx`:       bytes.Repeat([]byte("ElfFile\x00 is compressed "), 9_000),
		`C:\Users\anna\Downloads\invoice.exe`:                 bytes.Repeat([]byte("MZ"), 50_000),
		`C:\Users\anna\Downloads\invoice.exe:Zone.Identifier`: []byte("[ZoneTransfer]\r\nZoneId=3\r\n"),
	}
	volume := ntfs.Image(t, ntfs.Shape{Sector: 512, Cluster: 4096, Size: 24 << 20}, func(mount string) {
		logs := filepath.Join(mount, "Windows/System32/winevt/Logs")
		if err := os.MkdirAll(logs, 0o755); err != nil {
			t.Fatal(err)
		}
		ntfs.Compress(t, logs)
		for _, streams := range []bool{false, true} {
			for name, content := range want {
				if strings.Contains(name[2:], ":") == streams {
					writeBelow(t, mount, name, content)
				}
			}
		}
		writeBelow(t, mount, `C:\Users\anna\ransom.exe`, []byte("gone"))
		if err := os.Remove(filepath.Join(mount, "Users/anna/ransom.exe")); err != nil {
			t.Fatal(err)
		}
	})
	image := filepath.Join(dir, "disk.raw")
	diskWith(t, image, volume)
	public, private := keys(t, dir)
	out := must(t, dir, []int{0, 3}, "spor", "collect", "--image", image, "--recipient", public, "--out", dir, "--case", "image", "--json",
		"--take", `C:\Users\anna\Downloads\*`)
	if !strings.Contains(out, "partition 1 (ext4) is not read") {
		t.Errorf("nothing is said of the first partition:\n%s", out)
	}
	sealed := glob(t, filepath.Join(dir, "*.pgp"))
	opened := filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", "open", sealed[0], "--key", private, "--out", opened)
	judgeImage(t, opened, want)
}

func judgeImage(t *testing.T, opened string, want map[string][]byte) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	var m manifest.Manifest
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, e := range m.Entries {
		content, ok := want[string(e.Origin)]
		if !ok {
			found[string(e.Origin)] = true
			continue
		}
		got, err := os.ReadFile(filepath.Join(opened, filepath.FromSlash(e.Name)))
		if err != nil || !bytes.Equal(got, content) || e.Method != "raw ntfs" {
			t.Errorf("%s: %d bytes by %q, want %d by raw ntfs: %v", e.Origin, len(got), e.Method, len(content), err)
		}
		found[string(e.Origin)] = true
	}
	for name := range want {
		if !found[name] {
			t.Errorf("%s was not collected", name)
		}
	}
	for _, name := range []string{`C:\$MFT`, `C:\$LogFile`, `C:\$Boot`, `C:\$Secure:$SDS`} {
		if !found[name] {
			t.Errorf("%s was not collected", name)
		}
	}
	deleted, err := os.ReadFile(filepath.Join(opened, "live", "deleted_files.jsonl"))
	if err != nil || !bytes.Contains(deleted, []byte(`"C:\\Users\\anna\\ransom.exe"`)) {
		t.Errorf("the deleted file is not listed: %v\n%s", err, deleted)
	}
}

func writeBelow(t *testing.T, mount, name string, content []byte) {
	t.Helper()
	full := filepath.Join(mount, strings.ReplaceAll(name[3:], `\`, "/"))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// diskWith makes a disk of two partitions: what looks like ext4, and the volume.
func diskWith(t *testing.T, image, volume string) {
	t.Helper()
	const first, second = 2048, 6144 // sectors
	content, err := os.ReadFile(volume)
	if err != nil {
		t.Fatal(err)
	}
	disk := make([]byte, second*512, second*512+len(content))
	disk = append(disk, content...)
	for i, p := range []struct{ kind, start, count int }{{0x83, first, second - first}, {0x07, second, len(content) / 512}} {
		e := disk[446+16*i:]
		e[4] = byte(p.kind)
		for j := range 4 {
			e[8+j], e[12+j] = byte(p.start>>(8*j)), byte(p.count>>(8*j))
		}
	}
	disk[510], disk[511] = 0x55, 0xaa
	copy(disk[first*512+1080:], "\x53\xef")
	if err := os.WriteFile(image, disk, 0o644); err != nil {
		t.Fatal(err)
	}
}
