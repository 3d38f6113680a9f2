package persistence

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"spor/artifacts"
)

// A scriptDir is a folder whose files are all run.
type scriptDir struct {
	dir   artifacts.Path
	name  string // what runs them
	when  string
	depth int // of folders below that are looked into
}

var scriptDirs = []scriptDir{
	{"/etc/cron.hourly", "cron", "hourly", 0},
	{"/etc/cron.daily", "cron", "daily", 0},
	{"/etc/cron.weekly", "cron", "weekly", 0},
	{"/etc/cron.monthly", "cron", "monthly", 0},
	{"/etc/cron.yearly", "cron", "yearly", 0},
	{"/etc/periodic", "cron", "as its folder says", 1},
	{"/etc/NetworkManager/dispatcher.d", "NetworkManager", "a network connection changes", 1},
	{"/usr/lib/NetworkManager/dispatcher.d", "NetworkManager", "a network connection changes", 1},
	{"/etc/networkd-dispatcher", "networkd-dispatcher", "a network connection changes", 1},
	{"/usr/lib/networkd-dispatcher", "networkd-dispatcher", "a network connection changes", 1},
	{"/etc/network/if-pre-up.d", "ifupdown", "an interface comes up", 0},
	{"/etc/network/if-up.d", "ifupdown", "an interface comes up", 0},
	{"/etc/network/if-down.d", "ifupdown", "an interface goes down", 0},
	{"/etc/network/if-post-down.d", "ifupdown", "an interface goes down", 0},
	{"/etc/sysconfig/network-scripts", "network", "an interface changes", 0},
	{"/etc/ppp", "pppd", "a link changes", 1},
	{"/etc/dhcp/dhclient-enter-hooks.d", "dhclient", "an address is leased", 0},
	{"/etc/dhcp/dhclient-exit-hooks.d", "dhclient", "an address is leased", 0},
	{"/etc/dhcp/dhclient.d", "dhclient", "an address is leased", 0},
	{"/lib/dhcpcd/dhcpcd-hooks", "dhcpcd", "an address is leased", 0},
	{"/etc/openvpn", "openvpn", "where its configuration names it", 1},
	{"/etc/update-motd.d", "motd", "a logon", 0},
	{"/etc/systemd/system-generators", "systemd generator", "boot, reload", 0},
	{"/run/systemd/system-generators", "systemd generator", "boot, reload", 0},
	{"/usr/local/lib/systemd/system-generators", "systemd generator", "boot, reload", 0},
	{"/usr/lib/systemd/system-generators", "systemd generator", "boot, reload", 0},
	{"/etc/systemd/user-generators", "systemd generator", "logon", 0},
	{"/run/systemd/user-generators", "systemd generator", "logon", 0},
	{"/usr/local/lib/systemd/user-generators", "systemd generator", "logon", 0},
	{"/usr/lib/systemd/user-generators", "systemd generator", "logon", 0},
	{"/etc/systemd/system-environment-generators", "systemd generator", "boot, reload", 0},
	{"/usr/lib/systemd/system-environment-generators", "systemd generator", "boot, reload", 0},
	{"/etc/systemd/user-environment-generators", "systemd generator", "logon", 0},
	{"/usr/lib/systemd/user-environment-generators", "systemd generator", "logon", 0},
	{"/etc/systemd/system-sleep", "systemd", "sleep", 0},
	{"/usr/lib/systemd/system-sleep", "systemd", "sleep", 0},
	{"/etc/systemd/system-shutdown", "systemd", "shutdown", 0},
	{"/usr/lib/systemd/system-shutdown", "systemd", "shutdown", 0},
	{"/etc/pm/sleep.d", "pm-utils", "sleep", 0},
	{"/etc/acpi", "acpid", "a power event", 1},
	{"/etc/X11/Xsession.d", "X11", "logon to the desktop", 0},
	{"/etc/X11/xinit/xinitrc.d", "X11", "logon to the desktop", 0},
	{"/etc/gdm3", "gdm", "logon to the desktop", 1},
	{"/etc/gdm", "gdm", "logon to the desktop", 1},
	{"/etc/kernel", "kernel package", "a kernel is installed or removed", 1},
	{"/etc/kernel/install.d", "kernel-install", "a kernel is installed or removed", 0},
	{"/etc/initramfs-tools/hooks", "initramfs-tools", "the initramfs is made", 0},
	{"/etc/initramfs-tools/scripts", "initramfs-tools", "boot, in the initramfs", 1},
	{"/usr/share/initramfs-tools/hooks", "initramfs-tools", "the initramfs is made", 0},
	{"/usr/share/initramfs-tools/scripts", "initramfs-tools", "boot, in the initramfs", 1},
	{"/etc/initramfs/post-update.d", "initramfs-tools", "the initramfs was made", 0},
	{"/etc/initcpio/hooks", "mkinitcpio", "boot, in the initramfs", 0},
	{"/etc/initcpio/install", "mkinitcpio", "the initramfs is made", 0},
	{"/usr/lib/dracut/modules.d", "dracut", "the initramfs is made", 1},
	{"/etc/grub.d", "grub", "its menu is made", 0},
	{"/etc/local.d", "openrc", "boot, shutdown", 0},
	{"/etc/sv", "runit", "boot", 1},
	{"/etc/service", "runit", "boot", 1},
	{"/usr/local/etc/rc.d", "init", "boot", 0},
	{"/etc/resolvconf/update.d", "resolvconf", "a resolver changes", 0},
	{"/etc/libvirt/hooks", "libvirt", "a virtual machine starts or stops", 1},
	{"/etc/qemu-ga", "qemu guest agent", "a snapshot is made", 1},
	{"/etc/vmware-tools", "open-vm-tools", "power changes", 1},
	{"/var/lib/cloud/scripts", "cloud-init", "boot", 1},
	{"/etc/apm", "apmd", "power changes", 2},
	{"/etc/ssl/certs/update.d", "ca-certificates", "certificates change", 0},
	{"/etc/ca-certificates/update.d", "ca-certificates", "certificates change", 0},
}

