package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// A layout says where the fields of an entry of iptables lie, in bytes: struct ipt_entry of linux/netfilter_ipv4/ip_tables.h,
// struct ip6t_entry of linux/netfilter_ipv6/ip6_tables.h, on 64-bit machines.
type layout struct {
	system, family, list string
	level                int // of getsockopt
	domain               int // of the socket
	address              int // bytes of one: source, destination, their masks
	in, out              int // names of interfaces
	protocol, inverse    int
	target               int // offset of the target, next entry behind it
	counters             int
	size                 int // of the entry without matches
}

const maxIPTables = 64 << 20 // bytes of one table

var errEntry = errors.New("entry of iptables cut short")

// entries reads the blob of IPT_SO_GET_ENTRIES: chains begin where hooks enter, or at an ERROR target that holds a name;
// the last entry is an ERROR of name "ERROR".
func (l layout) entries(table string, hooks map[int]string, b []byte) ([]Rule, error) {
	var all []Rule
	chain := ""
	for at := 0; at < len(b); {
		e := b[at:]
		if len(e) < l.size {
			return all, errEntry
		}
		target, next := int(binary.NativeEndian.Uint16(e[l.target:])), int(binary.NativeEndian.Uint16(e[l.target+2:]))
		if next < l.size || next > len(e) || target < l.size || target+32 > next {
			return all, errEntry
		}
		name := text(e[target+2 : target+31])
		if hook, ok := hooks[at]; ok {
			chain = hook
		}
		if name == "ERROR" {
			chain = text(e[target+32 : next])
		} else {
			all = append(all, l.rule(table, chain, e[:next], target))
		}
		at += next
	}
	return all, nil
}

func (l layout) rule(table, chain string, e []byte, target int) Rule {
	r := Rule{System: l.system, Family: l.family, Kind: "rule", Table: table, Chain: chain}
	r.Packets, r.Bytes = binary.NativeEndian.Uint64(e[l.counters:]), binary.NativeEndian.Uint64(e[l.counters+8:])
	add := func(option, value string, inverse byte) {
		if value == "" {
			return
		}
		if e[l.inverse]&inverse != 0 {
			option = "! " + option
		}
		r.Terms = append(r.Terms, option+" "+value)
	}
	// IPT_INV_VIA_IN 1, VIA_OUT 2, SRCIP 8, DSTIP 16, PROTO 64
	add("-s", network(e[:l.address], e[2*l.address:3*l.address]), 8)
	add("-d", network(e[l.address:2*l.address], e[3*l.address:4*l.address]), 16)
	add("-i", text(e[l.in:l.in+16]), 1)
	add("-o", text(e[l.out:l.out+16]), 2)
	if p := binary.NativeEndian.Uint16(e[l.protocol:]); p != 0 {
		add("-p", fmt.Sprint(p), 64)
	}
	for at := l.size; at+32 <= target; { // struct xt_entry_match: length, name
		length := int(binary.NativeEndian.Uint16(e[at:]))
		if length < 32 || at+length > target {
			break
		}
		add("-m", text(e[at+2:at+31]), 0)
		at += length
	}
	add("-j", verdict(e[target:]), 0)
	return r
}

// verdict is the target's name; the standard target has none, but a number: -1-DROP and so on, or an offset to jump to.
func verdict(b []byte) string {
	if name := text(b[2:31]); name != "" {
		return name
	}
	if len(b) < 36 {
		return ""
	}
	switch n := int32(binary.NativeEndian.Uint32(b[32:])); n {
	case -1:
		return "DROP"
	case -2:
		return "ACCEPT"
	case -4:
		return "QUEUE"
	case -5:
		return "RETURN"
	default:
		return fmt.Sprintf("entry at %d", n)
	}
}

// network is an address with its mask; empty for any.
func network(b, mask []byte) string {
	a, _ := netip.AddrFromSlice(b)
	if strings.Trim(string(mask), "\x00") == "" {
		return ""
	}
	bits := 0
	for _, m := range mask {
		for ; m&0x80 != 0; m <<= 1 {
			bits++
		}
	}
	return netip.PrefixFrom(a, bits).String()
}
