package host

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/live/clock"
	"spor/collect/live/identity"
	"spor/collect/live/procfs"
	"spor/collect/patient"
)

// open describes the machine from its files. Where /proc is not mounted, uname(2) still names it.
func open(ctx context.Context) (*artifacts.Host, error) {
	tree := &files{mounts: map[artifacts.Path]artifacts.Mount{}}
	tree.remotes.mounts = tree.mounts
	h := &artifacts.Host{OS: artifacts.Linux, Files: patient.New(tree, tree.doubtful), Live: true, Root: os.Geteuid() == 0, Environ: map[string]string{}}
	mounts, err := readMounts(tree)
	if err != nil {
		h.Limits = append(h.Limits, limit(artifacts.Failed, "/proc/self/mountinfo", "mounts are not known, so that network file systems are entered: %v", err))
	}
	for _, m := range mounts {
		tree.mounts[m.Path] = m.Mount // a later one lies over the earlier
		tree.remotes.add(m.Mount)
		if m.Class == artifacts.Local && !procfs.Answers(m.Type) {
			tree.doubted = append(tree.doubted, m.Path)
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	h.Identity = identity.Glance(tree)
	h.Identity.Source = "live"
	name(&h.Identity)
	h.Clock = clock.Glance(tree, time.Now())
	h.Clock.Synchronized = clock.Synchronized()
	h.Users = identity.Users(tree)
	h.Limits = append(h.Limits, privileges(tree, mounts)...)
	if self, err := tree.Readlink("/proc/self/exe"); err == nil {
		h.Self = append(h.Self, artifacts.Path(strings.TrimSuffix(string(self), " (deleted)")))
	}
	return h, nil
}

func readMounts(tree artifacts.Files) ([]procfs.MountInfo, error) {
	data, err := procfs.Read(tree, "/proc/self/mountinfo", procfs.MaxMountInfo)
	return procfs.Mounts(data), err
}

// machines are Go's names of what uname(2) calls the processor.
var machines = map[string]string{"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "i586": "386", "armv7l": "arm", "armv6l": "arm"}

// name adds what the kernel says of itself.
func name(id *artifacts.Identity) {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return
	}
	id.Arch = unix.ByteSliceToString(u.Machine[:])
	if known := machines[id.Arch]; known != "" {
		id.Arch = known
	}
	if id.Kernel == "" {
		id.Kernel = procfs.Text(unix.ByteSliceToString(u.Release[:]))
	}
	if id.Hostname == "" {
		id.Hostname = procfs.Text(unix.ByteSliceToString(u.Nodename[:]))
	}
}

// capabilities are those of capabilities(7) that we need, and what is lost without them.
var capabilities = []struct {
	number uint
	name   string
	loss   string
}{
	{2, "CAP_DAC_READ_SEARCH", "files that others keep closed cannot be read"},
	{3, "CAP_FOWNER", "access times of other users' files change by reading them"},
	{19, "CAP_SYS_PTRACE", "executables, folders and sockets of other users' processes are not seen"},
}

// privileges tells what we may not do here.
func privileges(tree artifacts.Files, mounts []procfs.MountInfo) (all []artifacts.Outcome) {
	if euid := os.Geteuid(); euid != 0 {
		all = append(all, limit(artifacts.Denied, "", "not root (uid %d): what belongs to others, processes, sockets and files, is closed to us", euid))
	}
	data, err := procfs.Read(tree, "/proc/self/status", procfs.Small)
	effective, parseErr := strconv.ParseUint(procfs.Map(data, ":")["CapEff"], 16, 64)
	for _, c := range capabilities {
		if err == nil && parseErr == nil && os.Geteuid() == 0 && effective&(1<<c.number) == 0 && !covers(effective, c.number) {
			all = append(all, limit(artifacts.Denied, "", "root without %s: %s", c.name, c.loss))
		}
	}
	for _, m := range mounts {
		i := slices.IndexFunc(m.Options, func(o string) bool { return strings.HasPrefix(o, "hidepid=") && o != "hidepid=0" && o != "hidepid=off" })
		if m.Path == "/proc" && i >= 0 && os.Geteuid() != 0 {
			all = append(all, limit(artifacts.Denied, "/proc", "mounted with %s: processes of others are not seen", m.Options[i]))
		}
	}
	return all
}

// covers tells whether another capability does as well: CAP_DAC_OVERRIDE (1) reads what CAP_DAC_READ_SEARCH does.
func covers(effective uint64, number uint) bool { return number == 2 && effective&(1<<1) != 0 }

func limit(status artifacts.Status, p artifacts.Path, format string, args ...any) artifacts.Outcome {
	return artifacts.Outcome{Source: "host", Path: p, Status: status, Reason: fmt.Sprintf(format, args...)}
}
