// Package software lists what is installed on Windows, as the Uninstall keys and the app repository have it, for the
// machine in both views and for every user whose hive is loaded; and which updates, as the servicing store in the
// registry and WMI (Win32_QuickFixEngineering) have them.
package software

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/winapi"
	"spor/collect/winapi/wmi"
)

// Installed takes programs and apps.
var Installed = &artifacts.Collector{
	Name: "software", Doc: "Installed programs and apps, of the machine and of users",
	OS: []artifacts.OS{artifacts.Windows}, Order: artifacts.State, Profiles: []string{"triage"}, Needs: artifacts.NeedsRegistry,
	Collect: installed,
}

// A Program is one line of live/software.jsonl. What is empty is not said.
type Program struct {
	Kind      string         `json:"kind"` // "program", "app"
	Name      string         `json:"name"`
	Version   string         `json:"version,omitempty"`
	Publisher string         `json:"publisher,omitempty"`
	Date      string         `json:"date,omitempty"` // of installation, as the installer wrote it: "20260301"
	Folder    artifacts.Path `json:"folder,omitempty"`
	Source    string         `json:"source,omitempty"`    // where it was installed from
	Uninstall string         `json:"uninstall,omitempty"` // command line
	User      string         `json:"user,omitempty"`      // SID; empty: the machine's
	Hidden    bool           `json:"hidden,omitempty"`    // from the list of programs (SystemComponent)
	View      string         `json:"view,omitempty"`      // "32" where it stands in the view of 32-bit programs
	Path      artifacts.Path `json:"path"`                // of the key
	Modified  time.Time      `json:"modified,omitzero"`   // of the key: usually when it was installed or updated
}

const (
	uninstall = `\Microsoft\Windows\CurrentVersion\Uninstall`
	apps      = `\Software\Classes\Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\Repository\Packages`
	maxListed = 50_000
)

