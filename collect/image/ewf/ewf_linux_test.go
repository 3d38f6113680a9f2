package ewf

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spor/collect/image/piece"
)

// disk is some megabytes that pack partly: text, zeros and noise. It ends within a chunk.
func disk() []byte {
	b := make([]byte, 3<<20+3*512)
	r := rand.New(rand.NewPCG(1, 2))
	for at := 0; at < len(b); at += 1 << 18 {
		part := b[at:min(len(b), at+1<<18)]
		switch at >> 18 % 3 {
		case 0:
			for i := range part {
				part[i] = byte(r.Uint32())
			}
		case 1:
			for i := range part {
				part[i] = "a line of a log\n"[i%16]
			}
		}
	}
	return b
}

// acquire makes an image of a disk by ewfacquire.
func acquire(t testing.TB, disk []byte, args ...string) (first string) {
	t.Helper()
	tool, err := exec.LookPath("ewfacquire")
	if err != nil {
		t.Skipf("NOT TESTED against libewf: %v (build/deps.sh installs it)", err)
	}
	dir := t.TempDir()
	raw := filepath.Join(dir, "disk.raw")
	if err := os.WriteFile(raw, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-u", "-q", "-t", filepath.Join(dir, "disk"), "-C", "case 7", "-E", "evidence 3", "-e", "Anna Ø"}, append(args, raw)...)
	if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("ewfacquire %q: %v\n%s", args, err, out)
	}
	for _, end := range []string{".E01", ".s01", ".Ex01", ".e01"} {
		if _, err := os.Stat(filepath.Join(dir, "disk"+end)); err == nil {
			return filepath.Join(dir, "disk"+end)
		}
	}
	t.Fatal("ewfacquire left no image")
	return ""
}

func open(t testing.TB, name string) (*Disk, error) {
	t.Helper()
	beside := func(other string) (io.ReaderAt, int64, error) {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(name), other))
		return bytes.NewReader(b), int64(len(b)), err
	}
	r, size, err := beside(filepath.Base(name))
	if err != nil {
		t.Fatal(err)
	}
	return Open(r, size, filepath.Base(name), beside)
}

func whole(d *Disk) ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
}

// TestAcquired reads what ewfacquire made, in all its formats of the first version.
func TestAcquired(t *testing.T) {
	want := disk()
	sum := md5.Sum(want)
	for _, c := range []struct {
		what     string
		args     []string
		segments int
	}{
		{"EnCase 6, best", []string{"-f", "encase6", "-c", "best"}, 1},
		{"EnCase 6, unpacked, in pieces", []string{"-f", "encase6", "-c", "none", "-S", "1MiB"}, 4},
		{"EnCase 1", []string{"-f", "ewf", "-c", "fast"}, 1},
		{"EnCase 5, large chunks", []string{"-f", "encase5", "-b", "1024", "-c", "empty-block"}, 1},
		{"EnCase 7", []string{"-f", "encase7", "-c", "fast"}, 1},
		{"SMART", []string{"-f", "smart", "-c", "fast"}, 1},
		{"FTK", []string{"-f", "ftk", "-c", "best"}, 1},
		{"linen", []string{"-f", "linen6", "-c", "fast"}, 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			name := acquire(t, want, c.args...)
			d, err := open(t, name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := whole(d)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %v, want %d; equal up to %d", len(got), err, len(want), common(got, want))
			}
			if len(d.Notes()) > 0 {
				t.Errorf("notes %q, want none", d.Notes())
			}
			if d.About["case"] != "case 7" || d.About["evidence"] != "evidence 3" || d.About["md5"] != hex.EncodeToString(sum[:]) {
				t.Errorf("says of itself %q, want case 7, evidence 3 and MD5 %x", d.About, sum)
			}
			files, _ := filepath.Glob(name[:len(name)-2] + "*")
			if len(files) < c.segments {
				t.Errorf("%d segments, want %d: the test shows less than it says", len(files), c.segments)
			}
		})
	}
}

