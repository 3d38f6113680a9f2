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

// Take takes the file behind one of the links of /proc that lead to an open file, such as /proc/PID/exe: whole, deleted or
// not. It gives the size, and true where it is stored, with the link for its origin; why it was not is noted. The error is
// the recorder's.
func Take(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder, p artifacts.Path) (size int64, ok bool, err error) {
	f, st, err := openLink(h.Files, p)
	if err != nil {
		if o, bad := procfs.Outcome(p, err); bad { // a process that has ended is no matter
			rec.Note(o)
		}
		return 0, false, nil
	}
	defer f.Close()
	if st.Size > maxTaken {
		rec.Note(artifacts.Outcome{Path: p, Status: artifacts.Skipped, Reason: fmt.Sprintf("is %d bytes long; the limit is %d", st.Size, maxTaken)})
		return 0, false, nil
	}
	it := artifacts.Item{
		Origin: p, Size: st.Size, Times: st.Times, Mode: uint32(st.Mode), UID: st.UID, GID: st.GID, Inode: st.Inode, Device: st.Device, Method: f.Method(),
	}
	return st.Size, true, rec.Put(ctx, it, io.LimitReader(f, st.Size))
}

// openLink opens what a link leads to, but for what may never answer.
func openLink(files artifacts.Files, p artifacts.Path) (artifacts.File, artifacts.Stat, error) {
	link, err := files.Readlink(p)
	if err != nil {
		return nil, artifacts.Stat{}, err
	}
	x := images{files: files}
	if x.remote(artifacts.Path(strings.TrimSuffix(string(link), deletedMark))) {
		return nil, artifacts.Stat{}, errRemote
	}
	f, err := files.Open(p)
	if err != nil {
		return nil, artifacts.Stat{}, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, st, err
	}
	return f, st, nil
}
