package network

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/live/netlink"
	"spor/collect/live/procfs"
)

func firewall(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	if err := legacy(ctx, h, rec); err != nil {
		return err
	}
	if !loaded(h.Files, "nf_tables") {
		rec.Note(artifacts.Outcome{Status: artifacts.Absent, Reason: "nf_tables is not loaded: there are no rules of nftables"})
		return nil
	}
	return each(ctx, h, rec, unix.NETLINK_NETFILTER, func(n namespace, c *netlink.Conn) error {
		for _, object := range []struct {
			ask   uint16 // NFT_MSG_GET… of include/uapi/linux/netfilter/nf_tables.h
			parse func(*Rule, map[uint16][]byte)
		}{{1, parseTable}, {4, parseChain}, {10, parseSet}, {7, parseRuleOf}} {
			const subsystem = 10 << 8 // NFNL_SUBSYS_NFTABLES
			err := c.Dump(ctx, subsystem|object.ask, make([]byte, nfgen), maxRows, func(m netlink.Message) error {
				if len(m.Data) < nfgen {
					return nil
				}
				r := Rule{NetNS: n.inode, System: "nftables", Family: cmp.Or(hookFamilies[m.Data[0]], strconv.Itoa(int(m.Data[0])))}
				object.parse(&r, netlink.Map(m.Data[nfgen:]))
				return record(rec, r)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// nfgen is the size of struct nfgenmsg, in bytes: family, version, number of a resource.
const nfgen = 4

var hookFamilies = map[byte]string{1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}

// loaded tells whether a module is there already: loaded, built in, or there can be no modules.
func loaded(f artifacts.Files, module string) bool {
	list, err := procfs.Read(f, "/proc/modules", 4<<20)
	if err != nil {
		return true // no kernel without that list loads modules
	}
	for line := range procfs.Lines(list) {
		if strings.HasPrefix(line, module+" ") {
			return true
		}
	}
	release := procfs.Line(f, "/proc/sys/kernel/osrelease")
	builtin, _ := procfs.Read(f, artifacts.Path("/lib/modules/"+release+"/modules.builtin"), 4<<20)
	return strings.Contains(string(builtin), "/"+module+".ko\n")
}

func parseTable(r *Rule, a map[uint16][]byte) {
	r.Kind, r.Table, r.Handle = "table", text(a[1]), netlink.BigUint64(a[4])
}

var hookNames = map[string][]string{
	"netdev": {"ingress", "egress"}, "arp": {"input", "output", "forward"},
	"": {"prerouting", "input", "forward", "output", "postrouting", "ingress"},
}

func parseChain(r *Rule, a map[uint16][]byte) {
	r.Kind, r.Table, r.Chain, r.Handle = "chain", text(a[1]), text(a[3]), netlink.BigUint64(a[2])
	if hook := netlink.Map(a[4]); len(hook) > 0 {
		list := hookNames[r.Family]
		if list == nil {
			list = hookNames[""]
		}
		r.Hook, r.Priority = word(list, netlink.BigUint32(hook[1])), int32(netlink.BigUint32(hook[2]))
	}
	if policy, ok := a[5]; ok {
		r.Policy = verdicts[int32(netlink.BigUint32(policy))]
	}
	counters := netlink.Map(a[8])
	r.Bytes, r.Packets = netlink.BigUint64(counters[1]), netlink.BigUint64(counters[2])
}

func parseSet(r *Rule, a map[uint16][]byte) { r.Kind, r.Table, r.Name = "set", text(a[1]), text(a[2]) }

func parseRuleOf(r *Rule, a map[uint16][]byte) {
	r.Kind, r.Table, r.Chain, r.Handle, r.Comment = "rule", text(a[1]), text(a[2]), netlink.BigUint64(a[3]), comment(a[7])
	for _, element := range netlink.Attributes(a[4]) {
		e := netlink.Map(element)
		name := text(e[1])
		if name == "counter" {
			counter := netlink.Map(e[2])
			r.Bytes, r.Packets = netlink.BigUint64(counter[1]), netlink.BigUint64(counter[2])
		}
		if len(r.Terms) < 256 {
			r.Terms = append(r.Terms, expression(name, e[2]))
		}
	}
}

// legacy takes the tables of iptables that are in use: asking for another would make it.
func legacy(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	all, _ := namespaces(h.Files)
	for _, n := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if n.net == "" {
			continue // its list of tables has no name; nftables' socket still reaches it
		}
		for _, l := range []layout{v4, v6} {
			p := n.net + artifacts.Path("/"+l.list)
			list, err := procfs.Read(h.Files, p, procfs.Small)
			if o, bad := procfs.Outcome(p, err); bad {
				rec.Note(o)
			}
			tables := slices.Collect(procfs.Lines(list))
			if len(tables) == 0 {
				continue
			}
			rules, err := l.tables(n, tables)
			if err != nil {
				n.note(rec, err)
			}
			for _, r := range rules {
				if err := rec.Record(r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
