package rawfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/build/ntfs"
)

// strict is a disk as Windows gives it: whole sectors, and none past the end.
type strict struct {
	t    testing.TB
	f    io.ReaderAt
	unit int64
	size int64
}

func (s strict) ReadAt(p []byte, off int64) (int, error) {
	if off%s.unit != 0 || int64(len(p))%s.unit != 0 || off+int64(len(p)) > s.size {
		s.t.Errorf("read of %d bytes at %d from a disk of %d in sectors of %d", len(p), off, s.size, s.unit)
		return 0, errors.New("the parameter is incorrect")
	}
	return s.f.ReadAt(p, off)
}

func openImage(t testing.TB, name string, sector int) *Volume {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	v, err := Open(strict{t, f, int64(sector), st.Size()}, st.Size(), "C:")
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// text is compressible, and different everywhere.
func text(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%d the quick brown fox %x\n", b.Len(), r.Uint32())
	}
	return b.Bytes()[:n]
}

func noise(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// mixed has text, noise and holes longer than a compression unit, in turn.
func mixed() []byte {
	const unit = 64 << 10
	b := make([]byte, 21*unit+3000)
	copy(b, text(3*unit, 1))
	copy(b[3*unit:], noise(2*unit, 2))
	copy(b[9*unit+100:], text(5000, 3)) // behind a hole of four units
	copy(b[16*unit:], text(unit, 4))
	copy(b[20*unit:], text(unit+3000, 5))
	return b
}

// contents are the files of the made-up volume, by path below it; "dir/" is an empty folder.
func contents(compressed bool) map[string][]byte {
	c := map[string][]byte{
		"resident.txt": []byte("small enough for the record"), "empty": {}, "text.log": text(300_000, 7), "noise.bin": noise(200_001, 8),
		"ads.txt": []byte("with streams"), "ads.txt:Zone.Identifier": []byte("[ZoneTransfer]\r\nZoneId=3\r\n"),
		"ads.txt:large": text(90_000, 9), "Windows/System32/config/SAM": text(70_000, 10), "Users/anna/NTUSER.DAT": text(40_000, 11),
		"names/" + strings.Repeat("þ", 204): []byte("long"), "names/😀 日本.txt": []byte("odd"), "names/a.b.c": []byte("x"),
		"names/UPPER": []byte("u"), "names/ leading": []byte("l"),
	}
	for i := range 300 {
		c[fmt.Sprintf("many/file number %03d.txt", i)] = fmt.Appendf(nil, "this is file %d", i)
	}
	for i := range 60 {
		c[fmt.Sprintf("streams:stream number %02d", i)] = text(100+40*i, uint64(100+i))
	}
	c["streams"] = []byte("has sixty")
	if compressed {
		c["comp/mixed.bin"], c["comp/text.txt"], c["comp/noise.bin"], c["comp/tiny"] = mixed(), text(500_000, 12), noise(150_000, 13), []byte("t")
	}
	return c
}

const sparseSize = 16 << 20

// fill writes the made-up volume.
func fill(t testing.TB, dir string, c map[string][]byte) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if c["comp/tiny"] != nil {
		check(os.Mkdir(filepath.Join(dir, "comp"), 0o755))
		ntfs.Compress(t, filepath.Join(dir, "comp"))
	}
	for _, streams := range []bool{false, true} {
		for name, content := range c {
			if strings.Contains(name, ":") != streams {
				continue
			}
			full := filepath.Join(dir, name)
			check(os.MkdirAll(filepath.Dir(full), 0o755))
			f, err := os.OpenFile(full, os.O_WRONLY|os.O_CREATE, 0o644)
			check(err)
			for at := 0; at < len(content); at += 64 << 10 { // zeros are left out, so that they become holes
				part := content[at:min(at+64<<10, len(content))]
				if len(bytes.Trim(part, "\x00")) > 0 {
					_, err := f.WriteAt(part, int64(at))
					check(err)
				}
			}
			check(f.Close())
		}
	}
	f, err := os.Create(filepath.Join(dir, "sparse.bin"))
	check(err)
	for at := int64(1 << 20); at < sparseSize; at += 16 << 10 { // of so many runs that they need several records
		_, err := f.WriteAt(fmt.Append(nil, "data at ", at), at)
		check(err)
	}
	check(f.Truncate(sparseSize + 5))
	check(f.Close())
	check(os.Mkdir(filepath.Join(dir, "links"), 0o755))
	check(os.Link(filepath.Join(dir, "text.log"), filepath.Join(dir, "links", "second name.log")))
	for i := range 40 { // so many that the names need several records
		check(os.Link(filepath.Join(dir, "resident.txt"), filepath.Join(dir, "links", fmt.Sprintf("a rather long name of a hard link %02d.txt", i))))
	}
	check(os.MkdirAll(filepath.Join(dir, "gone", "deeper"), 0o755))
	check(os.WriteFile(filepath.Join(dir, "gone", "deeper", "deleted one.txt"), text(5000, 20), 0o644))
	check(os.WriteFile(filepath.Join(dir, "names", "deleted two.txt"), []byte("resident and deleted"), 0o644))
	check(os.Symlink("resident.txt", filepath.Join(dir, "symlink")))
}

