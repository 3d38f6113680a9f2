package memory

import (
	"encoding/binary"
	"io"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// Bounds on the memory of processes, in bytes, and on how many.
const (
	maxProcess   = 512 << 20
	maxAll       = 4 << 30
	maxTaken     = 1 << 12 // processes
	maxRegions   = 1 << 15 // of one; an ELF file has room for 65534
	maxProcesses = 1 << 18
	maxPagemap   = 256 << 20 // of /proc/PID/pagemap: enough for 128 GiB of addresses
)

// temporary are the folders that any user can write to.
var temporary = []string{"/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/", "/run/shm/"}

// reason tells why the memory of a process is taken, by the link of its executable, and how much that says: less comes
// first. Empty: it is not taken.
func reason(exe artifacts.Path) (why string, rank int) {
	name, gone := strings.CutSuffix(string(exe), " (deleted)")
	switch {
	case strings.HasPrefix(name, "/memfd:"):
		return "its program is memory and was never a file", 0
	case slices.ContainsFunc(temporary, func(dir string) bool { return strings.HasPrefix(name, dir) }):
		return "its program lies in a temporary folder", 1
	case gone:
		return "its program is deleted or was replaced", 2
	}
	return "", 0
}

// readable tells mappings that hold memory of the process. Devices are left out, for reading one may do something, and
// so are the kernel's own pages, which are the same in all processes.
func readable(m procfs.Mapping) bool {
	device := strings.HasPrefix(string(m.Path), "/dev/") && !strings.HasPrefix(string(m.Path), "/dev/shm/") && !strings.HasPrefix(string(m.Path), "/dev/zero")
	switch {
	case m.Perms[0] != 'r', m.End > 1<<62, device:
		return false
	}
	return !strings.HasPrefix(string(m.Path), "[vvar") && m.Path != "[vsyscall]"
}

// Of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst): eight bytes for each page.
const (
	pageEntry   = 8
	pagePresent = 1 << 63
	pageSwapped = 1 << 62
	leastGap    = 64 // pages: a shorter run of untouched ones is read with its neighbours
)

// touched leaves out of anonymous mappings the pages that the process never touched: they hold nothing, reading them
// would make them, and there may be terabytes. Those of files stay whole, and so does what the page map, of pages of so
// many bytes, does not tell of.
func touched(maps []procfs.Mapping, pagemap io.ReaderAt, page uint64) (out []procfs.Mapping) {
	buf := make([]byte, 64<<10)
	budget := maxPagemap
	for _, m := range maps {
		var runs []procfs.Mapping
		known := m.Inode == 0 && readable(m)
		for at := m.Start; at < m.End && known; {
			b := buf[:min(uint64(len(buf)), (m.End-at)/page*pageEntry)]
			budget -= len(b)
			n, err := pagemap.ReadAt(b, int64(at/page*pageEntry))
			if known = err == nil && n == len(b) && n > 0 && budget >= 0 && len(out)+len(runs) < maxRegions; !known {
				break
			}
			for e := range slices.Chunk(b, pageEntry) {
				if binary.NativeEndian.Uint64(e)&(pagePresent|pageSwapped) != 0 {
					runs = grow(runs, m, at, at+page, leastGap*page)
				}
				at += page
			}
		}
		if !known {
			runs = []procfs.Mapping{m}
		}
		out = append(out, runs...)
	}
	return out
}

// grow adds a page of a mapping to its runs: to the last where it is near.
func grow(runs []procfs.Mapping, m procfs.Mapping, start, end, near uint64) []procfs.Mapping {
	if n := len(runs); n > 0 && start-runs[n-1].End < near {
		runs[n-1].End = end
		return runs
	}
	m.Start, m.End = start, end
	return append(runs, m)
}

// lightest is the rank of what lies on the disk as well.
const lightest = 5

// weight ranks mappings: what may be the only copy comes first, a library's text last.
func weight(m procfs.Mapping) int {
	switch {
	case m.Executable() && (m.Writable() || m.Inode == 0):
		return 0
	case m.Executable() && strings.HasSuffix(string(m.Path), " (deleted)"):
		return 1
	case m.Path == "[stack]" || m.Path == "[heap]":
		return 2
	case m.Writable():
		return 3
	case m.Inode == 0:
		return 4
	}
	return lightest
}

// choose gives the regions of a process that fit into the limit, and how much did not, of mappings in order of address.
// What weighs most is taken first; of the first that does not fit its beginning is taken.
func choose(maps []procfs.Mapping, most uint64) (regions []Region, omitted uint64) {
	taken, count := make([]uint64, len(maps)), 0
	for w := range lightest + 1 {
		for i, m := range maps {
			if weight(m) != w || !readable(m) || m.Start == m.End {
				continue
			}
			n := m.End - m.Start
			if count == maxRegions {
				omitted += n
				continue
			}
			taken[i] = min(n, most/pageSize*pageSize)
			most -= taken[i]
			omitted += n - taken[i]
			if taken[i] > 0 {
				count++
			}
		}
	}
	for i, m := range maps {
		if taken[i] > 0 {
			regions = append(regions, Region{Range{m.Start, m.Start + taken[i]}, m.Perms, m.Path})
		}
	}
	return regions, omitted
}

// core gives an ELF core file of regions, which stand behind the headers one after the other: e_machine is that of the
// system we run on, p_vaddr the address in the process, and there are no notes, for registers are no memory.
func core(regions []Region, machine uint16) []part {
	le := binary.LittleEndian
	head := make([]byte, elfHeader, elfHeader+len(regions)*progHeader)
	copy(head, "\x7fELF\x02\x01\x01")
	le.PutUint16(head[16:], typeCore)
	le.PutUint16(head[18:], machine)
	le.PutUint32(head[20:], 1) // version
	le.PutUint64(head[32:], elfHeader)
	le.PutUint16(head[52:], elfHeader)
	le.PutUint16(head[54:], progHeader)
	le.PutUint16(head[56:], uint16(len(regions)))
	offset := uint64(cap(head))
	for _, r := range regions {
		length := r.End - r.Start
		head = le.AppendUint32(head, typeLoad)
		head = le.AppendUint32(head, flags(r.Perms))
		for _, n := range [...]uint64{offset, r.Start, 0, length, length, 1} {
			head = le.AppendUint64(head, n)
		}
		offset += length
	}
	parts := []part{{head: head}}
	for _, r := range regions {
		parts = append(parts, part{offset: int64(r.Start), length: int64(r.End - r.Start)})
	}
	return parts
}

// flags are PF_R, PF_W and PF_X.
func flags(perms string) (f uint32) {
	for i, bit := range [...]uint32{4, 2, 1} {
		if perms[i] != '-' {
			f |= bit
		}
	}
	return f
}
