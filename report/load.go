package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"spor/detect"
	"spor/package/manifest"
	"spor/report/incident"
	"spor/timeline"
)

// An Input is what a page is made of: an opened folder, read within bounds.
type Input struct {
	Manifest  manifest.Manifest
	Incident  *incident.Incident // nil: none was filled in, or it does not read
	Findings  []detect.Finding
	Processes []Process
	Sockets   []Socket
	Sessions  []Session
	Screens   []Screen
	Identity  Identity
	Timeline  Timeline
	Starters  []Starter
	Firewall  []FirewallRule
	Notes     []Note // ransom notes

	FirewallSettings []Setting

	Beside string   // the folder as seen from the page, with slashes: "." is where it lies; empty: there is none to link to
	Faults []string // what of the folder could not be read, and why
	Cut    []string // what was longer than the bounds allow

	folder  fs.FS // to read the events again
	reduced bool  // by Reduce
}

// Bounds of what is read of a folder, and shown.
const (
	maxManifest  = 512 << 20
	maxLine      = 4 << 20
	maxFindings  = 2_000
	maxProcesses = 20_000
	maxSockets   = 50_000
	maxSessions  = 2_000
	maxScreens   = 300
)

// The records of live state that the page shows; see collect/live for what they mean.
type (
	// Process is of live/processes.jsonl.
	Process struct {
		PID          int    `json:"pid"`
		PPID         int    `json:"ppid"`
		Start        string `json:"start"`
		Name         string `json:"name"`
		User         string `json:"user"`
		UserID       string `json:"user_id"`
		CommandLine  string `json:"command_line"`
		Exe          string `json:"exe"`
		ExeSHA256    string `json:"exe_sha256"`
		ExeDeleted   bool   `json:"exe_deleted"`
		KernelThread bool   `json:"kernel_thread"`
	}
	// Socket is of live/sockets.jsonl.
	Socket struct {
		Protocol      string  `json:"protocol"`
		LocalAddress  string  `json:"local_address"`
		LocalPort     int     `json:"local_port"`
		RemoteAddress string  `json:"remote_address"`
		RemotePort    int     `json:"remote_port"`
		State         string  `json:"state"`
		User          string  `json:"user"`
		Owners        []Owner `json:"owners"`
	}
	// Owner is a process that holds a socket.
	Owner struct {
		PID  int    `json:"pid"`
		Name string `json:"name"`
		Exe  string `json:"exe"`
		Unit string `json:"unit"`
	}
	// Session is of live/sessions.jsonl.
	Session struct {
		Source   string `json:"source"`
		Type     string `json:"type"`
		User     string `json:"user"`
		Terminal string `json:"terminal"`
		Host     string `json:"remote_host"`
		Address  string `json:"remote_address"`
		Login    string `json:"login"`
		State    string `json:"state"`
	}
	// Screen is of live/screens.jsonl.
	Screen struct {
		Session int    `json:"session"`
		User    string `json:"user"`
		State   string `json:"state"`
		Locked  bool   `json:"locked"`
		Image   string `json:"image"`
		Desktop string `json:"input_desktop"`
		Look    string `json:"look"`
		Error   string `json:"error"`
		Windows []struct {
			Title   string `json:"title"`
			Visible bool   `json:"visible"`
			Front   bool   `json:"foreground"`
			Desktop string `json:"desktop"`
		} `json:"windows"`
	}
	// Identity is of live/identity.jsonl.
	Identity struct {
		Interfaces []Interface `json:"interfaces"`
		Users      []Account   `json:"users"`
		Hardware   struct {
			Vendor  string `json:"vendor"`
			Product string `json:"product"`
			Serial  string `json:"serial"`
		} `json:"hardware"`
		Resolver struct {
			Servers []string `json:"servers"`
		} `json:"resolver"`
	}
	// Interface is a network interface.
	Interface struct {
		Name        string   `json:"name"`
		MAC         string   `json:"mac"`
		Up          bool     `json:"up"`
		Promiscuous bool     `json:"promiscuous"`
		Addresses   []string `json:"addresses"`
	}
	// Account is a user of the host.
	Account struct {
		Name     string   `json:"name"`
		FullName string   `json:"full_name"`
		ID       string   `json:"id"`
		Home     string   `json:"home"`
		Shell    string   `json:"shell"`
		Password string   `json:"password"`
		Groups   []string `json:"groups"`
		Admin    bool     `json:"admin"`
	}
)

