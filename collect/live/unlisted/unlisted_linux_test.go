package unlisted

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/host"
	"spor/collect/image"
	"spor/collect/live/livetest"
	"spor/collect/live/procfs"
)

// hiding is a system that leaves a name out of what it lists, as a changed kernel does; of some it denies that it is there.
type hiding struct {
	artifacts.Files
	denies bool
}

func (h hiding) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	list, err := h.Files.ReadDir(p)
	return slices.DeleteFunc(list, func(e artifacts.DirEntry) bool { return strings.HasPrefix(e.Name, "rk-") }), err
}

func (h hiding) Lstat(p artifacts.Path) (artifacts.Stat, error) {
	if h.denies && strings.Contains(string(p), "/rk-") {
		return artifacts.Stat{}, os.ErrNotExist
	}
	return h.Files.Lstat(p)
}

// made gives a file system with some files, as its device has it, and a host that lists the same.
func made(t *testing.T, files ...string) (*artifacts.Host, *os.File) {
	t.Helper()
	mke2fs, err := exec.LookPath("mke2fs")
	if err != nil {
		t.Skipf("no mke2fs: NOT checked that files hidden from listings are found: %v", err)
	}
	dir, volume := t.TempDir(), filepath.Join(t.TempDir(), "volume")
	for _, name := range files {
		full := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte("hello"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(mke2fs, "-q", "-t", "ext4", "-d", dir, volume, "4M").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	h, err := image.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(volume)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return h, f
}

func look(t *testing.T, h *artifacts.Host, disk *os.File, files artifacts.Files) (*search, []Name) {
	t.Helper()
	h.Files = files
	s := &search{host: h, mount: procfs.MountInfo{Mount: artifacts.Mount{Path: "/", Source: "/dev/sda1"}}, disk: disk, size: 4 << 20, most: 100}
	names, err := s.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, names
}

// Files and folders that the system does not list are found on the disk, those it denies too.
func TestHiddenNamesAreFound(t *testing.T) {
	h, disk := made(t, "etc/shown", "etc/rk-file", "rk-dir/inner", "etc/sub/rk-deep", "etc/sub/also shown")
	files := h.Files
	for _, denies := range []bool{false, true} {
		s, names := look(t, h, disk, hiding{files, denies})
		var got []string
		for _, n := range names {
			got = append(got, string(n.Path)+" "+n.Kind)
			if n.Answers == denies || n.Inode == 0 || n.Kind == "file" && n.Size != 5 || n.Device != "/dev/sda1" {
				t.Errorf("denies %v: %+v", denies, n)
			}
		}
		slices.Sort(got)
		if want := []string{"/etc/rk-file file", "/etc/sub/rk-deep file", "/rk-dir directory"}; !slices.Equal(got, want) || s.cut || s.undecided > 0 {
			t.Errorf("denies %v: found %q, want %q; %+v", denies, got, want, s)
		}
	}
}

// encrypted lists other names than the disk has, as fscrypt does.
type encrypted struct{ artifacts.Files }

func (e encrypted) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	list, err := e.Files.ReadDir(p)
	for i := range list {
		if strings.HasPrefix(string(p), "/vault") {
			list[i].Name = "plain " + list[i].Name
		}
	}
	return list, err
}

// fleeting lists at first what it had before some names were made.
type fleeting struct {
	artifacts.Files
	calls int
}

func (f *fleeting) ReadDir(p artifacts.Path) ([]artifacts.DirEntry, error) {
	list, err := f.Files.ReadDir(p)
	if f.calls++; f.calls < 3 && len(list) > 0 {
		list = list[:len(list)-1]
	}
	return list, err
}

// What differs for another reason is not called hidden: names that are encrypted, names that come meanwhile, and nothing at
// all.
func TestNothingIsHidden(t *testing.T) {
	h, disk := made(t, "vault/a", "vault/b", "etc/x", "etc/y")
	files := h.Files
	for name, view := range map[string]artifacts.Files{"same": files, "encrypted": encrypted{files}, "fleeting": &fleeting{Files: files}} {
		s, names := look(t, h, disk, view)
		if len(names) != 0 || (s.undecided == 1) != (name == "encrypted") || s.compared != 4 {
			t.Errorf("%s: found %+v; %d folders compared, %d undecided", name, names, s.compared, s.undecided)
		}
	}
}

// On this machine nothing is hidden, or it is said why that cannot be told.
func TestThisMachine(t *testing.T) {
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rec := &livetest.Recorder{}
	if err := collect(t.Context(), h, rec); err != nil {
		t.Fatal(err)
	}
	if len(rec.Records) != 0 {
		t.Errorf("found %+v", rec.Records)
	}
	for _, o := range rec.Notes {
		if o.Status == artifacts.Denied {
			t.Skipf("NOT checked on this machine: %+v", o)
		}
	}
	t.Logf("%v", rec.Notes)
}
