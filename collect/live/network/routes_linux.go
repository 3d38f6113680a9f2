package network

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/live/netlink"
)

// links asks for the interfaces of a namespace: struct ifinfomsg and the attributes of include/uapi/linux/if_link.h.
func links(ctx context.Context, n namespace, c *netlink.Conn) ([]Interface, error) {
	var all []Interface
	err := c.Dump(ctx, unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg), maxRows, func(m netlink.Message) error {
		if i, ok := parseLink(m.Data); ok {
			i.NetNS = n.inode
			all = append(all, i)
		}
		return nil
	})
	return all, err
}

func parseLink(b []byte) (Interface, bool) {
	if len(b) < unix.SizeofIfInfomsg {
		return Interface{}, false
	}
	a := netlink.Map(b[unix.SizeofIfInfomsg:])
	info, xdp := netlink.Map(a[unix.IFLA_LINKINFO]), netlink.Map(a[unix.IFLA_XDP])
	return Interface{
		Index: int(netlink.Uint32(b[4:])), Up: netlink.Uint32(b[8:])&unix.IFF_UP != 0, Name: text(a[unix.IFLA_IFNAME]), Alias: text(a[unix.IFLA_IFALIAS]),
		Kind: text(info[unix.IFLA_INFO_KIND]), MAC: hardware(a[unix.IFLA_ADDRESS]), MTU: netlink.Uint32(a[unix.IFLA_MTU]),
		Promiscuous: netlink.Uint32(a[unix.IFLA_PROMISCUITY]), Master: netlink.Uint32(a[unix.IFLA_MASTER]), XDP: netlink.Uint32(xdp[unix.IFLA_XDP_PROG_ID]),
	}, true
}

func interfaces(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	return each(ctx, h, rec, unix.NETLINK_ROUTE, func(n namespace, c *netlink.Conn) error {
		all, err := links(ctx, n, c)
		if err != nil {
			n.note(rec, err)
		}
		err = c.Dump(ctx, unix.RTM_GETADDR, make([]byte, unix.SizeofIfAddrmsg), maxRows, func(m netlink.Message) error {
			if len(m.Data) < unix.SizeofIfAddrmsg {
				return nil
			}
			a := netlink.Map(m.Data[unix.SizeofIfAddrmsg:])
			local := a[unix.IFA_LOCAL]
			if local == nil {
				local = a[unix.IFA_ADDRESS]
			}
			for i := range all {
				if all[i].Index == int(netlink.Uint32(m.Data[4:])) {
					all[i].Addresses = append(all[i].Addresses, prefix(local, m.Data[1]))
				}
			}
			return nil
		})
		for _, i := range all {
			i.Filters = filters(ctx, c, i.Index)
			if err := record(rec, i); err != nil {
				return err
			}
		}
		return err
	})
}

// filters asks for those at both ends of clsact: struct tcmsg (family, interface, handle, parent, info) and the attributes
// of include/uapi/linux/pkt_cls.h. What cannot be had is none: a link without clsact has no filters.
func filters(ctx context.Context, c *netlink.Conn, index int) (all []string) {
	const length, most = 20, 256
	for _, at := range []struct {
		name   string
		parent uint32
	}{{"ingress", 0xfffffff2}, {"egress", 0xfffffff3}} {
		question := make([]byte, length)
		binary.NativeEndian.PutUint32(question[4:], uint32(index))
		binary.NativeEndian.PutUint32(question[12:], at.parent)
		_ = c.Dump(ctx, unix.RTM_GETTFILTER, question, most, func(m netlink.Message) error {
			if len(m.Data) < length {
				return nil
			}
			const bpfName, bpfID = 7, 11
			a := netlink.Map(m.Data[length:])
			options := netlink.Map(a[unix.TCA_OPTIONS])
			if len(options) == 0 {
				return nil // the head of a chain of filters
			}
			filter := at.name + " " + text(a[unix.TCA_KIND])
			if id, ok := options[bpfID]; ok && text(a[unix.TCA_KIND]) == "bpf" {
				filter += fmt.Sprintf(" %s id %d", text(options[bpfName]), netlink.Uint32(id))
			}
			all = append(all, filter)
			return nil
		})
	}
	return all
}

// names are the interfaces' by their number.
func names(ctx context.Context, n namespace, c *netlink.Conn) map[uint32]string {
	all, _ := links(ctx, n, c)
	m := map[uint32]string{}
	for _, i := range all {
		m[uint32(i.Index)] = i.Name
	}
	return m
}

func interfaceName(names map[uint32]string, b []byte) string {
	index := netlink.Uint32(b)
	if index == 0 {
		return ""
	}
	return cmp.Or(names[index], strconv.FormatUint(uint64(index), 10))
}

// neighbourStates are the bits NUD_ of include/uapi/linux/neighbour.h.
var neighbourStates = map[uint16]string{
	1: "incomplete", 2: "reachable", 4: "stale", 8: "delay", 16: "probe", 32: "failed", 64: "noarp", 128: "permanent",
}

