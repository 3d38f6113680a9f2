package xfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/rawfile/tree"
)

// script fills a volume through the kernel, in a mount namespace of its own, and afterwards lets the kernel tell what is
// on it: names and what is known of them, sums of files, attributes.
const script = `set -e
mount -t tmpfs none "$2"
mkdir "$2/m"
mount -o loop,attr2 "$1" "$2/m"
cd "$2/m"
mkdir -p small many/deeper block wide
echo one > small/one; : > small/empty; ln small/one twin; ln -s small/one link; mkfifo pipe; mknod device c 1 3
ln -s "$(printf 'l%.0s' $(seq 500))" longlink
printf 'odd \377 name' > "$(printf 'odd \377 name')"
for i in $(seq 25); do echo $i > block/entry-number-$i; done
for i in $(seq 700); do echo $i > "many/file-$i-with-a-name-that-takes-some-room-so-that-there-are-more-blocks"; done
x=$(printf 'x%.0s' $(seq 200)); for i in $(seq $4); do : > "wide/f$i-$x"; done
rm many/file-1?-*; rm block/entry-number-7
head -c 3000000 /dev/urandom > big
cp --reflink=auto big shared; printf changed | dd of=shared bs=1 seek=1000000 conv=notrunc status=none
truncate -s 64M sparse; printf end | dd of=sparse bs=1 seek=50000001 conv=notrunc status=none
fallocate -l 5M unwritten; printf start | dd of=unwritten bs=1 conv=notrunc status=none
for i in $(seq 0 2 300); do dd if=big of=pieces bs=4096 count=1 skip=$((i/2)) seek=$i conv=notrunc status=none; done
chmod 6755 small/one; chown 1234:4321 small/empty
touch -d '2033-05-18 03:33:20.123456789 UTC' small/one; touch -d '1969-12-31 12:00:00.5 UTC' small/empty
[ "$3" = bigtime ] && touch -d '2200-01-01 00:00:00 UTC' twin2
setfattr -n user.note -v hello small/one; setfattr -n trusted.kept -v secret small/one; setfattr -n security.mark -v yes small/one
setfattr -n user.large -v "$(printf 'v%.0s' $(seq 2000))" big; setfattr -n user.larger -v "$(printf 'w%.0s' $(seq 9000))" big
for i in $(seq 120); do printf 'user.number%d="value%d"\n' $i $i; done | { echo '# file: pieces'; cat; } | setfattr --restore=-
setfacl -m u:77:r,g:88:rx block 2>/dev/null || :
cd /; umount "$2/m"
mount -o loop,ro,norecovery,noatime "$1" "$2/m"; cd "$2/m"
find . -mindepth 1 -printf '%P\0%y\0%s\0%i\0%n\0%m\0%U\0%G\0%T@\0%C@\0%l\0\n\0'
echo =====; find . -type f -print0 | xargs -0 sha256sum -z; echo =====
getfattr -R -h -d -m - -e base64 . 2>/dev/null || :; echo =====
stat -c %W small/one
`

// A telling is what the kernel said of a volume.
type telling struct {
	names map[string][]string // the fields of find by path
	sums  map[string]string
	attrs map[string]map[string]string
	born  int64
}

// made makes a volume, and gives its image and what the kernel says of it.
func made(t testing.TB, wide int, args ...string) (string, telling) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED on XFS: mounting needs root")
	}
	for _, tool := range []string{"mkfs.xfs", "unshare", "getfattr"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT TESTED on XFS: %v (build/deps.sh installs it)", err)
		}
	}
	image := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(image)
	if err = errors.Join(err, f.Truncate(300<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.xfs", append(slices.Clone(args), "-q", "-L", "spor", image)...).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.xfs %q: %v\n%s", args, err, out)
	}
	big := "no"
	if slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, "bigtime=1") }) {
		big = "bigtime"
	}
	cmd := exec.Command("unshare", "-m", "bash", "-c", script, "fill", image, t.TempDir(), big, strconv.Itoa(wide))
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if strings.Contains(stderr.String(), "unknown filesystem type") {
		t.Skipf("NOT TESTED on XFS: %s", stderr.Bytes())
	}
	if err != nil {
		t.Fatalf("filling the volume: %v\n%s", err, stderr.Bytes())
	}
	return image, told(t, string(out))
}

