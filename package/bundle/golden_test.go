package bundle

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/gopenpgp/v2/crypto"

	"spor/artifacts"
	"spor/package/manifest"
	"spor/package/seal"
)

// The golden bundles are opened for ever. -update writes those that are not there yet.
var update = flag.Bool("update", false, "write the golden bundles that are missing")

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
		"v1-details": {
			{origin: "/proc/long", content: bytes.Repeat([]byte("0123456789abcde\n"), 60_000), size: -1}, // in parts
			{origin: "/torn", content: noise(5000), size: 300 << 10, fail: errors.New("input/output error")},
			{origin: "/x/CON", content: []byte("device")},
			{origin: "/x/con", content: []byte("the same where case is folded")},
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
			if name == "v1-details" {
				goldenDetails(t, dir, list)
				list = list[:len(things)]
			}
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

// details are items with all that a record can say, of both systems.
func details() []artifacts.Item {
	ticks := func(n int) time.Time { return time.Date(2026, 11, 21, 3, 4, 5, 100*n, time.UTC) } // of 100 ns
	return []artifacts.Item{
		{
			Origin: `C:\Users\anna\Downloads\invoice.exe`, Source: "WindowsDownloads", Method: "backup", Read: when, Attributes: 0x20,
			Times: artifacts.Times{Modified: ticks(1), Accessed: ticks(2), Changed: ticks(3), Born: ticks(9_999_999)},
			ACL:   "O:S-1-5-21-1-2-3-1001G:S-1-5-21-1-2-3-513D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)", Inode: 1<<48 | 77, Device: 0xfeed, UID: "S-1-5-21-1-2-3-1001",
		},
		{
			Origin: `C:\Users\anna\Downloads\invoice.exe:Zone.Identifier`, Source: "WindowsDownloads", Method: "backup", Read: when,
			Times: artifacts.Times{Modified: ticks(1)}, ACL: "O:S-1-5-21-1-2-3-1001",
		},
		{Origin: "C:\\Users\\anna\\half\xed\xa0\x80.txt", Source: "WindowsDownloads", Method: "raw ntfs", Read: when, Times: artifacts.Times{Modified: ticks(0)}},
		{
			Origin: "/home/anna/a\xff", Source: "LinuxHomes", Method: "noatime", Read: when, Mode: 0o4755, UID: "1000", GID: "100", Inode: 12, Device: 34, Links: 2,
			Times:  artifacts.Times{Modified: when.Add(1), Accessed: when.Add(999_999_999), Changed: when.Add(3), Born: when.Add(-time.Hour)},
			Xattrs: map[string][]byte{"user.odd": []byte("\x00\xff"), "user.empty": {}, "security.capability": nil},
		},
	}
}

func putDetails(t *testing.T, w *Writer) {
	t.Helper()
	for _, it := range details() {
		content := "content of " + it.Origin.String()
		it.Size = int64(len(content))
		it.After = func() string { return "grew, rotated" }
		if _, err := w.Put(t.Context(), it, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
}

func goldenDetails(t *testing.T, dir string, list []manifest.Entry) {
	t.Helper()
	want := details()
	list = list[max(0, len(list)-len(want)):]
	for i, e := range list {
		got, content := e.Item, "content of "+want[i].Origin.String()
		got.Name = ""
		if !reflect.DeepEqual(got, want[i]) || e.Changed != "grew, rotated" {
			t.Errorf("entry %+v changed %q, want %+v", got, e.Changed, want[i])
		}
		if b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(e.Name))); err != nil || string(b) != content {
			t.Errorf("%s: %q, want %q; %v", e.Name, b, content, err)
		}
	}
	if name := list[1].Name; name != "files/C/Users/anna/Downloads/invoice.exe%3AZone.Identifier" {
		t.Errorf("the stream is called %q", name)
	}
}

func writeGolden(t *testing.T) {
	t.Helper()
	private, err := os.ReadFile(goldenKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := crypto.NewKeyFromArmored(string(private))
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.GetArmoredPublicKey()
	if err != nil {
		t.Fatal(err)
	}
	to, err := seal.ReadRecipients(strings.NewReader(public), time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for name, things := range golden() {
		if there, err := filepath.Glob(goldenDir + "/" + name + ".*"); err != nil || len(there) > 0 {
			continue
		}
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
		if name == "v1-details" { // a part of what tells no size is a quarter of a volume
			w.opts.VolumeSize = MinVolume
		}
		put(t, w, things)
		if name == "v1-details" {
			putDetails(t, w)
		}
		m := &manifest.Manifest{Case: "golden", Outcomes: []artifacts.Outcome{{Source: "test", Status: artifacts.Absent, Path: "/x"}}}
		if _, _, err := w.Close(m, nil); err != nil {
			t.Fatal(err)
		}
	}
}
