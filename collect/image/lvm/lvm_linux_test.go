package lvm

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const extent = 4 << 20

// made makes two physical volumes with three logical ones on them, by LVM itself and without the kernel's part in it,
// and gives where LVM says that each extent lies.
func made(t testing.TB) (pvs [2][]byte, segments [][]string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED on LVM: loop devices need root")
	}
	for _, tool := range []string{"lvm", "losetup"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT TESTED on LVM: %v (build/deps.sh installs it)", err)
		}
	}
	dir := t.TempDir()
	var loops []string
	for _, name := range []string{"one", "two"} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, 32<<20)); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("losetup", "--find", "--show", name).Output()
		if err != nil {
			t.Skipf("NOT TESTED on LVM: no loop device: %v", err)
		}
		loops = append(loops, strings.TrimSpace(string(out)))
		defer exec.Command("losetup", "--detach", loops[len(loops)-1]).Run()
	}
	config := fmt.Sprintf(`devices{use_devicesfile=0 filter=["a|^%s$|","a|^%s$|","r|.*|"]} backup{backup=0 archive=0} activation{udev_sync=0 udev_rules=0 monitoring=0}`, loops[0], loops[1])
	lvm := func(command string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command("lvm", append([]string{command, "--driverloaded", "n", "--config", config}, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("lvm %s %q: %v\n%s", command, args, err, stderr.Bytes())
		}
		return out
	}
	lvm("pvcreate", append([]string{"-y"}, loops...)...)
	lvm("vgcreate", append([]string{"v-g"}, loops...)...)
	create := []string{"-an", "-Wn", "-Zn", "-y"}
	lvm("lvcreate", append(create, "-n", "root", "-L", "8M", "v-g", loops[0])...)
	lvm("lvcreate", append(create, "-n", "str", "-i", "2", "-I", "64k", "-L", "16M", "v-g")...)
	lvm("lvcreate", append(create, "-n", "span", "-L", "24M", "v-g")...)
	for line := range strings.Lines(string(lvm("lvs", "--noheadings", "--segments", "-o", "lv_name,seg_start_pe,seg_size_pe,seg_pe_ranges", "v-g"))) {
		line = strings.NewReplacer(loops[0], "0", loops[1], "1").Replace(line)
		segments = append(segments, strings.Fields(line))
	}
	for i, name := range []string{"one", "two"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(uint64(i), 1))
		for at := 1 << 20; at < len(b); at += 4096 { // the extents
			b[at], b[at+1] = byte(r.Uint32()), byte(r.Uint32())
		}
		pvs[i] = b
	}
	return pvs, segments
}

// opened reads the physical volumes that are given.
func opened(pvs ...[]byte) ([]*Logical, []string) {
	var all []Physical
	for i, b := range pvs {
		all = append(all, Physical{bytes.NewReader(b), int64(len(b)), fmt.Sprintf("partition %d", i+1)})
	}
	return Read(all)
}

// TestAgainstLVM compares the bytes of each extent with those where LVM says it lies.
func TestAgainstLVM(t *testing.T) {
	pvs, segments := made(t)
	all, notes := opened(pvs[:]...)
	if len(all) != 3 || len(notes) > 0 {
		t.Fatalf("%v, notes %q", all, notes)
	}
	compared := 0
	for _, s := range segments {
		for _, l := range all {
			if l.Name != s[0] || l.Group != "v-g" {
				continue
			}
			start, _ := strconv.ParseInt(s[1], 10, 64)
			count, _ := strconv.ParseInt(s[2], 10, 64)
			got := make([]byte, count*extent)
			if _, err := l.ReadAt(got, start*extent); err != nil {
				t.Errorf("%s: %v", l, err)
			}
			var parts [][]byte
			for _, r := range s[3:] {
				var pv, first, last int
				fmt.Sscanf(r, "%d:%d-%d", &pv, &first, &last)
				parts = append(parts, pvs[pv][1<<20+first*extent:1<<20+(last+1)*extent])
			}
			var want []byte
			for n := 0; len(want) < len(got); n++ {
				if len(parts) == 1 {
					want = parts[0]
					continue
				}
				k := n / len(parts) * (64 << 10)
				want = append(want, parts[n%len(parts)][k:k+64<<10]...)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s, %q: other bytes than where LVM says they are", l, s)
			}
			compared++
		}
	}
	if compared != 4 {
		t.Errorf("%d segments compared, want 4 of %q", compared, segments)
	}
	if names := all[0].Names(); names[1] != "/dev/mapper/v--g-root" {
		t.Errorf("names %q", names)
	}
}

