package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/image/partition"
	"spor/collect/rawfile"
)

// source is what the outcomes in Limits are signed with.
const source = "image"

// Disk opens the image of a disk or of a volume, in one of the formats of unwrap. Where it holds a Windows, or no root
// of a Linux, it is a host of Windows: each volume has a drive letter, C: being the one with Windows on it. Otherwise it
// is one of Linux. What else is on the disk is in Host.Limits. The files stay open for as long as the host is in use, and
// are only read.
func Disk(name string) (*artifacts.Host, error) {
	st, err := os.Stat(name)
	if err == nil && st.IsDir() {
		err = &fs.PathError{Op: "examine", Path: name, Err: errors.New("a folder, not an image")}
	}
	if err != nil {
		return nil, err
	}
	d, err := open(name)
	if err != nil {
		return nil, err
	}
	h, err := d.host(name)
	if err != nil {
		d.close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return h, nil
}

// host makes a host of what is on a disk.
func (d *disk) host(name string) (*artifacts.Host, error) {
	h := &artifacts.Host{OS: artifacts.Windows, Root: true}
	h.Disks = []artifacts.Disk{{Name: filepath.Base(name), Size: d.size, From: d, About: d.about}}
	say := func(status artifacts.Status, format string, args ...any) {
		h.Limits = append(h.Limits, artifacts.Outcome{Source: source, Status: status, Reason: fmt.Sprintf(format, args...)})
	}
	for _, note := range d.notes {
		say(artifacts.Failed, "%s", note)
	}
	all, err := d.volumes(say)
	if err != nil {
		return nil, err
	}
	known := len(h.Limits) // what is said from here on is about one kind of host
	good, rest := lettered(all, say)
	if windows := len(good) > 0 && good[0].windows; !windows {
		other, limits := linuxDisk(all, name, !slices.ContainsFunc(good, volume.isNTFS))
		if other != nil {
			other.Disks, other.Limits = h.Disks, append(h.Limits[:known:known], other.Limits...)
			return other, nil
		}
		if len(good) == 0 {
			return nil, fmt.Errorf("no volume that can be read: %s", reasons(append(h.Limits, limits...)))
		}
	}
	for _, v := range rest {
		say(artifacts.Skipped, "%s (%s) is not read", v.name, v.kind)
	}
	const most = 'Z' - 'C' + 1
	if len(good) > most {
		for _, v := range good[most:] {
			say(artifacts.Skipped, "%s (%s) is not read: there are more volumes than letters", v.name, v.kind)
		}
		good = good[:most]
	}
	tree, err := letters(good)
	if err != nil {
		return nil, err
	}
	shadows(h, tree, good)
	windows(h, tree)
	h.Identity.OS, h.Identity.Source = artifacts.Windows, name
	return h, nil
}

// A volume is a partition, or what is made of several, with one file system on it.
type volume struct {
	io.ReaderAt
	size    int64    // bytes
	name    string   // in words
	kind    string   // of file system, as partition.FileSystem names it
	windows bool     // it holds one
	names   []string // by which /etc/fstab may call it, in lower case: "partuuid=…", "/dev/group/name"
}

func (v volume) isNTFS() bool { return v.kind == partition.NTFS }

// volumes finds all volumes of a disk.
func (d *disk) volumes(say func(status artifacts.Status, format string, args ...any)) ([]volume, error) {
	table, err := partition.Read(d, d.size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrFormat)
	}
	for _, note := range table.Notes {
		say(artifacts.Failed, "%s", note)
	}
	var all []volume
	for _, p := range table.Parts {
		v := volume{ReaderAt: io.NewSectionReader(d, p.Start, p.Size), size: p.Size, name: p.String()}
		if p.ID != "" {
			v.names = []string{"partuuid=" + p.ID}
		}
		v.kind = partition.FileSystem(v, v.size)
		all = append(all, v)
	}
	return joined(all, say), nil
}

// lettered gives the volumes that a Windows would have under letters and that can be read, the one with Windows on it
// first, and those it would not have.
func lettered(all []volume, say func(status artifacts.Status, format string, args ...any)) (good, rest []volume) {
	for _, v := range all {
		tree, notes, err := v.drive("C:")
		for _, note := range notes {
			say(artifacts.Skipped, "%s (%s): %s", v.name, v.kind, note)
		}
		switch {
		case errors.Is(err, errOther):
			rest = append(rest, v)
			continue
		case err != nil:
			say(artifacts.Failed, "%s (%s): %v", v.name, v.kind, err)
			continue
		}
		first := v.isNTFS() && !slices.ContainsFunc(good, func(v volume) bool { return v.windows })
		if st, err := tree.Lstat(`C:\Windows\System32`); first && err == nil && st.Kind == artifacts.Directory {
			v.windows = true
			good = slices.Insert(good, 0, v)
		} else {
			good = append(good, v)
		}
	}
	return good, rest
}

