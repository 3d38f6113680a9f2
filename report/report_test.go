package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"spor/artifacts"
	"spor/detect"
	"spor/package/manifest"
	"spor/timeline"
)

var update = flag.Bool("update", false, "write the golden pages")

var began = time.Date(2026, 3, 10, 21, 4, 5, 0, time.UTC)

// made is an opened folder of a host that an intruder was on. hostile is put wherever the host has a say.
func made(t testing.TB, hostile string) fstest.MapFS {
	t.Helper()
	no := false
	outcomes := []artifacts.Outcome{
		{Source: "LinuxAuthLogs", Path: "/var/log/auth.log", Status: artifacts.Collected, Item: "files/var/log/auth.log", Bytes: 48_211},
		{Source: "processes", Status: artifacts.Truncated, Reason: "the source's time of 2m0s is over", Item: "live/processes.jsonl", Gap: true},
		{Source: "LinuxShadow", Path: "/etc/shadow", Status: artifacts.Denied, Reason: "permission denied"},
		{Source: "LinuxWtmp", Path: "/var/log/wtmp.2", Status: artifacts.Failed, Reason: "input/output error after 4096 bytes"},
		{Source: "AnacronFiles", Path: "/etc/anacrontab", Status: artifacts.Absent},
		{Source: "ApacheLogs", Path: "/var/log/apache2/*", Status: artifacts.Absent},
	}
	for i := range 12 {
		outcomes = append(outcomes, artifacts.Outcome{Source: fmt.Sprintf("Command%d", i), Status: artifacts.Skipped, Reason: "COMMAND is never executed"})
	}
	m := manifest.Manifest{
		Format: manifest.Format, Bundle: strings.Repeat("5e1f", 8), Case: "2026-017" + hostile, TLP: "TLP:AMBER", Operator: "Kari Nordmann",
		Tool: manifest.Tool{Name: "spor", Version: "0.1.0", Go: "go1.26", System: "linux/amd64", SHA256: strings.Repeat("ab", 32)},
		Host: artifacts.Identity{
			Hostname: "fs01" + hostile, FQDN: "fs01.kommune.example" + hostile, Domain: "kommune.example", MachineID: strings.Repeat("0c", 16), OS: artifacts.Linux,
			OSName: "Debian GNU/Linux 12 (bookworm)", Kernel: "6.1.0-18-amd64", Arch: "amd64", Source: "live", Platform: "kvm",
		},
		Clock:   artifacts.Clock{Now: began, BootTime: began.Add(-90 * 24 * time.Hour), Zone: "Europe/Oslo", OffsetSeconds: 3600, Synchronized: &no},
		Started: began, Finished: began.Add(94 * time.Second), Completion: "gaps", Profiles: []string{"ransomware"},
		Options:    []string{"spor", "collect", "--profile", "ransomware"},
		Recipients: []manifest.Recipient{{Fingerprint: strings.Repeat("A1B2", 10), UserID: "CERT <cert@cert.example>"}},
		Signer:     manifest.Signer{Fingerprint: strings.Repeat("9F3C", 10)},
		Totals:     manifest.Totals{Items: 1834, Bytes: 412_774_112, Gaps: 1},
		Custody: []manifest.Step{
			{Time: began, Who: "Kari Nordmann", What: "started", Detail: "spor 0.1.0 on " + "fs01" + hostile},
			{Time: began.Add(94 * time.Second), Who: "spor", What: "sealed", Detail: "1834 items"},
		},
		Volumes:  []manifest.Volume{{Number: 1, Name: "2026-017-fs01-20260310T210405Z.001.tar.zst.pgp", Size: 38_113_201, SHA256: strings.Repeat("c4", 32)}},
		Outcomes: append(outcomes, artifacts.Outcome{Source: "take", Path: artifacts.Path("/srv/" + hostile), Status: artifacts.Denied, Reason: "denied " + hostile}),
		Entries: []manifest.Entry{
			{Number: 1, Item: artifacts.Item{Name: "live/processes.jsonl", Source: "processes"}, Size: 91_000},
			{Number: 2, Item: artifacts.Item{Name: "files/var/log/auth.log", Source: "LinuxAuthLogs", Origin: "/var/log/auth.log"}, Size: 48_211},
			{Number: 3, Item: artifacts.Item{Name: "files/srv/100%25 x#?.txt", Source: "RansomNotes" + hostile, Origin: "/srv/akira_readme.txt"}, Size: 2_900},
		},
	}
	folder := fstest.MapFS{}
	put := func(name string, lines ...any) {
		var b bytes.Buffer
		for _, v := range lines {
			j, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(append(j, '\n'))
		}
		folder[name] = &fstest.MapFile{Data: b.Bytes()}
	}
	put("manifest.json", m)
	put("findings.jsonl",
		detect.Finding{Rule: "clock-unsynchronised", Title: "x", Severity: detect.Info, Reason: "The kernel says that its clock is not synchronised.", Item: "live/clock.jsonl", Line: 1},
		detect.Finding{
			Rule: "ssh-root-password", Title: "x", Severity: detect.High, Reason: "sshd let root in by password from 203.0.113.9." + hostile, Technique: []string{"T1078.003", "T1021.004"},
			Path: "/var/log/auth.log", Offset: 31_337, Time: began.Add(-50 * time.Hour), More: 3,
		},
		detect.Finding{Rule: "ransom-note-name", Title: "x", Severity: detect.High, Reason: "/srv/akira_readme.txt is named as ransomware names its notes.", Technique: []string{"T1486"}, Path: "/srv/akira_readme.txt", Item: "files/srv/100%25 x#?.txt", Time: began.Add(-49 * time.Hour)},
		detect.Finding{Rule: "process-temporary-folder", Title: "x", Severity: detect.Medium, Reason: "Process 4242 runs from /dev/shm/.x.", Technique: []string{"T1059"}, Path: "/dev/shm/.x", Item: "live/processes.jsonl", Line: 3, PID: 4242},
		detect.Finding{Rule: "made-up", Title: "A rule the page does not know" + hostile, Severity: detect.Severity("odd" + hostile), Reason: "r", Item: "javascript:alert(1)", Path: artifacts.Path(hostile)},
	)
	put("live/processes.jsonl",
		map[string]any{"pid": 1, "ppid": 0, "name": "systemd", "user": "root", "command_line": "/sbin/init", "start": began.Add(-90 * 24 * time.Hour)},
		map[string]any{"pid": 2, "name": "kthreadd", "kernel_thread": true},
		map[string]any{"pid": 4242, "ppid": 1, "name": "kworker/0:1" + hostile, "user": "root", "command_line": "/dev/shm/.x -q" + hostile, "exe": "/dev/shm/.x", "start": began.Add(-50 * time.Hour)})
	put("live/processes.2.jsonl", map[string]any{"pid": 812, "ppid": 1, "name": "sshd", "user": "root", "command_line": "sshd: /usr/sbin/sshd -D [listener]"})
	put("live/sockets.jsonl",
		map[string]any{"protocol": "tcp", "local_address": "127.0.0.1", "local_port": 5432, "state": "LISTEN", "user": "postgres", "owners": []any{map[string]any{"pid": 900, "name": "postgres", "exe": "/usr/lib/postgresql/15/bin/postgres"}}},
		map[string]any{"protocol": "tcp", "local_address": "0.0.0.0", "local_port": 22, "state": "LISTEN", "user": "root", "owners": []any{map[string]any{"pid": 812, "name": "sshd", "exe": "/usr/sbin/sshd"}}},
		map[string]any{"protocol": "tcp6", "local_address": "::", "local_port": 4444, "state": "LISTEN", "user": "root", "owners": []any{map[string]any{"pid": 4242, "name": "kworker/0:1" + hostile, "exe": "/dev/shm/.x"}}},
		map[string]any{"protocol": "udp", "local_address": "::1", "local_port": 323, "state": "UNCONNECTED"},
		map[string]any{"protocol": "tcp", "local_address": "192.0.2.7", "local_port": 50000, "remote_address": "203.0.113.9", "remote_port": 443, "state": "ESTABLISHED"})
	put("live/sessions.jsonl", map[string]any{"source": "utmp", "type": "user", "user": "root" + hostile, "terminal": "pts/0", "remote_host": hostile, "remote_address": "203.0.113.9", "login": began.Add(-50 * time.Hour)})
	put("live/screens.jsonl",
		map[string]any{"session": 2, "user": `FS01\anna` + hostile, "state": "active", "locked": false, "image": "screens/session-2.png", "input_desktop": "Default", "windows": []any{
			map[string]any{"title": "RESTORE-FILES.txt - Notepad" + hostile, "visible": true, "foreground": true},
			map[string]any{"title": "not seen"},
			map[string]any{"title": "Firefox", "desktop": "hidden-desk"},
		}},
		map[string]any{"session": 3, "state": "disconnected", "locked": true, "image": "screens/../../x" + hostile, "input_desktop": "Winlogon", "look": "black"})
	put("live/identity.jsonl", map[string]any{
		"hostname": "fs01", "interfaces": []any{map[string]any{"name": "ens18", "mac": "52:54:00:12:34:56", "up": true, "addresses": []string{"192.0.2.7/24", "2001:db8::7/64"}}},
		"hardware": map[string]any{"vendor": "QEMU", "product": "Standard PC", "serial": hostile},
		"users": []any{
			map[string]any{"name": "root", "id": "0", "home": "/root", "shell": "/bin/bash", "password": "shadow", "admin": true},
			map[string]any{"name": "toor" + hostile, "id": "0", "home": "/", "shell": "/bin/sh", "password": "empty", "admin": true, "groups": []string{"sudo"}},
		},
	})
	put("incident.json", map[string]any{
		"contact": map[string]any{"name": "Guðrún Jónsdóttir" + hostile, "organisation": "Kommunen", "email": "gudrun@kommune.example"}, "tlp": "amber",
		"start":   map[string]any{"noticed": "2026-03-10T06:10:00+01:00", "about": "during the night"},
		"what":    map[string]any{"description": "Files on the share no longer open." + hostile, "class": "ransomware", "traces": []string{"akira_readme.txt"}, "data_taken": "unknown", "data_damaged": "yes"},
		"systems": []any{map[string]any{"name": "fs01", "role": "file server", "addresses": []string{"192.0.2.7"}}},
		"ongoing": map[string]any{"state": "contained"}, "severity": map[string]any{"operation_stops": "yes"}, "extent": map[string]any{"servers": 2, "spreading": "unknown"},
		"measures": []any{map[string]any{"text": "network cable pulled"}, map[string]any{"text": "restore from backup", "planned": true}},
	})
	put("live/firewall.jsonl",
		map[string]any{"system": "nftables", "kind": "chain", "family": "inet", "table": "filter", "chain": "input", "hook": "input", "policy": "accept"},
		map[string]any{"system": "nftables", "kind": "rule", "family": "inet", "table": "filter", "chain": "other" + hostile})
	put("live/persistence.jsonl",
		map[string]any{"kind": "cron", "path": "/etc/cron.d/updater" + hostile, "user": "root" + hostile, "command": "/dev/shm/.x -q" + hostile, "targets": []any{map[string]any{"path": "/dev/shm/.x", "temporary": true, "modified": began.Add(-50 * time.Hour)}}},
		map[string]any{"kind": "systemd-unit", "path": "/usr/lib/systemd/system/ssh.service", "command": "/usr/sbin/sshd -D", "targets": []any{map[string]any{"path": "/usr/sbin/sshd", "package": "openssh-server", "modified": began.AddDate(-1, 0, 0)}}})
	folder["files/srv/100%25 x#?.txt"] = &fstest.MapFile{Data: []byte("Hi friends,\n\nall your files are ours. " + hostile + "\n")}
	folder["screens/session-2.png"] = &fstest.MapFile{Data: screenshot()}
	folder["timeline.jsonl"] = &fstest.MapFile{Data: events(hostile)}
	return folder
}

