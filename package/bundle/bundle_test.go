package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"spor/artifacts"
	"spor/package/manifest"
	"spor/package/seal"
)

var when = time.Date(2026, 11, 21, 3, 4, 5, 678901234, time.UTC)

type keys struct {
	to      []seal.Recipient
	key     *seal.Key
	private string
}

var cert = sync.OnceValue(func() keys { return mustKeys("cert") })

func mustKeys(name string) keys {
	public, private, _, err := seal.Generate(name, name+"@example.org", nil)
	if err != nil {
		panic(err)
	}
	to, err := seal.ReadRecipients(strings.NewReader(public), time.Now().Add(time.Minute))
	if err != nil {
		panic(err)
	}
	key, err := seal.OpenKey(strings.NewReader(private), nil)
	if err != nil {
		panic(err)
	}
	return keys{to, key, private}
}

// thing is one item to put into a bundle.
type thing struct {
	origin  artifacts.Path
	name    string
	link    artifacts.Path
	content []byte
	size    int64 // as told beforehand; 0: the true one
	fail    error
	sparse  *artifacts.Sparse // content is its runs
	sameAs  string
	links   uint64
}

func (th thing) reader() io.Reader {
	var r io.Reader = bytes.NewReader(th.content)
	if th.fail != nil {
		r = io.MultiReader(r, failing{th.fail})
	}
	return r
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func noise(n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	rng.Read(b)
	return b
}

// write makes a bundle in a new folder and returns its volumes.
func write(t *testing.T, size int64, things ...thing) []string {
	t.Helper()
	dir := t.TempDir()
	signer, err := seal.NewSigner("spor run")
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWriter(Folder(dir), "case-host", Options{
		Case: "case", TLP: "TLP:AMBER", Host: "host", Started: when, Recipients: cert().to, Signer: signer,
		VolumeSize: size, Now: func() time.Time { return when },
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, w, things)
	volumes, digest, err := w.Close(&manifest.Manifest{Case: "case", Outcomes: []artifacts.Outcome{{Source: "test", Status: artifacts.Absent, Path: "/x"}}}, nil)
	if err != nil || len(digest) != 64 {
		t.Fatal(digest, err)
	}
	var names []string
	for _, v := range volumes {
		names = append(names, filepath.Join(dir, v.Name))
	}
	return names
}

func put(t *testing.T, w *Writer, things []thing) {
	t.Helper()
	for _, th := range things {
		it := artifacts.Item{Origin: th.origin, Name: th.name, Link: th.link, Size: th.size, Sparse: th.sparse, SameAs: th.sameAs, Links: th.links, Source: "test", Times: artifacts.Times{Modified: when}, Read: when}
		if th.size == 0 {
			it.Size = int64(len(th.content))
		}
		if _, err := w.Put(t.Context(), it, th.reader()); err != nil {
			t.Fatal(err)
		}
	}
}

func check(t *testing.T, volumes ...string) *Verdict {
	t.Helper()
	v, err := Check(t.Context(), volumes, cert().key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// entries reads the manifest of an opened folder.
func entries(t *testing.T, opened string) []manifest.Entry {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(opened, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m.Entries
}

func some() []thing {
	return []thing{
		{origin: "/var/log/auth.log", content: []byte("Nov 21 sshd[1]: Accepted\n")},
		{origin: "/empty"},
		{origin: "/var/run", link: "/run"},
		{origin: "/var/log/evil\xff.log", content: []byte("odd name")},
		{origin: `C:\Users\Þór\NTUSER.DAT`, content: noise(300 << 10)},
		{name: "live/processes.jsonl", content: []byte("{}\n"), size: -1},
		{origin: "/proc/big", content: noise(1600 << 10), size: -1},
		{origin: "/shrank", content: []byte("only this"), size: 1 << 20},
		{origin: "/shrank.zeros", content: append([]byte("zeros follow"), make([]byte, 300<<10)...), size: 1 << 20},
		{origin: "/torn", content: noise(400 << 10), size: 700 << 10, fail: errors.New("I/O error at 409600")},
		{origin: "/a/b", content: []byte("first")},
		{origin: "/A/B", content: []byte("second: the same name where case is folded")},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, size := range []int64{MinVolume, 0} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			volumes := write(t, size, some()...)
			if size == 0 && len(volumes) != 1 || size > 0 && len(volumes) < 3 {
				t.Errorf("%d volumes", len(volumes))
			}
			out := t.TempDir()
			root, err := os.OpenRoot(out)
			if err != nil {
				t.Fatal(err)
			}
			v, err := Check(t.Context(), volumes, cert().key, NewExtractor(root))
			if err != nil || !v.Whole() {
				t.Fatalf("differences %v, error %v", v.Differences, err)
			}
			for i, e := range entries(t, out) {
				th := some()[i]
				if th.link != "" {
					if e.Link != th.link {
						t.Errorf("%s: link %q", e.Name, e.Link)
					}
					continue
				}
				if e.Origin != th.origin {
					t.Errorf("%s: origin %q, want %q", e.Name, e.Origin, th.origin)
				}
				got, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(e.Name)))
				if err != nil || !bytes.Equal(got, th.content) {
					t.Errorf("%s: %d bytes, want %d; %v", e.Name, len(got), len(th.content), err)
				}
				if th.fail != nil && e.Cut != th.fail.Error() {
					t.Errorf("%s: cut %q, want %q", e.Name, e.Cut, th.fail)
				}
				st, err := os.Stat(filepath.Join(out, filepath.FromSlash(e.Name)))
				if err != nil || !st.ModTime().Equal(when) {
					t.Errorf("%s: modified %v, want %v", e.Name, st.ModTime(), when)
				}
			}
			for _, name := range volumes {
				if st, err := os.Stat(name); err != nil || size > 0 && st.Size() > size {
					t.Errorf("%s: %d bytes, limit %d, %v", name, st.Size(), size, err)
				}
			}
		})
	}
}

// Stock tools must open every volume without us.
func TestGnuPGZstdTarOpenIt(t *testing.T) {
	for _, tool := range []string{"gpg", "zstd", "tar", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: NOT checked that stock tools open a bundle", tool)
		}
	}
	volumes := write(t, MinVolume, some()...)
	home, out := t.TempDir(), t.TempDir()
	os.Chmod(home, 0o700)
	run := func(stdin, script string) string {
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir, cmd.Stdin = out, strings.NewReader(stdin)
		cmd.Env = append(os.Environ(), "GNUPGHOME="+home)
		b, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, b)
		}
		return string(b)
	}
	run(cert().private, "gpg --batch -q --import")
	for _, v := range volumes {
		run("", "set -e; gpg --batch -q -d '"+v+"' > p; zstd -q -d -c < p | tar x; rm p")
	}
	run("", "gpgconf --kill all")
	got, err := os.ReadFile(filepath.Join(out, "files/var/log/auth.log"))
	if err != nil || string(got) != "Nov 21 sshd[1]: Accepted\n" {
		t.Errorf("auth.log: %q, %v", got, err)
	}
	v := check(t, volumes...)
	if err := os.WriteFile(filepath.Join(out, "signer.asc"), []byte(v.Manifest.Signer.PublicKey), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := run("", "gpg --batch -q --import signer.asc; gpg --batch --verify manifest.json.sig manifest.json 2>&1; gpgconf --kill all"); !strings.Contains(got, "Good signature") {
		t.Errorf("gpg --verify says %q", got)
	}
}

