// Package memory takes what is in the machine's memory: all of it through /proc/kcore as a LiME image, that of processes
// whose program is nowhere on a disk or lies where programs should not, and what a reader needs to make sense of both.
//
// It proves what no file does: keys, injected code, commands that were never written down. By its nature it holds
// passwords and private keys too, so it is taken where --profile memory asks for it alone.
//
// Everything streams from the kernel into the sink; there is no temporary file. Sources: fs/proc/kcore.c and
// proc(5) of Linux, elf(5), and doc/README.md of github.com/504ensicsLabs/LiME for the image. Windows, for
// processes alone: VirtualQueryEx, ReadProcessMemory, minidumpapiset.h for the dump.
package memory

import "spor/artifacts"

// Processes takes the memory of chosen processes. It runs before Physical, which may be cut off by its time: it is done
// in seconds, works under lockdown, and gives pages that were swapped out too.
var Processes = &artifacts.Collector{
	Name:     "process-memory",
	Doc:      "Memory of processes whose program is deleted, was never a file or lies in a temporary folder (may hold secrets)",
	OS:       []artifacts.OS{artifacts.Linux, artifacts.Windows},
	Order:    artifacts.Volatile,
	Profiles: []string{"memory"},
	Needs:    artifacts.NeedsLive,
	Collect:  collectProcesses,
}

// Physical takes the whole memory. It is the last of what is volatile: RFC 3227 has memory before disks, and whatever
// reads files fills free pages with them; but it takes minutes, in which sockets and processes would be gone.
var Physical = &artifacts.Collector{
	Name:     "memory",
	Doc:      "Physical memory as a LiME image, through /proc/kcore (holds secrets); of Windows it cannot be had, which is said",
	OS:       []artifacts.OS{artifacts.Linux, artifacts.Windows},
	Order:    artifacts.Volatile,
	Profiles: []string{"memory"},
	Required: true,
	Needs:    artifacts.NeedsLive,
	Collect:  collectPhysical,
}

// Symbols takes what Volatility and its like read an image with.
var Symbols = &artifacts.Collector{
	Name:     "memory-symbols",
	Doc:      "Types and symbols of the running kernel, to read a memory image with",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"memory"},
	Needs:    artifacts.NeedsLive,
	Collect:  collectSymbols,
}

// An Image is the line of live/memory.jsonl.
type Image struct {
	Item       string  `json:"item"`
	Format     string  `json:"format"` // "lime"
	Kernel     string  `json:"kernel"` // uname -r
	Size       int64   `json:"size"`   // bytes, headers included
	Ranges     []Range `json:"ranges"` // that are in it, in order of address and of the image
	Unreadable int64   `json:"unreadable_pages"`
	Missing    uint64  `json:"missing_bytes"` // of memory that no segment of /proc/kcore leads to
}

// A Range is memory from the address Start up to, not including, End.
type Range struct {
	Start uint64 `json:"start"`
	End   uint64 `json:"end"`
}

// A Process is one line of live/process-memory.jsonl: the memory of a process, which is an ELF core file without notes
// in the bundle, with a PT_LOAD for each region; of Windows it is a minidump. Pages that the process never touched are not
// in it.
type Process struct {
	PID        int            `json:"pid"`
	Name       string         `json:"name"`
	Exe        artifacts.Path `json:"exe"`
	Why        string         `json:"why"` // it was chosen
	Item       string         `json:"item"`
	Size       int64          `json:"size"` // bytes of memory asked for
	Unreadable int64          `json:"unreadable_pages"`
	Omitted    uint64         `json:"omitted_bytes"` // of readable memory that the limits left out
	Ended      bool           `json:"ended,omitempty"`
	Regions    []Region       `json:"regions"`
}

// A Region is a mapping of a process, or the part of it that was taken.
type Region struct {
	Range
	Perms string         `json:"perms"`          // "rw-p"; Windows: "rwx", and "-" for what is not
	Path  artifacts.Path `json:"path,omitempty"` // as in /proc/PID/maps; empty: anonymous
}
