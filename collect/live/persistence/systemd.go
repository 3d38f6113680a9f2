package persistence

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"spor/artifacts"
)

// A scope is one manager of systemd: the system's, or that of a user. Its folders are in order of precedence, as in
// systemd.unit(5), "Unit File Load Path".
type scope struct {
	user string // whose; empty: the system's
	dirs []artifacts.Path
}

var systemUnits = []artifacts.Path{
	"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient", "/run/systemd/generator.early", "/etc/systemd/system",
	"/etc/systemd/system.attached", "/run/systemd/system", "/run/systemd/system.attached", "/run/systemd/generator", "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/generator.late",
}

// everyUsersUnits are those of all users.
var everyUsersUnits = []artifacts.Path{
	"/etc/xdg/systemd/user", "/etc/systemd/user", "/run/systemd/user", "/usr/local/share/systemd/user", "/usr/share/systemd/user", "/usr/local/lib/systemd/user",
	"/usr/lib/systemd/user", "/lib/systemd/user",
}

func systemd(x *examiner) {
	x.units(scope{dirs: systemUnits})
	x.units(scope{user: "*", dirs: everyUsersUnits})
	for _, h := range x.homes {
		run := artifacts.Path("/run/user/" + h.uid + "/systemd/")
		config := h.dir + "/.config/systemd/"
		x.units(scope{user: h.user, dirs: []artifacts.Path{
			config + "user.control", run + "user.control", run + "transient", run + "generator.early", config + "user", run + "user", run + "generator",
			h.dir + "/.local/share/systemd/user", run + "generator.late",
		}})
	}
}

// unitKinds are the kinds of units that run something, by ending.
var unitKinds = map[string]string{".service": "systemd-service", ".timer": "systemd-timer", ".socket": "systemd-socket", ".path": "systemd-path"}

// A loaded set is what the folders of a scope hold.
type loaded struct {
	scope
	files   map[string][]artifacts.Path // by name of the unit: fragments, the one that counts first
	dropins map[string][]artifacts.Path // by name of the folder: "x.service.d"
	links   map[string][]artifacts.Path // by name of the unit: links in .wants and its like
	starts  map[string][]string         // by name of a service: the timers, sockets and paths that start it
	aliases map[string][]string         // by name of the unit: other names of it
}

func (x *examiner) units(s scope) {
	l := &loaded{
		scope: s, files: map[string][]artifacts.Path{}, dropins: map[string][]artifacts.Path{}, links: map[string][]artifacts.Path{},
		starts: map[string][]string{}, aliases: map[string][]string{},
	}
	seen := map[artifacts.Path]bool{}
	for _, dir := range s.dirs {
		at, err := x.real(dir)
		if err != nil || seen[at] {
			continue
		}
		seen[at] = true
		x.unitDir(l, dir)
	}
	names := map[string]bool{}
	for name := range l.files {
		names[name] = true
	}
	for name := range l.links { // getty@tty1.service is the template getty@.service
		names[name] = true
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		if unitKinds[path.Ext(name)] != "" {
			sorted = append(sorted, name)
		}
	}
	slices.Sort(sorted)
	// Timers, sockets and paths first: they say which services start by them.
	for _, service := range []bool{false, true} {
		for _, name := range sorted {
			if (path.Ext(name) == ".service") == service && !x.over() {
				x.unit(l, name)
			}
		}
	}
}

func (x *examiner) unitDir(l *loaded, dir artifacts.Path) {
	for _, e := range x.list(dir) {
		p := artifacts.Linux.Join(dir, e.Name)
		ext := path.Ext(e.Name)
		switch {
		case ext == ".wants" || ext == ".requires" || ext == ".upholds":
			for _, link := range x.list(p) {
				l.links[link.Name] = append(l.links[link.Name], artifacts.Linux.Join(p, link.Name))
			}
		case ext == ".d":
			for _, f := range x.list(p) {
				if strings.HasSuffix(f.Name, ".conf") {
					l.dropins[e.Name] = append(l.dropins[e.Name], artifacts.Linux.Join(p, f.Name))
				}
			}
		case unitKinds[ext] != "":
			l.files[e.Name] = append(l.files[e.Name], p)
			if to, err := x.files.Readlink(p); err == nil {
				if other := path.Base(string(to)); other != e.Name && unitKinds[path.Ext(other)] != "" {
					l.aliases[other] = append(l.aliases[other], e.Name)
				}
			}
		}
	}
}

