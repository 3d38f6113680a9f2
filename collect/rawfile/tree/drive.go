package tree

import (
	"context"
	"io/fs"
	"iter"
	"strings"

	"spor/artifacts"
)

// A Drive is a volume under a letter of Windows. It is safe for concurrent use.
type Drive struct {
	letter string // "D:"
	mounted
}

var (
	_ artifacts.Files     = (*Drive)(nil)
	_ artifacts.Undeleter = (*Drive)(nil)
)

// NewDrive puts a volume under a letter ("D:"). The source names it in words.
func NewDrive(letter string, v Volume, source string) *Drive {
	return &Drive{letter, mounted{v, source, 0}}
}

// An Undeleter is a Volume that still knows names that were deleted; their paths have "/" between the names and none
// before the first.
type Undeleter interface {
	Volume
	Undelete(ctx context.Context) iter.Seq2[artifacts.DeletedFile, error]
}

func (d *Drive) root() artifacts.Path { return artifacts.Path(d.letter + `\`) }

// find walks to a path, without links: file systems that are drives have none that we follow.
func (d *Drive) find(op string, p artifacts.Path) (place, error) {
	at, err := d.walk(string(p))
	if err != nil {
		return place{}, &fs.PathError{Op: op, Path: p.String(), Err: err}
	}
	return at, nil
}

func (d *Drive) walk(p string) (place, error) {
	if len(p) < 3 || !strings.EqualFold(p[:2], d.letter) || p[2] != '\\' || strings.Contains(p, "/") {
		return place{}, fs.ErrNotExist
	}
	names := split(strings.ReplaceAll(p[3:], `\`, "/"))
	if len(names) > maxNames {
		return place{}, fs.ErrNotExist
	}
	n, err := d.volume.Root()
	if err != nil {
		return place{}, err
	}
	seen := map[uint64]bool{}
	at := place{d.mounted, n, n.Stat(), d.root()}
	for _, name := range names {
		if at.stat.Kind != artifacts.Directory {
			return place{}, fs.ErrNotExist
		}
		if id := at.stat.Inode; id != 0 {
			if seen[id] {
				return place{}, ErrLoop
			}
			seen[id] = true
		}
		if at.node, err = at.node.Child(name); err != nil {
			return place{}, err
		}
		at.stat = at.node.Stat()
	}
	return at, nil
}

// Roots implements artifacts.Files.
func (d *Drive) Roots() []artifacts.Path { return []artifacts.Path{d.root()} }

// Lstat implements artifacts.Files.
func (d *Drive) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	at, err := d.find("lstat", p)
	if err != nil {
		return artifacts.Stat{}, err
	}
	return at.described(), nil
}

// ReadDir implements artifacts.Files.
func (d *Drive) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	at, err := d.find("readdir", p)
	if err != nil {
		return nil, err
	}
	return at.list(p)
}

// Readlink implements artifacts.Files.
func (d *Drive) Readlink(p artifacts.Path) (artifacts.Path, error) {
	if _, err := d.find("readlink", p); err != nil {
		return "", err
	}
	return "", &fs.PathError{Op: "readlink", Path: p.String(), Err: fs.ErrInvalid}
}

// Open implements artifacts.Files.
func (d *Drive) Open(p artifacts.Path) (artifacts.File, error) {
	at, err := d.find("open", p)
	if err != nil {
		return nil, err
	}
	return at.open(p)
}

// Mount implements artifacts.Files.
func (d *Drive) Mount(p artifacts.Path) (artifacts.Mount, bool) {
	if !strings.EqualFold(string(p), string(d.root())) {
		return artifacts.Mount{}, false
	}
	return artifacts.Mount{Path: d.root(), Type: d.volume.FileSystem(), Source: d.source}, true
}

// Undelete implements artifacts.Undeleter; it gives nothing where the file system keeps nothing.
func (d *Drive) Undelete(ctx context.Context) iter.Seq2[artifacts.DeletedFile, error] {
	return func(yield func(artifacts.DeletedFile, error) bool) {
		u, ok := d.volume.(Undeleter)
		if !ok {
			return
		}
		for f, err := range u.Undelete(ctx) {
			f.Path = d.root() + artifacts.Path(strings.ReplaceAll(string(f.Path), "/", `\`))
			if !yield(f, err) {
				return
			}
		}
	}
}
