package bundle

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
)

type tempFile struct {
	*os.File
	fails bool
}

func (f *tempFile) WriteAt(b []byte, at int64) (int, error) {
	if f.fails {
		return 0, errors.New("disk full")
	}
	return f.File.WriteAt(b, at)
}

// What a ledger cannot hold goes sealed to a file, and comes back; where the file takes no more, it is kept in memory.
func TestLedgerSealsWhatIsOver(t *testing.T) {
	text := make([]byte, 16*pageSize)
	rng := rand.NewChaCha8([32]byte{})
	rng.Read(text)
	copy(text[pageSize:], "a canary in the records")
	for _, tt := range []struct {
		name  string
		place func(*tempFile) (Temp, error)
		fill  func(*tempFile)
		file  bool
	}{
		{"no place", nil, nil, false},
		{"no file", func(*tempFile) (Temp, error) { return nil, os.ErrPermission }, nil, false},
		{"file", func(f *tempFile) (Temp, error) { return f, nil }, nil, true},
		{"file that fills up", func(f *tempFile) (Temp, error) { return f, nil }, func(f *tempFile) { f.fails = true }, true},
	} {
		f, err := os.Create(t.TempDir() + "/temp")
		if err != nil {
			t.Fatal(err)
		}
		temp := &tempFile{File: f}
		var p pages
		if tt.place != nil {
			p.temp = func() (Temp, error) { return tt.place(temp) }
		}
		l := newLedger(p)
		for i := 0; i < len(text); i += pageSize {
			if i == 14*pageSize && tt.fill != nil {
				tt.fill(temp)
			}
			if _, err := l.Write(text[i : i+pageSize]); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
		}
		for range 2 {
			r, err := l.open()
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s: %d bytes, %v; want the %d that were written", tt.name, len(got), err, len(text))
			}
			r.Close()
		}
		raw, err := os.ReadFile(f.Name())
		if err != nil || bytes.Contains(raw, []byte("canary")) || (len(raw) > 0) != tt.file {
			t.Errorf("%s: file of %d bytes, %v; want one: %v, and nothing of it to be read", tt.name, len(raw), err, tt.file)
		}
		if tt.file && tt.fill == nil {
			temp.File.WriteAt([]byte("altered"), 1000)
			r, err := l.open()
			if err == nil {
				_, err = io.Copy(io.Discard, r)
			}
			if !errors.Is(err, errPage) {
				t.Errorf("%s: an altered file gives %v; want %v", tt.name, err, errPage)
			}
		}
		if err := l.packed.close(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
