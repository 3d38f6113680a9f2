package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"spor/artifacts"
)

// maxLines bounds the JSON lines held in memory before they are stored, in bytes.
const maxLines = 4 << 20

var errAbandoned = errors.New("source was left behind")

// A recorder takes what one collector finds. What the collector itself waits for, the host's answers, is on this page;
// what is done with them is in storing.go. Its lock is never held across a call to the host or to the sink, so that a
// collector that hangs there can be left behind.
type recorder struct {
	engine    *engine
	collector *artifacts.Collector
	ctx       context.Context
	storing

	mu      sync.Mutex     // also guards engine.taken
	gone    bool           // the collector was left behind; what it still brings is dropped
	fatal   error          // of the sink
	broken  error          // a panic while something was stored
	reading artifacts.Path // what the host was asked for, until it answers
	lines   []byte         // of JSON, not stored yet

	// Of the goroutine that stores.
	chunks int // items of lines that were stored
	items  int
	bytes  int64
	best   bool // something was collected, or would be
	noted  int
}

var _ artifacts.Recorder = (*recorder)(nil)

func (r *recorder) abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
}

// over tells whether nothing more can be recorded; r.mu is held.
func (r *recorder) over() error {
	if r.gone {
		return errAbandoned
	}
	return cmp.Or(r.fatal, r.broken)
}

// Note implements artifacts.Recorder.
func (r *recorder) Note(o artifacts.Outcome) {
	r.later(func() { r.note(o) }) //nolint:errcheck // the collector learns it from what it does next
}

// Record implements artifacts.Recorder.
func (r *recorder) Record(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("record of %s: %w", r.collector.Name, err)
	}
	r.mu.Lock()
	if err = r.over(); err == nil {
		r.lines = append(append(r.lines, line...), '\n')
	}
	full := len(r.lines) >= maxLines
	r.mu.Unlock()
	if err != nil || !full {
		return err
	}
	return r.now(r.storeLines)
}

// Put implements artifacts.Recorder.
func (r *recorder) Put(ctx context.Context, it artifacts.Item, content io.Reader) error {
	if it.Read.IsZero() {
		it.Read = r.engine.opts.Now()
	}
	if r.engine.opts.Dry {
		return r.later(func() { r.note(artifacts.Outcome{Path: it.Origin, Status: artifacts.Skipped, Reason: DryRun}) })
	}
	src := guard(ctx, content, nil)
	defer src.Close()
	return r.now(func() { r.store(offer{it, io.NopCloser(src), ""}) })
}

// key stands for a path in memory. Its seed is this process's, so that nobody can make two paths share one.
func (r *recorder) key(p artifacts.Path) uint64 {
	if r.engine.host.OS.FoldsCase() {
		return maphash.String(seed, strings.ToLower(string(p)))
	}
	return maphash.String(seed, string(p))
}

var seed = maphash.MakeSeed()

// Take implements artifacts.Recorder. The file is opened, and read if it is small, before it returns; it is stored later.
func (r *recorder) Take(ctx context.Context, p artifacts.Path) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	again, err := r.begin(p)
	if err != nil {
		return err
	}
	if again {
		return r.later(func() { r.again(p) })
	}
	o, err := r.beyond(p)
	if err != nil {
		return err
	}
	var (
		it    artifacts.Item
		f     artifacts.File
		limit string
	)
	if o == nil {
		it, f, limit, o = r.open(p)
	}
	if o != nil {
		return r.later(func() { r.settled(p, *o) })
	}
	if it.Link != "" {
		return r.later(func() { r.store(offer{it, newBytes(nil), ""}) })
	}
	streams := r.detail(&it, f)
	content := r.content(ctx, &it, f)
	if err := r.later(func() { r.store(offer{it, content, limit}) }); err != nil {
		content.Close()
		return err
	}
	for _, s := range streams {
		if err := r.Take(ctx, p+artifacts.Path(":"+s)); err != nil {
			return err
		}
	}
	return nil
}

// begin marks the file that the collector's goroutine asks the host for, so that one that hangs there can be named. again
// tells that this was done before.
func (r *recorder) begin(p artifacts.Path) (again bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.over(); err != nil {
		return false, err
	}
	key := r.key(p)
	if again = r.engine.taken.Has(key); !again {
		r.engine.taken.Put(key, onItsWay)
		r.reading = p
	}
	return again, nil
}

