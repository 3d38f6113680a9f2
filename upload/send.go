package upload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// Options are how to send. The zero value is ready to use.
type Options struct {
	Rate     int64          // bytes per second; zero: as fast as it goes
	Patience time.Duration  // how long to wait in all between attempts that got no byte further; zero: ten minutes; negative: no second attempt
	MinWait  time.Duration  // before the second attempt, doubled for each that follows; zero: one second
	MaxWait  time.Duration  // zero: one minute
	Progress func(Progress) // nil: nobody listens; must return at once; never called concurrently
}

// Phase is what is being done with a file.
type Phase string

// The phases of sending one file, in order; Waiting comes between attempts.
const (
	Hashing   Phase = "hashing"
	Sending   Phase = "sending"
	Waiting   Phase = "waiting"
	Verifying Phase = "verifying" // the other side reads what it got
)

// Progress is how far a file has come.
type Progress struct {
	Name  string
	Phase Phase
	Done  int64         // bytes hashed or sent
	Size  int64         // bytes; zero while hashing
	Wait  time.Duration // before the next attempt, when Waiting
	Err   error         // why, when Waiting
}

// A Result is what became of one source.
type Result struct {
	Object  Object
	Receipt Receipt
	Resumed int64 // where the other side stood when this run began; Size: it had all of it
	Err     error // nil: the receipt is for this very content
}

// Send sends the sources one after the other. A file that cannot be sent does not keep the next from being sent,
// unless that would meet the same error. There is a result for each source that was tried; the error is all of theirs.
// If ctx ends, its cause is among the errors.
func Send(ctx context.Context, dst Destination, sources []Source, opts Options) ([]Result, error) {
	s := sender{dst: dst, opts: opts.withDefaults(), pace: pacer{rate: opts.Rate}}
	var results []Result
	var errs []error
	for _, src := range sources {
		res := Result{Object: Object{Name: src.Name}}
		res.Err = s.send(ctx, src, &res)
		results = append(results, res)
		if res.Err == nil {
			continue
		}
		errs = append(errs, fmt.Errorf("%s: %w", src.Name, res.Err))
		if ConcernsAll(res.Err) || ctx.Err() != nil {
			break
		}
	}
	return results, errors.Join(errs...)
}

