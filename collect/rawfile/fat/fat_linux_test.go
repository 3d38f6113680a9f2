package fat

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/rawfile/tree"
)

// tool runs a program; the test is skipped, loudly, where there is none.
func tool(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("NOT TESTED against others' programs: %v (build/deps.sh installs them)", err)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "MTOOLS_SKIP_CHECK=1", "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, stderr.Bytes(), out)
	}
	return out
}

func noise(size int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// contents is what the volumes hold, by path.
func contents() map[string][]byte {
	files := map[string][]byte{
		"A.TXT": []byte("short\n"), "empty": {}, "a long name with spaces.dat": noise(70_000, 2), "Übergrößenträger – ætt 日本.txt": []byte("unicode"),
		"Folder/below/deep file.bin": noise(30_001, 3), "Folder/lower.txt": []byte("lower"), strings.Repeat("n", 120) + ".log": []byte("long"),
	}
	for i := range 150 {
		files[fmt.Sprintf("many/file number %03d.txt", i)] = fmt.Appendf(nil, "%d", i)
	}
	return files
}

// made makes a volume of FAT by dosfstools and mtools: some files in pieces, some deleted, a folder too.
func made(t testing.TB, size int64, args ...string) string {
	t.Helper()
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	f, err := os.Create(image)
	if err = errors.Join(err, f.Truncate(size), f.Close()); err != nil {
		t.Fatal(err)
	}
	tool(t, "mkfs.vfat", append(slices.Clone(args), "-n", "SPOR DISK", image)...)
	write := func(name string, b []byte) string {
		full := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, b, 0o600)); err != nil {
			t.Fatal(err)
		}
		return full
	}
	for name, b := range contents() {
		write(name, b)
	}
	for i := range 8 { // so that holes come to be
		tool(t, "mcopy", "-i", image, write(fmt.Sprintf("gap%d", i), noise(20_000, uint64(i))), "::")
	}
	for i := 0; i < 8; i += 2 {
		tool(t, "mdel", "-i", image, fmt.Sprintf("::gap%d", i))
	}
	tool(t, "mcopy", "-i", image, write("in pieces.bin", noise(150_000, 9)), "::")
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(s string) bool {
		return strings.HasPrefix(filepath.Base(s), "gap") || filepath.Base(s) == "in pieces.bin"
	})
	tool(t, "mcopy", append(append([]string{"-s", "-i", image}, names...), "::")...)
	write("gone folder/first deleted.txt", []byte("deleted"))
	write("gone folder/SECOND.TXT", []byte("deleted too"))
	tool(t, "mcopy", "-s", "-i", image, filepath.Join(dir, "gone folder"), "::")
	tool(t, "mcopy", "-i", image, write("a deleted file with a long name.doc", noise(5000, 4)), "::many")
	tool(t, "mdel", "-i", image, "::many/a deleted file with a long name.doc")
	tool(t, "mdeltree", "-i", image, "::gone folder")
	return image
}

func opened(t testing.TB, image string) *Volume {
	t.Helper()
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFAT(t *testing.T) {
	for _, c := range []struct {
		kind string
		size int64
		args []string
	}{
		{"FAT12", 4 << 20, []string{"-F", "12"}},
		{"FAT16", 20 << 20, []string{"-F", "16", "-s", "4"}},
		{"FAT32", 40 << 20, []string{"-F", "32", "-s", "1"}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			image := made(t, c.size, append(c.args, "-i", "1234abcd")...)
			v := opened(t, image)
			if v.Type != c.kind || v.ID != "1234-abcd" || v.Label != "SPOR DISK" {
				t.Errorf("%s %q %q, want %s 1234-abcd SPOR DISK", v.Type, v.ID, v.Label, c.kind)
			}
			compare(t, v, contents())
			d := tree.NewDrive("D:", v, "")
			if got, err := read(d, `D:\in pieces.bin`); err != nil || !bytes.Equal(got, noise(150_000, 9)) {
				t.Errorf("a file in pieces: %d bytes, %v", len(got), err)
			}
			for _, p := range []artifacts.Path{`d:\FOLDER\BELOW\DEEP FILE.BIN`, `D:\folder\LOWER.txt`, `D:\ALONGN~1.DAT`} {
				if _, err := d.Lstat(p); err != nil {
					t.Errorf("by another spelling: %v", err)
				}
			}
			if _, err := d.Lstat(`D:\gap0`); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a deleted file: %v, want %v", err, fs.ErrNotExist)
			}
			judgeBySleuthkit(t, v, image, "fat", 150, 3)
		})
	}
}

