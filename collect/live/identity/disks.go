package identity

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// sector is the unit of /sys/block/*/size, whatever the disk's own.
const sector = 512

// maxDisks bounds the block devices that are described.
const maxDisks = 10000

// disks reads /sys/block (Documentation/ABI/stable/sysfs-block). Loop, RAM and the like are left out while empty.
func (r *reader) disks() []Disk {
	entries, _ := r.files.ReadDir("/sys/block")
	var all []Disk
	for _, e := range entries {
		if len(all) == maxDisks {
			r.notes = append(r.notes, artifacts.Outcome{Path: "/sys/block", Status: artifacts.Truncated, Reason: "more block devices than are described"})
			break
		}
		if d := r.disk(e.Name); d.Size > 0 || d.Removable {
			all = append(all, d)
		}
	}
	return all
}

func (r *reader) disk(name string) Disk {
	dir := artifacts.Path("/sys/block/" + name + "/")
	line := func(file artifacts.Path) string { return procfs.Line(r.files, dir+file) }
	d := Disk{
		Name: procfs.Text(name), Model: line("device/model"), Vendor: line("device/vendor"), Serial: cmp.Or(line("serial"), line("device/serial")),
		WWID: cmp.Or(line("wwid"), line("device/wwid")), Size: procfs.Number(r.files, dir+"size") * sector,
		Removable: line("removable") == "1", ReadOnly: line("ro") == "1", Backing: cmp.Or(line("loop/backing_file"), line("dm/name")),
	}
	if page, err := procfs.Read(r.files, dir+"device/vpd_pg80", 1024); d.Serial == "" && err == nil {
		d.Serial = unitSerial(page)
	}
	if v := line("queue/rotational"); v != "" {
		spins := v == "1"
		d.Rotational = &spins
	}
	holders, _ := r.files.ReadDir(dir + "holders")
	for _, h := range holders {
		d.Holders = append(d.Holders, procfs.Text(h.Name))
	}
	parts, _ := r.files.ReadDir(dir)
	for _, p := range parts {
		if strings.HasPrefix(p.Name, name) && len(d.Partitions) < 256 {
			d.Partitions = append(d.Partitions, r.partition(dir+artifacts.Path(p.Name+"/"), p.Name))
		}
	}
	slices.SortFunc(d.Partitions, func(a, b Partition) int { return cmp.Compare(a.Number, b.Number) })
	return d
}

func (r *reader) partition(dir artifacts.Path, name string) Partition {
	p := Partition{
		Name: procfs.Text(name), Number: int(procfs.Number(r.files, dir+"partition")),
		Start: procfs.Number(r.files, dir+"start") * sector, Size: procfs.Number(r.files, dir+"size") * sector,
	}
	// What udev read from the partition's own beginning: /run/udev/data/b8:1, lines "E:ID_FS_UUID=…".
	if device := procfs.Line(r.files, dir+"dev"); device != "" {
		data, _ := procfs.Read(r.files, artifacts.Path("/run/udev/data/b"+device), procfs.Small)
		m := procfs.Map(data, "=")
		p.UUID, p.Label = cmp.Or(m["E:ID_FS_UUID"], m["E:ID_PART_ENTRY_UUID"]), cmp.Or(m["E:ID_FS_LABEL"], m["E:ID_PART_ENTRY_NAME"])
	}
	return p
}

// unitSerial reads the vital product data page 80h of SPC-4: type, page code, length (2, big-endian), serial.
func unitSerial(page []byte) string {
	if len(page) < 4 || page[1] != 0x80 {
		return ""
	}
	n := min(int(binary.BigEndian.Uint16(page[2:])), len(page)-4)
	return procfs.Text(strings.Trim(string(page[4:4+n]), " \x00"))
}

var classNames = map[artifacts.MountClass]string{artifacts.Local: "local", artifacts.Remote: "remote", artifacts.Pseudo: "pseudo"}

// mounts reads the mounts of our own mount namespace.
func (r *reader) mounts() []Mount {
	var all []Mount
	for _, m := range procfs.Mounts(r.read("/proc/self/mountinfo", procfs.MaxMountInfo)) {
		all = append(all, Mount{Mount: m.Mount, Class: classNames[m.Mount.Class], Options: m.Options})
	}
	return all
}
