// Package autoruns lists what starts by itself on Windows, or gets into other programs: from the registry of the
// machine and of every user whose hive is loaded, from the startup folders, and from the queue of transfers (BITS). Each
// Entry says where it is configured and describes what is run. Services, tasks and WMI subscriptions have collectors of
// their own.
//
// The places are the table in places.go. A registry that is read from a disk's hives gives what the running one gives.
package autoruns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/live/target"
	"spor/collect/winapi"
)

// Collector takes one Entry for each thing that starts by itself.
var Collector = &artifacts.Collector{
	Name:     "autoruns",
	Doc:      "What starts by itself: Run keys, logon, debuggers, LSA, print, COM, Office, startup folders, BITS; with target, hash, signature",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Needs:    artifacts.NeedsRegistry,
	Collect:  collect,
}

// An Entry is one line of live/autoruns.jsonl: the shape of live/persistence.jsonl of Linux. What is zero or absent is
// not known.
type Entry struct {
	Kind     string         `json:"kind"`           // of the table; "startup-folder", "bits-job"
	Path     artifacts.Path `json:"path,omitempty"` // the registry key, or the file, that says so
	Value    *string        `json:"value,omitempty"`
	Name     string         `json:"name,omitempty"`    // of the program, job or class concerned
	User     string         `json:"user,omitempty"`    // whose it is; empty: the machine's
	Enabled  *bool          `json:"enabled,omitempty"` // as the Task Manager shows it; nil: there is no such switch
	Command  string         `json:"command,omitempty"` // as it stands
	Details  string         `json:"details,omitempty"`
	Ships    bool           `json:"ships,omitempty"`   // Windows ships with just this
	Modified time.Time      `json:"modified,omitzero"` // of the key or file
	Targets  []target.File  `json:"targets,omitempty"` // what is run or loaded: the program first, then files it is given
	Differs  *bool          `json:"differs,omitempty"` // a user's class stands before one of the system that is another
	System   string         `json:"system,omitempty"`  // that class's file
	State    string         `json:"state,omitempty"`   // of a transfer
	Remote   []string       `json:"remote,omitempty"`  // where a transfer comes from
	Local    []string       `json:"local,omitempty"`   // and goes to
	Created  time.Time      `json:"created,omitzero"`  // of a transfer
	Finished time.Time      `json:"finished,omitzero"` //
	Errors   []string       `json:"errors,omitempty"`  // what could not be had, and why
}

// Bounds against a registry that means to choke us.
const (
	maxKeys    = 100_000
	maxEntries = 50_000
	maxUsers   = 2000
	maxLine    = 8 << 10 // bytes of a command that are kept
	maxTexts   = 256     // texts of one value, and libraries that they name
)

type collector struct {
	ctx   context.Context
	host  *artifacts.Host
	rec   artifacts.Recorder
	files *target.Examiner
	users []user
	keys  int
	cut   bool
	count map[string]int // entries by kind
	total int
	err   error // that ends the collector
	bad   winapi.Faults
}

// A user is a hive below HKEY_USERS.
type user struct {
	sid, name string
	vars      map[string]string
}

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	c := &collector{ctx: ctx, host: h, rec: rec, files: target.New(ctx, h), count: map[string]int{}, bad: winapi.Faults{}}
	c.loadUsers()
	all := table()
	for i := range all {
		c.place(&all[i])
		if c.over() {
			return c.err
		}
	}
	for _, u := range c.users {
		c.startup(u)
	}
	c.startup(user{vars: h.Environ})
	for _, e := range bits(ctx, h, rec) {
		if len(e.Targets) == 0 && e.Command != "" {
			e.Targets = c.files.Command(e.Command, h.Environ)
		}
		c.emit(e)
	}
	c.settle(all)
	return c.err
}

func (c *collector) over() bool {
	if c.err == nil && c.ctx.Err() != nil {
		c.err = context.Cause(c.ctx)
	}
	return c.err != nil
}

