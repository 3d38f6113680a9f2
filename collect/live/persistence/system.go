package persistence

import (
	"path"
	"regexp"
	"strings"

	"spor/artifacts"
)

// udev reads rules: udev(7). RUN and PROGRAM run a program; a name without a path is one of /usr/lib/udev.
func udev(x *examiner) {
	seen := map[artifacts.Path]bool{}
	for _, dir := range []artifacts.Path{"/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d"} {
		at, err := x.real(dir)
		if err != nil || seen[at] {
			continue
		}
		seen[at] = true
		for _, f := range x.list(dir) {
			if strings.HasSuffix(f.Name, ".rules") {
				x.rules(artifacts.Linux.Join(dir, f.Name))
			}
		}
	}
}

var udevRun = regexp.MustCompile(`\b(RUN(?:\{program\})?|PROGRAM|IMPORT\{program\})\s*[+:]?=+\s*"([^"]*)"`)

func (x *examiner) rules(p artifacts.Path) {
	for n, line := range joined(x.read(p)) {
		for _, m := range udevRun.FindAllStringSubmatch(line, 16) {
			command := m[2]
			e := Entry{Kind: "udev", Path: p, Line: n, Name: m[1], When: strings.TrimSuffix(line[:strings.Index(line, m[0])], ", "), Command: command}
			program := strings.Trim(command, "'")
			if program != "" && !strings.HasPrefix(program, "/") && !strings.HasPrefix(program, "$") {
				first, _, _ := strings.Cut(program, " ")
				for _, dir := range []artifacts.Path{"/usr/lib/udev", "/lib/udev", "/etc/udev"} {
					if q := artifacts.Linux.Join(dir, first); x.isFile(q) {
						e.Targets = []File{x.describe(q)}
						break
					}
				}
			}
			if e.Targets == nil {
				e.Targets = x.targets(command)
			}
			x.emit(e)
		}
	}
}

// pam reads pam.conf(5). Recorded are lines that run a program, and modules that are of no package, are missing from a
// folder of modules, or lie elsewhere.
func pam(x *examiner) {
	x.pamFile("/etc/pam.conf", true)
	for _, dir := range []artifacts.Path{"/etc/pam.d", "/usr/lib/pam.d"} {
		for _, f := range x.list(dir) {
			x.pamFile(artifacts.Linux.Join(dir, f.Name), false)
		}
	}
	x.looseModules()
}

var pamDirs = []artifacts.Path{"/lib/security", "/lib64/security", "/usr/lib/security", "/usr/lib64/security", "/lib/x86_64-linux-gnu/security", "/usr/lib/x86_64-linux-gnu/security", "/lib/aarch64-linux-gnu/security", "/usr/lib/aarch64-linux-gnu/security", "/lib/i386-linux-gnu/security", "/usr/lib/pam"}

func (x *examiner) pamFile(p artifacts.Path, named bool) {
	for n, line := range joined(x.read(p)) {
		control := pamControl.FindStringSubmatch(line)
		if control == nil || strings.HasPrefix(line, "@") {
			continue
		}
		rest := control[2]
		service := path.Base(string(p))
		if named {
			service = firstWord(line)
		}
		module, arguments, _ := strings.Cut(rest, " ")
		e := Entry{Kind: "pam", Path: p, Line: n, Name: service, When: control[1], Command: rest}
		switch base := path.Base(module); {
		case base == "pam_exec.so" || base == "pam_script.so" || base == "pam_python.so" || base == "pam_extusers.so":
			e.Targets = append(x.module(module), x.targets(pamOptions(arguments))...)
			e.Details = "runs a program"
		default:
			e.Targets = x.module(module)
			if len(e.Targets) == 0 || e.Targets[0].Package != "" {
				continue
			}
			e.Details = "a module of no package"
		}
		x.emit(e)
	}
}

// pamControl is type, control (a word or one in brackets), and the module with its arguments.
var pamControl = regexp.MustCompile(`^(?:\S+\s+)??(-?(?:auth|account|password|session))\s+(?:\[[^\]]*\]|\w+)\s+(\S.*)$`)

// pamOptions takes the options of pam_exec off.
func pamOptions(s string) string {
	f := strings.Fields(s)
	for len(f) > 0 && !strings.HasPrefix(f[0], "/") {
		f = f[1:]
	}
	return strings.Join(f, " ")
}

// module finds a module by its name. One that is nowhere gives nothing: distributions list optional ones.
func (x *examiner) module(name string) []File {
	if path.IsAbs(name) {
		return []File{x.describe(artifacts.Path(name))}
	}
	for _, dir := range pamDirs {
		if p := artifacts.Linux.Join(dir, name); x.isFile(p) {
			return []File{x.describe(p)}
		}
	}
	return nil
}

// looseModules are those in the folders of modules that are of no package, whether a service names them or not.
func (x *examiner) looseModules() {
	if len(x.index.Packages) == 0 {
		return // then all would be
	}
	seen := map[artifacts.Path]bool{}
	for _, dir := range pamDirs {
		for _, f := range x.list(dir) {
			p, err := x.real(artifacts.Linux.Join(dir, f.Name))
			if _, owned := x.index.Owner(p); err != nil || owned || seen[p] || !strings.HasSuffix(f.Name, ".so") {
				continue
			}
			seen[p] = true
			x.emit(Entry{Kind: "pam", Path: p, Name: f.Name, Details: "a module of no package", Targets: []File{x.describe(p)}})
		}
	}
}

