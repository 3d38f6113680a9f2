// Package shadows lists the shadow copies of a running Windows, and what their absence is to be measured by: ransomware
// deletes them, so that there are none is evidence. The devices of the kernel say which copies there are, whatever
// services do; WMI (Win32_ShadowCopy, Win32_ShadowStorage) says when they were made, and how much room was set aside; the
// registry keeps what the shadow copy service did last (Services\VSS\Diag).
package shadows

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

// Collector takes one Record for each copy and storage, and one about the whole.
var Collector = &artifacts.Collector{
	Name:     "shadow-copies",
	Doc:      "Shadow copies with their times, storage set aside for them, and traces of their deletion",
	OS:       []artifacts.OS{artifacts.Windows},
	Order:    artifacts.State,
	Profiles: []string{"triage"},
	Needs:    artifacts.NeedsLive,
	Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
		names, err := devices()
		return collect(ctx, h, rec, names, err, wmi.Select)
	},
}

// A Record is one line of live/shadow-copies.jsonl. What is zero or absent is not known, or not of its kind.
type Record struct {
	Kind    string    `json:"kind"`             // "copy", "storage", "trace", "summary"
	Device  string    `json:"device,omitempty"` // of a copy: \Device\HarddiskVolumeShadowCopyN
	ID      string    `json:"id,omitempty"`
	Volume  string    `json:"volume,omitempty"` // it is a copy of; that storage is for
	Created time.Time `json:"created,omitzero"`
	Machine string    `json:"machine,omitempty"` // that made it
	Client  *bool     `json:"client_accessible,omitempty"`
	Used    int64     `json:"used,omitempty"`      // bytes, of a storage
	Set     int64     `json:"allocated,omitempty"` // bytes set aside
	Most    int64     `json:"maximum,omitempty"`   // bytes; -1: unbounded

	// A trace is a value below Services\VSS\Diag whose name says that something was made ("SrCreateRp (Leave)") or deleted.
	Name     string         `json:"name,omitempty"`
	Path     artifacts.Path `json:"path,omitempty"`
	Modified time.Time      `json:"modified,omitzero"` // of the key

	// The summary.
	Copies     *int      `json:"copies,omitempty"`     // nil: nothing could tell
	Storage    int64     `json:"storage,omitempty"`    // bytes set aside, in all
	Traces     int       `json:"traces,omitempty"`     // of deletion
	Made       time.Time `json:"last_made,omitzero"`   // when a trace says that a copy was made, at the latest
	Protection string    `json:"protection,omitempty"` // system restore: "on", "off", empty: not known
	Service    string    `json:"service,omitempty"`    // how the service is started: "disabled" stops new copies
	Reasons    []string  `json:"reasons,omitempty"`    // why copies are to be expected
}

const space = `root\cimv2`

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, names []string, errDevices error, ask wmi.Asker) error {
	sum := Record{Kind: "summary"}
	if errDevices != nil {
		winapi.Say(rec, `\Device`, winapi.Status(errDevices), "devices of shadow copies: "+errDevices.Error())
	} else {
		n := len(names)
		sum.Copies = &n
	}
	copies, errCopies := ask(ctx, space, "Win32_ShadowCopy")
	stores, errStores := ask(ctx, space, "Win32_ShadowStorage")
	for _, err := range []error{errCopies, errStores} {
		if err != nil {
			winapi.Note(rec, space, err)
		}
	}
	if errCopies == nil && sum.Copies == nil {
		n := len(copies)
		sum.Copies = &n
	}
	for _, r := range merge(names, copies) {
		if err := rec.Record(r); err != nil {
			return err
		}
	}
	for _, r := range stores {
		s := Record{Kind: "storage", Volume: r.Text("volume"), Used: r.Int("usedspace"), Set: r.Int("allocatedspace"), Most: r.Int("maxspace")}
		sum.Storage += s.Set
		if err := rec.Record(s); err != nil {
			return err
		}
	}
	if err := sum.trace(h.Registry, rec); err != nil {
		return err
	}
	sum.weigh(h.Registry)
	switch {
	case sum.Copies == nil:
		winapi.Say(rec, "", artifacts.Failed, "nothing tells whether there are shadow copies")
	case *sum.Copies == 0:
		winapi.Say(rec, "", artifacts.Absent, "there is no shadow copy: neither as a device of the kernel nor, where it answers, by WMI")
	}
	return errors.Join(ctx.Err(), rec.Record(sum))
}

