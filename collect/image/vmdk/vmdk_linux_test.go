package vmdk

import (
	"bytes"
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

// disk is some megabytes with noise here and there, and nothing in between.
func disk(size int) []byte {
	b := make([]byte, size)
	r := rand.New(rand.NewPCG(3, 4))
	for at := 0; at < len(b); at += 3 << 20 {
		for i := range b[at:min(len(b), at+300_000)] {
			b[at+i] = byte(r.Uint32())
		}
	}
	return b
}

// convert makes an image of a disk by qemu-img; its files lie in one folder.
func convert(t testing.TB, disk []byte, options string) (name string) {
	t.Helper()
	tool, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skipf("NOT TESTED against qemu: %v (build/deps.sh installs it)", err)
	}
	dir := t.TempDir()
	raw, out := filepath.Join(dir, "raw"), filepath.Join(dir, "image.vmdk")
	f, err := os.Create(raw)
	if err == nil {
		_, err = f.Write(disk)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	args := []string{"convert", "-f", "raw", "-O", "vmdk", "-o", options, raw, out}
	if b, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("qemu-img %q: %v\n%s", args, err, b)
	}
	return out
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
	return Open(r, size, beside)
}

func TestConverted(t *testing.T) {
	want := disk(9<<20 + 1024)
	for _, subformat := range []string{"monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "streamOptimized"} {
		for _, more := range []string{"", ",zeroed_grain=on"} {
			if more != "" && !strings.Contains(subformat, "parse") {
				continue
			}
			d, err := open(t, convert(t, want, "subformat="+subformat+more))
			if err != nil {
				t.Errorf("%s: %v", subformat, err)
				continue
			}
			got, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
			if err != nil || len(got) < len(want) || !bytes.Equal(got[:len(want)], want) || len(bytes.Trim(got[len(want):], "\x00")) > 0 {
				t.Errorf("%s: %d bytes, %v, want %d", subformat, len(got), err, len(want))
			}
			if len(d.Notes()) > 0 {
				t.Errorf("%s: notes %q", subformat, d.Notes())
			}
		}
	}
}

// TestSplit holds that pieces of a large disk lie side by side, and that one that is missing is said and not read.
func TestSplit(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	text.WriteString("# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"twoGbMaxExtentFlat\"\n\n# Extent description\n")
	for i := range 3 {
		if i != 1 {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("d-f%03d.vmdk", i)), bytes.Repeat([]byte{byte(i + 1)}, 8192+512), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Fprintf(&text, "RW 16 FLAT \"d-f%03d.vmdk\" 1\n", i)
	}
	text.WriteString("RW 16 ZERO\n")
	name := filepath.Join(dir, "d.vmdk")
	if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := open(t, name)
	if err != nil {
		t.Fatal(err)
	}
	if d.Size() != 4*8192 || len(d.Notes()) != 1 || !strings.Contains(d.Notes()[0], "d-f001.vmdk") {
		t.Errorf("%d bytes, notes %q", d.Size(), d.Notes())
	}
	b := make([]byte, 4*8192)
	if n, err := d.ReadAt(b, 0); n != 8192 || !errors.Is(err, os.ErrNotExist) || b[8191] != 1 {
		t.Errorf("up to what is missing: %d bytes, %v", n, err)
	}
	if n, err := d.ReadAt(b, 2*8192); n != 2*8192 || err != io.EOF || b[0] != 3 || b[8191] != 3 || b[8192] != 0 {
		t.Errorf("behind what is missing: %d bytes, %v", n, err)
	}
	for what, spoilt := range map[string]string{
		"a snapshot": strings.Replace(text.String(), "ffffffff", "1234abcd", 1), "no files": "# Disk DescriptorFile\n",
		"another kind": "# Disk DescriptorFile\nRW 16 SESPARSE \"d-f000.vmdk\"\n",
	} {
		_, err := Open(strings.NewReader(spoilt), int64(len(spoilt)), func(string) (io.ReaderAt, int64, error) { return bytes.NewReader(b), 1 << 20, nil })
		if err == nil || what == "a snapshot" && !errors.Is(err, ErrParent) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestRefused holds what is said of a piece and of a snapshot in one file, and of an image that was not written to its
// end.
func TestRefused(t *testing.T) {
	name := convert(t, disk(1<<20), "subformat=monolithicSparse")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened(bytes.Replace(b, []byte("parentCID=ffffffff"), []byte("parentCID=0fffffff"), 1)); !errors.Is(err, ErrParent) {
		t.Errorf("a snapshot: %v, want %v", err, ErrParent)
	}
	piecemeal := bytes.Clone(b)
	clear(piecemeal[28:44])
	if _, err := opened(piecemeal); err == nil || !strings.Contains(err.Error(), "name its descriptor") {
		t.Errorf("a piece: %v", err)
	}
	if b, err = os.ReadFile(convert(t, disk(1<<20), "subformat=streamOptimized")); err != nil {
		t.Fatal(err)
	}
	if _, err := opened(b); err != nil {
		t.Fatal(err)
	}
	le.PutUint64(b[56:], atEnd)
	if _, err := opened(b[:len(b)-4096]); !errors.Is(err, piece.ErrDamaged) {
		t.Errorf("a cut image: %v, want %v", err, piece.ErrDamaged)
	}
}

func opened(b []byte) (*Disk, error) {
	return Open(bytes.NewReader(b), int64(len(b)), func(string) (io.ReaderAt, int64, error) { return nil, 0, os.ErrNotExist })
}

func readSome(t *testing.T, b []byte) bool {
	t.Helper()
	d, err := opened(b)
	if err != nil {
		return false
	}
	p := make([]byte, 1<<16)
	for at := int64(0); at < min(d.Size(), 4<<20); at += int64(len(p)) {
		if n, err := d.ReadAt(p, at); n < len(p) && err == nil {
			t.Errorf("%d bytes at %d without an error", n, at)
		}
	}
	return true
}

// TestDamage changes images at random places, most of them where their structures are.
func TestDamage(t *testing.T) {
	images := 300
	if os.Getenv("SPOR_LONG") != "" {
		images = 10_000
	}
	for _, subformat := range []string{"monolithicSparse", "streamOptimized"} {
		image, err := os.ReadFile(convert(t, disk(2<<20), "subformat="+subformat))
		if err != nil {
			t.Fatal(err)
		}
		opened := 0
		for seed := range images {
			r := rand.New(rand.NewPCG(uint64(seed), 9))
			spoilt := bytes.Clone(image)
			for range 1 + r.IntN(20) {
				at := r.IntN(len(spoilt))
				if r.IntN(2) == 0 {
					at = r.IntN(100)
				}
				spoilt[at] = byte(r.Uint32())
			}
			if readSome(t, spoilt) {
				opened++
			}
		}
		t.Logf("%s: %d of %d images opened", subformat, opened, images)
	}
}

func FuzzOpen(f *testing.F) {
	b, err := os.ReadFile(convert(f, disk(1<<17), "subformat=streamOptimized"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("# Disk DescriptorFile\nRW 16 ZERO\n"))
	f.Fuzz(func(t *testing.T, b []byte) { readSome(t, b) })
}
