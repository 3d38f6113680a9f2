package sessions

import (
	"encoding/binary"
	"testing"
	"time"
)

func TestParseInfo(t *testing.T) {
	b := make([]byte, 216)
	put := func(at int, s string) {
		for i, c := range s { // ASCII
			b[at+2*i] = byte(c)
		}
	}
	binary.LittleEndian.PutUint32(b, 4)
	put(32, "RDP-Tcp#3")
	put(96, "CONTOSO")
	put(130, "gunnar")
	binary.LittleEndian.PutUint64(b[192:], 132514000010000000)
	binary.LittleEndian.PutUint64(b[200:], 132514000000000000)
	var got Session
	login := time.Date(2020, 12, 2, 16, 26, 40, 0, time.UTC)
	want := Session{State: "disconnected", Terminal: "RDP-Tcp#3", Domain: "CONTOSO", User: "gunnar", Login: login, LastUsed: login.Add(time.Second)}
	if err := parseInfo(b, &got); err != nil || got != want {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if err := parseInfo(b[:215], &got); err == nil {
		t.Error("a torn WTSINFO was read")
	}
}

func TestParseAddress(t *testing.T) {
	for _, c := range []struct {
		family uint32
		bytes  []byte
		want   string
		ok     bool
	}{
		{2, []byte{0, 0, 192, 0, 2, 7}, "192.0.2.7", true},
		{23, []byte{0, 0, 0x20, 1, 0xd, 0xb8, 17: 9}, "2001:db8::9", true},
		{0, nil, "", true},
		{77, nil, "", false},
	} {
		b := make([]byte, 24)
		binary.LittleEndian.PutUint32(b, c.family)
		copy(b[4:], c.bytes)
		if got, err := parseAddress(b); got != c.want || (err == nil) != c.ok {
			t.Errorf("family %d: %q, %v; want %q", c.family, got, err, c.want)
		}
	}
	if _, err := parseAddress(make([]byte, 23)); err == nil {
		t.Error("a torn address was read")
	}
}

func TestNumbered(t *testing.T) {
	if got := []string{wtsState(0), wtsState(4), wtsState(77), logonType(10), logonType(3)}; got[0] != "active" || got[1] != "disconnected" || got[2] != "77" || got[3] != "remote_interactive" || got[4] != "network" {
		t.Errorf("got %q", got)
	}
}
