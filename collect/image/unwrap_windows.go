package image

import (
	"bytes"
	"fmt"

	"spor/artifacts"
)

// Formats names what images are read, in few words.
const Formats = "raw, fixed VHD; others by the Linux program"

const formats = "a raw image of a disk (MBR or GPT) or of an NTFS volume, and VHD of fixed size; the Linux program reads E01, VHD, VHDX, VMDK and qcow2 too"

// wrapped are the marks of formats that the Linux program reads: this one is to stay small.
var wrapped = []struct{ magic, format string }{
	{"EVF", "E01"}, {"conectix", "VHD of growing size"}, {"vhdxfile", "VHDX"}, {"KDMV", "VMDK"}, {"# Disk DescriptorFile", "VMDK"}, {"QFI\xfb", "qcow2"},
}

func (d *disk) unwrapAs(head []byte, _ string) error {
	for _, w := range wrapped {
		if bytes.HasPrefix(head, []byte(w.magic)) {
			return fmt.Errorf("%s is %w", w.format, ErrFormat)
		}
	}
	if d.size > 1024 { // the footer of a VHD
		if _, err := d.ReadAt(head, d.size-512); err == nil && bytes.HasPrefix(head, []byte("conectix")) {
			d.size -= 512
		}
	}
	return nil
}

// joined is for the Linux program.
func joined(all []volume, _ func(status artifacts.Status, format string, args ...any)) []volume {
	return all
}

// otherDrive is for the Linux program.
func otherDrive(volume, string) (artifacts.Files, []string, error) { return nil, nil, errOther }

// linuxDisk reads nothing here, so that the program for Windows stays small.
func linuxDisk(all []volume, _ string, _ bool) (h *artifacts.Host, limits []artifacts.Outcome) {
	for _, v := range all {
		limits = append(limits, artifacts.Outcome{Source: source, Status: artifacts.Skipped, Reason: v.name + " (" + v.kind + ") is not read here; the Linux program reads ext4, XFS, FAT, exFAT and LVM"})
	}
	return nil, limits
}
