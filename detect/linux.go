package detect

import (
	"fmt"
	"slices"
	"strings"

	"spor/artifacts"
)

// linuxState are rules on the live state of Linux.
var linuxState = []*Rule{
	{
		Name: "hidden-process", Title: "Process hidden from the host's own tools",
		Severity: Critical, Technique: []string{"T1014", "T1564"}, Live: "hidden-processes", Record: hiddenProcess,
	},
	{
		Name: "process-decoy", Title: "What /proc shows under a number is not the process",
		Severity: Critical, Technique: []string{"T1564", "T1036"}, Live: "hidden-processes", Record: processDecoy,
	},
	{
		Name: "hidden-file", Title: "File that the disk has and the system does not list",
		Severity: Critical, Technique: []string{"T1014", "T1564.001"}, Live: "hidden-files", Record: hiddenFile,
	},
	{
		Name: "hidden-module", Title: "Kernel module that one of the kernel's lists lacks",
		Severity: Critical, Technique: []string{"T1014", "T1547.006"}, Live: "kernel-modules", Record: hiddenModule,
	},
	{
		Name: "module-unknown-file", Title: "Kernel module from outside the system's module folders",
		Severity: Medium, Technique: []string{"T1547.006"}, Live: "kernel-modules", Record: unknownModule,
	},
	{
		Name: "kernel-taint-unexplained", Title: "A module tainted the kernel, and no loaded module has that taint",
		Severity: Low, Technique: []string{"T1014"}, Live: "kernel", Record: taintOrphans,
	},
	{
		Name: "kernel-helper", Title: "The kernel starts a program from a folder anyone may write to",
		Severity: High, Technique: []string{"T1546"}, Live: "kernel", Record: kernelHelper,
	},
	{
		Name: "kernel-hook", Title: "A module intercepts a system call",
		Severity: High, Technique: []string{"T1014"}, Live: "kernel-hooks", Record: kernelHook,
	},
	{
		Name: "process-preload", Title: "Process started with a library forced into it",
		Severity: Low, Technique: []string{"T1574.006"}, Live: "process-details", Record: processPreload,
	},
	{
		Name: "process-memory-library", Title: "Process runs code from memory that was never a file",
		Severity: Medium, Technique: []string{"T1620", "T1055"}, Live: "process-details", Record: memoryLibrary,
	},
	{
		Name: "interface-promiscuous", Title: "Network interface hands over every frame",
		Severity: Low, Technique: []string{"T1040"}, Live: "interfaces", Record: promiscuous,
	},
}

