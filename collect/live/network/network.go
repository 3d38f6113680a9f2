// Package network collects how a host's packets go: interfaces with addresses, promiscuous mode and XDP programs,
// neighbours, routes of all tables and the rules that choose between them, nftables and legacy iptables, of every network
// namespace; and where names are asked for.
//
// The kernel is asked by rtnetlink(7) and nfnetlink (include/uapi/linux/netfilter/nf_tables.h), and by getsockopt(2) for the
// tables of iptables (ip_tables.h). A socket belongs for ever to the namespace its thread was in when it was made: so a
// thread of our own goes into each namespace by setns(2), makes the socket, and is thrown away. Nothing of the namespace
// changes by that. Only what is loaded already is asked: the kernel would run modprobe(8) for what is not. For the same
// reason sockets are not asked for by sock_diag(7), which loads a module for each protocol; /proc lists them as well.
//
// Not read: elements of nftables' sets, filters of tc(8) at other places than clsact, parameters of matches and targets of iptables
// but for their names.
//
// Windows is asked by DnsGetCacheDataTable, which Microsoft does not document and which has been there since Windows 2000,
// and DnsQuery without the wire; GetIpNetTable2, before Vista and under wine GetIpNetTable; WinHttpGetDefaultProxyConfiguration; and
// the registry. Its interfaces and routes are part of live/identity.jsonl.
package network

import "spor/artifacts"

// Interfaces takes one Interface for each.
var Interfaces = collector("interfaces", "Network interfaces of all namespaces: addresses, promiscuous mode, XDP programs", interfaces)

// Neighbours takes one Neighbour for each entry of ARP and neighbour discovery.
var Neighbours = collector("neighbours", "Neighbours on the wire (ARP, neighbour discovery)", neighbours, artifacts.Windows)

// Routes takes one Route for each route and rule.
var Routes = collector("routes", "Routes of all tables, and the rules that choose between them", routes)

// Firewall takes one Rule for each table, chain, set and rule.
var Firewall = collector("firewall", "nftables and legacy iptables: tables, chains, sets, rules with counters", firewall)

// DNS takes one Resolver.
var DNS = collector("dns", "Where names are asked for: resolv.conf, systemd-resolved, nsswitch, hosts; servers, policies and hosts of Windows", dns, artifacts.Windows)

// Cache takes one Cached for each name that Windows remembers.
var Cache = &artifacts.Collector{
	Name: "dns-cache", Doc: "Names that this host asked for lately, and what it was told", OS: []artifacts.OS{artifacts.Windows},
	Order: artifacts.Volatile, Profiles: []string{"volatile"}, Needs: artifacts.NeedsLive, Collect: cache,
}

// Proxies takes one Proxy for each setting of one.
var Proxies = &artifacts.Collector{
	Name: "proxies", Doc: "Proxies of the system and of each user", OS: []artifacts.OS{artifacts.Windows},
	Order: artifacts.State, Profiles: []string{"volatile"}, Needs: artifacts.NeedsLive, Collect: proxies,
}

// A Cached is one line of live/dns-cache.jsonl. A name without data was asked for, and the answer has run out or was
// that there is none.
type Cached struct {
	Name  string   `json:"name"`
	Type  string   `json:"type"` // "A", "AAAA", "CNAME" …, or the number
	Data  []string `json:"data,omitempty"`
	TTL   uint32   `json:"ttl,omitempty"` // seconds left
	Flags uint32   `json:"flags,omitempty"`
}

// A Proxy is one line of live/proxies.jsonl.
type Proxy struct {
	Source     string `json:"source"`            // "winhttp", or the registry key
	UserID     string `json:"user_id,omitempty"` // SID
	Enabled    bool   `json:"enabled"`
	Server     string `json:"server,omitempty"`
	Bypass     string `json:"bypass,omitempty"`
	AutoConfig string `json:"auto_config_url,omitempty"` // of a script that chooses: whoever owns it sees what is asked for
}

