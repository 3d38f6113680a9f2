package kernel

import (
	"context"
	"errors"
	"path"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// settings are those of /proc/sys that tell of hardening, of traces and of ways in. None of them is a secret, and reading
// none waits.
var settings = strings.Fields(`kernel.core_pattern kernel.core_uses_pid kernel.modprobe kernel.modules_disabled kernel.kexec_load_disabled
	kernel.kptr_restrict kernel.dmesg_restrict kernel.perf_event_paranoid kernel.randomize_va_space kernel.sysrq kernel.panic kernel.panic_on_oops
	kernel.unprivileged_bpf_disabled kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns kernel.yama.ptrace_scope
	kernel.ftrace_enabled kernel.kprobes-optimization kernel.hotplug kernel.poweroff_cmd kernel.pid_max kernel.hostname kernel.domainname
	kernel.osrelease kernel.ostype kernel.version kernel.random.boot_id kernel.usermodehelper.bset kernel.usermodehelper.inheritable kernel.io_uring_disabled
	kernel.io_uring_group kernel.ns_last_pid kernel.printk kernel.keys.maxkeys kernel.seccomp.actions_avail
	fs.suid_dumpable fs.protected_symlinks fs.protected_hardlinks fs.protected_fifos fs.protected_regular fs.file-max fs.file-nr fs.inotify.max_user_watches
	vm.mmap_min_addr vm.overcommit_memory vm.swappiness vm.unprivileged_userfaultfd vm.max_map_count user.max_user_namespaces
	net.core.bpf_jit_enable net.core.bpf_jit_harden net.ipv4.ip_forward net.ipv4.conf.all.forwarding net.ipv4.conf.all.rp_filter
	net.ipv4.conf.all.accept_redirects net.ipv4.conf.all.send_redirects net.ipv4.conf.all.accept_source_route net.ipv4.conf.all.route_localnet
	net.ipv4.conf.all.proxy_arp net.ipv4.conf.all.log_martians net.ipv4.icmp_echo_ignore_all net.ipv4.tcp_syncookies net.ipv4.ip_unprivileged_port_start
	net.ipv4.ip_nonlocal_bind net.ipv4.ping_group_range net.ipv4.tcp_timestamps net.ipv6.conf.all.forwarding net.ipv6.conf.all.disable_ipv6
	net.ipv6.conf.all.accept_ra net.ipv6.conf.all.accept_redirects dev.tty.legacy_tiocsti dev.tty.ldisc_autoload`)

// taints are the bits of Documentation/admin-guide/tainted-kernels.rst; those of modules are marked.
var taints = []struct {
	letter, meaning string
	module          bool
}{
	{"P", "proprietary module was loaded", true},
	{"F", "module was force loaded", true},
	{"S", "kernel running on an out of specification system", false},
	{"R", "module was force unloaded", false},
	{"M", "processor reported a machine check exception", false},
	{"B", "bad page referenced or some unexpected page flags", false},
	{"U", "taint requested by userspace application", false},
	{"D", "kernel died recently: there was an oops or a bug", false},
	{"A", "ACPI table overridden by user", false},
	{"W", "kernel issued a warning", false},
	{"C", "staging driver was loaded", true},
	{"I", "workaround for a bug in platform firmware applied", false},
	{"O", "module that is not of the kernel's own tree was loaded", true},
	{"E", "unsigned module was loaded", true},
	{"L", "soft lockup occurred", false},
	{"K", "kernel has been live patched", true},
	{"X", "auxiliary taint, defined by the distribution", false},
	{"T", "kernel was built with the struct randomization plugin", false},
	{"N", "an in-kernel test was run", true},
	{"J", "userspace used a mutating debug operation in fwctl", false},
}

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	f := h.Files
	out := Facts{
		Version: procfs.Line(f, "/proc/version"), CommandLine: procfs.Line(f, "/proc/cmdline"), Tainted: procfs.Number(f, "/proc/sys/kernel/tainted"),
		KexecLoaded: procfs.Number(f, "/sys/kernel/kexec_loaded") == 1, Settings: map[string]string{}, Vulnerabilities: map[string]string{},
	}
	if out.Version == "" {
		return errors.New("/proc/version cannot be read")
	}
	out.taint(f)
	out.Lockdown = chosen(procfs.Line(f, "/sys/kernel/security/lockdown"))
	if lsm := procfs.Line(f, "/sys/kernel/security/lsm"); lsm != "" {
		out.LSM = strings.Split(lsm, ",")
	}
	out.SELinux = map[string]string{"1": "enforcing", "0": "permissive"}[procfs.Line(f, "/sys/fs/selinux/enforce")]
	out.AppArmor = appArmor(f)
	out.SecureBoot, out.SetupMode = efi(f, rec, "SecureBoot"), efi(f, rec, "SetupMode")
	for _, name := range settings {
		p := artifacts.Path("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
		data, err := procfs.Read(f, p, 4096)
		if o, bad := procfs.Outcome(p, err); bad {
			rec.Note(o)
		}
		if err == nil {
			out.Settings[name] = procfs.Text(strings.TrimSpace(string(data)))
		}
	}
	const cpu = "/sys/devices/system/cpu/vulnerabilities"
	entries, _ := f.ReadDir(cpu)
	for _, e := range entries[:min(len(entries), 256)] {
		out.Vulnerabilities[procfs.Text(e.Name)] = procfs.Line(f, artifacts.Path(path.Join(cpu, e.Name)))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return rec.Record(out)
}

// taint decodes the bits, and looks for those that a module must have caused.
func (out *Facts) taint(f artifacts.Files) {
	list, _ := procfs.Read(f, "/proc/modules", maxModules*256)
	var have strings.Builder
	for line := range procfs.Lines(list) {
		if m, err := parseModule(line); err == nil {
			have.WriteString(m.Taint)
		}
	}
	for i, t := range taints {
		if out.Tainted&(1<<i) == 0 {
			continue
		}
		out.Taints = append(out.Taints, Taint{t.letter, t.meaning})
		if t.module && !strings.Contains(have.String(), t.letter) {
			out.TaintOrphans += t.letter
		}
	}
}

// chosen reads the one in brackets of "none [integrity] confidentiality".
func chosen(line string) string {
	_, rest, ok := strings.Cut(line, "[")
	word, _, _ := strings.Cut(rest, "]")
	if !ok {
		return ""
	}
	return word
}

// appArmor counts lines "name (enforce)".
func appArmor(f artifacts.Files) map[string]int {
	data, err := procfs.Read(f, "/sys/kernel/security/apparmor/profiles", procfs.Small)
	if err != nil || len(data) == 0 {
		return nil
	}
	modes := map[string]int{}
	for line := range procfs.Lines(data) {
		if i := strings.LastIndex(line, "("); i >= 0 && len(modes) < 32 {
			modes[procfs.Text(strings.TrimSuffix(line[i+1:], ")"))]++
		}
	}
	return modes
}

// efi reads a global variable of the firmware that is one byte (UEFI 2.10, 3.3): four bytes of attributes, then it.
func efi(f artifacts.Files, rec artifacts.Recorder, name string) *bool {
	p := artifacts.Path("/sys/firmware/efi/efivars/" + name + "-8be4df61-93ca-11d2-aa0d-00e098032b8c")
	data, err := procfs.Read(f, p, 64)
	if o, bad := procfs.Outcome(p, err); bad {
		rec.Note(o)
	}
	if err != nil || len(data) != 5 {
		return nil
	}
	on := data[4] == 1
	return &on
}
