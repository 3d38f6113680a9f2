package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"spor/artifacts"
	"spor/package/seal"
)

// nowhere is a store that keeps nothing.
type nowhere struct{}

func (nowhere) Create(string) (Volume, error) { return nowhere{}, nil }
func (nowhere) Write(b []byte) (int, error)   { return len(b), nil }
func (nowhere) Commit() error                 { return nil }
func (nowhere) Abort() error                  { return nil }

// putMany puts n files of 4 KiB, all different, and tells what the writer then holds for each, in bytes.
func putMany(tb testing.TB, n int) (w *Writer, held float64) {
	tb.Helper()
	signer, err := seal.NewSigner("run")
	if err != nil {
		tb.Fatal(err)
	}
	if w, err = NewWriter(nowhere{}, "b", Options{Recipients: cert().to, Signer: signer, Now: time.Now}); err != nil {
		tb.Fatal(err)
	}
	content := noise(4096)
	put := func(i int) {
		binary.LittleEndian.PutUint64(content, uint64(i))
		it := artifacts.Item{
			Origin: artifacts.Path(fmt.Sprintf("/home/user%d/Documents/a folder/file-%d.txt", i%100, i)), Size: int64(len(content)), Source: "Documents",
			Times: artifacts.Times{Modified: when.Add(time.Duration(i)), Accessed: when, Changed: when, Born: when}, Read: when.Add(time.Duration(i)),
			Mode: 0o644, UID: "1000", GID: "1000", Inode: uint64(i), Device: 2049, Method: "noatime",
		}
		if _, err := w.Put(tb.Context(), it, bytes.NewReader(content)); err != nil {
			tb.Fatal(err)
		}
	}
	put(0)
	before := heap()
	for i := 1; i <= n; i++ {
		put(i)
	}
	return w, float64(heap()-before) / float64(n)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkPut tells with -benchtime 100000x what a hundred thousand items cost the writer: held-B/op, the 6 MiB of frames
// on their way included, is to stay below 300.
func BenchmarkPut(b *testing.B) {
	b.SetBytes(4096)
	b.ReportAllocs()
	_, held := putMany(b, b.N)
	b.ReportMetric(held, "held-B/op")
}

// A volume of more than one stretch is what was written, however much of it was sent to the disk before its end.
func TestFolderWritesBehind(t *testing.T) {
	dir := t.TempDir()
	v, err := Folder(dir).Create("x")
	if err != nil {
		t.Fatal(err)
	}
	piece := bytes.Repeat([]byte("evidence"), 3<<17) // 3 MiB: no stretch ends where a piece does
	want := sha256.New()
	for i := range 12 {
		piece[0] = byte(i)
		want.Write(piece)
		if n, err := v.Write(piece); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	if p := v.(*part); p.begun < stretch || p.written-p.begun >= stretch {
		t.Errorf("of %d bytes the disk was told of %d", p.written, p.begun)
	}
	if err := v.Commit(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "x"))
	if err != nil || sha256.Sum256(got) != [sha256.Size]byte(want.Sum(nil)) {
		t.Errorf("%d bytes are not the %d that were written: %v", len(got), 12*len(piece), err)
	}
}
