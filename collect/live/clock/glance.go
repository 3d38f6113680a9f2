package clock

import (
	"bytes"
	"cmp"
	"errors"
	"strconv"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// maxZone is more than the largest zone file takes.
const maxZone = 1 << 20

// Glance reads the clock of a Linux host from its files: zone and offset at now, and boot time where it runs. Whether
// the kernel calls itself synchronised is the caller's to add.
func Glance(f artifacts.Files, now time.Time) artifacts.Clock {
	c := artifacts.Clock{Now: now.UTC(), BootTime: bootTime(f, now)}
	z := zoneOf(f)
	c.Zone = z.name
	if z.location != nil {
		_, c.OffsetSeconds = now.In(z.location).Zone()
	}
	return c
}

// bootTime is now less the time since boot, which is exact to hundredths of a second and follows a clock that was set
// since; else the seconds of btime in /proc/stat.
func bootTime(f artifacts.Files, now time.Time) time.Time {
	if up := uptime(f); up > 0 {
		return now.Add(-up).UTC().Truncate(10 * time.Millisecond)
	}
	data, _ := procfs.Read(f, "/proc/stat", 16<<20)
	for line := range procfs.Lines(data) {
		if s, ok := strings.CutPrefix(line, "btime "); ok {
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				return time.Unix(n, 0).UTC()
			}
		}
	}
	return time.Time{}
}

func uptime(f artifacts.Files) time.Duration {
	seconds, _, _ := strings.Cut(procfs.Line(f, "/proc/uptime"), " ")
	up, err := strconv.ParseFloat(seconds, 64)
	if err != nil || up <= 0 || up > 1e9 {
		return 0
	}
	return time.Duration(up * float64(time.Second))
}

// A zone is the host's local time.
type zone struct {
	name     string
	location *time.Location // nil: not known
	rule     string         // POSIX TZ string of the time after the last transition in the file
}

// zoneOf reads what localtime(5) describes: a link into zoneinfo, or a copy of a zone file. No file means UTC.
func zoneOf(f artifacts.Files) zone {
	var z zone
	if link, err := f.Readlink("/etc/localtime"); err == nil {
		if _, name, ok := strings.Cut(string(link), "zoneinfo/"); ok {
			z.name = procfs.Text(name)
		}
	}
	z.name = cmp.Or(z.name, procfs.Line(f, "/etc/timezone"), procfs.Map(read(f, "/etc/sysconfig/clock"), "=")["ZONE"])
	data, err := procfs.Read(f, "/etc/localtime", maxZone)
	if err != nil {
		if z.name == "" && !errors.Is(err, procfs.ErrTooLong) {
			z.name = "UTC" // localtime(5): so it is where there is no such file
		}
		if z.name == "UTC" || z.name == "Etc/UTC" {
			z.location = time.UTC
		}
		return z
	}
	if location, err := time.LoadLocationFromTZData(z.name, data); err == nil {
		z.location = location
		z.rule = footer(data)
	}
	return z
}

// footer is the last line of a zone file of version 2 and later, RFC 8536 section 3.3.
func footer(data []byte) string {
	data, ok := bytes.CutSuffix(data, []byte("\n"))
	i := bytes.LastIndexByte(data, '\n')
	if !ok || i < 0 || len(data)-i > 100 {
		return ""
	}
	return procfs.Text(string(data[i+1:]))
}

func read(f artifacts.Files, p artifacts.Path) []byte {
	data, _ := procfs.Read(f, p, procfs.Small)
	return data
}
