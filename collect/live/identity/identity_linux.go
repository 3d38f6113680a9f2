package identity

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"spor/artifacts"
)

func collect(ctx context.Context, h *artifacts.Host, rec artifacts.Recorder) error {
	if h.OS == artifacts.Windows {
		out, notes := ofWindows(h)
		for _, o := range notes {
			rec.Note(o)
		}
		return rec.Record(out)
	}
	out, notes := Read(ctx, h.Files)
	out.Identity = h.Identity
	if h.Live {
		if err := addresses(out.Interfaces); err != nil {
			notes = append(notes, artifacts.Outcome{Status: artifacts.Failed, Reason: fmt.Sprintf("addresses of interfaces: %v", err)})
		}
		notes = append(notes, sizes(ctx, out.Mounts)...)
	}
	for _, o := range notes {
		rec.Note(o)
	}
	return rec.Record(out)
}

// addresses asks the kernel by rtnetlink(7) for the addresses of every interface; those of the files are among them.
func addresses(all []Interface) error {
	live, err := net.Interfaces()
	if err != nil {
		return err
	}
	byIndex := map[int]net.Interface{}
	for _, n := range live {
		byIndex[n.Index] = n
	}
	var errs []error
	for i := range all {
		n, ok := byIndex[all[i].Index]
		if !ok {
			continue
		}
		list, err := n.Addrs()
		errs = append(errs, err)
		for _, a := range list {
			all[i].Addresses = appendNew(all[i].Addresses, a.String())
		}
	}
	return errors.Join(errs...)
}

// sizes asks local file systems alone: statfs(2) of one on the network can hang for ever.
func sizes(ctx context.Context, all []Mount) (notes []artifacts.Outcome) {
	for i := range all {
		m := &all[i]
		if m.Mount.Class != artifacts.Local {
			continue
		}
		if ctx.Err() != nil {
			return append(notes, artifacts.Outcome{Status: artifacts.Truncated, Reason: context.Cause(ctx).Error()})
		}
		var st unix.Statfs_t
		switch err := unix.Statfs(string(m.Path), &st); {
		case err == nil:
			unit := uint64(st.Bsize) //nolint:unconvert,gosec // its type differs by architecture; never negative
			m.Size, m.Free, m.Files = st.Blocks*unit, st.Bfree*unit, st.Files-st.Ffree
		case errors.Is(err, unix.EACCES):
			notes = append(notes, artifacts.Outcome{Path: m.Path, Status: artifacts.Denied, Reason: "size of the file system: " + err.Error()})
		}
	}
	return notes
}