func firstWord(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return ""
}

// kernelModules reads modules-load.d(5), /etc/modules and the "install" and "remove" lines of modprobe.d(5).
func kernelModules(x *examiner) {
	files := []artifacts.Path{"/etc/modules"}
	for _, dir := range []artifacts.Path{"/etc/modules-load.d", "/run/modules-load.d", "/usr/local/lib/modules-load.d", "/usr/lib/modules-load.d"} {
		for _, f := range x.list(dir) {
			files = append(files, artifacts.Linux.Join(dir, f.Name))
		}
	}
	seen := map[artifacts.Path]bool{}
	for _, p := range files {
		at, err := x.real(p)
		if err != nil || seen[at] {
			continue
		}
		seen[at] = true
		for n, line := range plain(x.read(p)) {
			if line[0] != ';' {
				x.emit(Entry{Kind: "kernel-module", Path: p, Line: n, Name: firstWord(line), When: "boot", Command: line, Enabled: new(true)})
			}
		}
	}
	for _, dir := range []artifacts.Path{"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"} {
		at, err := x.real(dir)
		if err != nil || seen[at] {
			continue
		}
		seen[at] = true
		for _, f := range x.list(dir) {
			p := artifacts.Linux.Join(dir, f.Name)
			for n, line := range joined(x.read(p)) {
				head, command := cut(line, 2)
				if verb := firstWord(head); verb != "install" && verb != "remove" || command == "" {
					continue
				}
				x.emit(Entry{Kind: "modprobe", Path: p, Line: n, Name: strings.TrimSpace(head), When: "the module is asked for", Command: command, Targets: x.targets(command)})
			}
		}
	}
}

// kernelHelpers reads what the running kernel starts: core_pattern (core(5)), modprobe, hotplug, poweroff, binfmt_misc; and
// what sysctl.d sets them to.
func kernelHelpers(x *examiner) {
	for _, name := range []artifacts.Path{"kernel/core_pattern", "kernel/modprobe", "kernel/hotplug", "kernel/poweroff_cmd"} {
		p := "/proc/sys/" + name
		for n, line := range plain(x.read(p)) {
			command, pipe := strings.CutPrefix(line, "|")
			if name == "kernel/core_pattern" && !pipe {
				continue
			}
			x.emit(Entry{Kind: "kernel-helper", Path: p, Line: n, Name: path.Base(string(name)), Command: line, Targets: x.targets(command), Enabled: new(true)})
		}
	}
	if command := strings.TrimSpace(string(x.read("/sys/kernel/uevent_helper"))); command != "" {
		x.emit(Entry{Kind: "kernel-helper", Path: "/sys/kernel/uevent_helper", Name: "uevent_helper", Command: command, Targets: x.targets(command), Enabled: new(true)})
	}
	x.sysctl("/etc/sysctl.conf")
	for _, dir := range []artifacts.Path{"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"} {
		for _, f := range x.list(dir) {
			x.sysctl(artifacts.Linux.Join(dir, f.Name))
		}
	}
	x.binfmt()
}

func (x *examiner) sysctl(p artifacts.Path) {
	for n, line := range plain(x.read(p)) {
		key, value, _ := strings.Cut(line, "=")
		key, value = strings.ReplaceAll(strings.Trim(key, " \t-"), "/", "."), strings.TrimSpace(value)
		command, pipe := strings.CutPrefix(value, "|")
		if key == "kernel.core_pattern" && pipe || key == "kernel.modprobe" || key == "kernel.hotplug" || key == "kernel.poweroff_cmd" {
			x.emit(Entry{Kind: "kernel-helper", Path: p, Line: n, Name: key, Command: value, When: "set on boot", Targets: x.targets(command)})
		}
	}
}

// binfmt reads the rules of the running kernel, and those of binfmt.d(5): ":name:type:offset:magic:mask:interpreter:flags".
func (x *examiner) binfmt() {
	const proc = "/proc/sys/fs/binfmt_misc"
	for _, f := range x.list(proc) {
		if f.Name == "status" || f.Name == "register" {
			continue
		}
		p := artifacts.Linux.Join(proc, f.Name)
		e := Entry{Kind: "binfmt", Path: p, Name: f.Name, Enabled: new(false)}
		for _, line := range plain(x.read(p)) {
			if line == "enabled" {
				*e.Enabled = true
			}
			if s, ok := strings.CutPrefix(line, "interpreter "); ok {
				e.Command, e.Targets = s, x.targets(s)
			} else if !strings.HasPrefix(line, "flags") && line != "enabled" && line != "disabled" {
				e.When = strings.TrimSpace(e.When + " " + line)
			}
		}
		x.emit(e)
	}
	for _, dir := range []artifacts.Path{"/etc/binfmt.d", "/run/binfmt.d", "/usr/local/lib/binfmt.d", "/usr/lib/binfmt.d"} {
		for _, file := range x.list(dir) {
			p := artifacts.Linux.Join(dir, file.Name)
			for n, line := range plain(x.read(p)) {
				if f := strings.Split(line, line[:1]); len(f) >= 8 {
					x.emit(Entry{Kind: "binfmt", Path: p, Line: n, Name: f[1], When: "set on boot", Command: f[6], Targets: x.targets(f[6])})
				}
			}
		}
	}
}
