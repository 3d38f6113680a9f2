package e2e

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"spor/package/seal"
)

// The benchmarks let the agent collect a folder of this host onto the same disk, hashed, with its timeline and records,
// and beside it, in turn, tar | zstd -T0 | gpg -e -z0 pack the same files. Each runs benchRounds times, both read from the
// cache, and the least of each is compared, because other work on the machine only ever adds.
const benchRounds = 3

// usage is what a run took.
type usage struct {
	wall, cpu time.Duration
	peak      int64 // bytes of memory; 0: not known
	written   int64 // bytes, to the disk
	size      int64 // of what came out
}

func (u *usage) least(v usage) {
	if u.wall == 0 {
		*u = v
		return
	}
	u.wall, u.cpu = min(u.wall, v.wall), min(u.cpu, v.cpu)
	u.peak, u.written, u.size = max(u.peak, v.peak), max(u.written, v.written), max(u.size, v.size)
}

// measured runs a command. Its peak is asked for while it runs: what wait4(2) tells is no less than our own.
func measured(b *testing.B, cmd *exec.Cmd, fine ...int) (u usage) {
	b.Helper()
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	done := make(chan int64)
	go func() {
		var peak int64
		for {
			now, err := highWater(cmd.Process.Pid)
			if err != nil || now == 0 { // it has ended
				done <- peak
				return
			}
			peak = now
			time.Sleep(10 * time.Millisecond)
		}
	}()
	err := cmd.Wait()
	u = usage{wall: time.Since(begun), peak: <-done}
	s := cmd.ProcessState
	if err != nil && !slices.Contains(fine, s.ExitCode()) {
		b.Fatalf("%s: %v", cmd, err)
	}
	u.cpu = s.UserTime() + s.SystemTime()
	if r, ok := s.SysUsage().(*syscall.Rusage); ok {
		u.written = int64(r.Oublock) << 9
	}
	return u
}

// highWater is VmHWM of proc_pid_status(5), in bytes.
func highWater(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.Fields(kib)[0], 10, 64)
			return n << 10, err
		}
	}
	return 0, nil
}

// A bench has what both sides need.
type bench struct {
	dir, tree, fingerprint string
}

func newBench(b *testing.B, tree string) *bench {
	b.Helper()
	for _, tool := range []string{"tar", "zstd", "gpg", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.Skipf("%s is not installed: NOT compared", tool)
		}
	}
	dir := b.TempDir()
	public, _, fingerprint, err := seal.Generate("cert", "cert@example.org", nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "public.asc"), []byte(public), 0o600); err != nil {
		b.Fatal(err)
	}
	n := &bench{dir, tree, fingerprint}
	os.Mkdir(filepath.Join(dir, "gpg"), 0o700)
	n.sh(b, "gpg --batch -q --import public.asc")
	return n
}

func (n *bench) sh(b *testing.B, script string) usage {
	b.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = n.dir
	cmd.Env = append(os.Environ(), "GNUPGHOME="+filepath.Join(n.dir, "gpg"))
	return measured(b, cmd)
}

func (n *bench) pipeline(b *testing.B) usage {
	b.Helper()
	u := n.sh(b, fmt.Sprintf("tar -C '%s' -cf - . | zstd -q -T0 | gpg --batch -q --trust-model always -r %s -e -z0 >x; sync x; gpgconf --kill all", n.tree, n.fingerprint))
	u.size = n.sizes(b, "x")
	return u
}

func (n *bench) spor(b *testing.B) usage {
	b.Helper()
	cmd := exec.Command(filepath.Join(bin, "spor"), "collect", "--recipient", filepath.Join(n.dir, "public.asc"), "--out", n.dir,
		"--only", "none", "--take", n.tree, "--max-file", "0", "--include-secrets", "--no-upload", "--quiet")
	if os.Geteuid() == 0 { // or a run elsewhere on this machine holds us up
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	}
	u := measured(b, cmd, 3) // a pipe or socket among the files is a gap
	u.size = n.sizes(b, "*.pgp")
	return u
}

// sizes adds up files, and removes them.
func (n *bench) sizes(b *testing.B, pattern string) (sum int64) {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(n.dir, pattern))
	if err != nil || len(files) == 0 {
		b.Fatal("nothing came out", err)
	}
	for _, name := range files {
		st, err := os.Stat(name)
		if err != nil {
			b.Fatal(err)
		}
		sum += st.Size()
		os.Remove(name)
	}
	return sum
}

func compare(b *testing.B, tree string) {
	n := newBench(b, tree)
	n.sh(b, "tar -C '"+tree+"' -cf - . | cat >/dev/null; sync") // into the cache
	for b.Loop() {
		var ours, theirs usage
		for range benchRounds {
			theirs.least(n.pipeline(b))
			ours.least(n.spor(b))
		}
		b.ReportMetric(ours.wall.Seconds(), "wall-s")
		b.ReportMetric(ours.cpu.Seconds(), "cpu-s")
		b.ReportMetric(ours.wall.Seconds()/theirs.wall.Seconds(), "wall/pipeline")
		b.ReportMetric(ours.cpu.Seconds()/theirs.cpu.Seconds(), "cpu/pipeline")
		b.ReportMetric(float64(ours.size)/float64(theirs.size), "size/pipeline")
		b.ReportMetric(float64(ours.peak)/(1<<20), "MiB-peak")
		b.ReportMetric(float64(ours.written)/float64(ours.size), "written/size")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkTree takes 2 GiB of a copy of /usr, or SPOR_BENCH_BYTES of SPOR_BENCH_TREE, with 128 MiB of random bytes and a
// sparse file of 512 MiB beside.
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
	copyTree(b, from, tree, most)
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
	compare(b, tree)
}

// copyTree copies files and links, hard ones too, until there are so many bytes. It leaves out the largest, for the tree
// is to be of many files.
func copyTree(b *testing.B, from, to string, most int64) {
	b.Helper()
	seen, n := map[uint64]string{}, int64(0)
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
		case !d.Type().IsRegular() || info.Size() > most/16:
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
	compare(b, tree)
}

// BenchmarkMemory takes 1 GiB, and with SPOR_LONG=1 20 GiB, in files of 256 MiB whose content is half random.
func BenchmarkMemory(b *testing.B) {
	sizes := []int{1 << 10}
	if os.Getenv("SPOR_LONG") != "" {
		sizes = append(sizes, 20<<10)
	}
	for _, mib := range sizes {
		b.Run(fmt.Sprintf("%dMiB", mib), func(b *testing.B) {
			const each = 256
			tree := b.TempDir()
			for i := range mib / each {
				if err := mixture(filepath.Join(tree, fmt.Sprint(i)), each<<20, byte(i)); err != nil {
					b.Fatal(err)
				}
			}
			n := newBench(b, tree)
			for b.Loop() {
				u := n.spor(b)
				b.ReportMetric(float64(u.peak)/(1<<20), "MiB-peak")
				b.ReportMetric(u.wall.Seconds(), "wall-s")
				b.ReportMetric(float64(mib)*1.048576/u.cpu.Seconds(), "MB/cpu-s")
				b.ReportMetric(float64(u.written)/float64(u.size), "written/size")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// mixture writes a file whose blocks are random and repetitive in turn.
func mixture(name string, size int64, seed byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	rng, block := mathrand.NewChaCha8([32]byte{seed}), make([]byte, 128<<10)
	for i := range block {
		block[i] = byte(i >> 4 & 0x3f)
	}
	for range size / int64(len(block)) {
		rng.Read(block[:len(block)/2])
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	return f.Close()
}