func scripts(x *examiner) {
	for _, d := range scriptDirs {
		x.scriptDir(d, d.dir, d.depth)
	}
}

// scriptDir records the files that can be run, and those of a folder whose files are read by a shell.
func (x *examiner) scriptDir(d scriptDir, dir artifacts.Path, depth int) {
	for _, f := range x.list(dir) {
		p := artifacts.Linux.Join(dir, f.Name)
		switch {
		case f.Kind == artifacts.Directory:
			if depth > 0 {
				x.scriptDir(d, p, depth-1)
			}
			continue
		case f.Kind == artifacts.Regular || f.Kind == artifacts.Unknown:
			st, err := x.files.Lstat(p)
			if err != nil || st.Mode&0o111 == 0 && !strings.Contains(string(dir), "hooks") {
				continue
			}
		case f.Kind != artifacts.Symlink:
			continue
		}
		about := x.describe(p)
		x.emit(Entry{Kind: "script", Path: p, Name: d.name, When: d.when, Command: string(p), Config: &about, Targets: []File{about}})
	}
}

// initScripts records the scripts of System V init with the links that enable them, rc.local, inittab and Upstart's jobs.
func initScripts(x *examiner) {
	links := map[string][]artifacts.Path{}
	for _, base := range []artifacts.Path{"/etc", "/etc/rc.d"} {
		for _, level := range "0123456S" {
			dir := base + artifacts.Path("/rc"+string(level)+".d")
			for _, f := range x.list(dir) {
				if len(f.Name) > 3 && (f.Name[0] == 'S' || f.Name[0] == 'K') {
					name := f.Name[3:]
					if at, err := x.real(artifacts.Linux.Join(dir, f.Name)); err == nil {
						name = path.Base(string(at))
					}
					links[name] = append(links[name], artifacts.Linux.Join(dir, f.Name))
				}
			}
		}
	}
	seen := map[artifacts.Path]bool{}
	for _, dir := range []artifacts.Path{"/etc/init.d", "/etc/rc.d/init.d"} {
		at, err := x.real(dir)
		if err != nil || seen[at] {
			continue
		}
		seen[at] = true
		for _, f := range x.list(dir) {
			p := artifacts.Linux.Join(dir, f.Name)
			about := x.describe(p)
			if about.Mode == "" || f.Kind == artifacts.Directory || strings.HasSuffix(f.Name, "README") {
				continue
			}
			starts := slices.ContainsFunc(links[f.Name], func(l artifacts.Path) bool { return path.Base(string(l))[0] == 'S' })
			x.emit(Entry{Kind: "init-script", Path: p, Name: f.Name, When: "boot", Command: string(p), Enabled: &starts, EnabledBy: links[f.Name], Config: &about, Targets: []File{about}})
			delete(links, f.Name)
		}
	}
	for _, p := range []artifacts.Path{"/etc/rc.local", "/etc/rc.d/rc.local", "/etc/init.d/boot.local", "/etc/init.d/after.local"} {
		at, err := x.real(p)
		if data := x.read(p); len(data) > 0 && err == nil && !seen[at] {
			seen[at] = true
			st, _ := x.files.Lstat(at)
			x.emit(Entry{Kind: "rc-local", Path: p, When: "boot", Command: commands(data), Enabled: new(st.Mode&fs.FileMode(0o111) != 0), Targets: x.targets(commands(data))})
		}
	}
	for n, line := range plain(x.read("/etc/inittab")) {
		if f := strings.SplitN(line, ":", 4); len(f) == 4 && f[3] != "" {
			x.emit(Entry{Kind: "inittab", Path: "/etc/inittab", Line: n, Name: f[0], When: "run levels " + f[1] + ", " + f[2], Command: f[3], Targets: x.targets(f[3])})
		}
	}
	x.upstart()
}

