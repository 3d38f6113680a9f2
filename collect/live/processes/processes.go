// Package processes collects what runs: every process with its parent, owner, command line, and the hash of the very
// file it was started from, deleted or not.
//
// Linux: /proc/PID/{stat,status,cmdline,cgroup,exe,cwd,root,ns} (proc(5)); the executable is read through
// /proc/PID/exe, which reaches a deleted file and one in another mount namespace. Windows:
// NtQuerySystemInformation(SystemProcessInformation), NtQueryInformationProcess, OpenProcessToken; signatures as in
// package program.
package processes

import (
	"time"

	"spor/artifacts"
	"spor/collect/live/program"
)

// Collector takes one Process for each process.
var Collector = &artifacts.Collector{
	Name:     "processes",
	Doc:      "Running processes: parent, owner, start, command line, executable with hash and signature, deleted executables",
	Order:    artifacts.Volatile,
	Profiles: []string{"volatile"},
	Required: true,
	Needs:    artifacts.NeedsLive,
	Collect:  collect,
}

// A Process is one line of live/processes.jsonl. What is zero or absent is not known. Text that the host does not
// spell in UTF-8 is escaped as artifacts.Path is.
type Process struct {
	PID   int       `json:"pid"`
	PPID  int       `json:"ppid"` // the parent may be gone, and on Windows its number used again
	Start time.Time `json:"start,omitzero"`
	Name  string    `json:"name"` // Linux: comm, at most 15 bytes, which the process can change; Windows: the image's base name

	User       string `json:"user,omitempty"`          // the account's name on this host: in a container it may mean another
	UserID     string `json:"user_id,omitempty"`       // effective uid; SID
	RealUserID string `json:"real_user_id,omitempty"`  // Linux, where it differs from the effective
	GroupID    string `json:"group_id,omitempty"`      // effective gid
	LoginID    string `json:"login_user_id,omitempty"` // Linux: the uid that logged on (audit), whoever it became since

	CommandLine string   `json:"command_line,omitempty"` // Linux: argv joined by spaces
	Argv        []string `json:"argv,omitempty"`         // Linux: as passed, or as the process rewrote it

	Exe         artifacts.Path `json:"exe,omitempty"`          // Linux: without " (deleted)"
	ExeSHA256   string         `json:"exe_sha256,omitempty"`   // of the file that runs, lower-case hex
	ExeSize     int64          `json:"exe_size,omitempty"`     // bytes
	ExeModified time.Time      `json:"exe_modified,omitzero"`  //
	ExeDeleted  bool           `json:"exe_deleted,omitempty"`  // its name is gone from the file system, or it never had one (memfd)
	ExeReplaced bool           `json:"exe_replaced,omitempty"` // deleted, and another file has the name now: an upgrade does that too
	ExeError    string         `json:"exe_error,omitempty"`    // why there is no path or no hash

	Dir        artifacts.Path `json:"cwd,omitempty"`
	DirDeleted bool           `json:"cwd_deleted,omitempty"`
	Root       artifacts.Path `json:"root,omitempty"` // Linux, where it is not "/"

	State   string `json:"state,omitempty"`   // Linux: "running", "sleeping", "disk sleep", "stopped", "traced", "zombie", "dead", "idle"
	Threads int    `json:"threads,omitempty"` //
	Session int    `json:"session"`           // Linux: session leader's pid; Windows: terminal services session
	TTY     string `json:"tty,omitempty"`     // "pts/0"

	Ended        bool          `json:"ended,omitempty"`         // while it was read: what is not here is not known
	KernelThread bool          `json:"kernel_thread,omitempty"` // Linux: it has no executable, nor should it
	CPU          time.Duration `json:"cpu_ns,omitempty"`        // user and system, nanoseconds
	Resident     int64         `json:"resident,omitempty"`      // bytes

	// Linux.
	Cgroup       string            `json:"cgroup,omitempty"`       // path in the unified or systemd hierarchy
	ContainerID  string            `json:"container_id,omitempty"` // from the cgroup
	Namespaces   map[string]uint64 `json:"namespaces,omitempty"`   // inodes: "mnt", "net", "pid", "user"
	TracerPID    int               `json:"tracer_pid,omitempty"`   // who debugs it
	Capabilities string            `json:"capabilities,omitempty"` // effective, hex as in status
	Covered      bool              `json:"covered,omitempty"`      // something is mounted over /proc/PID: what stands here may be a decoy

	// Windows.
	Integrity    string             `json:"integrity,omitempty"`    // "untrusted", "low", "medium", "high", "system", "protected"
	Elevated     *bool              `json:"elevated,omitempty"`     //
	Architecture string             `json:"architecture,omitempty"` // of the image: "386", "amd64", "arm64"
	Protection   string             `json:"protection,omitempty"`   // "PPL …", where the process is protected
	ParentExe    string             `json:"parent_exe,omitempty"`   // where the parent lives and is older than the child
	Signature    *program.Signature `json:"exe_signature,omitzero"` // of the file that has the name now
	Version      *program.Version   `json:"exe_version,omitzero"`
	Errors       []string           `json:"errors,omitempty"` // what could not be had of it, and why
}
