package live_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/host"
	"spor/collect/live/clock"
	"spor/collect/live/identity"
	"spor/collect/live/livetest"
	"spor/collect/live/processes"
	"spor/collect/live/services"
	"spor/collect/live/sessions"
	"spor/collect/live/sockets"
	"spor/collect/winapi"
)

// These tests run on Windows, and under wine from spor/build/wine. Where wine has nothing to give, they want that said.

func openHost(t *testing.T) *artifacts.Host {
	t.Helper()
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// show logs records and notes, so that the log of a run tells what this system gives.
func show[T any](t *testing.T, records []T, notes []artifacts.Outcome) {
	t.Helper()
	for _, r := range records {
		b, err := json.Marshal(r)
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s", b)
	}
	for _, o := range notes {
		t.Logf("note: %s %s %s", o.Status, o.Path, o.Reason)
		if o.Reason == "" {
			t.Errorf("note without reason: %+v", o)
		}
	}
}

func noted(notes []artifacts.Outcome, text string) bool {
	return slices.ContainsFunc(notes, func(o artifacts.Outcome) bool { return strings.Contains(o.Reason, text) })
}

// TestMain is also the child that TestProcesses looks for.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "be a child") {
		os.Stdin.Read(make([]byte, 1)) // until the parent lets go
		return
	}
	os.Exit(m.Run())
}

func TestProcesses(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe, "be a child", "Þórður's argument")
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
	h := openHost(t)
	records, notes := livetest.Run[processes.Process](t, processes.Collector, h)
	show(t, records, notes)
	i := slices.IndexFunc(records, func(p processes.Process) bool { return p.PID == child.Process.Pid })
	if i < 0 {
		t.Fatalf("the child %d is not among %d processes", child.Process.Pid, len(records))
	}
	p := records[i]
	if !strings.Contains(p.CommandLine, `"be a child" "Þórður's argument"`) {
		t.Errorf("command line %q (errors %q)", p.CommandLine, p.Errors)
	}
	content, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(content); p.ExeSHA256 != hex.EncodeToString(sum[:]) || p.ExeSize != int64(len(content)) || p.ExeDeleted {
		t.Errorf("executable %s: hash %s, size %d, error %q", p.Exe, p.ExeSHA256, p.ExeSize, p.ExeError)
	}
	if !strings.EqualFold(string(p.Exe), exe) || !strings.EqualFold(p.Name, artifacts.Windows.Base(artifacts.Path(exe))) {
		t.Errorf("executable %s, name %s; want %s", p.Exe, p.Name, exe)
	}
	if p.PPID != os.Getpid() || !strings.EqualFold(p.ParentExe, exe) {
		t.Errorf("parent %d %s, want %d %s", p.PPID, p.ParentExe, os.Getpid(), exe)
	}
	if since := time.Since(p.Start); since < -time.Second || since > time.Minute {
		t.Errorf("started %v, that is %v ago", p.Start, since)
	}
	if !strings.HasPrefix(p.UserID, "S-1-5-") || p.User == "" || p.Integrity == "" || p.Elevated == nil || p.Architecture == "" {
		t.Errorf("token: %+v", p)
	}
}

