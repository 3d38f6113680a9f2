package packages

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect/image"
	"spor/collect/live/livetest"
)

func md5Of(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

// debian is a host whose /bin is a link, with a program that was replaced, one that is gone and one that was diverted.
func debian() livetest.Tree {
	info := artifacts.Path("/var/lib/dpkg/info/")
	return livetest.Tree{
		"/bin":                livetest.Link("usr/bin"),
		"/lib":                livetest.Link("usr/lib"),
		"/usr/bin/ls":         livetest.Text("trojan"),
		"/usr/bin/cat":        livetest.Text("cat"),
		"/usr/bin/top.procps": livetest.Text("top"),
		"/usr/bin/top":        livetest.Text("another top"),
		"/etc/ls.conf":        livetest.Text("edited"),
		"/var/lib/dpkg/status": livetest.Text("Package: tools\nStatus: install ok installed\nVersion: 1.2\nArchitecture: amd64\nInstalled-Size: 2\nMaintainer: A <a@example.com>\n" +
			"Conffiles:\n /etc/ls.conf " + md5Of("shipped") + "\n /etc/old.conf " + md5Of("x") + " obsolete\nDescription: x\n  Status: not a field\n\n" +
			"Package: libx\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 3\n\nPackage: gone\nStatus: purge ok not-installed\n"),
		"/var/lib/dpkg/diversions": livetest.Text("/usr/bin/top\n/usr/bin/top.procps\nother\n"),
		info + "tools.list":        livetest.Text("/.\n/bin\n/bin/ls\n/bin/cat\n/bin/ps\n/usr/bin/top\n/etc/ls.conf\n"),
		info + "tools.md5sums": livetest.Text(md5Of("ls") + "  bin/ls\n" + md5Of("cat") + "  bin/cat\n" + md5Of("ps") + "  bin/ps\n" +
			md5Of("top") + "  usr/bin/top\nnot a line\n"),
		info + "libx:amd64.list": livetest.Text("/usr/lib/libx.so.1\n"),
	}
}

func made(tree livetest.Tree) *artifacts.Host {
	return &artifacts.Host{OS: artifacts.Linux, Files: tree.Files()}
}

func TestDpkg(t *testing.T) {
	h := made(debian())
	got, notes := livetest.Run[Package](t, Collector, h)
	want := []Package{
		{Manager: "dpkg", Name: "tools", Version: "1.2", Architecture: "amd64", Status: "install ok installed", Vendor: "A <a@example.com>", Size: 2048, Files: 7, Path: "/var/lib/dpkg/info/tools.list"},
		{Manager: "dpkg", Name: "libx", Version: "3", Architecture: "amd64", Status: "install ok installed", Files: 1, Path: "/var/lib/dpkg/info/libx:amd64.list", id: 1},
	}
	if !reflect.DeepEqual(got, want) || len(notes) > 0 {
		t.Errorf("got  %+v\nwant %+v\nnotes %v", got, want, notes)
	}
	x, err := Load(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[artifacts.Path]string{
		"/usr/bin/ls": "tools", "/bin/ls": "tools", "/usr/lib/libx.so.1": "libx", "/lib/libx.so.1": "libx", "/usr/bin/evil": "", "/binary": "", "/etc/ls.conf": "tools",
	} {
		got := ""
		if p, ok := x.Owner(p); ok {
			got = p.Name
		}
		if got != want {
			t.Errorf("owner of %s: got %q, want %q", p, got, want)
		}
	}
	if d, ok := x.Shipped("/etc/ls.conf"); !ok || d.Sum != md5Of("shipped") {
		t.Errorf("shipped: %+v %v", d, ok)
	}
}

func states(list []File) (all []string) {
	for _, f := range list {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s", f.State, f.Path)))
	}
	slices.Sort(all)
	return all
}

func TestChanged(t *testing.T) {
	got, notes := livetest.Run[File](t, Changed, made(debian()))
	want := []string{"changed /etc/ls.conf", "changed /usr/bin/ls", "missing /usr/bin/ps", "summary"}
	if !slices.Equal(states(got), want) || len(notes) > 0 {
		t.Fatalf("got %q, want %q; notes %v", states(got), want, notes)
	}
	ls := got[slices.IndexFunc(got, func(f File) bool { return f.Path == "/usr/bin/ls" })]
	if ls.Want != md5Of("ls") || ls.Got != md5Of("trojan") || ls.SHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte("trojan"))) || ls.Package != "tools" || ls.Config {
		t.Errorf("ls: %+v", ls)
	}
	if sum := got[len(got)-1]; sum.Checked != 5 || sum.Differ != 1 || sum.DifferConf != 1 || sum.Missing != 1 {
		t.Errorf("summary %+v", sum)
	}
}

