package rawfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/build/ntfs"
)

// layer is an image with some bytes changed.
type layer struct {
	io.ReaderAt
	changed map[int64]byte
}

func (l layer) ReadAt(p []byte, off int64) (int, error) {
	n, err := l.ReaderAt.ReadAt(p, off)
	for at, c := range l.changed {
		if at >= off && at < off+int64(n) {
			p[at-off] = c
		}
	}
	return n, err
}

// TestDamage changes bytes of an image at random, most of them where NTFS keeps its structures, and reads all there is
// to read: there must be an end to it, and no panic.
func TestDamage(t *testing.T) {
	images := 300
	if os.Getenv("SPOR_LONG") != "" {
		images = 10_000
	}
	name := ntfs.Image(t, ntfs.Shape{Sector: 512, Cluster: 4096, Size: 16 << 20}, func(dir string) {
		c := contents(true)
		for n := range c {
			if len(c[n]) > 200_000 && n != "text.log" || strings.HasPrefix(n, "many/file number 1") || strings.HasPrefix(n, "many/file number 2") {
				delete(c, n)
			}
		}
		c["comp/mixed.bin"], c["text.log"], c["comp/noise.bin"] = mixed()[:10*64<<10], text(30_000, 7), noise(70_000, 13)
		fillSmall(t, dir, c)
	})
	image, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	places := structures(image)
	var slowest time.Duration
	opened, files := 0, 0
	for seed := range images {
		r := rand.New(rand.NewPCG(uint64(seed), 5))
		l := layer{bytes.NewReader(image), map[int64]byte{}}
		for range 1 + r.IntN(30) {
			at := places[r.IntN(len(places))] + int64(r.IntN(1024))
			l.changed[at%int64(len(image))] = byte(r.Uint32())
		}
		began := time.Now()
		n, err := readEverything(t.Context(), l, int64(len(image)))
		took := time.Since(began)
		if slowest = max(slowest, took); took > time.Minute {
			t.Errorf("seed %d took %v", seed, took)
		}
		if err == nil {
			opened++
		}
		files += n
	}
	t.Logf("%d images, of which %d opened; %d files read, the slowest image in %v", images, opened, files, slowest)
	if opened < images/2 || files < images*10 {
		t.Errorf("%d of %d images opened, %d files read: too much is refused to prove anything", opened, images, files)
	}
}

