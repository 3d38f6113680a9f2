package clock

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/live/livetest"
)

// zoneFile is a zone file of version 2 (RFC 8536) with one offset, 3600 s called CET, and the rule of Oslo.
func zoneFile() string {
	block := func(times string) string {
		return "TZif2" + string(make([]byte, 15)) + // version, reserved
			"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x04" + // six counts: one type, four letters
			times + "\x00\x00\x0e\x10\x00\x00CET\x00"
	}
	return block("") + block("") + "\nCET-1CEST,M3.5.0,M10.5.0/3\n"
}

func TestZone(t *testing.T) {
	winter, summer := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC), time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		tree           livetest.Tree
		zone           string
		winter, summer int
	}{
		"link":    {livetest.Tree{"/etc/localtime": livetest.Link("../usr/share/zoneinfo/Europe/Oslo"), "/usr/share/zoneinfo/Europe/Oslo": livetest.Text(zoneFile())}, "Europe/Oslo", 3600, 7200},
		"copy":    {livetest.Tree{"/etc/localtime": livetest.Text(zoneFile()), "/etc/timezone": livetest.Text("Europe/Oslo\n")}, "Europe/Oslo", 3600, 7200},
		"red hat": {livetest.Tree{"/etc/localtime": livetest.Text(zoneFile()), "/etc/sysconfig/clock": livetest.Text("ZONE=\"Europe/Oslo\"\n")}, "Europe/Oslo", 3600, 7200},
		"none":    {livetest.Tree{}, "UTC", 0, 0},
		"damaged": {livetest.Tree{"/etc/localtime": livetest.Text("TZif2 and no more"), "/etc/timezone": livetest.Text("Europe/Oslo\n")}, "Europe/Oslo", 0, 0},
	} {
		f := test.tree.Files()
		for at, want := range map[time.Time]int{winter: test.winter, summer: test.summer} {
			if got := Glance(f, at); got.Zone != test.zone || got.OffsetSeconds != want || !got.Now.Equal(at) {
				t.Errorf("%s: zone %q, %d s at %v, want %q, %d s", name, got.Zone, got.OffsetSeconds, at, test.zone, want)
			}
		}
	}
}

