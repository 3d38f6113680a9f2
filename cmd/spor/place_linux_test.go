package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"spor/artifacts"
)

func TestExplain(t *testing.T) {
	for number, want := range map[error]trouble{
		syscall.ENOSPC: diskFull, syscall.EDQUOT: diskFull, syscall.EFBIG: tooLarge, syscall.EROFS: readOnly, syscall.EIO: diskGone, syscall.ECONNABORTED: diskGone, errGone: diskGone,
	} {
		if got, known := troubleOf(fmt.Errorf("write x: %w", number)); !known || got != want {
			t.Errorf("%v is explained as %q", number, got.what)
		}
		hint, said := explain("/mnt/usb", number)
		if !strings.Contains(said.Error(), "/mnt/usb") || !errors.Is(said, number) || hint == "" {
			t.Errorf("%v: %v; hint %s", number, said, hint)
		}
	}
}

// A folder that is another one all at once, because a disk was pulled, is not written to.
func TestPlaceThatIsAnotherOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "usb")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := newPlace(dir, time.Minute, testOutbox(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if err := write(t, p, "v1", 10); err != nil {
		t.Fatal(err)
	}
	torn, err := p.Create("v2")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(dir, dir+"-pulled"), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := torn.Commit(); !errors.Is(err, errGone) {
		t.Errorf("a volume was finished on a disk that is gone: %v", err)
	}
	if err := write(t, p, "v3", 10); !errors.Is(err, errGone) {
		t.Errorf("a volume was begun in another folder: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("in the other folder: %v, %v", left, err)
	}
	if got := len(p.out.parcels); got != 1 {
		t.Errorf("%d volumes are to be sent, want the one that is finished", got)
	}
}

func TestVolumeForADisk(t *testing.T) {
	j := &job{opts: defaults(), host: &artifacts.Host{Live: true}}
	j.opts.volumeSize = 8 << 30
	for _, c := range []struct {
		disk disk
		size int64
		says string // of the one note; empty: none
	}{
		{disk{free: 1 << 40}, 8 << 30, ""},
		{disk{free: -1}, 8 << 30, ""},
		{disk{free: 1 << 40, fat: true}, maxFAT, "is FAT"},
		{disk{free: 100 << 20}, 8 << 30, "only 100 MiB are free"},
		{disk{free: 1 << 40, system: true}, 8 << 30, "on the disk that is examined"},
	} {
		size, notes := j.volumeOn("/mnt/usb", c.disk)
		if got := strings.Join(notes, "; "); size != c.size || (c.says == "") != (got == "") || !strings.Contains(got, c.says) {
			t.Errorf("%+v: volumes of %d, %q; want %d, %q", c.disk, size, got, c.size, c.says)
		}
	}
}

func TestDiskOf(t *testing.T) {
	root, err := diskOf("/")
	if err != nil || !root.system || root.fat || root.free < 0 {
		t.Errorf("of the root folder: %+v, %v", root, err)
	}
	if d, err := diskOf("/proc"); err != nil || d.system {
		t.Errorf("of /proc: %+v, %v", d, err)
	}
}
