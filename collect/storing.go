package collect

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"

	"spor/artifacts"
)

// ahead is how many steps a collector may be ahead of what is stored: while one file is hashed, packed and written, the
// next ones are opened and, where they are small, read. Each holds at most 256 KiB.
const ahead = 8

// A storing does what a collector asks for, step by step, in a goroutine of its own: whatever is put into the sink, noted
// or remembered goes through it in the order it was brought, so that a run gives the same as if it were one thread.
type storing struct {
	steps chan func()   // nil ends it
	ended chan struct{} // closed when it has
}

func newStoring() storing {
	return storing{steps: make(chan func(), ahead), ended: make(chan struct{})}
}

// run does the steps until the last. A panic in one is the end of the source, as it would be in the collector.
func (r *recorder) run() {
	defer close(r.ended)
	for step := range r.steps {
		if step == nil {
			return
		}
		r.step(step)
	}
}

func (r *recorder) step(do func()) {
	defer func() {
		if p := recover(); p != nil {
			err := panicked(r.ctx, r.engine.opts.Log, r.collector.Name, p)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.broken = err
		}
	}()
	do()
}

// panicked logs a recovered panic and makes an error of it.
func panicked(ctx context.Context, log *slog.Logger, source string, p any) error {
	log.LogAttrs(ctx, slog.LevelError, "source panicked", slog.String("source", source),
		slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
	return fmt.Errorf("panic: %v", p)
}

// later has something done after all that was brought before. Its error means that the run, or the source, is over.
func (r *recorder) later(do func()) error {
	r.mu.Lock()
	err := r.over()
	r.reading = ""
	r.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case r.steps <- do:
		return nil
	case <-r.ended:
		return errAbandoned
	}
}

// now has something done, after all that was brought before, and waits for it.
func (r *recorder) now(do func()) error {
	done := make(chan struct{})
	err := r.later(func() {
		defer close(done)
		do()
	})
	if err != nil {
		return err
	}
	select {
	case <-done:
	case <-r.ended:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over()
}

// finish stores what is still held, of a source that was cut off too, and waits until all is done. Its error is the sink's.
func (r *recorder) finish() error {
	r.steps <- r.storeLines
	r.steps <- nil
	<-r.ended
	return r.fatal
}

// An offer is an item with its content, on its way to the sink.
type offer struct {
	item    artifacts.Item
	content io.ReadCloser
	limit   string // why the content is shorter than its source; empty: it is not
}

// store hands an offer to the sink and notes what came of it.
func (r *recorder) store(o offer) {
	defer o.content.Close()
	it := &o.item
	if r.fatal != nil || r.broken != nil {
		return
	}
	if _, read := o.content.(*small); !read && r.ctx.Err() != nil {
		over := context.Cause(r.ctx)
		r.settled(it.Origin, artifacts.Outcome{Path: it.Origin, Status: artifacts.Skipped, Reason: over.Error(), Gap: isLimit(over)})
		return
	}
	if it.Links > 1 {
		it.SameAs = r.engine.names.find(it)
	}
	stored, ok := r.put(*it, o.content)
	if !ok {
		return
	}
	out := artifacts.Outcome{Path: stored.Shared(it.Origin), Status: artifacts.Collected, Item: stored.Name, Bytes: stored.Size}
	switch {
	case stored.Cut != nil:
		out.Status, out.Reason = artifacts.Truncated, stored.Cut.Error()
		out.Gap = isLimit(stored.Cut)
	case o.limit != "":
		out.Status, out.Reason, out.Gap = artifacts.Truncated, o.limit, true
	}
	r.settled(it.Origin, out)
	if out.Status == artifacts.Collected {
		r.engine.names.add(it, stored.Name)
	}
}

// put gives an item to the sink. It is false where the sink takes no more.
func (r *recorder) put(it artifacts.Item, content io.Reader) (artifacts.Stored, bool) {
	it.Source = r.collector.Name
	stored, err := r.engine.sink.Put(r.ctx, it, content)
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.fatal = err
		return stored, false
	}
	r.items++
	r.bytes += stored.Size
	r.engine.report.Items++
	r.engine.report.Bytes += stored.Size
	return stored, true
}

// storeLines stores the JSON lines that are held as an item.
func (r *recorder) storeLines() {
	r.mu.Lock()
	lines := r.lines
	r.lines = nil
	r.mu.Unlock()
	if len(lines) == 0 || r.fatal != nil || r.broken != nil {
		return
	}
	if r.engine.opts.Dry {
		r.note(artifacts.Outcome{Status: artifacts.Skipped, Reason: DryRun, Bytes: int64(len(lines))})
		return
	}
	r.chunks++
	name := fmt.Sprintf("live/%s.jsonl", r.collector.Name)
	if r.chunks > 1 {
		name = fmt.Sprintf("live/%s.%d.jsonl", r.collector.Name, r.chunks)
	}
	it := artifacts.Item{Name: name, Size: int64(len(lines)), Method: "live", Read: r.engine.opts.Now()}
	if stored, ok := r.put(it, newBytes(lines)); ok {
		r.note(artifacts.Outcome{Status: artifacts.Collected, Item: stored.Name, Bytes: stored.Size})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = lines[:0] // the collector waits, or was left behind
}

func (r *recorder) note(o artifacts.Outcome) {
	o.Source = r.collector.Name
	// A live collector notes single things that every host refuses (one process, one socket): they are no gap by
	// themselves. That it took nothing at all is, see settle.
	had := o.Status == artifacts.Collected || o.Reason == DryRun
	if r.collector.Required && r.collector.Needs&artifacts.NeedsLive == 0 && o.Status != artifacts.Absent && !had {
		o.Gap = true
	}
	r.best = r.best || had
	r.noted++
	r.engine.note(o)
}

// settled notes the outcome of a path and keeps it as that of all who ask for the path again. What it meant for this
// source, its gap, is not part of that.
func (r *recorder) settled(p artifacts.Path, o artifacts.Outcome) {
	gap := o.Gap
	r.note(o)
	if p == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.engine.taken.Put(r.key(p), settled(r.engine.report.Outcomes.Len()-1, gap))
}

// again notes for this source what became of a path the first time.
func (r *recorder) again(p artifacts.Path) {
	r.mu.Lock()
	first, _ := r.engine.taken.Get(r.key(p))
	r.mu.Unlock()
	if first == onItsWay {
		r.note(artifacts.Outcome{Path: p, Status: artifacts.Failed, Reason: "was asked for before, and that did not come to an end"})
		return
	}
	outcome, gap := unsettled(first)
	o := r.engine.report.Outcomes.at(outcome)
	o.Gap = gap
	if o.Item != "" && o.Reason == "" {
		o.Reason = "taken for " + o.Source
	}
	r.note(o)
}
