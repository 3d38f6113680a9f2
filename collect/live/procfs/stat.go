package procfs

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// Ticks is USER_HZ, the ticks in a second of every time in /proc/PID/stat: 100 on all systems that Linux still runs
// on, whatever the kernel's own HZ.
const Ticks = 100

// A Stat is what is used of /proc/PID/stat.
type Stat struct {
	PID     int
	Comm    string // as the process spells it; may hold spaces and parentheses
	State   byte
	PPID    int
	Session int
	TTY     uint64 // device number; 0: none
	Flags   uint64 // PF_ bits of include/linux/sched.h
	CPU     uint64 // ticks, user and system
	Threads int
	Start   uint64 // ticks since boot; with PID it names a process
	RSS     int64  // pages
}

// KernelThread tells whether it is a thread of the kernel, by its own word (PF_KTHREAD): a name in brackets says
// nothing.
func (s Stat) KernelThread() bool { return s.Flags&0x00200000 != 0 }

// StateName is the state in a word; the letter itself where it is not known.
func (s Stat) StateName() string {
	if name, ok := stateNames[s.State]; ok {
		return name
	}
	return Text(string([]byte{s.State}))
}

var stateNames = map[byte]string{
	'R': "running", 'S': "sleeping", 'D': "disk sleep", 'T': "stopped", 't': "traced", 'Z': "zombie", 'X': "dead",
	'x': "dead", 'I': "idle", 'P': "parked", 'K': "wakekill", 'W': "waking",
}

var errStat = errors.New("not of the form of /proc/PID/stat")

// ParseStat reads /proc/PID/stat. The name stands between the first "(" and the last ")".
func ParseStat(data []byte) (Stat, error) {
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 1 || end < open {
		return Stat{}, errStat
	}
	f := strings.Fields(string(data[end+1:]))
	if len(f) < 22 || len(f[0]) != 1 {
		return Stat{}, errStat
	}
	s := Stat{Comm: string(data[open+1 : end]), State: f[0][0]}
	r := numbers{}
	s.PID = int(r.signed(strings.TrimSpace(string(data[:open]))))
	s.PPID, s.Session, s.Threads = int(r.signed(f[1])), int(r.signed(f[3])), int(r.signed(f[17]))
	s.TTY = uint64(uint32(r.signed(f[4]))) // printed as a signed number
	s.Flags, s.CPU = r.unsigned(f[6]), r.unsigned(f[11])+r.unsigned(f[12])
	s.Start, s.RSS = r.unsigned(f[19]), r.signed(f[21])
	return s, r.err
}

// TTYName gives the usual name of a terminal by its device number (Documentation/admin-guide/devices.txt of the
// kernel), "major:minor" where there is none, and nothing for none.
func TTYName(device uint64) string {
	major, minor := device>>8&0xfff, device&0xff|device>>12&0xfff00
	n := func(prefix string, from uint64) string { return prefix + strconv.FormatUint(minor-from, 10) }
	switch {
	case device == 0:
		return ""
	case major >= 136 && major < 144:
		return "pts/" + strconv.FormatUint((major-136)<<8+minor, 10)
	case major == 4 && minor < 64:
		return n("tty", 0)
	case major == 4:
		return n("ttyS", 64)
	case major == 5 && minor == 1:
		return "console"
	case major == 188:
		return n("ttyUSB", 0)
	case major == 204 && minor >= 64:
		return n("ttyAMA", 64)
	case major == 229:
		return n("hvc", 0)
	}
	return strconv.FormatUint(major, 10) + ":" + strconv.FormatUint(minor, 10)
}

// numbers keeps the first error, so that a row of conversions reads as one.
type numbers struct{ err error }

func (r *numbers) signed(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil && r.err == nil {
		r.err = err
	}
	return n
}

func (r *numbers) unsigned(s string) uint64 { return r.base(s, 10) }

func (r *numbers) base(s string, base int) uint64 {
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil && r.err == nil {
		r.err = err
	}
	return n
}
