package collected

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spor/artifacts/hive/hivetest"
	"spor/timeline"
	"spor/timeline/packed"
)

// A piece is a file to be put into a folder or an archive; what a link stands for begins with "->".
type piece struct{ name, text string }

var written = time.Date(2026, 3, 9, 9, 0, 0, 0, time.UTC)

func zipOf(t testing.TB, pieces ...piece) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range pieces {
		w, err := z.CreateHeader(&zip.FileHeader{Name: p.name, Method: zip.Deflate, Modified: written})
		if err == nil {
			_, err = io.WriteString(w, p.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarOf(t testing.TB, pieces ...piece) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, p := range pieces {
		h := &tar.Header{Name: p.name, Mode: 0o600, Size: int64(len(p.text)), ModTime: written, Typeflag: tar.TypeReg}
		if link, ok := strings.CutPrefix(p.text, "->"); ok {
			h.Typeflag, h.Linkname, h.Size, p.text = tar.TypeSymlink, link, 0, ""
		}
		err := w.WriteHeader(h)
		if err == nil {
			_, err = io.WriteString(w, p.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// put writes files below a folder of the test's own, which it gives.
func put(t testing.TB, pieces ...piece) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range pieces {
		name := filepath.Join(dir, filepath.FromSlash(p.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(p.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// list gives what is in inputs as "host path", and what went wrong. Every file is read.
func list(t testing.TB, o Options, names ...string) (files, errs []string, zones map[string]string) {
	t.Helper()
	o.Dir, o.Packings = t.TempDir(), packed.All()
	in, err := Open(t.Context(), names, o)
	if err != nil {
		t.Fatal(err)
	}
	zones = map[string]string{}
	for f, err := range in.Files() {
		if err == nil {
			_, err = content(f, 1<<30)
		}
		if err != nil {
			errs = append(errs, err.Error())
			continue
		}
		files = append(files, f.Host+" "+string(f.Path))
		if f.Zone != nil {
			zones[f.Host] = f.Zone.String()
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return files, errs, zones
}

func system(host string, bias int32) string {
	root := &hivetest.Key{Name: "ROOT"}
	root.Set("Select", hivetest.Number("Current", 1))
	root.Set(`ControlSet001\Services\Tcpip\Parameters`, hivetest.Text("NV Hostname", host))
	root.Set(`ControlSet001\Control\TimeZoneInformation`, hivetest.Number("ActiveTimeBias", uint32(bias)))
	return string(hivetest.Hive(root))
}

// kape is a target folder as KAPE and CyLR leave it; velociraptor what is in an offline collection; uac what is in UAC's.
var (
	kape = []piece{
		{"C/$Extend/$J", "x"},
		{"C/Windows/System32/config/SYSTEM", system("FS02", -60)},
		{"C/Windows/System32/winevt/Logs/Security.evtx", "x"},
		{"D/logs/u_ex.log", "x"},
		{"2026-03-09T090000_CopyLog.csv", "x"},
	}
	velociraptor = []piece{
		{"client_info.json", `{"Hostname":"FS02","Fqdn":"FS02.corp.example"}`},
		{"uploads.json", "{}\n"},
		{"results/Windows.KapeFiles.Targets%2FUploads.json", "{}\n"},
		{"uploads/auto/C%3A/Windows/System32/winevt/Logs/Microsoft-Windows-TaskScheduler%254Operational.evtx", "x"},
		{"uploads/ntfs/%5C%5C.%5CC%3A/$Extend/$UsnJrnl%3A$J", "x"},
		{"uploads/ntfs/%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy3/Windows/System32/winevt/Logs/Security.evtx", "x"},
	}
	uac = []piece{
		{"[root]/etc/hostname", "web01\n"},
		{"[root]/etc/localtime", "->/usr/share/zoneinfo/Europe/Oslo"},
		{"[root]/var/log/auth.log", "x"},
		{"[root]/var/log/old.tar.gz", "x"},
		{"bodyfile/bodyfile.txt", "x"},
		{"live_response/process/ps.txt", "x"},
		{"uac.log", "x"},
	}
)

// TestLayouts asks for the names on the host, and the host, of what each collector makes.
func TestLayouts(t *testing.T) {
	wantKape := []string{
		`FS02 C:\$Extend\$J`, `FS02 C:\Windows\System32\config\SYSTEM`, `FS02 C:\Windows\System32\winevt\Logs\Security.evtx`, `FS02 D:\logs\u_ex.log`,
		"FS02 #/2026-03-09T090000_CopyLog.csv",
	}
	wantVelociraptor := []string{
		"FS02 #/client_info.json", "FS02 #/results/Windows.KapeFiles.Targets%2FUploads.json", "FS02 #/uploads.json",
		`FS02 C:\Windows\System32\winevt\Logs\Microsoft-Windows-TaskScheduler%4Operational.evtx`, `FS02 C:\$Extend\$UsnJrnl:$J`,
		`FS02 \\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy3\Windows\System32\winevt\Logs\Security.evtx`,
	}
	wantUAC := []string{
		"web01 /etc/hostname", "web01 /var/log/auth.log", "web01 /var/log/old.tar.gz", "web01 #/bodyfile/bodyfile.txt", "web01 #/live_response/process/ps.txt", "web01 #/uac.log",
	}
	varLog := string(gz(t, tarOf(t, piece{"var/log/auth.log", "x"})))
	for _, tt := range []struct {
		name   string
		pieces []piece // of the input; a name without a folder is the input itself
		want   []string
		zone   string
	}{
		{"KAPE's or CyLR's folder", kape, wantKape, "UTC+01:00"},
		{"in a folder of its own", within("case/fs/", kape), replace(wantKape, "#", "#/case/fs"), "UTC+01:00"},
		{"their zip", []piece{{"FS02.zip", string(zipOf(t, kape...))}}, wantKape, "UTC+01:00"},
		{"their zip, with the names of .NET", []piece{{"FS02.zip", string(zipOf(t, backslashes(kape)...))}}, wantKape, "UTC+01:00"},
		{"Velociraptor's zip", []piece{{"Collection-OTHER-2026-03-09T09_00_00Z.zip", string(zipOf(t, velociraptor...))}}, wantVelociraptor, ""},
		{"Velociraptor's folder", velociraptor, wantVelociraptor, ""},
		{"UAC's tar.gz", []piece{{"uac-other-linux-20260309090000.tar.gz", string(gz(t, tarOf(t, uac...)))}}, wantUAC, "Europe/Oslo"},
		{"UAC's zip", []piece{{"uac-other-linux-20260309090000.zip", string(zipOf(t, slices.Delete(slices.Clone(uac), 1, 2)...))}}, wantUAC, ""},
		{"a plain tar", []piece{{"evidence.tar", string(tarOf(t, piece{"./var/log/auth.log", "x"}, piece{"./etc/timezone", "Atlantic/Reykjavik\n"}, piece{"./notes.txt", "x"}))}}, []string{
			"evidence /var/log/auth.log", "evidence /etc/timezone", "evidence #/notes.txt",
		}, "Atlantic/Reykjavik"},
		{"Cat-Scale", []piece{{"catscale_db1-20260309-0900.tar.gz", string(gz(t, tarOf(t, piece{"catscale_out/Logs/db1-20260309-0900-var-log.tar.gz", varLog}, piece{"catscale_out/System_Info/x.txt", "x"})))}}, []string{
			"db1 /var/log/auth.log", "db1 #/catscale_out/System_Info/x.txt",
		}, ""},
		{"Cat-Scale, unpacked", []piece{{"catscale_out/Logs/db1-20260309-0900-var-log.tar.gz", varLog}}, []string{"db1 /var/log/auth.log"}, ""},
		{"a host that calls itself by no name of its own", []piece{{"e.tar", string(tarOf(t, piece{"etc/hostname", "localhost.localdomain\n"}, piece{"var/log/auth.log", "x"}))}}, []string{"e /etc/hostname", "e /var/log/auth.log"}, ""},
		{"a zip of collections", []piece{{"all.zip", string(zipOf(t, piece{"a.zip", string(zipOf(t, piece{"C/Users/x", "x"}))}, piece{"b.zip", string(zipOf(t, piece{"C/Users/x", "x"}))}))}}, []string{
			`a C:\Users\x`, `b C:\Users\x`,
		}, ""},
		{"loose logs in a zip", []piece{{"logs.zip", string(zipOf(t, piece{"a/auth.log", "x"}, piece{"../../etc/shadow.log", "x"}))}}, []string{
			"logs #/a/auth.log", "logs #/etc/shadow.log",
		}, ""},
		{"loose files", []piece{{"a/auth.log", "x"}, {"A/notes.txt", "x"}}, []string{" #/A/notes.txt", " #/a/auth.log"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := put(t, tt.pieces...)
			input := dir
			if len(tt.pieces) == 1 && !strings.Contains(tt.pieces[0].name, "/") {
				input = filepath.Join(dir, tt.pieces[0].name)
			}
			files, errs, zones := list(t, Options{}, input)
			want := replace(tt.want, "#", filepath.ToSlash(input))
			slices.Sort(want)
			slices.Sort(files)
			if errs != nil || !slices.Equal(files, want) {
				t.Errorf("errors %q, got\n%s\nwant\n%s", errs, strings.Join(files, "\n"), strings.Join(want, "\n"))
			}
			if host, _, _ := strings.Cut(want[0], " "); zones[host] != tt.zone {
				t.Errorf("zone %q, want %q", zones[host], tt.zone)
			}
		})
	}
}

func within(dir string, pieces []piece) (out []piece) {
	for _, p := range pieces {
		out = append(out, piece{dir + p.name, p.text})
	}
	return out
}

func backslashes(pieces []piece) (out []piece) {
	for _, p := range pieces {
		out = append(out, piece{strings.ReplaceAll(p.name, "/", `\`), p.text})
	}
	return out
}

func replace(all []string, old, with string) (out []string) {
	for _, s := range all {
		out = append(out, strings.Replace(s, old, with, 1))
	}
	return out
}

// TestPackings reads a tar in each of the ways a tar is packed that can be made here.
func TestPackings(t *testing.T) {
	plain := tarOf(t, piece{"var/log/auth.log", "x"})
	old := bytes.Clone(plain)
	clear(old[257:512]) // what POSIX added
	sum := 8 * ' '
	for i, c := range old[:512] {
		if i < 148 || i >= 156 {
			sum += rune(c)
		}
	}
	copy(old[148:], fmt.Sprintf("%06o\x00 ", sum))
	unpacks := append([]byte("MZ that unpacks itself"), zipOf(t, piece{"var/log/auth.log", "x"})...)
	for name, b := range map[string][]byte{"a.tar": plain, "a.tgz": gz(t, plain), "a.tar.gz": gz(t, old), "a.zip": unpacks} {
		dir := put(t, piece{name, string(b)})
		if files, errs, _ := list(t, Options{}, filepath.Join(dir, name)); errs != nil || !slices.Equal(files, []string{"a /var/log/auth.log"}) {
			t.Errorf("%s: %q, %q", name, files, errs)
		}
	}
}

// sevenZip makes an archive by 7-Zip's own program.
func sevenZip(t *testing.T, pieces []piece, args ...string) []byte {
	t.Helper()
	tool, err := exec.LookPath("7z")
	if err != nil {
		t.Skip("SKIPPED: 7z is not here")
	}
	dir := put(t, pieces...)
	to := filepath.Join(t.TempDir(), "x.7z")
	cmd := exec.Command(tool, append([]string{"a", "-bd", "-y", to, "."}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("7z: %v: %s", err, out)
	}
	b, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSevenZip reads a collection in a 7z, and of a damaged one what came before the damage.
func TestSevenZip(t *testing.T) {
	b := sevenZip(t, kape, "-ms=off")
	dir := put(t, piece{"FS02.7z", string(b)})
	files, errs, zones := list(t, Options{}, filepath.Join(dir, "FS02.7z"))
	slices.Sort(files)
	want := []string{
		"FS02 " + dir + "/FS02.7z/2026-03-09T090000_CopyLog.csv", `FS02 C:\$Extend\$J`, `FS02 C:\Windows\System32\config\SYSTEM`, `FS02 C:\Windows\System32\winevt\Logs\Security.evtx`, `FS02 D:\logs\u_ex.log`,
	}
	if errs != nil || !slices.Equal(files, want) || zones["FS02"] != "UTC+01:00" {
		t.Errorf("errors %q, zone %q, got\n%s\nwant\n%s", errs, zones["FS02"], strings.Join(files, "\n"), strings.Join(want, "\n"))
	}
	spoilt := bytes.Clone(b)
	clear(spoilt[40:80]) // of the first blocks
	for name, b := range map[string][]byte{"cut.7z": b[:len(b)-10], "spoilt.7z": spoilt} {
		dir := put(t, piece{name, string(b)}, piece{"beside.log", "x"})
		files, errs, _ := list(t, Options{}, dir)
		if len(errs) != 1 || !strings.Contains(errs[0], name+": ") || len(files) < 1 || len(files) > 5 {
			t.Errorf("%s: files %q, errors %q", name, files, errs)
		}
	}
}

// TestSparse reads files of a tar that lie in it without their holes, as GNU's program makes it in both of its ways.
func TestSparse(t *testing.T) {
	tool, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("SKIPPED: tar is not here")
	}
	dir := put(t, piece{"var/log/after.log", "after"}, piece{"var/log/journal", ""})
	f, err := os.OpenFile(filepath.Join(dir, "var/log/journal"), os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("end"), 1<<20)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"gnu", "posix"} {
		name := filepath.Join(t.TempDir(), "a.tar")
		if out, err := exec.Command(tool, "--sparse", "--format="+format, "-cf", name, "-C", dir, "var/log/journal", "var/log/after.log").CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: no GNU tar: %v: %s", err, out)
		}
		in, err := Open(t.Context(), []string{name}, Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"/var/log/journal": strings.Repeat("\x00", 1<<20) + "end", "/var/log/after.log": "after"}
		for f, err := range in.Files() {
			if err != nil {
				t.Fatal(err)
			}
			if b, err := content(f, 1<<30); err != nil || string(b) != want[string(f.Path)] {
				t.Errorf("%s: %s has %d bytes, %v, want %d", format, f.Path, len(b), err, len(want[string(f.Path)]))
			}
			delete(want, string(f.Path))
		}
		if err := in.Close(); err != nil || len(want) > 0 {
			t.Errorf("%s: %v; left %d", format, err, len(want))
		}
	}
}

// TestDamaged asks that what is wrong with an archive costs nothing beside what is damaged, and is said.
func TestDamaged(t *testing.T) {
	var noise strings.Builder
	for i := range 3_000 {
		fmt.Fprintf(&noise, "%x", uint64(i)*0x9e3779b97f4a7c15)
	}
	many := []piece{{"var/log/a.log", noise.String()}, {"var/log/b.log", noise.String()[5:]}, {"var/log/c.log", noise.String()[7:]}}
	packedTar, z := gz(t, tarOf(t, many...)), zipOf(t, many...)
	flipped := bytes.Clone(z)
	flipped[len(flipped)/2] ^= 0x40
	locked := zipOf(t, piece{"data.zip", "x"})
	for at := range len(locked) - 8 { // the flag that says so, in both places
		switch string(locked[at : at+4]) {
		case "PK\x03\x04":
			locked[at+6] |= 1
		case "PK\x01\x02":
			locked[at+8] |= 1
		}
	}
	for _, tt := range []struct {
		name  string
		b     []byte
		files int
		err   string
	}{
		{"cut.tar.gz", packedTar[:len(packedTar)*2/3], 1, "is lost: gzip: unexpected EOF"},
		{"cut.tar", tarOf(t, many...)[:60_000], 1, "unexpected EOF"},
		{"cut.zip", z[:len(z)/2], 0, "cut.zip: its list of files cannot be read"},
		{"flipped.zip", flipped, 2, "flipped.zip/var/log/b.log: "},
		{"locked.zip", locked, 0, "locked.zip: 1 files are encrypted"},
		{"none.zip", []byte("hello"), 0, "none.zip: it is no archive"},
		{"none.tar.gz", gz(t, []byte("hello")), 0, "none.tar.gz: it is no archive"},
		{"empty.zip", nil, 0, "empty.zip: it is no archive"},
		{"a.7z", []byte("7z\xbc\xaf\x27\x1c\x00\x04"), 0, "a.7z: no 7z archive"},
	} {
		dir := put(t, piece{tt.name, string(tt.b)}, piece{"whole.zip", string(z)}, piece{"beside.log", "x"})
		files, errs, _ := list(t, Options{}, dir)
		if got := len(files) - 4; len(errs) != 1 || !strings.Contains(strings.Join(errs, "\n"), tt.err) || got < tt.files || got > tt.files+1 {
			t.Errorf("%s: %d files of it, want %d; errors %q, want %q", tt.name, got, tt.files, errs, tt.err)
		}
	}
}

// hole is a tar with a file of 8 GiB, all of it but a byte a hole (GNU tar, sparse headers).
func hole(t testing.TB) []byte {
	b := tarOf(t, piece{"a.log", "x"})
	copy(b[257:], "ustar  \x00")
	b[156] = 'S'
	copy(b[386:], "00000000000\x0000000000001\x00")
	copy(b[483:], "77777777777\x00")
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// TestBombs asks that no archive makes more of itself than its bounds.
func TestBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 4<<20)
	nested := zipOf(t, piece{"x.log", "x"})
	for i := range 6 {
		nested = zipOf(t, piece{fmt.Sprintf("%d.zip", i), string(nested)})
	}
	small := zipOf(t, piece{"a.log", zeros})
	overlap := bytes.Clone(small) // its list names the one file a hundred times
	at := bytes.Index(overlap, []byte("PK\x01\x02"))
	end := bytes.LastIndex(overlap, []byte("PK\x05\x06"))
	directory, tail := bytes.Repeat(overlap[at:end], 100), bytes.Clone(overlap[end:])
	tail[8], tail[10] = 100, 100
	n := len(directory)
	tail[12], tail[13], tail[14], tail[15] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
	overlap = slices.Concat(overlap[:at], directory, tail)
	for _, tt := range []struct {
		name string
		b    []byte
		o    Options
		err  string
	}{
		{"big.tar.gz", gz(t, tarOf(t, piece{"a.log", zeros})), Options{MaxBytes: 1 << 20}, "expands to more than 1048576 bytes"},
		{"many.zip", zipOf(t, piece{"a", ""}, piece{"b", ""}, piece{"c", ""}), Options{MaxFiles: 2}, "more than 2 files"},
		{"many.tar", tarOf(t, piece{"a", ""}, piece{"b", ""}, piece{"c", ""}), Options{MaxFiles: 2}, "more than 2 files"},
		{"nested.zip", nested, Options{}, "no deeper than 3"},
		{"overlap.zip", overlap, Options{}, "expands more than a thousandfold"},
		{"hole.tar", hole(t), Options{}, "hole.tar/a.log: it expands more than a thousandfold"},
	} {
		dir := put(t, piece{tt.name, string(tt.b)})
		start := time.Now()
		_, errs, _ := list(t, tt.o, dir)
		if all := strings.Join(errs, "\n"); !strings.Contains(all, tt.err) {
			t.Errorf("%s: errors %.300q, want %q", tt.name, all, tt.err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: %v", tt.name, took)
		}
	}
}

// TestReadOnce leaves out what was named twice, or lies in what was named.
func TestReadOnce(t *testing.T) {
	dir := put(t, piece{"a/x.log", "x"}, piece{"a/y.zip", string(zipOf(t, piece{"z.log", "x"}))}, piece{"b/x.log", "x"})
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.Symlink(at("b"), at("c")); err != nil {
		t.Skipf("SKIPPED: no symbolic links here: %v", err)
	}
	files, errs, _ := list(t, Options{}, at("a/x.log"), at("a"), at("a"), at("a/y.zip"), at("b"), at("c"), at("b/../b"))
	if want := []string{" " + at("a/x.log"), "y " + at("a/y.zip/z.log"), " " + at("b/x.log")}; errs != nil || !slices.Equal(files, want) {
		t.Errorf("got %q, %q, want %q", files, errs, want)
	}
}

// TestZoneOfHost asks that the zone which one collection of a host tells is that of all of them, and of no other host.
func TestZoneOfHost(t *testing.T) {
	dir := put(t, piece{"uac-web01-linux-20260309090000.tar", string(tarOf(t, piece{"[root]/var/log/auth.log", "x"}, piece{"[root]/etc/timezone", "Europe/Oslo\n"}))},
		piece{"Collection-web01-2026-03-09T09_00_00Z.zip", string(zipOf(t, piece{"uploads/auto/var/log/auth.log", "x"}))},
		piece{"Collection-web02-2026-03-09T09_00_00Z.zip", string(zipOf(t, piece{"uploads/auto/var/log/auth.log", "x"}))})
	in, err := Open(t.Context(), []string{dir}, Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for f, err := range in.Files() {
		if err != nil {
			t.Fatal(err)
		}
		got, want := "", map[string]string{"web01": "Europe/Oslo"}[f.Host]
		if f.Zone != nil {
			got = f.Zone.String()
		}
		if got != want {
			t.Errorf("%s of %s: zone %q, want %q", f.Path, f.Host, got, want)
		}
	}
}

// TestSameNames keeps apart what is named the same and does not tell its host.
func TestSameNames(t *testing.T) {
	z := string(zipOf(t, piece{"var/log/dpkg.log", "x"}))
	dir := put(t, piece{"a/triage.zip", z}, piece{"b/triage.zip", z}, piece{"c/k/C/Users/x", "x"}, piece{"d/k/C/Users/x", "x"})
	files, errs, _ := list(t, Options{}, dir)
	hosts := map[string]bool{}
	for _, f := range files {
		host, _, _ := strings.Cut(f, " ")
		hosts[host] = true
	}
	if len(hosts) != 4 || len(files) != 4 || errs != nil || !hosts["triage"] || !hosts["k"] {
		t.Errorf("hosts of four collections: %v of %q, %q", hosts, files, errs)
	}
}

// TestOpenedBelow reads an opened bundle that lies in a folder by its manifest.
func TestOpenedBelow(t *testing.T) {
	dir := put(t, piece{"case/fs01/manifest.json", `{"format":1,"bundle":"ab","host":{"hostname":"fs01"},"entries":[{"number":1,"name":"files/b","origin":"/b","source":"s","size":1}]}`},
		piece{"case/fs01/files/b", "x"}, piece{"case/fs01/report.html", "x"}, piece{"case/auth.log", "x"})
	packed := []piece{{"fs01/manifest.json", `{"format":1,"bundle":"ab","host":{"hostname":"fs01"},"entries":[{"number":1,"name":"files/b","origin":"/b","source":"s","size":1},{"number":2,"name":"files/gone","origin":"/gone","source":"s","size":1}]}`}, {"fs01/files/b", "x"}, {"fs01/report.html", "x"}}
	for name, b := range map[string][]byte{"fs01.zip": zipOf(t, packed...), "fs01.tar.gz": gz(t, tarOf(t, packed...))} {
		in := put(t, piece{name, string(b)})
		files, errs, _ := list(t, Options{}, in)
		if len(errs) != 1 || !strings.Contains(errs[0], "/fs01/files/gone: file does not exist") || !slices.Equal(files, []string{"fs01 /b"}) {
			t.Errorf("%s: got %q, %q", name, files, errs)
		}
	}
	files, errs, _ := list(t, Options{}, dir)
	if want := []string{" " + dir + "/case/auth.log", "fs01 /b"}; errs != nil || !slices.Equal(files, want) {
		t.Errorf("got %q, %q, want %q", files, errs, want)
	}
}

// FuzzArchive opens any bytes as each kind of archive: no panic, and no file that cannot be read to an end.
func FuzzArchive(f *testing.F) {
	for _, b := range [][]byte{zipOf(f, velociraptor...), tarOf(f, uac...), gz(f, tarOf(f, kape[0])), []byte("PK")} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in := &Inputs{opts: Options{Dir: t.TempDir(), Packings: packed.All(), MaxBytes: 1 << 20, MaxFiles: 100}, zones: map[string]*time.Location{}, names: map[string]bool{}}
		defer in.Close()
		file := &timeline.File{Size: int64(len(b)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
		a := in.archive(t.Context(), file, "x.zip", "", 0)
		a.files(func(f *timeline.File, err error) bool {
			if err == nil {
				content(f, 1<<20)
			}
			return true
		})
	})
}
