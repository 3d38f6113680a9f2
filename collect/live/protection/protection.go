// Package protection tells what guards a Windows: Defender with its exclusions and what it has detected, the products
// that the security centre knows, the rules of the firewall, which volumes are encrypted, what is audited, and how the
// system was booted. States that WMI tells are asked of it; where it does not answer, the registry is read for what it
// has, and that is said.
package protection

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

var windowsOnly = []artifacts.OS{artifacts.Windows}

// Defender takes Microsoft's antivirus: its state, exclusions, and detections.
var Defender = &artifacts.Collector{
	Name: "defender", Doc: "Microsoft Defender: state, exclusions from policy and registry, threats and detections",
	OS: windowsOnly, Order: artifacts.State, Profiles: []string{"triage"},
	Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
		return defender(ctx, h, rec, wmi.Select)
	},
}

// A DefenderRecord is one line of live/defender.jsonl. What is zero or absent is not known, or not of its kind.
type DefenderRecord struct {
	Kind string `json:"kind"` // "exclusion", "status", "threat", "detection"
	From string `json:"from"` // "registry", "policy", "wmi"

	// An exclusion.
	Type     string         `json:"type,omitempty"` // "path", "extension", "process", "ip", "temporary_path"
	Value    string         `json:"value,omitempty"`
	Path     artifacts.Path `json:"path,omitempty"` // key
	Modified time.Time      `json:"modified,omitzero"`

	// The state (MSFT_MpComputerStatus).
	Service     *bool     `json:"service,omitempty"` // runs
	Antivirus   *bool     `json:"antivirus,omitempty"`
	RealTime    *bool     `json:"real_time,omitempty"`
	Behaviour   *bool     `json:"behaviour,omitempty"`
	Downloads   *bool     `json:"downloads,omitempty"` // checks what comes from the network
	Tamper      *bool     `json:"tamper_protection,omitempty"`
	Mode        string    `json:"mode,omitempty"` // "Normal", "Passive Mode", "EDR Block Mode", …
	Product     string    `json:"product,omitempty"`
	Signatures  string    `json:"signatures,omitempty"`
	Updated     time.Time `json:"updated,omitzero"` // the signatures
	QuickScan   time.Time `json:"quick_scan,omitzero"`
	FullScan    time.Time `json:"full_scan,omitzero"`
	BootPending *bool     `json:"reboot_required,omitempty"`

	// A threat (MSFT_MpThreat) or a detection (MSFT_MpThreatDetection).
	ID         string    `json:"id,omitempty"`
	ThreatID   string    `json:"threat_id,omitempty"`
	Name       string    `json:"name,omitempty"`
	Severity   int64     `json:"severity,omitempty"` // 1 low, 2 moderate, 4 high, 5 severe
	Active     *bool     `json:"active,omitempty"`
	Executed   *bool     `json:"executed,omitempty"`
	Resources  []string  `json:"resources,omitempty"` // "file:_C:\…"
	Process    string    `json:"process,omitempty"`
	User       string    `json:"user,omitempty"`
	Detected   time.Time `json:"detected,omitzero"`
	Changed    time.Time `json:"changed,omitzero"`
	Remediated time.Time `json:"remediated,omitzero"`
	Status     *int64    `json:"status,omitempty"` // ThreatStatusID
	Succeeded  *bool     `json:"action_success,omitempty"`
}

const spaceDefender = `root\Microsoft\Windows\Defender`

