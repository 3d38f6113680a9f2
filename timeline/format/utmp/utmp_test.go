package utmp

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"spor/timeline"
)

var loggedIn = time.Date(2026, 5, 20, 9, 0, 0, 250_000_000, time.UTC)

// login puts a login into one record.
func (l *layout) login(user string, t time.Time) []byte {
	b := make([]byte, l.size)
	l.order.PutUint16(b, 7)
	p := b[l.pid:]
	l.order.PutUint32(p, 4242)
	copy(p[4:], "pts/0")
	copy(p[36:], "ts/0")
	copy(p[40:], user)
	copy(p[72:], "gateway.example")
	copy(b[l.address:], []byte{192, 0, 2, 7})
	if l.wide {
		l.order.PutUint64(b[l.session+8:], uint64(t.Unix()))
		l.order.PutUint64(b[l.session+16:], uint64(t.Nanosecond()/1000))
	} else {
		l.order.PutUint32(b[l.session+4:], uint32(t.Unix()))
		l.order.PutUint32(b[l.session+8:], uint32(t.Nanosecond()/1000))
	}
	return b
}

func read(t *testing.T, name string, b []byte) (events []timeline.Event, errs []error) {
	t.Helper()
	for e, err := range Format.Parse(timeline.Input{Name: name, R: bytes.NewReader(b), Size: int64(len(b))}) {
		if err != nil {
			errs = append(errs, err)
		} else {
			events = append(events, e)
		}
	}
	return events, errs
}

func TestLayouts(t *testing.T) {
	for _, l := range layouts {
		b := append(l.login("gunnar", loggedIn), l.login("", loggedIn.Add(time.Hour))...)
		if !Format.Sniff("/data/anything", b) {
			t.Errorf("%d %v: not known by its content", l.size, l.order)
		}
		events, errs := read(t, "wtmp", b)
		if len(events) != 2 || errs != nil {
			t.Fatalf("%d %v: %d events, %v", l.size, l.order, len(events), errs)
		}
		line := string(events[0].AppendJSON(nil))
		for _, want := range []string{
			`"datetime":"2026-05-20T09:00:00.250000+00:00"`, `"username":"gunnar"`, `"status":"USER_PROCESS"`, `"login_type":7`,
			`"terminal":"pts/0"`, `"hostname":"gateway.example"`, `"ip_address":"192.0.2.7"`, `"pid":4242`, `"offset":0`,
		} {
			if !strings.Contains(line, want) {
				t.Errorf("%d %v: %s is not in %s", l.size, l.order, want, line)
			}
		}
		if got := events[1].Offset; got != int64(l.size) {
			t.Errorf("second record at %d, want %d", got, l.size)
		}
	}
}

