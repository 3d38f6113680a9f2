package host

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/windows"

	"spor/artifacts"
	"spor/collect/winapi"
)

const (
	keyProfiles    = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList`
	keyWindows     = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion`
	keyEnvironment = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager\Environment`
)

// environ gives the system's variables from the registry, not our own environment: that is the environment of
// whoever started us, and may be 32-bit, a service's, or made up.
func environ(reg artifacts.Registry, windir string, note func(artifacts.Outcome)) map[string]string {
	drive := windir[:2]
	vars := map[string]string{
		"systemroot": windir, "windir": windir, "systemdrive": drive, "comspec": windir + `\System32\cmd.exe`,
		"programdata": drive + `\ProgramData`, "public": drive + `\Users\Public`,
		"programfiles": drive + `\Program Files`, "programfilesx86": drive + `\Program Files (x86)`,
	}
	read := func(p artifacts.Path) winapi.Key {
		k, err := winapi.ReadKey(reg, p)
		if err != nil {
			note(artifacts.Outcome{Path: p, Status: winapi.Status(err), Reason: fmt.Sprintf("defaults stand for system variables: %v", err)})
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
		set(name, variables.String(name))
	}
	vars["programfiles(x86)"] = vars["programfilesx86"]
	vars["programw6432"] = vars["programfiles"]
	vars["allusersprofile"] = vars["programdata"]
	vars["allusersappdata"] = vars["programdata"] // the schema's word for it
	vars["windir"], vars["systemroot"], vars["systemdrive"] = windir, windir, drive
	return vars
}

// users gives the accounts that have a profile on this host, those of a domain and of services too.
func users(h *artifacts.Host, note func(artifacts.Outcome)) []artifacts.User {
	list, err := h.Registry.Key(keyProfiles)
	if err != nil {
		note(artifacts.Outcome{Path: keyProfiles, Status: winapi.Status(err), Reason: fmt.Sprintf("the list of users: %v", err)})
	}
	var all []artifacts.User
	for _, sub := range list.Subkeys {
		p := artifacts.Windows.Join(keyProfiles, sub)
		k, err := winapi.ReadKey(h.Registry, p)
		home := winapi.Expand(k.String("profileimagepath"), h.Environ)
		if err == nil && home == "" {
			err = errors.New("has no ProfileImagePath")
		}
		if err != nil {
			note(artifacts.Outcome{Path: p, Status: winapi.Status(err), Reason: fmt.Sprintf("a user's profile: %v", err)})
			continue
		}
		id := strings.TrimSuffix(sub, ".bak") // a profile that could not be loaded once
		u := artifacts.User{ID: id, Home: artifacts.Path(home), Name: artifacts.Windows.Base(artifacts.Path(home))}
		if sid, err := windows.StringToSid(id); err == nil {
			if account := winapi.Account(sid); account != "" {
				u.Name = account[strings.LastIndexByte(account, '\\')+1:]
			}
		}
		all = append(all, u)
	}
	return all
}