func defender(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, ask wmi.Asker) error {
	excluded, err := exclusions(h.Registry, rec)
	if err != nil {
		return err
	}
	if !h.Live {
		return nil
	}
	names := map[string]string{} // of threats
	for _, q := range []struct {
		class string
		none  string
		take  func(wmi.Row) []DefenderRecord
	}{
		{"MSFT_MpComputerStatus", "", status},
		{"MSFT_MpPreference", "", preference},
		{"MSFT_MpThreat", "Defender remembers no threat", func(r wmi.Row) []DefenderRecord {
			names[r.Text("threatid")] = r.Text("threatname")
			return threat(r)
		}},
		{"MSFT_MpThreatDetection", "Defender remembers no detection", func(r wmi.Row) []DefenderRecord { return detection(r, names) }},
	} {
		rows, err := ask(ctx, spaceDefender, q.class)
		for _, row := range rows {
			for _, d := range q.take(row) {
				d.From = "wmi"
				if d.Kind == "exclusion" && excluded[strings.ToLower(d.Type+d.Value)] {
					continue
				}
				if err := rec.Record(d); err != nil {
					return err
				}
			}
		}
		noteAnswer(rec, err, len(rows), q.none, spaceDefender+":"+q.class)
		if errors.Is(err, fs.ErrNotExist) && q.class == "MSFT_MpComputerStatus" {
			break // the namespace is not there
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// noteAnswer notes what WMI did not tell, and that it has answered with nothing.
func noteAnswer(rec artifacts.Recorder, err error, n int, none, class string) {
	switch {
	case err != nil:
		winapi.Note(rec, artifacts.Path(class), err)
	case n == 0:
		if none == "" {
			none = "WMI answers with no object"
		}
		winapi.Say(rec, artifacts.Path(class), artifacts.Absent, none)
	}
}

// exclusions records those of the registry, each value being named by what is excluded, and gives them. Errors are the
// recorder's.
func exclusions(reg artifacts.Registry, rec artifacts.Recorder) (map[string]bool, error) {
	found := map[string]bool{}
	for _, root := range []struct{ key, from string }{
		{`HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows Defender\Exclusions`, "registry"},
		{`HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows Defender\Exclusions`, "policy"},
	} {
		any := false
		for _, kind := range []struct{ key, name string }{{"Paths", "path"}, {"Extensions", "extension"}, {"Processes", "process"}, {"IpAddresses", "ip"}, {"TemporaryPaths", "temporary_path"}} {
			p := artifacts.Path(root.key + `\` + kind.key)
			var key artifacts.RegistryKey
			err := fs.ErrNotExist
			if reg != nil {
				key, err = reg.Key(p)
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				winapi.Note(rec, p, err)
				any = true
			}
			for _, v := range key.Values {
				if v.Name == "" {
					continue
				}
				any = true
				found[strings.ToLower(kind.name+v.Name)] = true
				d := DefenderRecord{Kind: "exclusion", From: root.from, Type: kind.name, Value: v.Name, Path: p, Modified: key.LastWrite}
				if err := rec.Record(d); err != nil {
					return found, err
				}
			}
		}
		if !any {
			winapi.Say(rec, artifacts.Path(root.key), artifacts.Absent, "nothing is excluded here")
		}
	}
	return found, nil
}

func status(r wmi.Row) []DefenderRecord {
	return []DefenderRecord{{
		Kind: "status", Service: r.Bool("amserviceenabled"), Antivirus: r.Bool("antivirusenabled"), RealTime: r.Bool("realtimeprotectionenabled"),
		Behaviour: r.Bool("behaviormonitorenabled"), Downloads: r.Bool("ioavprotectionenabled"), Tamper: r.Bool("istamperprotected"), Mode: r.Text("amrunningmode"),
		Product: r.Text("amproductversion"), Signatures: r.Text("antivirussignatureversion"), Updated: r.Time("antivirussignaturelastupdated"),
		QuickScan: r.Time("quickscanendtime"), FullScan: r.Time("fullscanendtime"), BootPending: r.Bool("rebootrequired"),
	}}
}

// preference gives the exclusions, which an administrator who is not SYSTEM may see here alone.
func preference(r wmi.Row) []DefenderRecord {
	var all []DefenderRecord
	for _, k := range []struct{ property, name string }{{"exclusionpath", "path"}, {"exclusionextension", "extension"}, {"exclusionprocess", "process"}, {"exclusionipaddress", "ip"}} {
		for _, v := range r.Texts(k.property) {
			if strings.HasPrefix(v, "N/A") { // "… must be an administrator to view exclusions"
				continue
			}
			all = append(all, DefenderRecord{Kind: "exclusion", Type: k.name, Value: v})
		}
	}
	return all
}

func threat(r wmi.Row) []DefenderRecord {
	return []DefenderRecord{{
		Kind: "threat", ThreatID: r.Text("threatid"), Name: r.Text("threatname"), Severity: r.Int("severityid"), Active: r.Bool("isactive"),
		Executed: r.Bool("didthreatexecute"), Resources: r.Texts("resources"),
	}}
}

func detection(r wmi.Row, names map[string]string) []DefenderRecord {
	d := DefenderRecord{
		Kind: "detection", ID: r.Text("detectionid"), ThreatID: r.Text("threatid"), Name: names[r.Text("threatid")], Resources: r.Texts("resources"),
		Process: r.Text("processname"), User: r.Text("domainuser"), Detected: r.Time("initialdetectiontime"), Changed: r.Time("lastthreatstatuschangetime"),
		Remediated: r.Time("remediationtime"), Succeeded: r.Bool("actionsuccess"),
	}
	if n, ok := r.Number("threatstatusid"); ok {
		d.Status = &n
	}
	return []DefenderRecord{d}
}

// Products takes what the security centre knows.
var Products = &artifacts.Collector{
	Name: "security-products", Doc: "Antivirus, firewalls and the like, as the security centre knows them",
	OS: windowsOnly, Order: artifacts.State, Profiles: []string{"triage"},
	Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
		return products(ctx, h, rec, wmi.Select)
	},
}

// A Product is one line of live/security-products.jsonl.
type Product struct {
	Kind     string    `json:"kind"` // "antivirus", "antispyware", "firewall"
	From     string    `json:"from"` // "wmi", "registry"
	Name     string    `json:"name"`
	State    string    `json:"state,omitempty"`    // "on", "off", "snoozed", "expired"; empty: not known
	UpToDate *bool     `json:"current,omitempty"`  // its signatures
	Number   string    `json:"product_state"`      // as it is given
	Program  string    `json:"program,omitempty"`  // that shows its state
	Reporter string    `json:"reporter,omitempty"` // that reports it
	Stamp    string    `json:"stamp,omitempty"`    // when it last reported, as it says
	Modified time.Time `json:"modified,omitzero"`  // of the registry key
}

func products(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, ask wmi.Asker) error {
	const space = `root\SecurityCenter2`
	found := 0
	if h.Live {
		for _, q := range []struct{ class, kind string }{{"AntiVirusProduct", "antivirus"}, {"AntiSpywareProduct", "antispyware"}, {"FirewallProduct", "firewall"}} {
			rows, err := ask(ctx, space, q.class)
			for _, r := range rows {
				p := Product{
					Kind: q.kind, From: "wmi", Name: r.Text("displayname"), Number: r.Text("productstate"), Program: r.Text("pathtosignedproductexe"),
					Reporter: r.Text("pathtosignedreportingexe"), Stamp: r.Text("timestamp"),
				}
				p.judge(r.Int("productstate"))
				found++
				if err := rec.Record(p); err != nil {
					return err
				}
			}
			noteAnswer(rec, err, len(rows), "no product of this kind", space+":"+q.class)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
	n, err := providers(h.Registry, rec)
	if err == nil && found+n == 0 {
		winapi.Say(rec, "", artifacts.Absent, "neither WMI nor the registry names a product: servers have no security centre")
	}
	return err
}

// judge reads productState: its second byte is the state, its lowest that of the signatures (wscapi.h,
// WSC_SECURITY_PRODUCT_STATE and _SIGNATURE_STATUS in the form WMI gives them).
func (p *Product) judge(n int64) {
	switch n >> 8 & 0xf0 {
	case 0x00:
		p.State = "off"
	case 0x10:
		p.State = "on"
	case 0x20:
		p.State = "snoozed"
	case 0x30:
		p.State = "expired"
	}
	current := n&0xf0 == 0
	p.UpToDate = &current
}

// providers records what the registry keeps of the same. Errors are the recorder's.
func providers(reg artifacts.Registry, rec artifacts.Recorder) (int, error) {
	const root = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Security Center\Provider`
	found := 0
	for _, q := range []struct{ key, kind string }{{"Av", "antivirus"}, {"As", "antispyware"}, {"Fw", "firewall"}} {
		p := artifacts.Path(root + `\` + q.key)
		err := fs.ErrNotExist
		var list artifacts.RegistryKey
		if reg != nil {
			list, err = reg.Key(p)
		}
		if err != nil {
			winapi.Note(rec, p, err)
		}
		for _, sub := range list.Subkeys {
			read, err := reg.Key(artifacts.Windows.Join(p, sub))
			if err != nil {
				winapi.Note(rec, artifacts.Windows.Join(p, sub), err)
				continue
			}
			k := winapi.KeyOf(read)
			product := Product{Kind: q.kind, From: "registry", Name: k.String("displayname"), Program: k.String("productexe"), Reporter: k.String("reportingexe"), Modified: read.LastWrite}
			if n, ok := k.Number("state"); ok {
				product.judge(int64(n))
				product.Number = fmt.Sprint(n)
			}
			found++
			if err := rec.Record(product); err != nil {
				return found, err
			}
		}
	}
	return found, nil
}
