package identity

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	maxAdapters = 16 << 20 // bytes, of the list of adapters
	maxChain    = 10000    // links of one of its chains
	maxRoutes   = 1 << 20
)

// interfaces gives the adapters, loopback and tunnels too.
func (a asker) interfaces() []Interface {
	first, err := adapters()
	if err != nil {
		a.fail("interfaces", err)
	}
	var all []Interface
	for n, i := first, 0; n != nil && i < maxChain; n, i = n.Next, i+1 {
		all = append(all, adapter(n))
	}
	if err == nil && len(all) == 0 {
		a.fail("interfaces", errors.New("none is listed; loopback is always there"))
	}
	return all
}

func adapters() (*windows.IpAdapterAddresses, error) {
	for size := uint32(64 << 10); size <= maxAdapters; size *= 2 {
		buf := make([]uint64, size/8)
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0]))
		n := size
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, windows.GAA_FLAG_SKIP_ANYCAST|windows.GAA_FLAG_SKIP_MULTICAST, 0, first, &n)
		switch {
		case err == nil:
			return first, nil
		case errors.Is(err, windows.ERROR_NO_DATA):
			return nil, nil
		case !errors.Is(err, windows.ERROR_BUFFER_OVERFLOW):
			return nil, err
		}
	}
	return nil, fmt.Errorf("more than %d bytes", maxAdapters)
}

func adapter(n *windows.IpAdapterAddresses) Interface {
	const dhcp4 = 0x4 // IP_ADAPTER_DHCP_ENABLED
	dhcp := n.Flags&dhcp4 != 0
	i := Interface{
		Name: windows.UTF16PtrToString(n.FriendlyName), Index: int(n.IfIndex), Description: windows.UTF16PtrToString(n.Description),
		MAC: net.HardwareAddr(n.PhysicalAddress[:min(n.PhysicalAddressLength, uint32(len(n.PhysicalAddress)))]).String(),
		Up:  n.OperStatus == windows.IfOperStatusUp, Loopback: n.IfType == windows.IF_TYPE_SOFTWARE_LOOPBACK,
		Virtual: n.IfType == windows.IF_TYPE_TUNNEL, MTU: int(n.Mtu), DHCP: &dhcp, DNSSuffix: windows.UTF16PtrToString(n.DnsSuffix),
	}
	if i.Index == 0 {
		i.Index = int(n.Ipv6IfIndex)
	}
	count := 0
	for u := n.FirstUnicastAddress; u != nil && count < maxChain; u, count = u.Next, count+1 {
		if addr, ok := netip.AddrFromSlice(u.Address.IP()); ok {
			i.Addresses = append(i.Addresses, netip.PrefixFrom(addr.Unmap(), int(u.OnLinkPrefixLength)).String())
		}
	}
	for d := n.FirstDnsServerAddress; d != nil && count < maxChain; d, count = d.Next, count+1 {
		if addr, ok := netip.AddrFromSlice(d.Address.IP()); ok {
			i.DNS = appendNew(i.DNS, addr.Unmap().String())
		}
	}
	return i
}

func (a asker) routes(interfaces []Interface) []Route {
	names := map[uint32]string{}
	for _, i := range interfaces {
		names[uint32(i.Index)] = i.Name
	}
	var table *windows.MibIpForwardTable2
	if err := windows.GetIpForwardTable2(windows.AF_UNSPEC, &table); err != nil || table == nil {
		a.fail("routes", errors.Join(err, errors.New("no table")))
		return nil
	}
	defer windows.FreeMibTable(unsafe.Pointer(table))
	var all []Route
	for i, row := range table.Rows() {
		if i == maxRoutes {
			a.fail("routes", fmt.Errorf("more than %d: the rest was not read", maxRoutes))
			break
		}
		r := Route{Interface: names[row.InterfaceIndex], Metric: row.Metric}
		if to, ok := inetAddr(&row.DestinationPrefix.Prefix); ok {
			r.Destination = netip.PrefixFrom(to, int(row.DestinationPrefix.PrefixLength)).String()
		}
		if via, ok := inetAddr(&row.NextHop); ok && !via.IsUnspecified() {
			r.Gateway = via.String()
		}
		all = append(all, r)
	}
	return all
}

// inetAddr reads a SOCKADDR_INET.
func inetAddr(s *windows.RawSockaddrInet) (netip.Addr, bool) {
	switch s.Family {
	case windows.AF_INET:
		return netip.AddrFrom4((*windows.RawSockaddrInet4)(unsafe.Pointer(s)).Addr), true
	case windows.AF_INET6:
		return netip.AddrFrom16((*windows.RawSockaddrInet6)(unsafe.Pointer(s)).Addr), true
	default:
		return netip.Addr{}, false
	}
}