func TestSockets(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	udpPort := 0 // wine 8.0 lacks a control code that package net needs for datagrams
	if u, err := net.ListenPacket("udp4", "127.0.0.1:0"); err == nil {
		defer u.Close()
		udpPort = u.LocalAddr().(*net.UDPAddr).Port
	} else if winapi.Wine() == "" {
		t.Fatal(err)
	}
	records, notes := livetest.Run[sockets.Socket](t, sockets.Collector, openHost(t))
	show(t, records, notes)
	find := func(protocol string, port int) *sockets.Socket {
		i := slices.IndexFunc(records, func(s sockets.Socket) bool { return s.Protocol == protocol && int(s.LocalPort) == port })
		if i < 0 {
			t.Errorf("%s port %d is not among %d sockets", protocol, port, len(records))
			return nil
		}
		return &records[i]
	}
	own := []*sockets.Socket{find("tcp", l.Addr().(*net.TCPAddr).Port)}
	if udpPort != 0 {
		own = append(own, find("udp", udpPort))
	}
	for _, s := range own {
		switch {
		case s == nil:
		case len(s.Owners) == 0 && winapi.Wine() != "":
			if !noted(notes, "no owning process for") {
				t.Errorf("wine does not give the owner of %+v, and that is not said", s)
			}
		case len(s.Owners) != 1 || s.Owners[0].PID != os.Getpid() || s.Owners[0].Name == "":
			t.Errorf("owner of %+v: want %d", s, os.Getpid())
		}
		if s != nil && s.LocalAddress != "127.0.0.1" {
			t.Errorf("address of %+v", s)
		}
	}
}

func TestSessions(t *testing.T) {
	rec := &livetest.Recorder{}
	err := sessions.Collector.Collect(t.Context(), openHost(t), rec)
	show(t, rec.Records, rec.Notes)
	t.Logf("error: %v", err)
	if len(rec.Records) == 0 && (err == nil || len(rec.Notes) == 0) {
		t.Errorf("no session, error %v, %d notes: it is not said that none could be had", err, len(rec.Notes))
	}
	if winapi.Wine() == "" && len(rec.Records) == 0 {
		t.Errorf("no session on Windows: %v", err)
	}
}

func TestServices(t *testing.T) {
	records, notes := livetest.Run[services.Service](t, services.Collector, openHost(t))
	show(t, records, notes)
	i := slices.IndexFunc(records, func(s services.Service) bool { return strings.EqualFold(s.Name, "PlugPlay") })
	if i < 0 {
		t.Fatalf("PlugPlay is not among %d services", len(records))
	}
	s := records[i]
	if s.State != "running" || s.Start == "" || s.Command == "" || s.Config == "" || s.PID == 0 || s.InManager == nil || !*s.InManager || !s.InRegistry {
		t.Errorf("%+v", s)
	}
	for _, s := range records {
		if s.Config == "" && len(s.Errors) == 0 {
			t.Errorf("no configuration and no error: %+v", s)
		}
	}
}

func TestIdentity(t *testing.T) {
	h := openHost(t)
	records, notes := livetest.Run[identity.Record](t, identity.Collector, h)
	show(t, records, notes)
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	r := records[0]
	if r.Hostname == "" || r.Release.Build == "" || r.Hardware.CPUs == 0 || r.Hardware.Memory == 0 {
		t.Errorf("%+v", r)
	}
	local, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Interfaces) < len(local) {
		t.Errorf("%d interfaces, want %d", len(r.Interfaces), len(local))
	}
	if !slices.ContainsFunc(r.Interfaces, func(i identity.Interface) bool { return i.Loopback && slices.Contains(i.Addresses, "127.0.0.1/8") }) {
		t.Errorf("no loopback in %+v", r.Interfaces)
	}
	if len(r.Users) == 0 || len(r.Mounts) == 0 || r.Mounts[0].Size == 0 {
		t.Errorf("users %+v, mounts %+v", r.Users, r.Mounts)
	}
	if len(r.Disks) == 0 && !noted(notes, "disks:") {
		t.Error("no disk, and that is not said")
	}
	if len(r.Groups) == 0 && !noted(notes, "groups:") {
		t.Error("no group, and that is not said")
	}
}

func TestClock(t *testing.T) {
	records, notes := livetest.Run[clock.Record](t, clock.Collector, openHost(t))
	show(t, records, notes)
	r := records[0]
	if since := time.Since(r.Now); since < 0 || since > time.Minute {
		t.Errorf("now %v", r.Now)
	}
	if r.UptimeSeconds <= 0 || r.BootTime.IsZero() || r.Zone == "" || len(r.Services) != 1 {
		t.Errorf("%+v", r)
	}
}
