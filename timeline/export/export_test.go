package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"spor/timeline"
)

func sample() iter.Seq2[timeline.Event, error] {
	src := &timeline.Source{Host: "web01", Path: "/var/log/a|b\xff", Parser: "p", SHA256: timeline.ParseDigest(strings.Repeat("aa", 32))}
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)
	stat := []timeline.Field{
		timeline.Text("file_entry_type", "file"), timeline.Int("file_size", 12), timeline.Uint("inode", 77), timeline.Int("mode", 0o640),
		timeline.Text("owner_identifier", "1000"), timeline.Text("group_identifier", "S-1-5-32"),
	}
	events := []timeline.Event{
		{Time: at, Desc: timeline.DescCreated, Type: "fs:stat", Message: "m", Fields: stat, Source: src},
		{Time: at, Desc: timeline.DescModified, Type: "syslog:line", Message: "=cmd|' /C calc'!A0\n\"two\", lines", Fields: []timeline.Field{timeline.Text("username", "jón")}, Source: src},
		{Desc: timeline.DescModified, Type: "syslog:line", Message: "no time", Source: src},
	}
	return func(yield func(timeline.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func write(t *testing.T, name string) string {
	t.Helper()
	var b bytes.Buffer
	if err := Find(name).Write(&b, sample()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestTimesketch applies the rules by which Timesketch reads JSON lines (timesketch/lib/utils.py,
// read_and_validate_jsonl): an object a line with message, datetime and timestamp_desc, the datetime in ISO 8601.
func TestTimesketch(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(write(t, "timesketch"), "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		var got struct {
			Message, Datetime string
			Desc              string `json:"timestamp_desc"`
			Timestamp         *int64
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.Message == "" || got.Desc == "" || got.Timestamp == nil {
			t.Errorf("%v: %s", err, line)
		}
		at, err := time.Parse("2006-01-02T15:04:05.999999-07:00", got.Datetime)
		if err != nil || at.UnixMicro() != *got.Timestamp {
			t.Errorf("datetime %s, timestamp %d, %v", got.Datetime, *got.Timestamp, err)
		}
	}
}

func TestCSV(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(write(t, "csv"))).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	want := []string{
		"=cmd|' /C calc'!A0\n\"two\", lines", "2026-03-04T05:06:07.123456+00:00", "1772600767123456", "Content Modification Time", "syslog:line", "p",
		"web01", "/var/log/a|b%FF", "0", strings.Repeat("aa", 32), "false", `{"username":"jón"}`,
	}
	if got := rows[2]; strings.Join(got, "¦") != strings.Join(want, "¦") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := rows[3]; got[1] != "1970-01-01T00:00:00+00:00" || got[2] != "0" || got[3] != "Not a time" || got[11] != "{}" {
		t.Errorf("no time: %q", got)
	}
}

func TestL2TCSV(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(write(t, "l2tcsv"))).ReadAll()
	if err != nil || len(rows) != 4 || len(rows[0]) != 17 {
		t.Fatalf("%q, %v", rows, err)
	}
	want := []string{
		"03/04/2026", "05:06:07", "UTC", "M...", "LOG", "syslog:line", "Content Modification Time", "jón", "web01", "=cmd|' /C calc'!A0",
		`=cmd|' /C calc'!A0 "two", lines`, "2", "/var/log/a|b%FF", "-", "-", "p", "microsecond: 123456; username: jón; sha256: " + strings.Repeat("aa", 32),
	}
	if got := rows[2]; strings.Join(got, "¦") != strings.Join(want, "¦") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestBodyfile(t *testing.T) {
	got := write(t, "bodyfile")
	want := `0|/var/log/a\x7cb%FF|77|r/rrw-r-----|1000|0|12|0|0|0|1772600767` + "\n" +
		`0|[syslog:line] =cmd\x7c' /C calc'!A0\x0a"two", lines (/var/log/a\x7cb%FF)|0|0|0|0|0|0|1772600767|0|0` + "\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	mactime, err := exec.LookPath("mactime")
	if err != nil {
		t.Skip("SKIPPED: mactime (sleuthkit) is not installed; the body file was not read by it")
	}
	cmd := exec.Command(mactime, "-d", "-z", "UTC")
	cmd.Stdin = strings.NewReader(got)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "Mar 04 2026 05:06:07") != 2 {
		t.Errorf("mactime: %v\n%s", err, out)
	}
}

func TestError(t *testing.T) {
	torn := errors.New("torn")
	for _, f := range Formats {
		err := f.Write(new(bytes.Buffer), func(yield func(timeline.Event, error) bool) { yield(timeline.Event{}, torn) })
		if !errors.Is(err, torn) {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// TestOpenSearch applies the rules of the bulk format: an action line and a document, each one line; no name twice; the same
// events have the same ids.
func TestOpenSearch(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(write(t, "opensearch"), "\n"), "\n")
	if len(lines) != 6 {
		t.Fatalf("%d lines", len(lines))
	}
	if write(t, "opensearch") != strings.Join(lines, "\n")+"\n" {
		t.Error("the same events are written otherwise the second time")
	}
	ids := map[string]bool{}
	var docs []map[string]any
	for i, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if i%2 == 0 {
			ids[got["create"].(map[string]any)["_id"].(string)] = true
			continue
		}
		docs = append(docs, got)
	}
	if len(ids) != 3 {
		t.Errorf("3 events have the ids %v", ids)
	}
	for i, want := range []map[string]any{
		{
			"@timestamp": "2026-03-04T05:06:07.123456+00:00", "event.dataset": "fs:stat", "file.path": "/var/log/a|b%FF", "file.size": 12.0, "file.uid": "1000",
			"file.hash.sha256": strings.Repeat("aa", 32), "host.name": "web01", "spor.mode": "416", "spor.timestamp_desc": "Creation Time",
		},
		{"message": "=cmd|' /C calc'!A0\n\"two\", lines", "user.name": "jón", "event.module": "p", "log.offset": 0.0, "spor.username": "jón"},
		{"@timestamp": "1970-01-01T00:00:00+00:00", "spor.timestamp_desc": "Not a time"},
	} {
		for name, value := range want {
			if docs[i][name] != value {
				t.Errorf("event %d: %s is %v, want %v", i, name, docs[i][name], value)
			}
		}
	}
}

func TestECS(t *testing.T) {
	for _, tt := range []struct {
		fields     []timeline.Field
		name, want string
	}{
		{[]timeline.Field{timeline.Text("ip_address", "2001:db8::1%eth0")}, "source.ip", "2001:db8::1"},
		{[]timeline.Field{timeline.Text("ip_address", "evil.example")}, "source.ip", ""},
		{[]timeline.Field{timeline.Text("ip_address", "evil.example")}, "source.address", "evil.example"},
		{[]timeline.Field{timeline.Text("ip_address", "192.0.2.1"), timeline.Int("port", 22)}, "source.port", "22"},
		{[]timeline.Field{timeline.Text("pid", "many")}, "process.pid", ""},
		{[]timeline.Field{timeline.Text("http_response_code", "404")}, "http.response.status_code", "404"},
		{[]timeline.Field{timeline.Text("a.b", "c")}, "spor.a_b", "c"},
		{[]timeline.Field{timeline.Text("username", "a"), timeline.Text("user", "b")}, "user.name", "a"},
	} {
		got, ok := ecsDocument(&timeline.Event{Message: "m", Fields: tt.fields})[tt.name]
		if said := fmt.Sprint(got); ok != (tt.want != "") || ok && said != tt.want {
			t.Errorf("%v: %s is %v, want %q", tt.fields, tt.name, got, tt.want)
		}
	}
}

// TestParquet reads the file with the library's own reader, and with DuckDB where it is at hand.
func TestParquet(t *testing.T) {
	data := []byte(write(t, "parquet"))
	rows, err := parquet.Read[parquetRow](bytes.NewReader(data), int64(len(data)))
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)
	if r := rows[1]; r.Datetime == nil || !r.Datetime.Equal(at) || r.Timestamp != at.UnixMicro() || r.Message != "=cmd|' /C calc'!A0\n\"two\", lines" || r.Fields != `{"username":"jón"}` || r.Path != "/var/log/a|b%FF" {
		t.Errorf("got %+v", r)
	}
	if r := rows[2]; r.Datetime != nil || r.Timestamp != 0 || r.Desc != "Not a time" {
		t.Errorf("no time: %+v", r)
	}
	const group = 1000
	many := func(yield func(timeline.Event, error) bool) {
		for i := range 2*group + 1 {
			if !yield(timeline.Event{Time: at.Add(time.Duration(i) * time.Second), Message: "m", Type: "t", Offset: int64(i)}, nil) {
				return
			}
		}
	}
	var b bytes.Buffer
	if err := writeParquet(&b, many, group); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || f.NumRows() != 2*group+1 || len(f.RowGroups()) != 3 {
		t.Errorf("%d rows in %d groups, %v", f.NumRows(), len(f.RowGroups()), err)
	}
}