// errOther says of a volume that Windows would not have it under a letter, or that we do not read it as such.
var errOther = errors.New("not a drive")

// drive opens a volume under a letter, and says what its reader has to know.
func (v volume) drive(letter string) (artifacts.Files, []string, error) {
	if v.isNTFS() {
		tree, err := rawfile.Open(v, v.size, letter)
		return tree, nil, err
	}
	return otherDrive(v, letter)
}

func reasons(limits []artifacts.Outcome) string {
	var words []string
	for _, o := range limits {
		words = append(words, o.Reason)
	}
	return strings.Join(words, "; ")
}

// letters opens the volumes, of which there are no more than letters, under those they get, C: first.
func letters(all []volume) (drives, error) {
	var d drives
	for i, v := range all {
		tree, _, err := v.drive(string(rune('C'+i)) + ":")
		if err != nil {
			return nil, err
		}
		d = append(d, tree)
	}
	return d, nil
}

// drives are the volumes of a disk as one tree.
type drives []artifacts.Files

var (
	_ artifacts.Files     = drives{}
	_ artifacts.Undeleter = drives{}
)

// on gives the volume that a path lies on.
func (d drives) on(op string, p artifacts.Path) (artifacts.Files, error) {
	if i := slices.IndexFunc(d, func(v artifacts.Files) bool {
		return len(p) >= 3 && strings.EqualFold(string(p[:3]), string(v.Roots()[0]))
	}); i >= 0 {
		return d[i], nil
	}
	return nil, &fs.PathError{Op: op, Path: p.String(), Err: fs.ErrNotExist}
}

// Roots implements artifacts.Files.
func (d drives) Roots() []artifacts.Path {
	var roots []artifacts.Path
	for _, v := range d {
		roots = append(roots, v.Roots()...)
	}
	return roots
}

// Lstat implements artifacts.Files.
func (d drives) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	v, err := d.on("lstat", p)
	if err != nil {
		return artifacts.Stat{}, err
	}
	return v.Lstat(p)
}

// ReadDir implements artifacts.Files.
func (d drives) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	v, err := d.on("readdir", p)
	if err != nil {
		return nil, err
	}
	return v.ReadDir(p)
}

// Readlink implements artifacts.Files.
func (d drives) Readlink(p artifacts.Path) (artifacts.Path, error) {
	v, err := d.on("readlink", p)
	if err != nil {
		return "", err
	}
	return v.Readlink(p)
}

// Open implements artifacts.Files.
func (d drives) Open(p artifacts.Path) (artifacts.File, error) {
	v, err := d.on("open", p)
	if err != nil {
		return nil, err
	}
	return v.Open(p)
}

// Mount implements artifacts.Files.
func (d drives) Mount(p artifacts.Path) (artifacts.Mount, bool) {
	v, err := d.on("mount", p)
	if err != nil {
		return artifacts.Mount{}, false
	}
	return v.Mount(p)
}

// child finds a name on the first drive, whose file system regards no case.
func (d drives) child(dir, name string) string {
	if dir == "" {
		return ""
	}
	entries, _ := d.ReadDir(d.host(dir)) // those that can be listed
	for _, e := range entries {
		if strings.EqualFold(e.Name, name) {
			return strings.TrimPrefix(dir+"/"+e.Name, "./")
		}
	}
	return ""
}

func (d drives) host(name string) artifacts.Path {
	return drive + artifacts.Path(strings.ReplaceAll(strings.TrimPrefix(name, "."), "/", `\`))
}

// Undelete implements artifacts.Undeleter: of all drives, one after the other.
func (d drives) Undelete(ctx context.Context) iter.Seq2[artifacts.DeletedFile, error] {
	return func(yield func(artifacts.DeletedFile, error) bool) {
		for _, v := range d {
			u, ok := v.(artifacts.Undeleter)
			if !ok {
				continue
			}
			for f, err := range u.Undelete(ctx) {
				if !yield(f, err) {
					return
				}
			}
		}
	}
}
