package timeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	name = filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const opened = `{"format":1,"bundle":"ab","host":{"hostname":"fs01"},"clock":{"now":"2026-03-10T21:04:05Z","zone":"Nowhere/Land","utc_offset_seconds":-12600},"entries":[
{"number":1,"name":"files/b","origin":"/b%FF","source":"s","times":{"modified":"2026-03-01T00:00:00Z"},"size":8,"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
{"number":2,"name":"live/p.jsonl","source":"p","size":3,"sha256":"bb"},
{"number":3,"name":"files/l","origin":"/l","link":"/b","source":"s","times":{"changed":"2026-03-02T00:00:00Z"},"size":0},
{"number":4,"name":"files/gone","origin":"/gone","source":"s","size":1,"sha256":"cc"},
{"number":5,"name":"../../../etc/passwd","origin":"/x","source":"s","size":1,"sha256":"dd"}]}`

// read gives all events as text, and what went wrong.
func read(t *testing.T, dir string) (out string, sums []Summary, errs []error) {
	t.Helper()
	s := NewSorter(SorterOptions{})
	r := Reader{Formats: Formats{words}, Add: s.Add}
	for f, err := range Files(dir) {
		if err == nil {
			var sum Summary
			if sum, err = r.File(t.Context(), f); err == nil {
				sums = append(sums, sum)
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return string(lines(t, s)), sums, errs
}

func TestOpenedFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "manifest.json", opened)
	write(t, dir, "files/b", "words\nx\n")
	write(t, dir, "live/p.jsonl", "{}\n")
	write(t, dir, "report.html", "words\nnot evidence\n")
	out, sums, errs := read(t, dir)
	if len(sums) != 3 || len(errs) != 2 {
		t.Errorf("%d files, errors %v", len(sums), errs)
	}
	if sums[0].Path != "/b\xff" || sums[0].Records != 2 || sums[0].Parser != "words" || sums[1].Parser != "" {
		t.Errorf("got %+v", sums)
	}
	for _, want := range []string{
		`"message":"x","datetime":"2026-03-04T05:06:07.123456+00:00"`, `"parser":"words","host":"fs01","path":"/b%FF","offset":6,"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`,
		`"data_type":"fs:stat","parser":"filestat","host":"fs01","path":"/l"`, `"file_entry_type":"link","file_size":0,"link_target":"/b"`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, "not evidence") || strings.Count(out, "\n") != 4 {
		t.Errorf("got\n%s", out)
	}
	for f := range Files(dir) {
		if _, offset := at.In(f.Zone).Zone(); offset != -12600 || f.Zone.String() != "UTC-03:30" {
			t.Errorf("zone %v, %d", f.Zone, offset)
		}
		break
	}
}

func TestLooseFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sub/a", "words\n1\n")
	write(t, dir, "sub/manifest.json", `{"name":"of a web page"}`)
	write(t, dir, "odd\xff", "words\n2\n")
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Skipf("SKIPPED: no symbolic links here: %v", err)
	}
	out, sums, errs := read(t, dir)
	if len(sums) != 3 || errs != nil {
		t.Errorf("got %+v, %v", sums, errs)
	}
	if strings.Contains(out, "fs:stat") || !strings.Contains(out, `/odd%FF","offset":6`) || strings.Count(out, "\n") != 3 ||
		!strings.Contains(out, `"offset":0,"sha256":"","also_in":["`+dir+`/sub/a"]`) { // the first line is the same in both
		t.Errorf("got\n%s", out)
	}
	one := filepath.Join(dir, "sub", "a")
	if out, _, errs := read(t, one); errs != nil || strings.Count(out, "\n") != 2 {
		t.Errorf("%v\n%s", errs, out)
	}
	if _, _, errs := read(t, filepath.Join(dir, "none")); len(errs) != 1 {
		t.Errorf("got %v", errs)
	}
}

func TestZone(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, tt := range []struct {
		clock artifacts.Clock
		want  string
	}{
		{artifacts.Clock{}, "UTC"}, // nil: not known
		{artifacts.Clock{Now: now, Zone: "../../etc/passwd", OffsetSeconds: 3600}, "UTC+01:00"},
		{artifacts.Clock{Now: now, Zone: "W. Europe Standard Time", OffsetSeconds: 7200}, "UTC+02:00"},
		{artifacts.Clock{Now: now}, "UTC+00:00"},
	} {
		if got := Zone(tt.clock, time.LoadLocation).String(); got != tt.want {
			t.Errorf("%+v: got %s, want %s", tt.clock, got, tt.want)
		}
	}
}
