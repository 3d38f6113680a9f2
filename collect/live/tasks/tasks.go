// Package tasks lists the scheduled tasks of Windows as three sources have them: the service that runs them
// (ITaskService), the files below System32\Tasks ([MS-TSCH] 2.5: XML), and the registry below Schedule\TaskCache, from
// which the service loads them. What one source has and another lacks is how tasks hide: a task without the value SD in
// TaskCache\Tree is not shown by any tool (Microsoft, "Tarrask malware uses scheduled tasks for defense evasion", 2022).
package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/live/target"
	"spor/collect/winapi"
)

// Collector takes one Task for each scheduled task that any source knows.
var Collector = &artifacts.Collector{
	Name:     "tasks",
	Doc:      "Scheduled tasks from the service, from disk and from the registry: actions, triggers, account, last run, and who lacks them",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Collect:  collect,
}

// A Task is one line of live/tasks.jsonl. What is zero or absent is not known.
type Task struct {
	Path        string    `json:"path"` // in the library: `\Microsoft\Windows\…`
	State       string    `json:"state,omitempty"`
	Enabled     *bool     `json:"enabled,omitempty"`
	Hidden      bool      `json:"hidden,omitempty"` // from the list, by its own setting
	Author      string    `json:"author,omitempty"`
	Date        string    `json:"date,omitempty"` // of registration, as the task says
	Description string    `json:"description,omitempty"`
	User        string    `json:"user,omitempty"` // or group, by name or SID
	RunLevel    string    `json:"run_level,omitempty"`
	LogonType   string    `json:"logon_type,omitempty"`
	Triggers    []string  `json:"triggers,omitempty"`
	Actions     []Action  `json:"actions,omitempty"`
	From        string    `json:"from,omitempty"`    // who told the definition: "service", "file", "registry"
	LastRun     time.Time `json:"last_run,omitzero"` // by the registry, else by the service, whose local time is put into UTC by the zone in force
	NextRun     time.Time `json:"next_run,omitzero"` // by the service, likewise
	LastResult  *uint32   `json:"last_result,omitempty"`
	Registered  time.Time `json:"registered,omitzero"` // by the registry

	InService   *bool          `json:"in_service,omitempty"` // nil: the service was not asked, did not answer, or may not have shown it to us
	OnDisk      *bool          `json:"on_disk,omitempty"`    // nil: the folder could not be read
	InRegistry  *bool          `json:"in_registry,omitempty"`
	NoSD        bool           `json:"no_sd,omitempty"`    // TaskCache\Tree has no security descriptor: no tool shows it
	NoIndex     bool           `json:"no_index,omitempty"` // or its Index is 0, which hides as well
	Differs     string         `json:"differs,omitempty"`  // whose actions are others, where two sources disagree
	ID          string         `json:"id,omitempty"`       // of TaskCache\Tasks
	File        artifacts.Path `json:"file,omitempty"`     //
	FileTimes   time.Time      `json:"file_modified,omitzero"`
	Key         artifacts.Path `json:"key,omitempty"`
	KeyModified time.Time      `json:"key_modified,omitzero"`
	Targets     []target.File  `json:"targets,omitempty"` // what the actions run: of each the program first, then files it is given
	Errors      []string       `json:"errors,omitempty"`
}

// An Action is what a task does.
type Action struct {
	Kind      string `json:"kind"`              // "exec", "com", "email", "message"
	Command   string `json:"command,omitempty"` // or the class id
	Arguments string `json:"arguments,omitempty"`
	Folder    string `json:"folder,omitempty"`
}

// Bounds against a host that means to choke us.
const (
	maxTasks  = 50_000
	maxDepth  = 30
	maxFile   = 1 << 20  // bytes of one task's XML
	maxAll    = 32 << 20 // bytes of definitions that are kept
	cacheTree = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree`
	cacheTask = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tasks`
)

type collector struct {
	ctx  context.Context
	host *artifacts.Host
	rec  artifacts.Recorder
	all  map[string]*Task // by path in lower case
	room int              // bytes of definitions that may still be kept
	cut  bool
}

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	c := &collector{ctx: ctx, host: h, rec: rec, all: map[string]*Task{}, room: maxAll}
	service, disk, registry := c.fromService(), c.fromDisk(), c.fromRegistry()
	if !service && !disk && !registry {
		return errors.New("neither the service, nor the disk, nor the registry lists tasks")
	}
	files := target.New(ctx, h)
	for _, path := range slices.Sorted(maps.Keys(c.all)) {
		t := c.all[path]
		t.InService, t.OnDisk, t.InRegistry = told(t.InService, service && h.Root), told(t.OnDisk, disk), told(t.InRegistry, registry)
		for _, a := range t.Actions {
			switch a.Kind {
			case "exec":
				t.Targets = append(t.Targets, files.Command(quoted(a.Command)+" "+a.Arguments, h.Environ)...)
			case "com":
				if server := c.server(a.Command); server != "" {
					t.Targets = append(t.Targets, files.Command(server, h.Environ)...)
				}
			}
		}
		if err := errors.Join(ctx.Err(), rec.Record(*t)); err != nil {
			return err
		}
	}
	if c.cut {
		winapi.Say(rec, "", artifacts.Truncated, fmt.Sprintf("more than %d tasks or %d levels", maxTasks, maxDepth))
	}
	if len(c.all) == 0 {
		winapi.Say(rec, "", artifacts.Absent, "no source has a task")
	}
	return nil
}

