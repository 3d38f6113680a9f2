package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"spor/artifacts"
)

// List records what the file system says of one path, without its content, as a PATH source does. What stands in the way
// is noted; the error means that the run is over.
func List(h *artifacts.Host, rec artifacts.Recorder, p artifacts.Path) error {
	_, err := listPath(h, rec, p)
	return err
}

// ListAll records what the file systems say of everything below the roots: links are not followed, network and pseudo file
// systems not entered. It holds no more than one directory of each level in memory.
func ListAll(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	l := &lister{host: h, rec: rec}
	for _, root := range h.Files.Roots() {
		if err := l.list(ctx, root, 0); err != nil && !errors.Is(err, errEntries) {
			return err
		}
	}
	if l.n > maxEntries {
		rec.Note(artifacts.Outcome{Status: artifacts.Truncated, Reason: errEntries.Error()})
	}
	rec.Note(artifacts.Outcome{Status: artifacts.Collected, Reason: fmt.Sprintf("%d listed, without content", l.n)})
	return nil
}

var errEntries = fmt.Errorf("more than %d names", maxEntries)

type lister struct {
	host *artifacts.Host
	rec  artifacts.Recorder
	n    int
}

func (l *lister) list(ctx context.Context, dir artifacts.Path, depth int) error {
	if m, ok := l.host.Files.Mount(dir); ok && depth > 0 && m.Class != artifacts.Local {
		l.rec.Note(artifacts.Outcome{Path: dir, Status: artifacts.Skipped, Reason: describe(m) + " is not entered"})
		return nil
	}
	if depth > maxBelow {
		l.rec.Note(artifacts.Outcome{Path: dir, Status: artifacts.Truncated, Reason: fmt.Sprintf("not entered: more than %d directories deep", maxBelow)})
		return nil
	}
	entries, err := l.host.Files.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.rec.Note(artifacts.Outcome{Path: dir, Status: status(err), Reason: reason(err)})
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p := l.host.OS.Join(dir, e.Name)
		m, mounted := l.host.Files.Mount(p)
		if mounted && m.Class == artifacts.Remote {
			l.rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Skipped, Reason: describe(m) + " is not entered"})
			continue
		}
		if l.n++; l.n > maxEntries {
			return errEntries
		}
		if err := List(l.host, l.rec, p); err != nil {
			return err
		}
		kind := e.Kind
		if kind == artifacts.Unknown {
			if st, err := l.host.Files.Lstat(p); err == nil {
				kind = st.Kind
			}
		}
		if kind == artifacts.Directory {
			if err := l.list(ctx, p, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
