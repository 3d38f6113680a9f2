package ext4

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/rawfile/tree"
)

// small makes a volume of one MiB with a file of several runs, a folder and links.
func small(t testing.TB, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "runs"))
	for i := range 30 {
		if err == nil {
			_, err = f.WriteAt(bytes.Repeat([]byte{'r'}, 1024), int64(i)*4096)
		}
	}
	err = errors.Join(err, f.Close(), os.Mkdir(filepath.Join(dir, "sub"), 0o755),
		os.WriteFile(filepath.Join(dir, "sub/text"), []byte("text"), 0o644), os.Symlink("sub/text", filepath.Join(dir, "link")))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(made(t, dir, "1M", append([]string{"-b", "1024", "-N", "32"}, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everything reads all that an image holds, up to a bound, and says how much of it was content.
func everything(image []byte) (names int, content int64) {
	v, err := Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		return 0, 0
	}
	t := tree.New(v, "the volume")
	todo := []artifacts.Path{"/"}
	for len(todo) > 0 && names < 1000 && content < 64<<20 {
		dir := todo[0]
		todo = todo[1:]
		list, _ := t.ReadDir(dir)
		for _, e := range list {
			names++
			p := artifacts.Linux.Join(dir, e.Name)
			if st, err := t.Lstat(p); err == nil && st.Kind == artifacts.Directory {
				todo = append(todo, p)
			}
			_, _ = t.Readlink(p)
			f, err := t.Open(p)
			if err != nil {
				continue
			}
			n, _ := io.Copy(io.Discard, io.LimitReader(f, 4<<20))
			content += n
			_, _, _ = f.(artifacts.SparseFile).Extents(1000)
			_, _ = f.(artifacts.DetailedFile).Details()
		}
	}
	return names, content
}

// TestDamage flips bytes where the structures are: whatever comes of it, reading ends soon and nothing falls over.
func TestDamage(t *testing.T) {
	for _, args := range []string{"-t ext4", "-t ext2", "-t ext4 -O inline_data"} {
		image := small(t, strings.Fields(args)...)
		names, content := everything(image)
		if names < 5 || content < 30*4096-3072 {
			t.Fatalf("%s: %d names, %d bytes of content", args, names, content)
		}
		rnd := rand.New(rand.NewPCG(4, 4))
		var used []int // places that are not zero, where flips are felt
		for i, b := range image[1024:] {
			if b != 0 && b != 'r' {
				used = append(used, 1024+i)
			}
		}
		for range 120 {
			bad := bytes.Clone(image)
			at := used[rnd.IntN(len(used))] + rnd.IntN(3)
			bad[at] ^= byte(1 + rnd.IntN(255))
			begun := time.Now()
			everything(bad)
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("%s: byte %d: took %v", args, at, took)
			}
		}
	}
}

// TestLoops holds that maps which lead into themselves end in an error soon.
func TestLoops(t *testing.T) {
	image := small(t, "-t", "ext2")
	v, err := Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	node := func(flags uint32, root []byte) *inode {
		n := &inode{number: 12, raw: make([]byte, 128), mode: 0x81a4, flags: flags, size: 1 << 40}
		copy(n.raw[0x28:], root)
		return n
	}
	const block = 900
	self := bytes.Repeat([]byte{block & 0xff, block >> 8, 0, 0}, 256)
	copy(image[block*1024:], self)
	if _, err := v.runs(node(0, self[:60])); err == nil {
		t.Error("pointers to themselves: no error")
	}
	index := append([]byte{0x0a, 0xf3, 4, 0, 4, 0, 5, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{0, 0, 0, 0, block & 0xff, block >> 8, 0, 0, 0, 0, 0, 0}, 4)...)
	copy(image[block*1024:], index)
	if _, err := v.runs(node(inExtents, index)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a node that is its own child: %v, want %v", err, ErrDamaged)
	}
}

// TestFolderInItself holds that a folder which names its own parent is no way down.
func TestFolderInItself(t *testing.T) {
	image := small(t, "-t", "ext2")
	at := bytes.Index(image, []byte("\x04\x01text")) // its length and kind, after inode and record length
	if at < 6 {
		t.Fatal("no entry for the text")
	}
	le.PutUint32(image[at-6:], rootInode)
	v, err := Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.New(v, "").Lstat("/sub/text"); !errors.Is(err, tree.ErrLoop) {
		t.Errorf("the root below itself: %v, want %v", err, tree.ErrLoop)
	}
}

// TestSaid holds that what cannot be read is said in words.
func TestSaid(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	image := made(t, dir, "4M", "-t", "ext4", "-b", "1024", "-O", "encrypt,large_dir", "-N", "32")
	tool(t, "debugfs", "-w", "-R", "set_inode_field /secret flags 0x80800", image)
	tool(t, "debugfs", "-w", "-R", "feature needs_recovery", image)
	tr := grown(t, image)
	if _, err := tr.Open("/secret"); !errors.Is(err, ErrEncrypted) {
		t.Errorf("an encrypted file: %v, want %v", err, ErrEncrypted)
	}
	if notes := strings.Join(opened(t, image).Notes(), "; "); !strings.Contains(notes, "journal is not replayed") {
		t.Errorf("notes %q say nothing of the journal", notes)
	}
	if st, err := tr.Lstat("/secret"); err != nil || st.Size != 6 {
		t.Errorf("an encrypted file is described: %+v, %v", st, err)
	}
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	b[1024+0x60+3] = 0x40 // a feature of another day
	if _, err := Open(bytes.NewReader(b), int64(len(b))); err == nil || !strings.Contains(err.Error(), "features") {
		t.Errorf("an unknown feature: %v", err)
	}
	v, err := Open(bytes.NewReader(b[:2048]), 2048)
	if err == nil || v != nil {
		t.Errorf("an unknown feature of a short image: %v", err)
	}
}

// TestTimes holds that the two bits beside the nanoseconds carry seconds beyond 2038.
func TestTimes(t *testing.T) {
	n := &inode{raw: make([]byte, 256)}
	le.PutUint16(n.raw[0x80:], 32)
	le.PutUint32(n.raw[0x10:], 0x80000000)
	for extra, want := range map[uint32]time.Time{
		0:                time.Unix(-1<<31, 0),
		1:                time.Unix(1<<31, 0),
		123456789<<2 | 1: time.Unix(1<<31, 123456789),
	} {
		le.PutUint32(n.raw[0x88:], extra)
		if got := n.stat().Times.Modified; !got.Equal(want) {
			t.Errorf("extra %#x: %v, want %v", extra, got, want.UTC())
		}
	}
}

// FuzzVolume changes two words of a volume, wherever they lie.
func FuzzVolume(f *testing.F) {
	whole := small(f, "-t", "ext4")
	f.Add(uint32(1024+0x60), uint32(7), uint32(1024+0x18), uint32(1))
	f.Add(uint32(5*1024+8), uint32(0), uint32(60*1024+0x28), uint32(0x0004f30a))
	f.Fuzz(func(_ *testing.T, at, word, other, second uint32) {
		image := bytes.Clone(whole)
		le.PutUint32(image[at%uint32(len(image)-4):], word)
		le.PutUint32(image[other%uint32(len(image)-4):], second)
		everything(image)
	})
}