// settle notes the kinds of which nothing is there, in one outcome: that nothing was found is not that nothing was
// looked for.
func (c *collector) settle(all []place) {
	if c.over() {
		return
	}
	var none []string
	last := ""
	for i := range all {
		if k := all[i].kind; k != last && c.count[k] == 0 {
			none = append(none, k)
		}
		last = all[i].kind
	}
	if c.count["startup-folder"] == 0 {
		none = append(none, "startup-folder")
	}
	if len(none) > 0 {
		winapi.Say(c.rec, "", artifacts.Absent, "looked for, and nothing there: "+strings.Join(none, ", "))
	}
	if c.cut {
		winapi.Say(c.rec, "", artifacts.Truncated, fmt.Sprintf("more than %d keys, %d entries or %d users", maxKeys, maxEntries, maxUsers))
	}
}

const hives = `HKEY_USERS`

// loadUsers lists the hives below HKEY_USERS, those of users who are not logged on among them where the host's registry
// has them.
func (c *collector) loadUsers() {
	names := map[string]bool{}
	root, err := c.host.Registry.Key(hives)
	list := root.Subkeys
	if err != nil {
		for _, u := range c.host.Users {
			list = append(list, u.ID)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			winapi.Note(c.rec, hives, err)
		}
	}
	for _, sid := range list {
		key := strings.ToLower(sid)
		if names[key] || strings.HasSuffix(key, "_classes") {
			continue
		}
		names[key] = true
		if len(c.users) == maxUsers {
			c.cut = true
			break
		}
		u := user{sid: sid, name: sid, vars: c.host.Environ}
		for _, known := range c.host.Users {
			if strings.EqualFold(known.ID, sid) {
				u.name, u.vars = known.Name, c.files.Variables(known.Home)
			}
		}
		c.users = append(c.users, u)
	}
	var unloaded []string
	for _, u := range c.host.Users {
		if !names[strings.ToLower(u.ID)] {
			unloaded = append(unloaded, u.Name)
		}
	}
	if len(unloaded) > 0 {
		winapi.Say(c.rec, hives, artifacts.Skipped, "the hives of these users are not loaded, their NTUSER.DAT tells: "+strings.Join(unloaded, ", "))
	}
}

// place looks at all roots of a row.
func (c *collector) place(p *place) {
	for i := range len(p.roots) {
		prefix, ofUser, _ := root(p.roots[i])
		if !ofUser {
			c.walk(p, artifacts.Path(`HKEY_LOCAL_MACHINE\`+prefix), p.key, &user{vars: c.host.Environ})
			continue
		}
		for j := range c.users {
			at := artifacts.Path(hives + `\` + c.users[j].sid)
			if prefix != "" {
				at += artifacts.Path(`\` + prefix)
			}
			c.walk(p, at, p.key, &c.users[j])
		}
	}
}

// walk follows the components of a key that are left.
func (c *collector) walk(p *place, at artifacts.Path, left []string, u *user) {
	for len(left) > 0 && left[0] != "*" {
		at = artifacts.Windows.Join(at, strings.ReplaceAll(left[0], "%2A", "*"))
		left = left[1:]
	}
	if c.keys++; c.keys > maxKeys || c.total > maxEntries {
		c.cut = true
		return
	}
	if c.over() {
		return
	}
	key, err := c.host.Registry.Key(at)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.bad.Note(c.rec, at, err)
	}
	if len(left) == 0 {
		key.Path = at
		c.values(p, &key, u)
		return
	}
	for _, sub := range key.Subkeys {
		c.walk(p, artifacts.Windows.Join(at, sub), left[1:], u)
	}
}

func (c *collector) emit(e Entry) {
	if c.over() {
		return
	}
	if len(e.Command) > maxLine {
		e.Command = e.Command[:maxLine] + "…"
	}
	e.Command = strings.ToValidUTF8(e.Command, "\uFFFD")
	c.count[e.Kind]++
	c.total++
	c.err = c.rec.Record(e)
}
