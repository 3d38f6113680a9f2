package sectors

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"spor/artifacts"
	"spor/collect/live/livetest"
)

// kept is a recorder that keeps content too.
type kept struct {
	livetest.Recorder
	content map[string][]byte
}

func (k *kept) Put(ctx context.Context, it artifacts.Item, r io.Reader) error {
	b, err := io.ReadAll(r)
	if k.content == nil {
		k.content = map[string][]byte{}
	}
	k.content[it.Name] = b
	if err == nil {
		err = k.Recorder.Put(ctx, it, bytes.NewReader(b))
	}
	return err
}

// gpt is a disk of 8 MiB with an NTFS from 1 MiB on and a LUKS behind it, its bytes all told apart.
func gpt() []byte {
	le := binary.LittleEndian
	disk := make([]byte, 8<<20)
	for i := range disk {
		disk[i] = byte(i / 512)
	}
	last := len(disk)/512 - 1
	entries := make([]byte, 128*128)
	for i, p := range [][2]int{{2048, 4095}, {4096, 8191}} {
		e := entries[128*i:]
		e[0], e[16] = 1, byte(i+1)
		le.PutUint64(e[32:], uint64(p[0]))
		le.PutUint64(e[40:], uint64(p[1]))
	}
	copy(disk[2048*512+3:], "NTFS    ")
	copy(disk[4096*512:], "LUKS\xba\xbe")
	for at, c := range map[int]struct{ other, entries int }{1: {last, 2}, last: {1, last - 32}} {
		copy(disk[c.entries*512:], entries)
		h := disk[at*512:][:92]
		clear(h)
		copy(h, "EFI PART")
		le.PutUint32(h[12:], 92)
		le.PutUint64(h[32:], uint64(c.other))
		le.PutUint64(h[72:], uint64(c.entries))
		le.PutUint32(h[80:], 128)
		le.PutUint32(h[84:], 128)
		le.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
		le.PutUint32(h[16:], crc32.ChecksumIEEE(h))
	}
	return disk
}

// TestImage holds what is taken of an image: all before the first partition, the beginning of each volume, the backup of
// the table; and of what is locked no more than its first sector.
func TestImage(t *testing.T) {
	disk := gpt()
	rec := &kept{}
	h := &artifacts.Host{Disks: []artifacts.Disk{{Name: "disk.raw", Size: int64(len(disk)), From: bytes.NewReader(disk), About: map[string]string{"format": "raw"}}}}
	if err := Collector.Collect(t.Context(), h, rec); err != nil {
		t.Fatal(err)
	}
	d := rec.Records[0].(Disk)
	if d.Scheme != "GPT" || len(d.Parts) != 2 || d.Parts[0].Holds != "NTFS" || d.Parts[1].Holds != "LUKS, locked" || d.Parts[1].Start != 2<<20 || len(d.Notes) > 0 || d.About["format"] != "raw" {
		t.Errorf("%+v", d)
	}
	end := len(disk)
	for name, want := range map[string][]byte{
		"first": disk[:1<<20], "partition-1": disk[1<<20:][:8192], "partition-2": disk[2<<20:][:512],
		"table-1": disk[end-33*512 : end-512], "table-2": disk[end-512:],
	} {
		name = "live/boot_sectors/disk-0/" + name + ".bin"
		if got := rec.content[name]; !bytes.Equal(got, want) || !slices.Contains(d.Items, name) {
			t.Errorf("%s: %d bytes, want %d; items %q", name, len(got), len(want), d.Items)
		}
	}
	if len(rec.content) != 5 {
		t.Errorf("items %q", d.Items)
	}
	wiped := &kept{}
	h.Disks[0].From = bytes.NewReader(make([]byte, len(disk)))
	if err := Collector.Collect(t.Context(), h, wiped); err != nil {
		t.Fatal(err)
	}
	if d := wiped.Records[0].(Disk); len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "neither") || len(wiped.content["live/boot_sectors/disk-0/first.bin"]) != 512 {
		t.Errorf("a wiped disk: %+v, %d items", d, len(wiped.content))
	}
}

// TestRunning compares what is taken of the machine's disks with the devices.
func TestRunning(t *testing.T) {
	rec := &kept{}
	if err := Collector.Collect(t.Context(), &artifacts.Host{OS: artifacts.Linux, Live: true, Root: os.Geteuid() == 0}, rec); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		if len(rec.Notes) != 1 || rec.Notes[0].Status != artifacts.Denied {
			t.Errorf("notes %+v, want one that says that root is needed", rec.Notes)
		}
		t.Skip("not root: NOT compared with the disks")
	}
	for i, r := range rec.Records {
		d := r.(Disk)
		f, err := os.Open(d.Name)
		if err != nil {
			t.Errorf("%+v: %v", d, err)
			continue
		}
		got := rec.content[d.Items[0]]
		want := make([]byte, len(got))
		if _, err := io.ReadFull(f, want); err != nil || len(got) < 512 || !bytes.Equal(got, want) {
			t.Errorf("disk %d, %s: %d bytes, %v", i, d.Name, len(got), err)
		}
		f.Close()
		t.Logf("%+v", d)
	}
	if total := func() (n int) {
		for _, b := range rec.content {
			n += len(b)
		}
		return n
	}(); total > 2<<20*max(1, len(rec.Records)) {
		t.Errorf("%d bytes of %d disks, want at most 2 MiB of each", total, len(rec.Records))
	}
	if len(rec.Records) == 0 {
		t.Logf("no disk: NOT compared; notes %+v", rec.Notes)
	}
}

func TestOther(t *testing.T) {
	for name, want := range map[string]bool{"loop0": true, "dm-3": true, "md127": true, "sda": false, "nvme0n1": false, "sr0": true, "mmcblk0": false, "vda": false, "fd0": true, "srx": false} {
		if got := other(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
