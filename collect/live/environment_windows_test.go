package live_test

import (
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"

	"spor/artifacts"
	"spor/collect/live/details"
	"spor/collect/live/livetest"
	"spor/collect/live/network"
	"spor/collect/live/objects"
	"spor/collect/live/screens"
	"spor/collect/live/shares"
	"spor/collect/winapi"
)

// recorded runs a collector and wants that it left something: records, or why there are none. It gives the records.
func recorded(t *testing.T, c *artifacts.Collector) *livetest.Recorder {
	t.Helper()
	rec := &livetest.Recorder{}
	err := c.Collect(t.Context(), openHost(t), rec)
	show(t, rec.Records[:min(5, len(rec.Records))], rec.Notes)
	t.Logf("%s: %d records, error: %v", c.Name, len(rec.Records), err)
	if len(rec.Records) == 0 && err == nil && len(rec.Notes) == 0 {
		t.Errorf("%s: no record, no note, no error", c.Name)
	}
	if winapi.Wine() == "" && err != nil {
		t.Errorf("%s on Windows: %v", c.Name, err)
	}
	return rec
}

func TestNothingIsSilentlyEmpty(t *testing.T) {
	for _, c := range []*artifacts.Collector{network.Cache, shares.Collector, objects.Pipes, network.Proxies, screens.Clipboard} {
		t.Run(c.Name, func(t *testing.T) { recorded(t, c) })
	}
}

func TestNeighbours(t *testing.T) {
	rec := recorded(t, network.Neighbours)
	for _, r := range rec.Records {
		if n := r.(network.Neighbour); net.ParseIP(n.Address) == nil || n.State == "" {
			t.Errorf("%+v", n)
		}
	}
}

func TestDNS(t *testing.T) {
	h := openHost(t)
	path := h.Environ["systemroot"] + `\System32\drivers\etc\hosts`
	if winapi.Wine() != "" { // it is ours to write
		if err := os.WriteFile(path, []byte("# a comment\r\n192.0.2.7 bank.example # mine\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(path)
	}
	rec := recorded(t, network.DNS)
	if len(rec.Records) != 1 {
		t.Fatalf("%d records", len(rec.Records))
	}
	if r := rec.Records[0].(network.Resolver); winapi.Wine() != "" && !slices.Contains(r.Hosts, "192.0.2.7 bank.example # mine") {
		t.Errorf("%+v", r)
	}
}

// Every running Windows has open files; our own handles are nobody's business.
func TestHandles(t *testing.T) {
	rec := recorded(t, objects.Handles)
	kinds := map[string]int{}
	for _, r := range rec.Records {
		h := r.(objects.Handle)
		kinds[h.Type]++
		if h.PID == os.Getpid() {
			t.Errorf("our own handle: %+v", h)
		}
		if h.Name == "" && h.Target == 0 {
			t.Errorf("no name: %+v", h)
		}
	}
	if kinds["File"] == 0 {
		t.Errorf("no open file among %v", kinds)
	}
}

func TestEnvironments(t *testing.T) {
	t.Setenv("SPOR_TEST_SEEN", "Þórður")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe, "be a child")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		child.Wait()
	}()
	records, notes := livetest.Run[details.Environment](t, details.Environments, openHost(t))
	show(t, records[:min(1, len(records))], notes)
	i := slices.IndexFunc(records, func(e details.Environment) bool { return e.PID == child.Process.Pid })
	if i < 0 || !slices.Contains(records[i].Variables, "SPOR_TEST_SEEN=Þórður") {
		t.Errorf("the child's variable is not among those of %d processes", len(records))
	}
}
