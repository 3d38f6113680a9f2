package host

import (
	"os"
	"testing"

	"spor/artifacts"
)

// The running system names itself, and this test's own executable is never evidence.
func TestOpen(t *testing.T) {
	h, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := os.Hostname(); h.Identity.Hostname != want {
		t.Errorf("hostname %q, want %q", h.Identity.Hostname, want)
	}
	exe, err := os.Executable()
	if err != nil || len(h.Self) != 1 || h.Self[0] != artifacts.Path(exe) {
		t.Errorf("self %q, want %q (%v)", h.Self, exe, err)
	}
	if h.Clock.BootTime.IsZero() || !h.Clock.BootTime.Before(h.Clock.Now) {
		t.Errorf("boot time %v at %v", h.Clock.BootTime, h.Clock.Now)
	}
	if len(h.Users) == 0 || h.Users[0].Name != "root" || h.Users[0].ID != "0" {
		t.Errorf("users %v, want root first", h.Users)
	}
	if m, ok := h.Files.Mount("/proc"); !ok || m.Class != artifacts.Pseudo {
		t.Errorf("mount at /proc: %+v %v, want a pseudo file system", m, ok)
	}
	if h.OS != artifacts.Linux || !h.Live || h.Root != (os.Geteuid() == 0) {
		t.Errorf("os %q live %v root %v", h.OS, h.Live, h.Root)
	}
	t.Logf("%+v %+v limits %v", h.Identity, h.Clock, h.Limits)
}