func TestBootTime(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	for name, test := range map[string]struct {
		tree livetest.Tree
		want time.Time
	}{
		"uptime": {livetest.Tree{"/proc/uptime": livetest.Text("3600.25 7000.00\n"), "/proc/stat": livetest.Text("btime 1\n")}, time.Date(2026, 3, 1, 10, 59, 59, 750000000, time.UTC)},
		"btime":  {livetest.Tree{"/proc/stat": livetest.Text("cpu 1 2\nbtime 1772353815\n")}, time.Unix(1772353815, 0).UTC()},
		"absurd": {livetest.Tree{"/proc/uptime": livetest.Text("1e300\n")}, time.Time{}},
		"none":   {livetest.Tree{}, time.Time{}},
	} {
		if got := Glance(test.tree.Files(), now).BootTime; !got.Equal(test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestCollect(t *testing.T) {
	synced := time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC)
	tree := livetest.Tree{
		"/etc/localtime":               livetest.Text(zoneFile()),
		"/etc/timezone":                livetest.Text("Europe/Oslo"),
		"/proc/uptime":                 livetest.Text("60.00 0.00\n"),
		"/proc/7/comm":                 livetest.Text("chronyd\n"),
		"/etc/chrony/chrony.conf":      livetest.Text("# pool no.example\npool 2.debian.pool.ntp.org iburst\nserver 192.0.2.1\nserver\n"),
		"/etc/systemd/timesyncd.conf":  livetest.Text("[Time]\n#NTP=\nNTP=ntp1.example ntp2.example\n"),
		"/var/lib/chrony/chrony.drift": {Data: "x", Stat: artifacts.Stat{Times: artifacts.Times{Modified: synced}}},
		"/sys/class/rtc/rtc0/date":     livetest.Text("2026-03-01\n"),
		"/sys/class/rtc/rtc0/time":     livetest.Text("13:00:01\n"),
		"/etc/adjtime":                 livetest.Text("0.0 0 0.0\n0\nLOCAL\n"),
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	got, notes := livetest.Run[Record](t, Collector, &artifacts.Host{OS: artifacts.Linux, Files: tree.Files(), Clock: artifacts.Clock{Now: now}})
	r := got[0]
	if !r.Now.Equal(now) || !r.BootTime.Equal(now.Add(-time.Minute)) || r.UptimeSeconds != 60 || r.Zone != "Europe/Oslo" || r.OffsetSeconds != 3600 || r.ZoneShort != "CET" || r.ZoneRule != "CET-1CEST,M3.5.0,M10.5.0/3" {
		t.Errorf("%+v", r)
	}
	if !r.HardwareClock.Equal(time.Date(2026, 3, 1, 13, 0, 1, 0, time.UTC)) || r.HardwareLocal == nil || !*r.HardwareLocal || !r.Adjusted.Equal(synced) {
		t.Errorf("hardware clock %v local %v, synchronised %v", r.HardwareClock, r.HardwareLocal, r.Adjusted)
	}
	var services []string
	for _, s := range r.Services {
		services = append(services, fmt.Sprintf("%s %v %v %q %s", s.Name, s.Configured, *s.Running, s.Servers, s.Config))
	}
	want := []string{
		`systemd-timesyncd true false ["ntp1.example" "ntp2.example"] /etc/systemd/timesyncd.conf`,
		`chrony true true ["2.debian.pool.ntp.org" "192.0.2.1"] /etc/chrony/chrony.conf`,
	}
	if !slices.Equal(services, want) {
		t.Errorf("services\n got %q\nwant %q", services, want)
	}
	if r.Kernel != nil || r.Synchronized != nil || len(notes) != 0 {
		t.Errorf("the kernel was asked about a host that is not ours: %+v, %v", r.Kernel, notes)
	}
}

// The kernel answers, and its clock is left as it was.
func TestDiscipline(t *testing.T) {
	first, err := discipline()
	if err != nil {
		t.Fatal(err)
	}
	second, err := discipline()
	if err != nil || first.State != second.State || !slices.Equal(first.Status, second.Status) || first.FrequencyPPM != second.FrequencyPPM {
		t.Errorf("%+v, then %+v (%v)", first, second, err)
	}
	if got := Synchronized(); got == nil || *got != first.Synchronized() {
		t.Errorf("synchronised %v, want %v of %+v", got, first.Synchronized(), first)
	}
}

// Every zone of the system is read as the standard library reads it.
func TestZonesOfThisSystem(t *testing.T) {
	now := time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC)
	for _, name := range []string{"Europe/Oslo", "Atlantic/Reykjavik", "Asia/Kathmandu", "America/St_Johns"} {
		data, err := os.ReadFile("/usr/share/zoneinfo/" + name)
		if err != nil {
			t.Skipf("SKIPPED: no zone files here: %v", err)
		}
		location, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		_, want := now.In(location).Zone()
		f := livetest.Tree{"/etc/localtime": livetest.Link(artifacts.Path("/usr/share/zoneinfo/" + name)), artifacts.Path("/usr/share/zoneinfo/" + name): livetest.Text(string(data))}.Files()
		if got := Glance(f, now); got.Zone != name || got.OffsetSeconds != want {
			t.Errorf("%s: %q, %d s, want %d s", name, got.Zone, got.OffsetSeconds, want)
		}
	}
}

// A zone file from the host is hostile: it is read or refused, and the rule is one short line.
func FuzzZone(f *testing.F) {
	f.Add(zoneFile())
	f.Fuzz(func(t *testing.T, data string) {
		z := zoneOf(livetest.Tree{"/etc/localtime": livetest.Text(data)}.Files())
		if len(z.rule) > 300 {
			t.Errorf("rule of %d bytes", len(z.rule))
		}
		if z.location != nil {
			if _, offset := time.Unix(0, 0).In(z.location).Zone(); offset != int(int32(offset)) {
				t.Errorf("offset of %d s", offset)
			}
		}
	})
}
