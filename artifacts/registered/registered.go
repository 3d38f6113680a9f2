// Package registered takes what lies where the settings of a Windows say: logs, databases and dumps that were moved from
// where they are by default, and the programs that services, tasks and Run keys start. Settings are those of the
// registry, of a running system as of an image, of IIS (applicationHost.config) and of Apache (httpd.conf).
//
// A setting is one row of the table in places.go; what the rows know is from the vendors' documentation.
package registered

import (
	"context"
	"io"
	"strings"

	"spor/artifacts"
	"spor/artifacts/schema"
)

// All gives the collectors of this package, one for each group of places.
func All() []*artifacts.Collector {
	return []*artifacts.Collector{
		collector(logs, "relocated-logs", "Event, firewall, DHCP and PowerShell logs and print jobs where the registry says they are", "triage", artifacts.Decisive, false),
		collector(servers, "relocated-servers", "Logs and scripts of IIS, Exchange, SQL Server, SharePoint and Apache where their settings say they are", "webserver", artifacts.Bulk, false),
		collector(memory, "relocated-memory", "Page files and crash dumps where the registry says they are", "memory", artifacts.Bulk, false),
		collector(secrets, "relocated-secrets", "The directory's database where the registry says it is", "full", artifacts.Bulk, true),
		collector(programs, "started-programs", "Programs outside of the system's folders that services, tasks and Run keys start", "ransomware", artifacts.Bulk, false),
	}
}

// A group is the places that one collector takes.
type group uint8

const (
	logs group = iota
	servers
	memory
	secrets
	programs
)

func collector(g group, name, doc, profile string, order artifacts.Order, secret bool) *artifacts.Collector {
	return &artifacts.Collector{
		Name: name, Doc: doc, OS: []artifacts.OS{artifacts.Windows}, Order: order, Profiles: []string{profile}, Secret: secret, Needs: artifacts.NeedsRegistry,
		Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
			c := collection{ctx: ctx, host: h, rec: rec, known: map[string]bool{}}
			c.definition.Name = name
			return c.take(g)
		},
	}
}

// A record is the line written for a place that a setting names.
type record struct {
	Setting string         `json:"setting"` // what it is of: "event log", "iis"
	Key     artifacts.Path `json:"key"`     // the registry key, or the file, that names it
	Value   string         `json:"value,omitempty"`
	Says    string         `json:"says"` // as it stands
	Path    artifacts.Path `json:"path"`
}

// A collection is one run of a collector.
type collection struct {
	ctx        context.Context
	host       *artifacts.Host
	rec        artifacts.Recorder
	definition artifacts.Definition
	known      map[string]bool // patterns
	cut        bool            // there were too many
}

// maxPlaces bounds the places that settings may name.
const maxPlaces = 20_000

func (c *collection) take(g group) error {
	var pairs []artifacts.KeyValue
	var of []*setting
	for i := range settings {
		if s := &settings[i]; s.group == g {
			pairs, of = append(pairs, artifacts.KeyValue{Key: s.key, Value: s.value}), append(of, s)
		}
	}
	found, err := schema.Values(c.ctx, c.host, c.rec, pairs)
	if err != nil {
		return err
	}
	for i, values := range found {
		for _, v := range values {
			for _, text := range v.Texts {
				if err := of[i].use(c, of[i], v, text); err != nil {
					return err
				}
			}
		}
	}
	switch g {
	case servers:
		err = c.iis()
	case programs:
		err = c.tasks()
	}
	if err != nil || len(c.definition.Sources) == 0 {
		return err
	}
	return schema.Collect(c.ctx, c.host, c.rec, c.definition)
}

