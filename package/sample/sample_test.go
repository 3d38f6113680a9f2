package sample

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// contents are what is packed, by path on the host.
func contents() map[string][]byte {
	noise := make([]byte, 300_000) // of no pattern, and longer than any buffer
	src := rand.NewChaCha8([32]byte{1})
	src.Read(noise)
	return map[string][]byte{
		`C:\Users\anna\Downloads\invoice.pdf.exe`: bytes.Repeat([]byte("MZ pattern "), 10_000),
		"/tmp/.x/ráðgáta;rm -rf":                  noise,
		"/dev/shm/empty":                          {},
	}
}

func pack(t *testing.T, o Options) (zipped string, list []Sample) {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, o)
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range contents() {
		s, err := w.Add(path, time.Unix(1_750_000_000, 0), bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	zipped = filepath.Join(t.TempDir(), Name("c-h", ""))
	if err := os.WriteFile(zipped, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return zipped, list
}

// tool finds one of the programs that must open what we write.
func tool(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Skipf("none of %v is installed: NOT checked that it opens our zips", names)
	return ""
}

func TestSevenZipOpensBoth(t *testing.T) {
	seven := tool(t, "7z", "7zz")
	for _, c := range []Cipher{AES256, ZipCrypto} {
		for _, password := range []string{"infected", `a"b%\~`} {
			zipped, list := pack(t, Options{Password: password, Cipher: c})
			if out, err := exec.Command(seven, "t", "-p"+password, zipped).CombinedOutput(); err != nil {
				t.Errorf("%s, password %q: %v\n%s", c, password, err, out)
			}
			if out, err := exec.Command(seven, "t", "-pwrong", zipped).CombinedOutput(); err == nil {
				t.Errorf("%s: opened with a wrong password\n%s", c, out)
			}
			dir := t.TempDir()
			if out, err := exec.Command(seven, "x", "-p"+password, "-o"+dir, zipped).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", c, err, out)
			}
			compare(t, dir, list)
		}
	}
}

func TestUnzipOpensZipCrypto(t *testing.T) {
	unzip := tool(t, "unzip")
	zipped, list := pack(t, Options{Cipher: ZipCrypto})
	dir := t.TempDir()
	if out, err := exec.Command(unzip, "-P", DefaultPassword, "-d", dir, zipped).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	compare(t, dir, list)
}

// compare checks what was unpacked against what was packed and against the list inside.
func compare(t *testing.T, dir string, list []Sample) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, ListName))
	if err != nil {
		t.Fatal(err)
	}
	var inside []Sample
	if err := json.Unmarshal(data, &inside); err != nil || len(inside) != len(list) {
		t.Fatalf("the list inside: %v: %s", err, data)
	}
	for i, s := range list {
		if inside[i] != s {
			t.Errorf("the list inside says %+v, Add said %+v", inside[i], s)
		}
		got, err := os.ReadFile(filepath.Join(dir, s.Name))
		if err != nil {
			t.Error(err)
			continue
		}
		sum := sha256.Sum256(got)
		if !bytes.Equal(got, contents()[s.Path]) || hex.EncodeToString(sum[:]) != s.SHA256 {
			t.Errorf("%s came out as %d bytes, SHA-256 %x; want %d bytes, %s", s.Path, len(got), sum, len(contents()[s.Path]), s.SHA256)
		}
	}
}

// Nothing of the content or of the true names can be seen in the zip.
func TestNothingIsPlain(t *testing.T) {
	for _, c := range []Cipher{AES256, ZipCrypto} {
		zipped, _ := pack(t, Options{Cipher: c})
		b, err := os.ReadFile(zipped)
		if err != nil {
			t.Fatal(err)
		}
		for _, plain := range []string{"MZ pattern", "anna", "rm -rf"} {
			if bytes.Contains(b, []byte(plain)) {
				t.Errorf("%s: %q stands in the zip", c, plain)
			}
		}
	}
}

func TestHarmlessNames(t *testing.T) {
	for _, c := range []struct{ origin, want string }{
		{`C:\x\evil.exe`, "0001-evil.exe.bin"},
		{"/tmp/../..", "0001-...bin"},
		{"/tmp/a b;c\xff.sh", "0001-a_b_c_.sh.bin"},
		{"", "0001-..bin"},
		{"/" + strings.Repeat("n", 300), "0001-" + strings.Repeat("n", 80) + ".bin"},
		{`\\.\CON`, "0001-CON.bin"},
	} {
		if got := harmless(1, c.origin); got != c.want {
			t.Errorf("harmless(%q) = %q, want %q", c.origin, got, c.want)
		}
	}
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	w, err := NewWriter(io.Discard, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Add("/x", time.Time{}, io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(errors.New("bad sector"))))
	if err != nil || s.Cut != "bad sector" || s.Size != 3 {
		t.Errorf("got %+v, %v; want 3 bytes, cut by a bad sector", s, err)
	}
}

type fullWriter struct{ left int }

func (f *fullWriter) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errors.New("full")
	}
	return len(b), nil
}

func TestAFullZipIsAnError(t *testing.T) {
	for _, left := range []int{0, 50, 5_000} {
		w, err := NewWriter(&fullWriter{left}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		noise := contents()["/tmp/.x/ráðgáta;rm -rf"]
		if _, err := w.Add("/x", time.Time{}, bytes.NewReader(noise)); err == nil {
			err = w.Close()
			if err == nil {
				t.Errorf("room for %d bytes: no error", left)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Password: "with space"}, {Password: "ísl"}, {Password: strings.Repeat("x", 65)}, {Cipher: "rot13"}} {
		if _, err := NewWriter(io.Discard, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	if got := Name("c-h", "is"); got != "c-h-SPILLIKODI.zip" {
		t.Errorf("the Icelandic name is %s", got)
	}
}

func BenchmarkAdd(b *testing.B) {
	noise := make([]byte, 16<<20)
	rand.NewChaCha8([32]byte{2}).Read(noise)
	for _, c := range []Cipher{AES256, ZipCrypto} {
		b.Run(string(c), func(b *testing.B) {
			b.SetBytes(int64(len(noise)))
			for b.Loop() {
				w, err := NewWriter(io.Discard, Options{Cipher: c})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := w.Add("/x", time.Time{}, bytes.NewReader(noise)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
