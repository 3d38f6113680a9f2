// Package sockets collects who talks to whom: every socket of every network namespace that can be seen, joined to
// the processes that hold it.
//
// Linux: /proc/PID/net/{tcp,tcp6,udp,udp6,udplite,udplite6,raw,raw6,icmp,icmp6,packet,unix,netlink} (proc(5)), one PID
// for each network namespace, joined by inode to the links in /proc/PID/fd; sockets of families without a table (vsock, alg,
// xdp) are known by those links alone. sock_diag(7) would tell more of some, and have the kernel load modules: it is not
// asked. Windows: GetExtendedTcpTable,
// GetExtendedUdpTable with the owner's module.
package sockets

import (
	"time"

	"spor/artifacts"
)

// Collector takes one Socket for each socket.
var Collector = &artifacts.Collector{
	Name:     "sockets",
	Doc:      "Network and local sockets with the processes that hold them",
	Order:    artifacts.Volatile,
	Profiles: []string{"volatile"},
	Required: true,
	Needs:    artifacts.NeedsLive,
	Collect:  collect,
}

// A Socket is one line of live/sockets.jsonl. What is zero or absent is not known, or the protocol has it not.
type Socket struct {
	Protocol      string         `json:"protocol"` // "tcp", "tcp6", "udp", "udp6", "udplite", "raw", "raw6", "icmp", "icmp6", "unix", "packet", "netlink", "other"
	LocalAddress  string         `json:"local_address,omitempty"`
	LocalPort     uint16         `json:"local_port,omitempty"`
	RemoteAddress string         `json:"remote_address,omitempty"` // absent where the socket is not connected
	RemotePort    uint16         `json:"remote_port,omitempty"`
	State         string         `json:"state,omitempty"`         // one of States; udp has only ESTABLISHED
	Type          string         `json:"type,omitempty"`          // unix, packet: "stream", "dgram", "seqpacket", "raw"
	Path          artifacts.Path `json:"path,omitempty"`          // unix: the name; "@…" is abstract
	NextProtocol  string         `json:"next_protocol,omitempty"` // raw: IP protocol number; packet: "0x0003" is every frame, a sniffer's choice; netlink: "route", "audit"; other: the kernel's name, "AF_VSOCK"
	Interface     string         `json:"interface,omitempty"`     // packet: it is bound to
	User          string         `json:"user,omitempty"`
	UserID        string         `json:"user_id,omitempty"` // Linux: who made it; Windows: the owner's SID
	Inode         uint64         `json:"inode,omitempty"`   // Linux; 0: no process holds it any more (TIME_WAIT)
	NetNS         uint64         `json:"net_ns,omitempty"`  // Linux: inode of the network namespace
	Created       time.Time      `json:"created,omitzero"`  // Windows
	Owners        []Owner        `json:"owners,omitempty"`  // several where it was inherited; none: not seen, or the kernel's own
}

// An Owner is a process that holds a socket.
type Owner struct {
	PID  int            `json:"pid"`
	Name string         `json:"name,omitempty"`
	Exe  artifacts.Path `json:"exe,omitempty"`  // Linux: with " (deleted)" as the kernel says it
	Unit string         `json:"unit,omitempty"` // Windows: the service within a shared process
}

// States are the names of TCP's states on every system, and CONNECTED, UNCONNECTED, CONNECTING and DISCONNECTING of
// unix sockets.
var States = []string{
	"ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK",
	"LISTEN", "CLOSING", "NEW_SYN_RECV", "DELETE_TCB", // the last is Windows' alone
	"CONNECTED", "UNCONNECTED", "CONNECTING", "DISCONNECTING",
}
