package rawfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"spor/artifacts"
	"spor/build/ntfs"
)

// program is x86 code, for it is programs that Windows keeps compressed.
func program(t testing.TB, most int) []byte {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b[:min(len(b), most)]
}

var blob = regexp.MustCompile(`Offset in WIM\s*=\s*(\d+) bytes`)

// packedBy lets wimlib compress a file. What it writes into a WIM for it, a table and chunks, is what the overlay filter
// has in its stream, which was made after it.
func packedBy(t testing.TB, method string, chunk int64, content []byte) []byte {
	t.Helper()
	ntfs.Need(t, "wimlib-imagex")
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out.wim")
	err := os.Mkdir(in, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(in, "file"), content, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	ntfs.Run(t, "wimlib-imagex", "capture", in, out, "--compress="+method, fmt.Sprintf("--chunk-size=%d", chunk), "--threads=1")
	text := ntfs.Run(t, "wimlib-imagex", "info", out, "--blobs")
	want := fmt.Appendf(nil, "= %d bytes", len(content))
	for part := range bytes.SplitSeq(text, []byte("\n\n")) {
		size := regexp.MustCompile(`(?m)^Compressed size\s*=\s*(\d+) bytes`).FindSubmatch(part)
		at := blob.FindSubmatch(part)
		if size == nil || at == nil || !bytes.Contains(part, want) {
			continue
		}
		offset, _ := strconv.Atoi(string(at[1]))
		n, _ := strconv.Atoi(string(size[1]))
		b, err := os.ReadFile(out)
		if err != nil || offset+n > len(b) {
			t.Fatalf("%d bytes at %d: %v", n, offset, err)
		}
		return b[offset : offset+n]
	}
	t.Fatalf("no blob of %d bytes in\n%s", len(content), text)
	return nil
}

// TestOverlayFilter unpacks what wimlib packed: programs, text, noise and what is one byte long.
func TestOverlayFilter(t *testing.T) {
	for number, m := range packings {
		method := "XPRESS"
		if m.name == "LZX" {
			method = "LZX"
		}
		for what, content := range map[string][]byte{
			"program": program(t, 1_000_001), "text": text(200_000, 3), "mixed": mixed(), "half noise": append(noise(40_000, 4), text(40_000, 5)...),
			"one chunk": text(2000, 6), "zeros": append(make([]byte, 100_000), 1),
		} {
			data := packedBy(t, method, m.chunk, content)
			v := &Volume{cluster: 4096}
			reparse := make([]byte, 24)
			binary.LittleEndian.PutUint32(reparse, tagWOF)
			copy(reparse[4:], "\x10\x00")
			binary.LittleEndian.PutUint32(reparse[8:], 1)
			binary.LittleEndian.PutUint32(reparse[12:], 2)
			binary.LittleEndian.PutUint32(reparse[16:], 1)
			binary.LittleEndian.PutUint32(reparse[20:], number)
			n := &node{v: v, attrs: []attr{
				{kind: typeReparse, value: reparse, size: 24, valid: 24},
				{kind: typeData, away: true, size: int64(len(content))},
				{kind: typeData, name: streamWOF, value: data, size: int64(len(data)), valid: int64(len(data))},
			}}
			from, err := n.contentOf("")
			if err != nil {
				t.Errorf("%s of %s: %v", m.name, what, err)
				continue
			}
			got, err := io.ReadAll(io.NewSectionReader(from, 0, int64(len(content))))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s of %s: %d bytes of %d, equal up to %d: %v", m.name, what, len(got), len(content), common(got, content), err)
			}
			n.attrs = n.attrs[:2]
			if _, err := n.contentOf(""); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s without its stream: %v", m.name, err)
			}
		}
	}
}

// TestElsewhere holds that what is not on the volume is an error, and not zeros.
func TestElsewhere(t *testing.T) {
	const dedup, cloud = 0x80000013, 0x9000101a
	hole := attr{kind: typeData, away: true, first: 0, last: 9, size: 40_000, valid: 40_000, pairs: []byte{0x01, 10, 0}}
	for _, c := range []struct {
		tag   uint32
		flags uint16
		want  error
	}{{dedup, 0, ErrElsewhere}, {cloud, 0, ErrElsewhere}, {0, flagEncrypted, ErrEncrypted}, {0, 2, errMethod}, {0x80000021, 0, artifacts.ErrNotRegular}} {
		reparse := make([]byte, 16)
		binary.LittleEndian.PutUint32(reparse, c.tag)
		data := hole
		data.flags = c.flags
		n := &node{v: &Volume{cluster: 4096, total: 100}, attrs: []attr{data}}
		if c.tag != 0 {
			n.attrs = append(n.attrs, attr{kind: typeReparse, value: reparse, size: 16, valid: 16})
		}
		if _, err := n.contentOf(""); !errors.Is(err, c.want) {
			t.Errorf("tag %#x, flags %#x: %v, want %v", c.tag, c.flags, err, c.want)
		}
	}
}
