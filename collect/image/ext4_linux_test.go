package image

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spor/artifacts"
)

// extImage makes an ext4 volume that holds files with these contents.
func extImage(t *testing.T, files map[string]string, args ...string) []byte {
	t.Helper()
	tool, err := exec.LookPath("mke2fs")
	if err != nil {
		if tool, err = exec.LookPath("/usr/sbin/mke2fs"); err != nil {
			t.Skipf("NOT TESTED on ext4: %v", err)
		}
	}
	dir := t.TempDir()
	for name, content := range files {
		full := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	image := filepath.Join(t.TempDir(), "image")
	args = append([]string{"-q", "-F", "-t", "ext4", "-d", dir}, append(args, image, "2M")...)
	if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("mke2fs %q: %v: %s", args, err, out)
	}
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLinuxDisk(t *testing.T) {
	system := extImage(t, map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/hostname": "victim\n", "srv/my data/below": "hidden by the mount",
		"etc/fstab": "UUID=12345678-1234-1234-1234-1234567890AB /srv/my\\040data ext4 defaults 0 2\nLABEL=other /../etc ext4 defaults 0 2\n",
	})
	data := extImage(t, map[string]string{"www/index.html": "<html>"}, "-U", "12345678-1234-1234-1234-1234567890ab")
	other := extImage(t, map[string]string{"loose": "x"}, "-L", "other")
	dirty := bytes.Clone(data)
	dirty[1024+0x60] |= 4 // needs_recovery
	broken := make([]byte, 8192)
	copy(broken[1080:], "\x53\xef")
	for _, c := range []struct {
		what, image string
		files       []artifacts.Path
		limits      []string
	}{
		{"a volume", save(t, system), []artifacts.Path{"/etc/passwd", "/srv/my data/below"}, nil},
		{"GPT", save(t, gptDisk(512, data, system, other)), []artifacts.Path{"/etc/passwd", "/srv/my data/www/index.html"}, []string{`partition 3 "part" (ext4) is not named in /etc/fstab`}},
		{"MBR with logical partitions", save(t, mbrDisk(broken, system, data)), []artifacts.Path{"/srv/my data/www/index.html"}, []string{"partition 1 (ext4): damaged"}},
		{"no system", save(t, dirty), []artifacts.Path{"/www/index.html"}, []string{"no volume holds /etc/os-release", "journal is not replayed"}},
		{"a part of a volume", save(t, system[:len(system)-1024]), []artifacts.Path{"/etc/passwd"}, []string{"the image ends after"}},
	} {
		h, err := Disk(c.image)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if h.OS != artifacts.Linux || h.Live || h.Identity.Source != c.image {
			t.Errorf("%s: %+v", c.what, h)
		}
		for _, p := range c.files {
			if st, err := h.Files.Lstat(p); err != nil || st.Kind != artifacts.Regular || st.Size == 0 {
				t.Errorf("%s: %s: %+v, %v", c.what, p, st, err)
			}
		}
		said := reasons(h.Limits)
		for _, want := range c.limits {
			if !strings.Contains(said, want) {
				t.Errorf("%s: limits %q, want %q", c.what, said, want)
			}
		}
		if len(c.limits) == 0 && said != "" {
			t.Errorf("%s: limits %q", c.what, said)
		}
	}
	if _, err := Disk(save(t, broken)); err == nil || !strings.Contains(err.Error(), "no volume that can be read: the volume (ext4): damaged") {
		t.Errorf("a broken volume: %v", err)
	}
}

// TestBesideNTFS holds which system a disk of both kinds is taken for.
func TestBesideNTFS(t *testing.T) {
	system := extImage(t, map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\n"})
	loose := extImage(t, map[string]string{"loose": "x"})
	plain, windows := ntfsVolume(t, 512, "data.txt"), ntfsVolume(t, 512, "Windows/System32/config/SYSTEM")
	for _, c := range []struct {
		what  string
		parts [][]byte
		os    artifacts.OS
		said  string
	}{
		{"Linux with a volume of data", [][]byte{plain, system}, artifacts.Linux, "(NTFS) is not read"},
		{"data alone", [][]byte{plain, loose}, artifacts.Windows, "(ext4) is not read"},
		{"both systems", [][]byte{system, windows}, artifacts.Windows, "(ext4) is not read"},
	} {
		h, err := Disk(save(t, gptDisk(512, c.parts...)))
		if err != nil || h.OS != c.os || !strings.Contains(reasons(h.Limits), c.said) {
			t.Errorf("%s: %v, %+v, want %s and %q", c.what, err, h, c.os, c.said)
		}
	}
}
