package sessions

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/live/livetest"
)

var login = time.Date(2026, 3, 1, 8, 30, 15, 250000000, time.UTC)

// record is a struct utmp of a layout.
func record(l layout, kind uint16, pid int32, line, id, user, host string, at time.Time, addr ...byte) []byte {
	b := make([]byte, l.size)
	binary.LittleEndian.PutUint16(b, kind)
	binary.LittleEndian.PutUint32(b[4:], uint32(pid))
	copy(b[8:40], line)
	copy(b[40:44], id)
	copy(b[44:76], user)
	copy(b[76:332], host)
	if l.size == 384 {
		binary.LittleEndian.PutUint32(b[l.seconds:], uint32(at.Unix()))
		binary.LittleEndian.PutUint32(b[l.seconds+4:], uint32(at.Nanosecond()/1000))
	} else {
		binary.LittleEndian.PutUint64(b[l.seconds:], uint64(at.Unix()))
		binary.LittleEndian.PutUint64(b[l.seconds+8:], uint64(at.Nanosecond()/1000))
	}
	copy(b[l.address:], addr)
	return b
}

func show(list []Session) (all []string) {
	for _, s := range list {
		remote := "unknown"
		if s.Remote != nil {
			remote = fmt.Sprint(*s.Remote)
		}
		s.Remote = nil
		all = append(all, fmt.Sprintf("%+v remote %s", s, remote))
	}
	return all
}

func TestParseUtmp(t *testing.T) {
	six := []byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}
	for _, l := range layouts {
		data := slices.Concat(
			record(l, 2, 0, "~", "~~", "reboot", "6.1.0-18-amd64", login),
			record(l, 7, 4711, "pts/0", "ts/0", "gunnar", "evil.example", login, 203, 0, 113, 9),
			record(l, 7, 4712, "pts/1", "ts/1", "anna\xff", "", login, six...),
			record(l, 7, 4713, "tty7", ":0", "anna", ":0", login),
			make([]byte, l.size),
			record(l, 0, 4715, "pts/3", "", "wiped", "", login),
			record(l, 8, 4714, "pts/2", "ts/2", "", "", time.Unix(0, 0)),
			[]byte("torn"),
		)
		want := []Session{
			{Source: "utmp", ID: "~~", Type: "boot", User: "reboot", Terminal: "~", Host: "6.1.0-18-amd64", Login: login},
			{Source: "utmp", ID: "ts/0", Type: "user", User: "gunnar", Terminal: "pts/0", Remote: new(true), Host: "evil.example", Address: "203.0.113.9", Login: login, PID: 4711},
			{Source: "utmp", ID: "ts/1", Type: "user", User: "anna%FF", Terminal: "pts/1", Remote: new(true), Address: "2001:db8::1", Login: login, PID: 4712},
			{Source: "utmp", ID: ":0", Type: "user", User: "anna", Terminal: "tty7", Remote: new(false), Host: ":0", Login: login, PID: 4713},
			{Source: "utmp", Type: "empty", User: "wiped", Terminal: "pts/3", Login: login, PID: 4715},
			{Source: "utmp", ID: "ts/2", Type: "dead", Terminal: "pts/2", PID: 4714},
		}
		if l.size == 400 {
			data = data[:len(data)-4] // a torn file is taken for the common layout
		}
		got, rest := parseUtmp(data)
		if a, b := show(got), show(want); !slices.Equal(a, b) {
			t.Errorf("layout of %d bytes:\n got %q\nwant %q", l.size, a, b)
		}
		if torn := len(data) % l.size; rest != torn {
			t.Errorf("layout of %d bytes: %d left over, want %d", l.size, rest, torn)
		}
	}
}

// The corpus has files of both layouts; the figures are those of utmpdump and of plaso's tests (INDEX.tsv).
func TestCorpus(t *testing.T) {
	corpus := os.Getenv("SPOR_CORPUS")
	if corpus == "" {
		corpus = "../../../../shared/corpus"
	}
	for name, want := range map[string]int{
		"log2timeline-plaso/utmp/utmp_x86_64": 6, "log2timeline-plaso/utmp/utmp_aarch64": 6, "Velocidex-velociraptor/wtmp.1": 26,
		"util-linux-util-linux/utmp/wtmp-ipv6.LE": 2,
	} {
		data, err := os.ReadFile(filepath.Join(corpus, "utmp", name))
		if err != nil {
			t.Skipf("SKIPPED: no corpus of real utmp files (SPOR_CORPUS): %v", err)
		}
		list, _ := parseUtmp(data)
		if len(list) != want {
			t.Errorf("%s: %d records, want %d: %q", name, len(list), want, show(list))
		}
		if strings.Contains(name, "plaso") && (list[1].Type != "dead" || list[1].Address != "4.3.2.1" || list[1].Terminal != "tty2" || list[1].Login.Year() != 2026) {
			t.Errorf("%s: second record %+v, want the end of tty2 from 4.3.2.1 in 2026", name, list[1])
		}
	}
}

