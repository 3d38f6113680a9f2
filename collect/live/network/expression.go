package network

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"spor/artifacts"
	"spor/collect/live/netlink"
)

// expression writes one expression of a rule in the words of nft --debug=netlink (libnftnl), its name and its attributes
// by enum nft_*_attributes of include/uapi/linux/netfilter/nf_tables.h. One that has no words here is its name and its
// attributes in hexadecimal.
func expression(name string, data []byte) string {
	a := attributes{netlink.Map(data)}
	switch name {
	case "meta":
		if a.has(3) {
			return fmt.Sprintf("meta set %s with reg %d", word(metaKeys, a.number(2)), a.number(3))
		}
		return fmt.Sprintf("meta load %s => reg %d", word(metaKeys, a.number(2)), a.number(1))
	case "payload":
		if a.has(5) {
			return fmt.Sprintf("payload write reg %d => %d b @ %s + %d", a.number(5), a.number(4), word(bases, a.number(2)), a.number(3))
		}
		return fmt.Sprintf("payload load %d b @ %s + %d => reg %d", a.number(4), word(bases, a.number(2)), a.number(3), a.number(1))
	case "cmp":
		return fmt.Sprintf("cmp %s reg %d %s", word(operators, a.number(2)), a.number(1), value(a.m[3]))
	case "immediate":
		return fmt.Sprintf("immediate reg %d %s", a.number(1), value(a.m[2]))
	case "bitwise":
		return fmt.Sprintf("bitwise reg %d = reg %d & %s ^ %s", a.number(2), a.number(1), value(a.m[4]), value(a.m[5]))
	case "lookup":
		return fmt.Sprintf("lookup reg %d set %s dreg %d flags %d", a.number(2), a.text(1), a.number(3), a.number(5))
	case "counter":
		return fmt.Sprintf("counter pkts %d bytes %d", netlink.BigUint64(a.m[2]), netlink.BigUint64(a.m[1]))
	case "ct":
		return fmt.Sprintf("ct %s => reg %d", word(trackKeys, a.number(2)), a.number(1))
	case "reject":
		return fmt.Sprintf("reject type %d", a.number(1))
	case "masq":
		return "masq"
	case "nat":
		return fmt.Sprintf("nat %s family %d addr reg %d proto reg %d", word([]string{"snat", "dnat"}, a.number(1)), a.number(2), a.number(3), a.number(5))
	case "redir":
		return fmt.Sprintf("redir proto reg %d", a.number(1))
	case "log":
		return "log prefix " + strconv.Quote(a.text(2))
	case "match", "target": // of iptables: a name, and a structure of its own
		return name + " " + a.text(1)
	case "objref":
		return "objref " + a.text(2)
	}
	return strings.TrimSpace(name + " " + hexed(data))
}

var (
	metaKeys = strings.Fields(`len protocol priority mark iif oif iifname oifname iftype oiftype skuid skgid nftrace rtclassid secmark nfproto l4proto
		bri_iifname bri_oifname pkttype cpu iifgroup oifgroup cgroup prandom secpath iifkind oifkind bri_iifpvid bri_iifvproto time day hour sdif sdifname bri_broute`)
	trackKeys = strings.Fields(`state direction status mark secmark expiration helper l3proto src dst protocol proto-src proto-dst labels pkts bytes avgpkt zone
		eventmask src-ip dst-ip src-ip6 dst-ip6 id`)
	bases     = []string{"link header", "network header", "transport header", "inner header", "tunnel header"}
	operators = []string{"eq", "neq", "lt", "lte", "gt", "gte"}
)

func word(words []string, n uint32) string {
	if int64(n) < int64(len(words)) {
		return words[n]
	}
	return strconv.FormatUint(uint64(n), 10)
}

type attributes struct{ m map[uint16][]byte }

func (a attributes) has(kind uint16) bool      { _, ok := a.m[kind]; return ok }
func (a attributes) number(kind uint16) uint32 { return netlink.BigUint32(a.m[kind]) }

func (a attributes) text(kind uint16) string { return text(a.m[kind]) }

// verdicts are those of include/uapi/linux/netfilter.h and nf_tables.h.
var verdicts = map[int32]string{0: "drop", 1: "accept", 2: "stolen", 3: "queue", -1: "continue", -2: "break", -3: "jump", -4: "goto", -5: "return"}

// value reads NFTA_DATA_*: a value (1), or a verdict (2) with its code (1) and chain (2). Bytes that spell a word are
// given as one besides.
func value(b []byte) string {
	a := attributes{netlink.Map(b)}
	if v, ok := a.m[2]; ok {
		verdict := attributes{netlink.Map(v)}
		code := int32(verdict.number(1))
		out := verdicts[code]
		if out == "" {
			out = strconv.Itoa(int(code))
		}
		return strings.TrimSpace(out + " " + verdict.text(2))
	}
	raw := a.m[1]
	out := "0x" + hexed(raw)
	if s := strings.TrimRight(string(raw), "\x00"); len(s) > 1 && printable(s) {
		out += " " + strconv.Quote(s)
	}
	return out
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

func hexed(b []byte) string {
	const most = 256
	if len(b) > most {
		return hex.EncodeToString(b[:most]) + "…"
	}
	return hex.EncodeToString(b)
}

// comment finds the comment that nft(8) puts into the user data of a rule: type 0, length, text.
func comment(b []byte) string {
	for len(b) >= 2 && len(b) >= 2+int(b[1]) {
		if b[0] == 0 {
			return text(b[2 : 2+int(b[1])])
		}
		b = b[2+int(b[1]):]
	}
	return ""
}

// text is a word that ends in a zero byte.
func text(b []byte) string {
	word, _, _ := strings.Cut(string(b), "\x00")
	return artifacts.Path(word).String()
}
