package winapi

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
)

// A Neighbour is an entry of ARP or neighbour discovery.
type Neighbour struct {
	Address netip.Addr
	MAC     string // "00:11:…", or empty
	Index   uint32 // of the interface
	State   string
}

// NL_NEIGHBOR_STATE (nldef.h), and what the older table has.
var (
	neighbourStates    = [...]string{"unreachable", "incomplete", "probe", "delay", "stale", "reachable", "permanent"}
	oldNeighbourStates = [...]string{"", "other", "invalid", "dynamic", "permanent"}
)

// ParseNeighbours reads the rows of a MIB_IPNET_TABLE2 (netioapi.h) behind its header: 88 bytes each.
func ParseNeighbours(b []byte) []Neighbour {
	const row = 88
	var all []Neighbour
	for ; len(b) >= row; b = b[row:] {
		addr, ok := Sockaddr(b[:28])
		if !ok {
			continue
		}
		mac := b[40 : 40+min(binary.LittleEndian.Uint32(b[72:]), 32)]
		all = append(all, Neighbour{addr, MAC(mac), binary.LittleEndian.Uint32(b[28:]), named(neighbourStates[:], binary.LittleEndian.Uint32(b[76:]))})
	}
	return all
}

// ParseOldNeighbours reads a MIB_IPNETTABLE (ipmib.h), which has IPv4 alone: a count and rows of 24 bytes.
func ParseOldNeighbours(b []byte) ([]Neighbour, error) {
	const row = 24
	if len(b) < 4 {
		return nil, fmt.Errorf("table of %d bytes", len(b))
	}
	count := int64(binary.LittleEndian.Uint32(b))
	b = b[4:]
	var all []Neighbour
	for i := range count {
		if len(b) < row {
			return all, fmt.Errorf("table says %d rows, has %d", count, i)
		}
		mac := b[8 : 8+min(binary.LittleEndian.Uint32(b[4:]), 8)]
		all = append(all, Neighbour{
			netip.AddrFrom4([4]byte(b[16:20])), MAC(mac), binary.LittleEndian.Uint32(b), named(oldNeighbourStates[:], binary.LittleEndian.Uint32(b[20:])),
		})
		b = b[row:]
	}
	return all, nil
}

// Sockaddr reads the address of a SOCKADDR_IN or SOCKADDR_IN6.
func Sockaddr(b []byte) (netip.Addr, bool) {
	const inet, inet6 = 2, 23
	switch {
	case len(b) >= 8 && binary.LittleEndian.Uint16(b) == inet:
		return netip.AddrFrom4([4]byte(b[4:8])), true
	case len(b) >= 28 && binary.LittleEndian.Uint16(b) == inet6:
		return netip.AddrFrom16([16]byte(b[8:24])), true
	}
	return netip.Addr{}, false
}

// MAC spells a hardware address.
func MAC(b []byte) string {
	s := hex.EncodeToString(b)
	for i := len(s) - 2; i > 0; i -= 2 {
		s = s[:i] + ":" + s[i:]
	}
	return s
}

// named gives the word for a number, or the number.
func named(words []string, n uint32) string {
	if int64(n) < int64(len(words)) {
		return words[n]
	}
	return strconv.FormatUint(uint64(n), 10)
}
