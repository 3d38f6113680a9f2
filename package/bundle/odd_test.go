package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spor/artifacts"
)

// holey is a sparse file of 24 MiB with three runs of data, the last of which ends it or not.
func holey(origin artifacts.Path, last int64) thing {
	runs := []artifacts.Extent{{Offset: 0, Length: 4096}, {Offset: 10 << 20, Length: 300 << 10}, {Offset: last, Length: 5000}}
	return thing{origin: origin, content: noise(4096 + 300<<10 + 5000), sparse: &artifacts.Sparse{Size: 24 << 20, Runs: runs}}
}

// logical tells whether a file is what a sparse thing stands for, and costs what is in it.
func logical(t *testing.T, name string, th thing) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || st.Size() != th.sparse.Size {
		t.Fatalf("%s: %d bytes, want %d; %v", name, st.Size(), th.sparse.Size, err)
	}
	if n := allocated(st); n > 8<<20 {
		t.Errorf("%s: takes %d bytes of the disk, is not sparse", name, n)
	}
	content, at := th.content, int64(0)
	r := bufio.NewReaderSize(f, 1<<20)
	for _, run := range append(th.sparse.Runs, artifacts.Extent{Offset: th.sparse.Size}) {
		if n, err := io.Copy(onlyZeros{}, io.LimitReader(r, run.Offset-at)); n != run.Offset-at || err != nil {
			t.Fatalf("%s: hole at %d: %d bytes, %v", name, at, n, err)
		}
		got := make([]byte, run.Length)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, content[:run.Length]) {
			t.Fatalf("%s: run at %d differs: %v", name, run.Offset, err)
		}
		content, at = content[run.Length:], run.Offset+run.Length
	}
}

type onlyZeros struct{}

func (onlyZeros) Write(b []byte) (int, error) {
	if len(bytes.Trim(b, "\x00")) > 0 {
		return 0, errors.New("something in a hole")
	}
	return len(b), nil
}

func TestSparseFiles(t *testing.T) {
	things := []thing{holey("/inside", 18<<20), holey("/to the end", 24<<20-5000)}
	for _, size := range []int64{0, MinVolume} {
		if size > 0 { // in parts, over two volumes
			big := holey("/parts", 18<<20)
			big.sparse.Runs[1].Length = 2 << 20
			big.content = noise(4096 + 2<<20 + 5000)
			things = append(things, big)
		}
		volumes := write(t, size, things...)
		x := extract(t, volumes...)
		if !x.verdict.Whole() {
			t.Fatal(x.verdict.Differences)
		}
		for i, e := range entries(t, x.dir) {
			if e.Sparse == nil || e.Sparse.Size != 24<<20 || e.Sparse.Count != 3 || e.Size != int64(len(things[i].content)+512) {
				t.Errorf("%s: record %+v, size %d", e.Name, e.Sparse, e.Size)
			}
			logical(t, filepath.Join(x.dir, filepath.FromSlash(e.Name)), things[i])
		}
		if st, _ := os.Stat(volumes[0]); st.Size() > 1<<20 {
			t.Errorf("the volume has %d bytes", st.Size())
		}
	}
}

