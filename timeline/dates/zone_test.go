package dates

import (
	"testing"
	"time"
)

// TestZoneChanges gives clocks around the hours that do not exist or exist twice, minute by minute: each time must be one at
// which the zone's clocks showed that.
func TestZoneChanges(t *testing.T) {
	for _, tt := range []struct{ zone, from string }{
		{"Europe/Oslo", "2026-03-29 01:00:00"},
		{"Europe/Oslo", "2026-10-25 01:00:00"},
		{"America/St_Johns", "2007-10-28 00:00:00"},
		{"America/St_Johns", "2007-03-11 00:00:00"},
		{"Australia/Lord_Howe", "2026-04-05 01:00:00"},
		{"Pacific/Apia", "2011-12-29 22:00:00"},
		{"Asia/Kathmandu", "1985-12-31 23:00:00"},
	} {
		location, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Skipf("SKIPPED: no time zones on this machine: %v", err)
		}
		start, err := time.Parse(time.DateTime, tt.from)
		if err != nil {
			t.Fatal(err)
		}
		y := Years{Zone: Zone{Location: location}}
		for m := range 180 {
			clock := start.Add(time.Duration(m)*time.Minute + 30*time.Second)
			s, n := ISO(clock.Format(time.DateTime))
			if n == 0 {
				t.Fatal(clock)
			}
			got, _ := y.Time(&s)
			shown := clock.Format(time.DateTime)
			if time.Date(clock.Year(), clock.Month(), clock.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, location).Format(time.DateTime) != shown {
				continue // no clock there ever showed it
			}
			if back := got.In(location).Format(time.DateTime); back != shown {
				t.Fatalf("%s at %s: got %v, when clocks showed %s", tt.zone, shown, got, back)
			}
		}
	}
}
