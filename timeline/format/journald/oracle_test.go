package journald

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"spor/timeline"
)

// exported reads what journalctl -o export writes (systemd.io/JOURNAL_EXPORT_FORMATS).
func exported(b []byte) (entries []map[string]string) {
	e := map[string]string{}
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		name, value, text := bytes.Cut(line, []byte("="))
		switch {
		case len(line) == 0:
			if len(e) > 0 {
				entries, e = append(entries, e), map[string]string{}
			}
		case !text: // a name, a length, bytes
			n := int(le.Uint64(rest))
			name, value, rest = line, rest[8:8+n], rest[8+n+1:]
			fallthrough
		default:
			if _, ok := e[string(name)]; !ok {
				e[string(name)] = string(value)
			}
		}
		b = rest
	}
	if len(e) > 0 {
		entries = append(entries, e)
	}
	return entries
}

// TestOracle holds every entry and field against journalctl: of journals made here in every layout, of the corpus, of
// those that systemd-journal-remote writes, and of the files that SPOR_JOURNALS names. SPOR_ORACLE=1 asks for it.
func TestOracle(t *testing.T) {
	if os.Getenv("SPOR_ORACLE") == "" {
		t.Skip("SKIPPED: SPOR_ORACLE is not set")
	}
	dir := t.TempDir()
	files := map[string]string{}
	put := func(name string, b []byte) {
		files[name] = filepath.Join(dir, fmt.Sprintf("%d.journal", len(files)))
		if err := os.WriteFile(files[name], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range layouts {
		put("made here, "+l.String(), journalOf(t, l, 3000))
	}
	put("2404", corpus(t, "2404.journal.gz"))
	cut := corpus(t, "compact.journal.gz") // as long as it was, it is one that journalctl opens
	put("compact", append(cut, make([]byte, 8<<20-len(cut))...))
	remote(t, dir, files)
	for i, name := range strings.Fields(os.Getenv("SPOR_JOURNALS")) {
		files[fmt.Sprint(name, i)] = name
	}
	entries, values := 0, 0
	for name, file := range files {
		n, v := compare(t, name, file)
		if strings.HasPrefix(name, "made here") && v < 10*n {
			t.Errorf("%s: journalctl reads %d values of %d entries", name, v, n)
		}
		entries, values = entries+n, values+v
	}
	t.Logf("%d files, %d entries, %d values are journalctl's", len(files), entries, values)
}

// remote lets systemd-journal-remote write journals of all its kinds.
func remote(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	const tool = "/lib/systemd/systemd-journal-remote"
	if _, err := os.Stat(tool); err != nil {
		t.Logf("SKIPPED: journals of another writer: %v", err)
		return
	}
	var export strings.Builder
	for i, e := range mustRead(t, journalOf(t, layout{pack: packedZstd}, 3000)) {
		body, _ := e.Get("body")
		fmt.Fprintf(&export, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032x\nMESSAGE\n", e.Micros(), 1000+i, 7)
		export.Write(append(le.AppendUint64(nil, uint64(len(body.String()))), body.String()...))
		fmt.Fprintf(&export, "\n_PID=%d\n_COMM=x\nSYSLOG_IDENTIFIER=sshd\n_HOSTNAME=web01\n\n", i/7)
	}
	for _, kind := range []string{"00", "01", "10", "11"} {
		out := filepath.Join(dir, "remote"+kind+".journal")
		cmd := exec.Command(tool, "--split-mode=none", "--output="+out, "-")
		cmd.Stdin = strings.NewReader(export.String())
		cmd.Env = append(os.Environ(), "SYSTEMD_JOURNAL_COMPACT="+kind[:1], "SYSTEMD_JOURNAL_KEYED_HASH="+kind[1:])
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		files["systemd-journal-remote, compact and keyed "+kind] = out
	}
}

func mustRead(t *testing.T, b []byte) []timeline.Event {
	t.Helper()
	events, errs := read(bytes.NewReader(b), len(b))
	if errs != nil {
		t.Fatal(errs)
	}
	return events
}

func compare(t *testing.T, name, file string) (entries, values int) {
	t.Helper()
	out, err := exec.Command("journalctl", "-o", "export", "--all", "--file", file).Output()
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return 0, 0
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ours, errs := read(bytes.NewReader(b), len(b))
	theirs := exported(out)
	t.Logf("%s: journalctl %d, we %d, errors %v", name, len(theirs), len(ours), errs)
	byNumber := map[string]*timeline.Event{}
	for i := range ours {
		n, _ := ours[i].Get("record_number")
		byNumber[n.String()] = &ours[i]
	}
	for _, want := range theirs {
		_, rest, _ := strings.Cut(want["__CURSOR"], "i=")
		hexed, _, _ := strings.Cut(rest, ";")
		n, _ := strconv.ParseInt(hexed, 16, 64)
		e := byNumber[fmt.Sprint(n)]
		if e == nil {
			t.Errorf("%s: entry %d is missing", name, n)
			continue
		}
		if want["__REALTIME_TIMESTAMP"] != fmt.Sprint(e.Micros()) || e.Recovered {
			t.Errorf("%s: entry %d is at %v, recovered %v; journalctl has %s", name, n, e.Time, e.Recovered, want["__REALTIME_TIMESTAMP"])
		}
		values += compareFields(t, e, want)
	}
	return len(theirs), values
}

func compareFields(t *testing.T, e *timeline.Event, want map[string]string) (n int) {
	t.Helper()
	for f := message; int(f) < len(names); f++ {
		w, ok := want[names[f].journal]
		if !ok || w == "" || len(w) > maxText {
			continue
		}
		switch f {
		case comm, syslogPID:
			continue // only where another is not there
		case priority:
			w = code(severities[:], w)
		case facility:
			w = code(facilities[:], w)
		}
		got, ok := e.Get("journal_" + names[f].event)
		if !ok {
			got, _ = e.Get(names[f].event)
		}
		if got.String() != w {
			t.Errorf("entry %v: %s is %q, journalctl has %q", e.Offset, names[f].journal, got.String(), w)
		}
		n++
	}
	return n
}

// TestOracleDamaged spoils journals and asks that journalctl reads no entry that we do not. SPOR_ORACLE=1 asks for it.
func TestOracleDamaged(t *testing.T) {
	if os.Getenv("SPOR_ORACLE") == "" {
		t.Skip("SKIPPED: SPOR_ORACLE is not set")
	}
	var samples [][]byte
	for _, l := range []layout{{}, {keyed: true, compact: true, pack: packedZstd}} {
		samples = append(samples, journalOf(t, l, 1000))
	}
	for name := range strings.FieldsSeq(os.Getenv("SPOR_JOURNALS")) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, b)
	}
	const spoilt = 200
	rnd := rand.New(rand.NewSource(3))
	file := filepath.Join(t.TempDir(), "spoilt.journal")
	theirs, ours := 0, 0
	for i := range spoilt {
		b := bytes.Clone(samples[i%len(samples)])
		end := len(bytes.TrimRight(b, "\x00"))
		for range 1 + rnd.Intn(20) { // the header stays, for without it journalctl reads nothing
			b[300+rnd.Intn(end-300)] ^= 1 << rnd.Intn(8)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.Command("journalctl", "-o", "export", "--all", "--file", file).Output() // what it wrote counts
		have := map[string]bool{}
		events, _ := read(bytes.NewReader(b), len(b))
		for j := range events {
			n, _ := events[j].Get("record_number")
			have[n.String()] = true
		}
		seen := map[string]bool{}
		for _, want := range exported(out) {
			_, rest, _ := strings.Cut(want["__CURSOR"], "i=")
			hexed, _, _ := strings.Cut(rest, ";")
			n, err := strconv.ParseUint(hexed, 16, 64)
			if err == nil && !have[fmt.Sprint(int64(n))] {
				t.Errorf("sample %d, spoilt %d: entry %d is missing", i%len(samples), i, n)
			}
			seen[hexed] = true
		}
		theirs, ours = theirs+len(seen), ours+len(events)
	}
	t.Logf("%d spoilt journals: journalctl reads %d entries, we %d", spoilt, theirs, ours)
}
