package registry

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"spor/artifacts"
	"spor/collect/winapi"
)

// The keys that tell of the machine itself.
const (
	keyProfiles    = machine + `\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList`
	keyWindows     = machine + `\SOFTWARE\Microsoft\Windows\CurrentVersion`
	keyVersion     = machine + `\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	keyCrypto      = machine + `\SOFTWARE\Microsoft\Cryptography`
	keyControl     = machine + `\SYSTEM\CurrentControlSet\Control`
	keyEnvironment = keyControl + `\Session Manager\Environment`
	keyName        = keyControl + `\ComputerName\ComputerName`
	keyZone        = keyControl + `\TimeZoneInformation`
	keyNetwork     = machine + `\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`
	keyFirmware    = machine + `\SYSTEM\HardwareConfig\Current`
)

// maxVariables bounds the system's variables; Windows has some thirty.
const maxVariables = 1000

// Environ gives the system's variables as the registry has them. The environment of a process is not asked: that is of
// whoever started it, and may be 32-bit, a service's, or made up. Windir is the folder of Windows.
func Environ(reg artifacts.Registry, windir string, note func(artifacts.Outcome)) map[string]string {
	drive := windir[:2]
	vars := map[string]string{
		"systemroot": windir, "windir": windir, "systemdrive": drive, "comspec": windir + `\System32\cmd.exe`,
		"programdata": drive + `\ProgramData`, "public": drive + `\Users\Public`,
		"programfiles": drive + `\Program Files`, "programfilesx86": drive + `\Program Files (x86)`,
	}
	read := func(p artifacts.Path) winapi.Key {
		k, err := winapi.ReadKey(reg, p)
		if err != nil {
			note(artifacts.Outcome{Path: p, Status: winapi.Status(err), Reason: "defaults stand for system variables: " + err.Error()})
		}
		return k
	}
	set := func(name, value string) {
		if value != "" {
			vars[name] = winapi.Expand(value, vars)
		}
	}
	system := read(keyWindows)
	set("programfiles", system.String("programfilesdir"))
	set("programfilesx86", system.String("programfilesdir (x86)"))
	set("commonprogramfiles", system.String("commonfilesdir"))
	set("commonprogramfilesx86", system.String("commonfilesdir (x86)"))
	profiles := read(keyProfiles)
	set("programdata", profiles.String("programdata"))
	set("public", profiles.String("public"))
	set("profilesdirectory", profiles.String("profilesdirectory"))
	variables := read(keyEnvironment)
	for name := range variables {
		if len(vars) == maxVariables {
			note(artifacts.Outcome{Path: keyEnvironment, Status: artifacts.Truncated, Reason: "more variables than are used"})
			break
		}
		set(name, variables.String(name))
	}
	vars["programfiles(x86)"] = vars["programfilesx86"]
	vars["programw6432"] = vars["programfiles"]
	vars["allusersprofile"] = vars["programdata"]
	vars["allusersappdata"] = vars["programdata"] // the schema's word for it
	vars["windir"], vars["systemroot"], vars["systemdrive"] = windir, windir, drive
	return vars
}

// Users gives the accounts that have a profile on a host, those of a domain and of services too, and then the folders
// beside their profiles that the registry does not name: of accounts that were removed, Default, Public. Name gives the
// name of an account by its SID, or nothing: then it is that of its folder.
func Users(h *artifacts.Host, name func(sid string) string, note func(artifacts.Outcome)) []artifacts.User {
	all := profiles(h, name, note)
	return append(all, unlisted(h, all)...)
}

// profiles gives the accounts that the registry names a profile of.
func profiles(h *artifacts.Host, name func(sid string) string, note func(artifacts.Outcome)) (all []artifacts.User) {
	list, err := h.Registry.Key(keyProfiles)
	if err != nil {
		note(artifacts.Outcome{Path: keyProfiles, Status: winapi.Status(err), Reason: "the list of users: " + err.Error()})
	}
	for _, sub := range list.Subkeys {
		p := artifacts.Windows.Join(keyProfiles, sub)
		k, err := winapi.ReadKey(h.Registry, p)
		home := strings.TrimRight(winapi.Expand(k.String("profileimagepath"), h.Environ), `\`)
		if err == nil && home == "" {
			err = errors.New("has no ProfileImagePath")
		}
		if err != nil {
			note(artifacts.Outcome{Path: p, Status: winapi.Status(err), Reason: "a user's profile: " + err.Error()})
			continue
		}
		id := strings.TrimSuffix(sub, ".bak") // a profile that could not be loaded once
		u := artifacts.User{ID: id, Home: artifacts.Path(home)}
		u.Name = cmp.Or(name(id), artifacts.Windows.Base(u.Home))
		all = append(all, u)
	}
	return all
}

// unlisted are the folders beside the profiles of users.
func unlisted(h *artifacts.Host, known []artifacts.User) (more []artifacts.User) {
	dir := artifacts.Path(cmp.Or(h.Environ["profilesdirectory"], h.Environ["systemdrive"]+`\Users`))
	entries, _ := h.Files.ReadDir(dir) // those that can be listed
	has := homes(known)
	for _, e := range entries {
		home := artifacts.Windows.Join(dir, e.Name)
		if e.Kind == artifacts.Directory && !has[folded(home)] && !strings.EqualFold(e.Name, "All Users") {
			more = append(more, artifacts.User{Name: e.Name, Home: home})
		}
	}
	narrow := artifacts.Path(h.Environ["systemroot"] + `\SysWOW64\config\systemprofile`) // of 32-bit programs
	if st, err := h.Files.Lstat(narrow); err == nil && st.Kind == artifacts.Directory {
		more = append(more, artifacts.User{Name: "SYSTEM", ID: "S-1-5-18", Home: narrow})
	}
	return more
}

// homes are the folders of users, whose case does not matter.
func homes(users []artifacts.User) map[string]bool {
	all := make(map[string]bool, len(users))
	for i := range users {
		all[folded(users[i].Home)] = true
	}
	return all
}

func folded(p artifacts.Path) string { return strings.ToLower(string(p)) }

// Version fills in what the system calls itself and its number, from the key of its version and, where that does not
// tell (before Windows 10), from the text CurrentVersion.
func Version(reg artifacts.Registry, id *artifacts.Identity) error {
	k, err := winapi.ReadKey(reg, keyVersion)
	build := cmp.Or(k.String("currentbuildnumber"), k.String("currentbuild"))
	version := k.String("currentversion")
	if major, ok := k.Number("currentmajorversionnumber"); ok {
		minor, _ := k.Number("currentminorversionnumber")
		version = strconv.FormatUint(major, 10) + "." + strconv.FormatUint(minor, 10)
	}
	number, _ := strconv.ParseUint(build, 10, 32)
	id.OSName = winapi.ProductName(k, uint32(number))
	id.OSVersion = strings.Trim(version+"."+build, ".")
	id.Kernel = id.OSVersion
	if ubr, ok := k.Number("ubr"); ok {
		id.Kernel += "." + strconv.FormatUint(ubr, 10)
	}
	return err
}

// MachineID is what Windows numbers itself by.
func MachineID(reg artifacts.Registry) (string, error) {
	k, err := winapi.ReadKey(reg, keyCrypto)
	id := k.String("machineguid")
	if id == "" && err == nil {
		err = errors.New("not set")
	}
	if err != nil {
		err = fmt.Errorf("MachineGuid: %w", err)
	}
	return id, err
}

// Describe fills in what the hives of a Windows that does not run tell of it: variables, users, identity and zone. Of
// what they do not tell, what is there stays. Names of accounts are those of their folders, because the names themselves
// are among the secrets.
func Describe(h *artifacts.Host, note func(artifacts.Outcome)) {
	windir := h.Environ["systemroot"]
	o := NewOffline(h.Files, windir)
	_, errSoftware := o.Key(machine + `\SOFTWARE`)
	_, errSystem := o.Key(machine + `\SYSTEM`)
	if errSoftware != nil && errSystem != nil {
		for _, err := range []error{errSoftware, errSystem} {
			note(artifacts.Outcome{Status: winapi.Status(err), Reason: "host name, version and users are guessed from folders: " + err.Error()})
		}
		return
	}
	h.Registry = o
	guessed, here := h.Users, o.here()
	h.Environ = Environ(o, windir, note)
	for name, value := range h.Environ {
		h.Environ[name] = here(value)
	}
	h.Users = profiles(h, func(string) string { return "" }, note)
	for i := range h.Users {
		u := &h.Users[i]
		u.Home = artifacts.Path(here(string(u.Home)))
		u.Name = cmp.Or(serviceAccounts[u.ID], u.Name)
		o.AddUser(u.ID, u.Home)
	}
	h.Users = append(h.Users, unlisted(h, h.Users)...)
	has := homes(h.Users)
	for _, u := range guessed { // the accounts of services
		if !has[folded(u.Home)] {
			h.Users = append(h.Users, u)
		}
	}
	sort.SliceStable(h.Users, func(i, j int) bool { return h.Users[i].Name < h.Users[j].Name }) // less code than a generic one
	o.identity(h, note)
	for _, u := range o.users {
		for _, suffix := range []string{"", "_Classes"} {
			_, _ = o.Key(artifacts.Path(users + `\` + u.sid + suffix)) // what there is to say of it, notes will
		}
	}
	for _, n := range o.notes() {
		note(n)
	}
}

var serviceAccounts = map[string]string{"S-1-5-18": "SYSTEM", "S-1-5-19": "LOCAL SERVICE", "S-1-5-20": "NETWORK SERVICE"}

// here gives the function that puts the letter the system's drive has on this host in place of the one it had when it
// ran.
func (o *Offline) here() func(string) string {
	k, _ := winapi.ReadKey(o, keyVersion)
	was, is := k.String("systemroot"), o.system
	return func(path string) string {
		if len(was) > 2 && len(path) > 2 && len(is) > 2 && strings.EqualFold(was[:2], path[:2]) {
			return is[:2] + path[2:]
		}
		return path
	}
}

func (o *Offline) identity(h *artifacts.Host, note func(artifacts.Outcome)) {
	id := &h.Identity
	if err := Version(o, id); err != nil {
		note(artifacts.Outcome{Path: keyVersion, Status: winapi.Status(err), Reason: err.Error()})
	}
	id.MachineID, _ = MachineID(o) // absent where it was never set
	network, _ := winapi.ReadKey(o, keyNetwork)
	named, err := winapi.ReadKey(o, keyName)
	id.Hostname = cmp.Or(network.String("nv hostname"), network.String("hostname"), named.String("computername"))
	if id.Hostname == "" && err != nil {
		note(artifacts.Outcome{Path: keyName, Status: winapi.Status(err), Reason: "host name: " + err.Error()})
	}
	id.Domain = cmp.Or(network.String("nv domain"), network.String("domain"))
	if id.Domain != "" {
		id.FQDN = id.Hostname + "." + id.Domain
	}
	env, _ := winapi.ReadKey(o, keyEnvironment)
	switch a := strings.ToUpper(env.String("processor_architecture")); a {
	case "X86":
		id.Arch = "386"
	default:
		id.Arch = strings.ToLower(a) // amd64, arm64: Go's words too
	}
	firmware, _ := winapi.ReadKey(o, keyFirmware)
	id.Platform = winapi.Hypervisor(firmware.String("systemmanufacturer"), firmware.String("systemproductname"))
	zone, err := winapi.ReadKey(o, keyZone)
	if err != nil {
		note(artifacts.Outcome{Path: keyZone, Status: winapi.Status(err), Reason: "time zone: " + err.Error()})
		return
	}
	h.Clock.Zone = cmp.Or(zone.String("timezonekeyname"), zone.String("standardname"))
	if bias, ok := zone.Number("activetimebias"); ok { // minutes west of UTC, when it last ran
		h.Clock.OffsetSeconds = -60 * int(int32(bias))
	}
}

// notes gives what there is to say of the hives that were opened: which were dirty, what was recovered, and what could
// not be read.
func (o *Offline) notes() (notes []artifacts.Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, file := range slices.Sorted(maps.Keys(o.opened)) {
		was := o.opened[file]
		n := artifacts.Outcome{Path: file, Status: artifacts.Collected}
		switch {
		case errors.Is(was.err, fs.ErrNotExist):
			continue
		case was.err != nil:
			n.Status, n.Reason = winapi.Status(was.err), "the keys in it are not read: "+was.err.Error()
		case was.hive.Recovered > 0:
			n.Reason = fmt.Sprintf("a dirty hive: %d pages are read from its logs", was.hive.Recovered)
		case was.hive.Dirty:
			n.Status, n.Reason = artifacts.Truncated, "a dirty hive without the log that holds what was last written to it"
		default:
			continue
		}
		if was.hive != nil && len(was.hive.LogErrors) > 0 {
			n.Reason += ": " + errors.Join(was.hive.LogErrors...).Error()
		}
		notes = append(notes, n)
	}
	return notes
}

func sorted(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}
