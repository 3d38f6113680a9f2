package sockets

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// A table is a file of /proc/net and how a line of it is read. Its name is the protocol's.
type table struct {
	name  string
	parse func(s *scan, line string, dir artifacts.Path) (Socket, error)
}

var tables = []table{
	{"tcp", tcp},
	{"tcp6", tcp},
	{"udp", datagram},
	{"udp6", datagram},
	{"udplite", datagram},
	{"udplite6", datagram},
	{"raw", raw},
	{"raw6", raw},
	{"icmp", raw},
	{"icmp6", raw},
	{"packet", packet},
	{"unix", local},
	{"netlink", kernelTalk},
}

// errKernel is of a socket that the kernel keeps for itself, in every namespace again.
var errKernel = errors.New("the kernel's own")

// netlinkNames are the protocols of include/uapi/linux/netlink.h by number.
var netlinkNames = map[uint64]string{
	0: "route", 2: "usersock", 4: "sock_diag", 5: "nflog", 6: "xfrm", 7: "selinux", 8: "iscsi", 9: "audit", 10: "fib_lookup", 11: "connector", 12: "netfilter",
	15: "kobject_uevent", 16: "generic", 18: "scsitransport", 20: "rdma", 21: "crypto",
}

func kernelTalk(_ *scan, line string, _ artifacts.Path) (Socket, error) {
	row, err := procfs.ParseNetlink(line)
	if err == nil && row.Port == 0 {
		err = errKernel
	}
	return Socket{Type: "raw", NextProtocol: cmp.Or(netlinkNames[row.Protocol], strconv.FormatUint(row.Protocol, 10)), Inode: row.Inode}, err
}

func inet(line string) (Socket, procfs.Inet, error) {
	row, err := procfs.ParseInet(line)
	s := Socket{
		LocalAddress: row.Local.Addr().String(), LocalPort: row.Local.Port(), Inode: row.Inode, UserID: strconv.FormatUint(row.UID, 10),
	}
	if row.Remote.Port() != 0 || row.Remote.Addr() != netip.IPv4Unspecified() && row.Remote.Addr() != netip.IPv6Unspecified() {
		s.RemoteAddress, s.RemotePort = row.Remote.Addr().String(), row.Remote.Port()
	}
	return s, row, err
}

func tcp(_ *scan, line string, _ artifacts.Path) (Socket, error) {
	s, row, err := inet(line)
	if s.State = fmt.Sprintf("%#x", row.State); row.State < uint64(len(procfs.TCPStates)) {
		s.State = procfs.TCPStates[row.State]
	}
	return s, err
}

// datagram has of TCP's states only that it is connected.
func datagram(_ *scan, line string, _ artifacts.Path) (Socket, error) {
	s, row, err := inet(line)
	if row.State == 1 {
		s.State = "ESTABLISHED"
	}
	return s, err
}

// raw has the protocol's number where others have the port.
func raw(_ *scan, line string, _ artifacts.Path) (Socket, error) {
	s, row, err := inet(line)
	if row.State == 1 {
		s.State = "ESTABLISHED"
	}
	s.NextProtocol, s.LocalPort = strconv.Itoa(int(row.Local.Port())), 0
	return s, err
}

var socketTypes = map[uint64]string{1: "stream", 2: "dgram", 3: "raw", 5: "seqpacket"}

var localStates = map[uint64]string{1: "UNCONNECTED", 2: "CONNECTING", 3: "CONNECTED", 4: "DISCONNECTING"}

func local(_ *scan, line string, _ artifacts.Path) (Socket, error) {
	row, err := procfs.ParseUnix(line)
	s := Socket{Type: socketTypes[row.Type], State: localStates[row.State], Inode: row.Inode, Path: row.Path}
	if row.Listening {
		s.State = "LISTEN"
	}
	return s, err
}

func packet(s *scan, line string, dir artifacts.Path) (Socket, error) {
	row, err := procfs.ParsePacket(line)
	out := Socket{
		Type: socketTypes[row.Type], NextProtocol: fmt.Sprintf("%#04x", row.Protocol), Inode: row.Inode, UserID: strconv.FormatUint(row.UID, 10),
	}
	if row.Index != 0 {
		out.Interface = s.interfaceName(dir, row.Index)
	}
	return out, err
}

// interfaceName finds an interface of the namespace by its number, in its /proc/net/igmp, the one table that has both:
// "2\teth0      :     1      V3"; else it is the number.
func (s *scan) interfaceName(dir artifacts.Path, index uint64) string {
	if s.interfaces == nil {
		s.interfaces = map[uint64]string{}
		data, _ := procfs.Read(s.files, dir+"igmp", 16<<20)
		for line := range strings.Lines(string(data)) {
			f := strings.Fields(line)
			if len(f) < 3 || strings.HasPrefix(line, "\t") {
				continue
			}
			if n, err := strconv.ParseUint(f[0], 10, 32); err == nil {
				s.interfaces[n] = procfs.Text(strings.TrimSuffix(f[1], ":"))
			}
		}
	}
	if name, ok := s.interfaces[index]; ok {
		return name
	}
	return strconv.FormatUint(index, 10)
}
