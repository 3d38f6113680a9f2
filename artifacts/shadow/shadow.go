// Package shadow takes what lies in the shadow copies of a host's volumes: what definitions name, as it was when each
// copy was made. Copies are found and read, never made.
package shadow

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/artifacts/schema"
)

// List is the collector of which copies there are in an image. Of a running system a collector of live state tells more.
var List = &artifacts.Collector{
	Name: "shadow-volumes", Doc: "Shadow copies inside an image: when they were made, and whether they can be read",
	OS: []artifacts.OS{artifacts.Windows}, Order: artifacts.State, Profiles: []string{"triage"},
	Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
		if h.Live || h.Shadows == nil {
			return nil
		}
		copies, err := h.Shadows()
		for _, c := range copies {
			if err := rec.Record(c); err != nil {
				return err
			}
		}
		if err != nil {
			rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: err.Error()})
		}
		return ctx.Err()
	},
}

// Files gives the collector of what the chosen definitions of a set name, in each shadow copy. Its items are called as
// Windows calls them: \\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy3\Windows\… Registry keys are not read again; the
// hives themselves are taken.
func Files(set *schema.Set, chosen []*artifacts.Collector, o schema.Options) *artifacts.Collector {
	names := make(map[string]bool, len(chosen))
	for _, c := range chosen {
		names[c.Name] = true
	}
	return &artifacts.Collector{
		Name: "shadow-files", Doc: "What the definitions name, as it was in each shadow copy",
		OS: []artifacts.OS{artifacts.Windows}, Order: artifacts.Bulk,
		Collect: func(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
			if h.Shadows == nil {
				rec.Note(artifacts.Outcome{Status: artifacts.Absent, Reason: "shadow copies are of a running Windows, or in an image of its disk"})
				return nil
			}
			copies, err := h.Shadows()
			if err != nil {
				rec.Note(artifacts.Outcome{Status: artifacts.Failed, Reason: err.Error()})
			}
			if len(copies) == 0 && err == nil {
				rec.Note(artifacts.Outcome{Status: artifacts.Absent, Reason: "there are no shadow copies"})
			}
			t := taking{host: h, rec: rec, set: set, names: names, options: schema.Options{Secrets: o.Secrets}, newer: map[artifacts.Path]artifacts.Stat{}}
			for i := len(copies) - 1; i >= 0; i-- { // the newest first
				if err := t.copy(ctx, &copies[i]); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// A taking goes through the copies, from the newest back.
type taking struct {
	host    *artifacts.Host
	rec     artifacts.Recorder
	set     *schema.Set
	names   map[string]bool // of the definitions that are chosen
	options schema.Options
	newer   map[artifacts.Path]artifacts.Stat // what was taken, as it was in the oldest copy that was gone through
}

// copy goes through one copy as if it were the drive it is of.
func (t *taking) copy(ctx context.Context, c *artifacts.Shadow) error {
	h, rec := t.host, t.rec
	if c.Error != "" || c.Drive == "" {
		reason := c.Error
		if reason == "" {
			reason = "of which drive it is a copy is not known"
		}
		rec.Note(artifacts.Outcome{Path: c.Path, Status: artifacts.Failed, Reason: reason})
		return nil
	}
	then := *h
	then.Files, then.Registry, then.Shadows = &artifacts.Renamed{Files: h.Files, From: c.Drive, To: c.Path}, noKeys{}, nil
	plan := schema.NewPlan(t.set, &then, t.options)
	mine := slices.DeleteFunc(plan.All(), func(d *artifacts.Collector) bool {
		return !t.names[d.Name] || !d.Supports(h.OS) || d.Secret && !t.options.Secrets
	})
	r := &recorder{taking: t, shadow: c, withhold: plan.Withhold}
	for _, d := range plan.Collectors(mine) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := d.Collect(ctx, &then, r); err != nil {
			if r.over != nil {
				return err
			}
			rec.Note(artifacts.Outcome{Path: c.Path, Status: artifacts.Failed, Reason: d.Name + ": " + err.Error()})
		}
	}
	made := c.Created.UTC().Format("2006-01-02 15:04:05 UTC")
	if c.Created.IsZero() {
		made = "at a time that is not known"
	}
	rec.Note(artifacts.Outcome{Path: c.Path, Status: artifacts.Collected, Reason: fmt.Sprintf("copy of %s made %s: %d files taken, %d the same in a newer copy or now", c.Drive, made, r.found, r.same)})
	return nil
}

// noKeys is a registry without keys.
type noKeys struct{}

func (noKeys) Key(p artifacts.Path) (artifacts.RegistryKey, error) {
	return artifacts.RegistryKey{}, &fs.PathError{Op: "open key", Path: p.String(), Err: fs.ErrNotExist}
}

// A recorder speaks of the copy where a collector speaks of the drive.
type recorder struct {
	*taking
	shadow      *artifacts.Shadow
	withhold    func(artifacts.Path) string
	found, same int
	over        error // the run is over
}

// in is a path of the drive as a path of the copy.
func (r *recorder) in(p artifacts.Path) artifacts.Path {
	if n := len(r.shadow.Drive); len(p) > n && strings.EqualFold(string(p[:n]), string(r.shadow.Drive)) {
		return r.shadow.Path + p[n:]
	}
	return p
}

// Take implements artifacts.Recorder. What is the same file, of the same size and times, in a newer copy or now is not
// taken again.
func (r *recorder) Take(ctx context.Context, p artifacts.Path) error {
	if why := r.withhold(p); why != "" {
		r.rec.Note(artifacts.Outcome{Path: r.in(p), Status: artifacts.Skipped, Reason: why})
		return nil
	}
	was, err := r.host.Files.Lstat(r.in(p))
	newer, known := r.newer[p]
	if !known {
		newer, _ = r.host.Files.Lstat(p) // zero where it is gone
	}
	r.newer[p] = was
	if err == nil && was.Kind == newer.Kind && was.Size == newer.Size && was.Inode == newer.Inode &&
		was.Times.Modified.Equal(newer.Times.Modified) && was.Times.Changed.Equal(newer.Times.Changed) && was.Times.Born.Equal(newer.Times.Born) {
		r.same++
		return nil
	}
	r.found++
	r.over = r.rec.Take(ctx, r.in(p))
	return r.over
}

// Record implements artifacts.Recorder: listings are of the host as it is.
func (r *recorder) Record(any) error { return nil }

// Put implements artifacts.Recorder.
func (r *recorder) Put(ctx context.Context, it artifacts.Item, in io.Reader) error {
	it.Origin = r.in(it.Origin)
	r.over = r.rec.Put(ctx, it, in)
	return r.over
}

// Note implements artifacts.Recorder. That a copy lacks what the definitions name is not said for each.
func (r *recorder) Note(o artifacts.Outcome) {
	if o.Status == artifacts.Collected || o.Status == artifacts.Absent || o.Status == artifacts.Skipped && o.Path == "" {
		return
	}
	o.Path = r.in(o.Path)
	r.rec.Note(o)
}
