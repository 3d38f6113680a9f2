package lastlog

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spor/timeline"
)

var when = time.Date(2026, 5, 20, 9, 0, 0, 0, time.UTC)

// put writes the record of a kind into the slot of a uid.
func (l layout) put(k *kind, b []byte, uid int) {
	b = b[uid*l.size:][:l.size]
	number := func(at int, n int64) {
		if l.wide {
			l.order.PutUint64(b[at:], uint64(n))
		} else {
			l.order.PutUint32(b[at:], uint32(n))
		}
	}
	width := 4
	if l.wide {
		width = 8
	}
	switch k.name {
	case "lastlog":
		number(0, when.Unix())
		copy(b[width:], "pts/0")
		copy(b[width+32:], "192.0.2.7")
	case "faillog":
		l.order.PutUint16(b, 3)
		l.order.PutUint16(b[2:], 5)
		copy(b[4:], "tty1")
		number(16, when.Unix())
		number(16+width, 600)
	default:
		copy(b, "192.0.2.7")
		l.order.PutUint16(b[54:], 3)
		number(56, when.Unix())
	}
}

func find(name string) *kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

func read(k *kind, name string, r io.Reader, size int64) (lines []string, errs []error) {
	for e, err := range k.parse(timeline.Input{Name: name, R: r, Size: size}) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		lines = append(lines, string(e.AppendJSON(nil)))
	}
	return lines, errs
}

var wants = map[string][]string{
	"lastlog":  {`"message":"Last login of uid 1000 on pts/0 from 192.0.2.7","datetime":"2026-05-20T09:00:00.000000+00:00"`, `"user_identifier":1000,"terminal":"pts/0","ip_address":"192.0.2.7","hostname":"192.0.2.7","action":"login","authentication_result":"success"`},
	"faillog":  {`"message":"Failed logins of uid 1000: 3, the last on tty1"`, `"action":"login_failed","authentication_result":"failure","failure_count":3,"terminal":"tty1","failure_limit":5,"lock_seconds":600`},
	"tallylog": {`"message":"Failed logins of uid 1000: 3, the last on 192.0.2.7"`},
	"faillock": {`"message":"Failed login of alice from 192.0.2.7"`, `"username":"alice","action":"login_failed","authentication_result":"failure","ip_address":"192.0.2.7"`},
}

func TestLayouts(t *testing.T) {
	for _, k := range kinds {
		for _, l := range k.layouts {
			b := make([]byte, 1003*l.size)
			l.put(k, b, 1000)
			l.put(k, b, 1002)
			name := "/var/log/" + k.name
			if k.name == "faillock" {
				b, name = b[1000*l.size:], "/run/faillock/alice"
			}
			if f := Formats.Find(name, b[:min(len(b), timeline.HeadSize)]); f == nil || f.Name != k.name {
				t.Errorf("%s %d %v: known as %v", k.name, l.size, l.order, f)
			}
			for kind, r := range map[string]io.Reader{"file": bytes.NewReader(b), "pipe": io.MultiReader(bytes.NewReader(b))} {
				lines, errs := read(k, name, r, int64(len(b)))
				if len(lines) != 2 || errs != nil {
					t.Fatalf("%s %d %v, %s: %d events, %v", k.name, l.size, l.order, kind, len(lines), errs)
				}
				for _, want := range wants[k.name] {
					if !strings.Contains(lines[0], want) {
						t.Errorf("%s %d %v, %s:\ngot  %s\nwant %s", k.name, l.size, l.order, kind, lines[0], want)
					}
				}
			}
		}
	}
}

// TestTexts knows no manual page, nor a log, that bears the name of a table.
func TestTexts(t *testing.T) {
	page := strings.Repeat(".TH FAILLOG 8 shadow-utils\n.SH NAME\nfaillog \\- display faillog records or set login failure limits\n", 20)
	for _, k := range kinds {
		for _, name := range []string{"/usr/share/man/man8/" + k.name + ".8", "/var/log/" + k.name} {
			for at := range 32 { // where a record would begin
				if f := Formats.Find(name, []byte(page[at:])); f != nil {
					t.Errorf("%s from %d on: known as %s", name, at, f.Name)
				}
			}
		}
	}
}

