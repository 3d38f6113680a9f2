// Package image examines what is not running: a mounted disk, or a folder into which a tree was copied, as a Host. It
// reads below that folder alone: no link leads out of it, no device or FIFO in it is opened, and where the system lets
// us no access time changes.
package image

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"spor/artifacts"
)

// Folder opens a directory as a host: one of Windows where it holds Windows\System32 (in whatever case), of Linux
// otherwise. Users and identity are read from it; there is no registry to ask and nothing live. The folder stays open
// for as long as the host is in use.
func Folder(dir string) (*artifacts.Host, error) {
	st, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, &fs.PathError{Op: "examine", Path: dir, Err: errors.New("not a directory; a root is a mounted disk or a folder, and a single file is no host")}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	t := &folder{root: root, os: artifacts.Linux}
	h := &artifacts.Host{Files: t, Root: os.Geteuid() <= 0}
	var below []artifacts.Mount
	if below, err = mountsBelow(dir); err != nil {
		h.Limits = append(h.Limits, artifacts.Outcome{Status: artifacts.Failed, Reason: "what is mounted below " + dir + " is not known, so that network file systems are entered: " + err.Error()})
	}
	if system := t.child(t.child(".", "windows"), "system32"); system != "" {
		t.os = artifacts.Windows
	}
	t.mounts = make(map[artifacts.Path]artifacts.Mount, len(below))
	for _, m := range below {
		m.Path = t.host(string(m.Path))
		t.mounts[m.Path] = m
	}
	if t.os == artifacts.Windows {
		windows(h, t)
	} else {
		linux(h, t)
	}
	h.OS, h.Identity.OS, h.Identity.Source = t.os, t.os, dir
	return h, nil
}

// folder is a directory as the file systems of a host.
type folder struct {
	root   *os.Root
	os     artifacts.OS
	mounts map[artifacts.Path]artifacts.Mount

	mu     sync.Mutex
	folds  map[string]map[string]string // of Windows: names of directories, for those that are spelled otherwise
	nFolds int
}

var _ artifacts.Files = (*folder)(nil)

