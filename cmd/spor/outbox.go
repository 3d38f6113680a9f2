package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"spor/upload"
)

// An outbox sends finished volumes in the order they were written, while the next one is. Nothing that goes wrong with
// it reaches the collection.
//
// The targets are tried in turn; the bundle is sent when one of them has given a receipt for every volume. A target that
// cannot be reached within the patience is left for the next one. When none is left, and one of them only could not be
// reached, all are tried once more when the collection has ended.
type outbox struct {
	view     *view
	to       []target
	patience time.Duration
	failed   chan struct{} // closed: nothing more will be sent
	done     chan struct{} // closed: run has ended

	mu      sync.Mutex
	parcels []*parcel
	closed  bool          // no parcel will come any more
	more    chan struct{} // a parcel has come, or the end
	sent    bool
}

// A parcel is one finished volume.
type parcel struct {
	upload.Source
	release func() // gives back the memory that holds it once it was sent; nil: it lies on a disk and can be sent again

	at   []string // targets that have it
	gone bool     // it was sent and released
}

func newOutbox(v *view, to []target, patience time.Duration) *outbox {
	return &outbox{
		view: v, to: to, patience: patience,
		failed: make(chan struct{}), done: make(chan struct{}), more: make(chan struct{}, 1),
	}
}

func (o *outbox) add(p *parcel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.parcels = append(o.parcels, p)
	o.wake()
}

// close says that no parcel will come any more.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.wake()
}

func (o *outbox) wake() {
	select {
	case o.more <- struct{}{}:
	default: // it is awake already
	}
}

// wait waits for the end and tells whether all was sent.
func (o *outbox) wait() bool {
	<-o.done
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sent
}

// arrived names the volumes a receiver has, and where.
func (o *outbox) arrived() map[string][]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := map[string][]string{}
	for _, p := range o.parcels {
		if len(p.at) > 0 {
			all[p.Name] = p.at
		}
	}
	return all
}

// run sends until all parcels are sent, no target is left, or ctx ends.
func (o *outbox) run(ctx context.Context) {
	defer close(o.done)
	for {
		sent, hope := o.round(ctx)
		atEnd := o.isClosed()
		switch {
		case sent:
			o.mu.Lock()
			o.sent = true
			o.mu.Unlock()
			return
		case atEnd, !hope, ctx.Err() != nil, !o.untilClosed(ctx):
			close(o.failed)
			return
		}
	}
}

// round tries all targets. Hope tells whether it may go better later.
func (o *outbox) round(ctx context.Context) (sent, hope bool) {
	for _, t := range o.to {
		err := o.sendAll(ctx, t)
		if err == nil {
			return true, false
		}
		hope = hope || errors.Is(err, upload.ErrUnreachable)
	}
	return false, hope && !o.inMemory()
}

// sendAll sends what the target does not have, as it comes, to its end.
func (o *outbox) sendAll(ctx context.Context, t target) error {
	var failed error
	for i := 0; ; i++ {
		p, err := o.next(ctx, i)
		if p == nil {
			return errors.Join(failed, err)
		}
		if p.gone || slices.Contains(p.at, t.url) {
			continue
		}
		results, err := upload.Send(ctx, t.Destination, []upload.Source{p.Source}, upload.Options{Patience: o.patience, Progress: o.view.uploading(t.url)})
		for _, r := range results {
			o.view.sent(t.url, r)
		}
		if err != nil {
			failed = errors.Join(failed, err)
			if upload.ConcernsAll(err) || p.release != nil || ctx.Err() != nil {
				return failed
			}
			continue
		}
		o.mu.Lock()
		p.at = append(p.at, t.url)
		o.mu.Unlock()
		if p.release != nil {
			p.gone = true
			p.release()
		}
	}
}

// next waits for the parcel of that number; nil: there is none, because all have come or ctx has ended, which is the
// error.
func (o *outbox) next(ctx context.Context, number int) (*parcel, error) {
	for {
		o.mu.Lock()
		n, closed := len(o.parcels), o.closed
		var p *parcel
		if number < n {
			p = o.parcels[number]
		}
		o.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case p != nil:
			return p, nil
		case closed:
			return nil, nil
		}
		select {
		case <-o.more:
		case <-ctx.Done():
		}
	}
}

func (o *outbox) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// inMemory tells whether the parcels hold up the collection until they are sent.
func (o *outbox) inMemory() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.parcels, func(p *parcel) bool { return p.release != nil })
}

// untilClosed waits for the end of the collection; false: ctx ended first.
func (o *outbox) untilClosed(ctx context.Context) bool {
	for !o.isClosed() {
		select {
		case <-o.more:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
