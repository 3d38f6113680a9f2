package identity

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/winapi"
)

const (
	keyRelease = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	keyTCP     = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces`
	keyNames   = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}`
)

// ofWindows describes a Windows that does not run by its hives. Accounts are those that have a profile: the others, and
// what they may do, are in SAM, among the secrets.
func ofWindows(h *artifacts.Host) (Record, []artifacts.Outcome) {
	out := Record{Identity: h.Identity}
	for _, u := range h.Users {
		source := "profile list"
		if u.ID == "" {
			source = "home"
		}
		out.Users = append(out.Users, Account{User: u, Source: source})
	}
	if h.Registry == nil {
		return out, []artifacts.Outcome{{Status: artifacts.Absent, Reason: "no registry hives can be read: only folders tell of the machine"}}
	}
	version, err := winapi.ReadKey(h.Registry, keyRelease)
	var notes []artifacts.Outcome
	if err != nil {
		notes = append(notes, artifacts.Outcome{Path: keyRelease, Status: winapi.Status(err), Reason: err.Error()})
	}
	out.Release = Release{
		ID: version.String("editionid"), Name: h.Identity.OSName, Version: cmp.Or(version.String("displayversion"), version.String("releaseid")),
		Build: afterMinor(h.Identity.Kernel),
	}
	if n, ok := version.Number("installdate"); ok && n != 0 {
		out.Installed = time.Unix(int64(n), 0).UTC()
	}
	out.Domain.Name = h.Identity.Domain
	list, err := h.Registry.Key(keyTCP)
	if err != nil {
		notes = append(notes, artifacts.Outcome{Path: keyTCP, Status: winapi.Status(err), Reason: err.Error()})
	}
	for i, sub := range list.Subkeys {
		if i == maxAdapters {
			break
		}
		k, _ := winapi.ReadKey(h.Registry, artifacts.Windows.Join(keyTCP, sub)) // what can be had
		if n, ok := adapter(k); ok {
			named, _ := winapi.ReadKey(h.Registry, artifacts.Windows.Join(artifacts.Windows.Join(keyNames, sub), "Connection"))
			n.Name = cmp.Or(named.String("name"), sub)
			out.Interfaces = append(out.Interfaces, n)
		}
	}
	return out, notes
}

// afterMinor is "19045.4291" of "10.0.19045.4291".
func afterMinor(kernel string) string {
	parts := strings.SplitN(kernel, ".", 3)
	return parts[len(parts)-1]
}

// maxAdapters bounds the network adapters that are looked at.
const maxAdapters = 1000

// adapter is what was last set for a network adapter; not so where it never had an address.
func adapter(k winapi.Key) (n Interface, ok bool) {
	dhcp, _ := k.Number("enabledhcp")
	byDHCP := dhcp != 0
	addresses, masks := k.Strings("ipaddress"), k.Strings("subnetmask")
	servers, suffix := k.String("nameserver"), k.String("domain")
	if byDHCP {
		addresses, masks = k.Strings("dhcpipaddress"), k.Strings("dhcpsubnetmask")
		servers, suffix = cmp.Or(servers, k.String("dhcpnameserver")), cmp.Or(suffix, k.String("dhcpdomain"))
	}
	for i, a := range addresses {
		if a == "" || a == "0.0.0.0" {
			continue
		}
		if i < len(masks) {
			if bits := prefix(masks[i]); bits != "" {
				a += "/" + bits
			}
		}
		n.Addresses = append(n.Addresses, a)
	}
	n.DHCP, n.DNSSuffix = &byDHCP, suffix
	n.DNS = strings.FieldsFunc(servers, func(r rune) bool { return r == ',' || r == ' ' })
	return n, len(n.Addresses) > 0
}

// prefix is the length of an IPv4 mask: "24" of "255.255.255.0".
func prefix(mask string) string {
	bits := 0
	for part := range strings.SplitSeq(mask, ".") {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return ""
		}
		for ; n&0x80 != 0; n = n << 1 & 0xff {
			bits++
		}
	}
	return strconv.Itoa(bits)
}
