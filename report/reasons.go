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
		if strings.HasPrefix(r.en, "{}, ") { // begins with where an entry stands
			parts[0] = t.where(parts[0])
		}
		return r.put(t.Lang, parts), false
	}
	return reason, reason != ""
}

// where says where an entry stands in the language of the page: "/etc/cron.d/x line 1, a cron of root".
func (t *texts) where(text string) string {
	for i := range places {
		if parts, ok := fits(places[i].en, text); ok {
			return places[i].put(t.Lang, parts)
		}
	}
	return text
}

// put writes the sentence in another language.
func (s *said) put(lang string, parts []string) string {
	var put []string
	for n, part := range parts {
		put = append(put, "{"+strconv.Itoa(n+1)+"}", part)
	}
	return strings.NewReplacer(put...).Replace(map[string]string{"is": s.is, "nb": s.nb}[lang])
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
		before, after, found := strings.Cut(s, piece)
		if !found {
			return nil, false
		}
		parts, s, rest = append(parts, before), after, left
	}
}