// upstart reads the jobs of init(5) of Upstart: "exec", and the lines between "script" and "end script".
func (x *examiner) upstart() {
	for _, f := range x.list("/etc/init") {
		if !strings.HasSuffix(f.Name, ".conf") {
			continue
		}
		p := artifacts.Linux.Join("/etc/init", f.Name)
		e := Entry{Kind: "inittab", Path: p, Name: strings.TrimSuffix(f.Name, ".conf")}
		var run []string
		inside := false
		for _, line := range plain(x.read(p)) {
			command, isExec := strings.CutPrefix(line, "exec ")
			switch {
			case strings.HasPrefix(line, "start on "):
				e.When = line
			case isExec && !inside:
				run = append(run, command)
			case strings.HasSuffix(line, "script") && !inside:
				inside = true
			case line == "end script":
				inside = false
			case inside:
				run = append(run, line)
			}
		}
		e.Command = strings.Join(run, "\n")
		e.Targets = x.targets(strings.Join(run, " ; "))
		x.emit(e)
	}
}

// commands are the lines of a script that are no comments.
func commands(data []byte) string {
	var all []string
	for _, line := range plain(data) {
		if all = append(all, line); len(all) >= 200 {
			break
		}
	}
	return strings.Join(all, "\n")
}

// autostart reads desktop entries: "Exec", "Hidden", "OnlyShowIn", TryExec.
func autostart(x *examiner) {
	type place struct {
		dir  artifacts.Path
		user string
	}
	dirs := []place{{"/etc/xdg/autostart", "*"}, {"/usr/share/autostart", "*"}, {"/usr/share/gnome/autostart", "*"}}
	for _, h := range x.homes {
		for _, sub := range []artifacts.Path{"/.config/autostart", "/.local/share/autostart", "/.kde/Autostart", "/.kde4/Autostart", "/.config/autostart-scripts", "/.config/plasma-workspace/env", "/.config/plasma-workspace/shutdown"} {
			dirs = append(dirs, place{h.dir + sub, h.user})
		}
	}
	for _, d := range dirs {
		for _, f := range x.list(d.dir) {
			p := artifacts.Linux.Join(d.dir, f.Name)
			if f.Kind == artifacts.Directory {
				continue
			}
			e := Entry{Kind: "xdg-autostart", Path: p, User: d.user, When: "logon to the desktop", Enabled: new(true)}
			if !strings.HasSuffix(f.Name, ".desktop") {
				e.Command, e.Targets = string(p), []File{x.describe(p)}
				x.emit(e)
				continue
			}
			list := x.settings(p, nil)
			e.Name, e.Command = last(list, "Desktop Entry.Name"), last(list, "Desktop Entry.Exec")
			*e.Enabled = last(list, "Desktop Entry.Hidden") != "true" && last(list, "Desktop Entry.X-GNOME-Autostart-enabled") != "false"
			if only := last(list, "Desktop Entry.OnlyShowIn"); only != "" {
				e.Details = "only in " + only
			}
			e.Targets = x.targets(e.Command)
			x.emit(e)
		}
	}
}
