package procfs

import (
	"strconv"
	"strings"

	"spor/artifacts"
)

// MaxMaps is more than the mappings of a process take that has as many as the kernel allows (vm.max_map_count), in bytes.
const MaxMaps = 32 << 20

// A Mapping is a line of /proc/PID/maps, proc_pid_maps(5).
type Mapping struct {
	Start, End uint64         // addresses
	Perms      string         // "r-xp"
	Device     string         // "fe:00"
	Inode      uint64         // 0: of no file
	Path       artifacts.Path // of a file as the kernel says it, " (deleted)" included; "[heap]"; empty: anonymous
}

// Executable, Writable tell what the process may do with it.
func (m Mapping) Executable() bool { return m.Perms[2] == 'x' }

// Writable is described at Executable.
func (m Mapping) Writable() bool { return m.Perms[1] == 'w' }

// ParseMapping reads a line without its end:
//
//	start-end perms offset device inode          path
//
// Of the path's bytes only the newline is escaped, as \012; so a path may be one that holds those four characters.
func ParseMapping(line string) (Mapping, error) {
	var f [5]string
	rest := line
	for i := range f {
		var ok bool
		if f[i], rest, ok = strings.Cut(rest, " "); !ok && i < 4 {
			return Mapping{}, errTable
		}
	}
	start, end, ok := strings.Cut(f[0], "-")
	if !ok || len(f[1]) != 4 {
		return Mapping{}, errTable
	}
	r := numbers{}
	m := Mapping{Perms: f[1], Device: f[3], Path: artifacts.Path(strings.ReplaceAll(strings.TrimLeft(rest, " "), `\012`, "\n"))}
	m.Start, m.End, m.Inode = r.base(start, 16), r.base(end, 16), r.unsigned(f[4])
	if m.End < m.Start && r.err == nil {
		return Mapping{}, errTable
	}
	return m, r.err
}

// Range names the mapping as the folder map_files does.
func (m Mapping) Range() string {
	return strconv.FormatUint(m.Start, 16) + "-" + strconv.FormatUint(m.End, 16)
}
