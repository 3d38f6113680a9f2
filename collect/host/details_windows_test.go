package host

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

// What a file has beside its content. Wine stores no streams and no holes: there the calls must fail as errors.
func TestDetails(t *testing.T) {
	name := filepath.Join(tempDir(t), "file.txt")
	if err := os.WriteFile(name, []byte("content of the file"), 0o600); err != nil {
		t.Fatal(err)
	}
	wine := winapi.Wine() != ""
	if !wine {
		if err := os.WriteFile(name+":Zone.Identifier", []byte("[ZoneTransfer]"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := new(files).Open(artifacts.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := f.(artifacts.DetailedFile).Details()
	if !strings.Contains(d.ACL, "O:") || !strings.Contains(d.ACL, "D:") {
		t.Errorf("access list %q, %v", d.ACL, err)
	}
	if wine {
		t.Logf("NOT checked on wine: streams (%q, %v)", d.Streams, err)
	} else if err != nil || !slices.Equal(d.Streams, []string{"Zone.Identifier"}) {
		t.Errorf("streams %q, %v", d.Streams, err)
	}
	got := make([]byte, 100)
	n, err := f.(io.ReaderAt).ReadAt(got, 11)
	if string(got[:n]) != "the file" || !errors.Is(err, io.EOF) {
		t.Errorf("at 11: %q, %v", got[:n], err)
	}
}

func TestExtents(t *testing.T) {
	name := filepath.Join(tempDir(t), "sparse")
	w, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	var n uint32
	if err := windows.DeviceIoControl(windows.Handle(w.Fd()), windows.FSCTL_SET_SPARSE, nil, 0, nil, 0, &n, nil); err != nil {
		w.Close()
		t.Skipf("NOT checked, no sparse files here: %v", err)
	}
	_, errWrite := w.WriteAt([]byte("x"), 64<<20)
	if err := errors.Join(errWrite, w.Truncate(128<<20), w.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := new(files).Open(artifacts.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	runs, whole, err := f.(artifacts.SparseFile).Extents(100)
	if err != nil {
		t.Fatal(err)
	}
	if !whole {
		t.Skip("NOT checked: the file is not sparse, as on wine")
	}
	if len(runs) != 1 || runs[0].Offset > 64<<20 || runs[0].Offset+runs[0].Length <= 64<<20 || runs[0].Length > 1<<20 {
		t.Errorf("runs %v", runs)
	}
}
