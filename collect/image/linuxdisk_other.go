//go:build !windows

package image

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/image/lvm"
	"spor/collect/image/partition"
	"spor/collect/rawfile/ext4"
	"spor/collect/rawfile/fat"
	"spor/collect/rawfile/tree"
	"spor/collect/rawfile/xfs"
)

// A mountable is a volume that can stand in the tree of a Linux.
type mountable struct {
	volume
	fs    fileSystem
	uuid  string // in lower case, as fstab spells it
	label string
}

// A fileSystem is a volume that was opened.
type fileSystem interface {
	tree.Volume
	Notes() []string // what a reader has to know
}

// errUnread says of a volume that its kind is not read.
var errUnread = errors.New("not read")

// mountable opens a volume by its kind.
func (v volume) mountable() (m mountable, err error) {
	m.volume = v
	switch v.kind {
	case partition.Ext:
		var e *ext4.Volume
		if e, err = ext4.Open(v, v.size); err == nil {
			m.fs, m.uuid, m.label = e, e.UUID, e.Label
		}
	case partition.XFS:
		var x *xfs.Volume
		if x, err = xfs.Open(v, v.size); err == nil {
			m.fs, m.uuid, m.label = x, x.UUID, x.Label
		}
	case partition.FAT, partition.ExFAT:
		var f *fat.Volume
		if f, err = fat.Open(v, v.size); err == nil {
			m.fs, m.uuid, m.label = f, f.ID, f.Label
		}
	default:
		err = errUnread
	}
	return m, err
}

// linuxDisk opens a disk as a host of Linux: "/" is the volume with /etc/os-release or /etc/passwd, or, where any will
// do, the first of a file system of Linux that can be read; others stand where its /etc/fstab says. The host is nil where
// there is no such volume; limits then say why those there are cannot be read.
func linuxDisk(all []volume, name string, anyVolume bool) (*artifacts.Host, []artifacts.Outcome) {
	h := &artifacts.Host{OS: artifacts.Linux, Root: true}
	say := func(status artifacts.Status, format string, args ...any) {
		h.Limits = append(h.Limits, artifacts.Outcome{Source: source, Status: status, Reason: fmt.Sprintf(format, args...)})
	}
	var volumes []mountable
	for _, v := range all {
		m, err := v.mountable()
		switch {
		case errors.Is(err, errUnread):
			say(artifacts.Skipped, "%s (%s) is not read", v.name, v.kind)
			continue
		case err != nil:
			say(artifacts.Failed, "%s (%s): %v", v.name, v.kind, err)
			continue
		}
		for _, note := range m.fs.Notes() {
			say(artifacts.Skipped, "%s (%s): %s", v.name, m.fs.FileSystem(), note)
		}
		volumes = append(volumes, m)
	}
	root := slices.IndexFunc(volumes, mountable.hasLinux)
	if root < 0 && anyVolume {
		if root = slices.IndexFunc(volumes, mountable.ofLinux); root >= 0 {
			say(artifacts.Skipped, "no volume holds /etc/os-release or /etc/passwd: %s is read as /", volumes[root].name)
		}
	}
	if root < 0 {
		return nil, h.Limits
	}
	t := tree.New(volumes[root].fs, volumes[root].name)
	places := fstab(t)
	for i, m := range volumes {
		place := m.place(places)
		switch {
		case i == root:
		case place == "":
			say(artifacts.Skipped, "%s (%s) is not named in /etc/fstab by its UUID or label, and is not read; as an image of its own it is", m.name, m.fs.FileSystem())
		default:
			t.Attach(place, m.fs, m.name)
		}
	}
	h.Files = t
	linux(h, t)
	h.Identity.OS, h.Identity.Source = artifacts.Linux, name
	return h, nil
}

// place gives where a volume belongs, by what fstab may call it; empty where it is not named.
func (m mountable) place(places map[string]artifacts.Path) artifacts.Path {
	names := append([]string{m.uuid}, m.names...)
	if m.label != "" {
		names = append(names, "LABEL="+m.label)
	}
	for _, name := range names {
		if place := places[name]; name != "" && place != "" {
			return place
		}
	}
	return ""
}

// ofLinux tells whether the file system is one that a Linux has its root on.
func (m mountable) ofLinux() bool { return m.kind == partition.Ext || m.kind == partition.XFS }

// hasLinux tells whether the volume is the root of a system.
func (m mountable) hasLinux() bool {
	t := tree.New(m.fs, "")
	return m.ofLinux() && slices.ContainsFunc([]artifacts.Path{"/etc/os-release", "/etc/passwd"}, func(p artifacts.Path) bool {
		_, err := t.Lstat(p)
		return err == nil
	})
}

// maxFstab bounds what is read of /etc/fstab, in bytes.
const maxFstab = 64 << 10

// fstab gives where volumes belong, by UUID in lower case or LABEL=name (fstab(5)).
func fstab(t *tree.Tree) map[string]artifacts.Path {
	places := map[string]artifacts.Path{}
	f, err := t.Open("/etc/fstab")
	if err != nil {
		return places
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, maxFstab)) // what can be read of it
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasPrefix(fields[1], "/") || strings.HasPrefix(fields[0], "#") {
			continue
		}
		place := artifacts.Path(unescape.Replace(strings.TrimRight(fields[1], "/")))
		if place == "" || strings.Contains(string(place), "/.") || strings.Contains(string(place), "//") {
			continue
		}
		what := strings.ReplaceAll(unescape.Replace(fields[0]), `"`, "")
		what = strings.TrimPrefix(what, "/dev/disk/by-uuid/")
		if label, ok := strings.CutPrefix(what, "/dev/disk/by-label/"); ok {
			what = "LABEL=" + label
		}
		if id, ok := strings.CutPrefix(what, "UUID="); ok {
			what = id
		}
		if !strings.HasPrefix(what, "LABEL=") {
			what = strings.ToLower(what)
		}
		places[what] = place
	}
	return places
}

// joined adds to the volumes of a disk what LVM makes of them.
func joined(all []volume, say func(status artifacts.Status, format string, args ...any)) []volume {
	var physical []lvm.Physical
	others := make([]volume, 0, len(all))
	for _, v := range all {
		if v.kind != partition.LVM {
			others = append(others, v)
			continue
		}
		physical = append(physical, lvm.Physical{ReaderAt: v, Size: v.size, Name: v.name})
	}
	logical, notes := lvm.Read(physical)
	for _, note := range notes {
		say(artifacts.Failed, "%s", note)
	}
	for _, l := range logical {
		others = append(others, volume{ReaderAt: l, size: l.Size(), name: l.String(), kind: partition.FileSystem(l, l.Size()), names: lowered(l.Names())})
	}
	if len(physical) > 0 && len(logical) == 0 && len(notes) == 0 {
		say(artifacts.Skipped, "the disk has physical volumes of LVM and no logical ones")
	}
	return others
}

// lowered gives names as fstab's are compared.
func lowered(names []string) []string {
	for i, name := range names {
		names[i] = strings.ToLower(name)
	}
	return names
}

// otherDrive opens a volume that is not NTFS under a letter.
func otherDrive(v volume, letter string) (artifacts.Files, []string, error) {
	if v.kind != partition.FAT && v.kind != partition.ExFAT {
		return nil, nil, errOther
	}
	f, err := fat.Open(v, v.size)
	if err != nil {
		return nil, nil, err
	}
	return tree.NewDrive(letter, f, v.name), f.Notes(), nil
}