// A setting is a line of a unit, with where it stands.
type setting struct {
	key, value string
	path       artifacts.Path
	line       int
}

// template is the name of the template of an instance: getty@.service of getty@tty1.service.
func template(name string) (tmpl, instance string) {
	stem, rest, ok := strings.Cut(name, "@")
	if !ok {
		return name, ""
	}
	ext := path.Ext(rest)
	return stem + "@" + ext, strings.TrimSuffix(rest, ext)
}

// fragment is the file that counts for a name, and the drop-ins that add to it.
func (l *loaded) fragment(name string) (files, dropins []artifacts.Path) {
	tmpl, _ := template(name)
	if files = l.files[name]; len(files) == 0 {
		files = l.files[tmpl]
	}
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	folders := []string{ext[1:] + ".d"}
	for i, c := range stem { // a-b-c.service: a-.service.d, a-b-.service.d
		if c == '-' && i+1 < len(stem) {
			folders = append(folders, stem[:i+1]+ext+".d")
		}
	}
	if tmpl != name {
		folders = append(folders, tmpl+".d")
	}
	folders = append(folders, name+".d")
	seen := map[string]bool{}
	for _, dir := range folders {
		for _, p := range l.dropins[dir] {
			if base := path.Base(string(p)); !seen[dir+base] { // the same name in a folder of less precedence is hidden
				seen[dir+base] = true
				dropins = append(dropins, p)
			}
		}
	}
	return files, dropins
}

// maxSettings bounds the lines of one unit.
const maxSettings = 2000

func (x *examiner) settings(p artifacts.Path, list []setting) []setting {
	section := ""
	for n, line := range joined(x.read(p)) {
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || len(list) >= maxSettings {
			continue
		}
		list = append(list, setting{section + "." + strings.TrimSpace(key), strings.TrimSpace(value), p, n})
	}
	return list
}

// effective drops what a later empty assignment takes back.
func effective(list []setting) []setting {
	var out []setting
	for _, s := range list {
		if s.value == "" {
			out = slices.DeleteFunc(out, func(o setting) bool { return o.key == s.key })
			continue
		}
		out = append(out, s)
	}
	return out
}

func last(list []setting, keys ...string) string {
	for i := len(list) - 1; i >= 0; i-- {
		if slices.Contains(keys, list[i].key) {
			return list[i].value
		}
	}
	return ""
}

func (x *examiner) unit(l *loaded, name string) {
	files, dropins := l.fragment(name)
	links := l.links[name]
	e := Entry{Kind: unitKinds[path.Ext(name)], Name: name, User: l.user, EnabledBy: links, Enabled: new(len(links) > 0)}
	if len(files) == 0 {
		e.Path, e.Details = links[0], "enabled, and there is no such unit in this scope"
		if l.user == "" {
			x.emit(e)
		}
		return
	}
	e.Path = files[0]
	if to, err := x.files.Readlink(e.Path); err == nil {
		if other := path.Base(string(to)); other != name && l.files[other] != nil {
			return // another name of a unit that is recorded
		}
	}
	at, err := x.real(e.Path)
	if at == "/dev/null" || err == nil && len(dropins) == 0 && x.empty(at) {
		*e.Enabled, e.Details = false, "masked"
		x.emit(e)
		return
	}
	e.Details = l.details(name, files, dropins)
	list := x.settings(e.Path, nil)
	for _, p := range dropins {
		list = x.settings(p, list)
	}
	list = effective(list)
	if path.Ext(name) == ".service" {
		x.service(l, e, list)
		return
	}
	x.trigger(l, e, list)
}

func (x *examiner) empty(at artifacts.Path) bool {
	st, err := x.files.Lstat(at)
	return err == nil && st.Kind == artifacts.Regular && st.Size == 0
}

func (l *loaded) details(name string, files, dropins []artifacts.Path) string {
	var parts []string
	if len(files) > 1 {
		parts = append(parts, fmt.Sprintf("hides %s", join(files[1:])))
	}
	if len(dropins) > 0 {
		parts = append(parts, fmt.Sprintf("changed by %s", join(dropins)))
	}
	if len(l.aliases[name]) > 0 {
		parts = append(parts, "also called "+strings.Join(l.aliases[name], ", "))
	}
	return strings.Join(parts, "; ")
}

func join(list []artifacts.Path) string {
	var s []string
	for _, p := range list {
		s = append(s, p.String())
	}
	return strings.Join(s, ", ")
}

