package formats

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spor/timeline"
)

func corpus() string {
	if dir := os.Getenv("SPOR_CORPUS"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "shared", "corpus")
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Desk() {
		if f.Name == "" || seen[f.Name] || f.Sniff == nil || f.Parse == nil {
			t.Errorf("format %q is not whole, or listed twice", f.Name)
		}
		seen[f.Name] = true
		if f.Sniff("/empty", nil) {
			t.Errorf("%s takes a file of nothing", f.Name)
		}
	}
}

// TestDocumented asks that the manual names every parser, and none that is not there.
func TestDocumented(t *testing.T) {
	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "timeline.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(manual), "## What is read")
	named := map[string]bool{}
	for i, word := range strings.Split(table, "`") {
		if i%2 == 1 {
			named[word] = true
		}
	}
	for _, f := range Desk() {
		if !named[f.Name] {
			t.Errorf("docs/timeline.md does not name %s", f.Name)
		}
		delete(named, f.Name)
	}
	for _, other := range []string{"parser", "webserver_access", "haproxy_configured"} { // the last two are made of configuration
		delete(named, other)
	}
	for name := range named {
		t.Errorf("docs/timeline.md names %s, which is no parser", name)
	}
}

// TestForeign gives every parser small files of every kind, one half of them whole and the other spoilt: each must end, in
// time, with events that have a message and rising offsets.
func TestForeign(t *testing.T) {
	const perFolder, largest = 3, 96 << 10 // spoilt, more than the block that texts are read by
	dirs, err := os.ReadDir(corpus())
	if err != nil {
		t.Skipf("SKIPPED: the corpus is not here: %v", err)
	}
	others, files := len(All())-len(text()), 0
	for _, d := range dirs {
		n := 0
		filepath.WalkDir(filepath.Join(corpus(), d.Name()), func(name string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() || n == perFolder {
				return err
			}
			if info, err := e.Info(); err != nil || info.Size() > largest {
				return err
			}
			n++
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files++
			for i, f := range All() {
				if i >= others && (i+files)%4 != 0 { // the parsers of text share their reader: each file is for a quarter of them
					continue
				}
				if (i+files/4)%2 == 0 {
					foreign(t, f, name, b)
				} else {
					foreign(t, f, name, append(bytes.Clone(b[len(b)/3:]), b...))
				}
			}
			return nil
		})
	}
}

func foreign(t *testing.T, f *timeline.Format, name string, b []byte) {
	t.Helper()
	start := time.Now()
	at, events := int64(-1), 0
	for e, err := range f.Parse(timeline.Input{Name: name, ModTime: time.Unix(1.7e9, 0), R: bytes.NewReader(b), Size: int64(len(b))}) {
		if err != nil {
			continue
		}
		events++
		if e.Message == "" || e.Offset < at || e.Offset > int64(len(b)) {
			t.Fatalf("%s on %s: event %d at %d after %d: %q", f.Name, name, events, e.Offset, at, e.Message)
		}
		at = e.Offset
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("%s on %s: %v for %d bytes", f.Name, name, took, len(b))
	}
}