// TestSparse reads a file as it is where uids come from a directory: a terabyte, of which two pages are there.
func TestSparse(t *testing.T) {
	k := find("lastlog")
	l := k.layouts[0]
	one := make([]byte, l.size)
	l.put(k, one, 0)
	f, err := os.Create(filepath.Join(t.TempDir(), "lastlog"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, uid := range []int64{1000, 3_900_000_000} {
		if _, err := f.WriteAt(one, uid*int64(l.size)); err != nil {
			t.Skipf("SKIPPED: no file of that size can be made here: %v", err)
		}
	}
	if err := f.Truncate(int64(l.size) * 4_000_000_000); err != nil {
		t.Fatal(err)
	}
	f.Seek(0, io.SeekStart)
	start := time.Now()
	lines, errs := read(k, "/var/log/lastlog", f, int64(l.size)*4_000_000_000)
	if len(lines) != 2 || errs != nil || !strings.Contains(lines[1], "uid 3900000000 ") {
		t.Fatalf("got %q, %v", lines, errs)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("%v for two records", took)
	}
}

func TestDamage(t *testing.T) {
	k := find("lastlog")
	l := k.layouts[0]
	whole := make([]byte, 5*l.size)
	for uid := range 5 {
		l.put(k, whole, uid)
	}
	early := bytes.Clone(whole)
	copy(early[2*l.size+4:], "\x01\x02")
	for _, tt := range []struct {
		name         string
		b            []byte
		events, errs int
	}{
		{"whole", whole, 5, 0},
		{"one spoilt", early, 4, 1},
		{"cut", whole[:len(whole)-5], 4, 1},
		{"zeros behind", append(whole[:len(whole):len(whole)], make([]byte, 100)...), 5, 0},
		{"zeros", make([]byte, 292*100), 0, 0},
		{"nothing", nil, 0, 0},
	} {
		if lines, errs := read(k, "lastlog", bytes.NewReader(tt.b), int64(len(tt.b))); len(lines) != tt.events || len(errs) != tt.errs {
			t.Errorf("%s: %d events, %v; want %d and %d errors", tt.name, len(lines), errs, tt.events, tt.errs)
		}
	}
}

func TestSniff(t *testing.T) {
	zeros := make([]byte, timeline.HeadSize)
	for name, want := range map[string]string{
		"/var/log/lastlog": "lastlog", "/var/log/lastlog.1": "lastlog", "/var/log/faillog": "faillog", "/var/log/tallylog-old": "tallylog", "/var/lib/lastlog/lastlog2.db": "", "/zeros": "",
	} {
		got := ""
		if f := Formats.Find(name, zeros); f != nil {
			got = f.Name
		}
		if got != want {
			t.Errorf("%s: known as %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"/var/log/lastlog", "/run/faillock/a"} {
		if f := Formats.Find(name, []byte(strings.Repeat("May 20 09:00:00 h sshd[1]: x\n", 200))[:timeline.HeadSize]); f != nil {
			t.Errorf("%s with text in it is known as %s", name, f.Name)
		}
	}
}

func TestMutants(t *testing.T) {
	n := 300
	if os.Getenv("SPOR_LONG") != "" {
		n = 10_000
	}
	rnd := rand.New(rand.NewSource(1))
	for range n {
		k := kinds[rnd.Intn(len(kinds))]
		l := k.layouts[rnd.Intn(len(k.layouts))]
		b := make([]byte, 300*l.size)
		for range 20 {
			l.put(k, b, rnd.Intn(300))
		}
		for range 1 + rnd.Intn(30) {
			b[rnd.Intn(len(b))] ^= 1 << rnd.Intn(8)
		}
		b = b[rnd.Intn(2)*rnd.Intn(len(b)):]
		if lines, errs := read(k, "x", bytes.NewReader(b), int64(len(b))); len(lines)+len(errs) > len(b)/24+2 {
			t.Errorf("%s: %d events and %d errors of %d bytes", k.name, len(lines), len(errs), len(b))
		}
	}
}

func FuzzParse(f *testing.F) {
	for i, k := range kinds {
		b := make([]byte, 400)
		k.layouts[0].put(k, b, 0)
		f.Add(uint8(i), b)
	}
	f.Add(uint8(0), binary.LittleEndian.AppendUint64(nil, 1<<40))
	f.Fuzz(func(t *testing.T, i uint8, b []byte) {
		k := kinds[int(i)%len(kinds)]
		last := int64(-1)
		for e, err := range k.parse(timeline.Input{R: bytes.NewReader(b), Size: int64(len(b))}) {
			if err != nil {
				continue
			}
			if e.Message == "" || e.Offset <= last || e.Offset >= int64(len(b)) {
				t.Fatalf("%s: record at %d after %d of %d bytes", k.name, e.Offset, last, len(b))
			}
			last = e.Offset
		}
	})
}
