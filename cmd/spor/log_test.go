package main

import (
	"strings"
	"testing"
)

// A log that was cut says so.
func TestACutLogSaysSo(t *testing.T) {
	var b boundedBuffer
	line := []byte(strings.Repeat("x", 1<<20-1) + "\n")
	for range 10 {
		if _, err := b.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	got := string(b.Bytes())
	if n := strings.Count(got, "\n"); n != 9 || !strings.HasSuffix(got, `"lines_left_out":2}`+"\n") {
		t.Errorf("%d lines, ending in %q", n, got[len(got)-60:])
	}
}
