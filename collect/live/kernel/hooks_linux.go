package kernel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// maxHooks are the lines taken of one file.
const maxHooks = 20_000

// hookFiles are read line by line where their file system is mounted: each says so itself, and is not mounted by looking.
var hookFiles = []struct {
	kind       string
	mount      artifacts.Path
	name, skip string // a line that means nothing
}{
	{"kprobe", "/sys/kernel/debug", "kprobes/list", ""},
	{"kprobe_event", "/sys/kernel/tracing", "kprobe_events", ""},
	{"uprobe_event", "/sys/kernel/tracing", "uprobe_events", ""},
	{"dynamic_event", "/sys/kernel/tracing", "dynamic_events", ""},
	{"traced_function", "/sys/kernel/tracing", "enabled_functions", ""},
	{"tracer", "/sys/kernel/tracing", "current_tracer", "nop"},
}

func hooks(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	missing := map[artifacts.Path]bool{}
	for _, source := range hookFiles {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, ok := h.Files.Mount(source.mount); !ok {
			if !missing[source.mount] {
				rec.Note(artifacts.Outcome{Path: source.mount, Status: artifacts.Absent, Reason: "not mounted here, and not mounted for us: probes that it lists are not known"})
			}
			missing[source.mount] = true
			continue
		}
		if err := hookLines(h.Files, rec, source.mount+artifacts.Path("/"+source.name), source.kind, source.skip); err != nil {
			return err
		}
	}
	for _, folder := range []struct {
		kind  string
		path  artifacts.Path
		mount bool // only where a file system of its own is mounted there: until then autofs waits for somebody to look
	}{{"live_patch", "/sys/kernel/livepatch", false}, {"binary_format", "/proc/sys/fs/binfmt_misc", true}} {
		if m, ok := h.Files.Mount(folder.path); folder.mount && (!ok || m.Type != "binfmt_misc") {
			continue
		}
		if err := hookFolder(h.Files, rec, folder.path, folder.kind); err != nil {
			return err
		}
	}
	return nil
}

func hookLines(files artifacts.Files, rec artifacts.Recorder, p artifacts.Path, kind, skip string) error {
	f, err := files.Open(p)
	if err != nil {
		if o, bad := procfs.Outcome(p, err); bad {
			rec.Note(o)
		}
		return nil
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, 16<<20))
	for n := 0; lines.Scan(); n++ {
		if n >= maxHooks {
			rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Truncated, Reason: fmt.Sprintf("more than %d lines", maxHooks)})
			return nil
		}
		if text := procfs.Text(lines.Text()); text != "" && text != skip {
			if err := rec.Record(Hook{Kind: kind, Text: text}); err != nil {
				return err
			}
		}
	}
	if o, bad := procfs.Outcome(p, lines.Err()); bad {
		rec.Note(o)
	}
	return nil
}

// hookFolder takes the names in a folder, with the content of those that are files: the handlers of binary formats are.
func hookFolder(files artifacts.Files, rec artifacts.Recorder, dir artifacts.Path, kind string) error {
	entries, err := files.ReadDir(dir)
	if o, bad := procfs.Outcome(dir, err); bad && !errors.Is(err, fs.ErrNotExist) {
		rec.Note(o)
	}
	for _, e := range entries[:min(len(entries), 1024)] {
		if e.Name == "register" || e.Name == "status" {
			continue
		}
		text := e.Name
		if e.Kind == artifacts.Regular {
			data, _ := procfs.Read(files, dir+artifacts.Path("/"+e.Name), 4096)
			text += ": " + string(data)
		}
		if err := rec.Record(Hook{Kind: kind, Text: procfs.Text(text)}); err != nil {
			return err
		}
	}
	return nil
}
