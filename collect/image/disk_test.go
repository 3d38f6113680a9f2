package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/build/ntfs"
)

// ntfsVolume makes a small NTFS volume with one file, with the folders of Windows or without.
func ntfsVolume(t *testing.T, sector int, file string) []byte {
	t.Helper()
	name := ntfs.Image(t, ntfs.Shape{Sector: sector, Cluster: 4096, Size: 8 << 20}, func(dir string) {
		full := filepath.Join(dir, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(file), 0o644)); err != nil {
			t.Fatal(err)
		}
	})
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func save(t *testing.T, parts ...[]byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(name, bytes.Join(parts, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// gptDisk is a disk with a GUID partition table, its partitions one after the other from sector 40, and its backup.
func gptDisk(sector int, parts ...[]byte) []byte {
	le := binary.LittleEndian
	disk := make([]byte, 40*sector)
	entries := make([]byte, 128*128)
	for i, p := range parts {
		e := entries[128*i:]
		e[0], e[16] = 1, byte(i+1)
		first := len(disk) / sector
		le.PutUint64(e[32:], uint64(first))
		le.PutUint64(e[40:], uint64(first+len(p)/sector-1))
		for j, c := range []byte("part") {
			e[56+2*j] = c
		}
		disk = append(disk, p...)
	}
	last := len(disk)/sector + len(entries)/sector
	disk = append(append(disk, entries...), make([]byte, sector)...)
	copy(disk[2*sector:], entries)
	for at, c := range map[int]struct{ other, entries int }{1: {last, 2}, last: {1, last - len(entries)/sector}} {
		head := disk[at*sector:][:92]
		copy(head, "EFI PART")
		le.PutUint32(head[12:], 92)
		le.PutUint64(head[24:], uint64(at))
		le.PutUint64(head[32:], uint64(c.other))
		le.PutUint64(head[72:], uint64(c.entries))
		le.PutUint32(head[80:], 128)
		le.PutUint32(head[84:], 128)
		le.PutUint32(head[88:], crc32.ChecksumIEEE(entries))
		le.PutUint32(head[16:], crc32.ChecksumIEEE(head))
	}
	return disk
}

// mbrDisk is a disk whose partitions are all in a chain of extended ones, but for the first.
func mbrDisk(parts ...[]byte) []byte {
	le := binary.LittleEndian
	entry := func(table []byte, i int, kind byte, first, count int) {
		e := table[446+16*i:]
		e[4] = kind
		le.PutUint32(e[8:], uint32(first))
		le.PutUint32(e[12:], uint32(count))
		table[510], table[511] = 0x55, 0xaa
	}
	disk := make([]byte, 512)
	entry(disk, 0, 0x07, 1, len(parts[0])/512)
	disk = append(disk, parts[0]...)
	extended := len(disk) / 512
	entry(disk, 1, 0x0f, extended, 1<<20)
	for i, p := range parts[1:] {
		table := make([]byte, 512)
		entry(table, 0, 0x07, 1, len(p)/512)
		if i+2 < len(parts) {
			entry(table, 1, 0x05, len(disk)/512+1+len(p)/512-extended, 1<<20)
		}
		disk = append(append(disk, table...), p...)
	}
	return disk
}

func sumOf(b []byte) (sum uint32) {
	for _, c := range b {
		sum += uint32(c)
	}
	return sum
}

func TestDisk(t *testing.T) {
	data, system := ntfsVolume(t, 512, "data.txt"), ntfsVolume(t, 512, "Windows/System32/config/SYSTEM")
	big := ntfsVolume(t, 4096, "Users/anna/NTUSER.DAT")
	linux := make([]byte, 8192)
	copy(linux[1080:], "\x53\xef")
	footer := make([]byte, 512)
	copy(footer, "conectix")
	binary.BigEndian.PutUint64(footer[48:], uint64(len(system)))
	footer[63] = 2
	binary.BigEndian.PutUint32(footer[64:], ^sumOf(footer))
	for _, c := range []struct {
		what  string
		image string
		files []artifacts.Path
		limit string
	}{
		{"a volume", save(t, big), []artifacts.Path{`C:\Users\anna\NTUSER.DAT`}, ""},
		{"VHD of fixed size", save(t, system, footer), []artifacts.Path{`C:\Windows\System32\config\SYSTEM`}, "damaged hive"},
		{"GPT", save(t, gptDisk(512, linux, data, system)), []artifacts.Path{`D:\data.txt`, `c:\windows\system32\CONFIG\system`}, `partition 1 "part" (ext4) is not read`},
		{"GPT in large sectors", save(t, gptDisk(4096, linux, big)), []artifacts.Path{`C:\Users\anna\NTUSER.DAT`}, "ext4"},
		{"MBR with logical partitions", save(t, mbrDisk(linux, data, system)), []artifacts.Path{`C:\Windows\System32\config\SYSTEM`, `D:\data.txt`}, "partition 1 (ext4)"},
		{"a damaged volume", save(t, gptDisk(512, append(slices.Clone(data[:512]), make([]byte, len(data)-512)...), system)), []artifacts.Path{`C:\Windows\System32\config\SYSTEM`}, "(NTFS): $MFT:"},
	} {
		h, err := Disk(c.image)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if h.OS != artifacts.Windows || h.Live || h.Identity.Source != c.image {
			t.Errorf("%s: %+v", c.what, h)
		}
		for _, p := range c.files {
			if st, err := h.Files.Lstat(p); err != nil || st.Kind != artifacts.Regular || st.Size == 0 {
				t.Errorf("%s: %s: %+v, %v", c.what, p, st, err)
			}
		}
		if said := reasons(h.Limits); !strings.Contains(said, c.limit) || c.limit == "" && said != "" {
			t.Errorf("%s: limits %q, want %q", c.what, said, c.limit)
		}
	}
	h, err := Disk(save(t, gptDisk(512, data, big)))
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(h.Users, func(u artifacts.User) bool { return u.Name == "anna" }); i >= 0 || len(h.Files.Roots()) != 2 {
		t.Errorf("without a Windows the first volume is C:, and it has no users: %+v, roots %q", h.Users, h.Files.Roots())
	}
}

func TestDiskFormats(t *testing.T) {
	for magic, want := range map[string]string{
		"EVF\x09\x0d\x0a\xff\x00": "E01", "EVF2\x0d\x0a\x81\x00": "Ex01 is not read", "vhdxfile": "VHDX", "KDMV": "VMDK", "QFI\xfb": "qcow2",
		"conectix": "VHD", "\x1f\x8b": "gzip", "COWD": "ESX", "nothing": "neither",
	} {
		_, err := Disk(save(t, []byte(magic), make([]byte, 100_000)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", magic, err, want)
		}
		if known := want == "gzip" || want == "neither"; known && (!errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "raw")) {
			t.Errorf("%q: %v, want %v", magic, err, ErrFormat)
		}
	}
	locked := make([]byte, 100_000)
	copy(locked[3:], "-FVE-FS-")
	if _, err := Disk(save(t, locked)); err == nil || !strings.Contains(err.Error(), "BitLocker") {
		t.Errorf("BitLocker: %v", err)
	}
	if _, err := Disk(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
	if _, err := Disk(save(t, []byte("x"))); err == nil {
		t.Error("one byte was opened")
	}
}
