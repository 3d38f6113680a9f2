package report

import (
	"strconv"
	"strings"
)

// A said is a sentence that the collecting program or a rule says for a reason, with {} for what differs, and the same in
// other languages, with {1}, {2} … for what stood there. What is not in the list stays as it was said, in English.
type said struct{ en, is, nb string }

// told gives a reason in the language of the page; own: it stays as it was said.
func (t *texts) told(reason string) (text string, own bool) {
	if t.Lang == "en" {
		return reason, false
	}
	for i := range sentences {
		r := &sentences[i]
		parts, ok := fits(r.en, reason)
		if !ok {
			continue
		}
		text := map[string]string{"is": r.is, "nb": r.nb}[t.Lang]
		var put []string
		for n, part := range parts {
			put = append(put, "{"+strconv.Itoa(n+1)+"}", part)
		}
		return strings.NewReplacer(put...).Replace(text), false
	}
	return reason, reason != ""
}

// fits takes a sentence apart: what stands where the pattern has {}.
func fits(pattern, s string) (parts []string, ok bool) {
	first, rest, more := strings.Cut(pattern, "{}")
	if !more {
		return nil, s == pattern
	}
	if s, ok = strings.CutPrefix(s, first); !ok {
		return nil, false
	}
	for {
		piece, left, again := strings.Cut(rest, "{}")
		if !again {
			part, ok := strings.CutSuffix(s, piece)
			return append(parts, part), ok && part != ""
		}
		at := strings.Index(s, piece)
		if at < 0 {
			return nil, false
		}
		parts, s, rest = append(parts, s[:at]), s[at+len(piece):], left
	}
}
