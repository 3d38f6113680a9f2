package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/build/ntfs"
	"spor/package/manifest"
)

// Names that NTFS holds and Windows itself would not give, streams beside a file, and times of 100 ns: from the bytes of a
// volume into the bundle, and out of it under names that every system takes.
func TestOddNamesOfNTFS(t *testing.T) {
	names := []string{
		"CON", "nul.txt", "trailing.", "trailing ", "Case", "new\nline", "Þórdís", "e\u0301", "surrogate-\xed\xa0\x80", "pair-\U0001F480", "a*b?c",
		strings.Repeat("n", 255), "plain:Zone.Identifier", "plain:second\nstream", "plain",
	}
	at := func(i int) time.Time { return time.Date(2026, 11, 21, 3, 4, 5, 1_234_500+100*i, time.UTC) }
	planted := map[artifacts.Path]int{}
	volume := ntfs.Image(t, ntfs.Shape{Sector: 512, Cluster: 4096, Size: 24 << 20}, func(mount string) {
		dir := filepath.Join(mount, "odd")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "plain"), []byte("plain"), 0o644); err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			full := filepath.Join(dir, name)
			if err := os.WriteFile(full, []byte(name), 0o644); err != nil {
				t.Logf("NOT checked, ntfs-3g takes no %q: %v", name, err)
				continue
			}
			if !strings.Contains(name, ":") {
				if err := os.Chtimes(full, at(i+50), at(i)); err != nil {
					t.Fatal(err)
				}
			}
			planted[artifacts.Path(`C:\odd\`+name)] = i
		}
	})
	dir := t.TempDir()
	public, private := keys(t, dir)
	must(t, dir, []int{0, 3}, "spor", "collect", "--image", volume, "--recipient", public, "--out", "usb", "--only", "none", "--take", `C:\odd`)
	opened := filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", append([]string{"open", "--key", private, "--out", opened}, glob(t, filepath.Join(dir, "usb", "*.pgp"))...)...)
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if len(planted) < 12 {
		t.Errorf("only %d names were planted", len(planted))
	}
	for _, e := range m.Entries {
		i, ok := planted[e.Origin]
		if !ok {
			continue
		}
		delete(planted, e.Origin)
		if got, err := os.ReadFile(filepath.Join(opened, e.Name)); err != nil || string(got) != names[i] {
			t.Errorf("%q is called %q and holds %q: %v", e.Origin, e.Name, got, err)
		}
		if !strings.Contains(names[i], ":") && (!e.Times.Modified.Equal(at(i)) || !e.Times.Accessed.Equal(at(i+50)) || e.Times.Born.IsZero() || e.Times.Changed.IsZero()) {
			t.Errorf("%q: times %v, want modified %v, accessed %v", e.Origin, e.Times, at(i), at(i+50))
		}
		if e.Method != "raw ntfs" {
			t.Errorf("%q was read by %q", e.Origin, e.Method)
		}
	}
	for name := range planted {
		t.Errorf("%q was not collected", name)
	}
}