// remove deletes what is to be found as deleted: after another mount, so that the records were written.
func remove(t testing.TB, dir string) {
	t.Helper()
	for _, name := range []string{"gone/deeper/deleted one.txt", "gone/deeper", "gone", "names/deleted two.txt"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

var shapes = []ntfs.Shape{
	{Sector: 512, Cluster: 4096, Size: 64 << 20},
	{Sector: 4096, Cluster: 4096, Size: 64 << 20},
	{Sector: 512, Cluster: 65536, Size: 192 << 20},
	{Sector: 4096, Cluster: 65536, Size: 192 << 20},
}

func made(t testing.TB, s ntfs.Shape) (name string, c map[string][]byte) {
	t.Helper()
	c = contents(s.Cluster <= 4096)
	name = ntfs.Image(t, s, func(dir string) { fill(t, dir, c) })
	ntfs.Mounted(t, name, filepath.Join(filepath.Dir(name), "mount"), func(dir string) { remove(t, dir) })
	return name, c
}

func windowsPath(name string) artifacts.Path {
	return artifacts.Path(`C:\` + strings.ReplaceAll(name, "/", `\`))
}

func readAll(t testing.TB, v *Volume, p artifacts.Path) []byte {
	t.Helper()
	f, err := v.Open(p)
	if err != nil {
		t.Errorf("%s: %v", p, err)
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Errorf("%s: %v", p, err)
	}
	return b
}

// walk gives all that the tree lists.
func walk(t testing.TB, v *Volume, dir artifacts.Path, visit func(p artifacts.Path, e artifacts.DirEntry)) {
	t.Helper()
	list, err := v.ReadDir(dir)
	if err != nil {
		t.Errorf("%s: %v", dir, err)
	}
	for _, e := range list {
		p := artifacts.Windows.Join(dir, e.Name)
		visit(p, e)
		if e.Kind == artifacts.Directory {
			walk(t, v, p, visit)
		}
	}
}

func TestImages(t *testing.T) {
	for i, s := range shapes {
		if i > 0 && i < 3 && os.Getenv("SPOR_LONG") == "" {
			continue // the two between them are tested with SPOR_LONG=1
		}
		t.Run(s.String(), func(t *testing.T) {
			name, c := made(t, s)
			v := openImage(t, name, s.Sector)
			for n, want := range c {
				if got := readAll(t, v, windowsPath(n)); !bytes.Equal(got, want) {
					t.Errorf("%.60s: %d bytes, want %d; equal up to %d", n, len(got), len(want), common(got, want))
				}
			}
			compareListing(t, v, c)
			compareMount(t, v, name)
			compareSleuthkit(t, v, name)
			testSparse(t, v)
			testMetafiles(t, v, name)
			testDeleted(t, v)
		})
	}
}

func common(a, b []byte) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// compareListing holds that every name is listed where it was made, once.
func compareListing(t *testing.T, v *Volume, c map[string][]byte) {
	seen := map[string]int{}
	walk(t, v, `C:\`, func(p artifacts.Path, e artifacts.DirEntry) { seen[string(p)]++ })
	for n := range c {
		if strings.Contains(n, ":") {
			continue
		}
		if p := string(windowsPath(n)); seen[p] != 1 {
			t.Errorf("%.80s is listed %d times", p, seen[p])
		}
	}
	if seen[`C:\links\second name.log`] != 1 || seen[`C:\text.log`] != 1 {
		t.Error("a hard link lacks one of its names")
	}
	for i := range 40 {
		if p := fmt.Sprintf(`C:\links\a rather long name of a hard link %02d.txt`, i); seen[p] != 1 {
			t.Errorf("%s is listed %d times", p, seen[p])
		}
	}
	f, err := v.OpenFile(`C:\STREAMS`)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := f.Details(); len(d.Streams) != 60 || err != nil {
		t.Errorf("%d streams, %v; want 60", len(d.Streams), err)
	}
	if _, err := v.Lstat(`C:\names\none`); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name that is not there: %v", err)
	}
	if _, err := v.Open(`C:\names`); !errors.Is(err, artifacts.ErrNotRegular) {
		t.Errorf("a folder: %v", err)
	}
}

// compareMount compares bytes, sizes and times with what ntfs-3g gives of the same image.
func compareMount(t *testing.T, v *Volume, image string) {
	n := 0
	ntfs.Mounted(t, image, filepath.Join(filepath.Dir(image), "mount"), func(dir string) {
		walk(t, v, `C:\`, func(p artifacts.Path, e artifacts.DirEntry) {
			full := filepath.Join(dir, strings.ReplaceAll(string(p)[3:], `\`, "/"))
			info, err := os.Lstat(full)
			st, err2 := v.Lstat(p)
			if err != nil || err2 != nil {
				t.Errorf("%s: %v, %v", p, err, err2)
				return
			}
			if !st.Times.Modified.Equal(info.ModTime()) {
				t.Errorf("%s: modified %v, ntfs-3g says %v", p, st.Times.Modified, info.ModTime())
			}
			n++
			if !info.Mode().IsRegular() || e.Kind != artifacts.Regular {
				return
			}
			want, err := os.ReadFile(full)
			if got := readAll(t, v, p); err != nil || st.Size != info.Size() || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, want %d of %d, %v", p, len(got), len(want), info.Size(), err)
			}
		})
	})
	if n < 350 {
		t.Errorf("%d names compared", n)
	}
}

func testSparse(t *testing.T, v *Volume) {
	f, err := v.OpenFile(`C:\sparse.bin`)
	if err != nil {
		t.Fatal(err)
	}
	runs, whole, err := f.Extents(1 << 16)
	if err != nil || !whole || len(runs) == 0 {
		t.Fatalf("%d runs, whole %t, %v", len(runs), whole, err)
	}
	var data int64
	for _, r := range runs {
		data += r.Length
		b := make([]byte, r.Length)
		if n, err := f.ReadAt(b, r.Offset); n < len(b) {
			t.Errorf("run %+v: %d bytes, %v", r, n, err)
		}
	}
	if data >= sparseSize/2 && v.cluster == 4096 {
		t.Errorf("%d bytes of data in %d runs", data, len(runs))
	}
	t.Logf("sparse file: %d runs, %d bytes, in %d pieces", len(runs), data, len(f.from.(*stream).pieces))
}

func testMetafiles(t *testing.T, v *Volume, image string) {
	boot, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, v, `C:\$Boot`); len(got) != 8192 || !bytes.Equal(got, boot[:8192]) {
		t.Errorf("$Boot: %d bytes", len(got))
	}
	for _, name := range []string{"$MFT", "$MFTMirr", "$LogFile", "$Bitmap", "$Secure:$SDS", "$UpCase", `$Extend\$ObjId:$O`, `many:$I30`} {
		st, err := v.Lstat(artifacts.Path(`C:\` + name))
		if strings.HasSuffix(name, "$O") {
			continue // an index by another name: not offered
		}
		if err != nil || st.Kind != artifacts.Regular || st.Size == 0 {
			t.Errorf("%s: %+v, %v", name, st, err)
			continue
		}
		if got := readAll(t, v, artifacts.Path(`C:\`+name)); int64(len(got)) != st.Size {
			t.Errorf("%s: %d bytes, want %d", name, len(got), st.Size)
		}
	}
	if list, err := v.ReadDir(`C:\`); err == nil {
		for _, e := range list {
			if strings.HasPrefix(e.Name, "$") {
				t.Errorf("%s is listed", e.Name)
			}
		}
	}
}

// testDeleted holds that deleted names are listed with their whole path, and that what nobody has written over is read.
func testDeleted(t *testing.T, v *Volume) {
	want := map[string][]byte{`C:\gone\deeper\deleted one.txt`: text(5000, 20), `C:\names\deleted two.txt`: []byte("resident and deleted")}
	for e := range v.Entries(t.Context()) {
		content, ok := want[string(e.Path)]
		if !ok || !e.Deleted {
			continue
		}
		delete(want, string(e.Path))
		f, err := v.Deleted(e.Record, e.Sequence)
		if err != nil {
			t.Errorf("%s: %v", e.Path, err)
			continue
		}
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes, want %d: %v", e.Path, len(got), len(content), err)
		}
		if times := f.NameTimes(); len(times) != 1 || times[0] != e.NameTimes || times[0].Born.Time().IsZero() {
			t.Errorf("%s: times of its name %v, listed as %v", e.Path, times, e.NameTimes)
		}
	}
	for p := range want {
		t.Errorf("%s is not listed as deleted", p)
	}
}