// screenshot is a desktop with a window on it.
var screenshot = sync.OnceValue(func() []byte {
	m := image.NewRGBA(image.Rect(0, 0, 1600, 900))
	draw.Draw(m, m.Bounds(), image.NewUniform(color.RGBA{0, 90, 120, 255}), image.Point{}, draw.Src)
	draw.Draw(m, image.Rect(300, 200, 1100, 700), image.White, image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // of a picture in memory
	}
	return b.Bytes()
})

// events are a timeline of records and files over a month, one before and one after the collection, one without a time.
func events(hostile string) []byte {
	log := &timeline.Source{Host: "fs01", Path: artifacts.Path("/var/log/auth.log" + hostile), Parser: "syslog"}
	file := &timeline.Source{Host: "fs01", Path: "/srv/file", Parser: "filestat"}
	var b []byte
	add := func(e timeline.Event) { b = append(e.AppendJSON(b), '\n') }
	add(timeline.Event{Type: "syslog:line", Message: "no time", Source: log})
	add(timeline.Event{Time: began.AddDate(-1, 0, 0), Desc: timeline.DescModified, Type: "syslog:line", Message: "[kernel] old", Source: log})
	accepted := timeline.Event{ // what a finding is about
		Time: began.Add(-50 * time.Hour), Desc: timeline.DescModified, Type: "syslog:line", Message: "[sshd, pid: 811] Accepted password for root from 203.0.113.9 port 50022 ssh2" + hostile, Offset: 31_337,
		Source: &timeline.Source{Host: "fs01", Path: "/var/log/auth.log", Parser: "syslog", SHA256: timeline.ParseDigest(strings.Repeat("7c", 32))},
		Fields: []timeline.Field{timeline.Text("body", "Accepted password for root from 203.0.113.9 port 50022 ssh2"+hostile), timeline.Text("reporter", "sshd"), timeline.Int("pid", 811), timeline.List("tags"+hostile, []string{"one" + hostile, "two"})},
	}
	for day := -40; day <= 0; day++ {
		at := began.AddDate(0, 0, day).Add(-time.Hour)
		if day == -1 {
			add(accepted)
		}
		for i := range (day*day)%23 + 1 {
			add(timeline.Event{Time: at.Add(time.Duration(i) * time.Second), Desc: timeline.DescModified, Type: "syslog:line", Message: fmt.Sprintf("[sshd, pid: %d] Failed password for root%s", 800+i, hostile), Source: log})
		}
		for i := range (day + 40) * 4 {
			add(timeline.Event{Time: at.Add(time.Duration(i) * time.Second), Desc: timeline.DescModified, Type: "fs:stat", Message: "/srv/file Type: file", Source: file})
		}
	}
	add(timeline.Event{Time: began.AddDate(4, 0, 0), Desc: timeline.DescModified, Type: "syslog:line", Message: "[x] the future", Source: log})
	return b
}

