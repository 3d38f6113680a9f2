package definitions_test

import (
	"bytes"
	"compress/bzip2"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"testing"

	"spor/artifacts/definitions"
)

// TestPacked holds what is built into the Windows agent to the folder of definitions.
func TestPacked(t *testing.T) {
	const name = "windows.yaml.bz2"
	want := joined(t)
	if *update {
		pack := exec.CommandContext(t.Context(), "bzip2", "-9")
		pack.Stdin = bytes.NewReader(want)
		out, err := pack.Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, out, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := io.ReadAll(bzip2.NewReader(f))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the folder windows comes to: go test ./artifacts/definitions -run Packed -update (%v)", name, err)
	}
}

// joined is the folder as one file of several documents.
func joined(t *testing.T) (all []byte) {
	t.Helper()
	names, err := fs.Glob(definitions.FS, "windows/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d definitions, %v", len(names), err)
	}
	for i, name := range names {
		data, err := fs.ReadFile(definitions.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			all = append(all, "---\n"...)
		}
		all = append(all, data...)
	}
	return all
}