func common(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// TestDamagedChunk holds that a damaged chunk is an error with its number, that all others are read, and that a missing
// segment and a damaged table are said.
func TestDamagedChunk(t *testing.T) {
	want := disk()
	for _, packing := range []string{"none", "best"} {
		name := acquire(t, want, "-c", packing, "-S", "2MiB")
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b[200_000] ^= 0x40
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := open(t, name)
		if err != nil {
			t.Fatal(err)
		}
		bad := 0
		for at := int64(0); at < d.Size(); at += d.chunk {
			p := make([]byte, min(d.chunk, d.Size()-at))
			if n, err := d.ReadAt(p, at); err != nil {
				bad++
				if n != 0 || !errors.Is(err, piece.ErrDamaged) && !strings.Contains(err.Error(), "zlib") && !strings.Contains(err.Error(), "flate") || !strings.Contains(err.Error(), fmt.Sprintf("chunk %d:", at/d.chunk)) {
					t.Errorf("%s: at %d: %d bytes, %v, want the number of the chunk", packing, at, n, err)
				}
			} else if !bytes.Equal(p, want[at:][:len(p)]) {
				t.Errorf("%s: the chunk at %d is wrong", packing, at)
			}
		}
		if bad != 1 {
			t.Errorf("%s: %d chunks are damaged, want 1", packing, bad)
		}
		if packing == "none" {
			missing(t, name, want)
		}
	}
}

// missing takes a segment away.
func missing(t *testing.T, name string, want []byte) {
	t.Helper()
	if err := os.Remove(name[:len(name)-1] + "2"); err != nil {
		t.Fatal(err)
	}
	d, err := open(t, name)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(d.Notes(), "; "); !strings.Contains(notes, "segment 2 is missing") || !strings.Contains(notes, "the disk ends after") {
		t.Errorf("notes %q", notes)
	}
	p := make([]byte, 512)
	if n, err := d.ReadAt(p, 5<<19); n != 0 || err == nil {
		t.Errorf("what is in a missing segment: %d bytes, %v", n, err)
	}
	if n, err := d.ReadAt(p, 1<<20); n != 512 || !bytes.Equal(p, want[1<<20:][:512]) {
		t.Errorf("what is in the first segment: %d bytes, %v", n, err)
	}
}

// TestTableCopy holds that the copy of a table is used where the first is damaged.
func TestTableCopy(t *testing.T) {
	want := disk()
	name := acquire(t, want)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("table\x00"))
	for _, off := range []int{descriptorSize + 2, descriptorSize + 24 + 40} { // the head, an entry
		spoilt := bytes.Clone(b)
		spoilt[at+off] ^= 1
		if err := os.WriteFile(name, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := open(t, name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := whole(d); err != nil || !bytes.Equal(got, want) {
			t.Errorf("byte %d of the table spoilt: %d bytes, %v, want %d", off, len(got), err, len(want))
		}
	}
}

func TestSegmentName(t *testing.T) {
	for _, c := range []struct {
		first  string
		number int
		want   string
	}{
		{"a.E01", 2, "a.E02"},
		{"a.E01", 99, "a.E99"},
		{"a.E01", 100, "a.EAA"},
		{"a.E01", 101, "a.EAB"},
		{"a.E01", 775, "a.EZZ"},
		{"a.E01", 776, "a.FAA"},
		{"a.e01", 100, "a.eaa"},
		{"a.s01", 126, "a.sba"},
		{"a.E01", 20_000, ""},
		{"a.raw", 2, ""},
	} {
		if got, err := segmentName(c.first, c.number); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("segment %d of %s: %q, %v, want %q", c.number, c.first, got, err, c.want)
		}
	}
}

// TestDamage changes images at random places: there is an end to reading them, and what is given is right.
func TestDamage(t *testing.T) {
	images := 300
	if os.Getenv("SPOR_LONG") != "" {
		images = 10_000
	}
	want := disk()[:100_000]
	name := acquire(t, want, "-c", "fast")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	wrong, opened := 0, 0
	for seed := range images {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		spoilt := bytes.Clone(b)
		for range 1 + r.IntN(8) {
			spoilt[r.IntN(len(spoilt))] = byte(r.Uint32())
		}
		d, err := Open(bytes.NewReader(spoilt), int64(len(spoilt)), "a.E01", none)
		if err != nil {
			continue
		}
		opened++
		p := make([]byte, 4096)
		for at := int64(0); at < min(d.Size(), 1<<20); at += int64(len(p)) {
			n, err := d.ReadAt(p, at)
			if at < int64(len(want)) && !bytes.Equal(p[:min(n, len(want)-int(at))], want[at:][:min(n, len(want)-int(at))]) {
				wrong++
				t.Logf("seed %d: wrong bytes at %d, %v", seed, at, err)
				break
			}
		}
	}
	t.Logf("%d of %d images opened", opened, images)
	if wrong > 0 || opened < images/2 {
		t.Errorf("%d images gave wrong bytes, %d of %d opened", wrong, opened, images)
	}
}

func none(name string) (io.ReaderAt, int64, error) {
	return nil, 0, fmt.Errorf("%s: %w", name, os.ErrNotExist)
}

func FuzzOpen(f *testing.F) {
	b, err := os.ReadFile(acquire(f, disk()[:40_000], "-c", "fast"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Open(bytes.NewReader(b), int64(len(b)), "a.E01", none)
		if err != nil {
			return
		}
		p := make([]byte, 1<<16)
		for at := int64(0); at < min(d.Size(), 1<<20); at += int64(len(p)) {
			if n, err := d.ReadAt(p, at); n < len(p) && err == nil {
				t.Errorf("%d bytes at %d without an error", n, at)
			}
		}
	})
}
