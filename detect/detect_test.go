package detect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/timeline"
)

func rules(d *Detector) string {
	var names []string
	for _, f := range d.Findings() {
		names = append(names, fmt.Sprintf("%s %s", f.Severity, f.Rule))
	}
	return strings.Join(names, ", ")
}

func TestLive(t *testing.T) {
	tests := []struct{ collector, line, want string }{
		{"processes", `{"pid":1,"name":"systemd","exe":"/usr/lib/systemd/systemd"}`, ""},
		{"processes", `{"pid":9,"name":"x","exe":"/usr/sbin/x","exe_deleted":true}`, "high process-deleted-executable"},
		{"processes", `{"pid":9,"name":"x","exe":"/usr/sbin/x","exe_deleted":true,"exe_replaced":true}`, "low process-deleted-executable"},
		{"processes", `{"pid":9,"exe":"/dev/shm/.x"}`, "medium process-temporary-folder"},
		{"processes", `{"pid":9,"exe":"/memfd:x","exe_deleted":true}`, "high process-memory-only"},
		{"processes", `{"pid":9,"exe":"/tmp/ours/spor"}`, ""},
		{"processes", `{"pid":9,"exe":"/tmpfs/x"}`, ""},
		{"processes", `{"pid":9,"exe":"/home/a/tmp/x"}`, ""},
		{"processes", `{"pid":9,"exe":"C:\\Windows\\Temp\\a.exe"}`, "medium process-temporary-folder"},
		{"processes", `{"pid":9,"exe":"c:\\Users\\Jón\\AppData\\Local\\TEMP\\a.exe"}`, "medium process-temporary-folder"},
		{"processes", `{"pid":9,"exe":"C:\\Program Files\\Temp\\a.exe"}`, ""},
		{"processes", `{"pid":"nine","exe":17}`, ""},
		{"processes", `no json`, ""},
		{"processes", `null`, ""},
		{"clock", `{"synchronized":false}`, "informational clock-unsynchronised"},
		{"clock", `{"synchronized":true}`, ""},
		{"clock", `{}`, ""},
		{"sockets", `{"pid":9,"exe":"/tmp/x"}`, ""},
	}
	for _, tt := range tests {
		d := Detector{Self: []artifacts.Path{"/tmp/ours/spor"}}
		d.Live("live/"+tt.collector+".jsonl", []byte(tt.line+"\n"))
		if got := rules(&d); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.line, got, tt.want)
		}
		for _, f := range d.Findings() {
			if f.Reason == "" || f.Item != "live/"+tt.collector+".jsonl" || f.Line != 1 {
				t.Errorf("%s: %+v", tt.line, f)
			}
		}
	}
}

// discard is a sink that reads all.
type discard struct{}

func (discard) Put(_ context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	n, err := io.Copy(io.Discard, r)
	return artifacts.Stored{Name: "files" + string(it.Origin), Size: n, SHA256: "5e1f"}, err
}

func TestTap(t *testing.T) {
	tests := []struct {
		origin artifacts.Path
		name   string
		text   string
		want   string
	}{
		{"/etc/passwd", "", "root:x:0:0:root:/root:/bin/bash\na:x:1000:1000::/:/bin/sh\n", ""},
		{"/etc/passwd", "", "root:x:0:0::/root:/bin/bash\ntoor:x:00:0::/:/bin/sh", "high second-root"},
		{"/srv/passwd", "", "toor:x:0:0::/:/bin/sh", ""},
		{"/etc/ld.so.preload", "", "# nothing\n\n", ""},
		{"/etc/ld.so.preload", "", "/lib/libhide.so # x\n", "high preload-library"},
		{"/srv/share/HOW TO DECRYPT FILES.txt", "", "", "high ransom-note-name"},
		{`C:\Users\Public\akira_readme.txt`, "", "", "high ransom-note-name"},
		{"/usr/share/doc/how-to-restore.pdf", "", "", ""},
		{"/srv/readme.txt", "", "", ""},
		{"", "live/processes.3.jsonl", `{"pid":9,"exe":"/tmp/x"}`, "medium process-temporary-folder"},
		{"", "live/processes.jsonl", `{"pid":9,"exe":"/tmp/x"}`, "medium process-temporary-folder"},
	}
	for _, tt := range tests {
		d := &Detector{Host: "h"}
		tap := &Tap{Next: discard{}, Detector: d}
		it := artifacts.Item{Origin: tt.origin, Name: tt.name}
		if stored, err := tap.Put(t.Context(), it, strings.NewReader(tt.text)); err != nil || stored.Size != int64(len(tt.text)) {
			t.Errorf("%s: %+v, %v", tt.origin, stored, err)
		}
		if got := rules(d); got != tt.want {
			t.Errorf("%s %q: got %q, want %q", tt.origin, tt.text, got, tt.want)
		}
	}
}

func TestEvents(t *testing.T) {
	login := timeline.Event{
		Time: time.Unix(9, 0), Type: "syslog:line", Offset: 7, Source: &timeline.Source{Host: "h", Path: "/var/log/auth.log"},
		Fields: []timeline.Field{
			timeline.Text("action", "login"), timeline.Text("username", "root"), timeline.Text("authentication_method", "password"),
			timeline.Text("ip_address", "192.0.2.7"),
		},
	}
	key := login
	key.Fields = append([]timeline.Field{}, login.Fields...)
	key.Fields[2] = timeline.Text("authentication_method", "publickey")
	var d Detector
	n := 0
	for _, err := range d.Events(func(yield func(timeline.Event, error) bool) {
		for range MaxListed + 3 {
			if !yield(login, nil) {
				return
			}
		}
		yield(key, nil)
	}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	found := d.Findings()
	if n != MaxListed+4 || len(found) != MaxListed {
		t.Fatalf("%d events, %d findings", n, len(found))
	}
	if f := found[MaxListed-1]; f.More != 3 || f.Path != "/var/log/auth.log" || f.Offset != 7 || !strings.Contains(f.Reason, "192.0.2.7") {
		t.Errorf("got %+v", f)
	}
	b, err := WriteJSON(nil, found)
	if err != nil || strings.Count(string(b), "\n") != MaxListed || !json.Valid(b[:strings.IndexByte(string(b), '\n')]) {
		t.Errorf("%v: %.300s", err, b)
	}
}

// TestRules holds the table to its own rules: names once, everything said, one kind of evidence each.
func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules {
		kinds := 0
		for _, set := range []bool{r.Record != nil && r.Live != "", r.Item != nil, r.File != nil && r.Text != nil, r.Event != nil, r.Watch != nil} {
			if set {
				kinds++
			}
		}
		if seen[r.Name] || r.Title == "" || r.Severity.Rank() == len(Severities) || kinds != 1 {
			t.Errorf("rule %+v", r)
		}
		seen[r.Name] = true
	}
}

// FuzzText checks that no content makes a rule stumble.
func FuzzText(f *testing.F) {
	f.Add([]byte("root:x:0:0\n:::\n::0:0"), `{"pid":1e99,"exe":"//","exe_deleted":true}`)
	f.Fuzz(func(t *testing.T, text []byte, line string) {
		var d Detector
		for _, p := range []artifacts.Path{"/etc/passwd", "/etc/ld.so.preload"} {
			d.Item(&artifacts.Item{Origin: p}, artifacts.Stored{}, text)
		}
		d.Live("live/processes.2.jsonl", []byte(line))
		if _, err := WriteJSON(nil, d.Findings()); err != nil {
			t.Error(err)
		}
	})
}
