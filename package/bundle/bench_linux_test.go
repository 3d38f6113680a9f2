package bundle_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"spor/artifacts"
	"spor/collect"
	"spor/collect/image"
	"spor/package/bundle"
	"spor/package/manifest"
	"spor/package/seal"
)

// The benchmarks run the engine and the writer in a process of their own, so that its memory and processor time are
// known, as the agent does: with its limits of memory. SPOR_BENCH_TREE is the folder that is taken (default /usr), of
// which SPOR_BENCH_BYTES (default 2 GiB) are used.
const childTree, childOut = "SPOR_BENCH_CHILD_TREE", "SPOR_BENCH_CHILD_OUT"

func TestMain(m *testing.M) {
	switch tree := os.Getenv(childTree); {
	case tree == "":
		os.Exit(m.Run())
	case strings.HasPrefix(tree, "synthetic:"):
		err := synthetic(strings.TrimPrefix(tree, "synthetic:"), os.Getenv(childOut))
		exit(err)
	default:
		exit(child(tree, os.Getenv(childOut)))
	}
}

// exit ends the child. It leaves its peak of memory in a file: what the system tells the parent is no less than the
// parent's own.
func exit(err error) {
	if status, readErr := os.ReadFile("/proc/self/status"); readErr == nil && err == nil {
		for line := range strings.Lines(string(status)) {
			if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				err = os.WriteFile(filepath.Join(os.Getenv(childOut), "peak"), []byte(strings.Fields(kib)[0]), 0o600)
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child collects all of a tree into a bundle, as the agent would.
func child(tree, out string) error {
	h, err := image.Folder(tree)
	if err != nil {
		return err
	}
	all := &artifacts.Collector{Name: "all", Collect: func(ctx context.Context, _ *artifacts.Host, rec artifacts.Recorder) error {
		return filepath.WalkDir(tree, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return rec.Take(ctx, artifacts.Path(strings.TrimPrefix(name, tree)))
		})
	}}
	w, m, err := begin(out)
	if err != nil {
		return err
	}
	rep, err := collect.Run(context.Background(), h, []*artifacts.Collector{all}, w, collect.Options{Log: slog.New(slog.DiscardHandler), Now: time.Now, Secrets: true})
	if err != nil {
		return err
	}
	m.Outcomes = rep.Outcomes
	_, _, err = w.Close(m)
	return err
}

func begin(out string) (*bundle.Writer, *manifest.Manifest, error) {
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(112 << 20)
	f, err := os.Open(filepath.Join(out, "public.asc"))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	to, err := seal.ReadRecipients(f, time.Now().Add(time.Minute))
	if err != nil {
		return nil, nil, err
	}
	signer, err := seal.NewSigner("run")
	if err != nil {
		return nil, nil, err
	}
	w, err := bundle.NewWriter(bundle.Folder(out), "bench", bundle.Options{Recipients: to, Signer: signer, Now: time.Now, Started: time.Now(), VolumeSize: 8 << 30})
	return w, &manifest.Manifest{}, err
}

// synthetic puts items of 256 MiB of half random, half repetitive content, so many MiB in all.
func synthetic(mib, out string) error {
	n, err := strconv.Atoi(mib)
	if err != nil {
		return err
	}
	w, m, err := begin(out)
	if err != nil {
		return err
	}
	const each = 256
	for i := 0; i < n/each; i++ {
		it := artifacts.Item{Origin: artifacts.Path(fmt.Sprint("/", i)), Size: each << 20}
		if _, err := w.Put(context.Background(), it, io.LimitReader(&mixture{rng: mathrand.NewChaCha8([32]byte{byte(i)})}, each<<20)); err != nil {
			return err
		}
	}
	_, _, err = w.Close(m)
	return err
}

type mixture struct {
	rng *mathrand.ChaCha8
	odd bool
}

func (m *mixture) Read(b []byte) (int, error) {
	if m.odd = !m.odd; m.odd {
		return m.rng.Read(b)
	}
	for i := range b {
		b[i] = byte(i >> 4 & 0x3f)
	}
	return len(b), nil
}

// usage is what a process took.
type usage struct {
	wall, cpu time.Duration
	rss       int64 // bytes, the most
	written   int64 // bytes given to write(2); 0: not known
}

func run(b *testing.B, cmd *exec.Cmd) usage {
	b.Helper()
	cmd.Stderr = os.Stderr
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	s := cmd.ProcessState
	u := usage{wall: time.Since(begun), cpu: s.UserTime() + s.SystemTime()}
	if r, ok := s.SysUsage().(*syscall.Rusage); ok {
		u.written = int64(r.Oublock) << 9
	}
	return u
}

func sporOf(b *testing.B, tree string) (usage, int64) {
	b.Helper()
	out := b.TempDir()
	public, private, _, err := seal.Generate("cert", "cert@example.org", nil)
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{"public.asc": public, "private.asc": private} {
		if err := os.WriteFile(filepath.Join(out, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childTree+"="+tree, childOut+"="+out)
	u := run(b, cmd)
	peak, err := os.ReadFile(filepath.Join(out, "peak"))
	if err != nil {
		b.Fatal(err)
	}
	kib, err := strconv.ParseInt(string(peak), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	u.rss = kib << 10
	volumes, err := filepath.Glob(filepath.Join(out, "*.pgp"))
	if err != nil || len(volumes) == 0 {
		b.Fatal("no volume", err)
	}
	var size int64
	for _, v := range volumes {
		st, err := os.Stat(v)
		if err != nil {
			b.Fatal(err)
		}
		size += st.Size()
	}
	return u, size
}

// pipeline is tar | zstd | gpg over the same tree.
func pipeline(b *testing.B, tree string) (usage, int64) {
	b.Helper()
	for _, tool := range []string{"tar", "zstd", "gpg", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.Skipf("%s is not installed: NOT compared", tool)
		}
	}
	out := b.TempDir()
	os.Chmod(out, 0o700)
	public, _, fingerprint, err := seal.Generate("cert", "cert@example.org", nil)
	if err != nil {
		b.Fatal(err)
	}
	script := func(s string) *exec.Cmd {
		cmd := exec.Command("sh", "-c", s)
		cmd.Env = append(os.Environ(), "GNUPGHOME="+out)
		return cmd
	}
	load := script("gpg --batch -q --import")
	load.Stdin = strings.NewReader(public)
	run(b, load)
	u := run(b, script(fmt.Sprintf("tar -C '%s' -cf - . | zstd -q -T0 | gpg --batch -q --trust-model always -r %s -e -z0 > '%s/x'; sync '%s/x'; gpgconf --kill all", tree, fingerprint, out, out)))
	st, err := os.Stat(filepath.Join(out, "x"))
	if err != nil {
		b.Fatal(err)
	}
	return u, st.Size()
}

func report(b *testing.B, tree string, bytes int64) {
	warm := exec.Command("tar", "-C", tree, "-cf", "-", ".") // both read from the cache
	warm.Stdout = io.Discard
	run(b, warm)
	for b.Loop() {
		theirs, theirSize := pipeline(b, tree)
		ours, size := sporOf(b, tree)
		b.ReportMetric(ours.wall.Seconds(), "wall-s")
		b.ReportMetric(ours.cpu.Seconds(), "cpu-s")
		b.ReportMetric(ours.wall.Seconds()/theirs.wall.Seconds(), "wall/pipeline")
		b.ReportMetric(ours.cpu.Seconds()/theirs.cpu.Seconds(), "cpu/pipeline")
		b.ReportMetric(float64(ours.rss)/(1<<20), "MiB-peak")
		b.ReportMetric(float64(ours.written)/float64(size), "written/size")
		b.ReportMetric(float64(size)/float64(theirSize), "size/pipeline")
		b.ReportMetric(float64(bytes)/1e6/ours.cpu.Seconds(), "MB/cpu-s")
	}
}

// BenchmarkTree takes a copy of a part of a real tree, with 128 MiB of random bytes and a sparse file beside.
func BenchmarkTree(b *testing.B) {
	from, most := os.Getenv("SPOR_BENCH_TREE"), int64(2<<30)
	if from == "" {
		from = "/usr"
	}
	if s := os.Getenv("SPOR_BENCH_BYTES"); s != "" {
		var err error
		if most, err = strconv.ParseInt(s, 10, 64); err != nil {
			b.Fatal(err)
		}
	}
	tree := b.TempDir()
	n := copyTree(b, from, tree, most)
	random := make([]byte, 128<<20)
	rand.Read(random)
	if err := os.WriteFile(filepath.Join(tree, "random"), random, 0o600); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(tree, "sparse"))
	if err != nil {
		b.Fatal(err)
	}
	if err := f.Truncate(512 << 20); err != nil {
		b.Fatal(err)
	}
	if _, err := f.WriteAt(random[:8<<20], 100<<20); err != nil {
		b.Fatal(err)
	}
	f.Close()
	report(b, tree, n+128<<20+8<<20)
}

// copyTree copies files and links, hard ones too, until there are so many bytes.
func copyTree(b *testing.B, from, to string, most int64) (n int64) {
	b.Helper()
	seen := map[uint64]string{}
	err := filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(name, from))
		info, err := d.Info()
		switch {
		case err != nil:
			return err
		case n >= most:
			return filepath.SkipAll
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case d.Type() == fs.ModeSymlink:
			text, err := os.Readlink(name)
			if err != nil {
				return err
			}
			return os.Symlink(text, target)
		case !d.Type().IsRegular():
			return nil
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
			if first, again := seen[st.Ino]; again {
				return os.Link(first, target)
			}
			seen[st.Ino] = target
		}
		data, err := os.ReadFile(name)
		n += int64(len(data))
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkSmallFiles takes 100,000 files of 4 KiB.
func BenchmarkSmallFiles(b *testing.B) {
	const files, size = 100_000, 4096
	tree := b.TempDir()
	rng := mathrand.NewChaCha8([32]byte{})
	buf := make([]byte, size)
	for i := range files {
		dir := filepath.Join(tree, fmt.Sprint(i/1000))
		if i%1000 == 0 {
			if err := os.Mkdir(dir, 0o700); err != nil {
				b.Fatal(err)
			}
		}
		rng.Read(buf[:size/2]) // half of it compresses
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("file-", i)), buf, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	report(b, tree, files*size)
}

// BenchmarkMemory puts 1 GiB, and with SPOR_LONG=1 20 GiB, of made-up content.
func BenchmarkMemory(b *testing.B) {
	sizes := []int{1 << 10}
	if os.Getenv("SPOR_LONG") != "" {
		sizes = append(sizes, 20<<10)
	}
	for _, mib := range sizes {
		b.Run(fmt.Sprintf("%dMiB", mib), func(b *testing.B) {
			for b.Loop() {
				u, size := sporOf(b, fmt.Sprint("synthetic:", mib))
				b.ReportMetric(float64(u.rss)/(1<<20), "MiB-peak")
				b.ReportMetric(u.wall.Seconds(), "wall-s")
				b.ReportMetric(float64(mib)*1.048576/u.cpu.Seconds(), "MB/cpu-s")
				b.ReportMetric(float64(u.written)/float64(size), "written/size")
			}
		})
	}
}
