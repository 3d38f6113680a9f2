package artifacts

import (
	"context"
	"io"
	"slices"
)

// A Collector takes one kind of evidence. It is a value: the lists of them can be read, sorted and printed, and what
// a Definition names is turned into one, so that the engine knows nothing else.
type Collector struct {
	Name     string
	Doc      string // one line, for a responder
	OS       []OS   // empty: any
	Order    Order
	Profiles []string // those that take it; see Profiles
	Required bool     // its absence is a gap that matters
	Secret   bool     // only with --include-secrets
	Needs    Needs
	// Collect writes what it finds to rec and returns. What single things could not be had it notes as outcomes; an
	// error means the source as a whole cannot work, and becomes its outcome. It runs as if alone, and may be abandoned
	// when its time is up.
	Collect func(ctx context.Context, h *Host, rec Recorder) error
}

// Supports tells whether the collector is meant for a system.
func (c *Collector) Supports(os OS) bool { return len(c.OS) == 0 || slices.Contains(c.OS, os) }

// Order is the rank in which evidence is taken: RFC 3227, the order of volatility.
type Order uint8

// The ranks, first taken first.
const (
	Volatile Order = iota // gone in moments: processes, sockets, sessions
	State                 // of the running system: identity, mounts, services
	Walk                  // the one walk that finds what the definitions name
	Decisive              // small files that tell most: logins, authentication, configuration
	Bulk                  // the rest
)

var orderNames = [...]string{"volatile", "state", "walk", "decisive", "bulk"}

func (o Order) String() string {
	if int(o) < len(orderNames) {
		return orderNames[o]
	}
	return "unknown"
}

// Needs are what a collector cannot work without.
type Needs uint8

// What a collector may need.
const (
	NeedsLive     Needs = 1 << iota // the running system
	NeedsRegistry                   // a registry to ask
)

// A Recorder is where a collector leaves what it finds. It is not safe for concurrent use. The errors it returns are
// not about the evidence: they mean that the run is over, and are to be returned at once.
type Recorder interface {
	// Record writes v as one JSON line of live/<collector>.jsonl.
	Record(v any) error
	// Take reads the regular file, or records the link, at p. What came of it is noted as an outcome. A file that was
	// taken before is not read again.
	Take(ctx context.Context, p Path) error
	// Put stores content that is no file of the host.
	Put(ctx context.Context, it Item, r io.Reader) error
	// Note records an outcome; the source is filled in.
	Note(o Outcome)
}
