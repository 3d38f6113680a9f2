package image

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"spor/artifacts"
)

// TestOddNames holds that names need not be UTF-8, and come in order of their bytes.
func TestOddNames(t *testing.T) {
	h := opened(t, "d/b", "d/evil\xff.log", "d/a", "d/\xe9")
	list, err := h.Files.ReadDir("/d")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "b", "evil\xff.log", "\xe9"}
	for i, e := range list {
		if e.Name != want[i] || e.Kind != artifacts.Regular {
			t.Errorf("%d: got %q, want %q", i, e.Name, want[i])
		}
		f, err := h.Files.Open(artifacts.Linux.Join("/d", e.Name))
		if err != nil {
			t.Errorf("%q: %v", e.Name, err)
			continue
		}
		f.Close()
	}
}

// TestNothingIsDisturbed holds that access times stay and that neither FIFO nor device is opened.
func TestNothingIsDisturbed(t *testing.T) {
	dir := plant(t, "d/f")
	long := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, name := range []string{"d/f", "d"} {
		if err := os.Chtimes(filepath.Join(dir, name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	h, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Files.Open("/pipe"); !errors.Is(err, artifacts.ErrNotRegular) {
		t.Errorf("a FIFO: %v", err)
	}
	if _, err := h.Files.ReadDir("/d"); err != nil {
		t.Error(err)
	}
	f, err := h.Files.Open("/d/f")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(make([]byte, 10)); err != nil || f.Method() != "noatime" {
		t.Errorf("method %s, %v", f.Method(), err)
	}
	opened, err := f.Stat()
	if err != nil {
		t.Error(err)
	}
	f.Close()
	for _, p := range []artifacts.Path{"/d", "/d/f"} {
		st, err := h.Files.Lstat(p)
		if err != nil || !st.Times.Accessed.Equal(long) || !st.Times.Modified.Equal(long) || st.Times.Changed.Before(long) || st.Inode == 0 || st.UID == "" {
			t.Errorf("%s: %+v, %v", p, st, err)
		}
		if p == "/d/f" && opened != st {
			t.Errorf("of the open file %+v, of its name %+v", opened, st)
		}
	}
}

func TestMounts(t *testing.T) {
	h, err := Folder("/")
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := h.Files.Mount("/proc"); !ok || m.Class != artifacts.Pseudo || m.Path != "/proc" {
		t.Skipf("/proc is not mounted here: %+v", m)
	}
	if m, ok := h.Files.Mount("/"); !ok || m.Class != artifacts.Local {
		t.Errorf("the root: %+v, %v", m, ok)
	}
	if h, err = Folder("/proc/sys"); err != nil {
		t.Fatal(err)
	}
	if m, ok := h.Files.Mount("/proc"); ok {
		t.Errorf("a mount that is not below: %+v", m)
	}
}
