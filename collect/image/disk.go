package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/rawfile"
)

// source is what the outcomes in Limits are signed with.
const source = "image"

// ErrFormat is in the chain of errors about images that are not read.
var ErrFormat = errors.New("not read; what is read is a raw image of a disk (MBR or GPT) or of an NTFS or ext4 volume, and VHD of fixed size: convert it (qemu-img convert -O raw, ewfexport)")

// Disk opens the image of a disk or of a volume. With NTFS on it it is a host of Windows: each such volume has a drive
// letter, C: being the one with Windows on it. Otherwise, or where there is no Windows but the root of a Linux, it is
// one of Linux, with ext2, ext3 and ext4 as its file systems. What else is on the disk is in Host.Limits. The file stays
// open for as long as the host is in use, and is only read.
func Disk(name string) (*artifacts.Host, error) {
	st, err := os.Stat(name)
	if err == nil && st.IsDir() {
		err = &fs.PathError{Op: "examine", Path: name, Err: errors.New("a folder, not an image")}
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	h, err := disk(f, name)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return h, nil
}

func disk(f *os.File, name string) (*artifacts.Host, error) {
	size, err := f.Seek(0, io.SeekEnd) // of a device too
	if err != nil {
		return nil, err
	}
	if size, err = rawSize(f, size); err != nil {
		return nil, err
	}
	h := &artifacts.Host{OS: artifacts.Windows, Root: true}
	parts, err := partitions(f, size)
	if err != nil {
		return nil, err
	}
	var good []partition
	for _, p := range parts {
		kind := fileSystem(f, p)
		if kind != "NTFS" {
			h.Limits = append(h.Limits, artifacts.Outcome{Source: source, Status: artifacts.Skipped, Reason: fmt.Sprintf("%s (%s) is not read yet", p, kind)})
			continue
		}
		v, err := rawfile.Open(io.NewSectionReader(f, p.start, p.size), p.size, "C:")
		if err != nil {
			h.Limits = append(h.Limits, artifacts.Outcome{Source: source, Status: artifacts.Failed, Reason: fmt.Sprintf("%s (NTFS): %v", p, err)})
			continue
		}
		if st, err := v.Lstat(`C:\Windows\System32`); err == nil && st.Kind == artifacts.Directory && !slices.ContainsFunc(good, partition.hasWindows) {
			p.windows = true
			good = slices.Insert(good, 0, p)
		} else {
			good = append(good, p)
		}
	}
	if len(good) == 0 || !good[0].windows {
		other, limits := linuxDisk(f, parts, name, len(good) == 0)
		if other != nil {
			return other, nil
		}
		if len(good) == 0 {
			return nil, fmt.Errorf("no NTFS or ext4 volume that can be read: %s", reasons(append(slices.DeleteFunc(h.Limits, skipped), limits...)))
		}
	}
	d, err := letters(f, good)
	if err != nil {
		return nil, err
	}
	h.Files = d
	windows(h, d)
	h.Identity.OS, h.Identity.Source = artifacts.Windows, name
	return h, nil
}

func skipped(o artifacts.Outcome) bool { return o.Status == artifacts.Skipped }

func reasons(limits []artifacts.Outcome) string {
	var words []string
	for _, o := range limits {
		words = append(words, o.Reason)
	}
	return strings.Join(words, "; ")
}

// letters opens the volumes under the letters they get, C: first.
func letters(f io.ReaderAt, parts []partition) (drives, error) {
	var d drives
	for i, p := range parts[:min(len(parts), 'Z'-'C'+1)] {
		v, err := rawfile.Open(io.NewSectionReader(f, p.start, p.size), p.size, string(rune('C'+i))+":")
		if err != nil {
			return nil, err
		}
		d = append(d, v)
	}
	return d, nil
}

// rawSize tells how much of a file is the disk, or that it is in a format that is not read.
func rawSize(f io.ReaderAt, size int64) (int64, error) {
	head := make([]byte, 512)
	if n, err := f.ReadAt(head, 0); n < len(head) {
		return 0, fmt.Errorf("%d bytes: %w", n, err)
	}
	for _, c := range []struct{ magic, format string }{
		{"EVF\x09\x0d\x0a\xff\x00", "E01"},
		{"EVF2\x0d\x0a\x81\x00", "Ex01"},
		{"vhdxfile", "VHDX"},
		{"KDMV", "VMDK"},
		{"COWD", "VMDK"},
		{"# Disk DescriptorFile", "VMDK"},
		{"QFI\xfb", "QCOW2"},
		{"conectix", "VHD of dynamic size"},
		{"MSWIM\x00\x00\x00", "WIM"},
		{"\x1f\x8b", "gzip"},
		{"PK\x03\x04", "zip"},
		{"AFF", "AFF"},
	} {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			return 0, fmt.Errorf("%s is %w", c.format, ErrFormat)
		}
	}
	if size > 1024 { // the footer of a VHD
		if _, err := f.ReadAt(head, size-512); err == nil && bytes.HasPrefix(head, []byte("conectix")) {
			return size - 512, nil
		}
	}
	return size, nil
}

// drives are the volumes of a disk as one tree.
type drives []*rawfile.Volume

var (
	_ artifacts.Files     = drives{}
	_ artifacts.Undeleter = drives{}
)

// on gives the volume that a path lies on.
func (d drives) on(op string, p artifacts.Path) (*rawfile.Volume, error) {
	if i := slices.IndexFunc(d, func(v *rawfile.Volume) bool {
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

// child finds a name on the first drive; NTFS regards no case.
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
			for f, err := range v.Undelete(ctx) {
				if !yield(f, err) {
					return
				}
			}
		}
	}
}
