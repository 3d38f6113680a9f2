package memory

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect"
	"spor/collect/host"
	"spor/collect/live/livetest"
)

// TestMain is also the child whose memory TestProcess looks for.
func TestMain(m *testing.M) {
	if seed := os.Getenv("SPOR_TEST_CANARY"); seed != "" {
		canary := canary(seed)
		fmt.Println("ready")
		os.Stdin.Read(make([]byte, 1)) // until the parent lets go
		fmt.Println(canary[:0])
		return
	}
	os.Exit(m.Run())
}

// canary makes what stands nowhere but in the memory of the one who made it: not on a command line, not in a file.
func canary(seed string) string {
	b := make([]byte, 64)
	for i := range b {
		b[i] = seed[i%len(seed)] ^ byte(i*7+1)
	}
	return "canary:" + hex.EncodeToString(b)
}

// kept is a recorder that keeps what was put.
type kept struct {
	livetest.Recorder
	content map[string][]byte
}

func (k *kept) Put(_ context.Context, it artifacts.Item, r io.Reader) error {
	b, err := io.ReadAll(r)
	if k.content == nil {
		k.content = map[string][]byte{}
	}
	k.content[it.Name] = b
	k.Items = append(k.Items, it)
	return err
}

// The memory of a process whose program lies in a temporary folder is taken, with what it never wrote down.
func TestProcess(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: the memory of other processes is for root alone")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(t.TempDir(), "evil")
	if err := os.WriteFile(exe, program, 0o700); err != nil {
		t.Fatal(err)
	}
	const seed = "Snorri"
	child := exec.Command(exe)
	child.Env = append(os.Environ(), "SPOR_TEST_CANARY="+seed)
	in, err1 := child.StdinPipe()
	out, err2 := child.StdoutPipe()
	if err := errors.Join(err1, err2, child.Start()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		child.Wait()
	}()
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(exe); err != nil {
		t.Fatal(err)
	}
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := suspects(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(s suspect) bool { return s.pid == child.Process.Pid })
	if i < 0 || slices.ContainsFunc(all, func(s suspect) bool { return s.pid == os.Getpid() }) {
		t.Fatalf("suspects %+v: want %d, and not ourselves (%d)", all, child.Process.Pid, os.Getpid())
	}
	rec := &kept{}
	used, err := takeProcess(t.Context(), h, rec, all[i], maxProcess)
	if err != nil || len(rec.Records) != 1 {
		t.Fatalf("%d records, notes %v, error %v", len(rec.Records), rec.Notes, err)
	}
	p := rec.Records[0].(Process)
	b := rec.content[p.Item]
	if !bytes.Contains(b, []byte(canary(seed))) {
		t.Errorf("the canary is not in %d bytes of memory (%d pages unreadable, %d bytes omitted)", len(b), p.Unreadable, p.Omitted)
	}
	if int64(len(b)) != p.Size || rec.Items[0].Size != p.Size || used != uint64(p.Size) || p.Ended {
		t.Errorf("%d bytes; said before: %d; counted: %d; ended: %v", len(b), rec.Items[0].Size, used, p.Ended)
	}
	if f, err := elf.NewFile(bytes.NewReader(b)); err != nil || len(f.Progs) != len(p.Regions) {
		t.Errorf("no ELF core of %d regions: %v", len(p.Regions), err)
	}
	t.Logf("%d bytes in %d regions, %d pages unreadable, %d bytes omitted", p.Size, len(p.Regions), p.Unreadable, p.Omitted)
}

// cored answers for /proc/kcore, whose file can be read at an offset.
type cored struct {
	artifacts.Files
	core io.ReaderAt
}

type coreFile struct {
	artifacts.File
	io.ReaderAt
}

func (c cored) Open(p artifacts.Path) (artifacts.File, error) {
	f, err := c.Files.Open(p)
	if err == nil && p == kcore {
		f = coreFile{f, c.core}
	}
	return f, err
}

func made(tree livetest.Tree, core []byte) *artifacts.Host {
	return &artifacts.Host{OS: artifacts.Linux, Files: cored{tree.Files(), bytes.NewReader(core)}, Live: true}
}

func TestPhysical(t *testing.T) {
	h := made(livetest.Tree{
		"/proc/iomem": livetest.Text(iomem), kcore: livetest.Text("x"), "/proc/sys/kernel/osrelease": livetest.Text("6.1.0\n"),
	}, madeCore(direct()...))
	rec := &kept{}
	if err := Physical.Collect(t.Context(), h, rec); err != nil || len(rec.Notes) > 0 || len(rec.Records) != 1 {
		t.Fatalf("error %v, notes %v, records %v", err, rec.Notes, rec.Records)
	}
	ranges := []Range{{0x1000, 0x4000}, {0x100000, 0x120000}, {0x130000, 0x138000}}
	want := limeOf(ranges...)
	im := rec.Records[0].(Image)
	if !bytes.Equal(rec.content[imageName], want) || im.Size != int64(len(want)) || !slices.Equal(im.Ranges, ranges) || im.Kernel != "6.1.0" {
		t.Errorf("%d bytes, want %d; record %+v", len(rec.content[imageName]), len(want), im)
	}
}

