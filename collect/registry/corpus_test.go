package registry

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spor/artifacts"
)

// TestCorpus describes a machine by the real hive SYSTEM of it, dirty and with its logs (regipy's SYSTEM_B), and holds
// that against what reglookup writes of the hive.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SPOR_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	dir = filepath.Join(dir, "registry", "mkorman90-regipy")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: no corpus of real hives: %v", err)
	}
	files := tree(t.TempDir())
	for _, end := range []string{"", ".LOG1", ".LOG2"} {
		b, err := os.ReadFile(filepath.Join(dir, "SYSTEM_B"+end+".gz"))
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
		files.write(t, artifacts.Path(`C:\Windows\System32\config\SYSTEM`+end), b)
	}
	h := &artifacts.Host{OS: artifacts.Windows, Files: files, Environ: map[string]string{"systemroot": `C:\Windows`}}
	said := ""
	Describe(h, func(o artifacts.Outcome) { said += string(o.Path) + ": " + o.Reason + "\n" })
	if h.Identity.Hostname != "DESKTOP-PM6C56D" || h.Clock.Zone != "Eastern Standard Time" || h.Clock.OffsetSeconds != -4*3600 || h.Identity.Arch != "amd64" {
		t.Errorf("identity %+v, clock %+v", h.Identity, h.Clock)
	}
	if !strings.Contains(said, "315 pages are read from its logs") {
		t.Errorf("said %q", said)
	}
	k, err := h.Registry.Key(`HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services`)
	if err != nil || len(k.Subkeys) < 655 { // of the hive without its logs
		t.Errorf("%d services, %v", len(k.Subkeys), err)
	}
}
