package vhd

import (
	"bytes"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// convert makes an image of a disk by qemu-img.
func convert(t testing.TB, disk []byte, format, options string) []byte {
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
	args := []string{"convert", "-f", "raw", "-O", format, "-o", options, raw, out}
	if b, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("qemu-img %q: %v\n%s", args, err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(b []byte) (*Disk, error) {
	if bytes.HasPrefix(b, []byte(MagicX)) {
		return OpenX(bytes.NewReader(b), int64(len(b)))
	}
	return Open(bytes.NewReader(b), int64(len(b)))
}

// holds checks that an image gives the bytes of a disk, and zeros behind it.
func holds(t *testing.T, what string, image, want []byte) *Disk {
	t.Helper()
	d, err := open(image)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	got, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
	if err != nil || len(got) < len(want) || !bytes.Equal(got[:len(want)], want) || !bytes.Equal(got[len(want):], make([]byte, len(got)-len(want))) {
		t.Errorf("%s: %d bytes, %v, want %d", what, len(got), err, len(want))
	}
	return d
}

func TestConverted(t *testing.T) {
	want := disk(9<<20 + 1024)
	for _, c := range []struct{ format, options string }{
		{"vpc", "subformat=dynamic"},
		{"vpc", "subformat=dynamic,force_size=on"},
		{"vpc", "subformat=fixed"},
		{"vhdx", "subformat=dynamic,block_size=1M"},
		{"vhdx", "subformat=dynamic"},
		{"vhdx", "subformat=fixed,block_size=2M"},
	} {
		d := holds(t, c.options, convert(t, want, c.format, c.options), want)
		if len(d.Notes()) > 0 {
			t.Errorf("%s: notes %q", c.options, d.Notes())
		}
	}
}

// TestFooter holds that a VHD whose end is gone is read by the copy in its first sector, and that both damaged are an error.
func TestFooter(t *testing.T) {
	want := disk(4 << 20)
	image := convert(t, want, "vpc", "subformat=dynamic,force_size=on")
	if d := holds(t, "cut", image[:len(image)-512], want); !strings.Contains(strings.Join(d.Notes(), ""), "was cut") {
		t.Errorf("cut: notes %q", d.Notes())
	}
	image[3]++
	image[len(image)-509]++
	if _, err := open(image); !errors.Is(err, piece.ErrDamaged) {
		t.Errorf("no footer: %v, want %v", err, piece.ErrDamaged)
	}
}

func TestDifferencing(t *testing.T) {
	image := convert(t, disk(1<<20), "vpc", "subformat=dynamic,force_size=on")
	for _, at := range []int{0, len(image) - 512} {
		be.PutUint32(image[at+60:], 4)
		be.PutUint32(image[at+64:], sum(image[at:at+512], 64))
	}
	copy(image[512+64:], "\x00p\x00a\x00r\x00e\x00n\x00t\x00.\x00v\x00h\x00d")
	if _, err := open(image); !errors.Is(err, ErrParent) || !strings.Contains(err.Error(), "parent.vhd") {
		t.Errorf("VHD: %v, want %v and its name", err, ErrParent)
	}
	image = convert(t, disk(1<<20), "vhdx", "subformat=dynamic")
	id, err := hex.DecodeString(itemParameters)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(image, id)
	from := bytes.Index(image, []byte("metadata")) + int(le.Uint32(image[at+16:]))
	image[from+4] |= 2
	if _, err := open(image); !errors.Is(err, ErrParent) {
		t.Errorf("VHDX: %v, want %v", err, ErrParent)
	}
}

// seal writes the checksum of a structure of VHDX.
func seal(b []byte) {
	clear(b[4:8])
	le.PutUint32(b[4:], crc32.Checksum(b, castagnoli))
}

// entry is one of a log that writes a sector and makes two others zero.
func entry(id []byte, sequence uint64, tail uint32, to int64, fill byte, zeros int64) []byte {
	b := make([]byte, 2*logSector)
	copy(b, "loge")
	le.PutUint32(b[8:], uint32(len(b)))
	le.PutUint32(b[12:], tail)
	le.PutUint64(b[16:], sequence)
	le.PutUint32(b[24:], 2)
	copy(b[32:], id)
	d := b[64:]
	copy(d, "desc")
	copy(d[4:8], bytes.Repeat([]byte{fill}, 4))
	copy(d[8:16], bytes.Repeat([]byte{fill}, 8))
	le.PutUint64(d[16:], uint64(to))
	le.PutUint64(d[24:], sequence)
	d = d[32:]
	copy(d, "zero")
	le.PutUint64(d[8:], 2*logSector)
	le.PutUint64(d[16:], uint64(zeros))
	le.PutUint64(d[24:], sequence)
	d = b[logSector:]
	copy(d, "data")
	for i := 8; i < logSector-4; i++ {
		d[i] = fill
	}
	le.PutUint32(d[4:], uint32(sequence>>32))
	le.PutUint32(d[logSector-4:], uint32(sequence))
	seal(b)
	return b
}

// TestLog holds that a disk that was not closed is read as its log says, by the newest sequence, around the end of the
// ring; and that one whose log is damaged is refused.
func TestLog(t *testing.T) {
	want := disk(3 << 20)
	image := convert(t, want, "vhdx", "subformat=fixed,block_size=1M")
	head := image[64<<10:]
	if le.Uint64(image[128<<10+8:]) > le.Uint64(head[8:]) {
		head = image[128<<10:]
	}
	head = head[:4096]
	id := bytes.Repeat([]byte{7}, 16)
	copy(head[48:], id)
	at, length := int64(le.Uint64(head[72:])), int64(le.Uint32(head[68:]))
	seal(head)
	if _, err := open(image); !errors.Is(err, piece.ErrDamaged) {
		t.Errorf("a log without entries: %v, want %v", err, piece.ErrDamaged)
	}
	data := int64(bytes.Index(image, want[:4096]))
	ring := image[at : at+length]
	copy(ring, entry(id, 4, 0, data+8192, 1, data+16384)) // an older sequence
	one := entry(id, 5, uint32(length-logSector), data+4096, 2, data+65536)
	copy(ring[length-logSector:], one[:logSector])
	copy(ring, one[logSector:])
	copy(ring[logSector:], entry(id, 6, uint32(length-logSector), data+4096, 3, data+131072))
	read := slices.Clone(want)
	copy(read[4096:8192], bytes.Repeat([]byte{3}, 4096))
	clear(read[65536 : 65536+8192])
	clear(read[131072 : 131072+8192])
	if d := holds(t, "log", image, read); !strings.Contains(strings.Join(d.Notes(), ""), "5 sectors are read from its log") {
		t.Errorf("notes %q", d.Notes())
	}
	ring[3*logSector-1]++ // of the last entry
	ring[length-100]++    // of the first
	if _, err := open(image); !errors.Is(err, piece.ErrDamaged) {
		t.Errorf("a damaged log: %v, want %v", err, piece.ErrDamaged)
	}
}

// readSome reads what an image gives of its first megabytes.
func readSome(t *testing.T, b []byte) bool {
	t.Helper()
	d, err := open(b)
	if err != nil {
		return false
	}
	p := make([]byte, 1<<16)
	for at := int64(0); at < min(d.Size(), 1<<20); at += int64(len(p)) {
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
	for _, c := range []struct{ format, options string }{{"vpc", "subformat=dynamic"}, {"vhdx", "subformat=dynamic,block_size=1M"}} {
		image, opened := convert(t, disk(1<<20), c.format, c.options), 0
		at := []int{0, 512, 1536, len(image) - 512}
		if c.format == "vhdx" {
			at = []int{64 << 10, 128 << 10, 192 << 10, 256 << 10}
			for _, mark := range []string{"metadata", "\x00\x00\x00\x00"} {
				at = append(at, 1<<20+bytes.Index(image[1<<20:], []byte(mark)), 2<<20, 3<<20)
			}
		}
		for seed := range images {
			r := rand.New(rand.NewPCG(uint64(seed), 9))
			undo := map[int]byte{}
			for range 1 + r.IntN(3) {
				place := (at[r.IntN(len(at))] + r.IntN(512)) % len(image)
				if _, ok := undo[place]; !ok {
					undo[place] = image[place]
				}
				image[place] = byte(r.Uint32())
			}
			if readSome(t, image) {
				opened++
			}
			for place, c := range undo {
				image[place] = c
			}
		}
		t.Logf("%s: %d of %d images opened", c.format, opened, images)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(convert(f, disk(1<<20), "vpc", "subformat=dynamic"))
	f.Add([]byte(MagicX))
	f.Fuzz(func(t *testing.T, b []byte) { readSome(t, b) })
}

// FuzzReplay holds that there is an end to any log.
func FuzzReplay(f *testing.F) {
	id := bytes.Repeat([]byte{7}, 16)
	f.Add(append(entry(id, 4, 0, 8192, 1, 16384), entry(id, 5, 0, 4096, 1, 0)...))
	f.Fuzz(func(t *testing.T, ring []byte) {
		file := append(make([]byte, logSector), ring[:len(ring)/logSector*logSector]...)
		o, err := replay(bytes.NewReader(file), int64(len(file)), id, logSector, int64(len(file)-logSector))
		if err != nil {
			return
		}
		p := make([]byte, 100_000)
		if n, err := o.ReadAt(p, 100); n < len(p) && err == nil {
			t.Errorf("%d bytes without an error", n)
		}
	})
}

// TestLogOfZeros holds that a log that makes sectors zero beyond all files, or the same ones without end, is refused.
func TestLogOfZeros(t *testing.T) {
	id := bytes.Repeat([]byte{7}, 16)
	beyond := entry(id, 4, 0, 8192, 1, 1<<63-logSector)
	again := make([]byte, 256*logSector)
	copy(again, entry(id, 4, 0, 8192, 1, 16384)[:64])
	const count = 30_000
	le.PutUint32(again[8:], uint32(len(again)))
	le.PutUint32(again[24:], count)
	for i := range count {
		d := again[64+32*i:]
		copy(d, "zero")
		le.PutUint64(d[8:], maxSectors*logSector)
		le.PutUint64(d[24:], 4)
	}
	seal(beyond)
	seal(again)
	for _, ring := range [][]byte{beyond, again} {
		file := append(make([]byte, logSector), ring...)
		o, err := replay(bytes.NewReader(file), int64(len(file)), id, logSector, int64(len(ring)))
		if !errors.Is(err, piece.ErrDamaged) {
			t.Errorf("a log of %d bytes: %v, want %v", len(ring), err, piece.ErrDamaged)
		}
		if err == nil {
			_, _ = o.ReadAt(make([]byte, 10_000), 0) // nor does it end in a panic
		}
	}
}
