package hive_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts/hive"
	"spor/artifacts/hive/hivetest"
)

// made is a hive with something of everything.
func made() *hivetest.Key {
	root := &hivetest.Key{Name: "ROOT"}
	root.Set(`Software\Þórður\ключ`, hivetest.Text("", "default"), hivetest.Expand("blåbær", `%TEMP%\ß.exe`), hivetest.Texts("three", "a", "b"))
	root.Set("Sizes", hivetest.Number("four", 0x01020304), hivetest.Value{Name: "none"}, hivetest.Value{Name: "one", Type: 3, Data: []byte{9}},
		hivetest.Value{Name: "five", Type: 3, Data: []byte("12345")}, hivetest.Value{Name: "segment", Type: 3, Data: bytes.Repeat([]byte("x"), 16344)},
		hivetest.Value{Name: "big", Type: 3, Data: bytes.Repeat([]byte("big "), 10_000)}, hivetest.Value{Name: "odd", Type: 0x20001, Data: []byte("odd type")})
	for i := range 1200 {
		root.Set(fmt.Sprintf(`Many\%04d`, i), hivetest.Number("n", uint32(i)))
	}
	root.At("Old").Written = time.Date(2001, 2, 3, 4, 5, 6, 700_000_000, time.UTC)
	root.At(strings.Repeat(`d\`, 100) + "end")
	return root
}

// want is what a tree of keys comes to in a dump.
func want(k *hivetest.Key, path string, written time.Time, d *dump) {
	if !k.Written.IsZero() {
		written = k.Written
	}
	d.keys[path] = written.Format("2006-01-02 15:04:05.0000000")
	for _, v := range k.Values {
		d.values[path+`\`+v.Name] = fmt.Sprintf("%d %x", v.Type, v.Data)
	}
	for _, sub := range k.Keys {
		want(sub, strings.TrimPrefix(path+`\`+sub.Name, `\`), written, d)
	}
}

func wanted(k *hivetest.Key) dump {
	d := dump{map[string]string{}, map[string]string{}, nil}
	want(k, "", time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC), &d)
	return d
}

func compare(t *testing.T, what string, got, want dump) {
	t.Helper()
	for _, err := range got.errs {
		t.Errorf("%s: %v", what, err)
	}
	for _, half := range []struct{ got, want map[string]string }{{got.keys, want.keys}, {got.values, want.values}} {
		for k, v := range half.want {
			if g, ok := half.got[k]; !ok || g != v {
				t.Errorf("%s: %q: got %.80q, want %.80q", what, k, g, v)
			}
		}
		for k := range half.got {
			if _, ok := half.want[k]; !ok {
				t.Errorf("%s: %q was not made", what, k)
			}
		}
	}
}

func TestMade(t *testing.T) {
	root := made()
	h := open(t, hivetest.Hive(root))
	if h.Version != "1.5" || h.Dirty || !h.Whole() || h.Name != `\config\MADE` {
		t.Errorf("head: %q, dirty %v, whole %v, %q", h.Version, h.Dirty, h.Whole(), h.Name)
	}
	compare(t, "made", read(h), wanted(root))
	k, err := h.Find(`sOFTWARE\þÓRÐUR\КЛЮЧ`)
	if err != nil || k.Name != "ключ" {
		t.Errorf("found %q, %v, whatever the case", k.Name, err)
	}
	if sd, err := k.Security(); err != nil || len(sd) != 20 || sd[0] != 1 {
		t.Errorf("security % x, %v", sd, err)
	}
	if _, err := h.Find(`Many\none`); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key that is not there: %v", err)
	}
}

func TestReplay(t *testing.T) {
	before, one, two := made(), made(), made()
	one.Set("New", hivetest.Text("v", "1"))
	two.Set("New", hivetest.Text("v", "1"))
	two.Set(`Newer\below`, hivetest.Value{Name: "big", Type: 3, Data: bytes.Repeat([]byte("new"), 20_000)})
	b, b1, b2 := hivetest.Hive(before), hivetest.Hive(one), hivetest.Hive(two)
	dirty, log := hivetest.Torn(b, b1, 7)
	_, other := hivetest.Torn(b1, b2, 8)
	both := append(slices.Clone(log), other[512:]...)
	flipped := slices.Clone(both)
	flipped[len(log)+100] ^= 1
	badHead := slices.Clone(dirty)
	badHead[40] ^= 0xff
	_, late := hivetest.Torn(b1, b2, 9)
	_, early := hivetest.Torn(b, b2, 3)
	for _, c := range []struct {
		what string
		hive []byte
		logs [][]byte
		want *hivetest.Key
		errs int
	}{
		{"one log", dirty, [][]byte{log}, one, 0},
		{"both logs", dirty, [][]byte{log, other}, two, 0},
		{"both logs, the later first", dirty, [][]byte{other, log}, two, 0},
		{"two entries in one log", dirty, [][]byte{both}, two, 0},
		{"a second entry that was torn", dirty, [][]byte{flipped}, one, 0},
		{"a log with a gap before it", dirty, [][]byte{log, late}, one, 1},
		{"an old log", dirty, [][]byte{early}, before, 0},
		{"no log", dirty, nil, before, 0},
		{"a clean hive with a log", b, [][]byte{log}, before, 0},
		{"a torn head", badHead, [][]byte{log, other}, two, 0},
		{"the format before 8.1", dirty, [][]byte{hivetest.OldLog(b, b2, 8)}, two, 0},
		{"no log at all", dirty, [][]byte{[]byte("WINE REGISTRY Version 2"), make([]byte, 5000)}, before, 2},
		{"an old log that was torn", dirty, [][]byte{hivetest.OldLog(b, b2, 8)[:9000]}, before, 1},
	} {
		h := open(t, c.hive, c.logs...)
		compare(t, c.what, read(h), wanted(c.want))
		if len(h.LogErrors) != c.errs || h.Dirty != !bytes.Equal(c.hive, b) || (h.Recovered > 0) != (c.want != before) {
			t.Errorf("%s: log errors %v, want %d; dirty %v, %d pages", c.what, h.LogErrors, c.errs, h.Dirty, h.Recovered)
		}
	}
}

// TestHostile holds that no claim of a hive makes its reader loop, go deep, or read what is not there.
func TestHostile(t *testing.T) {
	le := binary.LittleEndian
	b := hivetest.Hive(made())
	root := int(le.Uint32(b[36:]))
	list := 4096 + int(le.Uint32(b[4096+root+4+28:])) // an lh of the root's subkeys
	loop := slices.Clone(b)
	le.PutUint32(loop[list+8:], uint32(root)) // the first subkey of the root is the root
	loops := slices.Clone(b)
	copy(loops[list+4:], "ri")
	le.PutUint32(loops[list+8:], uint32(list-4096)) // a list of lists of which it is one itself
	free := slices.Clone(b)
	le.PutUint32(free[4096+le.Uint32(b[list+8:]):], 88) // a key whose cell is free
	for _, c := range []struct {
		what  string
		hive  []byte
		says  string
		least int
	}{
		{"a key below itself", loop, "named twice", 2},
		{"lists that name themselves", loops, "no list of keys", 1},
		{"a deleted key", free, "is free", 100},
		{"a hive that was cut off", b[:len(b)/2], "damaged hive", 1},
	} {
		d := read(open(t, c.hive))
		if err := errors.Join(d.errs...); err == nil || !strings.Contains(err.Error(), c.says) || len(d.keys) < c.least {
			t.Errorf("%s: %d keys, %.300v; want %q", c.what, len(d.keys), err, c.says)
		}
	}
	for what, b := range map[string][]byte{"empty": nil, "wine": []byte(strings.Repeat("WINE REGISTRY Version 2\n", 300)), "a log": func() []byte { _, l := hivetest.Torn(b, b, 1); return l }()} {
		if _, err := hive.Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, hive.ErrDamaged) {
			t.Errorf("%s: %v, want that it is no hive", what, err)
		}
	}
}

// TestDamage reads a hive and its log with bytes changed at random places: no panic, and an end.
func TestDamage(t *testing.T) {
	before, after := &hivetest.Key{Name: "r"}, &hivetest.Key{Name: "r"}
	for i := range 40 {
		before.Set(fmt.Sprintf(`k%d\below`, i%20), hivetest.Text(fmt.Sprint("v", i), strings.Repeat("text", i)))
	}
	after.Keys = slices.Clone(before.Keys)
	after.Set("big", hivetest.Value{Name: "b", Type: 3, Data: make([]byte, 40_000)})
	dirty, log := hivetest.Torn(hivetest.Hive(before), hivetest.Hive(after), 7)
	r := rand.New(rand.NewPCG(1, 2))
	began := time.Now()
	for seed := range 1000 {
		h, l := slices.Clone(dirty), slices.Clone(log)
		for range 1 + r.IntN(6) {
			if r.IntN(4) == 0 {
				l[r.IntN(len(l))] = byte(r.UintN(256))
			} else {
				h[r.IntN(len(h))] = byte(r.UintN(256))
			}
		}
		if d := everything(h, l); d > 10_000 || time.Since(began) > time.Minute {
			t.Fatalf("seed %d: %d keys, %s", seed, d, time.Since(began))
		}
	}
}

// everything reads all of a hive, and counts its keys.
func everything(b []byte, logs ...[]byte) (keys int) {
	var readers []io.ReaderAt
	for _, l := range logs {
		readers = append(readers, bytes.NewReader(l))
	}
	h, err := hive.Open(bytes.NewReader(b), int64(len(b)), readers...)
	if err != nil {
		return 0
	}
	for k, err := range h.All() {
		if err != nil {
			continue
		}
		keys++
		_, _ = k.Class()
		_, _ = k.Security()
		for range k.Values() {
			continue
		}
	}
	return keys
}

// FuzzHive holds that no more keys are given than there is room for.
func FuzzHive(f *testing.F) {
	small := hivetest.Hive(&hivetest.Key{Name: "r", Values: []hivetest.Value{hivetest.Text("v", "text of a value")}, Keys: []*hivetest.Key{{Name: "k"}}})
	dirty, log := hivetest.Torn(small, small, 7)
	f.Add(small, log)
	f.Add(dirty, log)
	f.Add(dirty, hivetest.OldLog(small, small, 8))
	f.Fuzz(func(t *testing.T, b, log []byte) {
		if n := everything(b, log); n > (len(b)+len(log))/8 {
			t.Errorf("%d keys in %d bytes", n, len(b)+len(log))
		}
	})
}

// BenchmarkAll reads every key and value of a hive of 1,200 keys.
func BenchmarkAll(b *testing.B) {
	h := hivetest.Hive(made())
	b.SetBytes(int64(len(h)))
	for b.Loop() {
		everything(h)
	}
}