// Each reason why there is no image is said.
func TestNoPhysical(t *testing.T) {
	ram := livetest.Text(iomem)
	for name, c := range map[string]struct {
		tree livetest.Tree
		want string
		is   error
	}{
		"no kcore": {livetest.Tree{"/proc/iomem": ram}, "has no /proc/kcore; process-memory", nil},
		"lockdown": {livetest.Tree{
			"/proc/iomem": ram, kcore: livetest.Fails(fs.ErrPermission),
			"/sys/kernel/security/lockdown": livetest.Text("none integrity [confidentiality]\n"),
		}, "lockdown (confidentiality)", fs.ErrPermission},
		"no capability": {livetest.Tree{"/proc/iomem": ram, kcore: livetest.Fails(fs.ErrPermission)}, "CAP_SYS_RAWIO", fs.ErrPermission},
		"hidden":        {livetest.Tree{"/proc/iomem": livetest.Text("00000000-00000000 : System RAM\n")}, "CAP_SYS_ADMIN", nil},
		"no ELF":        {livetest.Tree{"/proc/iomem": ram, kcore: livetest.Text("x")}, "EOF", io.EOF},
	} {
		rec := &kept{}
		err := Physical.Collect(t.Context(), made(c.tree, nil), rec)
		if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) || len(rec.Items) > 0 {
			t.Errorf("%s: %v and %d items; want %q", name, err, len(rec.Items), c.want)
		}
	}
}

func TestSymbols(t *testing.T) {
	tree := livetest.Tree{
		"/proc/kallsyms": livetest.Text("0000000000000000 T _text\n0000000000000000 T start\n"), "/proc/version": livetest.Text("Linux"),
		"/proc/sys/kernel/osrelease": livetest.Text("6.1.0\n"), "/boot/System.map-6.1.0": livetest.Text("x"),
	}
	rec := &kept{}
	if err := Symbols.Collect(t.Context(), made(tree, nil), rec); err != nil {
		t.Fatal(err)
	}
	if want := []artifacts.Path{"/proc/version", "/boot/System.map-6.1.0"}; !slices.Equal(rec.Taken, want) {
		t.Errorf("took %q, want %q", rec.Taken, want)
	}
	if !slices.ContainsFunc(rec.Notes, func(o artifacts.Outcome) bool { return o.Path == "/proc/kallsyms" && o.Status == artifacts.Denied }) {
		t.Errorf("notes %v: want that the addresses are hidden", rec.Notes)
	}
	tree["/proc/kallsyms"] = livetest.Text("0000000000000000 A fixed\nffffffff81000000 T _text\n")
	rec = &kept{}
	if err := Symbols.Collect(t.Context(), made(tree, nil), rec); err != nil || !slices.Contains(rec.Taken, "/proc/kallsyms") {
		t.Errorf("took %q, %v; want the symbols", rec.Taken, err)
	}
}

// sink keeps what the engine stores.
type sink map[string][]byte

func (s sink) Put(_ context.Context, it artifacts.Item, r io.Reader) (artifacts.Stored, error) {
	b, err := io.ReadAll(r)
	s[it.Name] = b
	return artifacts.Stored{Name: it.Name, Size: int64(len(b)), Cut: err}, nil
}

// Through the engine, an image with bad pages is whole in size and said to lack them; none at all, and one that was cut
// off, are gaps that matter.
func TestOutcomes(t *testing.T) {
	core := madeCore(direct()...)
	segments, err := parseCore(bytes.NewReader(core), nil)
	if err != nil {
		t.Fatal(err)
	}
	bad := segments[1].offset
	tree := livetest.Tree{"/proc/iomem": livetest.Text(iomem), kcore: livetest.Text("x")}
	whole := len(limeOf(Range{0x1000, 0x4000}, Range{0x100000, 0x120000}, Range{0x130000, 0x138000}))
	for _, c := range []struct {
		name   string
		files  artifacts.Files
		size   int
		status artifacts.Status
		reason string
		gap    bool
	}{
		{"bad pages", cored{tree.Files(), torn{bytes.NewReader(core), bad, bad + 3*pageSize, syscall.EFAULT}}, whole, artifacts.Truncated, "3 pages", false},
		{"ends early", cored{tree.Files(), bytes.NewReader(core[:bad])}, 32 + 0x3000 + 32, artifacts.Truncated, "the image ends after", true},
		{"no kcore", livetest.Tree{"/proc/iomem": livetest.Text(iomem)}.Files(), 0, artifacts.Failed, "no /proc/kcore", true},
	} {
		got := sink{}
		h := &artifacts.Host{OS: artifacts.Linux, Files: c.files, Live: true}
		opts := collect.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)}
		report, err := collect.Run(t.Context(), h, []*artifacts.Collector{Physical}, got, opts)
		if err != nil {
			t.Fatal(err)
		}
		if len(got[imageName]) != c.size {
			t.Errorf("%s: image of %d bytes, want %d", c.name, len(got[imageName]), c.size)
		}
		if !slices.ContainsFunc(report.Outcomes.List(), func(o artifacts.Outcome) bool {
			return o.Source == "memory" && o.Status == c.status && strings.Contains(o.Reason, c.reason) && o.Gap == c.gap
		}) {
			t.Errorf("%s: outcomes %+v; want one %v, %q, gap %v", c.name, report.Outcomes.List(), c.status, c.reason, c.gap)
		}
	}
}
