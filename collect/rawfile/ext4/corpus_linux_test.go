package ext4

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/rawfile/tree"
)

// TestCorpus compares real volumes with what debugfs says of each name, content included.
func TestCorpus(t *testing.T) {
	root := os.Getenv("SPOR_CORPUS")
	if root == "" {
		root = "../../../../shared/corpus"
	}
	for _, c := range []struct {
		name  string
		names int // that The Sleuth Kit lists, or Velociraptor
	}{
		{"fs-ext/Velocidex-go-ext4/tests/images/tiny.ext4.gz", 2},
		{"fs-ext/Velocidex-velociraptor/ext4_tests.zip", 16},
		{"fs-ext/util-linux-util-linux/blkid/images-fs/ext4.img.xz", 1},
	} {
		t.Run(filepath.Base(c.name), func(t *testing.T) {
			b, err := unpack(filepath.Join(root, c.name))
			if err != nil {
				t.Skipf("NOT TESTED on a real volume: %v", err)
			}
			image := filepath.Join(t.TempDir(), "image")
			if err := os.WriteFile(image, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if n := judgeByDebugfs(t, grown(t, image), image, "/"); n != c.names {
				t.Errorf("%d names, want %d", n, c.names)
			}
		})
	}
}

func unpack(name string) ([]byte, error) {
	switch filepath.Ext(name) {
	case ".zip":
		z, err := zip.OpenReader(name)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		f, err := z.File[0].Open()
		if err != nil {
			return nil, err
		}
		return io.ReadAll(f)
	case ".xz":
		return exec.Command("xz", "-dc", name).Output()
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

var shown = regexp.MustCompile(`Inode: (\d+)(?s:.*)Group:.* Size: (\d+)`)

// judgeByDebugfs compares what lies below a folder, and counts it.
func judgeByDebugfs(t *testing.T, tr *tree.Tree, image string, dir artifacts.Path) (names int) {
	t.Helper()
	list, err := tr.ReadDir(dir)
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, e := range list {
		names++
		p := artifacts.Linux.Join(dir, e.Name)
		st, err := tr.Lstat(p)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		said := debugfs(t, image, fmt.Sprintf("stat %q", string(p)))
		m := shown.FindSubmatch(said)
		if m == nil || string(m[1]) != strconv.FormatUint(st.Inode, 10) || string(m[2]) != strconv.FormatInt(st.Size, 10) {
			t.Errorf("%s: inode %d, %d bytes, debugfs says\n%s", p, st.Inode, st.Size, said)
		}
		for what, at := range map[string]time.Time{"mtime": st.Times.Modified, "atime": st.Times.Accessed, "ctime": st.Times.Changed, "crtime": st.Times.Born} {
			if at.IsZero() { // small inodes know no birth
				continue
			}
			want := fmt.Sprintf("%s: 0x%08x:%08x", what, uint32(at.Unix()), uint32(at.Nanosecond())<<2)
			if !bytes.Contains(said, []byte(want)) && !bytes.Contains(said, []byte(want[:strings.LastIndex(want, ":")]+" ")) {
				t.Errorf("%s: %s, debugfs says\n%s", p, want, said)
			}
		}
		switch st.Kind {
		case artifacts.Directory:
			names += judgeByDebugfs(t, tr, image, p)
		case artifacts.Regular:
			f, err := tr.Open(p)
			if err != nil {
				t.Errorf("%v", err)
				continue
			}
			got, err := io.ReadAll(f)
			if want := debugfs(t, image, fmt.Sprintf("cat %q", string(p))); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, %v, want %d of debugfs", p, len(got), err, len(want))
			}
		}
	}
	return names
}

// debugfs gives what the tool says, without its name and version on the other stream.
func debugfs(t *testing.T, image, request string) []byte {
	t.Helper()
	full, err := exec.LookPath("debugfs")
	if err != nil {
		full = "/usr/sbin/debugfs"
	}
	out, err := exec.Command(full, "-R", request, image).Output()
	if err != nil {
		t.Skipf("NOT TESTED against debugfs: %v", err)
	}
	return out
}
