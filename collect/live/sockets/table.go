package sockets

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"spor/collect/winapi"
)

// A layout says where the fields of a row of GetExtendedTcpTable and GetExtendedUdpTable lie, in bytes (tcpmib.h,
// udpmib.h: MIB_TCPROW_OWNER_MODULE and its like; the same for 32-bit and 64-bit programs). A field at -1 is not there.
type layout struct {
	protocol                string
	header, row             int
	address                 int // bytes of an address: 4 or 16
	state                   int
	local, localPort        int
	remote, remotePort      int
	localScope, remoteScope int
	pid, created            int
}

var (
	tcp4Module = layout{"tcp", 8, 160, 4, 0, 4, 8, 12, 16, -1, -1, 20, 24}
	tcp6Module = layout{"tcp6", 8, 192, 16, 48, 0, 20, 24, 44, 16, 40, 52, 56}
	udp4Module = layout{"udp", 8, 160, 4, -1, 0, 4, -1, -1, -1, -1, 8, 16}
	udp6Module = layout{"udp6", 8, 176, 16, -1, 0, 20, -1, -1, 16, -1, 24, 32}
	tcp4Owner  = layout{"tcp", 4, 24, 4, 0, 4, 8, 12, 16, -1, -1, 20, -1}
	tcp6Owner  = layout{"tcp6", 4, 56, 16, 48, 0, 20, 24, 44, 16, 40, 52, -1}
	udp4Owner  = layout{"udp", 4, 12, 4, -1, 0, 4, -1, -1, -1, -1, 8, -1}
	udp6Owner  = layout{"udp6", 4, 28, 16, -1, 0, 20, -1, -1, 16, -1, 24, -1}
)

// MIB_TCP_STATE, from 1, in the words of States.
var tcpStates = [...]string{
	"CLOSE", "LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT", "CLOSING", "LAST_ACK",
	"TIME_WAIT", "DELETE_TCB",
}

// rows reads a table. Rows that it says it has and has not are an error, which comes with those there are.
func (l layout) rows(b []byte) ([]Socket, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("%s: table of %d bytes", l.protocol, len(b))
	}
	count := int64(binary.LittleEndian.Uint32(b))
	if count == 0 {
		return nil, nil
	}
	var have int64
	if len(b) >= l.header {
		b = b[l.header:]
		have = min(count, int64(len(b)/l.row))
	}
	all := make([]Socket, 0, have)
	for range have {
		all = append(all, l.socket(b[:l.row]))
		b = b[l.row:]
	}
	if have < count {
		return all, fmt.Errorf("%s: table says %d rows, has %d", l.protocol, count, have)
	}
	return all, nil
}

// tagged gives a row of a table that rows has read, and tells whether a service is named in it: the first of the 16
// numbers at its end (OwningModuleInfo) is the service's tag then.
func (l layout) tagged(b []byte, i int) (row []byte, tagged bool) {
	const info = 16 * 8
	row = b[l.header+i*l.row:][:l.row]
	return row, l.created >= 0 && binary.LittleEndian.Uint64(row[l.row-info:]) != 0
}

func (l layout) socket(row []byte) Socket {
	number := func(at int) uint32 { return binary.LittleEndian.Uint32(row[at:]) }
	port := func(at int) uint16 { return binary.BigEndian.Uint16(row[at:]) } // in network order
	s := Socket{Protocol: l.protocol, LocalAddress: l.addr(row, l.local, l.localScope), LocalPort: port(l.localPort)}
	if l.state >= 0 {
		if n := number(l.state); n >= 1 && int(n) <= len(tcpStates) {
			s.State = tcpStates[n-1]
		} else {
			s.State = strconv.FormatUint(uint64(n), 10)
		}
	}
	if l.remote >= 0 && s.State != "LISTEN" { // a listener's is noise
		s.RemoteAddress, s.RemotePort = l.addr(row, l.remote, l.remoteScope), port(l.remotePort)
	}
	if l.created >= 0 {
		s.Created = winapi.Time(int64(binary.LittleEndian.Uint64(row[l.created:])))
	}
	if pid := number(l.pid); pid != 0 {
		s.Owners = []Owner{{PID: int(pid)}}
	}
	return s
}

func (l layout) addr(row []byte, at, scope int) string {
	a, _ := netip.AddrFromSlice(row[at : at+l.address])
	if scope >= 0 && a.Is6() {
		if zone := binary.LittleEndian.Uint32(row[scope:]); zone != 0 {
			a = a.WithZone(strconv.FormatUint(uint64(zone), 10))
		}
	}
	return a.String()
}
