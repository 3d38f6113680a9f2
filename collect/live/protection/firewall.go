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
			rec.Note(artifacts.Outcome{Path: k.path, Status: winapi.Status(err), Reason: err.Error()})
		case len(read.Values) == 0:
			rec.Note(artifacts.Outcome{Path: k.path, Status: artifacts.Absent, Reason: "no rule"})
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
	fields := map[string]*string{
		"action": &r.Action, "dir": &r.Direction, "protocol": &r.Protocol, "lport": &r.LocalPort, "lport2_10": &r.LocalPort, "lport2_20": &r.LocalPort,
		"rport": &r.RemotePort, "rport2_10": &r.RemotePort, "la4": &r.Local, "la6": &r.Local, "ra4": &r.Remote, "ra6": &r.Remote, "ra42": &r.Remote, "ra62": &r.Remote,
		"app": &r.Program, "svc": &r.Service, "profile": &r.Profile, "name": &r.Name, "embedctxt": &r.Group, "apppkgid": &r.Package, "luauth": &r.User, "luown": &r.User,
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
		if to := fields[name]; ok && to != nil {
			if *to != "" {
				value = *to + "," + value
			}
			*to = value
		}
	}
	r.Action, r.Direction = strings.ToLower(r.Action), strings.ToLower(r.Direction)
	return r
}