func TestCollect(t *testing.T) {
	tree := livetest.Tree{
		"/var/run/utmp": {Data: string(record(layouts[0], 7, 4711, "pts/0", "ts/0", "gunnar", "evil.example", login, 203, 0, 113, 9))},
		"/run/systemd/sessions/3": livetest.Text("# This is private data. Do not parse.\nUID=1000\nUSER=gunnar\nACTIVE=1\nSTATE=active\nREMOTE=1\nTYPE=tty\n" +
			"CLASS=user\nSERVICE=sshd\nREMOTE_HOST=203.0.113.9\nTTY=pts/0\nLEADER=4711\nREALTIME=1772353815250000\nMONOTONIC=1\n"),
		"/run/systemd/sessions/3.ref": {Stat: artifacts.Stat{Kind: artifacts.Pipe}},
		"/run/systemd/sessions/c1":    livetest.Fails(fs.ErrPermission),
	}
	h := &artifacts.Host{OS: artifacts.Linux, Files: tree.Files(), Users: []artifacts.User{{Name: "gunnar", ID: "1000"}}}
	got, notes := livetest.Run[Session](t, Collector, h)
	want := []Session{
		{
			Source: "utmp", ID: "ts/0", Type: "user", User: "gunnar", UserID: "1000", Terminal: "pts/0", Remote: new(true), Host: "evil.example",
			Address: "203.0.113.9", Login: login, PID: 4711,
		},
		{
			Source: "logind", ID: "3", Type: "tty", Class: "user", User: "gunnar", UserID: "1000", Terminal: "pts/0", Remote: new(true), Host: "203.0.113.9",
			Address: "203.0.113.9", Login: login, State: "active", PID: 4711, Service: "sshd",
		},
	}
	if a, b := show(got), show(want); !slices.Equal(a, b) {
		t.Errorf("\n got %q\nwant %q", a, b)
	}
	if len(notes) != 1 || notes[0].Status != artifacts.Denied || notes[0].Path != "/run/systemd/sessions/c1" {
		t.Errorf("notes %+v, want the one session that is closed", notes)
	}
}

// Where there is neither, that is said, and is no error.
func TestCollectNothing(t *testing.T) {
	got, notes := livetest.Run[Session](t, Collector, &artifacts.Host{Files: livetest.Tree{}.Files()})
	if len(got) != 0 || len(notes) != 2 || notes[0].Status != artifacts.Absent || notes[1].Status != artifacts.Absent {
		t.Errorf("%v, notes %+v", got, notes)
	}
}

// Every record is as long as the layout says, and every time can be written as JSON.
func FuzzParseUtmp(f *testing.F) {
	f.Add(record(layouts[0], 7, 1, "pts/0", "ts/0", "a", "b", login, 1, 2, 3, 4))
	f.Add(record(layouts[1], 7, 1, "pts/0", "ts/0", "a", "b", login, 1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, rest := parseUtmp(data)
		if most := len(data) / layouts[0].size; len(list) > most || rest >= layouts[1].size {
			t.Errorf("%d sessions and %d bytes of %d bytes", len(list), rest, len(data))
		}
		for _, s := range list {
			if _, err := s.Login.MarshalJSON(); err != nil {
				t.Errorf("%v: %v", s.Login.Unix(), err)
			}
		}
	})
}

func FuzzParseLogind(f *testing.F) {
	f.Add([]byte("UID=1\nREALTIME=1772353815250000\nREMOTE=1\nREMOTE_HOST=::1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s := parseLogind("1", data); s.Source != "logind" {
			t.Errorf("%+v", s)
		} else if _, err := s.Login.MarshalJSON(); err != nil {
			t.Errorf("%v", err)
		}
	})
}