// told is what a source says of a task: nothing where it could not be asked.
func told(known *bool, asked bool) *bool {
	switch {
	case known != nil:
		return known
	case !asked:
		return nil
	default:
		return new(bool)
	}
}

func quoted(command string) string {
	if strings.ContainsRune(command, ' ') && !strings.HasPrefix(command, `"`) {
		return `"` + command + `"`
	}
	return command
}

func (c *collector) note(p artifacts.Path, what string, err error) {
	winapi.Say(c.rec, p, winapi.Status(err), what+": "+err.Error())
}

// task gives the record of a path, made if need be; nil: there are too many.
func (c *collector) task(path string) *Task {
	key := strings.ToLower(path)
	t := c.all[key]
	if t == nil {
		if len(c.all) == maxTasks {
			c.cut = true
			return nil
		}
		t = &Task{Path: path}
		c.all[key] = t
	}
	return t
}

// sameAction compares what matters: sources spell class ids differently, and data of classes.
func sameAction(a, b Action) bool {
	plain := func(s string) string { return strings.Trim(s, " {}\t\r\n") }
	return a.Kind == b.Kind && strings.EqualFold(plain(a.Command), plain(b.Command)) && (a.Kind != "exec" || plain(a.Arguments) == plain(b.Arguments))
}

// size is how much a definition takes, in bytes.
func (d *definition) size() int {
	n := len(d.Author) + len(d.Date) + len(d.Description) + len(d.User)
	for _, a := range d.Actions {
		n += len(a.Command) + len(a.Arguments) + len(a.Folder)
	}
	for _, s := range d.Triggers {
		n += len(s)
	}
	return n
}

// define takes over a definition, or says that it is another than the one that is known.
func (c *collector) define(t *Task, d definition, from string) {
	if c.room -= d.size(); c.room < 0 {
		if len(t.Errors) < maxActions {
			t.Errors = append(t.Errors, "definition of the "+from+": not kept, as those of all tasks are more than we keep")
		}
		return
	}
	if t.From != "" {
		if !slices.EqualFunc(t.Actions, d.Actions, sameAction) {
			t.Differs = strings.TrimPrefix(t.Differs+", "+from, ", ")
			for _, a := range d.Actions {
				t.Errors = append(t.Errors, from+" has another action: "+a.Command+" "+a.Arguments)
			}
		}
		return
	}
	t.From, t.Actions, t.Triggers = from, d.Actions, d.Triggers
	t.Author, t.Date, t.Description, t.User, t.RunLevel, t.LogonType = d.Author, d.Date, d.Description, d.User, d.RunLevel, d.LogonType
	t.Hidden = d.Hidden
	if t.Enabled == nil {
		t.Enabled = d.Enabled
	}
}

// fromService asks the service. It tells whether the service has answered.
func (c *collector) fromService() bool {
	if !c.host.Live {
		return false
	}
	list, err := registered(c.ctx)
	for _, s := range list {
		t := c.task(s.path)
		if t == nil {
			break
		}
		yes := true
		t.InService = &yes
		t.State, t.Enabled, t.LastResult = s.state, s.enabled, s.lastResult
		t.LastRun, t.NextRun = c.utc(s.lastRun), c.utc(s.nextRun)
		t.Errors = append(t.Errors, s.errors...)
		if s.xml == "" {
			continue
		}
		d, err := parse(s.xml)
		if err != nil {
			t.Errors = append(t.Errors, "definition of the service: "+err.Error())
		}
		c.define(t, d, "service")
	}
	switch {
	case err != nil:
		c.note("", "the task scheduler's service", err)
	case len(list) == 0:
		c.note("", "the task scheduler's service", errors.New("lists no task, which cannot be"))
	}
	return err == nil && len(list) > 0
}

// utc takes a time that the service gives in the host's zone as it is now; the registry has the last run in UTC.
func (c *collector) utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-time.Duration(c.host.Clock.OffsetSeconds) * time.Second)
}

// fromDisk reads the files, and tells whether the folder could be read.
func (c *collector) fromDisk() bool {
	dir := artifacts.Path(c.host.Environ["systemroot"] + `\System32\Tasks`)
	if c.host.Files == nil || c.host.Environ["systemroot"] == "" {
		c.note(dir, "task files", errors.New("no files, or no system folder"))
		return false
	}
	if _, err := c.host.Files.ReadDir(dir); err != nil {
		c.note(dir, "task files", err)
		return false
	}
	c.folder(dir, "", 0)
	return true
}

