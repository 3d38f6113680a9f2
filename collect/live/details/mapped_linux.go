package details

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strconv"

	"spor/artifacts"
	"spor/collect/live/processes"
	"spor/collect/live/procfs"
)

// Bounds of what is taken of running code whose names are gone: after an upgrade without a restart that is each library.
const (
	maxTaken      = 64
	maxTakenBytes = 1 << 30
)

// A lost is an executable mapping of a file whose name is gone.
type lost struct {
	id string         // device and inode
	at artifacts.Path // the link that leads to it: exe, or one in map_files
}

// mapped reads the mappings, and gives those of executable files whose names are gone.
func (s *scan) mapped(d *Detail) []lost {
	f, err := procfs.Open(s.files, procfs.Of(d.PID, "maps"))
	s.refused(d, "maps", err)
	if err != nil {
		return nil
	}
	defer f.Close()
	var list []lost
	seen := map[artifacts.Path]int{}
	lines := bufio.NewScanner(io.LimitReader(f, procfs.MaxMaps))
	lines.Buffer(make([]byte, 16<<10), 1<<20)
	for lines.Scan() {
		m, err := procfs.ParseMapping(lines.Text())
		if err != nil {
			continue
		}
		if m.Executable() && m.Writable() {
			d.WriteExec++
		}
		if m.Inode == 0 {
			s.anonymous(d, m)
			continue
		}
		i, known := seen[m.Path]
		if !known {
			if len(d.Mapped) >= maxMapped {
				d.MoreMapped++
				continue
			}
			i = len(d.Mapped)
			seen[m.Path] = i
			d.Mapped = append(d.Mapped, file(m))
		}
		if m.Executable() && d.Mapped[i].Deleted && !d.Mapped[i].Executable {
			at := procfs.Of(d.PID, "map_files/"+m.Range())
			if m.Path == d.Exe {
				at = procfs.Of(d.PID, "exe")
			}
			list = append(list, lost{id: m.Device + " " + strconv.FormatUint(m.Inode, 10), at: at})
		}
		d.Mapped[i].Executable = d.Mapped[i].Executable || m.Executable()
		d.Mapped[i].WriteExec = d.Mapped[i].WriteExec || m.Executable() && m.Writable()
	}
	s.refused(d, "maps", lines.Err())
	return list
}

func file(m procfs.Mapping) Mapped {
	out := Mapped{Inode: m.Inode, Device: m.Device}
	out.Path, out.Deleted, out.Memory = gone(m.Path)
	return out
}

// ours are the executable mappings of no file that the kernel itself makes in every process.
var ours = []artifacts.Path{"[vdso]", "[vsyscall]", "[uprobes]", "[sigpage]", "[vectors]"}

func (s *scan) anonymous(d *Detail, m procfs.Mapping) {
	if !m.Executable() || slices.Contains(ours, m.Path) {
		return
	}
	if len(d.Anonymous) >= maxRegions {
		d.MoreAnon++
		return
	}
	d.Anonymous = append(d.Anonymous, Region{Start: strconv.FormatUint(m.Start, 16), Size: m.End - m.Start, Perms: m.Perms, Name: m.Path.String()})
}

// take takes what the process runs although its name is gone, each file once.
func (s *scan) take(ctx context.Context, d *Detail, list []lost) error {
	for _, l := range list {
		if s.taken[l.id] {
			continue
		}
		if len(s.taken) >= maxTaken || s.takenBytes > maxTakenBytes {
			s.untaken++
			continue
		}
		s.taken[l.id] = true
		size, ok, err := processes.Take(ctx, s.host, s.rec, l.at)
		if err != nil {
			return err
		}
		if s.takenBytes += size; ok {
			d.Taken = append(d.Taken, l.at)
		}
	}
	return nil
}
