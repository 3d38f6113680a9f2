package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"spor/artifacts"
	"spor/build/wine"
	"spor/package/manifest"
)

// oddNames are what a host may call its files, below /odd. Their content is their name.
func oddNames() []string {
	names := []string{
		"latin1-\xfe\xf3r", "surrogate-\xed\xa0\x80", "half\xf0\x9f", "new\nline", "tab\tcr\r", "bell\x07esc\x1b[2J", "\xe2\x80\xaegnp.exe", // a right-to-left override
		"..hidden", "...", "a..", "trailing.", "trailing ", " leading", "-rf", "~", "$HOME", "`id`", "'\"", "%", "%41", "%ZZ", "100%25", "a:b", "C:", "a\\b", "..\\..\\up", "*?<>|",
		"CON", "con.txt", "NUL", "nul.tar.gz", "AUX", "PRN.x", "COM1", "lpt9.log", "CONIN$", "COM¹", "case", "Case", "CASE", "Þórdís", "þórdís", "é", "e\u0301", "日本語",
		"x.part001", "x.part001%unconfirmed", "manifest.json", "NOT-VERIFIED.txt", "x~2", "x", "X",
		strings.Repeat("n", 255), strings.Repeat("ð", 127), strings.Repeat("N", 255),
	}
	deep := strings.Repeat("d", 190) // 20 folders and a name: 4,000 bytes
	names = append(names, path.Join(strings.Repeat(deep+"/", 20), strings.Repeat("f", 180)), path.Join(strings.Repeat("s/", 300), "shallow"))
	for _, dir := range []string{"CON", "trailing.", "..x", "up\xff"} {
		names = append(names, path.Join("sub", dir, "file"))
	}
	return names
}

// reserved are the names that Windows keeps for devices.
var reserved = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$)(\.|$)`)

// Whatever a file is called, opening restores it under a name that every system takes, the record tells the true one, and no
// two are one. All times of the file are in the record, and that of the change is the restored file's, to the nanosecond.
func TestOddNamesComeOutSafely(t *testing.T) {
	dir, host := t.TempDir(), t.TempDir()
	public, private := keys(t, dir)
	times := plantNames(t, host)
	must(t, dir, []int{3}, "spor", "collect", "--root", host, "--recipient", public, "--only", "none", "--take", "/odd", "--out", "usb")
	volumes := glob(t, filepath.Join(dir, "usb", "*.pgp"))
	opened := filepath.Join(dir, "opened")
	must(t, dir, []int{0}, "spor-desk", append([]string{"open", "--key", private, "--out", opened}, volumes...)...)
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	folded := map[string]artifacts.Path{}
	for _, e := range m.Entries {
		name := strings.TrimPrefix(string(e.Origin), "/odd/")
		want, planted := times[name]
		if !planted {
			if strings.HasPrefix(string(e.Origin), "/odd") {
				t.Errorf("%q was not planted", e.Origin)
			}
			continue
		}
		delete(times, name)
		if other, twice := folded[strings.ToLower(e.Name)]; twice {
			t.Errorf("%q and %q share %q", e.Origin, other, e.Name)
		}
		folded[strings.ToLower(e.Name)] = e.Origin
		if len(e.Name) > 240 || strings.ContainsFunc(e.Name, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"*:<>?\|`, r) }) {
			t.Errorf("%q is called %q", e.Origin, e.Name)
		}
		for part := range strings.SplitSeq(e.Name, "/") {
			if part == "" || part == "." || part == ".." || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") || reserved.MatchString(part) {
				t.Errorf("%q is called %q", e.Origin, e.Name)
			}
		}
		file := filepath.Join(opened, e.Name)
		if got, err := os.ReadFile(file); err != nil || string(got) != name {
			t.Errorf("%q holds %q: %v", e.Name, got, err)
		}
		if st, err := os.Stat(file); err != nil || !st.ModTime().Equal(want.Modified) {
			t.Errorf("%q was modified at %v, want %v: %v", e.Name, st.ModTime(), want.Modified, err)
		}
		if !e.Times.Modified.Equal(want.Modified) || !e.Times.Accessed.Equal(want.Accessed) || !e.Times.Changed.Equal(want.Changed) {
			t.Errorf("%q: times %v, want %v", e.Origin, e.Times, want)
		}
	}
	for name := range times { // what lies too deep is said
		if !slices.ContainsFunc(m.Outcomes, func(o artifacts.Outcome) bool {
			return o.Status == artifacts.Truncated && o.Path != "" && strings.HasPrefix("/odd/"+name, string(o.Path)) && strings.Contains(o.Reason, "deep")
		}) {
			t.Errorf("%q was not collected, and nothing says why", name)
		}
	}
	if len(times) > 1 {
		t.Errorf("%d files were not collected", len(times))
	}
	underWine(t, private, volumes, opened)
}

// Sparse files, links and items in parts too.
func TestDeskUnderWine(t *testing.T) {
	b := collectOdd(t)
	underWine(t, b.private, b.volumes, b.opened)
}

// plantNames makes the files, and gives their times.
func plantNames(t *testing.T, host string) map[string]artifacts.Times {
	t.Helper()
	root, err := os.OpenRoot(host)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	all := map[string]artifacts.Times{}
	for i, name := range oddNames() {
		full := "odd/" + name
		at := time.Date(2026, 11, 21, 3, 4, i%60, 123_456_789+i, time.UTC)
		for _, err := range []error{root.MkdirAll(path.Dir(full), 0o755), root.WriteFile(full, []byte(name), 0o600), root.Chtimes(full, at.Add(time.Nanosecond), at)} {
			if err != nil {
				t.Skipf("NOT checked, this file system takes no file called %q: %v", name, err)
			}
		}
		st, err := root.Stat(full)
		if err != nil {
			t.Fatal(err)
		}
		sys := st.Sys().(*syscall.Stat_t)
		all[name] = artifacts.Times{Modified: at, Accessed: at.Add(time.Nanosecond), Changed: time.Unix(sys.Ctim.Unix())}
	}
	return all
}

// underWine opens the same bundle with the desk's program for Windows, which must give the same files.
func underWine(t *testing.T, private string, volumes []string, opened string) {
	t.Helper()
	if testing.Short() {
		t.Skip("short: NOT checked what spor-desk.exe does under wine")
	}
	rig := wine.ForTest(t)
	place := filepath.Join(rig.DriveC(), "names-"+filepath.Base(filepath.Dir(opened)))
	if err := os.Mkdir(place, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(place)
	exe := filepath.Join(place, "spor-desk.exe")
	if out, err := build("windows", exe, "spor/cmd/spor-desk"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	args := []string{"open", "--key", "Z:" + filepath.ToSlash(private), "--out", `C:\` + filepath.Base(place) + `\opened`}
	for _, v := range volumes {
		args = append(args, "Z:"+v)
	}
	res, err := rig.Run(t.Context(), nil, exe, args...)
	if err != nil || res.Code != 0 {
		t.Fatalf("spor-desk.exe: %d, %v\n%s\n%s", res.Code, err, res.Stdout, res.Stderr)
	}
	here, there := sums(t, opened), sums(t, filepath.Join(place, "opened"))
	if !maps.Equal(here, there) || len(here) == 0 {
		t.Errorf("under wine: %d files, here %d; %s", len(there), len(here), firstDifference(here, there))
	}
}

func firstDifference(a, b map[string]string) string {
	for name := range a {
		if a[name] != b[name] {
			return fmt.Sprintf("%q is %q, not %q", name, b[name], a[name])
		}
	}
	return ""
}
