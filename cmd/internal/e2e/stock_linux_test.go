package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"spor/package/manifest"
)

// oddHost is a host with files of all kinds that an archive may stumble over, and their number.
func oddHost(t *testing.T) (dir string, files int) {
	t.Helper()
	dir = noisyHost(t, 5)
	log := filepath.Join(dir, "var/log")
	for name, content := range map[string]string{
		"empty": "", "evil\xff\n.log": "odd name", "CON": "device", "trailing. ": "dots", "Case": "one", "case": "two",
		strings.Repeat("n", 255): "long name", "text": strings.Repeat("a line of a log\n", 50_000), "text.1": strings.Repeat("a line of a log\n", 50_000), "a\\b%41:c": "escapes",
	} {
		if err := os.WriteFile(filepath.Join(log, name), []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	holey, err := os.Create(filepath.Join(log, "lastlog"))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 20 << 20} {
		if _, err := holey.WriteAt([]byte("a run of data"), at); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		holey.Truncate(40 << 20), holey.Close(), os.Link(filepath.Join(log, "noise001.log"), filepath.Join(log, "other name of noise")),
		os.Symlink("/etc/passwd", filepath.Join(log, "link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, 5 + 10 + 2
}

// A realBundle is one that the shipped agent wrote, and what our desk makes of it.
type realBundle struct {
	private string
	volumes []string
	entries map[string]manifest.Entry // by name, links left out
	opened  string
	sums    map[string]string // of the opened files
}

func collectOdd(t *testing.T) realBundle {
	t.Helper()
	dir := t.TempDir()
	public, private := keys(t, dir)
	host, files := oddHost(t)
	usb, opened := filepath.Join(dir, "usb"), filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor", "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/var/log", "--volume-size", "2M", "--out", usb)
	b := realBundle{private: private, volumes: glob(t, filepath.Join(usb, "*.pgp")), opened: opened, entries: map[string]manifest.Entry{}}
	must(t, dir, []int{0}, "spor-desk", append([]string{"open", "--key", private, "--out", opened}, b.volumes...)...)
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Entries {
		if e.Link == "" {
			b.entries[e.Name] = e
		}
	}
	b.sums = sums(t, opened)
	if len(b.sums) != files || len(b.volumes) < 3 {
		t.Fatalf("%d files in %d volumes, want %d in some: %v", len(b.sums), len(b.volumes), files, slices.Sorted(maps.Keys(b.sums)))
	}
	return b
}

var partName = regexp.MustCompile(`\.part\d{3}$`)

// sums gives the hashes of what lies in files/, parts joined.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	hash, open := sha256.New(), ""
	end := func() {
		if open != "" {
			all[open] = hex.EncodeToString(hash.Sum(nil))
		}
		hash.Reset()
	}
	if err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, name)
		if err != nil || d.IsDir() || !strings.Contains(rel, "files/") {
			return err
		}
		if whole := partName.ReplaceAllString(rel, ""); whole != open {
			end()
			open = whole
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(hash, f)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	end()
	return all
}

// Every stock tool opens a bundle of the shipped agent, volume by volume, and gives what our desk gives.
func TestStockToolsOpenARealBundle(t *testing.T) {
	b := collectOdd(t)
	home := t.TempDir()
	os.Chmod(home, 0o700)
	shell := func(t *testing.T, dir, script string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bash", "-c", "set -eo pipefail; "+script)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GNUPGHOME="+home, "KEY="+b.private)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	need(t, "gpg", "bash")
	shell(t, home, `gpg --batch -q --import "$KEY"`)
	defer exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
	for _, c := range []struct {
		tools  []string
		script string // with the volume in $1
		sparse bool   // it restores sparse files
	}{
		{[]string{"gpg", "zstd", "tar"}, `gpg --batch -q -d "$1" | zstd -q -d | tar x`, true},
		{[]string{"sq", "bsdtar"}, `sq decrypt --recipient-key "$KEY" "$1" | bsdtar -xf -`, true},
		{[]string{"gpg", "zstd", "bsdtar"}, `gpg --batch -q -d "$1" | zstd -q -d | bsdtar -xf -`, true},
		{[]string{"gpg", "7z"}, `gpg --batch -q -d "$1" >v.tar.zst; 7z x -bso0 -y v.tar.zst; 7z x -bso0 -y v.tar; rm v.tar*`, false},
	} {
		t.Run(strings.Join(c.tools, " "), func(t *testing.T) {
			need(t, c.tools...)
			dir := t.TempDir()
			for _, v := range b.volumes {
				shell(t, dir, "set -- '"+v+"'; "+c.script)
			}
			got := sums(t, dir)
			for name, want := range b.sums {
				if b.entries[name].Sparse != nil {
					if !c.sparse { // what is stored, which is what the record's hash is of
						name, want = "GNUSparseFile.0/"+name, b.entries[name].SHA256
					} else if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Sys().(*syscall.Stat_t).Blocks*512 > 8<<20 {
						t.Errorf("%s is not sparse: %v", name, err)
					}
				}
				if got[name] != want {
					t.Errorf("%s is %q, want %q", name, got[name], want)
				}
				delete(got, name)
			}
			if len(got) > 0 {
				t.Errorf("more than was collected: %v", got)
			}
		})
	}
}

// A reader that was written from docs/bundle-format.md alone, over gpg and zstd, checks what the shipped agent wrote and the
// golden bundles of every version, and finds what was done to one.
func TestAStrangersReader(t *testing.T) {
	need(t, "python3", "gpg", "zstd")
	reader, err := filepath.Abs("testdata/reader/reader.py")
	if err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, private string, volumes []string) (string, error) {
		t.Helper()
		home := t.TempDir()
		os.Chmod(home, 0o700)
		if out, err := exec.Command("gpg", "--homedir", home, "--batch", "-q", "--import", private).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		defer exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		cmd := exec.CommandContext(t.Context(), "python3", append([]string{reader}, volumes...)...)
		cmd.Env = append(os.Environ(), "GNUPGHOME="+home)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	b := collectOdd(t)
	if out, err := check(t, b.private, b.volumes); err != nil || !strings.Contains(out, "is as it was written") {
		t.Errorf("%v\n%s", err, out)
	}
	golden := "../../../package/bundle/testdata/golden/"
	found := glob(t, golden+"*.001.*.pgp")
	for _, first := range found {
		volumes := glob(t, strings.TrimSuffix(first, "001.tar.zst.pgp")+"*.pgp")
		if out, err := check(t, golden+"private.asc", volumes); err != nil {
			t.Errorf("%s: %v\n%s", first, err, out)
		}
	}
	if len(found) < 2 {
		t.Errorf("%d golden bundles", len(found))
	}
	sealed, err := os.ReadFile(b.volumes[1])
	if err != nil {
		t.Fatal(err)
	}
	sealed[len(sealed)/2] ^= 1
	altered := filepath.Join(t.TempDir(), filepath.Base(b.volumes[1]))
	if err := os.WriteFile(altered, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, volumes := range map[string][]string{
		"a bit flipped": slices.Replace(slices.Clone(b.volumes), 1, 2, altered),
		"a volume lost": slices.Delete(slices.Clone(b.volumes), 1, 2),
		"the end lost":  b.volumes[:len(b.volumes)-1],
		"of another":    append(slices.Clone(b.volumes), found[0]),
		"one twice":     append(slices.Clone(b.volumes), b.volumes[0]),
	} {
		if out, err := check(t, b.private, volumes); err == nil || strings.Contains(out, "Traceback") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