func told(t testing.TB, out string) telling {
	t.Helper()
	parts := strings.SplitN(out, "=====\n", 4)
	if len(parts) != 4 {
		t.Fatalf("the kernel's telling has %d parts", len(parts))
	}
	all := telling{names: map[string][]string{}, sums: map[string]string{}, attrs: map[string]map[string]string{}}
	for record := range strings.SplitSeq(parts[0], "\n\x00") {
		if fields := strings.Split(record, "\x00"); len(fields) >= 11 {
			all.names[fields[0]] = fields
		}
	}
	for record := range strings.SplitSeq(parts[1], "\x00") {
		if sum, name, ok := strings.Cut(record, "  ./"); ok {
			all.sums[name] = sum
		}
	}
	at := ""
	for line := range strings.Lines(parts[2]) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "# file: "); ok {
			at = name
			all.attrs[at] = map[string]string{}
		} else if name, value, ok := strings.Cut(line, "="); ok {
			all.attrs[at][name] = strings.TrimPrefix(value, "0s")
		}
	}
	all.born, _ = strconv.ParseInt(strings.TrimSpace(parts[3]), 10, 64)
	return all
}

func opened(t testing.TB, image string) *Volume {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	v, err := Open(f, 300<<20)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestAgainstKernel compares all that is read of volumes with what the kernel says.
func TestAgainstKernel(t *testing.T) {
	for _, c := range []struct {
		what string
		wide int
		args []string
	}{
		{"version 5 as of today", 1200, []string{"-m", "bigtime=1,inobtcount=1,reflink=1", "-i", "sparse=1"}},
		{"version 5, blocks of 1 KiB", 300, []string{"-m", "bigtime=0,reflink=1", "-b", "size=1024", "-n", "size=8192"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			image, kernel := made(t, c.wide, c.args...)
			v := opened(t, image)
			if len(v.Notes()) > 0 || v.Label != "spor" {
				t.Errorf("label %q, notes %q, want spor and none", v.Label, v.Notes())
			}
			tr := tree.New(v, "")
			got := map[string]bool{}
			walk(t, tr, "/", func(p artifacts.Path, kind artifacts.Kind) {
				name := string(p[1:])
				got[name] = true
				judge(t, tr, p, kind, kernel.names[name], kernel.sums[name])
			})
			for name := range kernel.names {
				if !got[name] {
					t.Errorf("%q is missing", name)
				}
			}
			if st, err := tr.Lstat("/small/one"); err != nil || v.version == 5 && st.Times.Born.Unix() != kernel.born {
				t.Errorf("born %v, %v, the kernel says %d", st.Times.Born, err, kernel.born)
			}
			judgeAttributes(t, tr, kernel)
			t.Logf("%d names, %d sums, attributes of %d files compared with the kernel", len(got), len(kernel.sums), len(kernel.attrs))
			if len(got) < 700 || len(kernel.attrs) < 3 {
				t.Errorf("%d names, attributes of %d files: too few", len(got), len(kernel.attrs))
			}
		})
	}
}

// TestVersion4 reads volumes that mkfs.xfs fills by itself, as kernels of today do not mount this version, and compares
// them with what they were filled with.
func TestVersion4(t *testing.T) {
	tool, err := exec.LookPath("mkfs.xfs")
	if err != nil {
		t.Skipf("NOT TESTED on XFS of version 4: %v (build/deps.sh installs it)", err)
	}
	dir := t.TempDir()
	want := map[artifacts.Path][]byte{"/one": []byte("one\n"), "/sub/empty": {}, "/sub/deeper/large": bytes.Repeat([]byte("0123456789abcdef"), 200_000)}
	var many strings.Builder
	for i := range 600 {
		p := artifacts.Path(fmt.Sprintf("/many/file-%d-with-a-name-that-takes-some-room", i))
		want[p] = fmt.Appendf(nil, "%d\n", i)
		fmt.Fprintf(&many, "%s ---644 0 0 %s\n", p[6:], filepath.Join(dir, fmt.Sprint(i)))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), want[p], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, p := range map[string]artifacts.Path{"one": "/one", "empty": "/sub/empty", "large": "/sub/deeper/large"} {
		if err := os.WriteFile(filepath.Join(dir, name), want[p], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	proto := strings.ReplaceAll("boot\n0 0\nd--755 0 0\none -u-755 12 34 DIR/one\nlink l--777 0 0 sub/deeper\nsub d--750 5 6\nempty ---600 0 0 DIR/empty\ndeeper d--755 0 0\nlarge ---644 0 0 DIR/large\n$\n$\nmany d--755 0 0\n", "DIR", dir) + many.String() + "$\n$\n"
	if err := os.WriteFile(filepath.Join(dir, "proto"), []byte(proto), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-n", "ftype=0"}, {"-n", "ftype=1", "-i", "size=1024"}, {"-n", "size=16384", "-b", "size=2048"}} {
		image := filepath.Join(t.TempDir(), "image")
		f, err := os.Create(image)
		if err = errors.Join(err, f.Truncate(300<<20), f.Close()); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"-q", "-m", "crc=0", "-p", filepath.Join(dir, "proto")}, append(args, image)...)
		if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Fatalf("mkfs.xfs %q: %v\n%s", args, err, out)
		}
		v := opened(t, image)
		tr, n := tree.New(v, ""), 0
		walk(t, tr, "/", func(p artifacts.Path, _ artifacts.Kind) {
			st, err := tr.Lstat(p)
			if err != nil || st.Kind != artifacts.Regular {
				return
			}
			n++
			f, err := tr.Open(p)
			if err != nil {
				t.Errorf("%v", err)
				return
			}
			if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want[p]) {
				t.Errorf("%s: %d bytes, %v, want %d", p, len(got), err, len(want[p]))
			}
		})
		st, err := tr.Lstat("/one")
		if text, bad := tr.Readlink("/link"); v.version != 4 || n != len(want) || err != nil || bad != nil || text != "sub/deeper" || st.UID != "12" || st.GID != "34" || st.Mode != os.ModeSetuid|0o755 {
			t.Errorf("%q: version %d, %d files of %d, link %q, %v, %+v", args, v.version, n, len(want), text, bad, st)
		}
	}
}

