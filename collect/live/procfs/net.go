package procfs

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"spor/artifacts"
)

// An Inet is a line of /proc/net/{tcp,udp,udplite,raw,icmp}, and of those with a 6.
type Inet struct {
	Local, Remote netip.AddrPort
	State         uint64 // TCP's numbers, whatever the protocol
	UID           uint64
	Inode         uint64
}

// TCPStates are the names of the states of include/net/tcp_states.h, by number.
var TCPStates = [...]string{
	"", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK",
	"LISTEN", "CLOSING", "NEW_SYN_RECV",
}

var errTable = errors.New("not of the form of this table of /proc/net")

// ParseInet reads a line that is not the heading:
//
//	sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …
func ParseInet(line string) (Inet, error) {
	f := strings.Fields(line)
	if len(f) < 10 {
		return Inet{}, errTable
	}
	var s Inet
	var err error
	if s.Local, err = parseAddrPort(f[1]); err != nil {
		return Inet{}, err
	}
	if s.Remote, err = parseAddrPort(f[2]); err != nil {
		return Inet{}, err
	}
	r := numbers{}
	s.State, s.UID, s.Inode = r.base(f[3], 16), r.unsigned(f[7]), r.unsigned(f[9])
	return s, r.err
}

// parseAddrPort reads "0100007F:07E8". The address is printed by 32-bit words in the order of the processor's bytes;
// spor runs on little-endian ones alone.
func parseAddrPort(s string) (netip.AddrPort, error) {
	address, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(address)
	n, portErr := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || portErr != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, errTable
	}
	addr, _ := netip.AddrFromSlice(swap(raw))
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

// swap turns each 32-bit word of b around.
func swap(b []byte) []byte {
	for i := 0; i+4 <= len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.LittleEndian.Uint32(b[i:]))
	}
	return b
}

// A Unix is a line of /proc/net/unix.
type Unix struct {
	Listening bool
	Type      uint64 // SOCK_STREAM is 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5
	State     uint64 // SS_UNCONNECTED is 1, SS_CONNECTING 2, SS_CONNECTED 3, SS_DISCONNECTING 4
	Inode     uint64
	Path      artifacts.Path // "@…": abstract; empty: unnamed
}

// ParseUnix reads a line that is not the heading:
//
//	Num: RefCount Protocol Flags Type St Inode Path
//
// The path is the rest of the line and may hold spaces.
func ParseUnix(line string) (Unix, error) {
	rest := line
	var f [7]string
	for i := range f {
		rest = strings.TrimLeft(rest, " ")
		f[i], rest, _ = strings.Cut(rest, " ")
	}
	r := numbers{}
	const acceptsConnections = 1 << 16 // __SO_ACCEPTCON
	s := Unix{Listening: r.base(f[3], 16)&acceptsConnections != 0, Path: artifacts.Path(rest)}
	s.Type, s.State, s.Inode = r.base(f[4], 16), r.base(f[5], 16), r.unsigned(f[6])
	return s, r.err
}

// A Packet is a line of /proc/net/packet: a socket that reads frames past the network stack.
type Packet struct {
	Type     uint64 // SOCK_RAW is 3, SOCK_DGRAM 2
	Protocol uint64 // ETH_P_: 3 is every frame
	Index    uint64 // of the interface; 0: any
	UID      uint64
	Inode    uint64
}

// ParsePacket reads a line that is not the heading:
//
//	sk RefCnt Type Proto Iface R Rmem User Inode
func ParsePacket(line string) (Packet, error) {
	f := strings.Fields(line)
	if len(f) < 9 {
		return Packet{}, errTable
	}
	r := numbers{}
	p := Packet{Type: r.unsigned(f[2]), Protocol: r.base(f[3], 16), Index: r.unsigned(f[4])}
	p.UID, p.Inode = r.unsigned(f[7]), r.unsigned(f[8])
	return p, r.err
}

// A Netlink is a line of /proc/net/netlink.
type Netlink struct {
	Protocol uint64 // NETLINK_ROUTE is 0, NETLINK_AUDIT 9
	Port     uint64 // by which it is addressed, mostly the pid of who made it; 0: the kernel's own
	Inode    uint64
}

// ParseNetlink reads a line that is not the heading:
//
//	sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
func ParseNetlink(line string) (Netlink, error) {
	f := strings.Fields(line)
	if len(f) < 10 {
		return Netlink{}, errTable
	}
	r := numbers{}
	n := Netlink{Protocol: r.unsigned(f[1]), Port: r.unsigned(f[2]), Inode: r.unsigned(f[9])}
	return n, r.err
}
