package image

import (
	"sort"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/live/clock"
	"spor/collect/live/identity"
)

// linux fills in what a Linux tree says of itself. What time it is there nobody can say; its zone is that of the day
// when it last wrote a log.
func linux(h *artifacts.Host, t artifacts.Files) {
	h.Identity = identity.Glance(t)
	h.Users = identity.Users(t)
	var last time.Time
	if st, err := t.Lstat("/var/log"); err == nil {
		last = st.Times.Modified
	}
	h.Clock = clock.Glance(t, last)
	h.Clock.Now, h.Clock.BootTime = time.Time{}, time.Time{}
}

// A windowsTree is looked at without regard to case; names in it have "/" between them.
type windowsTree interface {
	child(dir, name string) string   // empty where there is none
	host(name string) artifacts.Path // as the host spells it
	ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error)
}

// windows fills in what a Windows tree tells: its folders, and then its hives, which know more and better.
func windows(h *artifacts.Host, t windowsTree) {
	windowsFolders(h, t)
	if t.child(t.child(".", "windows"), "system32") == "" {
		return // a volume without a Windows on it
	}
	hives(h, func(o artifacts.Outcome) {
		o.Source = source
		h.Limits = append(h.Limits, o)
	})
}

// windowsFolders fills in what folders tell: SIDs only of the built-in accounts.
func windowsFolders(h *artifacts.Host, t windowsTree) {
	system := t.child(".", "windows")
	h.Environ = map[string]string{
		"systemdrive": strings.TrimRight(drive, `\`),
		"systemroot":  string(t.host(system)),
		"windir":      string(t.host(system)),
	}
	for variable, name := range map[string]string{"programfiles": "Program Files", "programfiles(x86)": "Program Files (x86)", "programdata": "ProgramData"} {
		if found := t.child(".", name); found != "" {
			h.Environ[variable] = string(t.host(found))
		}
	}
	h.Environ["allusersprofile"] = h.Environ["programdata"]
	profiles := "users"
	if t.child(".", profiles) == "" {
		profiles = "documents and settings"
		if all := t.child(t.child(".", profiles), "all users"); all != "" {
			h.Environ["allusersprofile"] = string(t.host(all))
			if data := t.child(all, "application data"); data != "" {
				h.Environ["programdata"] = string(t.host(data))
			}
		}
	}
	if users := t.child(".", profiles); users != "" {
		entries, _ := t.ReadDir(t.host(users)) // those that can be listed
		for _, e := range entries {
			if e.Kind == artifacts.Directory && !strings.EqualFold(e.Name, "All Users") {
				h.Users = append(h.Users, artifacts.User{Name: e.Name, Home: t.host(users + "/" + e.Name)})
			}
		}
	}
	for _, own := range builtIn {
		at := system
		for _, name := range own.home {
			at = t.child(at, name)
		}
		if at != "" {
			h.Users = append(h.Users, artifacts.User{Name: own.name, ID: own.sid, Home: t.host(at)})
		}
	}
	sort.SliceStable(h.Users, func(i, j int) bool { return h.Users[i].Name < h.Users[j].Name }) // less code than a generic one
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