func installed(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	l := list{ctx: ctx, reg: h.Registry, rec: rec}
	l.programs(`HKEY_LOCAL_MACHINE\SOFTWARE`+uninstall, "", "")
	l.programs(`HKEY_LOCAL_MACHINE\SOFTWARE\Wow6432Node`+uninstall, "", "32")
	const hives = `HKEY_USERS`
	users, err := h.Registry.Key(hives)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.note(hives, err)
	}
	for _, sid := range users.Subkeys {
		if strings.HasSuffix(strings.ToLower(sid), "_classes") {
			continue
		}
		root := artifacts.Path(hives + `\` + sid)
		l.programs(root+`\Software`+uninstall, sid, "")
		l.programs(root+`\Software\Wow6432Node`+uninstall, sid, "32")
		l.apps(root+apps, sid)
	}
	if l.err == nil && l.found == 0 {
		winapi.Say(rec, "", artifacts.Absent, "the registry was read, and names no installed program")
	}
	return l.err
}

type list struct {
	ctx   context.Context
	reg   artifacts.Registry
	rec   artifacts.Recorder
	found int
	err   error // that ends the collector
}

func (l *list) note(p artifacts.Path, err error) {
	winapi.Note(l.rec, p, err)
}

// each calls f with every key below p. That there is none is no news, but for the first.
func (l *list) each(p artifacts.Path, f func(artifacts.RegistryKey, winapi.Key)) {
	key, err := l.reg.Key(p)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.note(p, err)
	}
	for _, sub := range key.Subkeys {
		if l.ctx.Err() != nil {
			l.err = context.Cause(l.ctx)
		}
		if l.err != nil || l.found > maxListed {
			return
		}
		at := artifacts.Windows.Join(p, sub)
		read, err := l.reg.Key(at)
		if err != nil {
			l.note(at, err)
			continue
		}
		read.Path = at
		f(read, winapi.KeyOf(read))
	}
}

func (l *list) record(v any) {
	if l.found++; l.found > maxListed {
		winapi.Say(l.rec, "", artifacts.Truncated, fmt.Sprintf("more than %d", maxListed))
		return
	}
	l.err = l.rec.Record(v)
}

func (l *list) programs(p artifacts.Path, user, view string) {
	l.each(p, func(key artifacts.RegistryKey, k winapi.Key) {
		name := k.String("displayname")
		if name == "" {
			if name = artifacts.Windows.Base(key.Path); k.String("uninstallstring") == "" {
				return // a leftover that names nothing
			}
		}
		hidden, _ := k.Number("systemcomponent")
		l.record(Program{
			Kind: "program", Name: name, Version: k.String("displayversion"), Publisher: k.String("publisher"), Date: k.String("installdate"),
			Folder: artifacts.Path(k.String("installlocation")), Source: k.String("installsource"), Uninstall: k.String("uninstallstring"), User: user,
			Hidden: hidden != 0, View: view, Path: key.Path, Modified: key.LastWrite,
		})
	})
}

// apps lists packages of the store by their full names: Name_Version_Architecture_Resource_Publisher.
func (l *list) apps(p artifacts.Path, user string) {
	l.each(p, func(key artifacts.RegistryKey, k winapi.Key) {
		parts := append(strings.Split(artifacts.Windows.Base(key.Path), "_"), "", "", "", "")
		l.record(Program{
			Kind: "app", Name: parts[0], Version: parts[1], Publisher: parts[4], Folder: artifacts.Path(k.String("packagerootfolder")),
			User: user, Path: key.Path, Modified: key.LastWrite,
		})
	})
}

// Updates takes which updates are installed.
var Updates = &artifacts.Collector{
	Name: "updates", Doc: "Installed updates of Windows, from the servicing store and WMI",
	OS: []artifacts.OS{artifacts.Windows}, Order: artifacts.State, Profiles: []string{"triage"},
	Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
		return updates(ctx, h, rec, wmi.Select)
	},
}

// An Update is one line of live/updates.jsonl.
type Update struct {
	ID        string         `json:"id"`              // "KB5031455", or the name of the package
	From      string         `json:"from"`            // "wmi", "registry"
	State     string         `json:"state,omitempty"` // of a package: "installed", "staged", "superseded", …
	Kind      string         `json:"kind,omitempty"`  // "Security Update", …
	Installed time.Time      `json:"installed,omitzero"`
	Date      string         `json:"date,omitempty"` // where it is no time: as WMI spells it, which differs by language
	By        string         `json:"by,omitempty"`
	Package   string         `json:"package,omitempty"`
	Path      artifacts.Path `json:"path,omitempty"`
}

// states of a package of the servicing store, by its number's second digit: 0x70 is installed (CbsState, as DISM words
// them).
var states = []string{"", "resolved", "resolved", "staging", "staged", "uninstall_pending", "install_pending", "installed", "superseded"}

func updates(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, ask wmi.Asker) error {
	fromWMI := 0
	if h.Live {
		rows, err := ask(ctx, `root\cimv2`, "Win32_QuickFixEngineering")
		for _, r := range rows {
			u := Update{ID: r.Text("hotfixid"), From: "wmi", Kind: r.Text("description"), By: r.Text("installedby"), Date: r.Text("installedon")}
			if err := rec.Record(u); err != nil {
				return err
			}
			fromWMI++
		}
		if err != nil {
			winapi.Note(rec, "Win32_QuickFixEngineering", err)
		} else if fromWMI == 0 {
			winapi.Say(rec, "Win32_QuickFixEngineering", artifacts.Absent, "WMI names no update")
		}
	}
	const packages = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages`
	if h.Registry == nil {
		return errors.New("there is no registry to ask")
	}
	l := list{ctx: ctx, reg: h.Registry, rec: rec}
	_, missing := h.Registry.Key(packages)
	if missing != nil {
		l.note(packages, missing)
	}
	l.each(packages, func(key artifacts.RegistryKey, k winapi.Key) {
		name := artifacts.Windows.Base(key.Path)
		if !strings.HasPrefix(name, "Package_for_") {
			return // a part of Windows itself, or of an update
		}
		n, _ := k.Number("currentstate")
		high, _ := k.Number("installtimehigh")
		low, _ := k.Number("installtimelow")
		u := Update{ID: update(name), From: "registry", Installed: winapi.Time(int64(high<<32 | low)), By: k.String("installclient"), Package: name, Path: key.Path}
		if u.State = fmt.Sprintf("%#x", n); n>>4 > 0 && n>>4 < uint64(len(states)) {
			u.State = states[n>>4]
		}
		l.record(u)
	})
	if l.err == nil && l.found == 0 && missing == nil {
		winapi.Say(rec, packages, artifacts.Absent, "the servicing store names no update")
	}
	return l.err
}

// update is the number of the article in a package's name: Package_for_KB5031455~31bf3856ad364e35~amd64~~19041.1.2.
func update(name string) string {
	rest := strings.TrimPrefix(name, "Package_for_")
	rest, _, _ = strings.Cut(rest, "~")
	if strings.HasPrefix(rest, "KB") {
		rest, _, _ = strings.Cut(rest, "_") // KB123_SP1, KB123_RTM
	}
	return rest
}
