package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

var procCache = windows.NewLazySystemDLL("dnsapi.dll").NewProc("DnsGetCacheDataTable")

const (
	maxCached  = 100_000
	maxRecords = 1000 // of one name
)

// cacheEntry is DNS_CACHE_ENTRY, as the public tools that read it lay it out: no header of Microsoft's has it.
type cacheEntry struct {
	next  *cacheEntry
	name  *uint16
	kind  uint16
	_     uint16 // length of what it holds, which is not here
	flags uint32
}

// cache asks the resolver which names it holds, and then for what it holds of each: never the network, never others. The
// entries stay allocated: how they are freed differs, and we do not live long.
func cache(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
	var head *cacheEntry
	var r uintptr
	var last windows.Errno
	var err error
	if late := winapi.Within(ctx, patience, func() { r, last, err = winapi.Call(procCache, uintptr(unsafe.Pointer(&head))) }); late != nil {
		return late
	}
	if err != nil {
		return err
	}
	if r == 0 && last != 0 {
		return fmt.Errorf("DnsGetCacheDataTable: %w", last)
	}
	n, hangs := 0, false
	for e := head; e != nil && n < maxCached; e = e.next {
		c := Cached{Name: windows.UTF16PtrToString(e.name), Type: typeName(e.kind), Flags: e.flags}
		if c.Name == "" {
			continue
		}
		if !hangs {
			asked := c
			if late := winapi.Within(ctx, patience, func() { asked.ask(e.kind) }); late != nil {
				hangs = true
				rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: "what was told of " + c.Name + " and of the names after it: " + late.Error()})
			} else {
				c = asked
			}
		}
		n++
		if err := errors.Join(ctx.Err(), rec.Record(c)); err != nil {
			return err
		}
	}
	if n == 0 {
		rec.Note(artifacts.Outcome{Status: artifacts.Absent, Reason: "the cache is empty: nothing was asked for lately, it was flushed, or the DNS Client service does not run"})
	}
	return nil
}

// ask fills in what the cache holds of a name.
func (c *Cached) ask(kind uint16) {
	const cacheOnly = 0x10 | 0x40 | 0x80 | 0x800 // DNS_QUERY_NO_WIRE_QUERY, …_NO_HOSTS_FILE, …_NO_NETBT, …_NO_MULTICAST
	var first *windows.DNSRecord
	if windows.DnsQuery(c.Name, kind, cacheOnly, nil, &first, nil) != nil || first == nil {
		return
	}
	const wholeList = 1 // DnsFreeRecordList
	defer windows.DnsRecordListFree(first, wholeList)
	for r, n := first, 0; r != nil && n < maxRecords; r, n = r.Next, n+1 {
		c.TTL = max(c.TTL, r.Ttl)
		switch {
		case r.Type == windows.DNS_TYPE_A:
			c.Data = append(c.Data, netip.AddrFrom4([4]byte(r.Data[:4])).String())
		case r.Type == windows.DNS_TYPE_AAAA:
			c.Data = append(c.Data, netip.AddrFrom16([16]byte(r.Data[:16])).String())
		case r.Type == windows.DNS_TYPE_CNAME || r.Type == windows.DNS_TYPE_PTR || r.Type == windows.DNS_TYPE_NS || r.Type == windows.DNS_TYPE_SRV:
			c.Data = append(c.Data, windows.UTF16PtrToString(*(**uint16)(unsafe.Pointer(&r.Data))))
		}
	}
}

func typeName(n uint16) string {
	switch n {
	case 1:
		return "A"
	case 2:
		return "NS"
	case 5:
		return "CNAME"
	case 6:
		return "SOA"
	case 12:
		return "PTR"
	case 15:
		return "MX"
	case 16:
		return "TXT"
	case 28:
		return "AAAA"
	case 33:
		return "SRV"
	case 65:
		return "HTTPS"
	}
	return fmt.Sprint(n)
}
