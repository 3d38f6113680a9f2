package storage

import (
	"os"
	"slices"
	"testing"

	"spor/artifacts"
	"spor/collect/host"
	"spor/collect/live/livetest"
)

func TestDevices(t *testing.T) {
	tree := livetest.Tree{
		"/sys/class/block/sda/size":                livetest.Text("2048\n"),
		"/sys/class/block/sda/dev":                 livetest.Text("8:0\n"),
		"/sys/class/block/sda/device/model":        livetest.Text("QEMU HARDDISK   \n"),
		"/sys/class/block/sda2/size":               livetest.Text("1024\n"),
		"/sys/class/block/sda2/start":              livetest.Text("512\n"),
		"/sys/class/block/sda2/partition":          livetest.Text("2\n"),
		"/sys/class/block/sda2/holders/dm-0":       livetest.Link("../../dm-0"),
		"/sys/class/block/dm-0/size":               livetest.Text("1000\n"),
		"/sys/class/block/dm-0/dm/name":            livetest.Text("secret\n"),
		"/sys/class/block/dm-0/dm/uuid":            livetest.Text("CRYPT-LUKS2-8c0d-secret\n"),
		"/sys/class/block/dm-0/slaves/sda2":        livetest.Link("../../sda2"),
		"/sys/class/block/md0/size":                livetest.Text("4096\n"),
		"/sys/class/block/md0/md/level":            livetest.Text("raid1\n"),
		"/sys/class/block/md0/md/array_state":      livetest.Text("clean\n"),
		"/sys/class/block/md0/md/raid_disks":       livetest.Text("2\n"),
		"/sys/class/block/md0/md/degraded":         livetest.Text("1\n"),
		"/sys/class/block/loop0/size":              livetest.Text("0\n"),
		"/sys/class/block/loop1/size":              livetest.Text("8\n"),
		"/sys/class/block/loop1/loop/backing_file": livetest.Text("/tmp/a.img (deleted)\n"),
		"/dev/disk/by-uuid/8c0d":                   livetest.Link("../../sda2"),
		"/dev/disk/by-label/data":                  livetest.Link("../../sda2"),
		"/sys/fs/btrfs/11-22/label":                livetest.Text("pool\n"),
		"/sys/fs/btrfs/11-22/devices/sdb":          livetest.Link("../../sdb"),
	}
	all, notes := livetest.Run[Device](t, Devices, &artifacts.Host{Files: tree.Files()})
	by := map[string]Device{}
	for _, d := range all {
		by[d.Name] = d
	}
	if len(all) != 6 || len(notes) != 0 {
		t.Errorf("%d devices %+v, notes %v", len(all), all, notes)
	}
	if d := by["sda"]; d.Size != 2048*512 || d.Number != "8:0" || d.Model != "QEMU HARDDISK" {
		t.Errorf("disk %+v", d)
	}
	if d := by["sda2"]; d.Start != 512*512 || d.Partition != 2 || !slices.Equal(d.HeldBy, []string{"dm-0"}) || !slices.Equal(d.Names, []string{"by-label/data", "by-uuid/8c0d"}) {
		t.Errorf("partition %+v", d)
	}
	if d := by["dm-0"]; d.Kind != "crypt" || d.Mapped != "secret" || !slices.Equal(d.MadeOf, []string{"sda2"}) {
		t.Errorf("LUKS %+v", d)
	}
	if d := by["md0"]; d.Kind != "raid" || d.Level != "raid1" || d.RaidDisks != 2 || d.Degraded != 1 {
		t.Errorf("RAID %+v", d)
	}
	if by["loop1"].Backing != "/tmp/a.img (deleted)" || by["pool"].Kind != "btrfs" {
		t.Errorf("%+v", by)
	}
}

// A mount below one on the network is not asked for its size: the way to it may hang.
func TestMounts(t *testing.T) {
	tree := livetest.Tree{
		"/proc/self/ns/mnt": livetest.Link("mnt:[1]"),
		"/proc/self/mountinfo": livetest.Text("27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 0:40 / /tmp rw - nfs4 srv:/x rw\n" +
			"29 28 0:41 / /tmp/below rw - tmpfs t rw\n30 27 0:42 / /proc rw - proc proc rw\n"),
		"/proc/9/ns/mnt":    livetest.Link("mnt:[2]"),
		"/proc/9/mountinfo": livetest.Text("40 1 0:50 / / rw - overlay overlay rw,lowerdir=/a,upperdir=/b\n"),
		"/proc/10/ns/mnt":   livetest.Link("mnt:[1]"),
		"/proc/swaps":       livetest.Text("Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 100 40 -2\n"),
	}
	all, notes := livetest.Run[Mount](t, Mounts, &artifacts.Host{Files: tree.Files()})
	if len(all) != 6 || len(notes) != 0 {
		t.Fatalf("%+v, notes %v", all, notes)
	}
	if all[0].Size == 0 || all[1].Size != 0 || all[2].Size != 0 || all[3].Size != 0 {
		t.Errorf("sizes %+v", all)
	}
	if m := all[4]; !m.Other || m.PID != 9 || m.Namespace != 2 || !slices.Contains(m.Options, "upperdir=/b") {
		t.Errorf("other namespace %+v", m)
	}
	if m := all[5]; m.Type != "swap" || m.Size != 100<<10 || m.Free != 60<<10 {
		t.Errorf("swap %+v", m)
	}
}

func TestRunningSystem(t *testing.T) {
	h, err := host.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/sys/class/block"); err != nil {
		t.Skipf("NOT tested on the running system: %v", err)
	}
	all, _ := livetest.Run[Mount](t, Mounts, h)
	if !slices.ContainsFunc(all, func(m Mount) bool { return m.Path == "/" && m.Size > 0 && !m.Other }) {
		t.Errorf("no root with a size in %+v", all)
	}
	if _, err := h.Files.ReadDir("/sys/class/block"); err == nil {
		livetest.Run[Device](t, Devices, h)
	}
}
