// Package services collects the Windows services and drivers: what starts by itself, as whom, from which file, and what
// of it runs. What stands in the registry and is unknown to the service manager, or the other way round, is told apart:
// either is how persistence hides.
//
// The service manager (EnumServicesStatusEx, QueryServiceConfig) is asked on the running system; the registry,
// HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services, everywhere. The values are those of "HKLM\SYSTEM\CurrentControlSet\
// Services Registry Tree" in Microsoft's driver documentation.
package services

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/live/program"
	"spor/collect/winapi"
)

// Collector takes one Service for each service and driver.
var Collector = &artifacts.Collector{
	Name:     "services",
	Doc:      "Services and drivers: state, process, start, account, command line, DLL, files with hash and signature",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.State,
	Profiles: []string{"volatile"},
	Needs:    artifacts.NeedsRegistry,
	Collect:  collect,
}

// A Service is one line of live/services.jsonl. What is zero or absent is not known.
type Service struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"`
	Description string `json:"description,omitempty"` // as it stands: often a reference to a resource, "@file.dll,-101"
	Type        string `json:"type,omitempty"`        // "kernel_driver", "own_process", "share_process", …
	Interactive bool   `json:"interactive,omitempty"` // may show windows
	State       string `json:"state,omitempty"`       // "running", "stopped", …; empty where the service manager was not asked or does not know it
	PID         int    `json:"pid,omitempty"`
	ExitCode    uint32 `json:"exit_code,omitempty"` // of the last run
	Start       string `json:"start,omitempty"`     // "boot", "system", "auto", "manual", "disabled"
	Delayed     bool   `json:"delayed,omitempty"`
	Triggered   bool   `json:"triggered,omitempty"` // starts on events, whatever Start says
	Account     string `json:"account,omitempty"`

	Command        string        `json:"command,omitempty"`         // as it stands
	DLL            string        `json:"dll,omitempty"`             // of a service within svchost, as it stands
	Program        *program.File `json:"program,omitzero"`          // that Command names, of a running system
	Library        *program.File `json:"library,omitzero"`          // that DLL names
	FailureCommand string        `json:"failure_command,omitempty"` // run when it fails
	Group          string        `json:"group,omitempty"`
	DependsOn      []string      `json:"depends_on,omitempty"`
	Privileges     []string      `json:"privileges,omitempty"` // it asks for; none: all its account has

	Key         artifacts.Path `json:"key,omitempty"`
	KeyModified time.Time      `json:"key_modified,omitzero"`
	InManager   *bool          `json:"in_manager,omitempty"` // the service manager lists it; nil: it was not asked
	InRegistry  bool           `json:"in_registry"`
	Config      string         `json:"config,omitempty"` // who told type, start, account and command: "manager", "registry"
	Errors      []string       `json:"errors,omitempty"` // what could not be had, and why
}