// An Interface is one line of live/interfaces.jsonl.
type Interface struct {
	NetNS       uint64   `json:"net_ns"` // inode of the network namespace
	Index       int      `json:"index"`
	Name        string   `json:"name"`
	Kind        string   `json:"kind,omitempty"` // "bridge", "veth", "wireguard", "tun" …
	Alias       string   `json:"alias,omitempty"`
	MAC         string   `json:"mac,omitempty"`
	MTU         uint32   `json:"mtu,omitempty"`
	Up          bool     `json:"up"`
	Promiscuous uint32   `json:"promiscuous,omitempty"` // how many asked to see every frame: a sniffer, or a bridge
	Master      uint32   `json:"master,omitempty"`      // index of the bridge or bond it is part of
	Addresses   []string `json:"addresses,omitempty"`   // "192.0.2.7/24"
	XDP         uint32   `json:"xdp_program,omitempty"` // id of the program that sees its packets first; see live/bpf.jsonl
	Filters     []string `json:"filters,omitempty"`     // of tc(8) at clsact, which see its packets: "ingress bpf NAME id 7"
}

// A Neighbour is one line of live/neighbours.jsonl.
type Neighbour struct {
	NetNS     uint64 `json:"net_ns,omitempty"` // Linux
	Address   string `json:"address"`
	MAC       string `json:"mac,omitempty"`
	Interface string `json:"interface,omitempty"` // its name; Windows: its index
	State     string `json:"state,omitempty"`     // "reachable", "stale", "permanent" …
}

// A Route is one line of live/routes.jsonl.
type Route struct {
	NetNS     uint64   `json:"net_ns"`
	Kind      string   `json:"kind"` // "route", "rule"
	Family    string   `json:"family"`
	Type      string   `json:"type,omitempty"`        // route: "unicast", "local", "blackhole" …; rule: "table", "goto", "unreachable" …
	To        string   `json:"destination,omitempty"` // absent: any
	From      string   `json:"source,omitempty"`
	Gateway   string   `json:"gateway,omitempty"`
	Gateways  []string `json:"gateways,omitempty"` // of several paths
	Prefer    string   `json:"preferred_source,omitempty"`
	Interface string   `json:"interface,omitempty"`
	Incoming  string   `json:"incoming_interface,omitempty"`
	Table     uint32   `json:"table"`
	Priority  uint32   `json:"priority,omitempty"`
	Protocol  string   `json:"protocol,omitempty"` // who set it: "kernel", "boot", "static", "dhcp"
	Mark      uint32   `json:"mark,omitempty"`
}

// A Rule is one line of live/firewall.jsonl.
type Rule struct {
	NetNS    uint64   `json:"net_ns"`
	System   string   `json:"system"` // "nftables", "iptables", "ip6tables"
	Kind     string   `json:"kind"`   // "table", "chain", "set", "rule"
	Family   string   `json:"family,omitempty"`
	Table    string   `json:"table"`
	Chain    string   `json:"chain,omitempty"`
	Name     string   `json:"name,omitempty"` // of a set
	Handle   uint64   `json:"handle,omitempty"`
	Hook     string   `json:"hook,omitempty"`     // chain: "input", "forward" …
	Priority int32    `json:"priority,omitempty"` // chain
	Policy   string   `json:"policy,omitempty"`   // chain: "accept", "drop"
	Terms    []string `json:"terms,omitempty"`    // rule: in order, in the words of nft --debug=netlink, or of iptables-save
	Comment  string   `json:"comment,omitempty"`
	Packets  uint64   `json:"packets,omitempty"`
	Bytes    uint64   `json:"bytes,omitempty"`
}

// A Resolver is the line of live/dns.jsonl.
type Resolver struct {
	Servers  []string            `json:"servers,omitempty"`
	Search   []string            `json:"search,omitempty"`
	Options  []string            `json:"options,omitempty"`
	Target   artifacts.Path      `json:"resolv_conf_link,omitempty"` // what /etc/resolv.conf is a link to
	Upstream []string            `json:"upstream,omitempty"`         // servers that systemd-resolved asks
	Links    map[string][]string `json:"links,omitempty"`            // servers by number of the interface, of systemd-resolved
	Policies []string            `json:"policies,omitempty"`         // of Windows, by suffix: "example.org: 192.0.2.7"
	Order    string              `json:"order,omitempty"`            // the line "hosts:" of nsswitch.conf
	Hosts    []string            `json:"hosts,omitempty"`            // lines of /etc/hosts
}
