package schema

import (
	"fmt"
	"io/fs"
	"strings"

	"spor/artifacts"
)

// remoteError is a network file system that a link leads into.
type remoteError struct{ mount artifacts.Mount }

func (e *remoteError) Error() string {
	return fmt.Sprintf("%s is on a network file system", e.mount.Path)
}

// resolve gives the real path of a name whose directory is a real path. It never leaves the tree: ".." of a root is the
// root, and an absolute target begins at the root of the host.
func (w *walker) resolve(p artifacts.Path) (real artifacts.Path, kind artifacts.Kind, err error) {
	cur, last := w.os.Split(p)
	rest := []string{last}
	kind = artifacts.Directory
	for links := 0; len(rest) > 0; {
		step := rest[0]
		rest = rest[1:]
		switch {
		case step == "" || step == ".":
			continue
		case kind != artifacts.Directory:
			return "", 0, &fs.PathError{Op: "resolve", Path: string(p), Err: fs.ErrNotExist}
		case step == "..":
			if dir, name := w.os.Split(cur); name != "" && dir != "" {
				cur = dir
			}
			continue
		}
		next, k, err := w.lookup(cur, step)
		if err != nil {
			return "", 0, err
		}
		if k != artifacts.Symlink {
			cur, kind = next, k
			continue
		}
		if links++; links > maxLinks {
			return "", 0, errLoop
		}
		text, err := w.files.Readlink(next)
		if err != nil {
			return "", 0, err
		}
		base, steps, err := w.target(cur, text)
		if err != nil {
			return "", 0, err
		}
		if cur, rest = base, append(steps, rest...); len(rest) > maxPattern {
			return "", 0, errLoop
		}
	}
	return cur, kind, nil
}

// lookup finds one name in a directory, in its own spelling.
func (w *walker) lookup(dir artifacts.Path, name string) (artifacts.Path, artifacts.Kind, error) {
	p := w.os.Join(dir, name)
	if m, ok := w.files.Mount(p); ok && m.Class == artifacts.Remote {
		return "", 0, &remoteError{m}
	}
	st, err := w.files.Lstat(p)
	if err == nil || !w.trie.fold {
		return p, st.Kind, err
	}
	list, _ := w.list(dir, true) // what it lacks, Lstat has said already
	for _, e := range list {
		if foldCase(e.Name) == foldCase(name) {
			p = w.os.Join(dir, e.Name)
			st, err = w.files.Lstat(p)
			break
		}
	}
	return p, st.Kind, err
}

// target cuts a link's text into the directory it begins at and the steps from there.
func (w *walker) target(dir artifacts.Path, text artifacts.Path) (artifacts.Path, []string, error) {
	s := string(text)
	if w.os != artifacts.Windows {
		steps := strings.Split(s, "/")
		if strings.HasPrefix(s, "/") {
			return w.root(dir), steps, nil
		}
		return dir, steps, nil
	}
	s = strings.ReplaceAll(s, "/", `\`)
	s = strings.TrimPrefix(strings.TrimPrefix(s, `\??\`), `\\?\`)
	steps := strings.Split(s, `\`)
	switch {
	case len(steps[0]) == 2 && steps[0][1] == ':':
		for _, root := range w.files.Roots() {
			if strings.EqualFold(strings.TrimRight(string(root), `\`), steps[0]) {
				return root, steps[1:], nil
			}
		}
		return "", nil, errOutside
	case strings.HasPrefix(s, `\\`) || strings.HasPrefix(s, "Volume{"):
		return "", nil, errOutside
	case strings.HasPrefix(s, `\`):
		return w.root(dir), steps, nil
	}
	return dir, steps, nil
}

// root is where the drive of a path begins.
func (w *walker) root(p artifacts.Path) artifacts.Path {
	for {
		dir, name := w.os.Split(p)
		if dir == "" || name == "" || dir == p {
			return p
		}
		p = dir
	}
}
