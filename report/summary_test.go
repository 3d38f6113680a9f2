package report

import (
	"bytes"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestSummary reads what stands first on pages of one host, of two, of one where nothing was found, and of one to hand on.
func TestSummary(t *testing.T) {
	of := func(hosts ...*Input) summary {
		for _, in := range hosts {
			in.Screens = nil // drawing them takes long
		}
		return newPageView(hosts, &viewer{}, &english).Summary
	}
	one := of(loaded(t, made(t, ""))...)
	want := summary{
		Happened: []string{"ransomware · Files on the share no longer open. · noticed: 2026-03-10 06:10:00 +01:00"},
		Found: []summed{
			{"high", "high", "root logged on over SSH with a password", "", "", "#finding-1"},
			{"high", "high", "File with a name like a ransom note's", "", "", "#finding-2"},
			{"medium", "medium", "Process running from a folder for temporary files", "", "", "#finding-3"},
		},
		Missing: []string{"processes: the source's time of 2m0s is over"},
		Steps:   []string{english.StepKeep, english.StepNotes, english.StepFindings, english.StepClock, english.StepGaps},
	}
	if !reflect.DeepEqual(one, want) {
		t.Errorf("got %+v\nwant %+v", one, want)
	}

	other := made(t, "")
	other["manifest.json"].Data = bytes.ReplaceAll(other["manifest.json"].Data, []byte("fs01"), []byte("dc02"))
	two := of(loaded(t, made(t, ""), other)...)
	if !reflect.DeepEqual(two.Happened, want.Happened) { // the same form came with both
		t.Errorf("of two hosts this happened: %q", two.Happened)
	}
	if f := two.Found[0]; f.Count != "× 2" || f.Hosts != "fs01.kommune.example, dc02.kommune.example" {
		t.Errorf("found on two hosts: %+v", f)
	}
	if len(two.Missing) != 2 || !strings.HasPrefix(two.Missing[1], "dc02.kommune.example: ") {
		t.Errorf("missing of two hosts: %q", two.Missing)
	}

	quiet := made(t, "")
	quiet["manifest.json"].Data = bytes.ReplaceAll(quiet["manifest.json"].Data, []byte(`"source":"live"`), []byte(`"source":"image"`))
	quiet["manifest.json"].Data = bytes.ReplaceAll(quiet["manifest.json"].Data, []byte(`"gap":true`), []byte(`"gap":false`))
	for _, name := range []string{"findings.jsonl", "incident.json", "files/srv/100%25 x#?.txt"} {
		delete(quiet, name)
	}
	if got := of(loaded(t, quiet)...); len(got.Happened)+len(got.Found)+len(got.Missing) != 0 || !reflect.DeepEqual(got.Steps, []string{english.StepQuiet, english.StepClock}) {
		t.Errorf("of a quiet image: %+v", got)
	}

	nameless := made(t, "")
	nameless["manifest.json"].Data = regexp.MustCompile(`"(hostname|fqdn)":"[^"]*"`).ReplaceAll(nameless["manifest.json"].Data, []byte(`"$1":""`))
	if got := of(loaded(t, made(t, ""), nameless)...); got.Missing[1] != english.Nameless+": processes: the source's time of 2m0s is over" {
		t.Errorf("missing of a host without a name: %q", got.Missing)
	}

	hosts := loaded(t, made(t, ""))
	Reduce(hosts, nil)
	if got := of(hosts...); len(got.Steps) != 0 || len(got.Found) != 3 {
		t.Errorf("for others: %+v", got)
	}
}
