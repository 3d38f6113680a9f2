package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"spor/cmd/internal/cli"
	"spor/timeline"
)

// A progress says on stderr how far a long command is: on a terminal one line that changes, else a line now and then.
type progress struct {
	w        io.Writer
	terminal bool
	quiet    bool

	mu    sync.Mutex
	what  string // "read"
	unit  func(int64) string
	began time.Time
	done  int64
	total int64 // zero: not known
	shown bool  // a line stands on the terminal
	stop  chan struct{}
	ended chan struct{}
}

// How often the line changes, on a terminal and elsewhere.
const (
	tellTerminal = 500 * time.Millisecond
	tellElse     = 10 * time.Second
)

func newProgress(w io.Writer, quiet bool) *progress {
	p := &progress{w: w, terminal: isTerminal(w), quiet: quiet, unit: cli.Bytes, stop: make(chan struct{}), ended: make(chan struct{})}
	every := tellElse
	if p.terminal {
		every = tellTerminal
	}
	go func() {
		defer close(p.ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case now := <-tick.C:
				p.tell(now)
			}
		}
	}()
	return p
}

// phase begins anew: what is done, how much of it there is, and how an amount is said.
func (p *progress) phase(what string, total int64, unit func(int64) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what, p.total, p.unit, p.done, p.began = what, total, unit, 0, time.Now()
}

// add counts.
func (p *progress) add(n int64) {
	p.mu.Lock()
	p.done += n
	p.mu.Unlock()
}

func (p *progress) tell(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quiet || p.what == "" {
		return
	}
	line := p.line(now)
	if p.terminal {
		fmt.Fprintf(p.w, "\r%s\x1b[K", line)
		p.shown = true
		return
	}
	fmt.Fprintf(p.w, "spor-desk: %s\n", line)
}

// line is "read 2.1 GB of 8.4 GB, 25 %, about 3m20s left".
func (p *progress) line(now time.Time) string {
	line := p.what + " " + p.unit(p.done)
	if p.total <= 0 {
		return line
	}
	done := min(p.done, p.total)
	line += fmt.Sprintf(" of %s, %d %%", p.unit(p.total), int(100*float64(done)/float64(p.total)))
	took := now.Sub(p.began)
	if done > 0 && took > 2*time.Second {
		left := time.Duration(float64(took) * (float64(p.total)/float64(done) - 1))
		line += ", about " + left.Round(time.Second).String() + " left"
	}
	return line
}

// warn says something that stays.
func (p *progress) warn(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.w, "spor-desk: warning: "+format+"\n", args...)
}

// say is warn for what is no warning; with --quiet it is not said.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	if !p.quiet {
		fmt.Fprintf(p.w, "spor-desk: "+format+"\n", args...)
	}
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// end takes the line away.
func (p *progress) end() {
	close(p.stop)
	<-p.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// count makes a file tell how far it was read; what a parser leaves of it is counted when it is closed.
func (p *progress) count(f *timeline.File) *timeline.File {
	counted := *f
	counted.Open = func() (io.ReadCloser, error) {
		rc, err := f.Open()
		if err != nil {
			return nil, err
		}
		if at, ok := rc.(anywhere); ok {
			return &countedFile{anywhere: at, to: p, size: f.Size}, nil
		}
		return &countedWhole{rc, p, f.Size}, nil
	}
	return &counted
}

// countedWhole counts when it is closed.
type countedWhole struct {
	io.ReadCloser
	to   *progress
	size int64
}

func (c *countedWhole) Close() error {
	c.to.add(c.size)
	return c.ReadCloser.Close()
}

// anywhere can be read at any place: a file, or a part of one.
type anywhere interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// countedFile counts to the farthest byte that was read.
type countedFile struct {
	anywhere
	to   *progress
	size int64
	at   int64 // where Read is
	far  int64
}

// countStep is how many bytes are read before they are counted.
const countStep = 1 << 20

func (c *countedFile) reach(at int64) {
	if at > c.far+countStep {
		c.to.add(at - c.far)
		c.far = at
	}
}

func (c *countedFile) Read(b []byte) (int, error) {
	n, err := c.anywhere.Read(b)
	c.at += int64(n)
	c.reach(c.at)
	return n, err
}

func (c *countedFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.anywhere.ReadAt(b, at)
	c.reach(at + int64(n))
	return n, err
}

func (c *countedFile) Seek(offset int64, whence int) (int64, error) {
	at, err := c.anywhere.Seek(offset, whence)
	c.at = at
	return at, err
}

func (c *countedFile) Close() error {
	c.to.add(c.size - c.far)
	return c.anywhere.Close()
}
