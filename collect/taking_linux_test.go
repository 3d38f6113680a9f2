package collect

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/image"
)

// take runs the engine over a real folder.
func take(t *testing.T, dir string, opts Options, paths ...artifacts.Path) (*shelf, *Report) {
	t.Helper()
	h, err := image.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	sink := new(shelf)
	rep, err := Run(context.Background(), h, []*artifacts.Collector{taking("a", paths...)}, sink, opts)
	if err != nil {
		t.Fatal(err)
	}
	return sink, rep
}

func TestASparseFileCostsItsData(t *testing.T) {
	const size, at = 300 << 30, 299 << 30
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "lastlog"))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{f.Truncate(size), write(f, "first", 0), write(f, "second", at), f.Close()} {
		if err != nil {
			t.Skipf("NOT checked, this file system holds no such file: %v", err)
		}
	}
	begun := time.Now()
	sink, rep := take(t, dir, options(), "/lastlog")
	if len(sink.items) != 1 || sink.items[0].Sparse == nil {
		t.Fatalf("not taken as sparse: %v", rep.Outcomes.List())
	}
	it := sink.items[0]
	if took := time.Since(begun); it.Sparse.Size != size || it.Size > 1<<20 || int64(len(sink.content[0])) != it.Size || took > time.Minute {
		t.Errorf("size %d, data %d (read %d), in %v; want %d, little, soon", it.Sparse.Size, it.Size, len(sink.content[0]), took, int64(size))
	}
	runs := it.Sparse.Runs
	if len(runs) != 2 || runs[0].Offset != 0 || runs[1].Offset != at || !strings.HasPrefix(sink.content[0][runs[0].Length:], "second") {
		t.Errorf("runs %v", runs)
	}
	opts := options()
	opts.MaxFile = runs[0].Length + 6
	sink, rep = take(t, dir, opts, "/lastlog")
	if got := sink.content[0]; int64(len(got)) != opts.MaxFile || !strings.HasSuffix(got, "second") || rep.Outcomes.List()[0].Status != artifacts.Truncated {
		t.Errorf("with a limit of %d: %d bytes, %v", opts.MaxFile, len(got), rep.Outcomes.List())
	}
}

func write(f *os.File, s string, at int64) error {
	_, err := f.WriteAt([]byte(s), at)
	return err
}

func TestNamesOfOneFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("one file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	sink, _ := take(t, dir, options(), "/a", "/b")
	if len(sink.items) != 2 || sink.items[0].SameAs != "" || sink.items[1].SameAs != "files/a" || sink.items[1].Links != 2 {
		t.Errorf("items %+v", sink.items)
	}
}

func TestExtendedAttributes(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	value := "\x00\xffbytes"
	if err := unix.Setxattr(name, "user.odd", []byte(value), 0); err != nil {
		t.Skipf("NOT checked, this file system has no attributes: %v", err)
	}
	if err := unix.Setxattr(name, "user.empty", nil, 0); err != nil {
		t.Fatal(err)
	}
	sink, _ := take(t, dir, options(), "/a")
	got := sink.items[0].Xattrs
	if empty, ok := got["user.empty"]; string(got["user.odd"]) != value || !ok || empty == nil || len(got) != 2 {
		t.Errorf("attributes %q", got)
	}
}

// What happens to a file between its opening and its end is told.
func TestWhatBecameOfAFileMeanwhile(t *testing.T) {
	for _, c := range []struct {
		want string
		do   func(dir string) error
	}{
		{"", func(string) error { return nil }},
		{"rotated", func(dir string) error {
			if err := os.Rename(dir+"/log", dir+"/log.1"); err != nil {
				return err
			}
			return os.WriteFile(dir+"/log", nil, 0o600)
		}},
		{"removed", func(dir string) error { return os.Remove(dir + "/log") }},
		{"shrank", func(dir string) error { return os.Truncate(dir+"/log", 1) }},
		{"grew, removed", func(dir string) error {
			f, err := os.OpenFile(dir+"/log", os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			f.WriteString("more")
			f.Close()
			return os.Remove(dir + "/log")
		}},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/log", []byte("lines"), 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := image.Folder(dir)
		if err != nil {
			t.Fatal(err)
		}
		f, err := h.Files.Open("/log")
		if err != nil {
			t.Fatal(err)
		}
		before, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.do(dir); err != nil {
			t.Fatal(err)
		}
		if got := changed(before, f, h.Files, "/log"); got != c.want {
			t.Errorf("changed is %q, want %q", got, c.want)
		}
		f.Close()
	}
}