// fillSmall writes what fill does without the largest file, and most names of the one with many.
func fillSmall(t testing.TB, dir string, c map[string][]byte) {
	fill(t, dir, c)
	names, err := filepath.Glob(filepath.Join(dir, "links", "*[1-3]?.txt"))
	if err != nil || len(names) != 30 {
		t.Fatalf("%d names, %v", len(names), err)
	}
	for _, name := range append(names, filepath.Join(dir, "sparse.bin")) {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// structures are the places of records and index blocks in an image.
func structures(image []byte) []int64 {
	places := []int64{0}
	for at := 0; at+4 <= len(image); at += 512 {
		if m := string(image[at : at+4]); m == "FILE" || m == "INDX" {
			places = append(places, int64(at))
		}
	}
	return places
}

// readEverything opens an image and reads its whole tree, up to a limit for each file.
func readEverything(ctx context.Context, r io.ReaderAt, size int64) (files int, err error) {
	v, err := Open(r, size, "C:")
	if err != nil {
		return 0, err
	}
	for range v.Entries(ctx) {
	}
	queue := []artifacts.Path{`C:\`}
	for len(queue) > 0 && files < 5000 {
		dir := queue[0]
		queue = queue[1:]
		list, _ := v.ReadDir(dir)
		for _, e := range list {
			p := artifacts.Windows.Join(dir, e.Name)
			if len(p) > 2000 {
				continue // folders within themselves
			}
			if e.Kind == artifacts.Directory {
				queue = append(queue, p)
				continue
			}
			if f, err := v.Open(p); err == nil {
				_, _ = io.Copy(io.Discard, io.LimitReader(f, 4<<20))
				f.Close()
			}
			files++
		}
	}
	return files, nil
}

func FuzzRecord(f *testing.F) {
	f.Add(madeRecord(1024, 40, recordRoot, "a name.txt", false))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 1024 {
			return
		}
		b = b[:1024]
		v := &Volume{cluster: 4096, total: 1000, size: 4096 * 1000, record: 1024, mft: &stream{}}
		n, err := v.parse(1, b)
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("an error of another kind: %v", err)
		}
		n.fileNames()
		for _, name := range n.streams() {
			if s := n.stream(typeData, name); s.map_() == nil && s.covered > 1<<62 {
				t.Errorf("%d bytes covered", s.covered)
			}
		}
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte{0x02, 0x80, 0x00, 'a', 'b'}, uint16(100))
	f.Fuzz(func(t *testing.T, src []byte, size uint16) {
		dst := make([]byte, int(size)+1)
		for _, err := range []error{xpress(dst, src), lzx(dst, src)} {
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("an error of another kind: %v", err)
			}
		}
		if n, err := lznt1(dst, src); err == nil && n > len(dst) {
			t.Errorf("%d bytes in %d", n, len(dst))
		}
	})
}

// madeRecord is a record of the MFT with two attributes and a small content.
func madeRecord(size int, number, parent uint64, name string, directory bool) []byte {
	le := binary.LittleEndian
	b := make([]byte, size)
	copy(b, "FILE")
	le.PutUint16(b[4:], 48)
	le.PutUint16(b[6:], uint16(size/512+1))
	le.PutUint16(b[0x10:], 1)
	le.PutUint16(b[0x12:], 1)
	le.PutUint16(b[0x14:], 56)
	le.PutUint16(b[0x16:], inUse)
	if directory {
		le.PutUint16(b[0x16:], inUse|isDirectory)
	}
	le.PutUint32(b[0x2c:], uint32(number))
	at := 56
	add := func(kind uint32, value []byte) {
		n := (24 + len(value) + 7) &^ 7
		le.PutUint32(b[at:], kind)
		le.PutUint32(b[at+4:], uint32(n))
		le.PutUint32(b[at+16:], uint32(len(value)))
		le.PutUint16(b[at+20:], 24)
		copy(b[at+24:], value)
		at += n
	}
	std := make([]byte, 72)
	le.PutUint64(std, 133000000000000000+number)
	add(typeStandard, std)
	key := make([]byte, 66, 66+2*len(name))
	le.PutUint64(key, parent|1<<48)
	key[64], key[65] = byte(len(name)), 1
	for _, c := range name {
		key = append(key, byte(c), byte(c>>8))
	}
	add(typeName, key)
	add(typeData, []byte("some content"))
	le.PutUint32(b[at:], typeEnd)
	le.PutUint32(b[0x18:], uint32(at+8))
	for i := 1; i <= size/512; i++ { // the update sequence: number 1
		copy(b[48+2*i:], b[512*i-2:512*i])
		le.PutUint16(b[512*i-2:], 1)
	}
	le.PutUint16(b[48:], 1)
	return b
}

// madeVolume is a volume of nothing but an MFT with so many records: folders of 100 files each, eight deep at most.
func madeVolume(t testing.TB, records int) *Volume {
	t.Helper()
	const cluster = 4096
	table := make([]byte, records*1024)
	copy(table[recordRoot*1024:], madeRecord(1024, recordRoot, recordRoot, ".", true))
	folder := uint64(recordRoot)
	for n := uint64(firstUser); n < uint64(records); n++ {
		isFolder := n%100 == firstUser
		if isFolder && n%800 < 100 {
			folder = recordRoot
		}
		copy(table[n*1024:], madeRecord(1024, n, folder, fmt.Sprintf("file number %d.txt", n), isFolder))
		if isFolder {
			folder = n
		}
	}
	v := &Volume{drive: "C:", cluster: cluster, record: 1024, total: int64(len(table)) / cluster, size: int64(len(table)), dirs: map[uint64]*directory{}}
	v.from = &sectors{from: bytes.NewReader(table), unit: 512, size: v.size}
	v.mft = &stream{v: v, size: v.size, valid: v.size, covered: v.size, runs: []run{{0, 0, v.total}}}
	v.mft.once.Do(func() {})
	return v
}

func TestEntries(t *testing.T) {
	v := madeVolume(t, 2000)
	n := 0
	for e, err := range v.Entries(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if e.Record == 250 && e.Path != `C:\file number 16.txt\file number 116.txt\file number 216.txt\file number 250.txt` {
			t.Errorf("record 250 is %s", e.Path)
		}
		if e.Record > recordRoot && (e.Size != 12 || e.Times.Born != Filetime(133000000000000000+e.Record)) {
			t.Errorf("record %d: %+v", e.Record, e)
		}
	}
	if want := 2000 - firstUser + 1; n != want {
		t.Errorf("%d entries, want %d", n, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range v.Entries(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
}

func TestNoVolume(t *testing.T) {
	for what, head := range map[string]string{"nothing": "\x00\x00\x00", "BitLocker": "\xeb\x58\x90-FVE-FS-", "ReFS": "\x00\x00\x00ReFS\x00\x00\x00\x00"} {
		image := append([]byte(head), make([]byte, 8192)...)
		if _, err := Open(bytes.NewReader(image), int64(len(image)), "C:"); !errors.Is(err, ErrNotNTFS) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Open(bytes.NewReader(make([]byte, 100)), 100, "C:"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a short file: %v", err)
	}
	if _, err := madeVolume(t, 100).Lstat(`D:\x`); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another drive: %v", err)
	}
}
