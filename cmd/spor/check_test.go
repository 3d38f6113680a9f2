package main

import (
	"strings"
	"testing"
	"time"

	"spor/artifacts"
)

func TestCheckHost(t *testing.T) {
	var out strings.Builder
	if err := checkHost(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"host      ", "program   spor ", "works     clock ", "works     identity "} {
		if !strings.Contains("\n"+out.String(), "\n"+want) {
			t.Errorf("no line begins with %q in\n%s", want, &out)
		}
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "truncated") {
			t.Errorf("a bound of the trial itself is held against the host: %s", line)
		}
	}
}

func TestTrial(t *testing.T) {
	for _, tt := range []struct {
		trial    trial
		outcomes []artifacts.Outcome
		want     string
	}{
		{trial{source: "a", records: 2, took: time.Second}, nil, "works     a 2 records, 1000 ms"},
		{trial{source: "a", files: 1, methods: []string{"ntfs"}}, nil, "works     a 1 files, 0 ms, by ntfs"},
		{trial{source: "a", files: 1}, []artifacts.Outcome{{Path: "/x", Status: artifacts.Denied, Reason: "no"}}, "partly    a 1 files, 1 not had, 0 ms: /x no"},
		{trial{source: "a"}, []artifacts.Outcome{{Status: artifacts.Failed, Reason: "no such call"}}, "FAILS     a 1 not had, 0 ms: no such call"},
		{trial{source: "a"}, []artifacts.Outcome{{Status: artifacts.Absent}}, "nothing   a 1 absent, 0 ms"},
	} {
		for _, o := range tt.outcomes {
			tt.trial.became(o)
		}
		if got := strings.Join(strings.Fields(tt.trial.String()), " "); got != strings.Join(strings.Fields(tt.want), " ") {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