// add plans the patterns below a path that a setting names; the path itself where there are none. What is no path on a
// drive of the host is passed over.
func (c *collection) add(r record, below ...string) error {
	p, ok := c.path(r.Says)
	key := r.Setting + "\x00" + strings.ToLower(p)
	if !ok || c.known[key] || c.cut {
		return nil
	}
	if c.cut = len(c.known) >= maxPlaces; c.cut {
		c.rec.Note(artifacts.Outcome{Path: r.Key, Status: artifacts.Truncated, Reason: "settings name more places than are looked for"})
		return nil
	}
	c.known[key] = true
	r.Path = artifacts.Path(p)
	if err := c.rec.Record(r); err != nil {
		return err
	}
	quoted := schema.Quote(p)
	source := artifacts.Source{Type: artifacts.SourceFile, Separator: `\`}
	for _, b := range below {
		source.Paths = append(source.Paths, quoted+b)
	}
	if len(below) == 0 {
		source.Paths = []string{quoted}
	}
	c.definition.Sources = append(c.definition.Sources, source)
	return nil
}

// path gives a setting's text as an absolute path: without the kernel's prefixes, with variables put in.
func (c *collection) path(text string) (string, bool) {
	p := strings.TrimSpace(strings.Trim(strings.TrimSpace(text), `"`))
	p = strings.ReplaceAll(c.expand(p), "/", `\`)
	p = strings.TrimPrefix(strings.TrimPrefix(p, `\??\`), `\\?\`)
	if rest, ok := cutFold(p, `\SystemRoot\`); ok {
		p = c.host.Environ["systemroot"] + `\` + rest
	} else if rest, ok := cutFold(p, `System32\`); ok {
		p = c.host.Environ["systemroot"] + `\System32\` + rest
	}
	p = strings.TrimRight(p, `\ `)
	drive := len(p) > 3 && p[1] == ':' && p[2] == '\\' && (p[0]|0x20) >= 'a' && (p[0]|0x20) <= 'z'
	if !drive || len(p) > 4096 || strings.ContainsAny(p[2:], "\x00\n:<>|\"") || strings.Contains(p, "%%") {
		return "", false
	}
	return p, true
}

func cutFold(s, front string) (string, bool) {
	if len(s) < len(front) || !strings.EqualFold(s[:len(front)], front) {
		return s, false
	}
	return s[len(front):], true
}

// expand puts the system's variables in. What is not known stays as it is.
func (c *collection) expand(s string) string {
	for range 8 {
		before, rest, ok := strings.Cut(s, "%")
		name, after, closed := strings.Cut(rest, "%")
		value := c.host.Environ[strings.ToLower(name)]
		if !ok || !closed || value == "" {
			return s
		}
		s = before + value + after
	}
	return s
}

// Guard gives the function that tells why a path is not to be taken without --include-secrets: the settings of the host
// say that a database of passwords lies there. It is nil where there are no settings to ask.
func Guard(ctx context.Context, h *artifacts.Host) func(artifacts.Path) string {
	if h.Registry == nil || h.OS != artifacts.Windows {
		return nil
	}
	c := collection{ctx: ctx, host: h, rec: silent{}}
	var places []string // in lower case; what ends in a backslash stands for all below
	for i := range settings {
		s := &settings[i]
		if s.group != secrets {
			continue
		}
		found, _ := schema.Values(ctx, h, silent{}, []artifacts.KeyValue{{Key: s.key, Value: s.value}})
		for _, v := range found[0] {
			for _, text := range v.Texts {
				p, ok := c.path(text)
				if ok && len(s.below) > 0 {
					p += `\`
				}
				if ok {
					places = append(places, strings.ToLower(p))
				}
			}
		}
	}
	return func(p artifacts.Path) string {
		lower := strings.ToLower(string(p))
		for _, place := range places {
			if lower == place || strings.HasSuffix(place, `\`) && strings.HasPrefix(lower, place) || strings.HasPrefix(lower, place+":") {
				return "the directory's database by the host's settings: taken only with --include-secrets"
			}
		}
		return ""
	}
}

// silent is a recorder that says nothing.
type silent struct{}

func (silent) Record(any) error                                     { return nil }
func (silent) Take(context.Context, artifacts.Path) error           { return nil }
func (silent) Put(context.Context, artifacts.Item, io.Reader) error { return nil }
func (silent) Note(artifacts.Outcome)                               {}
