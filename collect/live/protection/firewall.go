package protection

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/winapi"
)

// Firewall takes the rules of the firewall.
var Firewall = &artifacts.Collector{
	Name: "firewall-rules", Doc: "Rules of the Windows firewall, local ones and those of policy",
	OS: windowsOnly, Order: artifacts.State, Profiles: []string{"triage"}, Needs: artifacts.NeedsRegistry,
	Collect: firewall,
}

// A FirewallRule is one line of live/firewall-rules.jsonl. Lists are joined by commas.
type FirewallRule struct {
	ID         string         `json:"id"`
	Name       string         `json:"name,omitempty"` // as it stands: often a reference to a resource, "@file.dll,-101"
	Policy     bool           `json:"policy,omitempty"`
	Active     bool           `json:"active"`
	Action     string         `json:"action"`
	Direction  string         `json:"direction"`
	Protocol   string         `json:"protocol,omitempty"` // by number: 6 is TCP, 17 UDP; empty: any
	LocalPort  string         `json:"local_port,omitempty"`
	RemotePort string         `json:"remote_port,omitempty"`
	Local      string         `json:"local,omitempty"`  // addresses
	Remote     string         `json:"remote,omitempty"` //
	Program    string         `json:"program,omitempty"`
	Service    string         `json:"service,omitempty"`
	Profile    string         `json:"profile,omitempty"` // empty: all
	Package    string         `json:"package,omitempty"` // SID of an app
	User       string         `json:"user,omitempty"`
	Group      string         `json:"group,omitempty"`
	Version    string         `json:"version,omitempty"` // of the rule's form
	Path       artifacts.Path `json:"path"`
	Modified   time.Time      `json:"modified,omitzero"` // of the key, which all rules share
}

var ruleKeys = []struct {
	path   artifacts.Path
	policy bool
}{
	{`HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules`, false},
	{`HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\RestrictedServices\AppIso\FirewallRules`, false},
	{`HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\WindowsFirewall\FirewallRules`, true},
}

func firewall(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	for _, k := range ruleKeys {
		read, err := h.Registry.Key(k.path)
		switch {
		case err != nil:
			winapi.Note(rec, k.path, err)
		case len(read.Values) == 0:
			winapi.Say(rec, k.path, artifacts.Absent, "no rule")
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && len(read.Values) == 0 {
			continue
		}
		for _, v := range read.Values {
			r := rule(winapi.DecodeBytes(v.Data))
			r.ID, r.Policy, r.Path, r.Modified = v.Name, k.policy, k.path, read.LastWrite
			if err := errors.Join(ctx.Err(), rec.Record(r)); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxRule bounds one rule, in bytes.
const maxRule = 64 << 10

// rule reads a rule's text, "v2.30|Action=Allow|Active=TRUE|Dir=In|…|" ([MS-FASP] 2.2.36, [MS-GPFAS] 2.2.2.19).
func rule(text string) FirewallRule {
	var r FirewallRule
	if len(text) > maxRule {
		text = text[:maxRule]
	}
	for i, part := range strings.Split(text, "|") {
		if i == 0 {
			r.Version = part
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		name = strings.ToLower(name)
		if name == "active" {
			r.Active = strings.EqualFold(value, "true")
		}
		if to := r.field(name); ok && to != nil {
			if *to != "" {
				value = *to + "," + value
			}
			*to = value
		}
	}
	r.Action, r.Direction = strings.ToLower(r.Action), strings.ToLower(r.Direction)
	return r
}

// field is where a rule's field goes; nil: it is not kept.
func (r *FirewallRule) field(name string) *string {
	switch name {
	case "action":
		return &r.Action
	case "dir":
		return &r.Direction
	case "protocol":
		return &r.Protocol
	case "lport", "lport2_10", "lport2_20":
		return &r.LocalPort
	case "rport", "rport2_10":
		return &r.RemotePort
	case "la4", "la6":
		return &r.Local
	case "ra4", "ra6", "ra42", "ra62":
		return &r.Remote
	case "app":
		return &r.Program
	case "svc":
		return &r.Service
	case "profile":
		return &r.Profile
	case "name":
		return &r.Name
	case "embedctxt":
		return &r.Group
	case "apppkgid":
		return &r.Package
	case "luauth", "luown":
		return &r.User
	}
	return nil
}