func render(t *testing.T, folder fs.FS, language string) string {
	t.Helper()
	in, err := Load(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	page := Page{Hosts: []*Input{in}, Language: language}
	if err := page.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// bare is a page without the blocks of events and the script, which have tests of their own.
func bare(page string) string {
	page = regexp.MustCompile(`(?s)<script.*</script>\n`).ReplaceAllString(page, "")
	page = regexp.MustCompile(`data:image/jpeg;base64,[^"]+`).ReplaceAllString(page, "PICTURE")
	return regexp.MustCompile(`script-src [^;&]*&#39;.*?&#39;;`).ReplaceAllString(page, "script-src HASH;")
}

func TestGolden(t *testing.T) {
	for _, language := range Languages {
		got := bare(render(t, made(t, ""), language))
		name := filepath.Join("testdata", "page."+language+".html")
		if *update {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs; look at what `go test ./report -update` changes", name)
		}
		for _, words := range []string{"TLP:AMBER", "fs01.kommune.example", "9F3C 9F3C", "A1B2 A1B2", `href="./files/var/log/auth.log"`, `href="./files/srv/100%2525%20x%23%3F.txt"`, "192.0.2.7/24"} {
			if !strings.Contains(got, words) {
				t.Errorf("%s: lacks %q", language, words)
			}
		}
	}
}

// TestHostile puts what could run, fetch or deceive wherever the host has a say: it must come out as text.
func TestHostile(t *testing.T) {
	plain := bare(render(t, made(t, ""), "en"))
	for _, evil := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</style><svg/onload=alert(1)>`, `javascript:alert(1)`, `{{.T.Lang}}`,
		"\u202egnp.exe", "\x00\x1b[2J\u200b", "</title><iframe src=//evil.example>", "]]>--><!--", "<a href=//evil.example>",
	} {
		got := bare(render(t, made(t, evil), "en"))
		for _, tag := range []string{"<script", "<img", "<iframe", "<svg", "<a ", "<!--", "<style", "onerror=", "onmouseover=", "onload="} {
			inTags := 0
			for _, found := range regexp.MustCompile(`<[^>]*`).FindAllString(got, -1) {
				if strings.Contains(strings.ToLower(found), tag) {
					inTags++
				}
			}
			want := strings.Count(plain, tag)
			if inTags != want {
				t.Errorf("%q: %q stands in %d tags, want %d", evil, tag, inTags, want)
			}
		}
		if found := regexp.MustCompile(`(?i)<[^>]*(href|src)="?(javascript|data|//|https?:)`).FindString(got); found != "" {
			t.Errorf("%q: the page leads away from its folder: %s", evil, found)
		}
		if strings.ContainsAny(got, "\u202e\u200b\x00\x1b") {
			t.Errorf("%q: characters that deceive came through", evil)
		}
	}
}

