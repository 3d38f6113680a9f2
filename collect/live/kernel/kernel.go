// Package kernel collects what the running kernel is and what was added to it: taint, command line, lockdown, secure
// boot, security modules and the settings that matter; the modules, those that only one of its two lists shows among
// them; and the probes and tracers by which code hooks its functions.
//
// Sources: /proc/{modules,cmdline,version,sys}, /sys/module, /sys/kernel/{security,livepatch,debug,tracing},
// /sys/firmware/efi/efivars; Documentation/admin-guide/{tainted-kernels,sysctl}, Documentation/trace of the kernel. What
// is not mounted is not mounted for us, and /sys/kernel/debug/tracing, which mounts itself when it is looked at, is not
// looked at.
package kernel

import "spor/artifacts"

// Collector takes one Facts.
var Collector = &artifacts.Collector{
	Name:     "kernel",
	Doc:      "Kernel: taint, command line, lockdown, secure boot, security modules, settings, vulnerabilities",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsLive,
	Collect:  collect,
}

// Modules takes one Module for each module that is loaded.
var Modules = &artifacts.Collector{
	Name:     "kernel-modules",
	Doc:      "Loaded kernel modules, hidden ones, their files, signatures and taint",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsLive,
	Collect:  modules,
}

// Hooks takes one Hook for each probe, traced function, tracer, live patch and binary format.
var Hooks = &artifacts.Collector{
	Name:     "kernel-hooks",
	Doc:      "Kernel probes, traced functions, live patches, handlers of binary formats",
	OS:       []artifacts.OS{artifacts.Linux},
	Order:    artifacts.State,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsLive,
	Collect:  hooks,
}

// Facts is the line of live/kernel.jsonl. What is zero or absent is not known.
type Facts struct {
	Version         string            `json:"version,omitempty"`
	CommandLine     string            `json:"command_line,omitempty"`
	Tainted         int64             `json:"tainted"` // bits
	Taints          []Taint           `json:"taints,omitempty"`
	TaintOrphans    string            `json:"taint_orphans,omitempty"`   // letters that only a module can cause, and no module that is loaded has: it was unloaded, or hides
	Lockdown        string            `json:"lockdown,omitempty"`        // "none", "integrity", "confidentiality"
	SecureBoot      *bool             `json:"secure_boot,omitempty"`     // by the firmware's word; absent: no EFI, or closed to us
	SetupMode       *bool             `json:"setup_mode,omitempty"`      // of the firmware: anyone may enrol keys
	LSM             []string          `json:"lsm,omitempty"`             // security modules in use
	SELinux         string            `json:"selinux,omitempty"`         // "enforcing", "permissive"
	AppArmor        map[string]int    `json:"apparmor,omitempty"`        // profiles by mode
	KexecLoaded     bool              `json:"kexec_loaded,omitempty"`    // another kernel waits to be started
	Settings        map[string]string `json:"settings,omitempty"`        // of /proc/sys, by their names there: "kernel.core_pattern"
	Vulnerabilities map[string]string `json:"vulnerabilities,omitempty"` // of the processor, by /sys/devices/system/cpu/vulnerabilities
}

// A Taint is a reason why the kernel no longer vouches for itself.
type Taint struct {
	Letter  string `json:"letter"`
	Meaning string `json:"meaning"`
}

// A Module is one line of live/kernel-modules.jsonl.
type Module struct {
	Name       string         `json:"name"`
	Size       int64          `json:"size,omitempty"` // bytes
	References int            `json:"references,omitempty"`
	UsedBy     []string       `json:"used_by,omitempty"`
	State      string         `json:"state,omitempty"` // "Live", "Loading", "Unloading"; of sysfs "live", "coming", "going"
	Taint      string         `json:"taint,omitempty"` // letters: "O" not of the kernel's own tree, "E" not signed
	Version    string         `json:"version,omitempty"`
	SrcVersion string         `json:"src_version,omitempty"`
	File       artifacts.Path `json:"file,omitempty"`       // by the index of modules; where it was loaded from is not known
	Unindexed  bool           `json:"unindexed,omitempty"`  // the index has no such module: it was loaded from elsewhere
	Signed     *bool          `json:"signed,omitempty"`     // the file ends in a signature, which is not checked; absent: compressed, or no file
	Hidden     string         `json:"hidden,omitempty"`     // "/proc/modules" or "/sys/module": the list that lacks it
	Parameters []string       `json:"parameters,omitempty"` // names
}

// A Hook is one line of live/kernel-hooks.jsonl.
type Hook struct {
	Kind string `json:"kind"` // "kprobe", "kprobe_event", "uprobe_event", "dynamic_event", "traced_function", "tracer", "live_patch", "binary_format"
	Text string `json:"text"` // as the kernel says it
}