// TestActions asks for what the other logs call it, so that one filter finds all logins.
func TestActions(t *testing.T) {
	l := layouts[0]
	for _, tt := range []struct {
		file       string
		kind       uint16
		user, line string
		want       string // action and result
	}{
		{"wtmp", 7, "alice", "pts/0", "login success"},
		{"utmp", 7, "alice", "pts/0", "login success"},
		{"wtmp.1", 8, "", "pts/0", "logout "},
		{"wtmp", 8, "", "", " "},
		{"wtmp", 2, "reboot", "~", "boot "},
		{"wtmp", 1, "shutdown", "~", "shutdown "},
		{"wtmp", 1, "runlevel", "~", "runlevel_changed "},
		{"wtmp", 3, "", "{", "time_changed "},
		{"wtmp", 6, "LOGIN", "tty1", " "},
		{"btmp", 6, "root", "ssh:notty", "login_failed failure"},
		{"btmp", 7, "root", "tty1", "login_failed failure"},
	} {
		b := l.login(tt.user, loggedIn)
		l.order.PutUint16(b, tt.kind)
		copy(b[l.pid+4:], make([]byte, 32))
		copy(b[l.pid+4:], tt.line)
		events, errs := read(t, tt.file, b)
		if len(events) != 1 || errs != nil {
			t.Fatalf("%+v: %d events, %v", tt, len(events), errs)
		}
		action, _ := events[0].Get("action")
		result, _ := events[0].Get("authentication_result")
		if got := action.String() + " " + result.String(); got != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
	b := l.login("alice", loggedIn)
	clear(b[l.address : l.address+16])
	copy(b[l.pid+72:], "2001:db8::7\x00")
	if events, _ := read(t, "wtmp", b); len(events) != 1 || !strings.Contains(string(events[0].AppendJSON(nil)), `"ip_address":"2001:db8::7"`) {
		t.Errorf("the host is no address: %+v", events)
	}
}

func TestDamage(t *testing.T) {
	l := layouts[0]
	one := l.login("a", loggedIn)
	whole := bytes.Repeat(one, 5)
	spoilt := bytes.Clone(whole)
	binary.LittleEndian.PutUint16(spoilt[2*384:], 0xffff)
	zeroed := bytes.Clone(whole)
	clear(zeroed[2*384 : 3*384])
	late := bytes.Clone(whole)
	copy(late[3*384+44:], "b\x01")
	tests := []struct {
		name         string
		b            []byte
		events, errs int
	}{
		{"whole", whole, 5, 0},
		{"one record spoilt", spoilt, 4, 1},
		{"one record zeroed", zeroed, 5, 0},
		{"control character in a name", late, 4, 1},
		{"cut at the end", whole[:len(whole)-100], 4, 1},
		{"cut out of the middle", append(bytes.Clone(whole[:2*384+50]), whole[2*384+150:]...), 4, 1},
		{"nothing", nil, 0, 0},
		{"less than a record", one[:100], 0, 1},
	}
	for _, tt := range tests {
		if events, errs := read(t, "wtmp", tt.b); len(events) != tt.events || len(errs) != tt.errs {
			t.Errorf("%s: %d events and %v, want %d and %d errors", tt.name, len(events), errs, tt.events, tt.errs)
		}
	}
	events, _ := read(t, "btmp.1", zeroed)
	if e := events[2]; e.Timed() || !strings.Contains(e.Message, "nothing but zeros") {
		t.Errorf("zeroed record: %+v", e)
	}
	if f, _ := events[0].Get("authentication_result"); f.String() != "failure" {
		t.Errorf("btmp: %+v", events[0])
	}
}

func TestSniff(t *testing.T) {
	for name, b := range map[string][]byte{
		"/var/log/syslog": []byte(strings.Repeat("May 20 09:00:00 h sshd[1]: x\n", 100)),
		"/zeros":          make([]byte, 3840), "/var/log/wtmp": make([]byte, 384), "/short": []byte("x"),
	} {
		if Format.Sniff(name, b) {
			t.Errorf("%s is taken for login records", name)
		}
	}
	whole := layouts[0].login("gunnar", time.Unix(1700000000, 0))
	torn := append([]byte{0xff, 0xff}, whole[2:]...) // its first record is of no kind that there is
	for _, tt := range []struct {
		name string
		head []byte
		want bool
	}{
		{"/x", whole, true},
		{"/x", append(make([]byte, 384), whole...), true},
		{"/x", append(torn, whole...), false},
		{"/var/log/wtmp", append(torn, whole...), true},
		{"/x", nil, false},
	} {
		if got := Format.Sniff(tt.name, tt.head); got != tt.want {
			t.Errorf("%s, %d bytes that begin with % x: known %v, want %v", tt.name, len(tt.head), tt.head[:min(4, len(tt.head))], got, tt.want)
		}
	}
}

// TestCorpus holds the parser against what utmpdump, last and plaso read from real files.
func TestCorpus(t *testing.T) {
	dir := corpusDir()
	tests := []struct {
		path         string
		events, errs int
		index        int
		want         string
	}{
		{"utmp/log2timeline-plaso/utmp/utmp_x86_64", 6, 0, 1, "2026-07-03T14:58:29"},
		{"utmp/log2timeline-plaso/utmp/utmp_aarch64", 6, 0, 1, `"terminal_identifier":12916`},
		{"utmp/util-linux-util-linux/utmp/wtmp-ipv6.LE", 2, 0, 0, "2013-08-28T20:30:40"},
		{"utmp/util-linux-util-linux/utmp/wtmp-ipv6.BE", 2, 0, 1, `"ip_address":"2001:503:ba3e::2:30"`},
		{"utmp/util-linux-util-linux/utmp/wtmp-ipv6.BE", 2, 0, 0, "2013-08-28T20:30:40"},
		{"utmp/Velocidex-velociraptor/wtmp.1", 26, 1, 25, "2023-12-21T17:34:32.259190"}, // the file ends in 256 bytes of a 27th
	}
	for _, tt := range tests {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(tt.path)))
		if err != nil {
			t.Skipf("SKIPPED: the corpus is not here: %v", err)
		}
		if !Format.Sniff("/x", b[:min(len(b), timeline.HeadSize)]) {
			t.Errorf("%s: not known by its content", tt.path)
		}
		events, errs := read(t, tt.path, b)
		if len(events) != tt.events || len(errs) != tt.errs {
			t.Errorf("%s: %d events and %v, want %d and %d errors", tt.path, len(events), errs, tt.events, tt.errs)
			continue
		}
		if line := string(events[tt.index].AppendJSON(nil)); !strings.Contains(line, tt.want) {
			t.Errorf("%s: %q is not in %s", tt.path, tt.want, line)
		}
	}
}