// TestTexts checks that no language lacks a word that another has.
func TestTexts(t *testing.T) {
	for name, l := range languages {
		v, en := reflect.ValueOf(l).Elem(), reflect.ValueOf(&english).Elem()
		for i := range v.NumField() {
			field := v.Type().Field(i).Name
			switch f := v.Field(i); f.Kind() {
			case reflect.String:
				if f.String() == "" {
					t.Errorf("%s: %s is empty", name, field)
				}
			case reflect.Map:
				for _, key := range en.Field(i).MapKeys() {
					if w := f.MapIndex(key); !w.IsValid() || w.String() == "" {
						t.Errorf("%s: %s lacks %q", name, field, key)
					}
				}
				if f.Len() != en.Field(i).Len() {
					t.Errorf("%s: %s has %d words, English %d", name, field, f.Len(), en.Field(i).Len())
				}
			}
		}
	}
	for _, r := range detect.Rules {
		if english.Rules[r.Name] != r.Title {
			t.Errorf("the rule %s is called %q, on the page %q", r.Name, r.Title, english.Rules[r.Name])
		}
	}
}

// TestDamaged reads folders in which things are missing, torn or too large.
func TestDamaged(t *testing.T) {
	folder := made(t, "")
	folder["live/sockets.jsonl"].Data = []byte("{\"protocol\":\"tcp\",\"local_port\":\"x\"}\nnot json\n")
	folder["incident.json"].Data = []byte(`{"contact":{"name":"A"}}`)
	folder["timeline.jsonl"].Data = append([]byte(strings.Repeat("x", 9<<20)+"\n"), folder["timeline.jsonl"].Data...)
	var many bytes.Buffer
	for i := range maxFindings + 7 {
		fmt.Fprintf(&many, `{"rule":"r","title":"t","severity":"low","reason":"%d"}`+"\n", i)
	}
	folder["findings.jsonl"].Data = many.Bytes()
	in, err := Load(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(in.Faults, "\n"); !strings.Contains(got, "live/sockets.jsonl: 2 lines") || !strings.Contains(got, "incident.json: contact") {
		t.Errorf("got faults %q", in.Faults)
	}
	if len(in.Findings) != maxFindings || !reflect.DeepEqual(in.Cut, []string{"findings.jsonl"}) || in.Timeline.Untimed != 2 {
		t.Errorf("%d findings, cut %v, %d events without time", len(in.Findings), in.Cut, in.Timeline.Untimed)
	}
	if got := render(t, folder, "en"); strings.Count(got, `class="finding"`) != shownFindings {
		t.Errorf("%d findings are shown", strings.Count(got, `class="finding"`))
	}
	bare := fstest.MapFS{"manifest.json": folder["manifest.json"]}
	if got := render(t, bare, "is"); !strings.Contains(got, icelandic.NoFindings) || !strings.Contains(got, icelandic.NoTimeline) {
		t.Error("a folder with nothing but a manifest does not say so")
	}
	for name, text := range map[string]string{"empty": "", "other": `{"format":99}`, "torn": `{"format":1,"case":"x`} {
		if _, err := Load(t.Context(), fstest.MapFS{"manifest.json": {Data: []byte(text)}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{english.number(0), "0"},
		{english.number(999), "999"},
		{english.number(1234567), "1,234,567"},
		{icelandic.number(-12345), "−12.345"},
		{norwegian.number(1000), "1\u00a0000"},
		{english.size(1023), "1,023 B"},
		{icelandic.size(1536), "1,5 KiB"},
		{english.size(1 << 40), "1.0 TiB"},
		{groups("ABCDEF0123"), "ABCD EF01 23"},
		{clean("a\nb\u202e\x07"), "a b⟨202E⟩⟨0007⟩"},
		{short(1_000_000), "1M"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