// Load reads an opened folder. Only a manifest that cannot be read is an error; what else is missing or damaged is noted.
func Load(ctx context.Context, fsys fs.FS) (*Input, error) {
	in := &Input{Beside: ".", folder: fsys}
	if err := in.manifest(fsys); err != nil {
		return nil, err
	}
	in.incident(fsys)
	in.Findings = load(in, fsys, []string{"findings.jsonl"}, maxFindings, func(f *detect.Finding) bool { return true })
	in.Processes = load(in, fsys, live(fsys, "processes"), maxProcesses, func(p *Process) bool { return !p.KernelThread })
	in.Sockets = load(in, fsys, live(fsys, "sockets"), maxSockets, func(s *Socket) bool { return s.LocalPort != 0 })
	in.Sessions = load(in, fsys, live(fsys, "sessions"), maxSessions, func(s *Session) bool { return s.User != "" && s.Type != "dead" })
	in.Screens = load(in, fsys, live(fsys, "screens"), maxScreens, func(*Screen) bool { return true })
	if ids := load(in, fsys, live(fsys, "identity"), 1, func(*Identity) bool { return true }); len(ids) > 0 {
		in.Identity = ids[0]
	}
	starters := slices.Concat(live(fsys, "persistence"), live(fsys, "autoruns"), live(fsys, "tasks"))
	in.Starters = load(in, fsys, starters, maxStarters, func(s *Starter) bool { return !s.Ships })
	in.Firewall = load(in, fsys, slices.Concat(live(fsys, "firewall"), live(fsys, "firewall-rules")), maxRules, func(*FirewallRule) bool { return true })
	in.FirewallSettings = load(in, fsys, live(fsys, "settings"), 100, (*Setting).ofFirewall)
	in.notes(fsys)
	if err := in.timeline(ctx, fsys); err != nil {
		in.fault("timeline.jsonl", err)
	}
	return in, ctx.Err()
}

func (in *Input) manifest(fsys fs.FS) error {
	f, err := fsys.Open("manifest.json")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, maxManifest)).Decode(&in.Manifest); err != nil {
		return fmt.Errorf("manifest.json: %w", err)
	}
	if in.Manifest.Format != manifest.Format {
		return fmt.Errorf("manifest.json: format %d is not known", in.Manifest.Format)
	}
	return nil
}

func (in *Input) incident(fsys fs.FS) {
	f, err := fsys.Open("incident.json")
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		defer f.Close()
		in.Incident, err = incident.Read("incident.json", f)
	}
	if err != nil {
		in.Faults = append(in.Faults, err.Error())
	}
}

// live are the items of a collector: live/<collector>.jsonl, live/<collector>.2.jsonl and so on.
func live(fsys fs.FS, collector string) []string {
	entries, err := fs.ReadDir(fsys, "live")
	if err != nil {
		return nil // nothing was collected live
	}
	var names []string
	for _, e := range entries {
		if name := "live/" + e.Name(); detect.Collector(name) == collector {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return names
}

// load reads the records of JSON lines that keep wants, at most a number of them. A file that is not there has none.
func load[T any](in *Input, fsys fs.FS, names []string, most int, keep func(*T) bool) []T {
	var out []T
	for _, name := range names {
		damaged := 0
		for line, err := range lines(fsys, name) {
			if err != nil {
				in.fault(name, err)
				break
			}
			var v T
			if json.Unmarshal(line, &v) != nil {
				damaged++
				continue
			}
			if !keep(&v) {
				continue
			}
			if len(out) == most {
				in.Cut = append(in.Cut, name)
				return out
			}
			out = append(out, v)
		}
		if damaged > 0 {
			in.Faults = append(in.Faults, fmt.Sprintf("%s: %d lines are no records", name, damaged))
		}
	}
	return out
}

func (in *Input) fault(name string, err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		in.Faults = append(in.Faults, fmt.Sprintf("%s: %v", name, err))
	}
}

// lines reads a file of the folder line by line, each within maxLine.
func lines(fsys fs.FS, name string) func(func([]byte, error) bool) {
	return func(yield func([]byte, error) bool) {
		f, err := fsys.Open(name)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		for line, err := range timeline.LinesMax(f, maxLine) {
			if err == nil && len(bytes.TrimSpace(line.Text)) == 0 {
				continue
			}
			if !yield(line.Text, err) {
				return
			}
		}
	}
}
