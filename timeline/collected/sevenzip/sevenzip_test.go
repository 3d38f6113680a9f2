package sevenzip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var written = time.Date(2026, 3, 9, 9, 0, 0, 0, time.UTC)

// contents are what the archives of the tests hold.
func contents() map[string]string {
	return map[string]string{
		"var/log/auth.log": strings.Repeat("Mar  9 09:00:00 web01 sshd[8]: x\n", 5000), "var/log/þórður": "x", "var/log/empty": "", "etc/hostname": "web01\n",
	}
}

// made makes an archive by 7-Zip's own program.
func made(t testing.TB, args ...string) []byte {
	t.Helper()
	tool, err := exec.LookPath("7z")
	if err != nil {
		t.Skip("SKIPPED: 7z is not here")
	}
	dir := t.TempDir()
	for name, text := range contents() {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, written, written); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(tool, append([]string{"a", "-bd", "-y", "x.7z", "var", "etc"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("7z %v: %v: %s", args, err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "x.7z"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read gives all files of an archive.
func read(b []byte) (map[string]string, []File, error) {
	a, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, nil, err
	}
	blocks := make([][]byte, a.Blocks())
	for i := range blocks {
		r, err := a.Open(i)
		if err == nil {
			blocks[i], err = io.ReadAll(io.LimitReader(r, 16<<20))
		}
		if err != nil {
			return nil, a.Files, err
		}
	}
	got := map[string]string{}
	for _, f := range a.Files {
		if f.Block < 0 {
			got[f.Name] = ""
			continue
		}
		whole := blocks[f.Block]
		if f.Offset+f.Size > int64(len(whole)) {
			return got, a.Files, fmt.Errorf("%s goes beyond its block", f.Name)
		}
		got[f.Name] = string(whole[f.Offset : f.Offset+f.Size])
	}
	return got, a.Files, nil
}

// TestOracle reads what 7-Zip makes, packed in each way.
func TestOracle(t *testing.T) {
	for _, args := range [][]string{
		nil, {"-m0=lzma"}, {"-m0=copy"}, {"-m0=deflate"}, {"-m0=bzip2"}, {"-ms=off"}, {"-mhc=off"}, {"-mx=9"}, {"-mtm=off"}, {"-mtc=on", "-mta=on"},
	} {
		got, files, err := read(made(t, args...))
		if err != nil {
			t.Errorf("%v: %v", args, err)
			continue
		}
		for name, want := range contents() {
			if text, ok := got[name]; !ok || text != want {
				t.Errorf("%v: %s is %.40q (%v), want %.40q", args, name, text, ok, want)
			}
		}
		if len(files) != len(contents()) {
			t.Errorf("%v: %d files, want %d: %+v", args, len(files), len(contents()), files)
		}
		for _, f := range files {
			if want := written; !f.Modified.Equal(want) && args != nil && args[0] != "-mtm=off" {
				t.Errorf("%v: %s was modified at %v, want %v", args, f.Name, f.Modified, want)
			}
		}
	}
}

// TestNotRead names what is packed in another way.
func TestNotRead(t *testing.T) {
	for _, tt := range []struct {
		args []string
		err  string
	}{
		{[]string{"-m0=ppmd"}, "PPMd"}, {[]string{"-psecret"}, "encrypted"}, {[]string{"-psecret", "-mhe=on"}, "encrypted"}, {[]string{"-m0=bcj", "-m1=lzma"}, "filter"},
	} {
		if _, _, err := read(made(t, tt.args...)); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.err)
		}
	}
}

// TestHostileLists gives lists that ask for far more than they hold, or leave files without a place.
func TestHostileLists(t *testing.T) {
	stored := "\x04\x06\x00\x01\x09\x01\x00\x07\x0b\x01\x00\x01\x01\x00\x0c\x01\x00" // one block of one byte
	number := func(n uint32) string { return "\xf0" + string(binary.LittleEndian.AppendUint32(nil, n)) }
	for name, tt := range map[string]struct {
		list string
		want error
	}{
		"more names than files": {"\x01" + stored + "\x00\x05\x02\x11\x09\x00a\x00\x00\x00b\x00\x00\x00\x00\x00", errList},
		"files":                 {"\x01\x05" + number(2<<20) + strings.Repeat("\x00", 2<<20), errMany},
		"blocks":                {"\x01\x04\x07\x0b" + number(2<<20) + strings.Repeat("\x00", 2<<20), errMany},
		"files again":           {"\x01" + strings.Repeat("\x05\x00\x00", 2) + "\x00", errList},
		"empty files again":     {"\x01\x05\x00" + strings.Repeat("\x0f\x00", 2) + "\x00\x00", errList},
		"sizes again":           {"\x01" + stored + strings.Repeat("\x08\x00", 2) + "\x00\x00", errList},
	} {
		b := append([]byte(Magic), make([]byte, headSize-len(Magic))...)
		binary.LittleEndian.PutUint64(b[20:], uint64(len(tt.list)))
		b = append(b, tt.list...)
		sum(b)
		if _, err := Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// sum makes the checksums of a list and its head right; false: there is no list.
func sum(b []byte) bool {
	if len(b) < headSize {
		return false
	}
	at, n := binary.LittleEndian.Uint64(b[12:]), binary.LittleEndian.Uint64(b[20:])
	if at > uint64(len(b)) || n > uint64(len(b)) || headSize+at+n > uint64(len(b)) {
		return false
	}
	binary.LittleEndian.PutUint32(b[28:], crc32.ChecksumIEEE(b[headSize+at:headSize+at+n]))
	binary.LittleEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[12:headSize]))
	return true
}

// FuzzOpen opens any bytes, once with the checksums of the list made right: no panic, no block that is longer than the list says.
func FuzzOpen(f *testing.F) {
	if _, err := exec.LookPath("7z"); err == nil {
		for _, args := range [][]string{nil, {"-m0=copy", "-mhc=off"}, {"-m0=deflate", "-mhc=off", "-ms=off"}, {"-m0=lzma", "-mhc=off"}} {
			f.Add(made(f, args...))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		a, err := Open(bytes.NewReader(b), int64(len(b)))
		if sum(b) {
			a, err = Open(bytes.NewReader(b), int64(len(b)))
		}
		if err != nil {
			return
		}
		for i := range min(a.Blocks(), 8) {
			if r, err := a.Open(i); err == nil {
				if n, _ := io.Copy(io.Discard, io.LimitReader(r, 1<<20)); n > a.blocks[i].size {
					t.Fatalf("%d bytes of a block of %d", n, a.blocks[i].size)
				}
			}
		}
		for _, file := range a.Files {
			if file.Size < 0 || file.Offset < 0 || file.Block >= a.Blocks() {
				t.Fatalf("%+v of %d blocks", file, a.Blocks())
			}
		}
	})
}
