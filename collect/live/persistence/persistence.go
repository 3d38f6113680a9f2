// Package persistence lists what starts by itself: on boot, at a time, at a logon, when a device, a network or a package
// comes, or whenever a program is run. Each Entry names the file and line that says so and what is run, and describes
// both: hash, times, owner package, and what is odd about them.
//
// Everything is read from files through artifacts.Host, so that a mounted disk gives what the running host gives; the
// settings of the running kernel (core_pattern, binfmt_misc) are files of /proc. The kinds are the table Kinds. Formats
// are those of systemd.unit(5) and its like, crontab(5), anacrontab(5), at(1), udev(7), pam.conf(5), ld.so(8), sshd(8),
// modprobe.d(5), apt.conf(5), alpm-hooks(5), logrotate(8), githooks(5) and the Desktop Entry specification. The choice
// follows ATT&CK's tactic TA0003.
package persistence

import (
	"context"

	"spor/artifacts"
	"spor/collect/live/packages"
)

// Collector takes one Entry for each thing that starts by itself.
var Collector = &artifacts.Collector{
	Name:     "persistence",
	Doc:      "What starts by itself: units, timers, cron, at, logon, udev, PAM, preload, hooks; with target, hash and owner package",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Collect:  collect,
}

// An Entry is one line of live/persistence.jsonl. What is zero or absent is not known. Text that the host does not spell
// in UTF-8 is escaped as artifacts.Path is.
type Entry struct {
	Kind      string           `json:"kind"`              // a name of Kinds
	Path      artifacts.Path   `json:"path"`              // the file that says so
	Line      int              `json:"line,omitempty"`    // in it, from 1
	Name      string           `json:"name,omitempty"`    // unit, job, hook
	When      string           `json:"when,omitempty"`    // schedule or trigger, as configured
	User      string           `json:"user,omitempty"`    // as whom it runs; empty: root, or whoever triggers it
	Enabled   *bool            `json:"enabled,omitempty"` // nil: there is no such switch
	EnabledBy []artifacts.Path `json:"enabled_by,omitempty"`
	Command   string           `json:"command,omitempty"`
	Details   string           `json:"details,omitempty"` // what else is to be known, in words
	Config    *File            `json:"config,omitempty"`  // the file at Path, where it is not the first target
	Targets   []File           `json:"targets,omitempty"` // what is run or loaded: the program first, then scripts and files it is given
}

// A File is what an entry runs, or is configured in.
type File struct {
	Path          artifacts.Path  `json:"path"`                     // as it is named
	Real          artifacts.Path  `json:"real,omitempty"`           // where links lead, if elsewhere
	Missing       bool            `json:"missing,omitempty"`        // no such file: whoever can make it decides what runs
	Temporary     bool            `json:"temporary,omitempty"`      // below /tmp, /var/tmp, /dev/shm
	WorldWritable bool            `json:"world_writable,omitempty"` // anyone may write to it, or to its folder without a sticky bit
	SHA256        string          `json:"sha256,omitempty"`
	Size          int64           `json:"size,omitempty"` // bytes
	Mode          string          `json:"mode,omitempty"` // octal: "0755"
	UID           string          `json:"uid,omitempty"`
	GID           string          `json:"gid,omitempty"`
	Times         artifacts.Times `json:"times,omitzero"`
	Package       string          `json:"package,omitempty"` // owner; empty: none that we know
	Shipped       *bool           `json:"shipped,omitempty"` // a configuration file of a package is as it was installed; nil: none tells
	Error         string          `json:"error,omitempty"`   // why there is no hash
}

// A Kind is one way to start by itself.
type Kind struct {
	Name      string
	Doc       string
	Technique string // ATT&CK
	find      func(*examiner)
}

// Kinds are all ways that are looked for. Those with the same finder come from the same files.
func Kinds() []Kind {
	return []Kind{
		{"systemd-service", "a service's command lines", "T1543.002", systemd},
		{"systemd-timer", "a timer and the service it starts", "T1053.006", nil},
		{"systemd-socket", "a socket and the service it starts", "T1543.002", nil},
		{"systemd-path", "a watched path and the service it starts", "T1543.002", nil},
		{"dbus-service", "a program that the message bus starts", "T1543", dbus},
		{"cron", "a line of a crontab", "T1053.003", cron},
		{"anacron", "a line of anacrontab", "T1053.003", nil},
		{"at", "a job of at or batch", "T1053.002", nil},
		{"script", "a file in a folder whose files are all run; Name tells which", "T1037", scripts},
		{"init-script", "a script of System V init, and its links", "T1037.004", initScripts},
		{"rc-local", "rc.local", "T1037.004", nil},
		{"inittab", "a line of inittab, or a job of Upstart", "T1037", nil},
		{"xdg-autostart", "a program started with the desktop", "T1547.013", autostart},
		{"shell-profile", "a file that a shell runs when it starts or ends", "T1546.004", profiles},
		{"shell-line", "a line of such a file that hides, intercepts or fetches", "T1546.004", nil},
		{"udev", "a program that a device event runs", "T1546.017", udev},
		{"pam", "a module of PAM that is of no package, or that runs a program", "T1556.003", pam},
		{"preload", "a library that ld.so.preload puts into every program", "T1574.006", preload},
		{"library-path", "a folder of libraries that is not the distribution's", "T1574", nil},
		{"preload-environment", "a variable that puts a library into programs", "T1574.006", environments},
		{"git-hook", "a hook of a repository", "T1546", gitHooks},
		{"package-hook", "a command that the package manager runs", "T1546.016", packageHooks},
		{"package-script", "a script of an installed package that changed after its installation", "T1546.016", nil},
		{"logrotate", "commands run when logs are rotated", "T1546", logrotate},
		{"kernel-module", "a kernel module loaded on boot", "T1547.006", kernelModules},
		{"modprobe", "a command run instead of loading a module", "T1547.006", nil},
		{"kernel-helper", "a program that the kernel starts", "T1546", kernelHelpers},
		{"binfmt", "an interpreter the kernel starts for a kind of file", "T1546", nil},
		{"ssh-key", "a key with a command or environment of its own", "T1098.004", sshKeys},
		{"sshd", "a command that sshd runs", "T1098.004", nil},
		{"sudoers", "a program that a rule of sudo names and that is of no package", "T1548.003", sudoers},
		{"container", "a container that starts with its engine", "T1543.005", containers},
		{"python", "code that every Python program runs", "T1546.018", python},
	}
}

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	index, err := packages.Load(ctx, h)
	if err != nil {
		return err
	}
	x := newExaminer(ctx, h, rec, index)
	for _, k := range Kinds() {
		if k.find == nil {
			continue
		}
		k.find(x)
		if x.over() {
			return x.err
		}
	}
	x.settle()
	return x.err
}
