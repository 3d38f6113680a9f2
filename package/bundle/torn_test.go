package bundle

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
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"spor/artifacts"
	"spor/package/manifest"
	"spor/package/seal"
)

// accidents is how many places a bundle is cut or altered at: 200, or 1,000 with SPOR_LONG=1.
func accidents() int {
	if os.Getenv("SPOR_LONG") != "" {
		return 1000
	}
	return 200
}

// mixed are items of all sizes, some of which compress well, over several frames.
func mixed() []thing {
	rng := rand.New(rand.NewPCG(3, 1))
	var list []thing
	for i := range 32 {
		n := rng.IntN(9000)
		if i%4 == 1 {
			n = 40<<10 + rng.IntN(300<<10)
		}
		content := noise(n)
		if i%4 == 2 {
			content = bytes.Repeat(fmt.Appendf(nil, "%d: a line of a log\n", i), n)
		}
		th := thing{origin: artifacts.Path(fmt.Sprintf("/d%d/f%d", i%7, i)), content: content}
		switch {
		case i%11 == 5:
			th = thing{origin: th.origin, link: "/elsewhere"}
		case i%13 == 6:
			th.content = list[i-2].content // the same again
		}
		list = append(list, th)
	}
	return list
}

// extracted is what one Check made of a volume's bytes.
type extracted struct {
	dir     string
	verdict *Verdict
}

// shelf is a taker that keeps the names of what was confirmed.
type shelf []string

func (s *shelf) Create(string) (io.WriteCloser, error) { return discard{}, nil }

func (s *shelf) Keep(e manifest.Entry) error {
	if e.Link == "" {
		*s = append(*s, e.Name)
	}
	return nil
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }

func extract(t *testing.T, volumes ...string) extracted {
	t.Helper()
	x := extracted{dir: t.TempDir()}
	root, err := os.OpenRoot(x.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if x.verdict, err = Check(t.Context(), volumes, cert().key, NewExtractor(root)); err != nil {
		t.Fatal(err)
	}
	return x
}

// confirmed compares all that carries its name without a mark with the truth, and gives the names.
func (x extracted) confirmed(t *testing.T, truth map[string][]byte) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(x.dir, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(x.dir, name)
		rel = filepath.ToSlash(rel)
		if err != nil || d.IsDir() || !strings.HasPrefix(rel, filesDir) {
			return err
		}
		got, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(rel, Unconfirmed) {
			return nil
		}
		if !bytes.Equal(got, truth[rel]) {
			t.Errorf("%s: %d bytes of wrong content, want %d", rel, len(got), len(truth[rel]))
		}
		names = append(names, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// plain is the archive of a volume, or of as much of it as can be read.
func plain(t *testing.T, sealed []byte) []byte {
	t.Helper()
	r, err := seal.Open(bytes.NewReader(sealed), cert().key)
	if err != nil {
		return nil
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil
	}
	defer z.Close()
	archive, _ := io.ReadAll(z)
	return archive
}

// ends gives the items of an archive with the offset at which each record ends.
func ends(t *testing.T, archive []byte) map[string]int {
	t.Helper()
	all := map[string]int{}
	r := bytes.NewReader(archive)
	u := &unarchiver{r: r}
	name := ""
	for {
		m, err := u.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(m.name, recordsDir) {
			if name != "" {
				all[name] = len(archive) - r.Len() + int(m.size)
			}
			name = ""
		} else if strings.HasPrefix(m.name, filesDir) {
			name = m.name
		}
	}
}

func truths(things []thing) map[string][]byte {
	all := map[string][]byte{}
	for _, th := range things {
		if th.link == "" {
			all[safeName(th.origin)] = th.content
		}
	}
	return all
}

// What lies whole before a cut comes out, and nothing else does under its name.
func TestCutAnywhere(t *testing.T) {
	truth := truths(mixed())
	whole, err := os.ReadFile(write(t, 0, mixed()...)[0])
	if err != nil {
		t.Fatal(err)
	}
	end := ends(t, plain(t, whole))
	if len(end) != len(truth) {
		t.Fatalf("%d items in the archive, want %d", len(end), len(truth))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	name := filepath.Join(t.TempDir(), "x.001.tar.zst.pgp.part")
	unconfirmed := 0
	for i := range accidents() {
		cut := rng.IntN(len(whole))
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		left := len(plain(t, whole[:cut]))
		var want []string
		for name, at := range end {
			if at <= left {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		var got shelf
		v, err := Check(t.Context(), []string{name}, cert().key, &got)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("cut at %d: %d items, want %d", cut, len(got), len(want))
		}
		if v.Whole() || len(v.Authentic) > 0 {
			t.Errorf("cut at %d: whole %v, authentic %v", cut, v.Whole(), v.Authentic)
		}
		if slices.ContainsFunc(v.Differences, func(d Difference) bool { return d.Item != "" && strings.Contains(d.What, "confirm") }) {
			unconfirmed++
		}
		if i%10 == 0 { // and on disk
			if got := extract(t, name).confirmed(t, truth); !slices.Equal(got, want) {
				t.Errorf("cut at %d: %d items extracted, want %d", cut, len(got), len(want))
			}
		}
	}
	if unconfirmed == 0 {
		t.Error("no cut left an item without its record: that is not tested")
	}
}

// kept is a store in memory that can be looked into while it is written to.
type kept struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (k *kept) Create(string) (Volume, error) { return k, nil }
func (k *kept) Commit() error                 { return nil }
func (k *kept) Abort() error                  { return nil }

func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.buf.Write(b)
}

func (k *kept) bytes() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return bytes.Clone(k.buf.Bytes())
}

// What has reached the store can be read, but for what the seal may hold back: nothing waits for a later byte.
func TestNothingWaits(t *testing.T) {
	store := new(kept)
	signer, err := seal.NewSigner("run")
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWriter(store, "b", Options{Recipients: cert().to, Signer: signer, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	const each = 96 << 10
	for i := range 200 {
		if _, err := w.Put(t.Context(), artifacts.Item{Origin: artifacts.Path(fmt.Sprint("/", i)), Size: each}, bytes.NewReader(noise(each + i)[:each])); err != nil {
			t.Fatal(err)
		}
		if i%20 != 19 {
			continue
		}
		most := (frameQueue + workers + 2) * frameSize
		if got, want := len(plain(t, store.bytes())), (i+1)*each-most-seal.Held; got < want {
			t.Errorf("after %d items, %d bytes of the archive can be read, want %d", i+1, got, want)
		}
	}
	w.Abort()
}

// A flipped bit anywhere is found, said of the right volume, and nothing altered carries a name without a mark.
func TestFlipAnywhere(t *testing.T) {
	things := mixed()
	truth := truths(things)
	volumes := write(t, MinVolume, things...)
	if len(volumes) < 2 {
		t.Fatalf("%d volumes", len(volumes))
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range accidents() {
		i := rng.IntN(len(volumes))
		b, err := os.ReadFile(volumes[i])
		if err != nil {
			t.Fatal(err)
		}
		at := rng.IntN(len(b))
		b[at] ^= 1 << rng.IntN(8)
		list := slices.Clone(volumes)
		list[i] = filepath.Join(t.TempDir(), filepath.Base(volumes[i]))
		if err := os.WriteFile(list[i], b, 0o600); err != nil {
			t.Fatal(err)
		}
		v := check(t, list...)
		located := func(d Difference) bool { return d.Volume == i+1 || strings.Contains(d.What, filepath.Base(list[i])) }
		if v.Whole() || !slices.ContainsFunc(v.Differences, located) {
			t.Errorf("bit flipped at %d of volume %d: whole %v, differences %v", at, i+1, v.Whole(), v.Differences)
		}
		if slices.Contains(v.Authentic, i+1) || len(v.Authentic) != len(volumes)-1 {
			t.Errorf("bit flipped at %d of volume %d: authentic are %v", at, i+1, v.Authentic)
		}
		if n%10 == 0 {
			extract(t, list...).confirmed(t, truth)
		}
		os.Remove(list[i])
	}
}

// One volume alone proves itself; what is lost with another is no more than what was in it.
func TestOneVolumeAlone(t *testing.T) {
	things := append(mixed(), thing{origin: "/large", content: noise(3 << 20)})
	truth := truths(things)
	volumes := write(t, MinVolume, things...)
	var all []string
	for i, name := range volumes {
		x := extract(t, name)
		if !slices.Equal(x.verdict.Authentic, []int{i + 1}) || x.verdict.Signer == "" {
			t.Errorf("volume %d alone: authentic %v, signer %q, differences %v", i+1, x.verdict.Authentic, x.verdict.Signer, x.verdict.Differences)
		}
		all = append(all, x.confirmed(t, truth)...)
	}
	want := len(truth)
	for _, e := range entries(t, extract(t, volumes...).dir) {
		if len(e.Parts) > 0 && e.Parts[0].Volume != e.Parts[len(e.Parts)-1].Volume {
			want--
		}
	}
	if slices.Sort(all); len(slices.Compact(all)) != want || want == len(truth) {
		t.Errorf("%d of %d items from volumes alone, want %d", len(all), len(truth), want)
	}
}

// Stock tools give what Check gives, but for what they hold back themselves.
func TestStockToolsReadATornVolume(t *testing.T) {
	for _, tool := range []string{"gpg", "zstd", "tar", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: NOT checked what stock tools recover", tool)
		}
	}
	truth := truths(mixed())
	whole, err := os.ReadFile(write(t, 0, mixed()...)[0])
	if err != nil {
		t.Fatal(err)
	}
	end := ends(t, plain(t, whole))
	home := t.TempDir()
	os.Chmod(home, 0o700)
	shell := func(dir, stdin, script string) {
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir, cmd.Stdin, cmd.Env = dir, strings.NewReader(stdin), append(os.Environ(), "GNUPGHOME="+home)
		cmd.Run() // they complain of the tear
	}
	shell(home, cert().private, "gpg --batch -q --import")
	defer shell(home, "", "gpgconf --kill all")
	for i := 1; i < 6; i++ {
		cut := i * len(whole) / 6
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "torn"), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		shell(dir, "", "gpg --batch -q -d torn | zstd -q -d -c | tar x")
		const heldByTools = 256 << 10 // gpg up to 64 KiB, zstd a block
		left, got, want := len(plain(t, whole[:cut])), 0, 0
		for name, at := range end {
			b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
			if err == nil && bytes.Equal(b, truth[name]) {
				got++
			}
			if at <= left-heldByTools {
				want++
				if !bytes.Equal(b, truth[name]) {
					t.Errorf("cut at %d: %s is not whole", cut, name)
				}
			}
		}
		t.Logf("cut at %d: %d items by stock tools, at least %d asked", cut, got, want)
	}
}

// What a volume says of itself is its place, not what its file is called; of a thousandth volume the name sorts wrongly.
func TestOrderOfVolumes(t *testing.T) {
	things := append(mixed(), thing{origin: "/large", content: noise(4 << 20)})
	volumes := write(t, MinVolume, things...)
	dir := t.TempDir()
	var renamed []string
	for i, name := range volumes {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		renamed = append(renamed, filepath.Join(dir, fmt.Sprintf("%c download (%d).bin", 'z'-i, i)))
		if err := os.WriteFile(renamed[i], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if v := check(t, renamed...); !v.Whole() || len(v.Authentic) != len(volumes) {
		t.Errorf("renamed: differences %v, authentic %v of %d", v.Differences, v.Authentic, len(volumes))
	}
	for name, want := range map[string]int{"x.999.tar.zst.pgp": 999, "/a/x-1.2.1000.tar.zst.pgp": 1000, "x.007.tar.zst.pgp.part": 7, "x.pgp": 0, "x.tar.zst.pgp": 0} {
		if got := numberOf(name); got != want {
			t.Errorf("%s: number %d, want %d", name, got, want)
		}
	}
}