func walk(t testing.TB, tr *tree.Tree, dir artifacts.Path, visit func(artifacts.Path, artifacts.Kind)) {
	t.Helper()
	list, err := tr.ReadDir(dir)
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, e := range list {
		p := artifacts.Linux.Join(dir, e.Name)
		visit(p, e.Kind)
		if st, err := tr.Lstat(p); err == nil && st.Kind == artifacts.Directory {
			walk(t, tr, p, visit)
		}
	}
}

// judge compares one name with the fields of find and its sum.
func judge(t *testing.T, tr *tree.Tree, p artifacts.Path, kind artifacts.Kind, want []string, sum string) {
	t.Helper()
	if want == nil {
		t.Errorf("%s: the kernel knows nothing of it", p)
		return
	}
	st, err := tr.Lstat(p)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	mode := int(st.Mode.Perm())
	for i, bit := range []os.FileMode{os.ModeSticky, os.ModeSetgid, os.ModeSetuid} {
		if st.Mode&bit != 0 {
			mode |= 0o1000 << i
		}
	}
	letter := map[artifacts.Kind]string{artifacts.Regular: "f", artifacts.Directory: "d", artifacts.Symlink: "l", artifacts.Pipe: "p", artifacts.Device: "c"}[st.Kind]
	stamp := func(at time.Time) string { return fmt.Sprintf("%d.%09d", at.Unix(), at.Nanosecond()) }
	got := []string{letter, want[2], fmt.Sprint(st.Inode), fmt.Sprint(st.Links), fmt.Sprintf("%o", mode), st.UID, st.GID, stamp(st.Times.Modified), stamp(st.Times.Changed)}
	if st.Kind == artifacts.Regular {
		got[1] = fmt.Sprint(st.Size)
	}
	fields := slices.Clone(want[1:10])
	for i := 7; i < 9; i++ {
		fields[i] = (fields[i] + "0")[:strings.IndexByte(fields[i], '.')+10] // find gives ten places
		if strings.HasPrefix(fields[i], "-") {
			fields[i] = got[i] // and writes times before 1970 another way
		}
	}
	if !slices.Equal(got, fields) || kind != artifacts.Unknown && kind != st.Kind {
		t.Errorf("%s: %q (%s in its folder), the kernel says %q", p, got, kind, fields)
	}
	switch st.Kind {
	case artifacts.Symlink:
		if text, err := tr.Readlink(p); err != nil || string(text) != want[10] {
			t.Errorf("%s leads to %q, %v, the kernel says %q", p, text, err, want[10])
		}
	case artifacts.Regular:
		f, err := tr.Open(p)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		h := sha256.New()
		if n, err := io.Copy(h, f); err != nil || sum != "" && fmt.Sprintf("%x", h.Sum(nil)) != sum {
			t.Errorf("%s: %d bytes, %v, sum %x, the kernel says %s", p, n, err, h.Sum(nil), sum)
		}
		if runs, whole, err := f.(artifacts.SparseFile).Extents(1 << 20); err != nil || !whole || p == "/sparse" && len(runs) != 1 {
			t.Errorf("%s: %d runs, %v, %v", p, len(runs), whole, err)
		}
		if _, err := f.(artifacts.DetailedFile).Details(); err != nil {
			t.Errorf("%s: attributes: %v", p, err)
		}
	}
}

