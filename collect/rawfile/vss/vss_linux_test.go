package vss

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"spor/collect/rawfile/vss/vsstest"
)

// volume is a volume of so many blocks, each of other bytes, that vshadowmount takes for one of NTFS.
func volume(blocks int, r *rand.Rand) []byte {
	b := make([]byte, blocks*blockSize)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	clear(b[:blockSize])
	copy(b, "\xebR\x90NTFS    \x00\x02\x08")
	b[0x28], b[0x29], b[0x2a] = byte(blocks*32-1), byte((blocks*32-1)>>8), byte((blocks*32-1)>>16)
	b[510], b[511] = 0x55, 0xaa
	return b
}

var when = []time.Time{time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC), time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)}

// TestKept reads back what a volume was at three times.
func TestKept(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const blocks, used = 256, 128 * blockSize
	states := [][]byte{volume(blocks, r)}
	for range 3 {
		next := bytes.Clone(states[len(states)-1])
		for range 20 {
			at := blockSize + r.IntN(used-2*blockSize)
			next[at]++
		}
		states = append(states, next)
	}
	now := states[3]
	vsstest.Keep(now, used, when, states[:3]...)
	v, err := Open(bytes.NewReader(now), int64(len(now)))
	if err != nil || len(v.Copies) != 3 {
		t.Fatalf("%d copies, %v", len(v.Copies), err)
	}
	for i, was := range states[:3] {
		if c := v.Copies[i]; !c.Created.Equal(when[i]) || c.Machine != "PC" || c.Elsewhere {
			t.Errorf("copy %d: %+v", i, c)
		}
		got, err := v.Reader(i)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, used-blockSize)
		if n, err := got.ReadAt(b, blockSize); err != nil || !bytes.Equal(b, was[blockSize:used]) {
			t.Errorf("copy %d: %d bytes, %v; first differing at %d", i, n, err, differ(b, was[blockSize:used]))
		}
		odd := make([]byte, 40_001)
		if _, err := got.ReadAt(odd, 12_345+blockSize); err != nil || !bytes.Equal(odd, was[12_345+blockSize:][:len(odd)]) {
			t.Errorf("copy %d: another answer for another place: %v", i, err)
		}
		if n, err := got.ReadAt(odd, int64(len(now))-1); n != 1 || !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %d, %v", n, err)
		}
	}
	name := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(name, now, 0o600); err != nil {
		t.Fatal(err)
	}
	compare(t, name, 0, v)
}

// TestDescriptors holds what is made of descriptors of all kinds, in any order, against vshadowmount.
func TestDescriptors(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := volume(200, r)
		var stores []vsstest.Store
		for i := range 3 {
			s := vsstest.Store{Created: when[i]}
			for range 30 {
				d := vsstest.Descriptor{Origin: int64(1+r.IntN(40)) * blockSize, Relative: int64(1+r.IntN(40)) * blockSize, At: int64(50+r.IntN(40)) * blockSize}
				switch r.IntN(6) {
				case 0:
					d.Flags, d.At = forwarder, 0
				case 1:
					d.Flags, d.Bits = overlaid, r.Uint32()
				case 2:
					d.Flags = ignored
				}
				s.Descriptors = append(s.Descriptors, d)
			}
			stores = append(stores, s)
		}
		vsstest.Write(b, 100*blockSize, stores...)
		v, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil || len(v.Copies) != 3 {
			t.Fatalf("seed %d: %d copies, %v", seed, len(v.Copies), err)
		}
		name := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		compare(t, name, 0, v)
	}
}
