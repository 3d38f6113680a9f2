// Package clock collects how far the host's times can be trusted: its time, zone, boot, and whether anything keeps
// it right. A timeline of several hosts is joined by this record, so it is taken first.
//
// Linux: /proc/stat, /proc/uptime (proc(5)), /etc/localtime (localtime(5)), adjtimex(2) with modes 0, which only
// reads, and /sys/class/rtc. Windows: GetDynamicTimeZoneInformation, GetTickCount64, the W32Time service and its key.
package clock

import (
	"slices"
	"time"

	"spor/artifacts"
)

// Collector takes one Record.
var Collector = &artifacts.Collector{
	Name:     "clock",
	Doc:      "Time, zone, boot time and synchronisation: how far the host's times can be trusted",
	Order:    artifacts.Volatile,
	Profiles: []string{"volatile"},
	Required: true,
	Needs:    artifacts.NeedsLive,
	Collect:  collect,
}

// A Record is the one line of live/clock.jsonl. The embedded Now is taken anew, not when the host was opened.
type Record struct {
	artifacts.Clock
	UptimeSeconds float64   `json:"uptime_seconds,omitempty"`    // since boot, sleep included
	ZoneShort     string    `json:"zone_abbreviation,omitempty"` // "CET"; Windows: the name of standard or daylight time
	ZoneRule      string    `json:"zone_rule,omitempty"`         // "CET-1CEST,M3.5.0,M10.5.0/3", the zone file's last word; Windows: empty
	HardwareClock time.Time `json:"hardware_clock,omitzero"`     // as the battery-backed clock says; whether it runs in UTC is not known
	HardwareLocal *bool     `json:"hardware_local,omitempty"`    // the hardware clock is set to local time, by configuration; nil: not known
	Kernel        *Kernel   `json:"kernel,omitempty"`            // nil: the kernel could not be asked
	Services      []Service `json:"services,omitempty"`          // that set the clock
	Adjusted      time.Time `json:"last_synchronized,omitzero"`  // when the clock was last set from outside
}

// Kernel is the clock discipline's state, adjtimex(2).
type Kernel struct {
	State        string   `json:"state"`                  // "ok", "insert", "delete", "in progress", "wait", "error"
	Status       []string `json:"status,omitempty"`       // names of the STA_ bits, lower case, without the prefix: "unsync", "pll"
	OffsetMicros float64  `json:"offset_us"`              // still to be corrected
	MaxErrMicros int64    `json:"max_error_us"`           // 16 s where nothing synchronises
	EstErrMicros int64    `json:"estimated_error_us"`     //
	FrequencyPPM float64  `json:"frequency_ppm"`          // correction in force
	TAISeconds   int      `json:"tai_offset_s,omitempty"` // 0: never told
}

// A Service keeps the clock right.
type Service struct {
	Name       string         `json:"name"`              // "systemd-timesyncd", "chrony", "ntpd", "W32Time", "vmtoolsd"
	Configured bool           `json:"configured"`        // it has a configuration, or is installed
	Running    *bool          `json:"running,omitempty"` // nil: not known
	Mode       string         `json:"mode,omitempty"`    // Windows: "NTP", "NT5DS", "NoSync", "AllSync"
	Servers    []string       `json:"servers,omitempty"` // as configured
	Config     artifacts.Path `json:"config,omitempty"`  // where that was read
}

// unsync is the status of a clock that nothing keeps right, STA_UNSYNC.
const unsync = "unsync"

// Synchronized tells whether the clock is kept right, by the kernel's own word.
func (k *Kernel) Synchronized() bool { return k.State != "error" && !slices.Contains(k.Status, unsync) }
