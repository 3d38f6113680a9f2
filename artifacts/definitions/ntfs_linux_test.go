package definitions_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/build/ntfs"
	"spor/collect/image"
)

// noMetafile are NTFS's own files that are on no volume that ntfs-3g makes: those of transactions and of the change
// journal. That they are read where they are is shown on volumes of Windows (collect/rawfile).
var noMetafile = []string{`C:\$Extend\$UsnJrnl:$J`, `C:\$Extend\$UsnJrnl:$Max`, `C:\$Extend\$RmMetadata\$TxfLog\`, `C:\$Extend\$RmMetadata\$Txf`}

// TestCoverageOfNTFS makes up an NTFS volume with a file at every place of the list of Windows, streams included, and
// holds that each is taken from its image by a definition that the table names.
func TestCoverageOfNTFS(t *testing.T) {
	rows, set, spelled := coverage(t, "windows-coverage.tsv"), load(t), newSpelling()
	files := map[string]string{}
	for _, r := range rows {
		for i, p := range r.places {
			r.places[i] = spelled.path(p)
			files[r.places[i]] = p + "\n"
		}
	}
	name := ntfs.Image(t, ntfs.Shape{Sector: 512, Cluster: 4096, Size: 96 << 20}, func(dir string) { growNTFS(t, dir, files) })
	h, err := image.Disk(name)
	if err != nil {
		t.Fatal(err)
	}
	sink, report := runOn(t, set, h, true)
	takes := map[string]bool{}
	for _, o := range report.Outcomes.List() {
		if o.Status == artifacts.Collected && o.Path != "" {
			takes[strings.ToUpper(o.Source+" "+string(o.Path))] = true
		}
	}
	for listed := range origins(t, sink) {
		takes[strings.ToUpper(listed)] = true
	}
	places, elsewhere := 0, 0
	for _, r := range rows {
		for _, p := range r.places {
			if slices.ContainsFunc(noMetafile, func(no string) bool { return strings.HasPrefix(p, no) }) {
				elsewhere++
				continue
			}
			places++
			if !slices.ContainsFunc(r.by, func(name string) bool { return takes[strings.ToUpper(name+" "+p)] }) {
				t.Errorf("%s: %v does not take %s", r.name, r.by, p)
			}
		}
	}
	t.Logf("%d places on the volume; %d are of NTFS itself, and no other than Windows makes them", places, elsewhere)
	if places < 638 {
		t.Errorf("%d places, want one for each of 638 rows at least", places)
	}
}

// growNTFS writes the files of a made-up Windows to a mounted volume, those of NTFS itself excepted.
func growNTFS(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	names := make([]string, 0, len(files))
	for name := range files {
		if !strings.HasPrefix(name, `C:\$`) || strings.HasPrefix(strings.ToUpper(name), `C:\$RECYCLE`) || strings.HasPrefix(strings.ToUpper(name), `C:\$WINDOWS`) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(b, a) }) // what lies deeper comes first
	for _, name := range names {
		full := filepath.Join(dir, filepath.FromSlash(strings.ReplaceAll(name[len(`C:\`):], `\`, "/")))
		if st, err := os.Stat(full); err == nil && st.IsDir() {
			continue
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(files[name]), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}