// beyond tells what is to be said of a file that the limit of the run leaves out. A run with such a limit goes step by
// step, for how much was stored decides.
func (r *recorder) beyond(p artifacts.Path) (o *artifacts.Outcome, err error) {
	most := r.engine.opts.MaxTotal
	if most <= 0 {
		return nil, nil
	}
	err = r.now(func() {
		if r.engine.report.Bytes >= most {
			o = &artifacts.Outcome{Path: p, Status: artifacts.Skipped, Reason: fmt.Sprintf("%v: %d bytes", errSizeLimit, most), Gap: true}
		}
	})
	return o, err
}

// content begins to read an open file, a small one to its end. It closes the file.
func (r *recorder) content(ctx context.Context, it *artifacts.Item, f artifacts.File) io.ReadCloser {
	if it.Size < 0 || it.Size > smallFile || it.Sparse != nil {
		return guard(ctx, f, f.Close)
	}
	return slurp(ctx, f)
}

// open looks at what lies at p and opens it. Where it cannot be taken, it says why by an outcome instead.
func (r *recorder) open(p artifacts.Path) (it artifacts.Item, f artifacts.File, limit string, o *artifacts.Outcome) {
	no := func(status artifacts.Status, format string, args ...any) (artifacts.Item, artifacts.File, string, *artifacts.Outcome) {
		return it, nil, "", &artifacts.Outcome{Path: p, Status: status, Reason: fmt.Sprintf(format, args...)}
	}
	e := r.engine
	st, err := e.host.Files.Lstat(p)
	if err != nil {
		status, reason := describe(err)
		return no(status, "%s", reason)
	}
	it = item(p, st)
	it.Read = e.opts.Now()
	switch {
	case e.opts.Dry:
		return it, nil, "", &artifacts.Outcome{Path: p, Status: artifacts.Skipped, Reason: DryRun, Bytes: st.Size}
	case e.isSelf(p):
		return no(artifacts.Skipped, "is our own")
	case r.withheld(p) != "":
		return no(artifacts.Skipped, "%s", r.withheld(p))
	case st.Kind == artifacts.Symlink:
		if it.Link, err = e.host.Files.Readlink(p); err != nil {
			status, reason := describe(err)
			return no(status, "%s", reason)
		}
		it.Size = 0
		return it, nil, "", nil
	case st.Kind != artifacts.Regular && st.Kind != artifacts.Unknown:
		return no(artifacts.Skipped, "is a %s; only files are read", st.Kind)
	case !e.opts.Since.IsZero() && st.Times.Modified.Before(e.opts.Since) && st.Times.Changed.Before(e.opts.Since):
		return no(artifacts.Skipped, "not changed since %s", e.opts.Since.UTC().Format("2006-01-02T15:04:05Z"))
	}
	if f, err = e.host.Files.Open(p); err != nil {
		status, reason := describe(err)
		return no(status, "%s", reason)
	}
	whole, why := r.look(f, st.Size)
	if why != "" {
		f.Close()
		return no(artifacts.Skipped, "%s", why)
	}
	return r.opened(it, whole)
}

// opened fixes the length that is taken: what the file has now, however it grows, and at most the limit.
func (r *recorder) opened(it artifacts.Item, f artifacts.File) (artifacts.Item, artifacts.File, string, *artifacts.Outcome) {
	st, err := f.Stat()
	if err != nil {
		status, reason := describe(err)
		f.Close()
		return it, nil, "", &artifacts.Outcome{Path: it.Origin, Status: status, Reason: reason}
	}
	read, link := it.Read, it.Link
	it = item(it.Origin, st)
	it.Read, it.Link, it.Method = read, link, f.Method()
	it.After = func() string { return changed(st, f, r.engine.host.Files, it.Origin) }
	most, limit := r.engine.opts.MaxFile, ""
	if runs := holes(f, st.Size); runs != nil {
		it.Sparse = &artifacts.Sparse{Size: st.Size}
		data := length(runs)
		if it.Sparse.Runs, it.Size = within(runs, most); it.Size < data {
			limit = fmt.Sprintf("has %d bytes of data; the limit is %d", data, most)
		}
		return it, &limited{f, &runReader{from: f.(io.ReaderAt), runs: slices.Clone(it.Sparse.Runs)}}, limit, nil
	}
	it.Size = st.Size
	if most > 0 && it.Size > most {
		it.Size, limit = most, fmt.Sprintf("is %d bytes long; the limit is %d", st.Size, most)
	}
	if it.Size > 0 {
		return it, &limited{f, io.LimitReader(f, it.Size)}, limit, nil
	}
	it.Size = -1 // a pseudo file says 0 and has content
	return it, f, limit, nil
}