// Whatever is done to a bundle is found, and said of the right volume.
func TestTampering(t *testing.T) {
	volumes := write(t, MinVolume, some()...)
	other := write(t, MinVolume, some()...)
	read := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	altered := func(t *testing.T, i int, change func([]byte) []byte) []string {
		dir := t.TempDir()
		list := slices.Clone(volumes)
		list[i] = filepath.Join(dir, filepath.Base(volumes[i]))
		if err := os.WriteFile(list[i], change(bytes.Clone(read(volumes[i]))), 0o600); err != nil {
			t.Fatal(err)
		}
		return list
	}
	cases := map[string]struct {
		volumes func(t *testing.T) []string
		want    string
	}{
		"bit flipped": {func(t *testing.T) []string {
			return altered(t, 1, func(b []byte) []byte { b[len(b)/2] ^= 4; return b })
		}, "volume 2: "},
		"cut":            {func(t *testing.T) []string { return altered(t, 1, func(b []byte) []byte { return b[:len(b)-100] }) }, "volume 2: "},
		"bytes appended": {func(t *testing.T) []string { return altered(t, 0, func(b []byte) []byte { return append(b, 'x') }) }, "volume 1: "},
		"volume missing": {func(*testing.T) []string { return slices.Delete(slices.Clone(volumes), 1, 2) }, "volume 2: is missing"},
		"no last volume": {func(*testing.T) []string { return volumes[:len(volumes)-1] }, "no manifest"},
		"volume twice":   {func(*testing.T) []string { return append(slices.Clone(volumes), volumes[0]) }, "was given twice"},
		"of another":     {func(*testing.T) []string { return append(slices.Clone(volumes[1:]), other[0]) }, "belongs to another bundle"},
		"not a bundle":   {func(t *testing.T) []string { return altered(t, 0, func([]byte) []byte { return []byte("hello") }) }, "volume 1: is missing"},
		"empty":          {func(t *testing.T) []string { return altered(t, 0, func([]byte) []byte { return nil }) }, "volume 1: is missing"},
		"manifest flipped": {func(t *testing.T) []string {
			return altered(t, len(volumes)-1, func(b []byte) []byte { b[len(b)-400] ^= 1; return b })
		}, "no manifest"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			v := check(t, c.volumes(t)...)
			if v.Whole() {
				t.Fatal("nothing was found")
			}
			if !slices.ContainsFunc(v.Differences, func(d Difference) bool { return strings.Contains(d.String(), c.want) }) {
				t.Errorf("want a difference with %q, got %v", c.want, v.Differences)
			}
		})
	}
	slices.Reverse(volumes)
	if v := check(t, volumes...); !v.Whole() {
		t.Errorf("in another order: %v", v.Differences)
	}
}

