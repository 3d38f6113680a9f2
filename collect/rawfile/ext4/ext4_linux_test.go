package ext4

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/rawfile/tree"
)

// attributes of the file "inline": the list gives user 1000 all, acl(5).
var attributes = map[string]string{
	"user.note": "kept", "user.long": strings.Repeat("l", 500),
	"system.posix_acl_access": "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x07\x00\xe8\x03\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x07\x00\xff\xff\xff\xff \x00\x00\x00\xff\xff\xff\xff",
	"security.capability":     "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
}

// source makes the folder that images are made of.
func source(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, content []byte) {
		t.Helper()
		full := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, content, 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	write("etc/passwd", []byte("root:x:0:0::/root:/bin/sh\n"))
	write("tiny", []byte("x"))
	write("inline", bytes.Repeat([]byte("i"), 100))
	write("empty", nil)
	write("big", bytes.Repeat([]byte("0123456789abcde\n"), 90_000))
	write("bytes-\xff\xfe%41", []byte("not UTF-8"))
	write(strings.Repeat("n", 255), []byte("a long name"))
	for i := range 700 {
		write(fmt.Sprintf("many/file-%04d-%s", i, strings.Repeat("x", i%60)), []byte(strconv.Itoa(i)))
	}
	write("small/one", []byte("1"))
	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		if _, err := sparse.WriteAt(bytes.Repeat([]byte{byte(i + 1)}, 4096), int64(i)*700_000/4096*4096); err != nil {
			t.Fatal(err)
		}
	}
	err = errors.Join(
		sparse.Truncate(20<<20+17), sparse.Close(),
		os.Symlink("etc/passwd", filepath.Join(dir, "short")),
		os.Symlink(strings.Repeat("../many/", 100)+"file", filepath.Join(dir, "slow")),
		os.Symlink("/etc", filepath.Join(dir, "small/absolute")),
		os.Symlink("round", filepath.Join(dir, "round")),
		syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
		os.Chmod(filepath.Join(dir, "tiny"), 0o755|fs.ModeSetuid|fs.ModeSticky),
		os.Link(filepath.Join(dir, "tiny"), filepath.Join(dir, "twin")),
		os.Chtimes(filepath.Join(dir, "inline"), time.Unix(1_000_000_000, 123_456_789), time.Unix(1_500_000_000, 987_654_321)),
	)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range attributes {
		if err := syscall.Setxattr(filepath.Join(dir, "inline"), name, []byte(value), 0); err != nil {
			t.Logf("NOT TESTED: attribute %s: %v", name, err)
		}
	}
	return dir
}

// made makes an image of a folder with mke2fs, or skips the test loudly.
func made(t testing.TB, dir, size string, args ...string) (image string) {
	t.Helper()
	image = filepath.Join(t.TempDir(), "image")
	tool(t, "mke2fs", append(append([]string{"-q", "-F", "-d", dir}, args...), image, size)...)
	return image
}