type limited struct {
	artifacts.File
	r io.Reader
}

func (l *limited) Read(b []byte) (int, error) { return l.r.Read(b) }

func item(p artifacts.Path, st artifacts.Stat) artifacts.Item {
	it := artifacts.Item{
		Origin: p, Size: st.Size, Times: st.Times, Mode: uint32(st.Mode), UID: st.UID, GID: st.GID,
		Inode: st.Inode, Device: st.Device, Attributes: st.Attributes,
	}
	if st.Links > 1 {
		it.Links = st.Links
	}
	return it
}

// changed compares an open file, and where its name leads, with what they were when it was opened.
func changed(before artifacts.Stat, f artifacts.File, files artifacts.Files, p artifacts.Path) string {
	now, err := f.Stat()
	if err != nil {
		return ""
	}
	var words []string
	switch {
	case now.Size > before.Size:
		words = append(words, "grew")
	case now.Size < before.Size:
		words = append(words, "shrank")
	case !now.Times.Modified.Equal(before.Times.Modified):
		words = append(words, "modified")
	}
	if len(words) > 0 || !now.Times.Changed.Equal(before.Times.Changed) || now.Links != before.Links {
		named, err := files.Lstat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			words = append(words, "removed")
		case err == nil && (named.Inode != before.Inode || named.Device != before.Device):
			words = append(words, "rotated")
		}
	}
	return strings.Join(words, ", ")
}

func (e *engine) isSelf(p artifacts.Path) bool {
	return slices.ContainsFunc(e.host.Self, func(own artifacts.Path) bool {
		return p == own || strings.HasSuffix(string(own), ".") && strings.HasPrefix(string(p), string(own))
	})
}

// describe sorts an error of the host into an outcome.
func describe(err error) (artifacts.Status, string) {
	var pe *fs.PathError
	reason := err
	if errors.As(err, &pe) { // the outcome names the path already
		reason = fmt.Errorf("%s: %w", pe.Op, pe.Err)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return artifacts.Failed, "vanished before it was read"
	case errors.Is(err, fs.ErrPermission):
		return artifacts.Denied, reason.Error()
	case errors.Is(err, artifacts.ErrRemote):
		return artifacts.Skipped, artifacts.ErrRemote.Error()
	case errors.Is(err, artifacts.ErrNotRegular):
		return artifacts.Skipped, "is no regular file any more; it was not opened"
	}
	return artifacts.Failed, reason.Error()
}

// settle notes the outcome of the source as a whole, where its own do not say it.
func (r *recorder) settle(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone && r.reading != "" {
		r.note(artifacts.Outcome{Path: r.reading, Status: artifacts.Failed, Reason: "reading it did not come to an end: " + err.Error(), Gap: isLimit(err)})
	}
	o := artifacts.Outcome{Status: artifacts.Failed}
	switch {
	case err == nil && r.noted == 0:
		o.Status, o.Reason = artifacts.Absent, "nothing found"
	case err == nil && r.collector.Required && !r.best:
		o.Status, o.Reason = artifacts.Absent, "nothing of it is on this host"
	case err == nil:
		return
	case errors.Is(err, fs.ErrPermission):
		o.Status, o.Reason = artifacts.Denied, err.Error()
	case r.best:
		o.Status, o.Reason = artifacts.Truncated, err.Error()
	case isLimit(err), errors.Is(err, context.Canceled):
		o.Status, o.Reason = artifacts.Skipped, err.Error()
	default:
		o.Reason = err.Error()
	}
	o.Gap = r.collector.Required || isLimit(err)
	o.Source = r.collector.Name
	r.engine.note(o)
}
