package main

import "time"

// An estimate is how long a run will take from now on, by how many bytes the walk has found for each source. Before the walk is
// done nothing is known, and what comes before it is short.
type estimate struct {
	sizing func() func() map[string]int64 // asked behind the walk; what it gives may take its time. nil: nobody knows
	sized  chan map[string]int64
	sizes  map[string]int64 // bytes by source; nil: not known

	began  time.Time // when the walk was done
	whole  int       // sources behind it
	done   []string  // of those
	source string    // that runs
	before int64     // bytes that were taken before it

	shown time.Duration // what was said last
	asked time.Time     // when
}

// What an estimate begins with, so that its first steps are none: a source without a byte is worth a MiB, and before the first
// byte 64 MiB were taken in 1.3 s.
const (
	perSource = 1 << 20
	credit    = 64 << 20
	creditFor = 1300 * time.Millisecond
)

// begin is told of each source, how many there are from it on, and how many bytes were taken before it.
func (e *estimate) begin(source string, sources int, taken int64, now time.Time) {
	switch {
	case !e.began.IsZero():
		e.done = append(e.done, e.source)
	case e.source == "walk" && e.sizing != nil:
		e.began, e.whole, e.sized = now, sources, make(chan map[string]int64, 1)
		sizes, sized := e.sizing(), e.sized
		go func() { sized <- sizes() }()
	}
	e.source, e.before = source, taken
}

// left is how long it will take; false: that is not known. Each answer is near to the one before: somebody looks at it.
func (e *estimate) left(taken int64, now time.Time) (time.Duration, bool) {
	select {
	case e.sizes = <-e.sized:
	default:
	}
	if e.sizes == nil {
		return 0, false
	}
	work := int64(e.whole) * perSource
	for _, size := range e.sizes {
		work += size
	}
	done := min(taken-e.before, e.sizes[e.source])
	for _, source := range e.done {
		done += e.sizes[source] + perSource
	}
	rate := float64(now.Sub(e.began)+creditFor) / float64(done+credit)
	left := time.Duration(float64(max(work-done, 0)) * rate)
	if !e.asked.IsZero() {
		expected := e.shown - now.Sub(e.asked)
		left = max(expected+(left-expected)/4, 0)
	}
	e.shown, e.asked = left, now
	return left, true
}
