package e2e

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/package/manifest"
)

// A guest is a virtual machine of our own: a kernel of Debian, testdata/guest as its first process, the agent, and a
// folder that it shares with us.
type guest struct {
	dir       string // holds all of it; "share" is the shared folder
	megabytes int    // of memory
	console   bytes.Buffer
	cmd       *exec.Cmd
	ended     chan int // the agent's exit code, once
}

// kernelFor gives a kernel image and the folder of its modules: what SPOR_KERNEL names (a folder into which a package of
// Debian was unpacked), or the machine's own.
func kernelFor(t *testing.T) (image, modules string) {
	t.Helper()
	if os.Getenv("SPOR_ORACLE") == "" {
		t.Skip("SPOR_ORACLE is not set: the image of a machine's memory is NOT held against its hypervisor's (make oracle does)")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("not amd64: NOT held against a hypervisor")
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skipf("no qemu-system-x86_64: the image of a machine's memory is NOT held against its hypervisor's: %v", err)
	}
	root := os.Getenv("SPOR_KERNEL")
	for _, image := range slices.Backward(glob(t, filepath.Join(root, "/boot/vmlinuz-*"))) {
		modules := filepath.Join(root, "/lib/modules", strings.TrimPrefix(filepath.Base(image), "vmlinuz-"))
		if _, err := os.Stat(modules); err == nil {
			return image, modules
		}
	}
	t.Skipf("no kernel in %s/boot: the image of a machine's memory is NOT held against its hypervisor's", root)
	return "", ""
}

// ordered is what the agent in a machine is asked for.
const ordered = "collect --recipient /share/cert.asc --out /share/usb --case vm --timeout 30m"

// boot starts a guest of so many megabytes, some of them filled, whose agent seals to a key and is asked for more than what
// all are. The machine may have more, too.
func boot(t *testing.T, public string, megabytes, filled int, parameters, more string, machine ...string) *guest {
	t.Helper()
	image, modules := kernelFor(t)
	g := &guest{dir: t.TempDir(), megabytes: megabytes, ended: make(chan int, 1)}
	share := filepath.Join(g.dir, "share")
	text := strconv.Itoa(filled) + "\n" + strings.ReplaceAll(ordered+" "+more, " ", "\n")
	cert, err := os.ReadFile(public)
	err = errors.Join(err, os.Mkdir(share, 0o700), os.WriteFile(filepath.Join(share, "arguments"), []byte(text), 0o600), os.WriteFile(filepath.Join(share, "cert.asc"), cert, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := build(runtime.GOOS, filepath.Join(g.dir, "init"), "./testdata/guest"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	g.pack(t, modules)
	g.cmd = exec.Command("qemu-system-x86_64", "-machine", "pc,accel=tcg", "-cpu", "max", "-m", strconv.Itoa(megabytes), "-smp", "1",
		"-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio", "-qmp", "unix:qmp,server=on,wait=off",
		"-kernel", image, "-initrd", "initrd", "-append", "console=ttyS0 panic=-1 quiet "+parameters,
		"-virtfs", "local,path=share,mount_tag=share,security_model=none,id=share")
	g.cmd.Args = append(g.cmd.Args, machine...)
	g.cmd.Dir = g.dir
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	g.cmd.Stderr = g.cmd.Stdout
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.cmd.Process.Kill(); g.cmd.Wait() })
	go g.watch(out)
	return g
}

// watch reads the console until the guest says how the agent ended.
func (g *guest) watch(out io.Reader) {
	defer close(g.ended)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		g.console.WriteString(lines.Text() + "\n")
		if text, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "guest: ended with "); ok {
			if code, err := strconv.Atoi(text); err == nil {
				g.ended <- code
				return
			}
		}
	}
}

// wait gives the agent's exit code.
func (g *guest) wait(t *testing.T, most time.Duration) int {
	t.Helper()
	select {
	case code, ok := <-g.ended:
		if !ok {
			t.Fatalf("the machine ended: %s", g.console.String())
		}
		return code
	case <-time.After(most):
		t.Fatalf("the agent in the machine had not ended after %v", most)
	}
	return -1
}