// TestOracle holds records of utmpdump's layout, and the corpus, against what it prints. SPOR_ORACLE=1 asks for it.
func TestOracle(t *testing.T) {
	if os.Getenv("SPOR_ORACLE") == "" {
		t.Skip("SKIPPED: SPOR_ORACLE is not set")
	}
	tool, err := exec.LookPath("utmpdump")
	if err != nil {
		t.Fatal(err)
	}
	var made []byte
	for i := range 500 {
		made = append(made, layouts[0].login("user"+strconv.Itoa(i), loggedIn.Add(time.Duration(i)*time.Second))...)
	}
	file := filepath.Join(t.TempDir(), "wtmp")
	if err := os.WriteFile(file, made, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(corpusDir(), "utmp")
	for _, name := range []string{file, dir + "/Velocidex-velociraptor/wtmp.1", dir + "/log2timeline-plaso/utmp/utmp_x86_64", dir + "/util-linux-util-linux/utmp/wtmp-ipv6.LE"} {
		out, err := exec.Command(tool, name).Output()
		b, readErr := os.ReadFile(name)
		if err != nil || readErr != nil {
			t.Fatal(err, readErr)
		}
		theirs := strings.Split(strings.TrimSpace(string(out)), "\n")
		events, _ := read(t, name, b)
		if len(events) != len(theirs) {
			t.Errorf("%s: %d records, utmpdump reads %d", name, len(events), len(theirs))
			continue
		}
		for i, line := range theirs { // [7] [04242] [ts/0] [user0   ] [pts/0       ] [gateway.example     ] [192.0.2.7      ] [2026-05-20T09:00:00,250000+00:00]
			cells := strings.Split(strings.Trim(line, "[] "), "] [")
			if len(cells) != 8 {
				t.Errorf("%s: %q", name, line)
				continue
			}
			e := &events[i]
			for c, field := range map[int]string{0: "login_type", 3: "username", 4: "terminal", 5: "hostname"} {
				if got, _ := e.Get(field); got.String() != strings.TrimSpace(cells[c]) && strings.IndexFunc(got.String(), func(r rune) bool { return r >= 0x7f }) < 0 {
					t.Errorf("%s, record %d: %s is %q, utmpdump has %q", name, i, field, got.String(), cells[c])
				}
			}
			if at, err := time.Parse("2006-01-02T15:04:05,000000-07:00", cells[7]); err != nil || e.Timed() && !at.Equal(e.Time) {
				t.Errorf("%s, record %d: %v, utmpdump has %s", name, i, e.Time, cells[7])
			}
		}
		t.Logf("%s: %d records are utmpdump's", filepath.Base(name), len(theirs))
	}
}

// TestMutants reads spoilt records of every layout: no panic, and every byte in a record or reported. SPOR_LONG=1 reads
// 10,000 of them.
func TestMutants(t *testing.T) {
	n := 300
	if os.Getenv("SPOR_LONG") != "" {
		n = 10_000
	}
	var samples [][]byte
	for _, l := range layouts {
		samples = append(samples, bytes.Repeat(l.login("gunnar", loggedIn), 20))
	}
	for _, name := range []string{"Velocidex-velociraptor/wtmp.1", "log2timeline-plaso/utmp/utmp_aarch64", "log2timeline-plaso/utmp/utmp_x86_64", "util-linux-util-linux/utmp/wtmp-ipv6.BE"} {
		if b, err := os.ReadFile(filepath.Join(corpusDir(), "utmp", name)); err == nil {
			samples = append(samples, b)
		}
	}
	rnd := rand.New(rand.NewSource(1))
	for range n {
		b := bytes.Clone(samples[rnd.Intn(len(samples))])
		switch at := rnd.Intn(len(b)); rnd.Intn(3) {
		case 0:
			b = b[:at]
		case 1:
			b = append(b[:at:at], b[rnd.Intn(at+1):]...)
		default:
			for range 1 + rnd.Intn(30) {
				b[rnd.Intn(len(b))] ^= 1 << rnd.Intn(8)
			}
		}
		if events, errs := read(t, "wtmp", b); len(events) > len(b)/382+1 || len(events)+len(errs) == 0 && len(b) > 0 {
			t.Errorf("%d events and %d errors of %d bytes", len(events), len(errs), len(b))
		}
	}
}

func corpusDir() string {
	if dir := os.Getenv("SPOR_CORPUS"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "..", "shared", "corpus")
}

// FuzzParse checks that every byte is either in a record or reported, records do not overlap, and reading again gives
// the same.
func FuzzParse(f *testing.F) {
	for _, l := range layouts {
		b := append(l.login("gunnar", loggedIn), l.login("b", loggedIn)...)
		f.Add(b)
		f.Add(b[:l.size+100])
		f.Add(append(append(bytes.Clone(b), 1, 2, 3), b...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, _, _ := choose(b[:min(len(b), timeline.HeadSize)])
		at, read := int64(-1), int64(0)
		errs := 0
		for e, err := range Format.Parse(timeline.Input{R: bytes.NewReader(b)}) {
			if err != nil {
				errs++
				continue
			}
			if e.Offset <= at || e.Offset+int64(l.size) > int64(len(b)) || e.Message == "" {
				t.Fatalf("record at %d after %d, %d bytes", e.Offset, at, len(b))
			}
			at, read = e.Offset, read+int64(l.size)
		}
		if read < int64(len(b)) && errs == 0 {
			t.Errorf("%d of %d bytes read and nothing said", read, len(b))
		}
	})
}
