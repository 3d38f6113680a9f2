package vss

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"spor/collect/rawfile/vss/vsstest"
)

// small is a volume with two copies, and where their records begin.
func small() (b []byte, records int64) {
	b = make([]byte, 40*blockSize)
	was, between := bytes.Clone(b), bytes.Clone(b)
	was[2*blockSize], between[3*blockSize] = 1, 1
	end := vsstest.Keep(b, 16*blockSize, []time.Time{time.Unix(1, 0), time.Unix(2, 0)}, was, between)
	return b, end - 9*blockSize
}

// everything opens a volume and reads all of every copy.
func everything(b []byte) (copies int, err error) {
	v, err := Open(bytes.NewReader(b), int64(len(b)))
	buf := make([]byte, 3*blockSize)
	for i := range v.Copies {
		r, errCopy := v.Reader(i)
		if errCopy != nil {
			err = errors.Join(err, errCopy)
			continue
		}
		for at := int64(0); at < v.Copies[i].Size; at += int64(len(buf)) {
			if _, errRead := r.ReadAt(buf, at); errRead != nil && !errors.Is(errRead, io.EOF) {
				err = errors.Join(err, errRead)
				break
			}
		}
	}
	return len(v.Copies), err
}

// TestHostile holds that lists which lead into themselves end, and that what is not there is said.
func TestHostile(t *testing.T) {
	good, records := small()
	if n, err := everything(good); n != 2 || err != nil {
		t.Fatalf("%d copies, %v", n, err)
	}
	catalog := int64(binary.LittleEndian.Uint64(good[volumeHeader+48:]))
	for what, c := range map[string]struct {
		at, value int64
		says      string
	}{
		"a catalog that goes on with itself":  {catalog + 40, catalog, "comes back"},
		"a catalog beyond the volume":         {volumeHeader + 48, 1 << 50, "of a volume"},
		"a store whose header is elsewhere":   {catalog + headerSize + entrySize + 32, blockSize, "no record"},
		"a list of blocks that is not there":  {catalog + headerSize + entrySize + 8, 1 << 40, "of a volume"},
		"a block that lies beyond the volume": {records + 2*blockSize + headerSize + 16, 1 << 40, "of a volume"},
	} {
		b := bytes.Clone(good)
		binary.LittleEndian.PutUint64(b[c.at:], uint64(c.value))
		if _, err := everything(b); err == nil || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", what, err, c.says)
		}
	}
	if n, err := everything(make([]byte, 10*blockSize)); n != 0 || err != nil {
		t.Errorf("a volume without copies: %d, %v", n, err)
	}
}

// TestDamage changes bytes of the records at random: no panic, and an end.
func TestDamage(t *testing.T) {
	good, records := small()
	r := rand.New(rand.NewPCG(5, 6))
	began := time.Now()
	for range 300 {
		b := bytes.Clone(good)
		for range 1 + r.IntN(5) {
			at := records + r.Int64N(9*blockSize)
			if r.IntN(2) == 0 {
				at = records + r.Int64N(9)*blockSize + r.Int64N(400) // where something stands
			}
			b[at] = byte(r.Uint32())
		}
		_, _ = everything(b)
		if time.Since(began) > time.Minute {
			t.Fatal("reading damaged copies takes more than a minute")
		}
	}
}

// FuzzVolume holds that no more copies are given than a catalog has room for.
func FuzzVolume(f *testing.F) {
	good, _ := small()
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, _ := everything(b[:min(len(b), 1<<20)]); n > maxCopies {
			t.Errorf("%d copies", n)
		}
	})
}
