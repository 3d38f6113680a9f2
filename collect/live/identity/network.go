package identity

import (
	"encoding/hex"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// Bits of the files below: include/uapi/linux/if.h, route.h and ipv6_route.h of the kernel.
const (
	ifUp, ifLoopback, ifPromiscuous = 0x1, 0x8, 0x100

	routeUp, routeGateway, routeHost, routeReject = 0x1, 0x2, 0x4, 0x200
	routeLocal                                    = 0x80000000 // an address of our own, not a way to anywhere
)

// interfaces reads /sys/class/net and the IPv6 addresses of /proc/net/if_inet6. IPv4 addresses stand in no file.
func (r *reader) interfaces() []Interface {
	entries, _ := r.files.ReadDir("/sys/class/net")
	var all []Interface
	for _, e := range entries {
		dir := artifacts.Path("/sys/class/net/" + e.Name + "/")
		flags, err := strconv.ParseUint(strings.TrimPrefix(procfs.Line(r.files, dir+"flags"), "0x"), 16, 32)
		if err != nil {
			continue // bonding_masters is a file
		}
		n := Interface{
			Name: procfs.Text(e.Name), MAC: procfs.Line(r.files, dir+"address"), State: procfs.Line(r.files, dir+"operstate"),
			Index: int(procfs.Number(r.files, dir+"ifindex")), MTU: int(procfs.Number(r.files, dir+"mtu")),
			Up: flags&ifUp != 0, Loopback: flags&ifLoopback != 0, Promiscuous: flags&ifPromiscuous != 0,
			Virtual: !r.exists(dir + "device"),
		}
		if driver, err := r.files.Readlink(dir + "device/driver"); err == nil {
			n.Description = procfs.Text(path.Base(string(driver)))
		}
		if r.exists(artifacts.Path("/run/systemd/netif/leases/" + strconv.Itoa(n.Index))) {
			yes := true
			n.DHCP = &yes
		}
		all = append(all, n)
	}
	r.addresses6(all)
	slices.SortFunc(all, func(a, b Interface) int { return a.Index - b.Index })
	return all
}

// addresses6 reads "fe80…0001 02 40 20 80 eth0": address, index, prefix length, scope, flags, name; numbers in hex.
func (r *reader) addresses6(all []Interface) {
	for line := range procfs.Lines(r.read("/proc/net/if_inet6", 16<<20)) {
		f := strings.Fields(line)
		if len(f) != 6 {
			continue
		}
		prefix, ok := prefix6(f[0], f[2])
		i := slices.IndexFunc(all, func(n Interface) bool { return n.Name == procfs.Text(f[5]) })
		if ok && i >= 0 {
			all[i].Addresses = append(all[i].Addresses, prefix.String())
		}
	}
}

func prefix6(address, length string) (netip.Prefix, bool) {
	raw, err := hex.DecodeString(address)
	bits, bitsErr := strconv.ParseUint(length, 16, 8)
	addr, ok := netip.AddrFromSlice(raw)
	if err != nil || bitsErr != nil || !ok || len(raw) != 16 || bits > 128 {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(addr, int(bits)), true
}

// routes reads the main table of /proc/net/route and all of /proc/net/ipv6_route.
func (r *reader) routes() []Route {
	var all []Route
	for line := range procfs.Lines(r.read("/proc/net/route", 64<<20)) {
		if route, ok := parseRoute4(strings.Fields(line)); ok {
			all = append(all, route)
		}
	}
	for line := range procfs.Lines(r.read("/proc/net/ipv6_route", 64<<20)) {
		if route, ok := parseRoute6(strings.Fields(line)); ok {
			all = append(all, route)
		}
	}
	return all
}

// parseRoute4 reads Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT; addresses are 32-bit
// numbers in the order of a little-endian processor.
func parseRoute4(f []string) (Route, bool) {
	if len(f) < 8 {
		return Route{}, false
	}
	destination, ok1 := address4(f[1])
	gateway, ok2 := address4(f[2])
	mask, ok3 := address4(f[7])
	flags, err1 := strconv.ParseUint(f[3], 16, 32)
	metric, err2 := strconv.ParseUint(f[6], 10, 32)
	if !ok1 || !ok2 || !ok3 || err1 != nil || err2 != nil {
		return Route{}, false
	}
	bits := 0
	for _, b := range mask.AsSlice() {
		for ; b&0x80 != 0; b <<= 1 {
			bits++
		}
	}
	out := Route{Destination: netip.PrefixFrom(destination, bits).String(), Interface: procfs.Text(f[0]), Metric: uint32(metric), Flags: routeFlags(flags)}
	if !gateway.IsUnspecified() {
		out.Gateway = gateway.String()
	}
	return out, true
}

func address4(s string) (netip.Addr, bool) {
	n, err := strconv.ParseUint(s, 16, 32)
	return netip.AddrFrom4([4]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}), err == nil && len(s) == 8
}

// parseRoute6 reads destination, its prefix length, source, its prefix length, next hop, metric, two counters, flags,
// device; all in hex.
func parseRoute6(f []string) (Route, bool) {
	if len(f) < 10 {
		return Route{}, false
	}
	destination, ok1 := prefix6(f[0], f[1])
	source, ok2 := prefix6(f[2], f[3])
	gateway, ok3 := prefix6(f[4], "80")
	metric, err1 := strconv.ParseUint(f[5], 16, 32)
	flags, err2 := strconv.ParseUint(f[8], 16, 32)
	if !ok1 || !ok2 || !ok3 || err1 != nil || err2 != nil || flags&routeLocal != 0 {
		return Route{}, false
	}
	out := Route{Destination: destination.String(), Interface: procfs.Text(f[9]), Metric: uint32(metric), Flags: routeFlags(flags)}
	if source.Bits() > 0 {
		out.Source = source.String()
	}
	if !gateway.Addr().IsUnspecified() {
		out.Gateway = gateway.Addr().String()
	}
	return out, true
}

func routeFlags(flags uint64) string {
	var b strings.Builder
	for _, f := range []struct {
		bit  uint64
		name byte
	}{{routeUp, 'U'}, {routeGateway, 'G'}, {routeHost, 'H'}, {routeReject, '!'}} {
		if flags&f.bit != 0 {
			b.WriteByte(f.name)
		}
	}
	return b.String()
}