// merge joins what the kernel and WMI say of copies, by device.
func merge(names []string, rows []wmi.Row) []Record {
	var all []Record
	seen := map[string]bool{}
	for _, r := range rows {
		device := strings.TrimPrefix(r.Text("deviceobject"), `\\?\GLOBALROOT`)
		seen[strings.ToLower(device)] = true
		all = append(all, Record{
			Kind: "copy", Device: device, ID: r.Text("id"), Volume: r.Text("volumename"), Created: r.Time("installdate"),
			Machine: r.Text("originatingmachine"), Client: r.Bool("clientaccessible"),
		})
	}
	for _, name := range names {
		device := `\Device\` + name
		if !seen[strings.ToLower(device)] {
			all = append(all, Record{Kind: "copy", Device: device})
		}
	}
	return all
}

const (
	diag     = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\VSS\Diag`
	maxKeys  = 5000
	maxDepth = 6
)

// trace records the values below Diag that say something was made or deleted. Errors are the recorder's.
func (r *Record) trace(reg artifacts.Registry, rec artifacts.Recorder) error {
	if reg == nil {
		return nil
	}
	keys := 0
	var walk func(p artifacts.Path, depth int) error
	walk = func(p artifacts.Path, depth int) error {
		if keys++; keys > maxKeys || depth > maxDepth {
			return nil
		}
		key, err := reg.Key(p)
		if err != nil && (!errors.Is(err, fs.ErrNotExist) || depth == 0) {
			winapi.Note(rec, p, err)
		}
		for _, v := range key.Values {
			name := strings.ToLower(v.Name)
			deleted, made := strings.Contains(name, "delete") || strings.Contains(name, "remove"), strings.Contains(name, "create") && strings.HasSuffix(name, "(leave)")
			if !deleted && !made {
				continue
			}
			if deleted {
				r.Traces++
			}
			if made && key.LastWrite.After(r.Made) {
				r.Made = key.LastWrite
			}
			if err := rec.Record(Record{Kind: "trace", Name: v.Name, Path: p, Modified: key.LastWrite}); err != nil {
				return err
			}
		}
		for _, sub := range key.Subkeys {
			if err := walk(artifacts.Windows.Join(p, sub), depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(diag, 0)
}

// weigh says why there should be copies.
func (r *Record) weigh(reg artifacts.Registry) {
	k, err := winapi.ReadKey(reg, `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SystemRestore`)
	if on, ok := k.Number("rpsessioninterval"); err == nil && ok {
		if r.Protection = "off"; on != 0 {
			r.Protection = "on"
			r.Reasons = append(r.Reasons, "system restore is on (RPSessionInterval)")
		}
	}
	if n, ok := k.Number("disablesr"); ok && n == 1 {
		r.Protection = "off"
	}
	k, _ = winapi.ReadKey(reg, `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\VSS`)
	if n, ok := k.Number("start"); ok {
		r.Service = []string{"boot", "system", "auto", "manual", "disabled"}[min(n, 4)]
	}
	if r.Storage > 0 {
		r.Reasons = append(r.Reasons, fmt.Sprintf("%d bytes are set aside for copies", r.Storage))
	}
	if !r.Made.IsZero() {
		r.Reasons = append(r.Reasons, "the service's diagnosis says that one was made by "+r.Made.UTC().Format(time.DateTime)+" UTC")
	}
	if r.Traces > 0 {
		r.Reasons = append(r.Reasons, fmt.Sprintf("the service's diagnosis names %d deletions", r.Traces))
	}
}
