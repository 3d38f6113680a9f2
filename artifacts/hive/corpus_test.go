package hive_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"spor/artifacts/hive"
)

// corpus is the folder of real evidence files, which is not part of the project.
func corpus(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(filepath.Join(dir, "INDEX.tsv")); err != nil {
		t.Skipf("SKIPPED: no corpus of real hives: %v", err)
	}
	return dir
}

func load(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err == nil && strings.HasSuffix(name, ".gz") {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(b)); err == nil {
			b, err = io.ReadAll(z)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, b []byte, logs ...[]byte) *hive.Hive {
	t.Helper()
	var readers []io.ReaderAt
	for _, l := range logs {
		readers = append(readers, bytes.NewReader(l))
	}
	h, err := hive.Open(bytes.NewReader(b), int64(len(b)), readers...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A dump is what a hive holds: keys with their times, and the values of each.
type dump struct {
	keys   map[string]string
	values map[string]string // by path, number and name
	errs   []error
}

func read(h *hive.Hive) dump {
	d := dump{map[string]string{}, map[string]string{}, nil}
	for k, err := range h.All() {
		if err != nil {
			d.errs = append(d.errs, err)
			continue
		}
		d.keys[unique(d.keys, k.Path)] = k.LastWrite.Format("2006-01-02 15:04:05.0000000")
		for v, err := range k.Values() {
			if err != nil {
				d.errs = append(d.errs, err)
			}
			if v.Offset != 0 {
				d.values[unique(d.values, k.Path+`\`+v.Name)] = fmt.Sprintf("%d %x", v.Type, v.Data)
			}
		}
	}
	return d
}

// unique is a name that is not yet in a map: two keys may be called the same.
func unique(in map[string]string, name string) string {
	for in[name] != "" {
		name += "+"
	}
	return name
}

var figures = regexp.MustCompile(`reglookup: keys=(\d+) values=(\d+)`)

// TestCorpus holds the number of keys and values of every real hive against those that reglookup found.
func TestCorpus(t *testing.T) {
	dir := corpus(t)
	tried := 0
	for line := range strings.Lines(string(load(t, filepath.Join(dir, "INDEX.tsv")))) {
		cells := strings.Split(line, "\t")
		want := figures.FindStringSubmatch(line)
		if cells[1] != "registry" || want == nil || strings.Contains(cells[0], ".LOG") {
			continue
		}
		tried++
		d := read(open(t, load(t, filepath.Join(dir, cells[0]))))
		got := fmt.Sprintf("reglookup: keys=%d values=%d", len(d.keys), len(d.values))
		if strings.Contains(cells[0], "corrupt_sub_key_list") {
			// reglookup stops at the first; plaso gives 100 keys and one warning, as the index says.
			if len(d.keys) != 100 || len(d.errs) != 1 {
				t.Errorf("%s: %d keys, %v; want 100 and one error", cells[0], len(d.keys), d.errs)
			}
			continue
		}
		if got != want[0] {
			t.Errorf("%s: %s, want %s; errors %v", cells[0], got, want[0], d.errs)
		}
	}
	if tried < 15 {
		t.Errorf("%d hives in the corpus, want 15 or more", tried)
	}
}

// TestLogs holds two dirty hives with their logs against what regipy recovers from them
// (github.com/mkorman90/regipy, regipy_tests/tests.py): the number of pages. Keys and values are as many as hivexml finds
// in what is recovered, which TestHivexml compares one by one.
func TestLogs(t *testing.T) {
	dir := filepath.Join(corpus(t), "registry", "mkorman90-regipy")
	for _, c := range []struct {
		name         string
		pages        int
		keys, values int // in all
	}{
		{"UsrClass.dat", 158, 6238, 12531},
		{"SYSTEM_B", 315, 35595, 78901},
	} {
		b := load(t, filepath.Join(dir, c.name+".gz"))
		before := open(t, b)
		if !before.Dirty || before.Recovered != 0 {
			t.Errorf("%s without logs: dirty %v, %d pages", c.name, before.Dirty, before.Recovered)
		}
		one, two := load(t, filepath.Join(dir, c.name+".LOG1.gz")), load(t, filepath.Join(dir, c.name+".LOG2.gz"))
		for _, logs := range [][][]byte{{one, two}, {two, one}} {
			after := open(t, b, logs...)
			if len(b) > 10<<20 && after.Recovered == c.pages && &logs[0][0] == &two[0] {
				continue // it is the same, and large
			}
			is := read(after)
			if after.Recovered != c.pages || len(is.keys) != c.keys || len(is.values) != c.values || len(is.errs) > 0 || len(after.LogErrors) > 0 {
				t.Errorf("%s: %d pages, %d keys, %d values; want %+v; errors %v, of logs %v", c.name, after.Recovered, len(is.keys), len(is.values), c, is.errs, after.LogErrors)
			}
		}
	}
}
