package wmi

import (
	"testing"
	"time"
)

func TestTime(t *testing.T) {
	tests := []struct{ text, want string }{
		{"20261121134500.123456+060", "2026-11-21T12:45:00.123456Z"},
		{"20261121134500.000000-300", "2026-11-21T18:45:00Z"},
		{"20261121134500.000000+000", "2026-11-21T13:45:00Z"},
		{"20261121134500.******+***", ""},
		{"00000000000100.000000:000", ""}, // an interval
		{"16010101000000.000000+000", ""},
		{"20261321134500.000000+000", ""},
		{"", ""},
	}
	for _, tt := range tests {
		got := ""
		if at := (Row{"x": tt.text}).Time("x"); !at.IsZero() {
			got = at.Format(time.RFC3339Nano)
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestRow(t *testing.T) {
	r := Row{"n": int64(-3), "s": "18446744073709551615", "t": "x", "b": false, "l": []string{"a"}}
	if n, ok := r.Number("n"); n != -3 || !ok {
		t.Errorf("n is %d, %v", n, ok)
	}
	if n, ok := r.Number("s"); uint64(n) != 1<<64-1 || !ok {
		t.Errorf("s is %d, %v", n, ok)
	}
	if _, ok := r.Number("t"); ok {
		t.Error("x is a number")
	}
	if b := r.Bool("b"); b == nil || *b || r.Bool("t") != nil || r.Text("n") != "-3" || len(r.Texts("l")) != 1 {
		t.Errorf("got %v of %v", b, r)
	}
}