// TestMissing holds that what lies on a physical volume that is not there cannot be read, and that it is said.
func TestMissing(t *testing.T) {
	pvs, _ := made(t)
	all, notes := opened(pvs[0])
	if len(all) != 3 || !strings.Contains(strings.Join(notes, ""), "is not in the image") {
		t.Fatalf("%v, notes %q", all, notes)
	}
	b := make([]byte, 4096)
	for _, l := range all {
		_, err := l.ReadAt(b, 0)
		if whole := l.Name != "span"; whole != (err == nil) {
			t.Errorf("%s: %v", l, err)
		}
	}
	spoilt := bytes.Clone(pvs[0])
	spoilt[4096+4]++ // the head of the description; the label is in the second sector
	if all, notes = opened(spoilt); len(all) != 0 || !strings.Contains(strings.Join(notes, ""), "the head of a description") {
		t.Errorf("a damaged description: %v, notes %q", all, notes)
	}
	if all, _ = opened(spoilt, pvs[1]); len(all) != 3 {
		t.Errorf("a damaged copy beside a whole one: %v", all)
	}
}

// TestKinds holds that a volume of another kind is named, and one that is a part of such is not.
func TestKinds(t *testing.T) {
	g, err := parseGroup(`vg { id = "x" seqno = 1 extent_size = 8192 logical_volumes {
		mirror { status = ["READ", "VISIBLE"] segment1 { start_extent = 0 extent_count = 1 type = "raid1" } }
		mirror_rimage_0 { status = ["READ"] segment1 { start_extent = 0 extent_count = 1 type = "striped" stripes = ["pv0", 0] } } } }`)
	if err != nil {
		t.Fatal(err)
	}
	all, notes := g.volumes(nil)
	if said := strings.Join(notes, "; "); len(all) != 0 || said != `logical volume vg/mirror is not read: it is of kind "raid1"` {
		t.Errorf("%v, notes %q", all, notes)
	}
}

// TestDamage changes what LVM keeps on physical volumes at random, and descriptions whose checksums would hide that: there
// is an end to reading them.
func TestDamage(t *testing.T) {
	images := 300
	if os.Getenv("SPOR_LONG") != "" {
		images = 10_000
	}
	pvs, _ := made(t)
	_, texts, err := Physical{bytes.NewReader(pvs[0]), int64(len(pvs[0])), "one"}.read(new(maxAll))
	if err != nil || len(texts) == 0 {
		t.Fatalf("%d descriptions, %v", len(texts), err)
	}
	b, found, parsed := make([]byte, 4096), 0, 0
	for seed := range images {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		head := bytes.Clone(pvs[0][:1<<20])
		text := []byte(texts[0])
		for range 1 + r.IntN(10) {
			head[r.IntN(8192)] = byte(r.Uint32())
			text[r.IntN(len(text))] = byte(r.Uint32())
		}
		all, _ := opened(head, pvs[1])
		found += len(all)
		if g, err := parseGroup(string(text)); err == nil {
			parsed++
			more, _ := g.volumes(map[string]Physical{})
			all = append(all, more...)
		}
		for _, l := range all {
			_, _ = l.ReadAt(b, l.Size()/2)
		}
	}
	t.Logf("%d images, %d volumes, %d descriptions", images, found, parsed)
	if found < images || parsed < images/10 {
		t.Errorf("%d volumes of %d images, %d descriptions: too much is refused to prove anything", found, images, parsed)
	}
}

// FuzzGroup holds that there is an end to any description, and that what it describes can be asked for.
func FuzzGroup(f *testing.F) {
	f.Add("vg { id = \"x\" seqno = 1 extent_size = 8 physical_volumes { pv0 { id = \"p\" pe_start = 1 } } logical_volumes { a { status = [\"VISIBLE\"] " +
		"segment1 { start_extent = 0 extent_count = 2 type = \"striped\" stripe_count = 2 stripe_size = 1 stripes = [ \"pv0\", 0, \"pv0\", 9 ] } } } } # end\n")
	f.Fuzz(func(t *testing.T, text string) {
		g, err := parseGroup(text)
		if err != nil {
			return
		}
		all, _ := g.volumes(map[string]Physical{"p": {bytes.NewReader(make([]byte, 1<<16)), 1 << 16, "p"}})
		b := make([]byte, 4096)
		for _, l := range all {
			for _, at := range []int64{0, l.Size() - 1, l.Size() / 2} {
				if n, err := l.ReadAt(b, at); n == 0 && err == nil {
					t.Errorf("%s: nothing at %d", l, at)
				}
			}
		}
	})
}
