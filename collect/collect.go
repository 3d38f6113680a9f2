// Package collect is the engine: it runs collectors over a host in the order of volatility, under limits, and hands
// what they find to a sink, each file read once. Everything planned ends in an outcome. It knows neither where
// collectors come from nor where the evidence goes, and is the one place that recovers panics.
package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"spor/artifacts"
)

// Options are the limits of a run. The zero value has none.
type Options struct {
	PerSource time.Duration               // zero: no limit
	Whole     time.Duration               // of the run; zero: no limit
	MaxFile   int64                       // bytes taken of one file; zero: no limit
	MaxTotal  int64                       // bytes taken in all; zero: no limit
	Since     time.Time                   // files that have not changed since are left out; zero: none are
	Secrets   bool                        // take also what is marked secret
	Withhold  func(artifacts.Path) string // why a path is not taken, whoever asks, unless Secrets; empty: it is. nil: all are
	Dry       bool                        // read nothing: files that would be taken are outcomes with their size and the reason DryRun
	Log       *slog.Logger
	Now       func() time.Time
	Watch     Watcher
}

// DryRun is the reason of outcomes that a run without Options.Dry would collect.
const DryRun = "dry run"

// A Watcher is told how a run goes on, one thing at a time. Its fields may be nil.
type Watcher struct {
	Begin   func(source string)
	Outcome func(artifacts.Outcome)
}

// Why a source or a run was ended.
var (
	ErrSourceTime = errors.New("time limit for one source reached")
	ErrWholeTime  = errors.New("time limit of the run reached")
	errSizeLimit  = errors.New("size limit of the run reached")
)

// A Report is what became of a run.
type Report struct {
	Sources  []Ran
	Outcomes Outcomes
	Items    int
	Bytes    int64
	Stopped  error // why the run ended before its end; nil: it did not
}

// Gaps are the outcomes that matter.
func (r *Report) Gaps() []artifacts.Outcome {
	var gaps []artifacts.Outcome
	for o := range r.Outcomes.All() {
		if o.Gap {
			gaps = append(gaps, o)
		}
	}
	return gaps
}

// Ran says how one source went.
type Ran struct {
	Source string        `json:"source"`
	Took   time.Duration `json:"took"` // nanoseconds
	Items  int           `json:"items"`
	Bytes  int64         `json:"bytes"`
	Err    error         `json:"-"` // as it ended; nil: by itself
}

// Run runs the collectors one after the other. A cancelled ctx ends it early, with outcomes for all that was not
// reached and a report as good as any. Its error is the sink's: evidence could no longer be stored.
func Run(ctx context.Context, h *artifacts.Host, collectors []*artifacts.Collector, sink artifacts.Sink, opts Options) (*Report, error) {
	if opts.Whole > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, opts.Whole, ErrWholeTime)
		defer cancel()
	}
	e := &engine{host: h, sink: sink, opts: opts, names: others{}, told: map[string]bool{}}
	for _, o := range h.Limits {
		e.note(o)
	}
	ordered := slices.SortedStableFunc(slices.Values(collectors), func(a, b *artifacts.Collector) int { return cmp.Compare(a.Order, b.Order) })
	for _, c := range ordered {
		if err := e.source(ctx, c); err != nil {
			return &e.report, err
		}
	}
	if e.report.Stopped == nil {
		e.report.Stopped = context.Cause(ctx)
	}
	return &e.report, nil
}

type engine struct {
	host   *artifacts.Host
	sink   artifacts.Sink
	opts   Options
	taken  artifacts.Keys // by path: what became of it the first time, see settled
	names  others
	told   map[string]bool // reasons that were noted once for all
	report Report
}

func (e *engine) note(o artifacts.Outcome) {
	e.report.Outcomes.Add(o)
	if e.opts.Watch.Outcome != nil {
		e.opts.Watch.Outcome(o)
	}
}

// source runs one collector and settles what became of it.
func (e *engine) source(ctx context.Context, c *artifacts.Collector) error {
	if over := context.Cause(ctx); over != nil {
		e.note(artifacts.Outcome{Source: c.Name, Status: artifacts.Skipped, Reason: over.Error(), Gap: c.Required || isLimit(over)})
		return nil
	}
	if why := e.unfit(c); why != "" {
		e.note(artifacts.Outcome{Source: c.Name, Status: artifacts.Skipped, Reason: why})
		return nil
	}
	if e.opts.Watch.Begin != nil {
		e.opts.Watch.Begin(c.Name)
	}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if e.opts.PerSource > 0 {
		limited, cancel = context.WithTimeoutCause(ctx, e.opts.PerSource, ErrSourceTime)
	}
	defer cancel()
	rec := &recorder{engine: e, collector: c, ctx: limited, storing: newStoring()}
	go rec.run()
	began := e.opts.Now()
	err := e.bounded(limited, c, rec)
	if fatal := rec.finish(); fatal != nil {
		return fatal
	}
	took := e.opts.Now().Sub(began)
	rec.settle(cmp.Or(err, rec.broken))
	rec.abandon()
	e.report.Sources = append(e.report.Sources, Ran{Source: c.Name, Took: took, Items: rec.items, Bytes: rec.bytes, Err: err})
	e.opts.Log.LogAttrs(ctx, slog.LevelInfo, "source done", slog.String("source", c.Name), slog.Duration("took", took),
		slog.Int("items", rec.items), slog.Int64("bytes", rec.bytes), slog.Any("err", err))
	return nil
}

// unfit tells why a collector has no place in this run: no gap, for nothing of it was to be had.
func (e *engine) unfit(c *artifacts.Collector) string {
	switch {
	case !c.Supports(e.host.OS):
		return fmt.Sprintf("is not for %s", e.host.OS)
	case e.opts.Dry && c.Order < artifacts.Walk:
		return DryRun
	case c.Secret && !e.opts.Secrets:
		return "holds secrets; --include-secrets takes it"
	case c.Needs&artifacts.NeedsLive != 0 && !e.host.Live:
		return "needs the running system"
	case c.Needs&artifacts.NeedsRegistry != 0 && e.host.Registry == nil:
		return "needs a registry"
	}
	return ""
}

func isLimit(err error) bool {
	return errors.Is(err, ErrSourceTime) || errors.Is(err, ErrWholeTime) || errors.Is(err, errSizeLimit)
}

// bounded runs a collector in a goroutine of its own, so that one that hangs in a system call can be left behind, and
// turns a panic into an error.
func (e *engine) bounded(ctx context.Context, c *artifacts.Collector, rec *recorder) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- panicked(ctx, e.opts.Log, c.Name, p)
			}
		}()
		done <- c.Collect(ctx, e.host, rec)
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select { // most collectors see it for themselves in a moment
		case err = <-done:
		case <-time.After(grace):
			rec.abandon()
			return context.Cause(ctx)
		}
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// grace is how long a collector may go on once its time is up, before it is left behind.
const grace = 500 * time.Millisecond
