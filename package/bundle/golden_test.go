package bundle

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/package/manifest"
	"spor/package/seal"
)

// The golden bundles are opened for ever. -update writes those of the present version anew: only while it is unreleased.
var update = flag.Bool("update", false, "write the golden bundles anew")

const (
	goldenDir  = "testdata/golden"
	goldenKey  = goldenDir + "/private.asc" // made for these bundles alone
	goldenSize = 384 << 10                  // of a volume: below what the Writer lets a user ask for
)

// golden are the items of each bundle. They must never change; a new version gets bundles of its own.
func golden() map[string][]thing {
	sparse := thing{origin: "/var/log/lastlog", content: noise(4096 + 300), sparse: &artifacts.Sparse{
		Size: 29 << 20, Runs: []artifacts.Extent{{Offset: 0, Length: 4096}, {Offset: 28 << 20, Length: 300}},
	}}
	return map[string][]thing{
		"v1-single": {
			{origin: "/etc/hostname", content: []byte("golden\n")},
			{origin: "/var/run", link: "/run"},
			{origin: "/empty"},
			{origin: "/var/log/evil\xff\n.log", content: []byte("odd name")},
			{origin: `C:\Users\Þór\x.exe`, content: append([]byte("MZ"), noise(999)...)},
			{name: "live/processes.jsonl", content: []byte("{}\n"), size: -1},
			{origin: "/shrank", content: []byte("only this"), size: 1 << 20},
		},
		"v1-volumes": {
			{origin: "/a", content: noise(3000)},
			{origin: "/b", content: noise(3000)},
			sparse,
			{origin: "/large", content: noise(600 << 10)},
			{origin: "/linked", content: []byte(strings.Repeat("line\n", 1e5)), links: 2},
			{origin: "/other name", content: []byte(strings.Repeat("line\n", 1e5)), links: 2, sameAs: "files/linked"},
			{origin: "/" + artifacts.Path(strings.Repeat("long/", 50)), content: []byte("deep")},
		},
	}
}

func TestGoldenBundles(t *testing.T) {
	if *update {
		writeGolden(t)
	}
	f, err := os.Open(goldenKey)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	key, err := seal.OpenKey(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, things := range golden() {
		t.Run(name, func(t *testing.T) {
			volumes, err := filepath.Glob(goldenDir + "/" + name + ".*.pgp")
			if err != nil || len(volumes) == 0 || strings.HasSuffix(name, "volumes") && len(volumes) < 2 {
				t.Fatalf("volumes %v, %v", volumes, err)
			}
			dir := t.TempDir()
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			v, err := Check(t.Context(), volumes, key, NewExtractor(root))
			if err != nil || !v.Whole() || len(v.Authentic) != len(volumes) {
				t.Fatalf("differences %v, authentic %v of %d, error %v", v.Differences, v.Authentic, len(volumes), err)
			}
			list := entries(t, dir)
			if len(list) != len(things) {
				t.Fatalf("%d entries, want %d", len(list), len(things))
			}
			for i, e := range list {
				goldenItem(t, dir, e, things[i])
			}
		})
	}
}

func goldenItem(t *testing.T, dir string, e manifest.Entry, th thing) {
	t.Helper()
	if e.Origin != th.origin || e.Link != th.link || !e.Times.Modified.Equal(when) {
		t.Errorf("entry %+v, want %q, link %q", e, th.origin, th.link)
	}
	file := filepath.Join(dir, filepath.FromSlash(e.Name))
	switch {
	case th.link != "":
	case th.sparse != nil:
		logical(t, file, th)
	default:
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, th.content) {
			t.Errorf("%s: %d bytes, want %d; %v", e.Name, len(got), len(th.content), err)
		}
	}
}

func writeGolden(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(goldenDir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(goldenDir, 0o755); err != nil {
		t.Fatal(err)
	}
	public, private, _, err := seal.Generate("golden", "golden@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenKey, []byte(private), 0o644); err != nil {
		t.Fatal(err)
	}
	to, err := seal.ReadRecipients(strings.NewReader(public), time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for name, things := range golden() {
		signer, err := seal.NewSigner("run")
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewWriter(Folder(goldenDir), name, Options{
			Case: "golden", TLP: "TLP:CLEAR", Host: "golden", Started: when, Recipients: to, Signer: signer, Now: func() time.Time { return when },
		})
		if err != nil {
			t.Fatal(err)
		}
		w.opts.VolumeSize = goldenSize
		put(t, w, things)
		m := &manifest.Manifest{Case: "golden", Outcomes: []artifacts.Outcome{{Source: "test", Status: artifacts.Absent, Path: "/x"}}}
		if _, _, err := w.Close(m); err != nil {
			t.Fatal(err)
		}
	}
}