// Strings are the members of a list that are strings.
func (r Record) Strings(name string) []string {
	list, _ := r[name].([]any)
	var out []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func hiddenFile(r Record, f *Finding) bool {
	f.Path = artifacts.Path(r.Text("path"))
	f.Reason = fmt.Sprintf("%s (%s) is on %s, and no listing shows it", f.Path, r.Text("kind"), r.Text("device"))
	if answers, _ := r["answers"].(bool); !answers {
		f.Reason += "; asked for by name, the system denies it"
	}
	return true
}

// hidden fills in who it is, by what the kernel says where nothing can stand over it.
func hidden(r Record, f *Finding) string {
	if truth := r.Record("true"); truth != nil {
		process(truth, f)
		f.Reason = fmt.Sprintf("Process %d (%s, user %s, %s)", r.Int("pid"), truth.Text("name"), or(truth.Text("user"), "unknown"), or(truth.Text("exe"), "no executable"))
	} else {
		f.Reason = fmt.Sprintf("Process %d", r.Int("pid"))
	}
	f.PID = r.Int("pid")
	return shorten(strings.Join(r.Strings("reasons"), "; "))
}

func hiddenProcess(r Record, f *Finding) bool {
	if r.Record("shown") != nil || r["shown"] != nil || slices.Contains(r.Strings("how"), "phantom") {
		return false
	}
	why := hidden(r, f)
	f.Reason += " is hidden: " + why + ". Tools that list /proc do not show it. Some sandboxes mount over parts of /proc, but not over single processes of others."
	return true
}

func processDecoy(r Record, f *Finding) bool {
	if r["shown"] == nil && !slices.Contains(r.Strings("how"), "phantom") {
		return false
	}
	why := hidden(r, f)
	f.Reason += " is shown as another: " + why + ". Nothing innocent puts other files where a process is."
	return true
}

func hiddenModule(r Record, f *Finding) bool {
	if r.Text("hidden") == "" {
		return false
	}
	f.Reason = fmt.Sprintf("The module %s is loaded and not in %s, at two looks. Rootkits take themselves out of the lists; nothing else does.", r.Text("name"), r.Text("hidden"))
	return true
}

func unknownModule(r Record, f *Finding) bool {
	if !r.Bool("unindexed") || r.Text("hidden") != "" {
		return false
	}
	f.Reason = fmt.Sprintf("The module %s (taint %q) is loaded, and the index of this kernel's modules has no such file. It was loaded by hand from elsewhere, or its package was removed or upgraded since.",
		r.Text("name"), r.Text("taint"))
	return true
}

func taintOrphans(r Record, f *Finding) bool {
	if r.Text("taint_orphans") == "" {
		return false
	}
	f.Reason = fmt.Sprintf("The kernel is tainted %q by a module, and no module that is listed has that taint. A driver that was unloaded leaves it; so does a module that hides.", r.Text("taint_orphans"))
	return true
}

// kernelHelper looks at the settings that name programs which the kernel itself starts as root: core(5), modprobe(8).
func kernelHelper(r Record, f *Finding) bool {
	settings := r.Record("settings")
	for _, name := range []string{"kernel.core_pattern", "kernel.modprobe", "kernel.hotplug", "kernel.poweroff_cmd"} {
		value := settings.Text(name)
		program, piped := strings.CutPrefix(value, "|")
		if name == "kernel.core_pattern" && !piped {
			continue
		}
		program = strings.TrimSpace(program)
		for _, dir := range append(temporary, "/home/") {
			if strings.HasPrefix(program, dir) {
				f.Path = artifacts.Path(program)
				f.Reason = fmt.Sprintf("%s is %q: the kernel starts that program as root, and it lies below %s. Debugging set-ups do that; a production system does not.", name, shorten(value), dir)
				return true
			}
		}
	}
	return false
}

// kernelHook looks for functions behind system calls that ftrace hands to a module: "__x64_sys_getdents64 (1) R I tramp: …
// (fh_ftrace_thunk+0x0/0x60 [evil])".
func kernelHook(r Record, f *Finding) bool {
	text := r.Text("text")
	name, rest, _ := strings.Cut(text, " ")
	_, module, ok := strings.Cut(rest, "[")
	module, _, _ = strings.Cut(module, "]")
	if r.Text("kind") != "traced_function" || !ok || module == "" || !strings.Contains(name, "sys_") || module == "bpf" {
		return false
	}
	f.Reason = fmt.Sprintf("The module %s is called whenever %s is (%s). Rootkits filter system calls so; some security products do too.", module, name, shorten(text))
	return true
}

func processPreload(r Record, f *Finding) bool {
	values := r.Record("values")
	for _, name := range []string{"LD_PRELOAD", "LD_AUDIT"} {
		value := values.Text(name)
		if value == "" {
			continue
		}
		f.PID, f.Path, f.Time = r.Int("pid"), r.Path("exe"), r.Time("start")
		f.Reason = fmt.Sprintf("Process %d (%s) was started with %s=%s. Allocators, profilers and build tools are loaded so; so are user-space rootkits.", f.PID, r.Text("name"), name, shorten(value))
		for _, dir := range append(temporary, "/home/", "/root/") {
			if strings.Contains(":"+strings.ReplaceAll(value, " ", ":"), ":"+dir) {
				f.Severity = High
			}
		}
		return true
	}
	return false
}

// memoryLibrary leaves out what .NET makes for its just-in-time compiler, and programs that run from memory themselves,
// which have a rule.
func memoryLibrary(r Record, f *Finding) bool {
	for _, m := range r.Records("mapped") {
		path := m.Text("path")
		if !m.Bool("memfd") || !m.Bool("executable") || strings.HasPrefix(path, "/memfd:doublemapper") || strings.HasPrefix(r.Text("exe"), "/memfd:") {
			continue
		}
		f.PID, f.Path, f.Time = r.Int("pid"), r.Path("exe"), r.Time("start")
		f.Reason = fmt.Sprintf("Process %d (%s) runs code mapped from %s, which is memory and was never a file. Some just-in-time compilers do that; so does injected code.", f.PID, r.Text("name"), shorten(path))
		return true
	}
	return false
}

func promiscuous(r Record, f *Finding) bool {
	if r.Int("promiscuous") == 0 || r.Int("master") != 0 {
		return false
	}
	f.Reason = fmt.Sprintf("The interface %s is in promiscuous mode: somebody reads what others send. Packet capture, bridges of virtual machines and intrusion detection do that; so do sniffers.", r.Text("name"))
	return true
}