func (c *collector) folder(dir artifacts.Path, below string, depth int) {
	list, err := c.host.Files.ReadDir(dir)
	if err != nil {
		c.note(dir, "task files", err)
	}
	for _, e := range list {
		if c.ctx.Err() != nil {
			return
		}
		p, path := artifacts.Windows.Join(dir, e.Name), below+`\`+e.Name
		switch {
		case e.Kind == artifacts.Directory && depth < maxDepth:
			c.folder(p, path, depth+1)
		case e.Kind == artifacts.Directory:
			c.cut = true
		case e.Kind == artifacts.Regular || e.Kind == artifacts.Unknown:
			c.file(p, path)
		}
	}
}

func (c *collector) file(p artifacts.Path, path string) {
	t := c.task(path)
	if t == nil {
		return
	}
	yes := true
	t.OnDisk, t.File = &yes, p
	if st, err := c.host.Files.Lstat(p); err == nil {
		t.FileTimes = st.Times.Modified
	}
	text, err := read(c.host.Files, p)
	if err == nil {
		var d definition
		if d, err = parse(text); err == nil {
			c.define(t, d, "file")
		}
	}
	if err != nil {
		t.Errors = append(t.Errors, "file: "+err.Error())
	}
}

// read gives the text of a task's file: UTF-16 with a mark, or UTF-8.
func read(files artifacts.Files, p artifacts.Path) (string, error) {
	f, err := files.Open(p)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if len(b) > maxFile {
		return "", fmt.Errorf("more than %d bytes", maxFile)
	}
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0xfe {
		return winapi.DecodeBytes(b[2:]), nil
	}
	return string(b), nil
}

// fromRegistry reads the service's own store, and tells whether it could be read.
func (c *collector) fromRegistry() bool {
	if c.host.Registry == nil {
		c.note(cacheTree, "task cache", errors.New("there is no registry to ask"))
		return false
	}
	root, err := c.host.Registry.Key(cacheTree)
	if err != nil {
		c.note(cacheTree, "task cache", err)
	}
	if errors.Is(err, fs.ErrNotExist) || len(root.Subkeys) == 0 {
		return false
	}
	c.tree(&root, "", 0)
	return true
}

func (c *collector) tree(key *artifacts.RegistryKey, below string, depth int) {
	for _, name := range key.Subkeys {
		if c.ctx.Err() != nil {
			return
		}
		p, path := artifacts.Windows.Join(cacheTree, strings.TrimPrefix(below+`\`+name, `\`)), below+`\`+name
		sub, err := c.host.Registry.Key(p)
		if err != nil && len(sub.Values) == 0 && len(sub.Subkeys) == 0 {
			c.note(p, "task cache", err)
			continue
		}
		if k := winapi.KeyOf(sub); k.String("id") != "" {
			c.cached(p, path, &sub, k)
		}
		if depth == maxDepth {
			c.cut = true
			continue
		}
		c.tree(&sub, path, depth+1)
	}
}

// cached adds what TaskCache says of a task.
func (c *collector) cached(p artifacts.Path, path string, key *artifacts.RegistryKey, k winapi.Key) {
	t := c.task(path)
	if t == nil {
		return
	}
	yes := true
	t.InRegistry, t.Key, t.KeyModified, t.ID = &yes, p, key.LastWrite, k.String("id")
	_, hasSD := k["sd"]
	t.NoSD = !hasSD
	if n, ok := k.Number("index"); ok {
		t.NoIndex = n == 0
	}
	stored, err := winapi.ReadKey(c.host.Registry, cacheTask+artifacts.Path(`\`+t.ID))
	if err != nil {
		t.Errors = append(t.Errors, "task cache: "+err.Error())
		return
	}
	if registered, last, result, ok := dynamic(stored["dynamicinfo"].Data); ok {
		t.Registered = registered
		if !last.IsZero() {
			t.LastRun = last
		}
		if t.LastResult == nil {
			t.LastResult = &result
		}
	}
	actions, err := parseActions(stored["actions"].Data)
	if err != nil {
		t.Errors = append(t.Errors, "actions of the task cache: "+err.Error())
		if len(actions) == 0 {
			return
		}
	}
	if t.From == "" {
		t.Author, t.Date, t.Description = stored.String("author"), stored.String("date"), stored.String("description")
	}
	d := definition{Actions: actions, Author: t.Author, Date: t.Date, Description: t.Description}
	c.define(t, d, "registry")
}

// server is the file of a COM class that a task starts.
func (c *collector) server(id string) string {
	if !strings.HasPrefix(id, "{") {
		id = "{" + id + "}"
	}
	for _, how := range []string{`\InprocServer32`, `\LocalServer32`} {
		k, err := winapi.ReadKey(c.host.Registry, artifacts.Path(`HKEY_LOCAL_MACHINE\SOFTWARE\Classes\CLSID\`+id+how))
		if s := k.String(""); err == nil && s != "" {
			return s
		}
	}
	return ""
}
