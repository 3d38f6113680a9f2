package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "512": 512, "64k": 64 << 10, "10MB": 10 << 20, "2GiB": 2 << 30, "1 T": 1 << 40} {
		var s Size
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%q: %d, %v; want %d", text, s, err, want)
		}
	}
	for _, bad := range []string{"", "x", "-1", "2X", "9999999999G", "1.5G"} {
		var s Size
		if err := s.Set(bad); err == nil {
			t.Errorf("%q passes as %d", bad, s)
		}
	}
}

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-11-20": time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), "2026-11-20T22:00:00Z": time.Date(2026, 11, 20, 22, 0, 0, 0, time.UTC),
		"36h": now.Add(-36 * time.Hour), "7d": now.Add(-7 * 24 * time.Hour),
	} {
		if got, err := ParseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "yesterday", "-3h", "0d"} {
		if got, err := ParseSince(bad, now); err == nil {
			t.Errorf("%q passes as %v", bad, got)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 2 << 30: "2 GiB", 5 << 40: "5 TiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestExecute(t *testing.T) {
	var level string
	command := func(result error) *cobra.Command {
		root := &cobra.Command{Use: "prog", RunE: func(*cobra.Command, []string) error { return result }}
		root.Flags().StringVar(&level, "log-level", "info", "")
		return root
	}
	t.Setenv("PROG_LOG_LEVEL", "debug")
	for _, c := range []struct {
		err       error
		args      []string
		code      Code
		says      string
		wantLevel string
	}{
		{nil, nil, OK, "", "debug"},
		{nil, []string{"--log-level", "error"}, OK, "", "error"},
		{Fail(Key, "use the other key", errors.New("sealed to another key")), nil, Key, "prog: sealed to another key\nprog: hint: use the other key\n", "debug"},
		{Fail(Gaps, "", nil), nil, Gaps, "", "debug"},
		{nil, []string{"--no-such"}, Usage, "prog: unknown flag: --no-such\nprog: hint: prog --help\n", ""},
	} {
		level = ""
		var stderr bytes.Buffer
		got := Execute(context.Background(), command(c.err), c.args, Streams{strings.NewReader(""), &stderr, &stderr})
		if got != c.code || stderr.String() != c.says {
			t.Errorf("%v %v: code %d, %q; want %d, %q", c.args, c.err, got, stderr.String(), c.code, c.says)
		}
		if c.wantLevel != "" && level != c.wantLevel {
			t.Errorf("%v: level %q, want %q", c.args, level, c.wantLevel)
		}
	}
}
