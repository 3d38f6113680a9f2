package live_test

import (
	"encoding/json"
	"slices"
	"syscall"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/host"
	"spor/collect/live"
	"spor/collect/live/livetest"
)

// Every collector of live state works on the running system, at a price nobody notices: those of a triage together take
// well under two seconds of processor time (twice that under the race detector), most of it for the hashes of programs.
func TestRunningSystem(t *testing.T) {
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := cpu(t)
	for _, c := range live.All() {
		if !c.Supports(h.OS) || c.Order == artifacts.Bulk || slices.Contains(c.Profiles, "memory") {
			continue
		}
		began := time.Now()
		rec := &livetest.Recorder{}
		if err := c.Collect(t.Context(), h, rec); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		for _, v := range rec.Records {
			if _, err := json.Marshal(v); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		if c.Required && len(rec.Records) == 0 {
			t.Errorf("%s: required, and no record; notes %v", c.Name, rec.Notes)
		}
		t.Logf("%s: %d records in %v, notes %v", c.Name, len(rec.Records), time.Since(began), rec.Notes)
	}
	const limit = 4 * time.Second
	if used := cpu(t) - before; used > limit {
		t.Errorf("used %v of processor time, want at most %v", used, limit)
	}
}

// cpu is the processor time that this process has used.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