// pack makes the file system that the machine starts from.
func (g *guest) pack(t *testing.T, modules string) {
	t.Helper()
	var b bytes.Buffer
	cpio(&b, "modules", 0o040755, nil)
	cpio(&b, "etc", 0o040755, nil)
	cpio(&b, "etc/passwd", 0o100644, []byte("root:x:0:0::/root:/bin/sh\n"))
	for from, to := range map[string]string{filepath.Join(g.dir, "init"): "init", filepath.Join(bin, "spor"): "spor"} {
		program, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		cpio(&b, to, 0o100755, program)
	}
	for i, name := range chain(t, modules, "virtio_pci", "9pnet_virtio", "9p", "virtio_blk", "crc32c_generic", "ext4") {
		program, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		cpio(&b, fmt.Sprintf("modules/%02d", i), 0o100644, program)
	}
	cpio(&b, "TRAILER!!!", 0, nil)
	if err := os.WriteFile(filepath.Join(g.dir, "initrd"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// cpio appends a file in the "new ASCII" form, which Documentation/driver-api/early-userspace/buffer-format.rst of Linux
// describes.
func cpio(b *bytes.Buffer, name string, mode int, content []byte) {
	fmt.Fprintf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", b.Len()+1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0)
	align := func() {
		for b.Len()%4 != 0 {
			b.WriteByte(0)
		}
	}
	b.WriteString(name + "\x00")
	align()
	b.Write(content)
	align()
}

// chain gives the files of kernel modules and of all that they need, in the order in which they can be loaded.
func chain(t *testing.T, folder string, names ...string) (files []string) {
	t.Helper()
	places := map[string]string{}
	err := filepath.WalkDir(filepath.Join(folder, "kernel"), func(p string, _ os.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(p), ".ko"); ok {
			places[strings.ReplaceAll(name, "-", "_")] = p
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var add func(string)
	add = func(name string) {
		place := places[strings.ReplaceAll(name, "-", "_")]
		if place == "" || slices.Contains(files, place) {
			return // built in, or there already
		}
		f, err := elf.Open(place)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Section(".modinfo").Data()
		if err != nil {
			t.Fatal(err)
		}
		for entry := range strings.SplitSeq(string(info), "\x00") {
			if needs, ok := strings.CutPrefix(entry, "depends="); ok && needs != "" {
				for need := range strings.SplitSeq(needs, ",") {
					add(need)
				}
			}
		}
		files = append(files, place)
	}
	for _, name := range names {
		add(name)
	}
	return files
}

// dump stops the machine and has its hypervisor write its memory into a file.
func (g *guest) dump(t *testing.T) string {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(g.dir, "qmp"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	name := filepath.Join(g.dir, "dump")
	answers := json.NewDecoder(conn)
	for _, ask := range []any{
		map[string]any{"execute": "qmp_capabilities"},
		map[string]any{"execute": "stop"},
		map[string]any{"execute": "pmemsave", "arguments": map[string]any{"val": 0, "size": g.megabytes << 20, "filename": name}},
	} {
		if err := json.NewEncoder(conn).Encode(ask); err != nil {
			t.Fatal(err)
		}
		for {
			var answer map[string]json.RawMessage
			if err := answers.Decode(&answer); err != nil || answer["error"] != nil {
				t.Fatalf("%v: %v %s", ask, err, answer["error"])
			}
			if answer["return"] != nil {
				break
			}
		}
	}
	return name
}

// open opens the bundle that the machine's agent wrote.
func (g *guest) open(t *testing.T, private string) string {
	t.Helper()
	opened := filepath.Join(g.dir, "opened")
	must(t, g.dir, []int{0}, "spor-desk", append([]string{"open", "--key", private, "--out", opened}, glob(t, filepath.Join(g.dir, "share/usb/*.pgp"))...)...)
	return opened
}

// What /proc/kcore gives is what the hypervisor sees: at least 98 of 100 pages are the same, every range of memory is in the
// image, and so is what a process whose program was deleted holds. The machine's memory has a hole.
func TestOracleMemoryOfAMachine(t *testing.T) {
	const page = 4096
	dir := t.TempDir()
	public, private := keys(t, dir)
	began := time.Now()
	g := boot(t, public, 2048, 900, "memmap=16M$512M", "--profile memory")
	code := g.wait(t, 20*time.Minute)
	took := time.Since(began)
	hypervisor, err := os.Open(g.dump(t))
	if err != nil {
		t.Fatal(err)
	}
	defer hypervisor.Close()
	if code != 0 && code != 3 {
		t.Fatalf("the agent ended with %d: %s", code, g.console.String())
	}
	opened := g.open(t, private)
	images := records(t, opened, "memory")
	if len(images) != 1 {
		t.Fatalf("%d records of memory: %s", len(images), g.console.String())
	}
	var ranges []struct{ Start, End uint64 }
	b, err := json.Marshal(images[0]["ranges"])
	if err = errors.Join(err, json.Unmarshal(b, &ranges)); err != nil {
		t.Fatal(err)
	}
	image, err := os.Open(filepath.Join(opened, filepath.FromSlash(images[0]["item"].(string))))
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	same, all, sameFull, allFull, planted := 0, 0, 0, 0, 0
	var offset int64
	ours, theirs, empty := make([]byte, page), make([]byte, page), make([]byte, page)
	for _, r := range ranges {
		offset += 32
		for at := r.Start; at < r.End; at += page {
			n := min(page, r.End-at)
			_, err1 := image.ReadAt(ours[:n], offset)
			_, err2 := hypervisor.ReadAt(theirs[:n], int64(at))
			if err := errors.Join(err1, err2); err != nil {
				t.Fatalf("page at %#x: %v", at, err)
			}
			offset += int64(n)
			equal := bytes.Equal(ours[:n], theirs[:n])
			all++
			if equal {
				same++
			}
			if !bytes.Equal(theirs[:n], empty[:n]) {
				allFull++
				if equal {
					sameFull++
				}
			}
			if bytes.Contains(ours[:n], []byte("spor canary in memory alive")) {
				planted++
			}
		}
	}
	share := float64(same) / float64(all)
	t.Logf("%s: %d ranges, %d pages, %.2f %% identical; of %d that are not empty %.2f %%; %v unreadable, %v bytes missing; canary in %d pages; %v from power on, exit %d",
		images[0]["kernel"], len(ranges), all, 100*share, allFull, 100*float64(sameFull)/float64(allFull), images[0]["unreadable_pages"], images[0]["missing_bytes"], planted, took.Round(time.Second), code)
	if share < 0.98 {
		t.Errorf("%d of %d pages are what the hypervisor sees, want 98 of 100", same, all)
	}
	if planted == 0 {
		t.Error("what the process whose program was deleted holds is not in the image")
	}
	if allFull < 900<<20/page {
		t.Errorf("%d pages are not empty, of 900 MiB that were filled", allFull)
	}
	covered(t, filepath.Join(g.dir, "share/iomem"), ranges)
	if list := records(t, opened, "process-memory"); len(list) == 0 {
		t.Error("the memory of the process whose program was deleted was not taken")
	}
}

// covered holds that each whole page of System RAM in an iomem is in a range.
func covered(t *testing.T, name string, ranges []struct{ Start, End uint64 }) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		addresses, ok := strings.CutSuffix(strings.TrimRight(line, "\n"), " : System RAM")
		first, last, _ := strings.Cut(addresses, "-")
		start, err1 := strconv.ParseUint(first, 16, 64)
		end, err2 := strconv.ParseUint(last, 16, 64)
		if !ok || errors.Join(err1, err2) != nil {
			continue
		}
		n++
		for at := (start + 4095) &^ 4095; at+4096 <= end+1; at += 4096 {
			if !slices.ContainsFunc(ranges, func(r struct{ Start, End uint64 }) bool { return r.Start <= at && at+4096 <= r.End }) {
				t.Errorf("range %s: no page at %#x in the image", addresses, at)
				break
			}
		}
	}
	if n < 3 {
		t.Errorf("%d ranges of memory, want 3 and more, for there is a hole: %s", n, text)
	}
}

// A kernel that keeps its memory to itself is a gap that says so, and what single processes hold is still taken.
func TestOracleMemoryUnderLockdown(t *testing.T) {
	dir := t.TempDir()
	public, private := keys(t, dir)
	g := boot(t, public, 512, 8, "lockdown=confidentiality", "--profile memory")
	if code := g.wait(t, 10*time.Minute); code != 3 {
		t.Fatalf("the agent ended with %d, want 3: %s", code, g.console.String())
	}
	opened := g.open(t, private)
	found := false
	var m manifest.Manifest
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	if err = errors.Join(err, json.Unmarshal(data, &m)); err != nil {
		t.Fatal(err)
	}
	for _, o := range m.Outcomes {
		found = found || o.Source == "memory" && o.Gap && o.Status != artifacts.Collected && strings.Contains(o.Reason, "lockdown (confidentiality)")
	}
	if !found {
		t.Errorf("no gap that names lockdown")
	}
	if list := records(t, opened, "process-memory"); len(list) == 0 {
		t.Error("the memory of the process whose program was deleted was not taken")
	}
}

// On a disk that is being written to, and of which little has been written back, no file is called hidden: the device shows
// the folders as they are.
func TestOracleMemoryNothingHiddenOnADisk(t *testing.T) {
	kernelFor(t)
	dir := t.TempDir()
	public, private := keys(t, dir)
	disk := filepath.Join(dir, "disk")
	if out, err := exec.Command("mke2fs", "-q", "-t", "ext4", disk, "256M").CombinedOutput(); err != nil {
		t.Skipf("no mke2fs: NOT checked that no file of a disk in use is called hidden: %v %s", err, out)
	}
	g := boot(t, public, 512, 8, "", "--only hidden-files", "-drive", "if=virtio,format=raw,file="+disk)
	if code := g.wait(t, 10*time.Minute); code != 0 && code != 3 {
		t.Fatalf("the agent ended with %d: %s", code, g.console.String())
	}
	opened := g.open(t, private)
	if found := glob(t, filepath.Join(opened, "live/hidden-files*")); len(found) > 0 {
		t.Errorf("found %v", records(t, opened, "hidden-files"))
	}
	data, err := os.ReadFile(filepath.Join(opened, "manifest.json"))
	if err != nil || !bytes.Contains(data, []byte("folders compared with the disk")) {
		t.Errorf("nothing was compared: %v %s", err, g.console.String())
	}
}
