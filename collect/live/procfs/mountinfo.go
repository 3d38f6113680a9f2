package procfs

import (
	"strings"

	"spor/artifacts"
)

// A MountInfo is a line of /proc/PID/mountinfo.
type MountInfo struct {
	artifacts.Mount
	Device  string   // "8:1"
	Options []string // of the mount, then of the file system
}

// MaxMountInfo is more than the mounts of a host full of containers take, in bytes.
const MaxMountInfo = 64 << 20

// Mounts reads mountinfo. Lines that are not of its form are left out. A mount over the same point comes later and
// hides the earlier one. The tree of mounts is finite: a bind mount of a folder above it shows that folder again, but
// not itself, so entering it ends; what is reached twice can be told by Mount.Root and by device and inode.
func Mounts(data []byte) []MountInfo {
	var all []MountInfo
	for line := range strings.Lines(string(data)) {
		if m, ok := parseMount(strings.TrimRight(line, "\n")); ok {
			all = append(all, m)
		}
	}
	return all
}

// parseMount reads "36 35 98:0 /root /point rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue". The number of
// fields before the dash varies.
func parseMount(line string) (MountInfo, bool) {
	head, tail, ok := strings.Cut(line, " - ")
	before, after := strings.Split(head, " "), strings.Split(tail, " ")
	if !ok || len(before) < 6 || len(after) < 2 {
		return MountInfo{}, false
	}
	m := MountInfo{Device: before[2], Options: strings.Split(before[5], ",")}
	m.Path = artifacts.Path(unescape(before[4]))
	m.Type, m.Source = Text(unescape(after[0])), Text(unescape(after[1]))
	if root := unescape(before[3]); root != "/" {
		m.Root = artifacts.Path(root)
	}
	if len(after) > 2 {
		for o := range strings.SplitSeq(after[2], ",") {
			if o != "rw" && o != "ro" || o != m.Options[0] {
				m.Options = append(m.Options, o)
			}
		}
	}
	for i, o := range m.Options {
		m.Options[i] = Text(unescape(o))
	}
	m.Class = Class(m.Type)
	if m.Path == "/" {
		m.Class = artifacts.Local // what the system itself runs from answers, network or not
	}
	return m, strings.HasPrefix(string(m.Path), "/")
}

// unescape undoes the octal escapes that the kernel writes for space, tab, newline, backslash and #.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && len(s) > i+3 && isOctal(s[i+1:i+4]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isOctal(s string) bool {
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7'
}

// Class tells what entering a file system of a type means.
//
// Remote are those whose answer depends on another machine or on a process: network file systems, shares of a
// hypervisor, autofs (entering mounts something), every FUSE, and the cluster file systems, where a look waits for the
// lock of another node. fuseblk is local: ntfs-3g and exfat on a disk of this machine.
//
// Pseudo are those the kernel makes up. tmpfs, ramfs, overlay and squashfs hold files and are local.
func Class(fsType string) artifacts.MountClass {
	if strings.HasPrefix(fsType, "fuse.") {
		return artifacts.Remote
	}
	switch {
	case among(remote, fsType):
		return artifacts.Remote
	case among(pseudo, fsType):
		return artifacts.Pseudo
	}
	return artifacts.Local
}

// Answers tells whether a file system of a type is served by this kernel from what it has at hand: a disk, or memory. Of
// the others that are entered (a FUSE on a disk of this machine, what runs from the network, a type we do not know)
// a call may never come back.
func Answers(fsType string) bool {
	return among(own, fsType) || among(pseudo, fsType)
}

// Types of file systems, with a space around each.
const (
	own = " ext2 ext3 ext4 xfs btrfs f2fs jfs reiserfs reiser4 zfs bcachefs nilfs2 tmpfs ramfs rootfs overlay overlayfs aufs" +
		" squashfs erofs cramfs romfs iso9660 udf vfat msdos exfat ntfs ntfs3 hfs hfsplus ubifs jffs2 minix sysv ufs "
	remote = " nfs nfs4 cifs smb3 smbfs ncpfs 9p afs coda autofs ceph fuse davfs glusterfs lustre orangefs pvfs2 beegfs" +
		" gpfs panfs acfs ocfs2 gfs gfs2 virtiofs vboxsf vmhgfs prl_fs drvfs "
	pseudo = " proc sysfs devpts devtmpfs cgroup cgroup2 cpuset debugfs tracefs securityfs bpf configfs pstore mqueue" +
		" hugetlbfs binfmt_misc efivarfs rpc_pipefs nsfs nfsd fusectl selinuxfs smackfs apparmorfs resctrl dlmfs xenfs" +
		" functionfs usbfs openpromfs oprofilefs sockfs pipefs anon_inodefs bdev ocfs2_dlmfs spufs ipathfs ibmasmfs" +
		" s390_hypfs "
)

// among tells whether a list holds a type. One with a space in it is somebody's joke.
func among(list, fsType string) bool {
	return fsType != "" && !strings.Contains(fsType, " ") && strings.Contains(list, " "+fsType+" ")
}
