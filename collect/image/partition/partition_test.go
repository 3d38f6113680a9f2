package partition

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const size = 16 << 20

// divided makes a disk that sfdisk divides by a script.
func divided(t testing.TB, script string) []byte {
	t.Helper()
	tool, err := exec.LookPath("sfdisk")
	if err != nil {
		t.Skipf("NOT TESTED against sfdisk: %v (build/deps.sh installs it)", err)
	}
	name := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, "-q", "--no-reread", "--no-tell-kernel", name)
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk: %v\n%s", err, out)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	gptScript = "label: gpt\nsize=2M, type=U, name=\"EFI system\"\nsize=4M\nsize=1M, type=S\nname=\"last\"\n"
	mbrScript = "label: dos\n,2M,7,*\n,2M,83\n,1M,83\n,,E\n,2M,83\n,2M,83\n,1M,82\n"
)

// TestSfdisk compares what is read of a table with what sfdisk says of it.
func TestSfdisk(t *testing.T) {
	for scheme, script := range map[string]string{"GPT": gptScript, "MBR": mbrScript} {
		disk := divided(t, script)
		if scheme == "MBR" { // a first sector alone may be that of anything: a file system is to be seen
			copy(disk[1<<20+3:], "NTFS    ")
		}
		table, err := Read(bytes.NewReader(disk), size)
		if err != nil || table.Scheme != scheme || table.Sector != 512 || len(table.Notes) > 0 {
			t.Errorf("%s: %+v, %v", scheme, table, err)
		}
		name := filepath.Join(t.TempDir(), "disk")
		if err := os.WriteFile(name, disk, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("sfdisk", "-J", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		var said struct {
			Table struct {
				Partitions []struct {
					Node             string
					Start, Size      int64
					Type, UUID, Name string
				}
			} `json:"partitiontable"`
		}
		if err := json.Unmarshal(out, &said); err != nil {
			t.Fatal(err)
		}
		got := table.Parts
		for _, p := range said.Table.Partitions {
			if p.Type == "f" || p.Type == "5" {
				continue
			}
			if len(got) == 0 {
				t.Errorf("%s: %+v is missing", scheme, p)
				break
			}
			g := got[0]
			got = got[1:]
			if g.Start != p.Start*512 || g.Size != p.Size*512 || !strings.EqualFold(g.ID, p.UUID) || g.Name != p.Name || !strings.EqualFold(g.Type, p.Type) && !strings.EqualFold(g.Type, "0"+p.Type) {
				t.Errorf("%s: %+v, sfdisk says %+v", scheme, g, p)
			}
		}
		if len(got) > 0 {
			t.Errorf("%s: sfdisk knows nothing of %+v", scheme, got)
		}
	}
}

// TestBackup holds that the second table of GPT is used where the first is damaged, and that each contradiction is said.
func TestBackup(t *testing.T) {
	disk := divided(t, gptScript)
	for _, c := range []struct {
		what  string
		spoil []int
		parts int
		note  string
	}{
		{"the first header", []int{512}, 4, "its backup is used"},
		{"the first header's numbers", []int{512 + 40}, 4, "its backup is used"},
		{"the first entries", []int{1024 + 33}, 4, "its backup is used"},
		{"the backup", []int{size - 512 + 60}, 4, "the backup of GPT is damaged"},
		{"the backup's mark", []int{size - 512}, 4, "the backup of GPT is missing"},
		{"both", []int{1024 + 56, size - 512 + 60}, 4, "no backup that is whole"},
	} {
		b := bytes.Clone(disk)
		for _, at := range c.spoil {
			b[at] ^= 2
		}
		table, err := Read(bytes.NewReader(b), size)
		if notes := strings.Join(table.Notes, "; "); err != nil || len(table.Parts) != c.parts || !strings.Contains(notes, c.note) {
			t.Errorf("%s: %d partitions, notes %q, %v, want %d and %q", c.what, len(table.Parts), notes, err, c.parts, c.note)
		}
	}
	if table, err := Read(bytes.NewReader(disk[:size/2]), size/2); err != nil || !strings.Contains(strings.Join(table.Notes, ""), "missing") {
		t.Errorf("half a disk: %+v, %v", table, err)
	}
	if _, err := Read(bytes.NewReader(make([]byte, size)), size); err == nil {
		t.Error("an empty disk: no error")
	}
}

// TestDamage changes tables at random: whatever they say, partitions lie on the disk.
func TestDamage(t *testing.T) {
	disks := 300
	if os.Getenv("SPOR_LONG") != "" {
		disks = 10_000
	}
	for scheme, script := range map[string]string{"GPT": gptScript, "MBR": mbrScript} {
		disk, found := divided(t, script), 0
		for seed := range disks {
			r := rand.New(rand.NewPCG(uint64(seed), 1))
			undo := map[int]byte{}
			for range 1 + r.IntN(20) {
				at := []int{446, 512, 1024, size - 512, 6<<20 + 446}[r.IntN(5)] + r.IntN(300)
				at = min(at, size-1)
				if _, ok := undo[at]; !ok {
					undo[at] = disk[at]
				}
				disk[at] = byte(r.Uint32())
			}
			table, _ := Read(bytes.NewReader(disk), size)
			for _, p := range table.Parts {
				if found++; p.Start < 0 || p.Size < 0 || p.Start+p.Size > size {
					t.Errorf("seed %d: %+v of %d bytes", seed, p, size)
				}
			}
			for at, c := range undo {
				disk[at] = c
			}
		}
		if found < disks {
			t.Errorf("%s: %d partitions of %d disks: too few to prove anything", scheme, found, disks)
		}
	}
}

// FuzzRead holds that partitions lie on the disk, whatever the tables say.
func FuzzRead(f *testing.F) {
	f.Add(divided(f, gptScript)[:40<<10])
	f.Add(divided(f, mbrScript)[:4<<10])
	f.Fuzz(func(t *testing.T, disk []byte) {
		table, _ := Read(bytes.NewReader(disk), int64(len(disk)))
		for _, p := range table.Parts {
			if p.Start < 0 || p.Size < 0 || p.Start+p.Size > int64(len(disk)) {
				t.Errorf("%+v of %d bytes", p, len(disk))
			}
		}
	})
}

// TestCorpus compares the table of a disk that Windows divided, logical partitions among them, with what mmls says of it.
func TestCorpus(t *testing.T) {
	root := os.Getenv("SPOR_CORPUS")
	if root == "" {
		root = "../../../../shared/corpus"
	}
	dir := t.TempDir()
	if out, err := exec.Command("tar", "-xf", filepath.Join(root, "fs-other/msuhanov-dfir_ntfs/mbr-win-512.raw.tgz"), "-C", dir).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED on a disk of Windows: %v: %s", err, out)
	}
	name := filepath.Join(dir, "mbr-win-512.raw")
	said, err := exec.Command("mmls", name).Output()
	if err != nil {
		t.Skipf("NOT TESTED against mmls: %v", err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	table, err := Read(f, st.Size())
	if err != nil || len(table.Notes) > 0 {
		t.Errorf("notes %q, %v", table.Notes, err)
	}
	var got, want []string
	for _, p := range table.Parts {
		got = append(got, fmt.Sprintf("%d+%d", p.Start/512, p.Size/512))
	}
	for line := range strings.Lines(string(said)) {
		if fields := strings.Fields(line); len(fields) > 5 && strings.Count(fields[1], ":") == 1 && !strings.Contains(line, "Extended") {
			start, _ := strconv.ParseInt(fields[2], 10, 64)
			length, _ := strconv.ParseInt(fields[4], 10, 64)
			want = append(want, fmt.Sprintf("%d+%d", start, length))
		}
	}
	if !slices.Equal(got, want) || len(got) < 5 {
		t.Errorf("%q, mmls says %q", got, want)
	}
}
