package formats

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/timeline"
)

// unpacked reads the first bytes of a file, and of what it is inside where it is gzip.
func unpacked(t *testing.T, name string, most int64) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if z, err := gzip.NewReader(f); err == nil {
		if inner, err := io.ReadAll(io.LimitReader(z, most)); err == nil {
			return inner
		}
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, most))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// samples are the files of the corpus by the format that knows them.
func samples(t *testing.T) map[*timeline.Format][]string {
	t.Helper()
	const largest = 4 << 20
	formats, found := All(), map[*timeline.Format][]string{}
	err := filepath.WalkDir(corpus(), func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		if info, err := e.Info(); err != nil || info.Size() > largest {
			return err
		}
		b := unpacked(t, name, timeline.HeadSize)
		if f := formats.Find(strings.TrimSuffix(name, ".gz"), b); f != nil && len(b) > 0 {
			found[f] = append(found[f], name)
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		t.Skipf("SKIPPED: the corpus is not here: %v", err)
	}
	return found
}

// spoil cuts, doubles or flips bits; the beginning mostly stays, or no parser would know the file.
func spoil(rnd *rand.Rand, b []byte) []byte {
	at := rnd.Intn(len(b))
	switch rnd.Intn(6) {
	case 0:
		return b[:at]
	case 1:
		return append(bytes.Clone(b[:at]), b[rnd.Intn(at+1):]...)
	case 2:
		return append(bytes.Clone(b), b...)
	case 3: // a stretch of nothing
		b = bytes.Clone(b)
		clear(b[at:min(len(b), at+rnd.Intn(70_000))])
	case 4: // a number that is too large
		b = bytes.Clone(b)
		copy(b[at:], "\xff\xff\xff\xff\xff\xff\xff\xff"[:1+rnd.Intn(8)])
	default:
		b = bytes.Clone(b)
		for range 1 + rnd.Intn(64) {
			b[rnd.Intn(len(b))] ^= 1 << rnd.Intn(8)
		}
	}
	return b
}

// TestMutants gives spoilt files of the corpus to the parser that knew them whole, each parser as many: no panic, none that
// takes longer than five seconds, no memory without bound. SPOR_LONG=1 reads 10,000 of them.
func TestMutants(t *testing.T) {
	n := 300
	if os.Getenv("SPOR_LONG") != "" {
		n = 10_000
	}
	files := samples(t)
	var formats []*timeline.Format
	for _, f := range All() {
		if len(files[f]) > 0 {
			formats = append(formats, f)
		}
	}
	slowest, which := time.Duration(0), ""
	read := map[string][]byte{} // the small ones, which come again and again
	for i := range n {
		rnd := rand.New(rand.NewSource(int64(i)))
		f := formats[i%len(formats)]
		name := files[f][rnd.Intn(len(files[f]))]
		b := read[name]
		if b == nil {
			if b = unpacked(t, name, 64<<20); len(b) < 1<<20 {
				read[name] = b
			}
		}
		b = spoil(rnd, b)
		if took := mutant(t, f, i, name, b); took > slowest {
			slowest, which = took, f.Name
		}
	}
	var names []string
	for _, f := range formats {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	t.Logf("%d mutants for %s; the slowest took %v, by %s", n, strings.Join(names, ", "), slowest, which)
}

// mutant reads one.
func mutant(t *testing.T, f *timeline.Format, n int, name string, b []byte) time.Duration {
	t.Helper()
	hang := time.AfterFunc(time.Minute, func() { panic(f.Name + " hangs on a mutant of " + name) })
	defer hang.Stop()
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("mutant %d, of %s: %s panicked: %v", n, name, f.Name, r)
		}
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, events := time.Now(), 0
	for e, err := range f.Parse(timeline.Input{Name: name, ModTime: time.Unix(1.7e9, 0), R: bytes.NewReader(b), Size: int64(len(b))}) {
		if err == nil {
			events++
		}
		if err == nil && e.Message == "" {
			t.Errorf("mutant %d, of %s: %s has an event without a message", n, name, f.Name)
		}
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20+100*uint64(len(b)) {
		t.Errorf("mutant %d, of %s: %s allocated %d bytes for %d", n, name, f.Name, grown, len(b))
	}
	if took > time.Minute {
		t.Errorf("mutant %d, of %s: %s took %v for %d bytes and %d events", n, name, f.Name, took, len(b), events)
	}
	return took
}
