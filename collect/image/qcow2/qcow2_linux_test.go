package qcow2

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// disk is some megabytes with noise and text here and there, and nothing in between.
func disk(size int) []byte {
	b := make([]byte, size)
	r := rand.New(rand.NewPCG(3, 4))
	for at := 0; at < len(b); at += 2 << 20 {
		for i := range b[at:min(len(b), at+300_000)] {
			if b[at+i] = byte(r.Uint32()); i > 150_000 {
				b[at+i] = "a line of a log\n"[i%16]
			}
		}
	}
	return b
}

// image runs qemu-img with the name of a raw disk and of what it is to make.
func image(t testing.TB, disk []byte, args ...string) []byte {
	t.Helper()
	tool, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skipf("NOT TESTED against qemu: %v (build/deps.sh installs it)", err)
	}
	dir := t.TempDir()
	raw, out := filepath.Join(dir, "raw"), filepath.Join(dir, "image")
	if err := os.WriteFile(raw, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, a := range args {
		args[i] = strings.NewReplacer("RAW", raw, "OUT", out).Replace(a)
	}
	if b, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("qemu-img %q: %v\n%s", args, err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestConverted(t *testing.T) {
	want := disk(7<<20 + 1024)
	for _, c := range [][]string{
		{"compat=1.1"},
		{"compat=0.10"},
		{"compat=1.1", "-c"},
		{"compat=0.10,cluster_size=4096", "-c"},
		{"compat=1.1,compression_type=zstd", "-c"},
		{"compat=1.1,cluster_size=2097152"},
	} {
		b := image(t, want, append(append([]string{"convert", "-O", "qcow2", "-o"}, c...), "RAW", "OUT")...)
		d, err := Open(bytes.NewReader(b))
		if err != nil {
			t.Errorf("%q: %v", c, err)
			continue
		}
		got, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: %d bytes, %v, want %d", c, len(got), err, len(want))
		}
	}
}

func TestRefused(t *testing.T) {
	b := image(t, disk(1<<20), "create", "-f", "qcow2", "-b", "RAW", "-F", "raw", "OUT")
	if _, err := Open(bytes.NewReader(b)); !errors.Is(err, ErrParent) || !strings.Contains(err.Error(), "raw") {
		t.Errorf("changes of another file: %v, want %v", err, ErrParent)
	}
	b = image(t, disk(1<<20), "convert", "-O", "qcow2", "RAW", "OUT")
	for at, want := range map[int]string{35: "encrypted", 79: "features", 7: "version", 23: "clusters"} {
		spoilt := bytes.Clone(b)
		spoilt[at] = 0x70
		if _, err := Open(bytes.NewReader(spoilt)); err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "another file") {
			t.Errorf("byte %d: %v, want %q", at, err, want)
		}
	}
}

func readSome(t *testing.T, b []byte) bool {
	t.Helper()
	d, err := Open(bytes.NewReader(b))
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
	packed, opened := image(t, disk(2<<20), "convert", "-c", "-O", "qcow2", "-o", "cluster_size=4096", "RAW", "OUT"), 0
	for seed := range images {
		r := rand.New(rand.NewPCG(uint64(seed), 9))
		spoilt := bytes.Clone(packed)
		for range 1 + r.IntN(20) {
			at := r.IntN(len(spoilt))
			if r.IntN(2) == 0 {
				at = r.IntN(5*4096) % len(spoilt)
			}
			spoilt[at] = byte(r.Uint32())
		}
		if readSome(t, spoilt) {
			opened++
		}
	}
	t.Logf("%d of %d images opened", opened, images)
}

func FuzzOpen(f *testing.F) {
	f.Add(image(f, disk(1<<17), "convert", "-c", "-O", "qcow2", "-o", "cluster_size=4096", "RAW", "OUT"))
	f.Fuzz(func(t *testing.T, b []byte) { readSome(t, b) })
}
