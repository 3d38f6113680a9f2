package image

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"spor/artifacts"
)

// TestCorpus reads images that others made: the disk in each must have the bytes that libewf or QEMU finds in it, and
// its files must be there.
func TestCorpus(t *testing.T) {
	root := os.Getenv("SPOR_CORPUS")
	if root == "" {
		root = "../../../shared/corpus"
	}
	for _, c := range []struct {
		name, unpack, raw string // commands of sh, on $0 and $1
		file              artifacts.Path
	}{
		{"fs-ntfs/Velocidex-velociraptor/partition_image.E01", `cp "$0" "$1.E01"`, `ewfexport -u -q -f raw -t "$1" "$1.E01" && mv "$1.raw" "$1"; rm "$1".raw.*`, ""},
		{"fs-ntfs/log2timeline-dfvfs/windows_volume.qcow2.gz", `gzip -dc "$0" >"$1.qcow2"`, `qemu-img convert -O raw "$1.qcow2" "$1"`, ""},
		{"fs-ext/log2timeline-plaso/image.qcow2.gz", `gzip -dc "$0" >"$1.qcow2"`, `qemu-img convert -O raw "$1.qcow2" "$1"`, "/passwords.txt"},
		{"fs-other/util-linux-util-linux/blkid/images-fs/exfat.img.xz", `xz -dc "$0" >"$1.raw"`, `cp "$1.raw" "$1"`, ""},
		{"fs-other/log2timeline-plaso/iso9660.raw.gz", `gzip -dc "$0" >"$1.raw"`, `cp "$1.raw" "$1"`, "not read"},
	} {
		t.Run(filepath.Base(c.name), func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(root, c.name)); err != nil {
				t.Skipf("NOT TESTED on a real image: %v", err)
			}
			out := filepath.Join(t.TempDir(), "disk")
			for _, command := range []string{c.unpack, c.raw} {
				if b, err := exec.Command("sh", "-c", command, filepath.Join(root, c.name), out).CombinedOutput(); err != nil {
					t.Skipf("NOT TESTED on a real image: %s: %v: %s", command, err, b)
				}
			}
			found, err := filepath.Glob(out + ".*")
			if err != nil || len(found) != 1 {
				t.Fatalf("%q, %v", found, err)
			}
			d, err := open(found[0])
			if err != nil {
				t.Fatal(err)
			}
			defer d.close()
			want, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			h := sha256.New()
			if n, err := io.Copy(h, io.NewSectionReader(d, 0, d.size)); err != nil || len(d.notes) > 0 || fmt.Sprintf("%x", h.Sum(nil)) != fmt.Sprintf("%x", sha256.Sum256(want)) {
				t.Errorf("%d bytes, %v, notes %q, want the %d of others", n, err, d.notes, len(want))
			}
			judgeHost(t, found[0], c.file)
		})
	}
}

// judgeHost opens an image as a host, and looks for a file; where there is none to look for, for anything.
func judgeHost(t *testing.T, name string, file artifacts.Path) {
	t.Helper()
	host, err := Disk(name)
	if file == "not read" {
		if err == nil || !strings.Contains(err.Error(), "ISO 9660") {
			t.Errorf("%v, want that ISO 9660 is not read", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	list, err := host.Files.ReadDir(host.Files.Roots()[0])
	t.Logf("%s, %d names, %v, limits %q, about %q", host.OS, len(list), err, reasons(host.Limits), host.Disks[0].About)
	if len(list) == 0 || err != nil {
		t.Errorf("nothing is in the root: %v", err)
	}
	if file != "" {
		if st, err := host.Files.Lstat(file); err != nil || st.Size == 0 {
			t.Errorf("%s: %+v, %v", file, st, err)
		}
	}
}
