package identity

import (
	"context"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// Read gives all that the files of a Linux host tell, running or on an image, and what of it was refused. What only
// system calls tell (IPv4 addresses, the sizes of file systems) is the caller's to add.
func Read(ctx context.Context, f artifacts.Files) (Record, []artifacts.Outcome) {
	r := &reader{files: f}
	rec := Record{Identity: Glance(f), BootID: r.line("/proc/sys/kernel/random/boot_id"), Release: r.release()}
	if version := r.line("/proc/sys/kernel/version"); version != "" {
		rec.Release.Build = strings.TrimSpace(rec.Release.Build + " " + version)
	}
	for _, step := range []func(){
		func() { rec.Hardware = r.hardware() },
		func() { rec.Surround = r.surround() },
		func() { rec.Domain = r.domain() },
		func() { rec.Interfaces = r.interfaces() },
		func() { rec.Resolver = r.resolver() },
		func() { rec.Routes = r.routes() },
		func() { rec.Groups = r.groups() },
		func() { rec.Users = r.accounts(rec.Groups) },
		func() { rec.Disks = r.disks() },
		func() { rec.Mounts = r.mounts() },
	} {
		if ctx.Err() != nil {
			r.notes = append(r.notes, artifacts.Outcome{Status: artifacts.Truncated, Reason: context.Cause(ctx).Error()})
			break
		}
		step()
	}
	return rec, procfs.Distinct(r.notes)
}
