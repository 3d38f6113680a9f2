package tree

import (
	"io/fs"

	"spor/artifacts"
)

// Kind tells what a file is by the mode that file systems of Linux store with it (inode(7), S_IFMT).
func Kind(mode uint16) artifacts.Kind {
	switch mode >> 12 {
	case 1:
		return artifacts.Pipe
	case 2, 6:
		return artifacts.Device
	case 4:
		return artifacts.Directory
	case 8:
		return artifacts.Regular
	case 10:
		return artifacts.Symlink
	case 12:
		return artifacts.Socket
	}
	return artifacts.Unknown
}

// Mode gives the permissions of such a mode, with the bits setuid, setgid and sticky.
func Mode(mode uint16) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	if mode&0o4000 != 0 {
		m |= fs.ModeSetuid
	}
	if mode&0o2000 != 0 {
		m |= fs.ModeSetgid
	}
	if mode&0o1000 != 0 {
		m |= fs.ModeSticky
	}
	return m
}