// TestOthers reads the databases of apk and pacman.
func TestOthers(t *testing.T) {
	sum := sha1.Sum([]byte("sh"))
	h := made(livetest.Tree{
		"/bin/sh": livetest.Text("other"), "/usr/bin/ls": livetest.Text("other"), "/etc/x": livetest.Text("edited"),
		"/lib/apk/db/installed": livetest.Text("C:Q1xx=\nP:busybox\nV:1.36-r0\nA:x86_64\nI:900\no:bb\nF:bin\nM:0:0:755\nR:sh\na:0:0:755\nZ:Q1" + base64.StdEncoding.EncodeToString(sum[:]) +
			"\nF:etc\nR:x\nZ:Q1bad\n\nP:empty\nV:1\n\n"),
		"/var/lib/pacman/local/coreutils-9/desc":  livetest.Text("%NAME%\ncoreutils\n\n%VERSION%\n9\n\n%INSTALLDATE%\n1700000000\n\n%SIZE%\n5\n"),
		"/var/lib/pacman/local/coreutils-9/files": livetest.Text("%FILES%\nusr/\nusr/bin/\nusr/bin/ls\netc/x\n\n%BACKUP%\netc/x\t" + md5Of("y") + "\n"),
		"/var/lib/pacman/local/coreutils-9/mtree": livetest.Text(zipped("#mtree\n/set type=file\n./.BUILDINFO sha256digest=00\n./usr/bin/ls time=1 sha256digest=" + strings.Repeat("ab", 32) +
			"\n./etc/x mode=644 sha256digest=" + strings.Repeat("cd", 32) + "\n")),
	})
	got, notes := livetest.Run[Package](t, Collector, h)
	want := []Package{
		{Manager: "apk", Name: "busybox", Version: "1.36-r0", Architecture: "x86_64", Source: "bb", Size: 900, Files: 2, Path: "/lib/apk/db/installed"},
		{Manager: "apk", Name: "empty", Version: "1", Path: "/lib/apk/db/installed", id: 1},
		{Manager: "pacman", Name: "coreutils", Version: "9", Size: 5, Files: 4, Installed: time.Unix(1700000000, 0).UTC(), Path: "/var/lib/pacman/local/coreutils-9/files", id: 2},
	}
	if !reflect.DeepEqual(got, want) || len(notes) > 0 {
		t.Errorf("got  %+v\nwant %+v\nnotes %v", got, want, notes)
	}
	files, _ := livetest.Run[File](t, Changed, h)
	if got, want := states(files), []string{"changed /bin/sh", "changed /etc/x", "changed /usr/bin/ls", "summary"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// rpmHeader builds a header: texts by tag.
func rpmHeader(name string, dirs, bases, digests []string) []byte {
	type entry struct{ tag, kind, count uint32 }
	var index, data []byte
	add := func(e entry, b []byte) {
		for _, n := range []uint32{e.tag, e.kind, uint32(len(data)), e.count} {
			index = binary.BigEndian.AppendUint32(index, n)
		}
		data = append(data, b...)
	}
	texts := func(list ...string) []byte { return []byte(strings.Join(list, "\x00") + "\x00") }
	numbers := func(list ...uint32) (b []byte) {
		for _, n := range list {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return b
	}
	add(entry{rpmInstalled, 4, 1}, numbers(1700000000))
	add(entry{rpmAlgorithm, 4, 1}, numbers(8))
	add(entry{rpmDirIndexes, 4, uint32(len(bases))}, numbers(make([]uint32, len(bases))...))
	add(entry{rpmFlags, 4, uint32(len(bases))}, numbers(make([]uint32, len(bases))...))
	add(entry{rpmName, 6, 1}, texts(name))
	add(entry{rpmVersion, 6, 1}, texts("5.1"))
	add(entry{rpmRelease, 6, 1}, texts("2.el9"))
	add(entry{rpmArch, 6, 1}, texts("x86_64"))
	add(entry{rpmDirNames, 8, uint32(len(dirs))}, texts(dirs...))
	add(entry{rpmBaseNames, 8, uint32(len(bases))}, texts(bases...))
	add(entry{rpmDigests, 8, uint32(len(digests))}, texts(digests...))
	out := binary.BigEndian.AppendUint32(nil, uint32(len(index)/16))
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	return append(append(out, index...), data...)
}

func ndb(blob []byte) []byte {
	b := make([]byte, 4096)
	copy(b, "RpmP")
	binary.LittleEndian.PutUint32(b[12:], 1)
	copy(b[32:], "Slot")
	binary.LittleEndian.PutUint32(b[36:], 1)
	binary.LittleEndian.PutUint32(b[40:], 4096/16)
	head := make([]byte, 16)
	copy(head, "BlbS")
	binary.LittleEndian.PutUint32(head[4:], 1)
	binary.LittleEndian.PutUint32(head[12:], uint32(len(blob)))
	return append(append(b, head...), blob...)
}

func checkRPM(t *testing.T, h *artifacts.Host, many int) {
	t.Helper()
	got, notes := livetest.Run[Package](t, Collector, h)
	if len(got) != many || len(notes) > 0 {
		t.Fatalf("%d packages, want %d; notes %v", len(got), many, notes)
	}
	if p := got[0]; p.Name != "bash" || p.Version != "5.1-2.el9" || p.Architecture != "x86_64" || p.Files != 2 || p.Installed.Unix() != 1700000000 {
		t.Errorf("got %+v", p)
	}
	files, _ := livetest.Run[File](t, Changed, h)
	if got, want := states(files), []string{"changed /usr/bin/bash", "missing /usr/bin/sh", "summary"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func bashRPM() []byte {
	return rpmHeader("bash", []string{"/usr/bin/"}, []string{"bash", "sh"}, []string{strings.Repeat("ab", 32), strings.Repeat("cd", 32)})
}

func TestRPM(t *testing.T) {
	checkRPM(t, made(livetest.Tree{"/usr/bin/bash": livetest.Text("x"), "/usr/lib/sysimage/rpm/Packages.db": livetest.Text(string(ndb(bashRPM())))}), 1)
	_, notes := livetest.Run[Package](t, Collector, made(livetest.Tree{"/var/lib/rpm/Packages": livetest.Text("bdb")}))
	if len(notes) != 1 || notes[0].Status != artifacts.Skipped {
		t.Errorf("Berkeley DB: notes %v", notes)
	}
}

// TestSQLite reads what sqlite3 itself wrote: rows longer than a page, and more of them than one page lists.
func TestSQLite(t *testing.T) {
	tool, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("SKIPPED: sqlite3 is not installed, which makes the database")
	}
	for _, page := range []int{512, 4096, 65536} {
		root := t.TempDir()
		dir := filepath.Join(root, "var/lib/rpm")
		for _, d := range []string{dir, filepath.Join(root, "usr/bin")} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(root, "usr/bin/bash"), []byte("x"), 0o755); err != nil {
			t.Fatal(err)
		}
		var sql strings.Builder
		fmt.Fprintf(&sql, "PRAGMA page_size=%d; CREATE TABLE Name (x); CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL);\n", page)
		fmt.Fprintf(&sql, "BEGIN; INSERT INTO Packages VALUES (NULL, x'%s');\n", hex.EncodeToString(bashRPM()))
		for i := range 120 {
			files := make([]string, i*3)
			for j := range files {
				files[j] = fmt.Sprintf("file%d-%d", i, j)
			}
			fmt.Fprintf(&sql, "INSERT INTO Packages VALUES (NULL, x'%s');\n", hex.EncodeToString(rpmHeader(fmt.Sprintf("p%d", i), []string{"/usr/share/"}, files, nil)))
		}
		cmd := exec.CommandContext(t.Context(), tool, filepath.Join(dir, "rpmdb.sqlite"))
		cmd.Stdin = strings.NewReader(sql.String() + "COMMIT;\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		h, err := image.Folder(root)
		if err != nil {
			t.Fatal(err)
		}
		checkRPM(t, h, 121)
		x, _ := Load(t.Context(), h)
		if p, ok := x.Owner("/usr/share/file119-356"); !ok || p.Name != "p119" || p.Files != 357 {
			t.Errorf("page size %d: owner of the last file: %+v", page, p)
		}
	}
}

func TestPrivileged(t *testing.T) {
	tree := debian()
	setuid := artifacts.Stat{Mode: fs.ModeSetuid | 0o755, UID: "0", GID: "0"}
	tree["/usr/bin/ls"] = livetest.Node{Data: "x", Stat: setuid}
	tree["/tmp/.x/sh"] = livetest.Node{Data: "y", Stat: setuid}
	tree["/home/a/nfs/sh"] = livetest.Node{Data: "y", Stat: setuid}
	tree["/usr/bin/wall"] = livetest.Node{Data: "z", Stat: artifacts.Stat{Mode: fs.ModeSetgid | 0o755, GID: "5"}}
	tree["/usr/bin/lock"] = livetest.Node{Data: "z", Stat: artifacts.Stat{Mode: fs.ModeSetgid | 0o644, GID: "5"}}
	h := made(tree)
	h.Files = tree.Files(artifacts.Mount{Path: "/home/a/nfs", Type: "nfs4", Class: artifacts.Remote})
	got, _ := livetest.Run[PrivilegedFile](t, Privileged, h)
	var list []string
	for _, f := range got {
		owner := "none"
		if f.Package != nil {
			owner = *f.Package
		}
		list = append(list, fmt.Sprintf("%s %s %s", f.Path, f.Mode, owner))
	}
	if want := []string{"/tmp/.x/sh 4755 none", "/usr/bin/ls 4755 tools", "/usr/bin/wall 2755 none"}; !slices.Equal(list, want) {
		t.Errorf("got %q, want %q", list, want)
	}
}

func TestCapabilities(t *testing.T) {
	for in, want := range map[string]string{
		"0100000200200000000000000000000000000000":         "cap_net_raw=ep",
		"010000030020000000000000000000000000000000000000": "cap_net_raw=ep",
		"0000000200200000000000004000000000000000":         "cap_net_raw,cap_perfmon=p",
		"0000000201000000010000000000000000000000":         "cap_chown=pi",
	} {
		b, _ := hex.DecodeString(in)
		if got, err := parseCapabilities(b); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", in, got, err, want)
		}
	}
	if _, err := parseCapabilities([]byte{1, 2}); err == nil {
		t.Error("two bytes are no capabilities")
	}
}

// FuzzDatabases checks that no database makes a reader stumble or give a package without a name.
func FuzzDatabases(f *testing.F) {
	for p, n := range debian() {
		f.Add(string(p), []byte(n.Data))
	}
	f.Add("/var/lib/rpm/Packages.db", ndb(bashRPM()))
	f.Add("/lib/apk/db/installed", []byte("P:x\nF:a\nR:b\nZ:Q1x\n"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		for _, p := range []artifacts.Path{
			artifacts.Path(name), "/var/lib/dpkg/status", "/var/lib/dpkg/info/tools.list", "/var/lib/rpm/Packages.db", "/var/lib/rpm/rpmdb.sqlite",
			"/lib/apk/db/installed", "/var/lib/pacman/local/x/desc", "/var/lib/pacman/local/x/mtree",
		} {
			tree := debian()
			tree[p] = livetest.Text(string(data))
			h := made(tree)
			x, err := Load(t.Context(), h)
			if err != nil {
				t.Fatal(err)
			}
			x.digests(t.Context(), h.Files, nil, func(p *Package, name []byte, _ Digest) {
				if name[0] != '/' || p.Manager == "" {
					t.Errorf("%s: file %q of %+v", p.Name, name, p)
				}
			})
		}
	})
}

// FuzzSQLite checks that damage ends in an error or in fewer rows, never in a loop.
func FuzzSQLite(f *testing.F) {
	page := make([]byte, 1024)
	copy(page, "SQLite format 3\x00\x02\x00")
	page[100] = 0x0d
	f.Add(page)
	f.Fuzz(func(_ *testing.T, b []byte) {
		db, err := openSQLite(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for root := range min(db.pages, 20) {
			db.rows(root, func(row []byte) error { columns(row); return nil })
		}
		db.table("Packages")
	})
}
