package persistence

import (
	"encoding/json"
	"testing"

	"spor/collect/host"
	"spor/collect/live/livetest"
)

// TestRunningSystem looks at this very host: what is enabled of a package's units runs a file that is hashed and owned.
func TestRunningSystem(t *testing.T) {
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, notes := livetest.Run[Entry](t, Collector, h)
	units, unowned := 0, 0
	for _, e := range got {
		if _, err := json.Marshal(e); err != nil {
			t.Errorf("%+v: %v", e, err)
		}
		if e.Kind != "systemd-service" || e.Enabled == nil || !*e.Enabled || e.Config == nil || e.Config.Package == "" || e.Command == "" {
			continue
		}
		units++
		if len(e.Targets) == 0 || !e.Targets[0].Missing && (e.Targets[0].SHA256 == "" || e.Targets[0].Package == "") {
			unowned++
			t.Logf("no hash or owner: %s", short(e))
		}
	}
	if unowned > units/10 {
		t.Errorf("%d of %d enabled services of packages run what has no hash or no owner", unowned, units)
	}
	t.Logf("%d entries, %d enabled command lines; notes %v", len(got), units, notes)
}
