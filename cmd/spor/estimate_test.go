package main

import (
	"testing"
	"time"
)

// TestEstimate: sources of very different size, of which the largest comes last, are told within a factor of two from the first
// second behind the walk on, in steps that nobody wonders at, and never below zero.
func TestEstimate(t *testing.T) {
	const mib = 1 << 20
	order := []string{"clock", "processes", "walk", "logs", "listing", "journal", "empty", "hive", "bulk"}
	sizes := map[string]int64{"logs": 200 * mib, "journal": 900 * mib, "hive": 64 * mib, "bulk": 6000 * mib, "again": 0}
	for _, rate := range []int64{25 * mib, 60 * mib, 300 * mib} { // bytes a second
		e := estimate{sizing: func() func() map[string]int64 { return func() map[string]int64 { return sizes } }}
		now := time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)
		var taken, work int64
		for _, size := range sizes {
			work += size
		}
		before := time.Duration(-1)
		for i, source := range order {
			e.begin(source, len(order)-i, taken, now)
			if source == "listing" {
				now = now.Add(2 * time.Second) // it has no bytes
			}
			if source == "logs" { // the files are being asked meanwhile
				e.sized <- <-e.sized
			}
			for end := taken + sizes[source]; ; taken += rate {
				taken = min(taken, end)
				left, known := e.left(taken, now)
				if behind := i > 2; known != behind {
					t.Fatalf("%s: known %v, want %v", source, known, behind)
				}
				truth := time.Duration(float64(work-taken) / float64(rate) * float64(time.Second))
				if known && truth > 10*time.Second && taken > 60*mib+rate*8 && (left < truth/2 || left > truth*2) {
					t.Errorf("%d MiB/s, %s, %d MiB: %s are said to be left, in truth %s", rate/mib, source, taken/mib, left, truth)
				}
				if step := before - left; known && before >= 0 && (left < 0 || step > 5*time.Second+before/3 || step < -5*time.Second-before/3) {
					t.Errorf("%d MiB/s, %s, %d MiB: from %s to %s in a second", rate/mib, source, taken/mib, before, left)
				}
				if known {
					before = left
				}
				if taken == end {
					break
				}
				now = now.Add(time.Second)
			}
		}
	}
}