func judgeAttributes(t *testing.T, tr *tree.Tree, kernel telling) {
	t.Helper()
	for name, want := range kernel.attrs {
		if st, err := tr.Lstat(artifacts.Path("/" + name)); err != nil || st.Kind != artifacts.Regular {
			continue
		}
		f, err := tr.Open(artifacts.Path("/" + name))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		d, err := f.(artifacts.DetailedFile).Details()
		got := map[string]string{}
		for k, b := range d.Xattrs {
			got[k] = base64.StdEncoding.EncodeToString(b)
		}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: %d attributes, %v, the kernel says %d: %v and %v", name, len(got), err, len(want), slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
}

// layer is an image with some bytes changed.
type layer struct {
	io.ReaderAt
	changed map[int64]byte
}

func (l layer) ReadAt(p []byte, off int64) (int, error) {
	n, err := l.ReaderAt.ReadAt(p, off)
	for at, c := range l.changed {
		if at >= off && at < off+int64(n) {
			p[at-off] = c
		}
	}
	return n, err
}

// everything reads all that an image holds, up to a bound.
func everything(r io.ReaderAt, size int64) (names int) {
	v, err := Open(r, size)
	if err != nil {
		return 0
	}
	tr := tree.New(v, "")
	content := int64(0)
	for todo := []artifacts.Path{"/"}; len(todo) > 0 && names < 200 && content < 32<<20; todo = todo[1:] {
		list, _ := tr.ReadDir(todo[0])
		for i, e := range list {
			if names++; i > 60 {
				break
			}
			p := artifacts.Linux.Join(todo[0], e.Name)
			if st, err := tr.Lstat(p); err == nil && st.Kind == artifacts.Directory && len(p) < 2000 {
				todo = append(todo, p)
			}
			_, _ = tr.Readlink(p)
			if f, err := tr.Open(p); err == nil {
				n, _ := io.Copy(io.Discard, io.LimitReader(f, 1<<20))
				content += n
				_, _ = f.(artifacts.DetailedFile).Details()
			}
		}
	}
	return names
}

// TestDamage changes an image at random places where its structures are: there is an end to reading it.
func TestDamage(t *testing.T) {
	images := 300
	if os.Getenv("SPOR_LONG") != "" {
		images = 10_000
	}
	image, _ := made(t, 100, "-b", "size=1024")
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	places := []int64{0}
	b := make([]byte, 1<<20)
	for at := int64(0); at < 300<<20; at += int64(len(b)) {
		if n, _ := f.ReadAt(b, at); n < len(b) {
			t.Fatal("a short image")
		}
		for i := 0; i < len(b); i += 256 {
			switch m := string(b[i : i+4]); {
			case m == "XDB3" || m == "XDD3" || m == "BMA3" || m[:2] == "IN" && (b[i+4] == 3), b[i+8] == 0x3b && b[i+9] == 0xee:
				places = append(places, at+int64(i))
			}
		}
	}
	read, slowest := 0, time.Duration(0)
	for seed := range images {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		l := layer{f, map[int64]byte{}}
		for range 1 + r.IntN(60) {
			l.changed[places[r.IntN(len(places))]+int64(r.IntN(300))] = byte(r.Uint32())
		}
		began := time.Now()
		read += everything(l, 300<<20)
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("%d images, %d names, %d places, the slowest in %v", images, read, len(places), slowest)
	if slowest > time.Minute || read < images*30 {
		t.Errorf("%d names of %d images, the slowest in %v", read, images, slowest)
	}
}

// TestDirty holds that a volume that was not unmounted is told.
func TestDirty(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED on a dirty XFS: mounting needs root")
	}
	image := filepath.Join(t.TempDir(), "image")
	dirty := image + ".dirty"
	f, err := os.Create(image)
	if err = errors.Join(err, f.Truncate(300<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.xfs", "-q", image).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED on a dirty XFS: %v: %s", err, out)
	}
	out, err := exec.Command("unshare", "-m", "bash", "-c", `set -e; mkdir "$1.m"; mount -o loop "$1" "$1.m"; touch "$1.m/new"; sync; touch "$1.m/newer"; sync; cp --sparse=always "$1" "$2"; umount "$1.m"`, "-", image, dirty).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if notes := strings.Join(opened(t, dirty).Notes(), ""); !strings.Contains(notes, "not unmounted") {
		t.Errorf("while it is mounted: notes %q", notes)
	}
	if notes := opened(t, image).Notes(); len(notes) > 0 {
		t.Errorf("after it was unmounted: notes %q", notes)
	}
}

func FuzzOpen(f *testing.F) {
	b := make([]byte, 8<<10)
	copy(b, "XFSB")
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { everything(bytes.NewReader(b), int64(len(b))) })
}
