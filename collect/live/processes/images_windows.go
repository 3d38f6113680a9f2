package processes

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/live/program"
	"spor/collect/winapi"
)

// describe fills in what the file says that a process was started from: the one that now has the name, for Windows lets
// a running executable be renamed, and another take its place.
func describe(ctx context.Context, files artifacts.Files, p *Process) {
	path := string(p.Exe)
	if path == "" {
		return
	}
	if !winapi.HasDrive(path) && !strings.HasPrefix(path, `\\`) {
		p.ExeError = "has no file: a process of the kernel"
		return
	}
	f := program.Look(ctx, files, p.Exe)
	p.ExeSHA256, p.ExeSize, p.ExeModified, p.ExeDeleted, p.Signature, p.Version = f.SHA256, f.Size, f.Modified, f.Gone, f.Signature, f.Version
	if f.Error != "" {
		p.ExeError = f.Error
	}
}

// gaps gathers what processes did not tell, so that one outcome says it of all of them: by what, status and reason.
type gaps map[string]gap

type gap struct {
	what, reason string
	status       artifacts.Status
	pids         []int
}

func (g gaps) add(what string, err error, pid int) {
	key := what + "\x00" + err.Error()
	k, known := g[key]
	if !known {
		k = gap{what: what, reason: err.Error(), status: winapi.Status(err)}
	}
	k.pids = append(k.pids, pid)
	g[key] = k
}

// note says the gaps in an order that does not change from run to run.
func (g gaps) note(rec artifacts.Recorder, total int) {
	for _, key := range slices.Sorted(maps.Keys(g)) {
		k := g[key]
		shown := k.pids[:min(len(k.pids), 20)]
		list := strings.Trim(strings.ReplaceAll(fmt.Sprint(shown), " ", ", "), "[]")
		if len(shown) < len(k.pids) {
			list += ", …"
		}
		rec.Note(artifacts.Outcome{
			Status: k.status,
			Reason: fmt.Sprintf("%s of %d of %d processes: %s (%s)", k.what, len(k.pids), total, k.reason, list),
		})
	}
}