// service records each command line of a service.
func (x *examiner) service(l *loaded, e Entry, list []setting) {
	_, instance := template(e.Name)
	if user := last(list, "Service.User"); user != "" && l.user == "" {
		e.User = user
	}
	when := append([]string{}, l.starts[e.Name]...)
	if bus := last(list, "Service.BusName"); bus != "" {
		when = append(when, "bus name "+bus)
	}
	for _, s := range list {
		if s.key == "Install.WantedBy" || s.key == "Install.RequiredBy" {
			when = append(when, strings.Fields(s.value)...)
		}
		if s.key == "Service.Environment" && preloads(s.value) {
			x.emit(Entry{Kind: "preload-environment", Path: s.path, Line: s.line, Name: e.Name, Command: s.value, Enabled: e.Enabled, Targets: x.libraries(s.value)})
		}
	}
	e.When = strings.Join(when, ", ")
	n := 0
	for _, s := range list {
		key, ok := strings.CutPrefix(s.key, "Service.")
		if !ok || !strings.HasPrefix(key, "Exec") || key == "ExecSearchPath" {
			continue
		}
		one := e
		command := strings.TrimLeft(s.value, "@-:+!|")
		one.Command = s.value
		if s.path != e.Path {
			one.Details = strings.TrimLeft(one.Details+"; said by "+s.path.String(), "; ")
		}
		one.Path, one.Line = s.path, s.line
		if key != "ExecStart" {
			one.Details = strings.TrimLeft(one.Details+"; "+key, "; ")
		}
		one.Targets = x.targets(strings.NewReplacer("%i", instance, "%I", instance, "%h", "").Replace(command))
		x.emit(one)
		n++
	}
	if n == 0 {
		x.emit(e)
	}
}

// trigger records a timer, socket or path with the programs of the service it starts.
func (x *examiner) trigger(l *loaded, e Entry, list []setting) {
	ext := path.Ext(e.Name)
	section := strings.ToUpper(ext[1:2]) + ext[2:]
	service := last(list, section+".Unit", section+".Service")
	if service == "" {
		service = strings.TrimSuffix(e.Name, ext)
		if last(list, "Socket.Accept") == "yes" || last(list, "Socket.Accept") == "true" {
			service += "@"
		}
		service += ".service"
	}
	var when []string
	for _, s := range list {
		key, ok := strings.CutPrefix(s.key, section+".")
		if ok && (strings.HasPrefix(key, "On") || strings.HasPrefix(key, "Listen") || strings.HasPrefix(key, "Path") || strings.HasPrefix(key, "Directory")) {
			when = append(when, key+"="+s.value)
		}
	}
	e.When, e.Command = strings.Join(when, "; "), "starts "+service
	if *e.Enabled {
		l.starts[service] = append(l.starts[service], e.Name)
	}
	files, dropins := l.fragment(service)
	if len(files) > 0 {
		list := x.settings(files[0], nil)
		for _, p := range dropins {
			list = x.settings(p, list)
		}
		for _, s := range effective(list) {
			if s.key == "Service.ExecStart" {
				e.Targets = append(e.Targets, x.targets(strings.TrimLeft(s.value, "@-:+!|"))...)
			}
		}
	}
	x.emit(e)
}

// dbus records what the message bus starts: "Exec=" and "User=" of its service files.
func dbus(x *examiner) {
	dirs := []artifacts.Path{
		"/etc/dbus-1/system-services", "/usr/local/share/dbus-1/system-services", "/usr/share/dbus-1/system-services", "/lib/dbus-1/system-services",
		"/usr/local/share/dbus-1/services", "/usr/share/dbus-1/services",
	}
	for _, h := range x.homes {
		dirs = append(dirs, h.dir+"/.local/share/dbus-1/services")
	}
	for _, dir := range dirs {
		for _, f := range x.list(dir) {
			if !strings.HasSuffix(f.Name, ".service") {
				continue
			}
			p := artifacts.Linux.Join(dir, f.Name)
			list := x.settings(p, nil)
			command := last(list, "D-BUS Service.Exec")
			e := Entry{Kind: "dbus-service", Path: p, Name: last(list, "D-BUS Service.Name"), User: last(list, "D-BUS Service.User"), Command: command}
			if unit := last(list, "D-BUS Service.SystemdService"); unit != "" {
				e.When = "starts " + unit
			}
			if command != "" && path.Base(command) != "false" {
				e.Targets = x.targets(command)
			}
			x.emit(e)
		}
	}
}