func read(d *tree.Drive, p artifacts.Path) ([]byte, error) {
	f, err := d.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// compare holds that a volume has these files, each of them in the list of its folder.
func compare(t *testing.T, v *Volume, files map[string][]byte) {
	t.Helper()
	d := tree.NewDrive("D:", v, "")
	for name, want := range files {
		p := artifacts.Path(`D:\` + strings.ReplaceAll(name, "/", `\`))
		got, err := read(d, p)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v, want %d", p, len(got), err, len(want))
		}
		cut := strings.LastIndex(string(p), `\`)
		list, err := d.ReadDir(p[:max(cut, 3)])
		if err != nil || !slices.Contains(list, artifacts.DirEntry{Name: string(p[cut+1:]), Kind: artifacts.Regular}) {
			t.Errorf("%s is not in the list of its folder: %v", p, err)
		}
	}
}

// judgeBySleuthkit compares names, sizes, times, content and deleted names with what fls and icat say.
func judgeBySleuthkit(t *testing.T, v *Volume, image, kind string, least, leastGone int) {
	t.Helper()
	d := tree.NewDrive("D:", v, "")
	gone := map[string]bool{}
	for f, err := range d.Undelete(t.Context()) {
		if err != nil {
			t.Errorf("deleted names: %v", err)
		}
		gone[string(f.Path)] = true
	}
	n, deleted := 0, 0
	for line := range strings.Lines(string(tool(t, "fls", "-f", kind, "-z", "UTC", "-r", "-p", "-m", "D:", image))) {
		f := strings.Split(strings.TrimRight(line, "\n"), "|")
		var size, accessed, modified, born int64
		fmt.Sscan(strings.Join([]string{f[6], f[7], f[8], f[10]}, " "), &size, &accessed, &modified, &born)
		name := strings.ReplaceAll(f[1], "/", `\`)
		name, isGone := strings.CutSuffix(name, " (deleted)")
		name, entry := strings.CutSuffix(name, " (Volume Label Entry)")
		if entry || strings.HasPrefix(name, `D:\$`) {
			continue
		}
		if isGone {
			if deleted++; !gone[name] {
				t.Errorf("%q is deleted, fls says; we have %v", name, gone)
			}
			continue
		}
		n++
		st, err := d.Lstat(artifacts.Path(name))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for what, at := range map[string][2]int64{"modified": {st.Times.Modified.Unix(), modified}, "accessed": {st.Times.Accessed.Unix(), accessed}, "born": {st.Times.Born.Unix(), born}} {
			zone := (at[1] - at[0]) % 900 // fls leaves out the zone of exFAT, which is told in quarters of an hour, and its hundredths
			if at[0] != at[1] && (kind == "fat" || zone != 0 && zone != -1 && zone != 899) {
				t.Errorf("%s: %s %v, fls says %v", name, what, time.Unix(at[0], 0).UTC(), time.Unix(at[1], 0).UTC())
			}
		}
		if st.Kind != artifacts.Regular {
			continue
		}
		if st.Size != size {
			t.Errorf("%s: %d bytes, fls says %d", name, st.Size, size)
		}
		if n%50 == 0 || size > 1000 {
			got, err := read(d, artifacts.Path(name))
			if want := tool(t, "icat", "-f", kind, image, f[2]); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, %v, icat gives %d", name, len(got), err, len(want))
			}
		}
	}
	if n < least || deleted < leastGone {
		t.Errorf("%d names and %d deleted ones compared: too few", n, deleted)
	}
	t.Logf("%d names and %d deleted ones compared with sleuthkit", n, deleted)
}

// madeEx makes a volume of exFAT, which is filled through FUSE.
func madeEx(t testing.TB, size int64, args ...string) string {
	t.Helper()
	image, mount := filepath.Join(t.TempDir(), "image"), filepath.Join(t.TempDir(), "mount")
	f, err := os.Create(image)
	if err = errors.Join(err, f.Truncate(size), f.Close(), os.Mkdir(mount, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		t.Skipf("NOT TESTED on exFAT: mounting needs root and /dev/fuse: %v", err)
	}
	tool(t, "mkfs.exfat", append(slices.Clone(args), "-L", "SPOR", image)...)
	loop := strings.TrimSpace(string(tool(t, "losetup", "--find", "--show", image)))
	t.Cleanup(func() { exec.Command("losetup", "--detach", loop).Run() })
	tool(t, "mount.exfat-fuse", loop, mount)
	mounted := true
	unmount := func() {
		for try := 0; mounted && try < 20; try++ {
			if mounted = exec.Command("umount", mount).Run() != nil; mounted {
				time.Sleep(100 * time.Millisecond)
			}
		}
	}
	t.Cleanup(unmount)
	write := func(name string, b []byte) {
		full := filepath.Join(mount, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 8 {
		write(fmt.Sprintf("gap%d", i), noise(20_000, uint64(i)))
	}
	for i := 0; i < 8; i += 2 {
		err = errors.Join(err, os.Remove(filepath.Join(mount, fmt.Sprintf("gap%d", i))))
	}
	write("in pieces.bin", noise(150_000, 9))
	for name, b := range contents() {
		write(name, b)
	}
	write("gone folder/first deleted.txt", []byte("deleted"))
	write("many/a deleted file with a long name.doc", noise(5000, 4))
	err = errors.Join(err, os.RemoveAll(filepath.Join(mount, "gone folder")), os.Remove(filepath.Join(mount, "many/a deleted file with a long name.doc")))
	if err != nil {
		t.Fatal(err)
	}
	unmount()
	return image
}

func TestExFAT(t *testing.T) {
	for _, args := range [][]string{{"-c", "4K"}, {"-c", "32K"}} {
		image := madeEx(t, 24<<20, args...)
		v := opened(t, image)
		if v.Type != "exFAT" || v.Label != "SPOR" || !strings.EqualFold(v.ID, strings.TrimSpace(string(tool(t, "blkid", "-p", "-o", "value", "-s", "UUID", image)))) {
			t.Errorf("%s %q %q, want exFAT, SPOR and what blkid says", v.Type, v.ID, v.Label)
		}
		compare(t, v, contents())
		if got, err := read(tree.NewDrive("D:", v, ""), `D:\in pieces.bin`); err != nil || !bytes.Equal(got, noise(150_000, 9)) {
			t.Errorf("a file in pieces: %d bytes, %v", len(got), err)
		}
		judgeBySleuthkit(t, v, image, "exfat", 150, 3)
	}
}

// TestCorpus compares a volume that others made with what The Sleuth Kit says of it.
func TestCorpus(t *testing.T) {
	root := os.Getenv("SPOR_CORPUS")
	if root == "" {
		root = "../../../../shared/corpus"
	}
	b, err := exec.Command("xz", "-dc", filepath.Join(root, "fs-other/util-linux-util-linux/blkid/images-fs/exfat.img.xz")).Output()
	image := filepath.Join(t.TempDir(), "image")
	if err = errors.Join(err, os.WriteFile(image, b, 0o600)); err != nil {
		t.Skipf("NOT TESTED on a real volume: %v", err)
	}
	judgeBySleuthkit(t, opened(t, image), image, "exfat", 100, 0)
}

// TestChains holds that a chain into itself and one that ends early are errors, and that the bytes before are given.
func TestChains(t *testing.T) {
	image := made(t, 4<<20, "-F", "12", "-s", "4")
	v := opened(t, image)
	n, err := v.top.Child("in pieces.bin")
	if err != nil {
		t.Fatal(err)
	}
	first := n.(*node).first
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	for _, next := range []uint16{uint16(first), 0, 0xff7, 0xfff} {
		spoilt := bytes.Clone(b)
		at := v.table + int64(first)*3/2
		shift := first % 2 * 4
		le.PutUint16(spoilt[at:], le.Uint16(spoilt[at:])&^(0xfff<<shift)|next<<shift)
		w, err := Open(bytes.NewReader(spoilt), int64(len(spoilt)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(tree.NewDrive("D:", w, ""), `D:\in pieces.bin`)
		want := noise(150_000, 9)
		if !errors.Is(err, ErrDamaged) || len(got) == 0 && next != uint16(first) || !bytes.Equal(got, want[:len(got)]) {
			t.Errorf("next %#x: %d bytes, %v, want the first and %v", next, len(got), err, ErrDamaged)
		}
	}
}

// everything reads all that an image holds, up to a bound.
func everything(t testing.TB, image []byte) (names int) {
	v, err := Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		return 0
	}
	d := tree.NewDrive("D:", v, "")
	content := int64(0)
	for todo := []artifacts.Path{`D:\`}; len(todo) > 0 && names < 1000 && content < 32<<20; todo = todo[1:] {
		list, _ := d.ReadDir(todo[0])
		for _, e := range list {
			names++
			p := artifacts.Windows.Join(todo[0], e.Name)
			if e.Kind == artifacts.Directory && len(p) < 2000 {
				todo = append(todo, p)
			}
			if f, err := d.Open(p); err == nil {
				n, _ := io.Copy(io.Discard, io.LimitReader(f, 1<<20))
				content += n
			}
		}
	}
	for range d.Undelete(t.Context()) {
	}
	return names
}

// TestDamage changes images at random places, most of them where their structures are: there is an end to reading them.
func TestDamage(t *testing.T) {
	images := 300
	if os.Getenv("SPOR_LONG") != "" {
		images = 10_000
	}
	small := func(image string) []byte {
		b, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for kind, image := range map[string][]byte{"FAT12": small(made(t, 3<<20, "-F", "12", "-s", "2")), "exFAT": small(madeEx(t, 4<<20, "-c", "4K"))} {
		v, err := Open(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			t.Fatal(err)
		}
		dirs := []int64{0, v.table, v.place(2)}
		if d, _ := v.top.read(); len(d.list) > 0 {
			for _, e := range d.list {
				dirs = append(dirs, e.at)
				if e.dir && e.first >= 2 {
					dirs = append(dirs, v.place(e.first))
				}
			}
		}
		read, slowest := 0, time.Duration(0)
		for seed := range images {
			r := rand.New(rand.NewPCG(uint64(seed), 7))
			undo := map[int64]byte{}
			for range 1 + r.IntN(30) {
				at := (dirs[r.IntN(len(dirs))] + int64(r.IntN(512))) % int64(len(image))
				if _, ok := undo[at]; !ok {
					undo[at] = image[at]
				}
				image[at] = byte(r.Uint32())
			}
			began := time.Now()
			read += everything(t, image)
			slowest = max(slowest, time.Since(began))
			for at, c := range undo {
				image[at] = c
			}
		}
		t.Logf("%s: %d images, %d names, the slowest in %v", kind, images, read, slowest)
		if slowest > time.Minute || read < images*20 {
			t.Errorf("%s: %d names of %d images, the slowest in %v", kind, read, images, slowest)
		}
	}
}

func FuzzOpen(f *testing.F) {
	image := filepath.Join(f.TempDir(), "image")
	if err := os.WriteFile(image, make([]byte, 64<<10), 0o600); err != nil {
		f.Fatal(err)
	}
	tool(f, "mkfs.vfat", "-F", "12", "-s", "1", image)
	tool(f, "mmd", "-i", image, "::a folder with a name")
	b, err := os.ReadFile(image)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { everything(t, b) })
}
