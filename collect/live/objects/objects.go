// Package objects collects named objects of the Windows kernel: pipes, by which implants talk to each other, and what
// processes hold open: files, mutexes by which malware knows that it runs already, memory they share, and other processes.
//
// Pipes are the listing of the folder \\.\pipe\, which opens none of them. Handles are
// NtQuerySystemInformation(SystemExtendedHandleInformation), each one duplicated and asked for its name by NtQueryObject.
// That question hangs at pipes that wait for their other end (known since NT): it is asked in a thread that is left
// behind where it does.
package objects

import (
	"encoding/binary"
	"errors"

	"spor/artifacts"
)

// Pipes takes one Pipe for each.
var Pipes = &artifacts.Collector{
	Name:     "pipes",
	Doc:      "Named pipes, and how many ends each has",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.Volatile,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsLive,
	Collect:  pipes,
}

// Handles takes one Handle for each that has a name.
var Handles = &artifacts.Collector{
	Name:     "handles",
	Doc:      "Files, mutexes, sections, keys and processes that processes hold open, by name",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.Volatile,
	Profiles: []string{"full"},
	Needs:    artifacts.NeedsLive,
	Collect:  handles,
}

// A Pipe is one line of live/pipes.jsonl.
type Pipe struct {
	Name      artifacts.Path `json:"name"` // without \\.\pipe\
	Instances int64          `json:"instances"`
}

// A Handle is one line of live/handles.jsonl.
type Handle struct {
	PID     int            `json:"pid"`
	Process string         `json:"process"`
	Handle  uint64         `json:"handle"`
	Type    string         `json:"type"`           // the kernel's: "File", "Mutant", "Section", "Key", "Process", "Thread", …
	Name    artifacts.Path `json:"name,omitempty"` // a file with its drive where it has one; else as the kernel spells it
	Target  int            `json:"target,omitempty"`
	Access  uint32         `json:"access"` // granted, ACCESS_MASK
}

// A row is one entry of SYSTEM_HANDLE_INFORMATION_EX.
type row struct {
	pid    int
	handle uint64
	access uint32
	kind   uint16 // index of the type, which differs from build to build
}

var errHandles = errors.New("list of handles is cut off")

// parseHandles reads SYSTEM_HANDLE_INFORMATION_EX of a system whose pointers have so many bytes: a count, a reserved
// number, and for each handle three pointers and 16 bytes. Those before an error come with it.
func parseHandles(b []byte, pointer int) ([]row, error) {
	if len(b) < 2*pointer {
		return nil, errHandles
	}
	number := func(at int) uint64 {
		if pointer == 8 {
			return binary.LittleEndian.Uint64(b[at:])
		}
		return uint64(binary.LittleEndian.Uint32(b[at:]))
	}
	size := 3*pointer + 16
	count := number(0)
	b = b[2*pointer:]
	rows := make([]row, 0, min(count, uint64(len(b)/size)))
	for range count {
		if len(b) < size {
			return rows, errHandles
		}
		rest := b[3*pointer:]
		rows = append(rows, row{
			pid: int(number(pointer)), handle: number(2 * pointer), access: binary.LittleEndian.Uint32(rest), kind: binary.LittleEndian.Uint16(rest[6:]),
		})
		b = b[size:]
	}
	return rows, nil
}
