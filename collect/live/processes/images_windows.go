package processes

import (
	"context"
	"fmt"
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

// gaps gathers what processes did not tell, so that one outcome says it of all of them.
type gaps map[gap][]int

type gap struct {
	what   string
	status artifacts.Status
	reason string
}

func (g gaps) add(what string, err error, pid int) {
	k := gap{what, winapi.Status(err), err.Error()}
	g[k] = append(g[k], pid)
}

func (g gaps) note(rec artifacts.Recorder, total int) {
	for _, k := range g.ranked() {
		pids := g[k]
		shown := pids[:min(len(pids), 20)]
		list := strings.Trim(strings.ReplaceAll(fmt.Sprint(shown), " ", ", "), "[]")
		if len(shown) < len(pids) {
			list += ", …"
		}
		rec.Note(artifacts.Outcome{
			Status: k.status,
			Reason: fmt.Sprintf("%s of %d of %d processes: %s (%s)", k.what, len(pids), total, k.reason, list),
		})
	}
}

// ranked gives the gaps in an order that does not change from run to run.
func (g gaps) ranked() []gap {
	keys := make([]gap, 0, len(g))
	for k := range g {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b gap) int {
		return strings.Compare(a.what+a.reason, b.what+b.reason)
	})
	return keys
}
