package winapi

import (
	"strings"
	"testing"
)

// TestExpandGrowth holds that variables made to grow do not, and that a text of signs alone is gone through once.
func TestExpandGrowth(t *testing.T) {
	vars := map[string]string{"a": strings.Repeat("x", 32<<10), "b": "y"}
	s := strings.Repeat("%a%", 10_000)
	if got := Expand(s, vars); len(got) > maxExpanded+len(s) || !strings.HasPrefix(got, vars["a"]) {
		t.Errorf("%d bytes, want at most %d", len(got), maxExpanded+len(s))
	}
	signs := strings.Repeat("%", 2<<20)
	if got := Expand(signs, vars); got != signs {
		t.Errorf("%d bytes, want %d signs as they are", len(got), len(signs))
	}
	if got, want := Expand("%x%b%%b", vars), "%xy%b"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
