package vss

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spor/collect/rawfile"
)

// TestCorpus holds a real volume with a shadow copy (github.com/msuhanov/dfir_ntfs, vss_2_stor) against what libvshadow
// makes of it.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	archive := filepath.Join(dir, "vss", "msuhanov-dfir_ntfs", "vss_2_stor.tar.gz")
	if _, err := os.Stat(archive); err != nil {
		t.Skipf("SKIPPED: no corpus with a shadow copy: %v", err)
	}
	tmp := t.TempDir()
	if out, err := exec.Command("tar", "-xzf", archive, "-C", tmp).CombinedOutput(); err != nil { // it makes a file with holes
		t.Fatalf("tar: %v: %s", err, out)
	}
	const start, size = 67584 * 512, 10416128 * 512 // the second partition of its GPT
	f, err := os.Open(filepath.Join(tmp, "vss_2_stor.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := Open(io.NewSectionReader(f, start, size), size)
	if err != nil || len(v.Copies) != 1 {
		t.Fatalf("%d copies, %v; want 1", len(v.Copies), err)
	}
	c := v.Copies[0] // as vshadowinfo has it, but that it takes the last store of another volume's copies for this one's
	if c.Store != "bbaa7659-8204-11eb-90f4-080027768df7" || c.ID != "e8e75155-2d2d-45bc-b67e-123e6f20b97d" || c.SetID != "3cd694d8-90cb-4099-abd4-6ced9485ac1c" || len(v.Foreign) != 2 ||
		c.Created.Format(time.RFC3339Nano) != "2021-03-10T22:44:00.5147567Z" || c.Size != 5333057536 || c.Flags != 0x2001d {
		t.Errorf("%+v", c)
	}
	r, err := v.Reader(0)
	if err != nil {
		t.Fatal(err)
	}
	then, err := rawfile.Open(r, c.Size, "C:")
	if err != nil {
		t.Fatal(err)
	}
	now, err := rawfile.Open(io.NewSectionReader(f, start, size), size, "C:")
	if err != nil {
		t.Fatal(err)
	}
	was, is := content(t, then), content(t, now)
	if len(v.stores[0].blocks) == 0 || was == "" || strings.Trim(was, "STORAGE") != "" {
		t.Errorf("%d blocks; test.txt was %.100q, is %.100q", len(v.stores[0].blocks), was, is)
	}
	unname(t, filepath.Join(tmp, "vss_2_stor.raw"), start, v)
	compare(t, filepath.Join(tmp, "vss_2_stor.raw"), start, v)
}

// unname takes the stores of other volumes' copies out of the catalog, which mislead libvshadow.
func unname(t *testing.T, image string, start int64, v *Volume) {
	t.Helper()
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var at [8]byte
	if _, err := v.r.ReadAt(at[:], volumeHeader+48); err != nil {
		t.Fatal(err)
	}
	catalog := int64(binary.LittleEndian.Uint64(at[:]))
	b, _, err := v.record(catalog, recordCatalog)
	if err != nil {
		t.Fatal(err)
	}
	for i := headerSize; i < blockSize; i += entrySize {
		if b[i] == 3 && slices.Contains(v.Foreign, guid(b[i+16:i+32])) {
			if _, err := f.WriteAt([]byte{1}, start+catalog+int64(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func content(t *testing.T, v *rawfile.Volume) string {
	t.Helper()
	f, err := v.Open(`C:\test.txt`)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// compare holds every copy of a volume against the file that vshadowmount gives of it: all blocks that any store knows,
// and every so many others.
func compare(t *testing.T, image string, start int64, v *Volume) {
	t.Helper()
	if _, err := exec.LookPath("vshadowmount"); err != nil {
		t.Skipf("SKIPPED: vshadowmount of Debian's libvshadow-utils is not installed: %v", err)
	}
	mount := t.TempDir()
	if out, err := exec.Command("vshadowmount", "-o", itoa(start), image, mount).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: vshadowmount: %v: %s", err, out)
	}
	defer func() { _ = exec.Command("fusermount", "-u", mount).Run() }()
	for i := range v.Copies {
		theirs, err := os.Open(filepath.Join(mount, "vss"+itoa(int64(i+1))))
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		ours, err := v.Reader(i)
		if err != nil {
			t.Fatal(err)
		}
		blocks := map[int64]bool{}
		for _, s := range v.stores {
			for at, b := range s.blocks {
				blocks[at], blocks[b.at/blockSize*blockSize] = true, true
			}
		}
		for at := int64(0); at < v.Copies[i].Size; at += max(blockSize, v.Copies[i].Size/2000/blockSize*blockSize) {
			blocks[at] = true
		}
		wrong := 0
		a, b := make([]byte, blockSize), make([]byte, blockSize)
		for at := range blocks {
			n, errA := ours.ReadAt(a, at)
			m, errB := theirs.ReadAt(b, at)
			if n != m || !bytes.Equal(a[:n], b[:m]) {
				if wrong++; wrong < 10 {
					t.Errorf("copy %d, block at %#x: %d and %d bytes, %v, %v; first differing %d", i+1, at, n, m, errA, errB, differ(a, b))
				}
			}
		}
		t.Logf("copy %d: %d blocks compared, %d other", i+1, len(blocks), wrong)
	}
}

func differ(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
