// Package details collects what a process has in depth: which files it maps and holds open, what memory it may execute
// that is of no file, what it may do (capabilities, seccomp), in which namespaces it lives, and the variables by which
// programs are made to load foreign code. Executables and libraries that run although their names are gone are taken.
//
// Sources are /proc/PID/{status,maps,map_files,fd,environ,ns}: proc(5), capabilities(7), seccomp(2), namespaces(7). Windows, for the
// variables alone: the process environment block of each, by NtQueryInformationProcess and ReadProcessMemory.
package details

import (
	"time"

	"spor/artifacts"
)

// Collector takes one Detail for each process that is no thread of the kernel.
var Collector = &artifacts.Collector{
	Name:     "process-details",
	Doc:      "Mapped and open files, executable memory of no file, capabilities, seccomp, namespaces; deleted programs with content",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.Volatile,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsLive,
	Collect:  collect,
}

// Environments takes the whole Environment of each process, passwords and tokens included.
var Environments = &artifacts.Collector{
	Name:     "environments",
	Doc:      "All environment variables of all processes, with their values",
	OS:       []artifacts.OS{artifacts.Linux, artifacts.Windows},
	Order:    artifacts.Volatile,
	Profiles: []string{"volatile"},
	Secret:   true,
	Needs:    artifacts.NeedsLive,
	Collect:  environments,
}

// A Detail is one line of live/process-details.jsonl. What is zero or absent is not known, or there is none of it.
// Join it to live/processes.jsonl by pid and start, and its exe to the packages by path.
type Detail struct {
	PID   int            `json:"pid"`
	Start time.Time      `json:"start,omitzero"`
	Name  string         `json:"name"`
	Exe   artifacts.Path `json:"exe,omitempty"`

	Capabilities   *Capabilities `json:"capabilities,omitempty"`
	NoNewPrivs     bool          `json:"no_new_privs,omitempty"`
	Seccomp        string        `json:"seccomp,omitempty"` // "strict", "filter"; empty: none
	SeccompFilters int           `json:"seccomp_filters,omitempty"`
	Groups         []string      `json:"groups,omitempty"` // supplementary gids

	Namespaces map[string]uint64 `json:"namespaces,omitempty"`     // inodes by kind: "mnt", "net", "pid", "time", "uts" …
	Apart      []string          `json:"apart_from_us,omitempty"`  // the kinds in which it is in another than we are
	Variables  []string          `json:"variables,omitempty"`      // names of its environment as it was started
	Values     map[string]string `json:"values,omitempty"`         // of those that tell much and hold no secrets; "[redacted]" where one does all the same
	Loader     []string          `json:"loader,omitempty"`         // variables set that make programs load foreign code: "LD_PRELOAD"
	Taken      []artifacts.Path  `json:"taken_origins,omitempty"`  // origins of the items that hold its executable and libraries whose names are gone
	Mapped     []Mapped          `json:"mapped,omitempty"`         // each file once
	MoreMapped int               `json:"more_mapped,omitempty"`    // that are not listed
	Anonymous  []Region          `json:"anonymous,omitempty"`      // executable memory of no file: just-in-time compilers have it, injected code too
	MoreAnon   int               `json:"more_anonymous,omitempty"` //
	WriteExec  int               `json:"write_exec,omitempty"`     // mappings that may be written and executed, of files or not

	Open        []Open         `json:"open,omitempty"`        // files; sockets are in live/sockets.jsonl
	MoreOpen    int            `json:"more_open,omitempty"`   //
	Descriptors map[string]int `json:"descriptors,omitempty"` // how many of each kind: "file", "socket", "pipe", "io_uring", "bpf-prog", "eventfd"
	Errors      []string       `json:"errors,omitempty"`      // what could not be had of it, and why
}

// Capabilities are the five sets of capabilities(7), by name without "CAP_"; "all" stands for all that this kernel knows.
type Capabilities struct {
	Effective   []string `json:"effective,omitempty"`
	Permitted   []string `json:"permitted,omitempty"`
	Inheritable []string `json:"inheritable,omitempty"`
	Bounding    []string `json:"bounding,omitempty"`
	Ambient     []string `json:"ambient,omitempty"`
}

// Mapped is a file that is mapped into a process.
type Mapped struct {
	Path       artifacts.Path `json:"path"`
	Inode      uint64         `json:"inode,omitempty"`
	Device     string         `json:"device,omitempty"` // "fe:00", hexadecimal
	Executable bool           `json:"executable,omitempty"`
	WriteExec  bool           `json:"write_exec,omitempty"` // one mapping may be both written and executed
	Deleted    bool           `json:"deleted,omitempty"`    // its name is gone, or it never had one
	Memory     bool           `json:"memfd,omitempty"`      // made by memfd_create(2)
}

// A Region is a range of executable memory that is of no file.
type Region struct {
	Start string `json:"start"` // hexadecimal
	Size  uint64 `json:"size"`  // bytes
	Perms string `json:"perms"` // "rwxp"
	Name  string `json:"name,omitempty"`
}

// Open is a file that a process holds open.
type Open struct {
	FD      int            `json:"fd"`
	Path    artifacts.Path `json:"path"`
	Deleted bool           `json:"deleted,omitempty"`
	Memory  bool           `json:"memfd,omitempty"`
}

// An Environment is one line of live/environments.jsonl.
type Environment struct {
	PID       int       `json:"pid"`
	Start     time.Time `json:"start,omitzero"`
	Name      string    `json:"name"`
	Variables []string  `json:"variables"` // "NAME=value" as the process was started with them, or wrote there since
}
