package image

import (
	"slices"
	"strings"

	"spor/artifacts"
)

// linux fills in what a Linux tree says of itself: passwd(5), os-release(5), hostname(5), machine-id(5), localtime(5).
func linux(h *artifacts.Host, t *tree) {
	id := &h.Identity
	id.Hostname = first(t.lines("etc/hostname"))
	id.MachineID = first(t.lines("etc/machine-id"))
	release := t.lines("etc/os-release")
	if release == nil {
		release = t.lines("usr/lib/os-release")
	}
	for _, line := range release {
		key, value, _ := strings.Cut(line, "=")
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		switch key {
		case "PRETTY_NAME":
			id.OSName = value
		case "VERSION_ID":
			id.OSVersion = value
		}
	}
	if h.Clock.Zone = first(t.lines("etc/timezone")); h.Clock.Zone == "" {
		link, _ := t.root.Readlink("etc/localtime") // empty where it is none
		_, h.Clock.Zone, _ = strings.Cut(link, "zoneinfo/")
	}
	for _, line := range t.lines("etc/passwd") {
		f := strings.Split(line, ":")
		if len(f) < 7 || strings.HasPrefix(line, "#") || f[5] == "" {
			continue
		}
		h.Users = append(h.Users, artifacts.User{Name: f[0], ID: f[2], Group: f[3], Home: artifacts.Path(f[5]), Shell: f[6]})
	}
}

// first is the first line that says something, and is no comment.
func first(lines []string) string {
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line
		}
	}
	return ""
}

// windows fills in what the folders of a Windows tree tell. Names of machine and owner are in its hives, and SIDs too,
// except those of the built-in accounts.
func windows(h *artifacts.Host, t *tree) {
	system := t.child(".", "windows")
	spell := func(name string) artifacts.Path { return drive + artifacts.Path(strings.ReplaceAll(name, "/", `\`)) }
	h.Environ = map[string]string{
		"systemdrive": strings.TrimRight(drive, `\`),
		"systemroot":  string(spell(system)),
		"windir":      string(spell(system)),
	}
	for variable, name := range map[string]string{"programfiles": "Program Files", "programfiles(x86)": "Program Files (x86)", "programdata": "ProgramData"} {
		if found := t.child(".", name); found != "" {
			h.Environ[variable] = string(spell(found))
		}
	}
	h.Environ["allusersprofile"] = h.Environ["programdata"]
	profiles := "users"
	if t.child(".", profiles) == "" {
		profiles = "documents and settings"
		if all := t.child(t.child(".", profiles), "all users"); all != "" {
			h.Environ["allusersprofile"] = string(spell(all))
			if data := t.child(all, "application data"); data != "" {
				h.Environ["programdata"] = string(spell(data))
			}
		}
	}
	if users := t.child(".", profiles); users != "" {
		entries, _ := t.ReadDir(spell(users)) // those that can be listed
		for _, e := range entries {
			if e.Kind == artifacts.Directory && !strings.EqualFold(e.Name, "All Users") {
				h.Users = append(h.Users, artifacts.User{Name: e.Name, Home: spell(users + "/" + e.Name)})
			}
		}
	}
	for _, own := range builtIn {
		at := system
		for _, name := range own.home {
			at = t.child(at, name)
		}
		if at != "" {
			h.Users = append(h.Users, artifacts.User{Name: own.name, ID: own.sid, Home: spell(at)})
		}
	}
	slices.SortStableFunc(h.Users, func(a, b artifacts.User) int { return strings.Compare(a.Name, b.Name) })
}

// builtIn are the accounts that have a profile in the system's own folder. Their SIDs are fixed ("Well-known SIDs",
// Microsoft).
var builtIn = []struct {
	name, sid string
	home      []string
}{
	{"SYSTEM", "S-1-5-18", []string{"system32", "config", "systemprofile"}},
	{"LOCAL SERVICE", "S-1-5-19", []string{"serviceprofiles", "localservice"}},
	{"NETWORK SERVICE", "S-1-5-20", []string{"serviceprofiles", "networkservice"}},
}
