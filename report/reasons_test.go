package report

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReasons holds each sentence against its translations: the same places, in each language once, and no braces left.
func TestReasons(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range slices.Concat(sentences, places) {
		n := strings.Count(r.en, "{}")
		for lang, text := range map[string]string{"is": r.is, "nb": r.nb} {
			places := regexp.MustCompile(`\{\d\}`).FindAllString(text, -1)
			if text == "" || len(places) != n {
				t.Errorf("%s: %q has %d places, %q has %d", lang, r.en, n, text, len(places))
			}
		}
		if seen[r.en] {
			t.Errorf("%q stands there twice", r.en)
		}
		seen[r.en] = true
		filled := strings.ReplaceAll(r.en, "{}", "x1")
		for _, l := range []*texts{&icelandic, &norwegian} {
			if slices.Contains(places, r) {
				if got := l.where(filled); got == filled {
					t.Errorf("%s: %q stays", l.Lang, filled)
				}
				continue
			}
			got, own := l.told(filled)
			if own || strings.ContainsAny(got, "{}") || strings.Count(got, "x1") != n {
				t.Errorf("%s: %q becomes %q", l.Lang, filled, got)
			}
		}
		if got, own := english.told(filled); got != filled || own {
			t.Errorf("in English %q becomes %q", filled, got)
		}
	}
}

func TestTold(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		own      bool
	}{
		{"", "", false},
		{
			"/etc/cron.d/x line 1, a cron of root, runs /opt/x; neither came with a package. Software of one's own looks the same: ask whose it is.",
			"/etc/cron.d/x, lína 1 (cron, notandi root), keyrir /opt/x; hvorugt kom með pakka. Eigin hugbúnaður lítur eins út: spyrðu hver á hann.", false,
		},
		{"in 19 of the 20 homes of users", "á 19 af 20 heimasvæðum notenda", false},
		{"open /dev/vda: operation not permitted", "open /dev/vda: aðgerð ekki leyfð", false},
		{"the home of {1} {}", "heimasvæði: {1} {}", false},
		{"no such words {}", "no such words {}", true},
		{": permission denied", ": permission denied", true},
		{"sshd let root in by password from 198.51.100.7. Whoever guesses", "sshd let root in by password from 198.51.100.7. Whoever guesses", true},
	} {
		if got, own := icelandic.told(tt.in); got != tt.want || own != tt.own {
			t.Errorf("%q becomes %q (own words: %v), want %q (%v)", tt.in, got, own, tt.want, tt.own)
		}
	}
}

// TestReasonsAreSaid looks for each sentence where it is said: one that nobody says any more is translated in vain.
func TestReasonsAreSaid(t *testing.T) {
	var source strings.Builder
	for _, top := range []string{"detect", "collect", "artifacts"} {
		err := fs.WalkDir(os.DirFS(".."), top, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			b, err := os.ReadFile("../" + name)
			source.Write(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// system are what the system or Go's library says, and what is put together of parts
	system := []string{"permission denied", "operation not permitted", "no such file or directory", "file does not exist", "input/output error", "network namespace closed to us of"}
	for _, r := range sentences {
		longest := ""
		for piece := range strings.SplitSeq(r.en, "{}") {
			if len(piece) > len(longest) {
				longest = piece
			}
		}
		longest = strings.Trim(longest, ":, ")
		if !strings.Contains(source.String(), longest) && !strings.Contains(strings.Join(system, "|"), longest) {
			t.Errorf("nobody says %q", longest)
		}
	}
}