func TestATornVolumeKeepsWhatCameBefore(t *testing.T) {
	things := []thing{
		{origin: "/first", content: noise(200 << 10)}, {origin: "/second", content: noise(201 << 10)}, {origin: "/third", content: noise(202 << 10)},
	}
	whole := write(t, 0, things...)[0]
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for i := range 13 {
		cut := min(i*len(b)/12, len(b)-1)
		name := filepath.Join(t.TempDir(), "x.001.tar.zst.pgp.part")
		if err := os.WriteFile(name, b[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		out := t.TempDir()
		root, err := os.OpenRoot(out)
		if err != nil {
			t.Fatal(err)
		}
		v, err := Check(t.Context(), []string{name}, cert().key, NewExtractor(root))
		if err != nil || v.Whole() {
			t.Fatalf("cut at %d: whole %v, error %v", cut, v.Whole(), err)
		}
		if v.Items < last {
			t.Errorf("cut at %d: %d items, %d before", cut, v.Items, last)
		}
		last = v.Items
	}
	if want := len(things) - 1; last < want { // the last one shares its compressed block with the end
		t.Errorf("%d items of a volume that lacks only its last byte, want %d", last, want)
	}
}

func TestWrongKey(t *testing.T) {
	stranger := mustKeys("stranger")
	_, err := Check(t.Context(), write(t, 0), stranger.key, nil)
	if !errors.Is(err, seal.ErrWrongKey) {
		t.Errorf("error %v, want %v", err, seal.ErrWrongKey)
	}
}

func TestInterruptedCheckEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Check(ctx, write(t, 0), cert().key, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestAFullFolder(t *testing.T) {
	signer, err := seal.NewSigner("spor run")
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWriter(full{t.TempDir()}, "b", Options{Recipients: cert().to, Signer: signer, VolumeSize: MinVolume, Now: time.Now})
	for n := 100 << 10; err == nil; n++ {
		_, err = w.Put(t.Context(), artifacts.Item{Origin: "/x", Size: int64(n)}, bytes.NewReader(noise(n)))
	}
	if !errors.Is(err, errFull) {
		t.Errorf("error %v, want %v", err, errFull)
	}
	if _, _, err := w.Close(&manifest.Manifest{}, nil); !errors.Is(err, errFull) {
		t.Errorf("closing says %v, want %v", err, errFull)
	}
	w.Abort()
}

var errFull = errors.New("no space left on device")

// full is a store that can hold 500 KiB.
type full struct{ dir string }

func (f full) Create(name string) (Volume, error) {
	v, err := Folder(f.dir).Create(name)
	return &fullVolume{v, 500 << 10}, err
}

type fullVolume struct {
	Volume
	left int
}

func (v *fullVolume) Write(b []byte) (int, error) {
	if v.left -= len(b); v.left < 0 {
		return 0, errFull
	}
	return v.Volume.Write(b)
}

func TestSafeNames(t *testing.T) {
	for _, c := range []struct{ origin, want string }{
		{"/var/log/auth.log", "files/var/log/auth.log"},
		{`C:\Windows\System32\config\SAM`, "files/C/Windows/System32/config/SAM"},
		{`C:\a\b.txt:Zone.Identifier`, "files/C/a/b.txt%3AZone.Identifier"},
		{"/evil\xff\n.log", "files/evil%FF%0A.log"},
		{"/../../etc/passwd", "files/.%2E/.%2E/etc/passwd"},
		{"/x/CON", "files/x/%43ON"},
		{"/x/nul.txt", "files/x/%6Eul.txt"},
		{"/trailing. ", "files/trailing.%20"},
		{`/back\slash`, "files/back%5Cslash"},
		{"/þorn", "files/%C3%BEorn"},
		{"/aſſſ.txt", "files/a%C5%BF%C5%BF%C5%BF.txt"}, // shorter in upper case
	} {
		got := safeName(artifacts.Path(c.origin))
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.origin, got, c.want)
		}
		if !validName(got) {
			t.Errorf("%q: %q is not valid", c.origin, got)
		}
	}
	for _, bad := range []string{"../x", "/x", "files/../x", "files/CON", "a\\b", "files/x:y", "files/x.", "", "files//x", "files/þ", "aſſſ", strings.Repeat("a", 500)} {
		if validName(bad) {
			t.Errorf("%q passes for a valid name", bad)
		}
	}
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"/var/log/x", `C:\x`, "/\xff", "//", "", "/" + strings.Repeat("long/", 99), "/" + strings.Repeat("þ", 99), "/aſſſ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var n names
		a := n.claim(safeName(artifacts.Path(s)))
		b := n.claim(safeName(artifacts.Path(s)))
		if !validName(a) || !validName(b) || strings.EqualFold(a, b) {
			t.Errorf("%q: names %q and %q", s, a, b)
		}
	})
}