// tool runs a tool of e2fsprogs, or skips the test loudly. e2fsck says with 1 that it changed something.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	full, err := exec.LookPath(name)
	if err != nil {
		if full, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Skipf("NOT TESTED with images of e2fsprogs: %v", err)
		}
	}
	out, err := exec.Command(full, args...).CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !(name == "e2fsck" && errors.As(err, &exit) && exit.ExitCode() == 1) {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

func grown(t testing.TB, image string) *tree.Tree {
	t.Helper()
	return tree.New(opened(t, image), "the volume")
}

func opened(t testing.TB, image string) *Volume {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	v, err := Open(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestImages compares every name of a folder with what is read of an image that mke2fs made of it.
func TestImages(t *testing.T) {
	dir := source(t)
	for _, c := range []struct{ what, kind, args string }{
		{"1 KiB blocks", "ext4", "-t ext4 -b 1024"},
		{"4 KiB blocks", "ext4", "-t ext4 -b 4096 -I 256"},
		{"64 KiB blocks", "ext4", "-t ext4 -b 65536 -m 0"},
		{"32 bits", "ext4", "-t ext4 -O ^64bit,^metadata_csum"},
		{"meta_bg", "ext4", "-t ext4 -b 1024 -g 512 -O meta_bg,^resize_inode,64bit"},
		{"meta_bg without flex_bg", "ext4", "-t ext4 -b 1024 -g 512 -O meta_bg,^resize_inode,^flex_bg"},
		{"sparse_super2", "ext4", "-t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode,^flex_bg,sparse_super2"},
		{"without extents", "ext4", "-t ext4 -b 1024 -O ^extent,^64bit"},
		{"bigalloc", "ext4", "-t ext4 -b 4096 -C 8192 -O bigalloc -N 4000"},
		{"casefold", "ext4", "-t ext4 -O casefold"},
		{"ext3", "ext3", "-t ext3 -b 4096"},
		{"ext2 of small inodes", "ext2", "-t ext2 -b 1024 -I 128"},
		{"revision 0", "ext2", "-r 0 -t ext2 -b 1024"},
		{"inline data", "ext4", "-t ext4 -b 4096 -I 512 -O inline_data"},
	} {
		t.Run(c.what, func(t *testing.T) {
			size := "24M"
			switch c.what {
			case "64 KiB blocks":
				size = "96M"
			case "inline data": // with which mke2fs 1.47.0 loses the hole at the end
				if err := os.Remove(filepath.Join(dir, "sparse")); err != nil {
					t.Fatal(err)
				}
			}
			image := made(t, dir, size, append([]string{"-N", "3000"}, strings.Fields(c.args)...)...)
			if strings.HasPrefix(c.args, "-t ext4") { // folders get their hash trees
				tool(t, "e2fsck", "-fyD", image)
			}
			tr := grown(t, image)
			if m, ok := tr.Mount("/"); !ok || m.Type != c.kind {
				t.Errorf("type %q, want %q", m.Type, c.kind)
			}
			if c.what == "1 KiB blocks" && !hashed(t, opened(t, image), "many") {
				t.Error("/many has no hash tree")
			}
			judgeAttributes(t, tr, opened(t, image), filepath.Join(dir, "inline"))
			if n := compare(t, tr, dir); n < 715 {
				t.Errorf("%d names compared, want at least 715", n)
			}
		})
	}
}

// compare holds a tree against the folder that it was made of.
func compare(t *testing.T, tr *tree.Tree, dir string) (names int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		names++
		p := artifacts.Path(strings.TrimPrefix(name, dir))
		info, err := d.Info()
		if err != nil {
			return err
		}
		st, err := tr.Lstat(p)
		if err != nil {
			t.Errorf("%v", err)
			return nil
		}
		judgeStat(t, tr, p, st, info)
		switch st.Kind {
		case artifacts.Regular:
			judgeContent(t, tr, p, name)
		case artifacts.Symlink:
			want, _ := os.Readlink(name)
			if text, err := tr.Readlink(p); string(text) != want || err != nil {
				t.Errorf("%s: link to %q, %v, want %q", p, text, err, want)
			}
			fallthrough
		default:
			if _, err := tr.Open(p); !errors.Is(err, artifacts.ErrNotRegular) {
				t.Errorf("%s: opened: %v", p, err)
			}
		case artifacts.Directory:
			judgeFolder(t, tr, p, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func judgeStat(t *testing.T, tr *tree.Tree, p artifacts.Path, st artifacts.Stat, info fs.FileInfo) {
	t.Helper()
	want := info.ModTime()
	if got := st.Times.Modified; got.Unix() != want.Unix() { // mke2fs 1.47.0 keeps seconds alone
		t.Errorf("%s: modified %v, want %v", p, got, want)
	}
	raw := info.Sys().(*syscall.Stat_t)
	if st.Mode != info.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) || st.UID != strconv.Itoa(int(raw.Uid)) || st.GID != strconv.Itoa(int(raw.Gid)) {
		t.Errorf("%s: mode %v of %s:%s, want %v of %d:%d", p, st.Mode, st.UID, st.GID, info.Mode(), raw.Uid, raw.Gid)
	}
	if st.Kind == artifacts.Regular && (st.Size != info.Size() || st.Links != uint64(raw.Nlink)) {
		t.Errorf("%s: %d bytes, %d links, want %d, %d", p, st.Size, st.Links, info.Size(), raw.Nlink)
	}
}

func judgeContent(t *testing.T, tr *tree.Tree, p artifacts.Path, name string) {
	t.Helper()
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := tr.Open(p)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	got, err := io.ReadAll(f)
	if err != nil || sha256.Sum256(got) != sha256.Sum256(want) || !strings.HasPrefix(f.Method(), "raw ext") {
		t.Errorf("%s: %d bytes by %s, %v, want %d others", p, len(got), f.Method(), err, len(want))
	}
	runs, whole, err := f.(artifacts.SparseFile).Extents(1000)
	if err != nil || !whole {
		t.Errorf("%s: extents: whole %v, %v", p, whole, err)
	}
	at := int64(0)
	for _, r := range append(runs, artifacts.Extent{Offset: int64(len(want))}) {
		if r.Offset < at || r.Offset > int64(len(want)) || strings.Trim(string(want[at:r.Offset]), "\x00") != "" {
			t.Errorf("%s: no hole from %d to %d", p, at, r.Offset)
		}
		at = r.Offset + r.Length
	}
}

func judgeAttributes(t *testing.T, tr *tree.Tree, v *Volume, name string) {
	t.Helper()
	if v.compat&0x8 == 0 { // revision 0 knows no attributes
		return
	}
	f, err := tr.Open("/inline")
	if err != nil {
		t.Fatal(err)
	}
	d, err := f.(artifacts.DetailedFile).Details()
	if err != nil {
		t.Errorf("attributes: %v", err)
	}
	for attribute := range attributes {
		want := make([]byte, 4096)
		n, err := syscall.Getxattr(name, attribute, want)
		if err != nil { // it could not be set
			continue
		}
		if got := d.Xattrs[attribute]; !bytes.Equal(got, want[:n]) {
			t.Errorf("%s: %q, want %q", attribute, got, want[:n])
		}
	}
}

func judgeFolder(t *testing.T, tr *tree.Tree, p artifacts.Path, name string) {
	t.Helper()
	list, err := os.ReadDir(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.ReadDir(p)
	same := slices.EqualFunc(got, list, func(a artifacts.DirEntry, b fs.DirEntry) bool { return a.Name == b.Name() })
	if err != nil || !same {
		t.Errorf("%s: %d names, %v, want %d", p, len(got), err, len(list))
	}
}

// hashed tells whether a folder in the root has a hash tree.
func hashed(t *testing.T, v *Volume, name string) bool {
	t.Helper()
	root, err := v.Root()
	if err != nil {
		t.Fatal(err)
	}
	n, err := root.Child(name)
	if err != nil {
		t.Fatal(err)
	}
	return n.(node).flags&0x1000 != 0
}
