package main

import (
	"cmp"
	"net"
	"path"
	"slices"
	"strings"
	"time"

	"spor/detect"
	"spor/report/incident"
)

// form is what the reporter wrote, and beside it what the run itself found.
func (c *collection) form() *incident.Incident {
	in := &incident.Incident{}
	if c.incident != nil {
		*in = *c.incident
	}
	in.TLP = cmp.Or(in.TLP, c.tlp)
	in.Machine = machine(c.detect.Findings())
	id := c.host.Identity
	system := incident.System{Name: id.Hostname, Role: id.OSName}
	for _, name := range []string{id.FQDN, id.Domain} {
		if name != "" && name != id.Hostname && !slices.Contains(system.Domains, name) {
			system.Domains = append(system.Domains, name)
		}
	}
	if id.Source == "live" {
		system.Addresses = addresses()
	}
	if system.Name != "" {
		in.Machine.Systems = []incident.System{system}
	}
	return in
}

// Bounds of what the form repeats; the rest is in findings.jsonl.
const formNames = 20

// machine gathers from findings what the form asks for.
func machine(findings []detect.Finding) incident.Machine {
	m := incident.Machine{Findings: len(findings)}
	var first time.Time
	for _, f := range findings {
		if !f.Time.IsZero() && (first.IsZero() || f.Time.Before(first)) {
			first = f.Time
		}
		switch f.Rule {
		case "ransom-note-name":
			name := path.Base(strings.ReplaceAll(f.Path.String(), `\`, "/"))
			m.Notes = addName(m.Notes, name)
		case "antivirus-found":
			m.Malware = addName(m.Malware, f.Reason)
		}
	}
	if !first.IsZero() {
		m.FirstFinding = incident.When(first.UTC().Format(time.RFC3339))
	}
	return m
}

func addName(names []string, name string) []string {
	if len(names) == formNames || slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// addresses are those by which others reach the host.
func addresses() (all []string) {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the collector of identity has them too, and says what it could not have
	}
	for _, a := range found {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			all = append(all, n.IP.String())
		}
	}
	return all
}
