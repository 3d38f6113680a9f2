// Package domain tells what a Windows belongs to: a workgroup or an Active Directory domain, and Entra (Azure AD). The
// system is asked without the network; the registry has what it joined last (Control\CloudDomainJoin, Group
// Policy\History), on a disk too.
package domain

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"spor/artifacts"
	"spor/collect/winapi"
)

// Collector takes one Record.
var Collector = &artifacts.Collector{
	Name:     "domain",
	Doc:      "Domain, forest, domain controller, Entra and device management the machine has joined",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Needs:    artifacts.NeedsRegistry,
	Collect:  collect,
}

// A Record is the one line of live/domain.jsonl. What is empty is not known.
type Record struct {
	Status     string     `json:"status,omitempty"` // "unjoined", "workgroup", "domain", "unknown"; empty: the system was not asked, or did not say
	Name       string     `json:"name,omitempty"`   // of domain or workgroup
	Role       string     `json:"role,omitempty"`   // "standalone_workstation", …
	DNS        string     `json:"dns,omitempty"`    // of the domain
	Forest     string     `json:"forest,omitempty"`
	ID         string     `json:"id,omitempty"`         // GUID of the domain
	Controller string     `json:"controller,omitempty"` // that last gave group policy
	Site       string     `json:"site,omitempty"`
	Cloud      []Cloud    `json:"cloud,omitempty"` // Entra: what was joined
	Managed    []Enrolled `json:"managed,omitempty"`
	Errors     []string   `json:"errors,omitempty"`
}

// A Cloud is a tenant of Entra that the machine or a user has joined.
type Cloud struct {
	From     string    `json:"from"`           // "system", "registry"
	Type     string    `json:"type,omitempty"` // "device", "workplace"; empty: not told
	Tenant   string    `json:"tenant,omitempty"`
	Name     string    `json:"name,omitempty"`   // of the tenant
	Device   string    `json:"device,omitempty"` // its id, or the certificate's thumbprint
	User     string    `json:"user,omitempty"`   // who joined
	Domain   string    `json:"domain,omitempty"` // of the identity provider
	MDM      string    `json:"mdm,omitempty"`    // where devices are managed
	Modified time.Time `json:"modified,omitzero"`
}

// An Enrolled is an enrolment in device management.
type Enrolled struct {
	ID       string    `json:"id"`
	Provider string    `json:"provider,omitempty"`
	User     string    `json:"user,omitempty"`
	URL      string    `json:"url,omitempty"`
	Modified time.Time `json:"modified,omitzero"`
}

const maxEnrolled = 1000

func collect(_ context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	var r Record
	if h.Live {
		r.ask()
	}
	r.fromRegistry(h.Registry)
	for _, e := range r.Errors {
		winapi.Say(rec, "", artifacts.Failed, e)
	}
	if len(r.Cloud) == 0 {
		winapi.Say(rec, keyCloud, artifacts.Absent, "neither the system nor the registry names a tenant of Entra")
	}
	return rec.Record(r)
}

const (
	keyCloud     = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\CloudDomainJoin`
	keyHistory   = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy\History`
	keyNetlogon  = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Netlogon\Parameters`
	keyTCP       = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`
	keyEnrolment = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Enrollments`
)

func (r *Record) fail(what string, err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.Errors = append(r.Errors, what+": "+err.Error())
	}
}

func (r *Record) fromRegistry(reg artifacts.Registry) {
	k, err := winapi.ReadKey(reg, keyHistory)
	r.fail("group policy", err)
	r.Controller = k.String("dcname")
	k, err = winapi.ReadKey(reg, keyNetlogon)
	r.fail("site", err)
	r.Site = k.String("dynamicsitename")
	if r.DNS == "" {
		k, err = winapi.ReadKey(reg, keyTCP)
		r.fail("DNS domain", err)
		r.DNS = k.String("domain")
	}
	if reg == nil {
		return
	}
	names := map[string]winapi.Key{}
	tenants, err := reg.Key(keyCloud + `\TenantInfo`)
	r.fail("tenants", err)
	for _, id := range tenants.Subkeys {
		names[id], err = winapi.ReadKey(reg, artifacts.Windows.Join(keyCloud+`\TenantInfo`, id))
		r.fail("tenant "+id, err)
	}
	joined, err := reg.Key(keyCloud + `\JoinInfo`)
	r.fail("joined tenants", err)
	for _, thumbprint := range joined.Subkeys {
		read, err := reg.Key(artifacts.Windows.Join(keyCloud+`\JoinInfo`, thumbprint))
		r.fail("joined tenant", err)
		k := winapi.KeyOf(read)
		c := Cloud{From: "registry", Tenant: k.String("tenantid"), Device: thumbprint, User: k.String("useremail"), Domain: k.String("idpdomain"), Modified: read.LastWrite}
		tenant := names[c.Tenant]
		c.Name, c.MDM = tenant.String("displayname"), tenant.String("mdmenrollmenturl")
		r.Cloud = append(r.Cloud, c)
	}
	r.enrolments(reg)
}

func (r *Record) enrolments(reg artifacts.Registry) {
	list, err := reg.Key(keyEnrolment)
	r.fail("device management", err)
	for i, id := range list.Subkeys {
		if i == maxEnrolled {
			r.fail("device management", errors.New("more than 1000 enrolments"))
			return
		}
		read, err := reg.Key(artifacts.Windows.Join(keyEnrolment, id))
		r.fail("device management", err)
		k := winapi.KeyOf(read)
		e := Enrolled{ID: id, Provider: k.String("providerid"), User: k.String("upn"), URL: k.String("discoveryservicefullurl"), Modified: read.LastWrite}
		if e.Provider != "" || e.User != "" {
			r.Managed = append(r.Managed, e)
		}
	}
}

// The words for NETSETUP_JOIN_STATUS (lmjoin.h) and DSROLE_MACHINE_ROLE (dsrole.h).
var (
	statuses = []string{"unknown", "unjoined", "workgroup", "domain"}
	roles    = []string{"standalone_workstation", "member_workstation", "standalone_server", "member_server", "backup_domain_controller", "primary_domain_controller"}
)
