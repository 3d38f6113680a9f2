package collect

import (
	"bytes"
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

// A recorder takes what one collector finds. Its lock is never held across a call to the host, so that a collector that
// hangs there can be left behind.
type recorder struct {
	engine    *engine
	collector *artifacts.Collector
	ctx       context.Context

	mu     sync.Mutex
	gone   bool // the collector was left behind; what it still brings is dropped
	fatal  error
	lines  bytes.Buffer
	chunks int // items of lines that were stored
	items  int
	bytes  int64
	best   bool // something was collected
	noted  int

	reading artifacts.Path // what the host was asked for, until it answers
}

var _ artifacts.Recorder = (*recorder)(nil)

func (r *recorder) abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
}

// over tells whether nothing more can be recorded.
func (r *recorder) over() error {
	if r.gone {
		return errAbandoned
	}
	return r.fatal
}

// Note implements artifacts.Recorder.
func (r *recorder) Note(o artifacts.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return
	}
	r.note(o)
}

func (r *recorder) note(o artifacts.Outcome) {
	o.Source = r.collector.Name
	// A live collector notes single things that every host refuses (one process, one socket): they are no gap by
	// themselves. That it took nothing at all is, see settle.
	if r.collector.Required && r.collector.Needs&artifacts.NeedsLive == 0 && o.Status != artifacts.Absent && o.Status != artifacts.Collected {
		o.Gap = true
	}
	r.best = r.best || o.Status == artifacts.Collected
	r.noted++
	r.engine.note(o)
}

// Record implements artifacts.Recorder.
func (r *recorder) Record(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("record of %s: %w", r.collector.Name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.over(); err != nil {
		return err
	}
	r.lines.Write(line)
	r.lines.WriteByte('\n')
	if r.lines.Len() < maxLines {
		return nil
	}
	return r.storeLines()
}

// flush stores the lines that are still held, of a source that was cut off too.
func (r *recorder) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fatal != nil || r.lines.Len() == 0 {
		return r.fatal
	}
	return r.storeLines()
}

func (r *recorder) storeLines() error {
	if r.engine.opts.Dry {
		r.note(artifacts.Outcome{Status: artifacts.Skipped, Reason: DryRun, Bytes: int64(r.lines.Len())})
		r.lines.Reset()
		return nil
	}
	name := fmt.Sprintf("live/%s.jsonl", r.collector.Name)
	if r.chunks > 0 {
		name = fmt.Sprintf("live/%s.%d.jsonl", r.collector.Name, r.chunks+1)
	}
	r.chunks++
	it := artifacts.Item{Name: name, Size: int64(r.lines.Len()), Method: "live", Read: r.engine.opts.Now()}
	stored, err := r.store(it, bytes.NewReader(r.lines.Bytes()))
	if err != nil {
		return err
	}
	r.lines.Reset()
	r.note(artifacts.Outcome{Status: artifacts.Collected, Item: stored.Name, Bytes: stored.Size})
	return nil
}

// store hands an item to the sink; r.mu is held.
func (r *recorder) store(it artifacts.Item, content io.Reader) (artifacts.Stored, error) {
	it.Source = r.collector.Name
	stored, err := r.engine.sink.Put(r.ctx, it, content)
	if err != nil {
		r.fatal = err
		return stored, err
	}
	r.items++
	r.bytes += stored.Size
	r.engine.report.Items++
	r.engine.report.Bytes += stored.Size
	return stored, nil
}

// Put implements artifacts.Recorder.
func (r *recorder) Put(ctx context.Context, it artifacts.Item, content io.Reader) error {
	if it.Read.IsZero() {
		it.Read = r.engine.opts.Now()
	}
	src := guard(ctx, content, nil)
	defer src.Close()
	return r.put(it, src, "")
}

