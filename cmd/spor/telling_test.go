package main

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"spor/artifacts"
	"spor/cmd/internal/cli"
	"spor/cmd/spor/internal/interview"
	"spor/upload"
)

// tellings is one telling in each language, on a terminal of so many columns.
func tellings(columns int) []*telling {
	var all []*telling
	for _, w := range interview.Languages() {
		all = append(all, &telling{words: w, root: true, width: func() int { return columns }})
	}
	return all
}

// TestToldWhatIsMissing: how many files arrived, and why things are missing, stands there in the person's language; what is not
// known by name stays as it is.
func TestToldWhatIsMissing(t *testing.T) {
	want := map[string][]string{
		"is": {"Skrárnar eru 3. Af þeim voru 2 sendar", "tekið að hluta, C:\\x (of stórt)", "(í notkun hjá öðru forriti)", "(odd thing)", "1,5 MiB, á 1 min 3 s."},
		"nb": {"Av 3 filer er 2 sendt", "bare en del er tatt med, C:\\x (for stort)", "(i bruk av et annet program)", "(odd thing)", "1,5 MiB, på 1 min 3 s."},
		"en": {"Of 3 files, 2 were sent", "taken in part only, C:\\x (too large)", "(in use by another program)", "(odd thing)", "1.5 MiB, in 1 min 3 s."},
	}
	for _, tell := range tellings(80) {
		var b strings.Builder
		tell.end(&b, summaryFacts{
			Volumes: []string{"1", "2", "3"}, words: []string{"x.*"}, arrived: 2, ExitCode: cli.NotSent, Bytes: 3 << 19, Seconds: 63.4,
			Gaps: []artifacts.Outcome{
				{Source: "A", Path: `C:\x`, Status: artifacts.Truncated, Reason: "size limit of the run reached: 5 bytes"},
				{Source: "B", Status: artifacts.Failed, Reason: "The process cannot access the file because it is being used by another process."},
				{Source: "C", Status: artifacts.Failed, Reason: "odd thing"},
			},
		})
		all := strings.Join(strings.Fields(b.String()), " ")
		for _, text := range want[tell.words.Lang] {
			if !strings.Contains(all, text) {
				t.Errorf("%s: no %q in\n%s", tell.words.Lang, text, b.String())
			}
		}
	}
}

// TestReasonsHaveWords: each key that is looked up has its words.
func TestReasonsHaveWords(t *testing.T) {
	keys := []string{}
	for _, reason := range []string{
		"time limit for one source reached", "it does not answer", "size limit of the run reached: 5 bytes", "interrupted", "not found before the walk ended",
		"Access is denied.", "operation not permitted", "sharing violation", "nothing is there", "open /x: no such file or directory", "The system cannot find the file specified.",
	} {
		keys = append(keys, gapKey(reason))
	}
	for _, err := range []error{upload.ErrUnreachable, upload.ErrUnauthorized, upload.ErrCertificate, upload.ErrQuota, upload.ErrIntegrity, context.Canceled, cli.ErrInterrupted} {
		keys = append(keys, unsentKey(fmt.Errorf("x: %w", err)))
	}
	if gapKey("odd thing") != "" || unsentKey(fs.ErrExist) != "" {
		t.Error("a reason is known that is none")
	}
	for _, tell := range tellings(80) {
		for i, key := range keys {
			if tell.words.Reasons[key] == "" {
				t.Errorf("%s: no words for %q, the key of number %d", tell.words.Lang, key, i)
			}
		}
		for _, trouble := range []trouble{diskFull, tooLarge, readOnly, silent, diskGone} {
			if tell.words.Notes[trouble.key] == "" {
				t.Errorf("%s: no words for %q", tell.words.Lang, trouble.key)
			}
		}
	}
}

// TestProgressFits: the line of progress fits the terminal, and what is cut is the name of the source.
func TestProgressFits(t *testing.T) {
	for _, columns := range []int{20, 40, 80, 200} {
		for _, tell := range tellings(columns) {
			var b strings.Builder
			v := &view{err: &b, mode: viewMode{terminal: true}, telling: tell, source: strings.Repeat("VeryLongNameOfASource", 4), bytes: 1023 << 20}
			tell.begun, tell.total = 118, 120
			tell.estimate = estimate{sizes: map[string]int64{"x": 60 << 30}, began: time.Now()}
			tell.progress(v, time.Now())
			line := []rune(strings.TrimLeft(b.String(), "\r"))
			if len(line) > min(columns-1, 79) {
				t.Errorf("%s, %d columns: %d letters: %s", tell.words.Lang, columns, len(line), string(line))
			}
			if columns >= 80 && (!strings.Contains(string(line), "1023 MiB") || !strings.Contains(string(line), " min")) {
				t.Errorf("%s, %d columns: what matters was cut: %s", tell.words.Lang, columns, string(line))
			}
		}
	}
}