const key = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services`

// errNoManager is what managed returns where there is no service manager to ask.
var errNoManager = errors.New("not the running system")

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	root, errRegistry := h.Registry.Key(key)
	if errRegistry != nil {
		rec.Note(artifacts.Outcome{Path: key, Status: winapi.Status(errRegistry), Reason: errRegistry.Error()})
	}
	all := map[string]*Service{} // by name in lower case
	errManager := errNoManager
	if h.Live {
		var listed []Service
		if listed, errManager = managed(ctx); errManager != nil {
			rec.Note(artifacts.Outcome{Status: winapi.Status(errManager), Reason: fmt.Sprintf("service manager: %v", errManager)})
		}
		for i := range listed {
			all[strings.ToLower(listed[i].Name)] = &listed[i]
		}
	}
	if errManager != nil && len(root.Subkeys) == 0 {
		return errors.New("neither the service manager nor the registry lists services")
	}
	for _, name := range root.Subkeys {
		s := all[strings.ToLower(name)]
		if s == nil {
			s = &Service{Name: name}
			if errManager == nil {
				s.InManager = new(bool)
			}
			all[strings.ToLower(name)] = s
		}
		s.addKey(h.Registry, artifacts.Windows.Join(key, name))
	}
	fromRegistry := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		if s.isNoService() {
			continue
		}
		if s.Config == "registry" && s.InManager != nil && *s.InManager {
			fromRegistry++
		}
		if h.Live && h.Files != nil {
			s.look(ctx, h)
		}
		if err := errors.Join(ctx.Err(), rec.Record(*s)); err != nil {
			return err
		}
	}
	if fromRegistry > 0 {
		rec.Note(artifacts.Outcome{
			Status: artifacts.Failed,
			Reason: fmt.Sprintf("QueryServiceConfig: the manager does not tell of %d services it lists; the registry was read for them", fromRegistry),
		})
	}
	return nil
}

// isNoService tells of the keys beside services that programs keep only settings in: no type, and unknown to the
// manager.
func (s *Service) isNoService() bool {
	return s.Type == "" && s.Command == "" && s.DLL == "" && s.State == "" && len(s.Errors) == 0
}

// addKey adds what the registry says. What the service manager has told already stays.
func (s *Service) addKey(reg artifacts.Registry, p artifacts.Path) {
	s.Key, s.InRegistry = p, true
	read, err := reg.Key(p)
	s.KeyModified = read.LastWrite
	k := winapi.KeyOf(read)
	if err != nil {
		s.Errors = append(s.Errors, err.Error())
	}
	if s.Config == "" {
		s.Config = "registry"
		s.Command, s.Account, s.Group = k.String("imagepath"), k.String("objectname"), k.String("group")
		s.DependsOn = append(k.Strings("dependonservice"), k.Strings("dependongroup")...)
		if n, ok := k.Number("type"); ok {
			s.setType(uint32(n))
		}
		if n, ok := k.Number("start"); ok {
			s.Start = startName(uint32(n))
		}
	}
	if s.DisplayName == "" {
		s.DisplayName = k.String("displayname")
	}
	s.Description = k.String("description")
	s.FailureCommand = k.String("failurecommand")
	s.Privileges = k.Strings("requiredprivileges")
	if n, ok := k.Number("delayedautostart"); ok {
		s.Delayed = n != 0
	}
	s.DLL = k.String("servicedll")
	for _, sub := range read.Subkeys {
		switch strings.ToLower(sub) {
		case "parameters":
			s.addDLL(reg, artifacts.Windows.Join(p, sub))
		case "triggerinfo":
			s.Triggered = true
		}
	}
}

// addDLL reads the DLL that svchost loads: it stands in Parameters, and takes precedence there.
func (s *Service) addDLL(reg artifacts.Registry, p artifacts.Path) {
	k, err := winapi.ReadKey(reg, p)
	if err != nil {
		s.Errors = append(s.Errors, err.Error())
	}
	if dll := k.String("servicedll"); dll != "" {
		s.DLL = dll
	}
}

// look describes the files that the service runs. A driver without a path is system32\drivers\NAME.sys.
func (s *Service) look(ctx context.Context, h *artifacts.Host) {
	command := s.Command
	if command == "" && strings.Contains(s.Type, "_driver") {
		command = `system32\drivers\` + s.Name + `.sys`
	}
	if command != "" {
		s.Program = program.First(ctx, h.Files, winapi.Programs(command, h.Environ))
	}
	if s.DLL != "" {
		s.Library = program.First(ctx, h.Files, []string{winapi.ImageFile(s.DLL, h.Environ)})
	}
}

// Bits of a service's type (winnt.h).
var types = []struct {
	bits uint32
	name string
}{
	{0x1, "kernel_driver"},
	{0x2, "file_system_driver"},
	{0x4, "adapter"},
	{0x8, "recognizer_driver"},
	{0x10, "own_process"},
	{0x20, "share_process"},
	{0x40, "user_service"},
	{0x80, "user_service_instance"},
	{0x200, "package"},
}

const interactive = 0x100

func (s *Service) setType(n uint32) {
	var names []string
	for _, t := range types {
		if n&t.bits != 0 {
			names = append(names, t.name)
		}
	}
	s.Type, s.Interactive = strings.Join(names, " "), n&interactive != 0
	if s.Type == "" {
		s.Type = fmt.Sprintf("%#x", n)
	}
}

func startName(n uint32) string {
	return name([]string{"boot", "system", "auto", "manual", "disabled"}, n)
}

func name(names []string, n uint32) string {
	if int64(n) < int64(len(names)) {
		return names[n]
	}
	return fmt.Sprintf("%d", n)
}