// put stores an item under the lock and notes what came of it. The limit says why the content is shorter than its source,
// where it is.
func (r *recorder) put(it artifacts.Item, content io.Reader, limit string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.over(); err != nil {
		return err
	}
	r.reading = ""
	if r.engine.opts.Dry {
		r.note(artifacts.Outcome{Path: it.Origin, Status: artifacts.Skipped, Reason: DryRun})
		return nil
	}
	stored, err := r.store(it, content)
	if err != nil {
		return err
	}
	o := artifacts.Outcome{Path: stored.Shared(it.Origin), Status: artifacts.Collected, Item: stored.Name, Bytes: stored.Size}
	switch {
	case stored.Cut != nil:
		o.Status, o.Reason = artifacts.Truncated, stored.Cut.Error()
		o.Gap = isLimit(stored.Cut)
	case limit != "":
		o.Status, o.Reason, o.Gap = artifacts.Truncated, limit, true
	}
	gap := o.Gap
	r.note(o)
	r.remember(it.Origin, gap)
	if o.Status == artifacts.Collected {
		r.engine.names.add(&it, stored.Name)
	}
	return nil
}

// remember keeps the outcome noted last as that of p. What it meant for its source, gap, is not part of it.
func (r *recorder) remember(p artifacts.Path, gap bool) {
	if p != "" {
		r.engine.taken[r.key(p)] = settled{len(r.engine.report.Outcomes) - 1, gap}
	}
}

// key stands for a path in memory. Its seed is this process's, so that nobody can make two paths share one.
func (r *recorder) key(p artifacts.Path) uint64 {
	if r.engine.host.OS.FoldsCase() {
		return maphash.String(seed, strings.ToLower(string(p)))
	}
	return maphash.String(seed, string(p))
}

var seed = maphash.MakeSeed()

// Take implements artifacts.Recorder.
func (r *recorder) Take(ctx context.Context, p artifacts.Path) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	settled, what, err := r.before(p)
	if err != nil {
		return err
	}
	if settled {
		r.Note(what)
		return nil
	}
	r.begin(p)
	it, f, limit, o := r.open(p)
	if o != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if err := r.over(); err != nil {
			return err
		}
		r.reading = ""
		gap := o.Gap
		r.note(*o)
		r.remember(p, gap)
		return nil
	}
	if it.Link != "" {
		return r.put(it, strings.NewReader(""), "")
	}
	streams := r.detail(&it, f)
	if err := r.putFile(ctx, it, f, limit); err != nil {
		return err
	}
	for _, s := range streams {
		if err := r.Take(ctx, p+artifacts.Path(":"+s)); err != nil {
			return err
		}
	}
	return nil
}

// putFile stores an open file and closes it.
func (r *recorder) putFile(ctx context.Context, it artifacts.Item, f artifacts.File, limit string) error {
	if it.Size < 0 || it.Size > smallFile || it.Sparse != nil {
		src := guard(ctx, f, f.Close)
		defer src.Close()
		return r.put(it, src, limit)
	}
	defer f.Close() // opened for reading: there is nothing to lose
	src := slurp(ctx, f)
	defer src.free()
	return r.put(it, src, limit)
}

// begin marks the file that the collector's goroutine asks the host for, so that one that hangs there can be named.
func (r *recorder) begin(p artifacts.Path) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.gone {
		r.reading = p
	}
}

// before tells whether p was taken already, and what to say of it then, or that the run may take no more.
func (r *recorder) before(p artifacts.Path) (settled bool, o artifacts.Outcome, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.over(); err != nil {
		return false, o, err
	}
	e := r.engine
	if first, again := e.taken[r.key(p)]; again {
		o := e.report.Outcomes[first.outcome]
		o.Gap = first.gap
		if o.Item != "" && o.Reason == "" {
			o.Reason = "taken for " + o.Source
		}
		return true, o, nil
	}
	if most := e.opts.MaxTotal; most > 0 && e.report.Bytes >= most {
		return true, artifacts.Outcome{Path: p, Status: artifacts.Skipped, Reason: fmt.Sprintf("%v: %d bytes", errSizeLimit, most), Gap: true}, nil
	}
	return false, o, nil
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
	it.SameAs = r.engine.names.find(&it)
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
