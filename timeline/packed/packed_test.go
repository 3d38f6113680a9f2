package packed

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/timeline"
	"spor/timeline/format/syslog"
)

// tool compresses by a tool of the system.
func tool(t testing.TB, in []byte, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(args[0]); err != nil {
		t.Skipf("SKIPPED: no %s here: %v", args[0], err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return out
}

func logText(lines int) []byte {
	var b bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&b, "Mar  9 09:%02d:%02d web01 sshd[%d]: Accepted password for root from 192.0.2.%d port 22 ssh2\n", i/60%60, i%60, i, i%256)
	}
	return b.Bytes()
}

// read gives a file to both doors: the reader of the desk, and the tap of a collection. Both must say the same.
func read(t *testing.T, name string, b []byte) timeline.Summary {
	t.Helper()
	fs := timeline.Formats{syslog.Format}
	r := timeline.Reader{Formats: fs, Packings: All()}
	sum, err := r.File(t.Context(), &timeline.File{
		Path: artifacts.Path(name), Loose: true, Size: int64(len(b)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	tap := timeline.Tap{Next: discard{}, Formats: fs, Packings: All(), Add: func(*timeline.Event) error { return nil }, Limits: timeline.Limits{Patience: time.Minute}}
	if _, err := tap.Put(t.Context(), artifacts.Item{Origin: artifacts.Path(name), Size: int64(len(b))}, bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	var tapped timeline.Summary
	if s := tap.Summaries(); len(s) > 0 {
		tapped = s[0]
	}
	if sum.Parser != "" && tapped != sum {
		t.Errorf("%s: the reader says %+v, the tap %+v", name, sum, tapped)
	}
	return sum
}

type discard struct{}

func (discard) Put(_ context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	n, err := io.Copy(io.Discard, r)
	return artifacts.Stored{Size: n}, err
}

// TestTools reads what the tools write.
func TestTools(t *testing.T) {
	const lines = 2_500
	text := logText(lines)
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"auth.log.2.xz", []string{"xz", "-1"}},
		{"blocks.xz", []string{"xz", "-1", "--block-size=30000", "--check=sha256"}},
		{"crc32.xz", []string{"xz", "-1", "--check=crc32"}},
		{"unchecked.xz", []string{"xz", "-0", "--check=none"}},
		{"dictionary.xz", []string{"xz", "-1", "--lzma2=preset=0,dict=64MiB"}},
		{"auth.log.2.zst", []string{"zstd", "-1", "-c"}},
		{"long.zst", []string{"zstd", "-1", "--long=26", "-c"}},
		{"auth.log.2.bz2", []string{"bzip2", "-1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := tool(t, text, tt.args...)
			if sum := read(t, tt.name, b); sum.Parser != "syslog" || sum.Events != lines || sum.Damaged != 0 {
				t.Errorf("got %+v, want %d events of syslog", sum, lines)
			}
			if sum := read(t, tt.name, append(bytes.Clone(b), b...)); sum.Events != 2*lines || sum.Damaged != 0 {
				t.Errorf("two behind each other: got %+v, want %d events", sum, 2*lines)
			}
			if sum := read(t, tt.name, b[:len(b)-len(b)/3]); sum.Damaged == 0 || sum.Events >= lines || sum.Parser == "" {
				t.Errorf("cut: got %+v, want an error and fewer events", sum)
			}
			if sum := read(t, tt.name, tool(t, []byte("neither a log nor anything else\n"), tt.args...)); sum.Parser != "" || sum.Error != "" {
				t.Errorf("no log: got %+v", sum)
			}
		})
	}
}

// TestBombs reads one line that expands thousands of times.
func TestBombs(t *testing.T) {
	text := append(logText(100), bytes.Repeat([]byte("x"), 8<<20)...)
	for _, args := range [][]string{{"xz", "-0"}, {"zstd", "-1", "-c"}, {"bzip2", "-1"}, {"gzip", "-6"}} {
		t.Run(args[0], func(t *testing.T) {
			b := tool(t, text, args...)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			sum := read(t, "auth.log."+args[0], b)
			runtime.ReadMemStats(&after)
			if want := "more than a thousandfold"; args[0] != "gzip" && !strings.Contains(sum.Error, want) {
				t.Errorf("got %+v, want an error with %q", sum, want)
			}
			if sum.Parser != "syslog" || sum.Events != 100 {
				t.Errorf("got %+v, want the 100 events before it", sum)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 256<<20 {
				t.Errorf("%d bytes allocated", grown)
			}
		})
	}
}

// TestHugeDictionary reads a file that asks for 4 GiB of memory, and one of many blocks that each ask for 64 MiB.
func TestHugeDictionary(t *testing.T) {
	b := tool(t, logText(10), "xz", "-1", "--check=none")
	dictionary := func(size byte) []byte {
		b := bytes.Clone(b)
		b[16] = size // stream header 12, then size, flags, filter, length of properties
		binary.LittleEndian.PutUint32(b[20:], crc32.ChecksumIEEE(b[12:20]))
		return b
	}
	if sum := read(t, "x.xz", dictionary(40)); sum.Error != errDictionary.Error() {
		t.Errorf("got %+v, want %v", sum, errDictionary)
	}
	many := bytes.Repeat(dictionary(28), 100)
	start := time.Now()
	if sum := read(t, "x.xz", many); !strings.Contains(sum.Error, errTiny.Error()) {
		t.Errorf("got %+v, want %v", sum, errTiny)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("took %v", took)
	}
}

// TestChecks flips each byte of a small file: it must be told, unless all was read right nevertheless.
func TestChecks(t *testing.T) {
	text := logText(20)
	b := tool(t, text, "xz", "-1")
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 0x10
		if got, err := io.ReadAll(newXZ(bytes.NewReader(c))); err == nil && !bytes.Equal(got, text) {
			t.Errorf("byte %d: %d other bytes and no error", i, len(got))
		}
	}
}

// FuzzXZ reads anything.
func FuzzXZ(f *testing.F) {
	f.Add([]byte(xzMagic))
	if _, err := exec.LookPath("xz"); err == nil {
		f.Add(tool(f, logText(20), "xz", "-1"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := io.Copy(io.Discard, io.LimitReader(newXZ(bytes.NewReader(b)), 16<<20))
		if err == nil && n == 0 && len(b) > 100 {
			t.Logf("%d bytes hold nothing", len(b))
		}
	})
}
