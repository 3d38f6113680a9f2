package live_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"spor/collect/live/livetest"
	"spor/collect/live/modules"
	"spor/collect/live/processes"
	"spor/collect/live/program"
	"spor/collect/live/services"
	"spor/collect/winapi"
)

// Every executable that was hashed has an answer about its signature; our own is not signed.
func TestSignatures(t *testing.T) {
	records, _ := livetest.Run[processes.Process](t, processes.Collector, openHost(t))
	for _, p := range records {
		switch {
		case p.ExeSHA256 == "":
		case p.Signature == nil || !slices.Contains(program.Statuses, p.Signature.Status):
			t.Errorf("%s: signature %+v", p.Exe, p.Signature)
		case p.Signature.Status == program.Unknown && p.Signature.Error == "":
			t.Errorf("%s: not checked, and not why", p.Exe)
		case p.PID == os.Getpid() && winapi.Wine() != "" && strings.HasPrefix(p.Signature.Error, "none in the file; catalogs"): // it has none
		case p.PID == os.Getpid() && p.Signature.Status != program.Unsigned:
			t.Errorf("ourselves: signature %+v, want none", p.Signature)
		}
	}
}

func TestModules(t *testing.T) {
	records, notes := livetest.Run[modules.Library](t, modules.Libraries, openHost(t))
	show(t, records[:min(3, len(records))], notes)
	i := slices.IndexFunc(records, func(l modules.Library) bool {
		return strings.HasSuffix(strings.ToLower(string(l.Path)), `\ntdll.dll`) && slices.Contains(l.PIDs, os.Getpid())
	})
	if i < 0 {
		t.Fatalf("our own ntdll.dll is not among %d libraries", len(records))
	}
	if l := records[i]; l.SHA256 == "" || l.Signature == nil || slices.Contains(l.Unlisted, os.Getpid()) {
		t.Errorf("%+v", l)
	}
	for _, l := range records {
		if l.SHA256 == "" && l.Error == "" {
			t.Errorf("%s: neither hash nor reason", l.Path)
		}
	}
}

func TestDrivers(t *testing.T) {
	records, notes := livetest.Run[modules.Driver](t, modules.Drivers, openHost(t))
	show(t, records, notes)
	i := slices.IndexFunc(records, func(d modules.Driver) bool { return strings.EqualFold(d.Name, "ntoskrnl.exe") })
	if i < 0 {
		t.Fatalf("the kernel is not among %d drivers", len(records))
	}
	if d := records[i]; d.SHA256 == "" || d.Memory == 0 || d.Signature == nil {
		t.Errorf("%+v", d)
	}
}

// What a service starts is a file with a hash, or it is said why not.
func TestServicePrograms(t *testing.T) {
	records, _ := livetest.Run[services.Service](t, services.Collector, openHost(t))
	for _, s := range records {
		if s.Command == "" {
			continue
		}
		if s.Program == nil || s.Program.SHA256 == "" && s.Program.Error == "" {
			t.Errorf("%s: %s is %+v", s.Name, s.Command, s.Program)
		}
	}
	if i := slices.IndexFunc(records, func(s services.Service) bool { return strings.EqualFold(s.Name, "PlugPlay") }); i < 0 || records[i].Program.SHA256 == "" {
		t.Error("PlugPlay's program was not hashed")
	}
}
