package bundle

import (
	"os"

	"golang.org/x/sys/unix"
)

// writeBehind has the system begin to write a stretch of a file to the disk, without waiting for it (sync_file_range(2)).
// Left to itself it may begin with the first gigabyte only when the volume is synced at its end, and we would wait for all
// of it. A file system that cannot do it says so, and nothing is lost.
func writeBehind(f *os.File, from, length int64) {
	unix.SyncFileRange(int(f.Fd()), from, length, unix.SYNC_FILE_RANGE_WRITE) //nolint:errcheck // see above
}
