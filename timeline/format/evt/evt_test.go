package evt

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"spor/timeline"
)

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		b = le.AppendUint16(b, u)
	}
	return b
}

// made is a record.
func made(number, second, id uint32, list ...string) []byte {
	b := make([]byte, recordHead)
	copy(b[4:], magic)
	for i, v := range []uint32{number, second, second, id} {
		le.PutUint32(b[8+4*i:], v)
	}
	le.PutUint16(b[24:], 4)
	le.PutUint16(b[26:], uint16(len(list)))
	b = append(append(b, utf16le("Þjónusta")...), utf16le("HOST")...)
	le.PutUint32(b[40:], 12)
	le.PutUint32(b[44:], uint32(len(b)))
	b = append(b, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0)
	le.PutUint32(b[36:], uint32(len(b)))
	for _, s := range list {
		b = append(b, utf16le(s)...)
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b = le.AppendUint32(b, uint32(len(b)+4))
	le.PutUint32(b, uint32(len(b)))
	return b
}

// ring is a log of records: turned so that the last goes on behind the header where turn is not zero.
func ring(turn int, records ...[]byte) []byte {
	body := bytes.Join(records, nil)
	first := headerSize
	if turn > 0 {
		first = headerSize + turn + endSize
		end := append(bytes.Clone(endMagic), make([]byte, endSize-len(endMagic))...)
		le.PutUint32(end[20:], uint32(first))
		le.PutUint32(end[24:], uint32(headerSize+turn))
		le.PutUint32(end[36:], endSize)
		cut := len(body) - turn
		body = append(append(bytes.Clone(body[cut:]), end...), body[:cut]...)
	}
	b := make([]byte, headerSize)
	copy(b, headerMagic)
	le.PutUint32(b[16:], uint32(first))
	le.PutUint32(b[20:], uint32(headerSize+len(body)))
	return append(b, body...)
}

func read(b []byte) (events []timeline.Event, errs []error) {
	for e, err := range Format.Parse(timeline.Input{R: bytes.NewReader(b)}) {
		if err != nil {
			errs = append(errs, err)
		} else {
			events = append(events, e)
		}
	}
	return events, errs
}

func TestRing(t *testing.T) {
	a, b, c := made(1, 1000, 0x40001b7c, "x"), made(2, 2000, 7), made(3, 3000, 8, "y", "z")
	for turn := 0; turn < len(c); turn += 4 {
		events, errs := read(ring(turn, a, b, c))
		var got []string
		for _, e := range events {
			got = append(got, fmt.Sprintf("%d %s %v", e.Time.Unix(), e.Message, e.Recovered))
		}
		want := "[1000 Þjónusta: event 7036, information; x false 2000 Þjónusta: event 7, information false 3000 Þjónusta: event 8, information; y; z false]"
		if fmt.Sprint(got) != want || errs != nil {
			t.Errorf("turned by %d: got %v, want %s; %v", turn, got, want, errs)
		}
	}
	spoilt := ring(0, a, b, c)
	spoilt[headerSize+len(a)+4] ^= 1
	if events, errs := read(spoilt); len(events) != 2 || len(errs) != 1 {
		t.Errorf("a damaged record: %d events, %v", len(events), errs)
	}
	whole := ring(0, a, b, c)
	if events, _ := read(whole[:len(whole)-20]); len(events) != 3 || !events[2].Recovered || events[2].Message != "Þjónusta: event 8, information" {
		t.Errorf("cut in the last record: %+v", events)
	}
	older := ring(0, a, b, c)
	le.PutUint32(older[16:], uint32(headerSize+len(a)))
	if events, _ := read(older); len(events) != 3 || !events[0].Recovered || events[1].Recovered {
		t.Errorf("an older record: %+v", events)
	}
}

// TestMessages puts the strings of a record into the message of its provider; what a record lacks is said by its number.
func TestMessages(t *testing.T) {
	for _, tt := range []struct {
		source string
		id     uint64
		kind   uint16
		list   []string
		torn   bool
		want   string
	}{
		{"Service Control Manager", 7036, 4, []string{"Spooler", "running"}, false, "Service Spooler is running"},
		{"Service Control Manager", 7036, 4, []string{"Spooler"}, false, "Service Spooler is %param2"},
		{"Service Control Manager", 7000, 1, []string{"Spooler", "%%2"}, false, "Service Spooler did not start: file not found"},
		{"Service Control Manager", 7036, 4, nil, true, "Service Control Manager: event 7036, information"},
		{"Security", 529, 16, []string{"ann", "X", "2", "User32", "Negotiate", "WKS"}, false, `Logon failed for X\ann, interactive, unknown user name or wrong password, workstation WKS, failure audit`},
		{"Security", 560, 8, []string{"Security", "File", `C:\a`}, false, `Handle to C:\a requested, File`},
		{"Security", 517, 8, []string{"SYSTEM", "NT AUTHORITY", "(0x0,0x3E7)", "ann", "X"}, false, `The audit log was cleared by X\ann`},
		{"USER32", 1074, 4, []string{"a.exe", "HOST", "none", "0xff", "reboot", "", `X\ann`}, false, `a.exe started a reboot of HOST for X\ann, reason none, code 0xff`},
		{"USER32", 1074, 4, []string{"a.exe"}, false, "a.exe started a %param5 of %param2"},
		{"Nobody", 7, 2, []string{"x", "y"}, false, "Nobody: event 7, warning; x; y"},
	} {
		if got := describe(tt.source, tt.id, tt.kind, tt.list, tt.torn); got != tt.want {
			t.Errorf("%s %d %q:\n got %q\nwant %q", tt.source, tt.id, tt.list, got, tt.want)
		}
	}
}

func corpus(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	b, err := os.ReadFile(filepath.Join(dir, "evt", name))
	if err != nil {
		t.Skipf("SKIPPED: the corpus is not here: %v", err)
	}
	if z, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestCorpus(t *testing.T) {
	for _, tt := range []struct {
		name         string
		live, carved int // as libevt and plaso count them
	}{{"log2timeline-plaso/SysEvent.Evt.gz", 6063, 438}, {"fox-it-dissect.eventlog/TestLog-dirty.evt", 5, 0}} {
		live, carved, last := 0, 0, int64(-1)
		events, errs := read(corpus(t, tt.name))
		for _, e := range events {
			switch {
			case e.Offset == last:
			case e.Recovered:
				carved++
			default:
				live++
			}
			last = e.Offset
		}
		if live != tt.live || carved < tt.carved {
			t.Errorf("%s: %d live, %d carved, want %d and %d; %v", tt.name, live, carved, tt.live, tt.carved, errs)
		}
	}
}

// TestOracle holds source, event and strings of the live records against libevt's evtexport.
func TestOracle(t *testing.T) {
	if os.Getenv("SPOR_ORACLE") == "" {
		t.Skip("SKIPPED: SPOR_ORACLE is not set")
	}
	b := corpus(t, "log2timeline-plaso/SysEvent.Evt.gz")
	file := filepath.Join(t.TempDir(), "SysEvent.Evt")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("evtexport", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for block := range strings.SplitSeq(string(out), "\n\n") {
		var source, id string
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			switch value = strings.TrimSpace(value); strings.TrimSpace(name) {
			case "Source name":
				source = value
			case "Event identifier":
				id = value
			}
		}
		if source != "" {
			count[source+"/"+id]++
		}
	}
	events, _ := read(b)
	total, last := 0, int64(-1)
	for _, e := range events {
		if e.Recovered || e.Offset == last {
			continue
		}
		last = e.Offset
		source, _ := e.Get("source_name")
		id, _ := e.Get("message_identifier")
		found := false
		for key := range count {
			name, number, _ := strings.Cut(key, "/")
			if count[key] > 0 && name == source.String() && strings.Contains(number, "("+id.String()+")") {
				count[key]--
				total++
				found = true
				break
			}
		}
		if !found {
			t.Fatalf("record at %d, %s %s: evtexport has none like it", e.Offset, source, id)
		}
	}
	if total != 6063 {
		t.Errorf("%d records compared", total)
	}
}

// TestCorpusSpeaks holds how many messages of a real log come from the table.
func TestCorpusSpeaks(t *testing.T) {
	events, _ := read(corpus(t, "log2timeline-plaso/SysEvent.Evt.gz"))
	plain := 0
	for _, e := range events {
		if source, _ := e.Get("source_name"); strings.HasPrefix(e.Message, source.String()+": event ") {
			plain++
		}
	}
	if plain*50 > len(events) {
		t.Errorf("%d of %d messages are not of the table", plain, len(events))
	}
	t.Logf("%d of %d messages are not of the table", plain, len(events))
}

func FuzzParse(f *testing.F) {
	f.Add(ring(0, made(1, 1, 1, "a")))
	f.Add(ring(20, made(1, 1, 1), made(2, 2, 2, "b", "c")))
	f.Fuzz(func(t *testing.T, b []byte) {
		last := int64(-1)
		events, _ := read(b)
		for _, e := range events {
			if e.Message == "" || e.Offset < last || e.Offset > int64(len(b)) {
				t.Fatalf("event at %d after %d: %+v", e.Offset, last, e)
			}
			last = e.Offset
		}
	})
}
