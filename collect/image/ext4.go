//go:build !windows

package image

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/rawfile/ext4"
	"spor/collect/rawfile/tree"
)

// An extVolume is a partition with ext2, ext3 or ext4 on it.
type extVolume struct {
	partition
	*ext4.Volume
}

// linuxDisk opens a disk as a host of Linux: "/" is the volume with /etc/os-release or /etc/passwd, or, where any will
// do, the first that can be read; others stand where its /etc/fstab says. The host is nil where there is no such volume;
// limits then say why those there are cannot be read.
func linuxDisk(f *os.File, parts []partition, name string, anyVolume bool) (*artifacts.Host, []artifacts.Outcome) {
	h := &artifacts.Host{OS: artifacts.Linux, Root: true}
	say := func(status artifacts.Status, format string, args ...any) {
		h.Limits = append(h.Limits, artifacts.Outcome{Source: source, Status: status, Reason: fmt.Sprintf(format, args...)})
	}
	var volumes []extVolume
	for _, p := range parts {
		kind := fileSystem(f, p)
		if kind != "ext4" {
			say(artifacts.Skipped, "%s (%s) is not read", p, kind)
			continue
		}
		v, err := ext4.Open(io.NewSectionReader(f, p.start, p.size), p.size)
		if err != nil {
			say(artifacts.Failed, "%s (ext4): %v", p, err)
			continue
		}
		for _, note := range v.Notes() {
			say(artifacts.Skipped, "%s (%s): %s", p, v.Type, note)
		}
		volumes = append(volumes, extVolume{p, v})
	}
	root := slices.IndexFunc(volumes, extVolume.hasLinux)
	if len(volumes) == 0 || root < 0 && !anyVolume {
		return nil, h.Limits
	}
	if root < 0 {
		root = 0
		say(artifacts.Skipped, "no volume holds /etc/os-release or /etc/passwd: %s is read as /", volumes[root].partition)
	}
	t := tree.New(volumes[root].Volume, volumes[root].String())
	places := fstab(t)
	for i, v := range volumes {
		place := places[v.UUID]
		if place == "" && v.Label != "" {
			place = places["LABEL="+v.Label]
		}
		switch {
		case i == root:
		case place == "":
			say(artifacts.Skipped, "%s (%s) is not named in /etc/fstab by its UUID or label, and is not read; as an image of its own it is", v.partition, v.Type)
		default:
			t.Attach(place, v.Volume, v.String())
		}
	}
	h.Files = t
	linux(h, t)
	h.Identity.OS, h.Identity.Source = artifacts.Linux, name
	return h, nil
}

func (v extVolume) String() string { return v.partition.String() }

// hasLinux tells whether the volume is the root of a system.
func (v extVolume) hasLinux() bool {
	t := tree.New(v.Volume, "")
	return slices.ContainsFunc([]artifacts.Path{"/etc/os-release", "/etc/passwd"}, func(p artifacts.Path) bool {
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
