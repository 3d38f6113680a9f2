package collect

import (
	"io"
	"time"

	"spor/artifacts"
)

// What makes a file sparse for us.
const (
	leastHoles = 16 << 20 // bytes: below, the zeros cost less than a hash that is not of the file's whole content
	mostRuns   = 1 << 16
)

// holes gives the runs of data of a file that has holes worth leaving out, or nil.
func holes(f artifacts.File, size int64) []artifacts.Extent {
	sparse, ok := f.(artifacts.SparseFile)
	if !ok || size < leastHoles {
		return nil
	}
	runs, whole, err := sparse.Extents(mostRuns)
	if err != nil || !whole || size-length(runs) < leastHoles {
		return nil // it is read as it comes
	}
	if runs == nil {
		runs = []artifacts.Extent{}
	}
	return runs
}

func length(runs []artifacts.Extent) (n int64) {
	for _, r := range runs {
		n += r.Length
	}
	return n
}

// within cuts runs off where they have more than so many bytes; zero: no limit.
func within(runs []artifacts.Extent, most int64) ([]artifacts.Extent, int64) {
	var n int64
	for i := range runs {
		if most > 0 && n+runs[i].Length >= most {
			runs[i].Length = most - n
			return runs[:i+1], most
		}
		n += runs[i].Length
	}
	return runs, n
}

// runReader reads runs one after the other.
type runReader struct {
	from io.ReaderAt
	runs []artifacts.Extent
}

func (r *runReader) Read(b []byte) (int, error) {
	for len(r.runs) > 0 && r.runs[0].Length == 0 {
		r.runs = r.runs[1:]
	}
	if len(r.runs) == 0 {
		return 0, io.EOF
	}
	run := &r.runs[0]
	n, err := r.from.ReadAt(b[:min(int64(len(b)), run.Length)], run.Offset)
	if n > 0 {
		err = nil // it comes again
	}
	run.Offset += int64(n)
	run.Length -= int64(n)
	return n, err
}

// onItsWay is what engine.taken has of a path that has no outcome yet.
const onItsWay = 0

// settled is what engine.taken has of others: which outcome in the report, and whether it is a gap for whoever asks.
func settled(outcome int, gap bool) uint32 {
	n := uint32(outcome+1) << 1
	if gap {
		n++
	}
	return n
}

func unsettled(n uint32) (outcome int, gap bool) { return int(n>>1) - 1, n&1 != 0 }

// A fileID names a file, whatever its names are.
type fileID struct{ device, inode uint64 }

// linked is a file with several names that was taken by one of them.
type linked struct {
	name              string // in the sink
	size              int64
	modified, changed time.Time
}

// others are the files with several names that were taken.
type others map[fileID]linked

// maxOthers bounds them; what is beyond is read by each of its names.
const maxOthers = 1 << 16

func (o others) add(it *artifacts.Item, name string) {
	if it.Links > 1 && it.SameAs == "" && it.Sparse == nil && len(o) < maxOthers {
		o[fileID{it.Device, it.Inode}] = linked{name, it.Size, it.Times.Modified, it.Times.Changed}
	}
}

// find gives the name of the item that the same file was taken as, if it has not changed since.
func (o others) find(it *artifacts.Item) string {
	first, ok := o[fileID{it.Device, it.Inode}]
	if !ok || it.Links < 2 || it.Inode == 0 || first.size != it.Size || !first.modified.Equal(it.Times.Modified) || !first.changed.Equal(it.Times.Changed) {
		return ""
	}
	return first.name
}

// detail adds what the file system keeps beside the content, and gives the names of further streams. What could not be
// had is noted once for each reason, not for each file: it is the system that does not tell.
func (r *recorder) detail(it *artifacts.Item, f artifacts.File) []string {
	for {
		l, ok := f.(*limited)
		if !ok {
			break
		}
		f = l.File
	}
	detailed, ok := f.(artifacts.DetailedFile)
	if !ok {
		return nil
	}
	d, err := detailed.Details()
	it.Xattrs, it.ACL = d.Xattrs, d.ACL
	if err != nil {
		_, reason := describe(err)
		r.later(func() { r.tell(it.Origin, reason) }) //nolint:errcheck // it comes again
	}
	return d.Streams
}

// tell notes that what is kept beside the content could not be had, once for each reason.
func (r *recorder) tell(p artifacts.Path, reason string) {
	if told := r.engine.told; !told[reason] && len(told) < 64 {
		told[reason] = true
		r.engine.note(artifacts.Outcome{
			Source: r.collector.Name, Path: p, Status: artifacts.Failed,
			Reason: "what is kept beside the content could not be had: " + reason + " (not said again of other files)",
		})
	}
}
