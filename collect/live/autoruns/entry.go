package autoruns

import (
	"bytes"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/live/target"
	"spor/collect/winapi"
)

// values makes entries of the values of a key that a place means.
func (c *collector) values(p *place, key *artifacts.RegistryKey, u *user) {
	k := winapi.KeyOf(*key)
	switch p.how {
	case 'y', 'g':
		if len(key.Values) > 0 || !key.LastWrite.IsZero() {
			c.named(p, key, k, u)
		}
		return
	}
	for _, v := range key.Values {
		if !p.names(v.Name) || p.how == 'n' && !strings.HasPrefix(v.Name, "{") {
			continue
		}
		e := Entry{Kind: p.kind, Path: key.Path, Value: &v.Name, Name: artifacts.Windows.Base(key.Path), User: u.name, Modified: key.LastWrite}
		texts := k.Strings(strings.ToLower(v.Name))
		if v.Type == winapi.RegBinary && p.how == 'l' {
			texts = []string{catalogPath(v.Data)}
		}
		texts = bounded(texts)
		e.Command = strings.Join(texts, "\n")
		if e.Command == "" && p.how != 'n' && p.how != 'v' {
			continue
		}
		c.read(p, &e, texts, u)
		if strings.HasPrefix(p.kind, "run") {
			e.Name, e.Enabled = v.Name, c.approved(key.Path, v.Name)
		}
		c.emit(e)
	}
}

// bounded cuts a list that nobody has for good to what is looked at.
func bounded(texts []string) []string {
	texts = texts[:min(len(texts), maxTexts)]
	for i, text := range texts {
		texts[i] = text[:min(len(text), maxLine)]
	}
	return texts
}

// read finds what the data of a value means.
func (c *collector) read(p *place, e *Entry, texts []string, u *user) {
	e.Ships = len(texts) > 0
	for _, text := range texts {
		e.Ships = e.Ships && p.ship(c.usual(text))
		switch p.how {
		case 'c':
			e.Targets = append(e.Targets, c.commands(p, text, u.vars)...)
		case 'd':
			var all []string
			for _, name := range libraries(text) {
				if len(e.Targets) == maxTexts {
					break
				}
				e.Targets = append(e.Targets, c.files.Library(name, u.vars))
				all = append(all, name)
			}
			e.Ships = e.Ships || len(texts) == 1 && len(all) > 0 && !slices.ContainsFunc(all, func(name string) bool { return !p.ship(c.usual(name)) })
		case 'p':
			e.Targets = append(e.Targets, c.files.Path(text, u.vars))
		case 'l':
			e.Targets = append(e.Targets, c.files.Path(text, u.vars))
		case 'k':
			c.class(e, text, u)
		case 's':
			c.services(e, text)
		case 'h':
			e.Name = class(string(e.Path))
			e.Targets = append(e.Targets, c.files.Command(text, u.vars)...)
			c.compare(e, text, u)
		}
	}
	switch p.how {
	case 'n':
		c.class(e, *e.Value, u)
		e.Ships = p.ship(*e.Value)
	case 'v':
		e.Targets = []target.File{c.files.Library(*e.Value, u.vars)}
	}
	c.explain(p, e)
}

// usual puts the folder of this Windows into the words of the table.
func (c *collector) usual(data string) string {
	data, windir := strings.ToLower(data), strings.ToLower(c.host.Environ["systemroot"])
	if windir == "" {
		return data
	}
	return strings.ReplaceAll(data, windir, `c:\windows`)
}

// commands is one command line, or several where the place takes a list of programs.
func (c *collector) commands(p *place, text string, vars map[string]string) []target.File {
	if p.kind != "winlogon" && p.kind != "windows-load" && p.kind != "terminal-server" {
		return c.files.Command(strings.TrimPrefix(text, "autocheck "), vars)
	}
	var all []target.File
	for part := range strings.SplitSeq(text, ",") {
		if len(all) >= maxTexts {
			break
		}
		all = append(all, c.files.Command(part, vars)...)
	}
	return all
}

