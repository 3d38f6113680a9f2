package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spor/artifacts/hive/hivetest"
	"spor/build/ntfs"
	"spor/collect/rawfile/vss/vsstest"
	"spor/package/manifest"
)

// TestShadowCopies examines an image whose volume has two shadow copies: they are listed always, and read where asked.
// Then a file that ransomware wrote over comes out as it was before; what is the same is taken once, and nothing that
// is secret without being asked for.
func TestShadowCopies(t *testing.T) {
	const prefix = `\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy`
	software := &hivetest.Key{Name: "R"}
	software.Set(`Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-1001`, hivetest.Text("ProfileImagePath", `C:\Users\anna`))
	old, newer := bytes.Repeat([]byte("the hive as it was "), 4000), bytes.Repeat([]byte("the hive in February "), 4000)
	var first, second []byte
	image := ntfs.Image(t, ntfs.Shape{Sector: 512, Cluster: 4096, Size: 24 << 20}, func(mount string) {
		writeBelow(t, mount, `C:\Windows\System32\config\SYSTEM`, bytes.Repeat([]byte("same "), 9000))
		writeBelow(t, mount, `C:\Windows\System32\config\SOFTWARE`, hivetest.Hive(software))
		writeBelow(t, mount, `C:\Windows\System32\config\SAM`, bytes.Repeat([]byte("canary of January"), 300))
		writeBelow(t, mount, `C:\Users\anna\NTUSER.DAT`, old)
	})
	mount := filepath.Join(t.TempDir(), "again")
	change := func(fill func(mount string)) (before []byte) {
		t.Helper()
		before, err := os.ReadFile(image)
		if err == nil {
			err = os.MkdirAll(mount, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		ntfs.Mounted(t, image, mount, fill)
		return before
	}
	first = change(func(mount string) {
		writeBelow(t, mount, `C:\Users\anna\NTUSER.DAT`, newer)
		writeBelow(t, mount, `C:\Windows\System32\config\SAM`, bytes.Repeat([]byte("canary of February"), 300))
	})
	second = change(func(mount string) {
		writeBelow(t, mount, `C:\Users\anna\NTUSER.DAT`, []byte("LOCKED"))
		writeBelow(t, mount, `C:\Windows\System32\config\SAM`, bytes.Repeat([]byte("canary of March"), 300))
	})
	now, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	const at = 20 << 20 // from here on the volume is free
	if rest := bytes.TrimLeft(now[at:len(now)-65536], "\x00"); len(rest) > 0 {
		t.Fatalf("%d bytes of the volume are in use where the copies are to lie", len(rest))
	}
	vsstest.Keep(now, at, []time.Time{time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC)}, first, second)
	if err := os.WriteFile(image, now, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, asked := range []bool{false, true} {
		dir := t.TempDir()
		public, private := keys(t, dir)
		args := []string{"collect", "--image", image, "--recipient", public, "--out", dir, "--case", "copies"}
		if asked {
			args = append(args, "--shadow-copies")
		}
		must(t, dir, []int{0, 3}, "spor", args...)
		opened := filepath.Join(dir, "opened")
		must(t, dir, []int{0}, "spor-desk", "open", glob(t, filepath.Join(dir, "*.pgp"))[0], "--key", private, "--out", opened)
		files := entries(t, opened)
		listed, err := os.ReadFile(filepath.Join(opened, "live", "shadow-volumes.jsonl"))
		if err != nil || strings.Count(string(listed), `"drive":"C:"`) != 2 || !strings.Contains(string(listed), `"created":"2026-01-31T12:00:00Z"`) {
			t.Errorf("asked %v: listed %s, %v", asked, listed, err)
		}
		want := map[string]string{`C:\Users\anna\NTUSER.DAT`: "LOCKED"}
		if asked {
			want[prefix+`1\Users\anna\NTUSER.DAT`], want[prefix+`2\Users\anna\NTUSER.DAT`] = string(old), string(newer)
		}
		for origin, content := range want {
			if files[origin] != content {
				t.Errorf("asked %v: %s is %.40q, want %.40q", asked, origin, files[origin], content)
			}
		}
		for origin, content := range files {
			if strings.HasPrefix(origin, prefix) && (!asked || strings.HasSuffix(origin, "SYSTEM")) || strings.Contains(content, "canary") {
				t.Errorf("asked %v: %s was taken: %.40q", asked, origin, content)
			}
		}
	}
}

// entries gives the content of every file of an opened bundle by its origin.
func entries(t *testing.T, opened string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	var m manifest.Manifest
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range m.Entries {
		if e.Origin == "" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(opened, filepath.FromSlash(e.Name)))
		if err != nil {
			t.Error(err)
		}
		files[string(e.Origin)] = string(b)
	}
	return files
}
