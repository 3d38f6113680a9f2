// Package settings lists what decides how well a Windows is guarded and what it remembers: PowerShell's policy and
// logging, event logs, remote desktop, proxies and port forwarding, logon and credentials, Defender, firewall, boot,
// time, BitLocker, recovery, file sharing, remote management. Each is a value of the registry, in the table in table.go;
// what is not set is not in the list, and Windows' own default holds.
package settings

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"spor/artifacts"
	"spor/collect/winapi"
)

// Collector takes one Setting for each value that is set.
var Collector = &artifacts.Collector{
	Name:     "settings",
	Doc:      "Settings that guard and record: PowerShell, logs, remote desktop, proxy, logon, Defender, firewall, boot, time, recovery",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Needs:    artifacts.NeedsRegistry,
	Collect:  collect,
}

// A Setting is one line of live/settings.jsonl.
type Setting struct {
	Area     string         `json:"area"` // of the table: "powershell", "defender", …
	Path     artifacts.Path `json:"path"` // of the key
	Value    string         `json:"value,omitempty"`
	Data     any            `json:"data,omitempty"` // number, text, list of texts; bytes in base64; absent for a key that is itself the setting
	User     string         `json:"user,omitempty"` // SID; empty: the machine's
	Policy   bool           `json:"policy,omitempty"`
	Modified time.Time      `json:"modified,omitzero"` // of the key
}

// Bounds against a registry that means to choke us.
const (
	maxKeys = 50_000
	maxData = 64 << 10 // bytes of one value that are kept
)

type collector struct {
	ctx   context.Context
	host  *artifacts.Host
	rec   artifacts.Recorder
	sids  []string
	keys  int
	found map[string]int // by area
	bad   winapi.Faults
	err   error
}

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	c := &collector{ctx: ctx, host: h, rec: rec, found: map[string]int{}, bad: winapi.Faults{}}
	const hives = `HKEY_USERS`
	users, err := h.Registry.Key(hives)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		winapi.Note(rec, hives, err)
	}
	for _, sid := range users.Subkeys {
		if !strings.HasSuffix(strings.ToLower(sid), "_classes") {
			c.sids = append(c.sids, sid)
		}
	}
	all := table()
	for i := range all {
		for j := range len(all[i].roots) {
			c.row(&all[i], all[i].roots[j])
		}
	}
	if c.err != nil {
		return c.err
	}
	c.settle(all)
	return nil
}

// settle notes the areas of which nothing is set, and what was cut.
func (c *collector) settle(all []row) {
	var none []string
	last := ""
	for i := range all {
		if a := all[i].area; a != last && c.found[a] == 0 {
			none = append(none, a)
		}
		last = all[i].area
	}
	if len(none) > 0 {
		winapi.Say(c.rec, "", artifacts.Absent, "nothing is set, so that defaults hold, about "+strings.Join(none, ", "))
	}
	if c.keys > maxKeys {
		winapi.Say(c.rec, "", artifacts.Truncated, fmt.Sprintf("more than %d keys", maxKeys))
	}
}

func (c *collector) row(r *row, letter byte) {
	prefix, ofUser, _ := root(letter)
	policy := letter == 'P' || letter == 'Q'
	if !ofUser {
		c.walk(r, artifacts.Path(`HKEY_LOCAL_MACHINE\`+prefix), r.key, Setting{Policy: policy})
		return
	}
	for _, sid := range c.sids {
		c.walk(r, artifacts.Path(`HKEY_USERS\`+sid+`\`+prefix), r.key, Setting{Policy: policy, User: sid})
	}
}

func (c *collector) walk(r *row, at artifacts.Path, left []string, s Setting) {
	for len(left) > 0 && left[0] != "*" {
		at, left = artifacts.Windows.Join(at, left[0]), left[1:]
	}
	if c.keys++; c.err != nil || c.keys > maxKeys {
		return
	}
	if c.ctx.Err() != nil {
		c.err = context.Cause(c.ctx)
		return
	}
	key, err := c.host.Registry.Key(at)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.bad.Note(c.rec, at, err)
	}
	if len(left) > 0 {
		for _, sub := range key.Subkeys {
			c.walk(r, artifacts.Windows.Join(at, sub), left[1:], s)
		}
		return
	}
	s.Area, s.Path, s.Modified = r.area, at, key.LastWrite
	if r.values[0] == "." && err == nil {
		c.record(s)
	}
	for _, v := range key.Values {
		if !means(r.values, v.Name) {
			continue
		}
		s.Value, s.Data = v.Name, data(v)
		c.record(s)
	}
}

func (c *collector) record(s Setting) {
	if c.err != nil {
		return
	}
	c.found[s.Area]++
	c.err = c.rec.Record(s)
}

// secret are parts of the names of values that hold passwords.
var secret = []string{"password", "passphrase", "recoverykey"}

func means(values []string, name string) bool {
	name = strings.ToLower(name)
	for _, v := range values {
		if v == name {
			return true
		}
		if v != "*" {
			continue
		}
		for _, s := range secret {
			if strings.Contains(name, s) {
				return false
			}
		}
		return true
	}
	return false
}

// data is what a value holds, in JSON's terms.
func data(v artifacts.RegistryValue) any {
	v.Data = v.Data[:min(len(v.Data), maxData)]
	k := winapi.Key{"": v}
	switch v.Type {
	case winapi.RegString, winapi.RegExpand:
		return k.String("")
	case winapi.RegMulti:
		return k.Strings("")
	case winapi.RegNumber, winapi.RegNumber64:
		if n, ok := k.Number(""); ok {
			return n
		}
	}
	return v.Data
}