// libraries cuts a list of libraries at commas and spaces, unless it is one path.
func libraries(text string) []string {
	if text == `""` { // so an empty list of the LSA is written
		return nil
	}
	if winapi.HasDrive(text) || strings.HasPrefix(text, "%") || strings.HasPrefix(text, `"`) || strings.HasPrefix(text, `\`) {
		return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' })
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' })
}

// explain adds the switches beside a value that decide whether it does anything.
func (c *collector) explain(p *place, e *Entry) {
	beside := func(key artifacts.Path, value, means string) {
		k, err := winapi.ReadKey(c.host.Registry, key)
		if n, ok := k.Number(value); err == nil && ok {
			on := n != 0
			e.Enabled, e.Details = &on, means
		}
	}
	switch p.kind {
	case "appinit":
		beside(e.Path, "loadappinit_dlls", "Enabled is LoadAppInit_DLLs")
	case "screen-saver":
		k, _ := winapi.ReadKey(c.host.Registry, e.Path)
		if s := k.String("screensaveactive"); s != "" {
			on := s != "0"
			e.Enabled, e.Details = &on, "Enabled is ScreenSaveActive"
		}
	case "time-provider":
		beside(e.Path, "enabled", "Enabled is the provider's own switch")
	case "active-setup":
		k, _ := winapi.ReadKey(c.host.Registry, e.Path)
		if n, ok := k.Number("isinstalled"); ok {
			on := n != 0
			e.Enabled = &on
		}
	case "silent-exit":
		const flags = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Image File Execution Options\`
		k, _ := winapi.ReadKey(c.host.Registry, artifacts.Path(flags+e.Name))
		n, _ := k.Number("globalflag")
		on := n&0x200 != 0 // FLG_MONITOR_SILENT_PROCESS_EXIT
		e.Enabled, e.Details = &on, "Enabled is the flag 0x200 of GlobalFlag in Image File Execution Options"
	}
}

// approved tells what the Task Manager's list says of an entry: an odd first byte switches it off.
func (c *collector) approved(key artifacts.Path, name string) *bool {
	at := strings.Index(strings.ToLower(string(key)), `\microsoft\windows\currentversion\run`)
	if at < 0 || !strings.EqualFold(artifacts.Windows.Base(key), "Run") {
		return nil
	}
	root, list := string(key[:at]), "Run"
	if stem, ok := cutSuffixFold(root, `\Wow6432Node`); ok {
		root, list = stem, "Run32"
	}
	return c.approvedIn(artifacts.Path(root), list, name)
}

func (c *collector) approvedIn(root artifacts.Path, list, name string) *bool {
	k, err := winapi.ReadKey(c.host.Registry, root+artifacts.Path(`\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\`+list))
	v, ok := k[strings.ToLower(name)]
	if err != nil || !ok || len(v.Data) == 0 {
		return nil
	}
	on := v.Data[0]&1 == 0
	return &on
}

func cutSuffixFold(s, suffix string) (string, bool) {
	if len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix) {
		return s[:len(s)-len(suffix)], true
	}
	return s, false
}

// catalogPath is the path at the beginning of a Winsock catalogue entry: up to 260 bytes of ANSI text.
func catalogPath(b []byte) string {
	b = b[:min(len(b), 260)]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// named makes an entry of a key whose own name is a class or program id.
func (c *collector) named(p *place, key *artifacts.RegistryKey, k winapi.Key, u *user) {
	e := Entry{Kind: p.kind, Path: key.Path, User: u.name, Modified: key.LastWrite}
	id := artifacts.Windows.Base(key.Path)
	if p.how == 'y' {
		if e.Name = k.String(""); !strings.HasPrefix(id, "{") {
			return
		}
		c.class(&e, id, u)
		c.emit(e)
		return
	}
	e.Name = id
	if n, ok := k.Number("loadbehavior"); ok {
		on := n&1 != 0 || n == 2
		e.Enabled = &on
	}
	if manifest := k.String("manifest"); manifest != "" { // an add-in of .NET names its file
		e.Command = manifest
		e.Details = "manifest"
	} else {
		c.programID(&e, id, u)
	}
	c.emit(e)
}

func (c *collector) programID(e *Entry, id string, u *user) {
	for _, at := range c.classes(u) {
		k, err := winapi.ReadKey(c.host.Registry, at+artifacts.Path(`\`+id+`\CLSID`))
		if clsid := k.String(""); err == nil && clsid != "" {
			c.class(e, clsid, u)
			return
		}
	}
}

// classes are where class ids are looked up: the user's own first.
func (c *collector) classes(u *user) []artifacts.Path {
	system := []artifacts.Path{`HKEY_LOCAL_MACHINE\SOFTWARE\Classes`, `HKEY_LOCAL_MACHINE\SOFTWARE\Classes\Wow6432Node`, `HKEY_LOCAL_MACHINE\SOFTWARE\Wow6432Node\Classes`}
	if u.sid == "" {
		return system
	}
	return append([]artifacts.Path{artifacts.Path(hives + `\` + u.sid + `\Software\Classes`)}, system...)
}

// class finds the file of a COM class.
func (c *collector) class(e *Entry, id string, u *user) {
	id = strings.TrimSpace(id)
	if !strings.HasPrefix(id, "{") || len(id) > 40 {
		return
	}
	for _, at := range c.classes(u) {
		if server := c.server(at, id); server != "" {
			e.Command = id + " " + server
			e.Targets = append(e.Targets, c.files.Command(server, u.vars)...)
			return
		}
	}
	e.Command, e.Details = id, "no such class is registered with a file"
}

// server is the file of a class below a key of classes: for those of .NET, the assembly they name.
func (c *collector) server(classes artifacts.Path, id string) string {
	base := classes + artifacts.Path(`\CLSID\`+id)
	for _, how := range []artifacts.Path{`\InprocServer32`, `\LocalServer32`} {
		k, err := winapi.ReadKey(c.host.Registry, base+how)
		if err != nil {
			continue
		}
		server, code := k.String(""), k.String("codebase")
		if strings.HasSuffix(strings.ToLower(server), "mscoree.dll") && code != "" {
			return strings.ReplaceAll(strings.TrimPrefix(code, "file:///"), "/", `\`)
		}
		if server != "" {
			return server
		}
	}
	return ""
}

// class is the class id in a key's path.
func class(key string) string {
	start := strings.LastIndexByte(key, '{')
	if start < 0 {
		return ""
	}
	id, _, _ := strings.Cut(key[start:], `\`)
	return id
}

// compare says what the system's class of the same id is: a user's stands before it.
func (c *collector) compare(e *Entry, own string, u *user) {
	for _, at := range c.classes(&user{}) {
		if system := c.server(at, e.Name); system != "" {
			differs := !strings.EqualFold(strings.Trim(winapi.Expand(system, u.vars), `"`), strings.Trim(winapi.Expand(own, u.vars), `"`))
			e.System, e.Differs = system, &differs
			return
		}
	}
}

// services finds the files of drivers by the names of their services.
func (c *collector) services(e *Entry, names string) {
	for name := range strings.FieldsSeq(names) {
		k, err := winapi.ReadKey(c.host.Registry, artifacts.Path(`HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\`+name))
		image := k.String("imagepath")
		if err == nil && image == "" {
			image = `System32\drivers\` + name + ".sys"
		}
		if err != nil {
			e.Errors = append(e.Errors, name+": "+err.Error())
			continue
		}
		e.Targets = append(e.Targets, c.files.Path(image, c.host.Environ))
	}
}