func (o Options) withDefaults() Options {
	if o.Patience == 0 {
		o.Patience = 10 * time.Minute
	}
	if o.MinWait <= 0 {
		o.MinWait = time.Second
	}
	if o.MaxWait <= 0 {
		o.MaxWait = time.Minute
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o
}

type sender struct {
	dst  Destination
	opts Options
	pace pacer
}

func (s *sender) send(ctx context.Context, src Source, res *Result) error {
	if err := CheckName(src.Name); err != nil {
		return err
	}
	f, err := src.Open()
	if err != nil {
		return fmt.Errorf("%w: %w", errSource, err)
	}
	defer f.Close() // read only
	if res.Object, err = s.hash(ctx, src.Name, f); err != nil {
		return err
	}
	if res.Receipt, err = s.attempts(ctx, f, res); err != nil {
		return err
	}
	return check(res.Object, res.Receipt)
}

// check believes a receipt that is about the very bytes we have read.
func check(o Object, r Receipt) error {
	if r.Name != o.Name || r.Size != o.Size || r.SHA256 != o.SHA256 {
		return fmt.Errorf("%w: we read %q, %d bytes, SHA-256 %s; the receiver has %q, %d bytes, SHA-256 %s",
			ErrIntegrity, o.Name, o.Size, o.SHA256, r.Name, r.Size, r.SHA256)
	}
	return nil
}

func (s *sender) hash(ctx context.Context, name string, f io.Reader) (Object, error) {
	h := sha256.New()
	b := body{ctx: ctx, r: f, size: -1, seen: func(n int64) {
		s.opts.Progress(Progress{Name: name, Phase: Hashing, Done: n})
	}}
	n, err := io.CopyBuffer(h, &b, make([]byte, 256<<10))
	if err != nil {
		return Object{Name: name}, err
	}
	return Object{Name: name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// attempts tries until there is a receipt, an error that would come again, or no patience left.
func (s *sender) attempts(ctx context.Context, f io.ReadSeeker, res *Result) (Receipt, error) {
	var waited time.Duration
	best := int64(-1) // the furthest the other side was known to stand
	wait := s.opts.MinWait
	for n := 1; ; n++ {
		offset, receipt, err := s.attempt(ctx, f, res.Object)
		if best < 0 && offset >= 0 {
			res.Resumed = offset
		}
		if offset > best {
			best, waited, wait = offset, 0, s.opts.MinWait
		}
		switch {
		case err == nil, permanent(err):
			return receipt, err
		case ctx.Err() != nil:
			return receipt, fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		case waited >= s.opts.Patience:
			return receipt, fmt.Errorf("%w; gave up at attempt %d: %w", ErrUnreachable, n, err)
		}
		pause := wait/2 + rand.N(wait/2+1) // jitter, so that many hosts do not come back at once
		s.opts.Progress(Progress{Name: res.Object.Name, Phase: Waiting, Done: max(best, 0), Size: res.Object.Size, Wait: pause, Err: err})
		if !sleep(ctx, pause) {
			return receipt, fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		}
		waited += pause
		wait = min(2*wait, s.opts.MaxWait)
	}
}

// attempt goes through all three steps once. The offset is negative where the other side did not say.
func (s *sender) attempt(ctx context.Context, f io.ReadSeeker, o Object) (int64, Receipt, error) {
	offset, err := s.dst.Offset(ctx, o)
	if err != nil {
		return -1, Receipt{}, err
	}
	if offset < 0 || offset > o.Size {
		return -1, Receipt{}, fmt.Errorf("%w: it claims to have %d bytes of %d", ErrRefused, offset, o.Size)
	}
	if offset < o.Size {
		if err := s.append(ctx, f, o, offset); err != nil {
			return offset, Receipt{}, err
		}
	}
	s.opts.Progress(Progress{Name: o.Name, Phase: Verifying, Done: o.Size, Size: o.Size})
	receipt, err := s.dst.Commit(ctx, o)
	return offset, receipt, err
}

func (s *sender) append(ctx context.Context, f io.ReadSeeker, o Object, offset int64) error {
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return fmt.Errorf("%w: %w", errSource, err)
	}
	b := body{ctx: ctx, r: f, pace: &s.pace, size: o.Size, n: offset, seen: func(n int64) {
		s.opts.Progress(Progress{Name: o.Name, Phase: Sending, Done: n, Size: o.Size})
	}}
	s.pace.start()
	err := s.dst.Append(ctx, o, offset, &b)
	if b.err != nil { // our own disk, not the other side
		return b.err
	}
	return err
}

// A body is a source being read: counted, at the pace asked for, until ctx ends.
type body struct {
	ctx  context.Context // of the one call the body lives for
	r    io.Reader
	pace *pacer // nil: none
	size int64  // where it must end; negative: wherever it does
	n    int64
	seen func(int64)
	err  error // of the source; would come again
}

func (b *body) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	if b.size >= 0 {
		p = p[:min(int64(len(p)), b.size-b.n)]
		if b.n == b.size {
			return 0, io.EOF
		}
	}
	if b.pace != nil {
		p = p[:min(len(p), b.pace.piece())]
	}
	n, err := b.r.Read(p)
	b.n += int64(n)
	switch {
	case err == io.EOF && b.size >= 0 && b.n < b.size:
		b.err = fmt.Errorf("%w: the source ends after %d bytes and had %d when it was hashed", ErrIntegrity, b.n, b.size)
		return n, b.err
	case err != nil && err != io.EOF:
		b.err = fmt.Errorf("%w: %w", errSource, err)
		return n, b.err
	}
	if n > 0 {
		b.seen(b.n)
		if b.pace != nil && !b.pace.spend(b.ctx, n) {
			return n, context.Cause(b.ctx)
		}
	}
	return n, err
}

// A pacer keeps a rate. What was not used is not saved up for longer than the pause between two attempts.
type pacer struct {
	rate  int64 // bytes per second; zero or less: no limit
	since time.Time
	spent int64
}

func (p *pacer) start() { p.since, p.spent = time.Now(), 0 }

// piece is how much to take at once, so that a slow pace still shows signs of life ten times a second.
func (p *pacer) piece() int {
	if p.rate <= 0 {
		return 1 << 20
	}
	return int(min(max(p.rate/10, 1), 1<<20))
}

// spend takes n bytes' time; false means that ctx ended first.
func (p *pacer) spend(ctx context.Context, n int) bool {
	if p.rate <= 0 {
		return true
	}
	p.spent += int64(n)
	due := time.Duration(float64(p.spent) / float64(p.rate) * float64(time.Second))
	ahead := due - time.Since(p.since)
	if ahead < -time.Second { // a slow network is not made up for by a burst
		p.start()
	}
	return ahead <= 0 || sleep(ctx, ahead)
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
