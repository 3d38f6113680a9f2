package processes

import (
	"context"
	"fmt"
	"io"
	"strings"

	"spor/artifacts"
	"spor/collect/live/procfs"
)

// maxTaken is how much is taken of one executable, in bytes.
const maxTaken = 256 << 20

// TakeExe takes the file that a process runs, deleted or not, and gives the origin it is stored under: /proc/PID/exe;
// empty: it was not to be had, which is noted. The error is the recorder's.
func TakeExe(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, pid int) (artifacts.Path, error) {
	p := procfs.Of(pid, "exe")
	link, err := h.Files.Readlink(p)
	if err != nil {
		noteUntaken(rec, p, err)
		return "", nil
	}
	x := images{files: h.Files}
	if x.remote(artifacts.Path(strings.TrimSuffix(string(link), deletedMark))) {
		noteUntaken(rec, p, errRemote)
		return "", nil
	}
	return take(ctx, h, rec, p)
}

// take stores the content behind one of the links of /proc that lead to an open file.
func take(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, p artifacts.Path) (artifacts.Path, error) {
	f, err := h.Files.Open(p)
	if err != nil {
		noteUntaken(rec, p, err)
		return "", nil
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		noteUntaken(rec, p, err)
		return "", nil
	}
	if st.Size > maxTaken {
		rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Skipped, Reason: fmt.Sprintf("is %d bytes long; the limit is %d", st.Size, maxTaken)})
		return "", nil
	}
	it := artifacts.Item{
		Origin: p, Size: st.Size, Times: st.Times, Mode: uint32(st.Mode), UID: st.UID, GID: st.GID, Inode: st.Inode, Device: st.Device, Method: f.Method(),
	}
	return p, rec.Put(ctx, it, io.LimitReader(f, st.Size))
}

// noteUntaken says why a file could not be taken. A process that has ended is no matter.
func noteUntaken(rec artifacts.Recorder, p artifacts.Path, err error) {
	if o, bad := procfs.Outcome(p, err); bad {
		rec.Note(o)
	}
}
