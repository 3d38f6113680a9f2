package rawfile

import (
	"compress/bzip2"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"spor/build/ntfs"
)

// TestCorpus compares real volumes with what The Sleuth Kit says of them.
func TestCorpus(t *testing.T) {
	root := os.Getenv("SPOR_CORPUS")
	if root == "" {
		root = "../../../shared/corpus"
	}
	for _, c := range []struct {
		name   string
		unpack func(io.Reader) (io.Reader, error)
	}{
		{"fs-ntfs/Velocidex-go-ntfs/tests/ads_with_same_ids/charlie.dd.bz2", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
		{"fs-ntfs/msuhanov-dfir_ntfs/ntfs3.raw.gz", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		{"fs-ntfs/util-linux-util-linux/blkid/images-fs/ntfs.img.xz", nil},
	} {
		t.Run(filepath.Base(c.name), func(t *testing.T) {
			packed := filepath.Join(root, c.name)
			f, err := os.Open(packed)
			if err != nil {
				t.Skipf("NOT TESTED on a real volume: %v", err)
			}
			defer f.Close()
			image := filepath.Join(t.TempDir(), "image")
			out, err := os.Create(image)
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			if c.unpack == nil {
				ntfs.Need(t, "xz")
				cmd := exec.Command("xz", "-dc", packed)
				cmd.Stdout = out
				err = cmd.Run()
			} else {
				var r io.Reader
				if r, err = c.unpack(f); err == nil {
					_, err = io.Copy(out, r)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			v := openImage(t, image, 512)
			compareSleuthkit(t, v, image)
		})
	}
}