// A sparse file that gives less than its map says is restored as far as it goes.
func TestASparseFileThatShrinks(t *testing.T) {
	th := holey("/shrinks", 18<<20)
	th.size = int64(len(th.content))
	th.content = th.content[:5000]
	after := thing{origin: "/after", content: []byte("unharmed")}
	x := extract(t, write(t, 0, th, after)...)
	if !x.verdict.Whole() {
		t.Fatal(x.verdict.Differences)
	}
	f, err := os.Open(filepath.Join(x.dir, "files/shrinks"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := make([]byte, 5000-4096)
	if _, err := f.ReadAt(got, 10<<20); err != nil || !bytes.Equal(got, th.content[4096:]) {
		t.Errorf("what was read of the second run is not there: %v", err)
	}
	if e := entries(t, x.dir)[0]; e.Padding != th.size-5000 {
		t.Errorf("padding %d, want %d", e.Padding, th.size-5000)
	}
}

// Content that is in a volume already becomes a link, which tar restores and so do we.
func TestTheSameContentOnce(t *testing.T) {
	big := noise(2 << 20)
	things := []thing{
		{origin: "/a", content: noise(5000)},
		{origin: "/b", content: noise(5000)},
		{origin: "/large", content: big, links: 2},
		{origin: "/large2", content: big, links: 2, sameAs: "files/large"},
		{origin: "/stranger", content: []byte("read, for there is no such item"), sameAs: "files/none"},
		{origin: "/tiny", content: []byte("x")},
		{origin: "/tiny2", content: []byte("x")},
	}
	volumes := write(t, 0, things...)
	x := extract(t, volumes...)
	if !x.verdict.Whole() {
		t.Fatal(x.verdict.Differences)
	}
	x.confirmed(t, truths(things))
	want := map[string]string{"files/b": "files/a", "files/large2": "files/large"}
	for i, e := range entries(t, x.dir) {
		if e.SameAs != want[e.Name] || e.Size != int64(len(things[i].content)) {
			t.Errorf("%s: same as %q, %d bytes; want %q, %d", e.Name, e.SameAs, e.Size, want[e.Name], len(things[i].content))
		}
	}
	if st, _ := os.Stat(volumes[0]); st.Size() > 2<<20+100<<10 {
		t.Errorf("volume of %d bytes", st.Size())
	}
	for i, name := range write(t, MinVolume, append(things, things[2:4]...)...) { // each volume stands alone
		if v := check(t, name); len(v.Authentic) != 1 {
			t.Errorf("volume %d: %v", i+1, v.Differences)
		}
	}
}

func TestHashesOfPrograms(t *testing.T) {
	program := append([]byte("MZ\x90\x00"), noise(300<<10)...)
	x := extract(t, write(t, 0, thing{origin: `C:\x.exe`, content: program}, thing{origin: `C:\x.txt`, content: noise(100)})...)
	sum1, sum5 := sha1.Sum(program), md5.Sum(program)
	list := entries(t, x.dir)
	if list[0].SHA1 != hex.EncodeToString(sum1[:]) || list[0].MD5 != hex.EncodeToString(sum5[:]) || list[1].MD5 != "" || list[1].SHA1 != "" {
		t.Errorf("entries %+v", list)
	}
}

// Other readers of archives agree with ours on every kind of member.
func TestOtherTars(t *testing.T) {
	long := artifacts.Path("/" + strings.Repeat("a-long-name/", 14) + strings.Repeat("b", 30))
	sparse := holey("/dir/sparse", 18<<20)
	things := []thing{
		{origin: long, content: []byte("long")},
		{origin: "/" + artifacts.Path(strings.Repeat("x", 119)), content: []byte("unsplittable")},
		sparse,
		{origin: "/dir/a", content: noise(3000)},
		{origin: "/dir/b", content: noise(3000)},
	}
	archive := filepath.Join(t.TempDir(), "x.tar")
	volume, err := os.ReadFile(write(t, 0, things...)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(archive, plain(t, volume), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("archive/tar", func(t *testing.T) {
		f, err := os.Open(archive)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		seen := map[string]int64{}
		for r := tar.NewReader(f); ; {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			seen[h.Name] = h.Size
			if h.Name == "files/dir/b" && (h.Typeflag != tar.TypeLink || h.Linkname != "files/dir/a") {
				t.Errorf("%+v", h)
			}
		}
		if seen["files/dir/sparse"] != 24<<20 || seen[safeName(long)] != 4 || seen[safeName(things[1].origin)] != 12 {
			t.Errorf("sizes %v", seen)
		}
	})
	for _, tool := range [][]string{{"tar", "-xSf"}, {"tar", "-xf"}, {"bsdtar", "-xf"}, {"7z", "x", "-y"}} {
		t.Run(strings.Join(tool, " "), func(t *testing.T) {
			if _, err := exec.LookPath(tool[0]); err != nil {
				t.Skipf("%s is not installed: NOT checked what it makes of our archives", tool[0])
			}
			cmd := exec.Command(tool[0], append(tool[1:], archive)...)
			cmd.Dir = t.TempDir()
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, th := range things {
				name := filepath.Join(cmd.Dir, filepath.FromSlash(safeName(th.origin)))
				if th.sparse != nil {
					if tool[0] != "7z" { // which knows no sparse files: it gives what is stored, under GNUSparseFile.0
						logical(t, name, th)
					}
					continue
				}
				if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, th.content) {
					t.Errorf("%s: %d bytes, %v", th.origin, len(got), err)
				}
			}
		})
	}
}

func FuzzArchive(f *testing.F) {
	var b bytes.Buffer
	a := &archiver{w: &b}
	a.begin(member{name: "files/" + strings.Repeat("n", 150), kind: typeFile, size: 3, mod: when})
	a.Write([]byte("abc"))
	a.begin(member{name: "files/s", kind: typeFile, size: 512, sparse: 1 << 30, mod: when})
	a.Write(sparseMap(nil, 1<<30))
	a.begin(member{name: "files/l", kind: typeLink, link: "files/s", mod: when})
	a.Close()
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		u := &unarchiver{r: bytes.NewReader(data)}
		for total := 0; ; {
			m, err := u.next()
			if err != nil {
				return
			}
			n, _ := io.Copy(io.Discard, u)
			if total += int(n); total > len(data) || m.size < 0 {
				t.Fatalf("%d bytes out of %d, member %+v", total, len(data), m)
			}
		}
	})
}

func FuzzSparseMap(f *testing.F) {
	f.Add(sparseMap([]artifacts.Extent{{Offset: 4096, Length: 10}, {Offset: 9000, Length: 1}}, 10000), int64(10000))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		runs, err := readSparseMap(bufio.NewReader(bytes.NewReader(data)), size)
		end := int64(0)
		for _, r := range runs {
			if r.Offset < end || r.Length < 0 || err == nil && r.Offset+r.Length > size {
				t.Fatalf("size %d: runs %v", size, runs)
			}
			end = r.Offset + r.Length
		}
	})
}
