package definitions_test

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"os"
	"testing"

	"spor/artifacts/definitions"
)

// TestPacked holds the archive that is built into the Windows agent to the folder of definitions.
func TestPacked(t *testing.T) {
	want := files(t, definitions.FS)
	if *update {
		if err := os.WriteFile("windows.zip", pack(t, want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile("windows.zip")
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	got := files(t, z)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is not in windows.zip as it is in the folder: go test ./artifacts/definitions -run Packed -update", name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("windows.zip holds %d files, the folder %d", len(got), len(want))
	}
}

func files(t *testing.T, fsys fs.FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	names, err := fs.Glob(fsys, "windows/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d definitions, %v", len(names), err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(data)
	}
	return all
}

func pack(t *testing.T, all map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	names, err := fs.Glob(definitions.FS, "windows/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, all[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
