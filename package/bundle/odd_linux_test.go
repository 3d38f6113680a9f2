package bundle

import (
	"io/fs"
	"syscall"
)

// allocated is what a file takes of the disk, in bytes.
func allocated(info fs.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Blocks * 512 }
