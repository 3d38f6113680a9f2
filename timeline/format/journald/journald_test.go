package journald

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/timeline"
)

func corpus(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	f, err := os.Open(filepath.Join(dir, "journal", "Velocidex-velociraptor", name))
	if err != nil {
		t.Skipf("SKIPPED: the corpus is not here: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read parses a journal, as a file and as a pipe.
func read(r io.Reader, size int) (events []timeline.Event, errs []error) {
	for e, err := range Format.Parse(timeline.Input{Name: "system.journal", R: r, Size: int64(size)}) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		e.Fields = slices.Clone(e.Fields)
		events = append(events, e)
	}
	return events, errs
}

func TestCorpus(t *testing.T) {
	for _, tt := range []struct {
		name            string
		live, recovered int
		errs            int
	}{
		{"2404.journal.gz", 3, 0, 0},
		{"compact.journal.gz", 380, 0, 1}, // cut; journalctl opens it when zeros are put behind, and lists as many
	} {
		b := corpus(t, tt.name)
		for kind, r := range map[string]io.Reader{"file": bytes.NewReader(b), "pipe": io.MultiReader(bytes.NewReader(b))} {
			live, recovered := 0, 0
			events, errs := read(r, len(b))
			for _, e := range events {
				if e.Recovered {
					recovered++
				} else {
					live++
				}
			}
			if live != tt.live || recovered != tt.recovered || len(errs) != tt.errs {
				t.Errorf("%s, %s: %d live, %d recovered, %v; want %d, %d and %d errors", tt.name, kind, live, recovered, errs[:min(5, len(errs))], tt.live, tt.recovered, tt.errs)
			}
		}
	}
}

// TestLayouts reads journals of all kinds, as a file and as a pipe.
func TestLayouts(t *testing.T) {
	const n = 300
	for _, l := range layouts {
		b := journalOf(t, l, n)
		if !Format.Sniff("/x", b[:4096]) {
			t.Errorf("%v: not known by its content", l)
		}
		file, errs := read(bytes.NewReader(b), len(b))
		pipe, _ := read(io.MultiReader(bytes.NewReader(b)), -1)
		if len(file) != n || len(pipe) != n || errs != nil {
			t.Fatalf("%v: %d events of a file, %d of a pipe, want %d; %v", l, len(file), len(pipe), n, errs)
		}
		for i := range file {
			if f, p := file[i].AppendJSON(nil), pipe[i].AppendJSON(nil); !bytes.Equal(f, p) {
				t.Errorf("%v: event %d differs in file and pipe:\n%s\n%s", l, i, f, p)
			}
		}
		for i, want := range map[int]string{
			0: `"message":"[sshd, pid: 1000] Failed password for invalid user admin from 192.0.2.1 port 1024 ssh2","datetime":"2026-05-28T20:26:40.000000+00:00"`,
			6: `"hostname":"web01","reporter":"sshd","pid":1000,"facility":"auth","severity":"NOTICE"`,
			1: `"user_identifier":0,"group_identifier":0,"executable":"/usr/sbin/CRON","command_line":"/usr/sbin/CRON -D","service_name":"CRON.service"`,
			2: `"boot_identifier":"b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0","record_number":3,"monotonic_microseconds":3000`,
			5: strings.Repeat("-", 700) + "5",
		} {
			if got := string(file[i].AppendJSON(nil)); !strings.Contains(got, want) {
				t.Errorf("%v, event %d:\ngot  %s\nwant %s", l, i, got, want)
			}
		}
		if f, _ := file[0].Get("ip_address"); f.String() != "192.0.2.1" {
			t.Errorf("%v: sshd's words are not read: %+v", l, file[0])
		}
	}
}

// TestDamage spoils one thing at a time.
func TestDamage(t *testing.T) {
	const n = 100
	l := layout{keyed: true, compact: true, pack: packedZstd}
	w := newWriter(t, l)
	for i := range n {
		w.entry(began+uint64(i), "_HOSTNAME=h", fmt.Sprintf("MESSAGE=words %d", i), "SYSLOG_IDENTIFIER=a")
	}
	entries := slices.Clone(w.entries)
	words := w.data["MESSAGE=words 50"]
	whole := w.bytes()
	tests := []struct {
		name                  string
		spoil                 func([]byte) []byte
		live, recovered, errs int
	}{
		{"nothing", func(b []byte) []byte { return b }, n, 0, 0},
		{"kind of an entry", func(b []byte) []byte { b[entries[50]] = 99; return b }, n - 1, 0, 1},
		{"size of an entry", func(b []byte) []byte { le.PutUint64(b[entries[50]+8:], 1<<30); return b }, n, 0, 1},
		{"size of an entry, as a multiple", func(b []byte) []byte { le.PutUint64(b[entries[50]+8:], 64+4*200); return b }, n, 0, 1},
		{"reserved bytes of an entry", func(b []byte) []byte { b[entries[50]+3] = 1; return b }, n, 0, 1},
		{"reserved bytes of a datum", func(b []byte) []byte { b[words+3] = 1; return b }, n, 0, 1},
		{"size of a datum", func(b []byte) []byte { le.PutUint64(b[words+8:], 4000); return b }, n, 0, 2},
		{"text of a datum", func(b []byte) []byte { b[words+80] ^= 1; return b }, n, 0, 1},
		{"name of a datum", func(b []byte) []byte { b[words+72] = 0; return b }, n, 0, 2},
		{"reference of an entry", func(b []byte) []byte { le.PutUint32(b[entries[50]+64:], 7); return b }, n, 0, 1},
		{"zeros in the middle", func(b []byte) []byte { clear(b[entries[50]:entries[60]]); return b }, n - 10, 0, 2},
		{"bytes in the middle", func(b []byte) []byte { copy(b[entries[50]:entries[60]], bytes.Repeat([]byte("x"), 4096)); return b }, n - 10, 0, 2},
		{"cut in an entry", func(b []byte) []byte { return b[:entries[50]+20] }, 50, 0, 1},
		{"cut behind an entry", func(b []byte) []byte { return b[:entries[51]-8] }, 51, 0, 1},
		{"room behind", func(b []byte) []byte { return append(b, make([]byte, 1<<20+8)...) }, n, 0, 0},
		{"header behind", func(b []byte) []byte { le.PutUint64(b[136:], uint64(entries[79])); return b }, 80, 20, 0},
		{"header without a size", func(b []byte) []byte { clear(b[88:96]); return b }, n, 0, 2},
	}
	for _, tt := range tests {
		b := tt.spoil(bytes.Clone(whole))
		events, errs := read(bytes.NewReader(b), len(b))
		live := 0
		for _, e := range events {
			if !e.Recovered {
				live++
			}
		}
		if live != tt.live || len(events)-live != tt.recovered || len(errs) != tt.errs {
			t.Errorf("%s: %d live, %d recovered, %v; want %d, %d, %d errors", tt.name, live, len(events)-live, errs, tt.live, tt.recovered, tt.errs)
		}
	}
}

func TestSince(t *testing.T) {
	b := journalOf(t, layout{keyed: true}, 100)
	for _, tt := range []struct{ after, want int }{{0, 100}, {40, 60}, {200, 0}} {
		in := timeline.Input{R: bytes.NewReader(b), Size: int64(len(b)), Since: time.UnixMicro(int64(began) + int64(tt.after)*250_000)}
		n := 0
		for _, err := range Format.Parse(in) {
			if err != nil {
				t.Error(err)
			}
			n++
		}
		if n != tt.want {
			t.Errorf("%d events since the %dth, want %d", n, tt.after, tt.want)
		}
	}
}

// TestLong keeps the beginning of a text that is too long, however it is compressed.
func TestLong(t *testing.T) {
	for _, l := range layouts {
		w := newWriter(t, l)
		w.entry(began, "MESSAGE="+strings.Repeat("long ", 100_000))
		b := w.bytes()
		events, errs := read(bytes.NewReader(b), len(b))
		if len(events) != 1 || errs != nil {
			t.Fatalf("%v: %d events, %v", l, len(events), errs)
		}
		body, _ := events[0].Get("body")
		left, _ := events[0].Get("bytes_left_out")
		if len(body.String()) != maxText || left.String() == "" {
			t.Errorf("%v: %d bytes of text, %q left out", l, len(body.String()), left.String())
		}
	}
}

// mutate spoils a journal: cuts it, turns bits, doubles a stretch, or overwrites one.
func mutate(rnd *rand.Rand, data []byte) []byte {
	b := bytes.Clone(data)
	switch rnd.Intn(4) {
	case 0:
		return b[:rnd.Intn(len(b))]
	case 1:
		for range 1 + rnd.Intn(50) {
			b[rnd.Intn(len(b))] ^= 1 << rnd.Intn(8)
		}
	case 2:
		at := rnd.Intn(len(b))
		return append(b[:at:at], b[rnd.Intn(at+1):]...)
	default:
		at := rnd.Intn(len(b))
		rnd.Read(b[at:min(len(b), at+rnd.Intn(3000))])
	}
	return b
}

// TestMutants reads spoilt journals: no panic, no hang, no memory without bound, and no more entries than there can be.
// SPOR_LONG=1 reads 10,000 of them.
func TestMutants(t *testing.T) {
	n := 300
	if os.Getenv("SPOR_LONG") != "" {
		n = 10_000
	}
	var samples [][]byte
	for _, l := range layouts {
		samples = append(samples, journalOf(t, l, 200))
	}
	for _, name := range []string{"2404.journal.gz", "compact.journal.gz"} {
		b := corpus(t, name)
		short := append(bytes.Clone(b[:272]), b[3700<<10:4000<<10]...) // hardly anything of the empty tables
		if samples = append(samples, short); n > 300 {
			samples = append(samples, b)
		}
	}
	rnd := rand.New(rand.NewSource(1))
	var before, after runtime.MemStats
	slowest, entries := time.Duration(0), 0
	for range n {
		b := mutate(rnd, samples[rnd.Intn(len(samples))])
		runtime.ReadMemStats(&before)
		start := time.Now()
		events := 0
		for _, err := range Format.Parse(timeline.Input{R: bytes.NewReader(b), Size: int64(len(b))}) {
			if err == nil {
				events++
			}
		}
		slowest = max(slowest, time.Since(start))
		runtime.ReadMemStats(&after)
		if events > len(b)/entryHead {
			t.Errorf("%d events of %d bytes", events, len(b))
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 128<<20+100*uint64(len(b)) {
			t.Errorf("%d bytes allocated for %d", grown, len(b))
		}
		entries += events
	}
	if slowest > time.Minute || entries == 0 {
		t.Errorf("one took %v, %d entries in all", slowest, entries)
	}
	t.Logf("%d mutants, %d entries, the slowest took %v", n, entries, slowest)
}

// FuzzParse reads any bytes: offsets rise, messages are not empty, and a file and a pipe give as many events where no
// datum had to be read again.
func FuzzParse(f *testing.F) {
	for _, l := range layouts {
		w := newWriter(f, l)
		w.entry(began, "_HOSTNAME=h", "MESSAGE="+strings.Repeat("words ", 80), "PRIORITY=3")
		w.entry(began+1, "_HOSTNAME=h", "MESSAGE=Accepted publickey for a from 192.0.2.1 port 1", "SYSLOG_IDENTIFIER=sshd")
		f.Add(w.bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		last := int64(-1)
		for e, err := range Format.Parse(timeline.Input{R: bytes.NewReader(b), Size: int64(len(b))}) {
			if err != nil {
				continue
			}
			if e.Message == "" || e.Offset <= last || e.Offset+entryHead > int64(len(b)) {
				t.Fatalf("event at %d after %d of %d bytes: %+v", e.Offset, last, len(b), e)
			}
			last = e.Offset
		}
	})
}

// FuzzUnpack expands any bytes by all three methods, within the bound.
func FuzzUnpack(f *testing.F) {
	for _, how := range []byte{packedXZ, packedLZ4, packedZstd} {
		f.Add(how, pack(f, how, []byte(strings.Repeat("MESSAGE=words ", 50))))
	}
	f.Fuzz(func(t *testing.T, how byte, b []byte) {
		var u unpacker
		text, size, err := u.expand(how, b)
		if err == nil && (len(text) > maxExpanded || size < int64(len(text)) && how != packedLZ4) {
			t.Errorf("%d: %d bytes of %d", how, len(text), size)
		}
	})
}