func neighbours(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	return each(ctx, h, rec, unix.NETLINK_ROUTE, func(n namespace, c *netlink.Conn) error {
		known := names(ctx, n, c)
		return c.Dump(ctx, unix.RTM_GETNEIGH, make([]byte, unix.SizeofNdMsg), maxRows, func(m netlink.Message) error {
			if len(m.Data) < unix.SizeofNdMsg {
				return nil
			}
			a := netlink.Map(m.Data[unix.SizeofNdMsg:])
			state := uint16(m.Data[8]) | uint16(m.Data[9])<<8
			return record(rec, Neighbour{
				NetNS: n.inode, Address: address(a[unix.NDA_DST]), MAC: hardware(a[unix.NDA_LLADDR]), Interface: interfaceName(known, m.Data[4:]),
				State: cmp.Or(neighbourStates[state], strconv.Itoa(int(state))),
			})
		})
	})
}

var (
	families   = map[byte]string{unix.AF_INET: "ip", unix.AF_INET6: "ip6", unix.AF_BRIDGE: "bridge", unix.AF_MPLS: "mpls"}
	routeTypes = [...]string{"unspec", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit", "throw", "nat", "xresolve"}
	ruleTypes  = [...]string{"unspec", "table", "goto", "nop", "res3", "res4", "blackhole", "unreachable", "prohibit"}
	setBy      = map[byte]string{1: "redirect", 2: "kernel", 3: "boot", 4: "static", 8: "gated", 9: "ra", 11: "zebra", 12: "bird", 16: "dhcp", 18: "keepalived", 42: "babel", 186: "bgp", 188: "ospf"}
)

func named[T string](list []T, n byte) string {
	if int(n) < len(list) {
		return string(list[n])
	}
	return strconv.Itoa(int(n))
}

func routes(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	return each(ctx, h, rec, unix.NETLINK_ROUTE, func(n namespace, c *netlink.Conn) error {
		known := names(ctx, n, c)
		for _, table := range []struct {
			kind  uint16
			parse func([]byte, map[uint32]string) (Route, bool)
		}{{unix.RTM_GETRULE, parseRule}, {unix.RTM_GETROUTE, parseRoute}} {
			err := c.Dump(ctx, table.kind, make([]byte, unix.SizeofRtMsg), maxRows, func(m netlink.Message) error {
				r, ok := table.parse(m.Data, known)
				if !ok {
					return nil
				}
				r.NetNS = n.inode
				return record(rec, r)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// parseRoute reads struct rtmsg: family, lengths of destination and source, tos, table, protocol, scope, type, flags.
func parseRoute(b []byte, known map[uint32]string) (Route, bool) {
	if len(b) < unix.SizeofRtMsg {
		return Route{}, false
	}
	a := netlink.Map(b[unix.SizeofRtMsg:])
	r := Route{
		Kind: "route", Family: cmp.Or(families[b[0]], strconv.Itoa(int(b[0]))), Type: named(routeTypes[:], b[7]), To: prefix(a[unix.RTA_DST], b[1]),
		From: prefix(a[unix.RTA_SRC], b[2]), Gateway: address(a[unix.RTA_GATEWAY]), Prefer: address(a[unix.RTA_PREFSRC]), Interface: interfaceName(known, a[unix.RTA_OIF]),
		Incoming: interfaceName(known, a[unix.RTA_IIF]), Priority: netlink.Uint32(a[unix.RTA_PRIORITY]), Protocol: cmp.Or(setBy[b[5]], strconv.Itoa(int(b[5]))),
		Table: cmp.Or(netlink.Uint32(a[unix.RTA_TABLE]), uint32(b[4])),
	}
	if via := a[unix.RTA_VIA]; len(via) > 2 {
		r.Gateway = address(via[2:])
	}
	for hop := a[unix.RTA_MULTIPATH]; len(hop) >= unix.SizeofRtNexthop; { // struct rtnexthop: length, flags, hops, interface
		length := int(hop[0]) | int(hop[1])<<8
		if length < unix.SizeofRtNexthop || length > len(hop) || len(r.Gateways) >= 1024 {
			break
		}
		to := netlink.Map(hop[unix.SizeofRtNexthop:length])
		r.Gateways = append(r.Gateways, fmt.Sprintf("%s dev %s", address(to[unix.RTA_GATEWAY]), interfaceName(known, hop[4:])))
		hop = hop[min((length+3)&^3, len(hop)):]
	}
	return r, true
}

// parseRule reads struct fib_rule_hdr, of the same length, and the attributes FRA_ of include/uapi/linux/fib_rules.h.
func parseRule(b []byte, _ map[uint32]string) (Route, bool) {
	if len(b) < unix.SizeofRtMsg {
		return Route{}, false
	}
	a := netlink.Map(b[unix.SizeofRtMsg:])
	return Route{
		Kind: "rule", Family: cmp.Or(families[b[0]], strconv.Itoa(int(b[0]))), Type: named(ruleTypes[:], b[7]), To: prefix(a[unix.FRA_DST], b[1]),
		From: prefix(a[unix.FRA_SRC], b[2]), Incoming: text(a[unix.FRA_IIFNAME]), Interface: text(a[unix.FRA_OIFNAME]), Priority: netlink.Uint32(a[unix.FRA_PRIORITY]),
		Mark: netlink.Uint32(a[unix.FRA_FWMARK]), Table: cmp.Or(netlink.Uint32(a[unix.FRA_TABLE]), uint32(b[4])),
	}, true
}

func hardware(b []byte) string {
	if len(b) > 32 {
		return ""
	}
	return net.HardwareAddr(b).String()
}

func address(b []byte) string {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return hardware(b)
	}
	return a.String()
}

func prefix(b []byte, bits byte) string {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return ""
	}
	return netip.PrefixFrom(a, int(bits)).String()
}
