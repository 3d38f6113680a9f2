package sockets

import (
	"encoding/binary"
	"reflect"
	"slices"
	"testing"
	"time"
)

// row builds a row of the table: numbers as they lie there.
func (l layout) build(local, remote []byte, localPort, remotePort uint16, state, pid uint32, created int64) []byte {
	b := make([]byte, l.row)
	copy(b[l.local:], local)
	binary.BigEndian.PutUint16(b[l.localPort:], localPort)
	if l.remote >= 0 {
		copy(b[l.remote:], remote)
		binary.BigEndian.PutUint16(b[l.remotePort:], remotePort)
		binary.LittleEndian.PutUint32(b[l.state:], state)
	}
	binary.LittleEndian.PutUint32(b[l.pid:], pid)
	if l.created >= 0 {
		binary.LittleEndian.PutUint64(b[l.created:], uint64(created))
	}
	return b
}

func tableOf(l layout, count int, rows ...[]byte) []byte {
	b := make([]byte, l.header)
	binary.LittleEndian.PutUint32(b, uint32(count))
	return append(b, slices.Concat(rows...)...)
}

func TestRows(t *testing.T) {
	four, six := []byte{192, 0, 2, 7}, []byte{0x20, 1, 0xd, 0xb8, 15: 9}
	const filetime = 132514000000000000
	created := time.Date(2020, 12, 2, 16, 26, 40, 0, time.UTC)
	for _, c := range []struct {
		l      layout
		local  []byte
		remote []byte
		state  uint32
		want   Socket
	}{
		{tcp4Module, four, four, 5, Socket{Protocol: "tcp", LocalAddress: "192.0.2.7", LocalPort: 443, RemoteAddress: "192.0.2.7", RemotePort: 50000, State: "ESTABLISHED", Created: created}},
		{tcp6Module, six, six, 11, Socket{Protocol: "tcp6", LocalAddress: "2001:db8::9", LocalPort: 443, RemoteAddress: "2001:db8::9", RemotePort: 50000, State: "TIME_WAIT", Created: created}},
		{udp4Module, four, nil, 0, Socket{Protocol: "udp", LocalAddress: "192.0.2.7", LocalPort: 443, Created: created}},
		{udp6Module, six, nil, 0, Socket{Protocol: "udp6", LocalAddress: "2001:db8::9", LocalPort: 443, Created: created}},
		{tcp4Owner, four, four, 2, Socket{Protocol: "tcp", LocalAddress: "192.0.2.7", LocalPort: 443, State: "LISTEN"}},
		{tcp6Owner, six, six, 99, Socket{Protocol: "tcp6", LocalAddress: "2001:db8::9", LocalPort: 443, RemoteAddress: "2001:db8::9", RemotePort: 50000, State: "99"}},
		{udp4Owner, four, nil, 0, Socket{Protocol: "udp", LocalAddress: "192.0.2.7", LocalPort: 443}},
		{udp6Owner, six, nil, 0, Socket{Protocol: "udp6", LocalAddress: "2001:db8::9", LocalPort: 443}},
	} {
		r := c.l.build(c.local, c.remote, 443, 50000, c.state, 4, filetime)
		c.want.Owners = []Owner{{PID: 4}}
		got, err := c.l.rows(tableOf(c.l, 2, r, r))
		if want := []Socket{c.want, c.want}; err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", c.l.protocol, got, err, want)
		}
		if got, err := c.l.rows(tableOf(c.l, 3, r)); err == nil || len(got) != 1 {
			t.Errorf("%s: torn table: %d rows, %v; want one and an error", c.l.protocol, len(got), err)
		}
	}
	if got, err := tcp4Module.rows([]byte{0, 0, 0, 0}); err != nil || len(got) != 0 {
		t.Errorf("empty table: %+v, %v", got, err)
	}
}

func FuzzRows(f *testing.F) {
	f.Add(tableOf(udp4Owner, 1, udp4Owner.build([]byte{1, 2, 3, 4}, nil, 53, 0, 0, 4, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, l := range []layout{tcp4Module, tcp6Module, udp4Module, udp6Module, tcp4Owner, tcp6Owner, udp4Owner, udp6Owner} {
			if got, _ := l.rows(b); len(got)*l.row > len(b) {
				t.Errorf("%s: %d rows in %d bytes", l.protocol, len(got), len(b))
			}
		}
	})
}

func TestTagged(t *testing.T) {
	for _, l := range []layout{tcp4Module, tcp6Module, udp4Module, udp6Module, tcp4Owner, udp4Owner} {
		plain, tag := make([]byte, l.row), make([]byte, l.row)
		if l.created >= 0 {
			tag[l.created+8] = 3 // the module's numbers stand behind the time, but for udp, where flags come between
			if l.protocol == "udp" || l.protocol == "udp6" {
				tag[l.created+8], tag[l.row-128] = 0, 3
			}
		}
		b := tableOf(l, 2, plain, tag)
		if row, tagged := l.tagged(b, 0); tagged || len(row) != l.row {
			t.Errorf("%s: a row of %d bytes without a tag has one (%v)", l.protocol, len(row), tagged)
		}
		if _, tagged := l.tagged(b, 1); tagged != (l.created >= 0) {
			t.Errorf("%s: tagged is %v", l.protocol, tagged)
		}
	}
}
