package clock

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

func collect(_ context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	now := h.Clock.Now
	if h.Live {
		now = time.Now()
	}
	out := Record{Clock: Glance(h.Files, now), UptimeSeconds: uptime(h.Files).Seconds()}
	z := zoneOf(h.Files)
	out.ZoneRule = z.rule
	if z.location != nil {
		out.ZoneShort, _ = now.In(z.location).Zone()
	}
	out.HardwareClock, out.HardwareLocal = hardware(h.Files)
	out.Services = services(h.Files)
	out.Adjusted = adjusted(h.Files)
	if h.Live {
		var err error
		if out.Kernel, err = discipline(); err != nil {
			rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: fmt.Sprintf("clock state of the kernel: %v", err)})
		}
	}
	if out.Kernel != nil {
		synchronized := out.Kernel.Synchronized()
		out.Synchronized = &synchronized
		out.SyncSource = source(out.Services)
	}
	return rec.Record(out)
}

// Synchronized asks the kernel whether something keeps its clock right; nil where it cannot be asked. It changes
// nothing.
func Synchronized() *bool {
	k, err := discipline()
	if err != nil {
		return nil
	}
	yes := k.Synchronized()
	return &yes
}

// discipline calls adjtimex(2) with modes 0, which only reads and needs no privilege.
func discipline() (*Kernel, error) {
	var x unix.Timex
	state, err := unix.Adjtimex(&x)
	if err != nil {
		return nil, err
	}
	k := &Kernel{
		OffsetMicros: float64(x.Offset), MaxErrMicros: int64(x.Maxerror), EstErrMicros: int64(x.Esterror), //nolint:unconvert // 32 bits on some systems
		FrequencyPPM: float64(x.Freq) / 65536, TAISeconds: int(x.Tai), Status: bits(x.Status),
	}
	if x.Status&unix.STA_NANO != 0 {
		k.OffsetMicros /= 1000
	}
	k.State = fmt.Sprint(state)
	if names := [...]string{"ok", "insert", "delete", "in progress", "wait", "error"}; state >= 0 && state < len(names) {
		k.State = names[state]
	}
	return k, nil
}

// statusBits are those of include/uapi/linux/timex.h.
var statusBits = []struct {
	bit  int32
	name string
}{
	{unix.STA_PLL, "pll"},
	{unix.STA_PPSFREQ, "ppsfreq"},
	{unix.STA_PPSTIME, "ppstime"},
	{unix.STA_FLL, "fll"},
	{unix.STA_INS, "ins"},
	{unix.STA_DEL, "del"},
	{unix.STA_UNSYNC, unsync},
	{unix.STA_FREQHOLD, "freqhold"},
	{unix.STA_PPSSIGNAL, "ppssignal"},
	{unix.STA_PPSJITTER, "ppsjitter"},
	{unix.STA_PPSWANDER, "ppswander"},
	{unix.STA_PPSERROR, "ppserror"},
	{unix.STA_CLOCKERR, "clockerr"},
	{unix.STA_NANO, "nano"},
	{unix.STA_MODE, "mode"},
	{unix.STA_CLK, "clk"},
}

func bits(status int32) (names []string) {
	for _, b := range statusBits {
		if status&b.bit != 0 {
			names = append(names, b.name)
		}
	}
	return names
}

// hardware reads /sys/class/rtc/rtc0, and the third line of /etc/adjtime, which says how hwclock(8) sets it.
func hardware(f artifacts.Files) (time.Time, *bool) {
	at, err := time.Parse("2006-01-02 15:04:05", procfs.Line(f, "/sys/class/rtc/rtc0/date")+" "+procfs.Line(f, "/sys/class/rtc/rtc0/time"))
	if err != nil {
		at = time.Time{}
	}
	lines := strings.Split(string(read(f, "/etc/adjtime")), "\n")
	if len(lines) < 3 {
		return at, nil
	}
	switch word := strings.TrimSpace(lines[2]); word {
	case "UTC", "LOCAL":
		local := word == "LOCAL"
		return at, &local
	}
	return at, nil
}

// known are the services that set a Linux clock: the name their process has, where their configuration lies, and the
// words before a server in it.
var known = []struct {
	name    string
	process string
	configs []artifacts.Path
	keys    []string
}{
	{"systemd-timesyncd", "systemd-timesyn", []artifacts.Path{"/etc/systemd/timesyncd.conf"}, []string{"NTP=", "FallbackNTP="}},
	{"chrony", "chronyd", []artifacts.Path{"/etc/chrony/chrony.conf", "/etc/chrony.conf"}, []string{"server ", "pool ", "peer ", "refclock "}},
	{"ntpd", "ntpd", []artifacts.Path{"/etc/ntpsec/ntp.conf", "/etc/ntp.conf"}, []string{"server ", "pool ", "peer "}},
	{"openntpd", "openntpd", []artifacts.Path{"/etc/openntpd/ntpd.conf"}, []string{"server ", "servers ", "sensor "}},
	{"ptp4l", "ptp4l", []artifacts.Path{"/etc/linuxptp/ptp4l.conf"}, nil},
	{"open-vm-tools", "vmtoolsd", []artifacts.Path{"/etc/vmware-tools/tools.conf"}, nil},
}

// services tells of each that is configured or runs.
func services(f artifacts.Files) (all []Service) {
	running := names(f)
	for _, k := range known {
		s := Service{Name: k.name}
		for _, config := range k.configs {
			data, err := procfs.Read(f, config, procfs.Small)
			if err != nil || s.Configured {
				continue
			}
			s.Configured, s.Config = true, config
			s.Servers = servers(data, k.keys)
		}
		if running != nil {
			yes := running[k.process]
			s.Running = &yes
		}
		if s.Configured || s.Running != nil && *s.Running {
			all = append(all, s)
		}
	}
	return all
}

func servers(config []byte, keys []string) (all []string) {
	for line := range procfs.Lines(config) {
		for _, key := range keys {
			rest, ok := strings.CutPrefix(line, key)
			words := strings.Fields(rest)
			if !ok || len(words) == 0 {
				continue
			}
			if !strings.HasSuffix(key, "=") {
				words = words[:1] // options follow
			}
			for _, w := range words {
				all = append(all, procfs.Text(w))
			}
		}
	}
	return all
}

// names are those of all processes; nil where /proc cannot be listed.
func names(f artifacts.Files) map[string]bool {
	pids, err := procfs.PIDs(f)
	if err != nil || len(pids) == 0 {
		return nil
	}
	all := make(map[string]bool, len(pids))
	for _, pid := range pids {
		all[procfs.Line(f, procfs.Of(pid, "comm"))] = true
	}
	return all
}

// source names the one service that runs; where several do, all of them.
func source(list []Service) string {
	var running []string
	for _, s := range list {
		if s.Running != nil && *s.Running {
			running = append(running, strings.TrimSpace(s.Name+" "+strings.Join(s.Servers, " ")))
		}
	}
	return strings.Join(running, ", ")
}

// adjusted is when systemd-timesyncd, or chrony, last noted that the clock is right.
func adjusted(f artifacts.Files) (last time.Time) {
	for _, p := range []artifacts.Path{
		"/run/systemd/timesync/synchronized", "/var/lib/systemd/timesync/clock", "/var/lib/private/systemd/timesync/clock",
		"/var/lib/chrony/drift", "/var/lib/chrony/chrony.drift", "/var/lib/ntpsec/ntp.drift", "/var/lib/ntp/ntp.drift",
	} {
		if st, err := f.Lstat(p); err == nil && st.Times.Modified.After(last) {
			last = st.Times.Modified
		}
	}
	return last
}
