package network

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

var (
	v4 = layout{"iptables", "ip", "ip_tables_names", unix.IPPROTO_IP, unix.AF_INET, 4, 16, 32, 80, 83, 88, 96, 112}
	v6 = layout{"ip6tables", "ip6", "ip6_tables_names", unix.IPPROTO_IPV6, unix.AF_INET6, 16, 64, 80, 128, 132, 140, 152, 168}
)

// hookOrder are the hooks by number, by the names of their chains.
var hookOrder = [...]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}

// tables reads tables of a namespace.
func (l layout) tables(n namespace, tables []string) (all []Rule, err error) {
	fd := -1
	err = n.within(func() (err error) {
		fd, err = unix.Socket(l.domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.system, err)
	}
	defer unix.Close(fd)
	for _, table := range tables {
		rules, err := l.table(fd, table)
		if err != nil {
			return all, fmt.Errorf("%s table %s: %w", l.system, table, err)
		}
		for i := range rules {
			rules[i].NetNS = n.inode
		}
		all = append(all, rules...)
	}
	return all, nil
}

// table asks for a table's size and hooks (struct ipt_getinfo), then for its entries (struct ipt_get_entries).
func (l layout) table(fd int, table string) ([]Rule, error) {
	const soInfo, soEntries = 64, 65 // IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES, and IP6T_ alike
	const name, head = 32, 40
	if len(table) >= name {
		return nil, errEntry
	}
	info := make([]byte, 84)
	copy(info, table)
	if err := getsockopt(fd, l.level, soInfo, info); err != nil {
		return nil, err
	}
	valid, size := binary.NativeEndian.Uint32(info[name:]), int(binary.NativeEndian.Uint32(info[80:]))
	hooks := map[int]string{}
	for i, chain := range hookOrder {
		if valid&(1<<i) != 0 {
			hooks[int(binary.NativeEndian.Uint32(info[36+4*i:]))] = chain
		}
	}
	if size > maxIPTables {
		return nil, fmt.Errorf("%d bytes long; the limit is %d", size, maxIPTables)
	}
	entries := make([]byte, head+size)
	copy(entries, table)
	binary.NativeEndian.PutUint32(entries[name:], uint32(size))
	if err := getsockopt(fd, l.level, soEntries, entries); err != nil {
		return nil, err
	}
	return l.entries(table, hooks, entries[head:])
}

func getsockopt(fd, level, option int, b []byte) error {
	length := uint32(len(b))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&length)), 0)
	runtime.KeepAlive(b)
	if errno != 0 {
		return errno
	}
	return nil
}
