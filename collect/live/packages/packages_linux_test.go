package packages

import (
	"testing"

	"spor/artifacts"
	"spor/collect/host"
	"spor/collect/live/livetest"
)

// TestRunningSystem reads the databases of this very host: ls belongs to a package, and most programs are what they were.
func TestRunningSystem(t *testing.T) {
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x, err := Load(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Packages) == 0 {
		t.Skipf("SKIPPED: no packages on this host: %v", x.Notes)
	}
	for _, p := range []artifacts.Path{"/bin/ls", "/usr/bin/ls"} {
		if _, ok := x.Owner(p); !ok && p != "/usr/bin/ls" {
			t.Errorf("%s belongs to none of %d packages", p, len(x.Packages))
		}
	}
	files, notes := livetest.Run[File](t, Changed, h)
	if sum := files[len(files)-1]; sum.Checked < 50 || sum.Differ > sum.Checked/10 {
		t.Errorf("%+v; notes %v", sum, notes)
	}
	found, notes := livetest.Run[PrivilegedFile](t, Privileged, h)
	t.Logf("%d packages, %d files with rights, notes %v", len(x.Packages), len(found), notes)
}
