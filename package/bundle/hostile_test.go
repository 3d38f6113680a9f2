package bundle

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"spor/package/seal"
)

// forge seals an archive of an intruder's making, who has the recipients' public keys, to the CERT.
func forge(t *testing.T, headers ...*tar.Header) string {
	t.Helper()
	var sealed bytes.Buffer
	s, err := seal.New(&sealed, cert().to)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(s)
	if err != nil {
		t.Fatal(err)
	}
	a := tar.NewWriter(z)
	first := `{"format":1,"bundle":"00112233445566778899aabbccddeeff","volume":1,"case":"c","tlp":"TLP:AMBER","host":"h","started":"2026-11-21T03:04:05Z","recipients":[],"signer":{"fingerprint":"","public_key":""}}`
	put := func(h *tar.Header, content string) {
		h.Size = int64(len(content))
		if h.Typeflag != tar.TypeReg && h.Typeflag != 0 {
			h.Size, content = 0, ""
		}
		if err := a.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	put(&tar.Header{Name: "volumes/001.json", Mode: 0o600}, first)
	for _, h := range headers {
		put(h, "evil")
	}
	if err := errors.Join(a.Close(), z.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "forged.001.tar.zst.pgp")
	if err := os.WriteFile(name, sealed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Nothing a forged bundle names is written outside the folder it is opened into, or through a link.
func TestForgedNamesStayInside(t *testing.T) {
	for name, headers := range map[string][]*tar.Header{
		"parent":           {{Name: "../escaped", Mode: 0o600}},
		"deep parent":      {{Name: "files/../../escaped", Mode: 0o600}},
		"absolute":         {{Name: "/tmp/escaped-from-a-bundle", Mode: 0o600}},
		"backslash":        {{Name: `files\..\..\escaped`, Mode: 0o600}},
		"drive":            {{Name: "C:/escaped", Mode: 0o600}},
		"device":           {{Name: "files/NUL", Mode: 0o600}},
		"symbolic link":    {{Name: "files/out", Typeflag: tar.TypeSymlink, Linkname: "../..", Mode: 0o777}, {Name: "files/out/escaped", Mode: 0o600}},
		"hard link":        {{Name: "files/out", Typeflag: tar.TypeLink, Linkname: "/etc/passwd", Mode: 0o600}},
		"device node":      {{Name: "files/dev", Typeflag: tar.TypeBlock, Mode: 0o600}},
		"pipe":             {{Name: "files/pipe", Typeflag: tar.TypeFifo, Mode: 0o600}},
		"over a record":    {{Name: "records/00000001.json", Mode: 0o600}},
		"a second header":  {{Name: "volumes/001.json", Mode: 0o600}},
		"own report":       {{Name: "report.html", Mode: 0o600}},
		"the mark of open": {{Name: "NOT-VERIFIED.txt", Mode: 0o600}},
	} {
		t.Run(name, func(t *testing.T) {
			outer := t.TempDir()
			inner := filepath.Join(outer, "case", "opened")
			if err := os.MkdirAll(inner, 0o700); err != nil {
				t.Fatal(err)
			}
			root, err := os.OpenRoot(inner)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			v, err := Check(t.Context(), []string{forge(t, headers...)}, cert().key, NewExtractor(root))
			if err == nil && v.Whole() {
				t.Error("passes for a whole bundle")
			}
			filepath.WalkDir(outer, func(p string, d fs.DirEntry, err error) error {
				if err != nil {
					t.Fatal(err)
				}
				if !d.IsDir() && !strings.HasPrefix(p, inner+string(filepath.Separator)) {
					t.Errorf("wrote %s, outside", p)
				}
				if d.Type()&(fs.ModeSymlink|fs.ModeDevice|fs.ModeNamedPipe) != 0 {
					t.Errorf("made %s, a %s", p, d.Type())
				}
				return nil
			})
			if _, err := os.Lstat("/tmp/escaped-from-a-bundle"); err == nil {
				t.Error("wrote an absolute name")
			}
		})
	}
}
