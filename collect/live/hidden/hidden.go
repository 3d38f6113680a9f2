// Package hidden reveals processes that the host does not show: those a mount over /proc/PID covers, those that
// /proc does not list, and decoys that stand where another process is.
//
// /proc as it is mounted is compared with a second procfs of the same kernel that is mounted nowhere: fsopen(2),
// fsconfig(2) and fsmount(2) of Linux 5.2 give it as a descriptor, which no mount table shows, which nothing can be
// mounted over, and which is gone when it is closed. Nothing of the host is unmounted. Then the kernel is asked for every
// process number up to pid_max by getpgid(2), which sends nothing and changes nothing, and for those that control groups
// name.
//
// Processes come and go meanwhile. One is reported only when a pidfd(2), taken before both tables were listed once more,
// says afterwards that it still runs: a process that lives through a listing of /proc is in it. Numbers of threads are no
// pidfd's. Where the kernel has no pidfd (before 5.3), the start time before and after tells.
package hidden

import (
	"time"

	"spor/artifacts"
	"spor/collect/live/processes"
)

// Collector takes one Process for each process that is hidden or is shown as another.
var Collector = &artifacts.Collector{
	Name:     "hidden-processes",
	Doc:      "Processes hidden by mounts over /proc, by a changed kernel, or behind decoys, with their executables",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.Volatile,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsLive,
	Collect:  collect,
}

// A Process is one line of live/hidden-processes.jsonl.
type Process struct {
	PID     int      `json:"pid"`
	How     []How    `json:"how"`
	Reasons []string `json:"reasons"` // what was seen, in words
	Shown   *Facts   `json:"shown,omitempty"`
	// True is what the kernel says of it where nothing can stand over it; absent: nothing more was to be had.
	True    *processes.Process `json:"true,omitempty"`
	ExeItem artifacts.Path     `json:"exe_origin,omitempty"` // the origin of the item that holds its executable
}

// How is the way in which a process is hidden.
type How string

// The ways.
const (
	Covered  How = "covered"  // something is mounted over its folder in /proc, or over a file in it
	Unlisted How = "unlisted" // the kernel's procfs lists it, /proc as mounted does not
	Decoy    How = "decoy"    // what /proc shows under its number is not it
	Kernel   How = "kernel"   // it runs, and the kernel's own procfs does not list it: the kernel was changed
	Phantom  How = "phantom"  // /proc as mounted lists a number under which nothing runs
)

// Facts are what a view of /proc says of a process, as far as two views can differ in it.
type Facts struct {
	PID     int            `json:"pid,omitempty"`   // within its stat
	Ticks   uint64         `json:"ticks,omitempty"` // its start, since boot
	Start   time.Time      `json:"start,omitzero"`
	Name    string         `json:"name,omitempty"`
	Command string         `json:"command_line,omitempty"`
	Exe     artifacts.Path `json:"exe,omitempty"`
}