// drive is where a Windows tree begins: which letter it had, the folder does not tell.
const drive = `C:\`

// Roots implements artifacts.Files.
func (t *folder) Roots() []artifacts.Path {
	if t.os == artifacts.Windows {
		return []artifacts.Path{drive}
	}
	return []artifacts.Path{"/"}
}

// name is a host's path as a name below the folder.
func (t *folder) name(p artifacts.Path) (string, error) {
	s := string(p)
	if t.os == artifacts.Windows {
		if len(s) < 2 || !strings.EqualFold(s[:2], drive[:2]) || strings.Contains(s, "/") {
			return "", &fs.PathError{Op: "find", Path: p.String(), Err: fs.ErrNotExist}
		}
		s = strings.ReplaceAll(s[2:], `\`, "/")
	}
	if strings.Contains(s, "\x00") {
		return "", &fs.PathError{Op: "find", Path: p.String(), Err: fs.ErrInvalid}
	}
	s = cmp.Or(strings.Trim(s, "/"), ".")
	if t.os == artifacts.Windows {
		s = t.folded(s)
	}
	return s, nil
}

// folded is a name below the folder as it is spelled there, since Windows regards no case; itself where there is none.
func (t *folder) folded(name string) string {
	if _, err := t.root.Lstat(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return name
	}
	at := "."
	for step := range strings.SplitSeq(name, "/") {
		if at = t.child(at, step); at == "" {
			return name
		}
	}
	return at
}

// host is a name below the folder as a path of the host.
func (t *folder) host(name string) artifacts.Path {
	name = strings.Trim(name, "/")
	if t.os == artifacts.Windows {
		return drive + artifacts.Path(strings.ReplaceAll(name, "/", `\`))
	}
	return "/" + artifacts.Path(name)
}

// Lstat implements artifacts.Files.
func (t *folder) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	name, err := t.name(p)
	if err != nil {
		return artifacts.Stat{}, err
	}
	info, err := t.root.Lstat(name)
	if err != nil {
		return artifacts.Stat{}, said(err, p)
	}
	return t.stat(name, info), nil
}

// said is an error with the path as the host spells it. That a name lies below no directory means that it is not there.
func said(err error, p artifacts.Path) error {
	var pe *fs.PathError
	if !errors.As(err, &pe) {
		return err
	}
	if errors.Is(pe.Err, syscall.ENOTDIR) {
		pe.Err = fs.ErrNotExist
	}
	return &fs.PathError{Op: pe.Op, Path: p.String(), Err: pe.Err}
}

// ReadDir implements artifacts.Files. A name that a Windows path cannot hold, because there is a backslash in it, is
// left out and said in the error.
func (t *folder) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	name, err := t.name(p)
	if err != nil {
		return nil, err
	}
	f, err := openDir(t.root, name)
	if err != nil {
		return nil, said(err, p)
	}
	defer f.Close()
	read, err := f.ReadDir(-1)
	if err != nil {
		err = said(err, p)
	}
	entries := make([]artifacts.DirEntry, 0, len(read))
	for _, e := range read {
		if t.os == artifacts.Windows && strings.Contains(e.Name(), `\`) {
			err = errors.Join(err, fmt.Errorf("%s: a name with a backslash is not read: %q", p, e.Name()))
			continue
		}
		entries = append(entries, artifacts.DirEntry{Name: e.Name(), Kind: kind(e.Type())})
	}
	slices.SortFunc(entries, func(a, b artifacts.DirEntry) int { return strings.Compare(a.Name, b.Name) })
	return entries, err
}

func kind(m fs.FileMode) artifacts.Kind {
	switch m.Type() {
	case 0:
		return artifacts.Regular
	case fs.ModeDir:
		return artifacts.Directory
	case fs.ModeSymlink:
		return artifacts.Symlink
	case fs.ModeNamedPipe:
		return artifacts.Pipe
	case fs.ModeSocket:
		return artifacts.Socket
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		return artifacts.Device
	}
	return artifacts.Unknown
}

// Readlink implements artifacts.Files.
func (t *folder) Readlink(p artifacts.Path) (artifacts.Path, error) {
	name, err := t.name(p)
	if err != nil {
		return "", err
	}
	text, err := t.root.Readlink(name)
	if err != nil {
		return "", said(err, p)
	}
	return artifacts.Path(text), nil
}

// Open implements artifacts.Files. What is no regular file is seen before it is opened; should it be swapped in
// between, it is opened without waiting and closed at once.
func (t *folder) Open(p artifacts.Path) (artifacts.File, error) {
	name, err := t.name(p)
	if err != nil {
		return nil, err
	}
	info, err := t.root.Lstat(name)
	if err != nil {
		return nil, said(err, p)
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: p.String(), Err: artifacts.ErrNotRegular}
	}
	f, method, err := openFile(t.root, name)
	if err != nil {
		return nil, said(err, p)
	}
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: p.String(), Err: cmp.Or(err, artifacts.ErrNotRegular)}
	}
	return &file{f, method}, nil
}

// Mount implements artifacts.Files: what is mounted at the folder and below it, where the system we run on tells.
func (t *folder) Mount(p artifacts.Path) (artifacts.Mount, bool) {
	m, ok := t.mounts[p]
	return m, ok
}

// file is an open file of the tree.
type file struct {
	*os.File
	method string
}

// Stat implements artifacts.File.
func (f *file) Stat() (artifacts.Stat, error) {
	info, err := f.File.Stat()
	if err != nil {
		return artifacts.Stat{}, err
	}
	return f.stat(info), nil
}

// Method implements artifacts.File.
func (f *file) Method() string { return f.method }

// child finds a name in a directory without regard to case, and gives its path below the folder; empty where there is
// none. An exact spelling goes first.
func (t *folder) child(dir, name string) string {
	if dir == "" {
		return ""
	}
	list := t.listing(dir)
	found := list[name]
	if found == "" {
		found = list[strings.ToUpper(name)]
	}
	switch {
	case found == "":
		return ""
	case dir == ".":
		return found
	}
	return dir + "/" + found
}

// maxFolded bounds the names that are kept for finding them in whatever case.
const maxFolded = 200_000

// listing gives the names of a directory by themselves and in upper case.
func (t *folder) listing(dir string) map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if list, ok := t.folds[dir]; ok {
		return list
	}
	list := map[string]string{}
	f, err := openDir(t.root, dir)
	if err != nil {
		return list
	}
	defer f.Close()
	for err == nil && len(list) < maxFolded {
		var names []string
		names, err = f.Readdirnames(1024)
		for _, n := range names {
			if upper := strings.ToUpper(n); list[upper] == "" {
				list[upper] = n
			}
			list[n] = n
		}
	}
	if t.nFolds += len(list) + 1; t.nFolds > maxFolded || t.folds == nil {
		t.folds, t.nFolds = map[string]map[string]string{}, len(list)
	}
	t.folds[dir] = list
	return list
}
