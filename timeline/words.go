package timeline

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unsafe"
)

// A lexicon decides which texts are kept once, as words: those that a field of a shape has again and again. The record of
// an event has their number, one byte, so that what most records share is neither copied, compressed, sealed nor escaped
// again for each.
//
// A text can stand in records both as itself and as a word, in those that came before it was one; compareContent knows
// them for the same.
type lexicon struct {
	seen [4096]uint32 // fingerprints of texts that came lately: one that comes again becomes a word
	held int          // bytes of all words
}

// A vocabulary is the words of one field; a text has its place by its fingerprint, or the one beside it. An empty text is no
// word.
type vocabulary struct {
	words  [wordCount]word
	latest uint8 // that was asked for: it most often is again
}

// A word is a text and the whole member that AppendJSON writes where a field has it, comma first.
type word struct{ text, member string }

const (
	wordCount = 32
	maxWord   = 1 << 10 // bytes of one
	maxWords  = 4 << 20 // bytes of all
	wordsSize = wordCount * 32
)

// append appends the text of a field, or of the message, which has the number behind the last field: the number of a word,
// or how long it is and wordCount, and the text.
func (l *lexicon) append(b []byte, s *shape, i int, text string) []byte {
	v := s.words[i]
	if v != nil && text != "" && v.words[v.latest].text == text {
		return append(b, v.latest)
	}
	if 0 < len(text) && len(text) <= maxWord {
		h := fingerprint(text, s.number<<8+uint64(i))
		place := h % wordCount
		if v != nil && v.words[place].text != "" && v.words[place].text != text {
			place ^= 1
		}
		if v != nil && v.words[place].text == text {
			v.latest = uint8(place)
			return append(b, v.latest)
		}
		if known := &l.seen[h>>52]; *known != uint32(h>>4) {
			*known = uint32(h >> 4)
		} else if (v == nil || v.words[place].text == "") && l.add(s, i, int(place), text) {
			return append(b, byte(place))
		}
	}
	return appendLetters(b, text)
}

// appendLetters appends a text as itself.
func appendLetters(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text)+wordCount)), text...)
}

// add makes a text a word. False: it does not become one, because there are enough or it is no UTF-8.
func (l *lexicon) add(s *shape, i, place int, text string) bool {
	if l.held > maxWords {
		return false
	}
	var w word
	if i < len(s.fields) {
		f := Field{Name: s.fields[i].Name, kind: s.fields[i].kind, text: text}
		to := writer{b: []byte{' '}}
		if to.field(&f); len(to.escaped) > 0 {
			return false
		}
		w.member = string(to.b[1:])
		l.held += len(w.member)
	}
	if at := len(w.member) - 1 - len(text); at > 0 && w.member[at:at+len(text)] == text {
		w.text = w.member[at : at+len(text)] // as it stands between the quotation marks
	} else {
		w.text = strings.Clone(text)
		l.held += len(text)
	}
	if s.words[i] == nil {
		s.words[i] = new(vocabulary)
		l.held += wordsSize
	}
	s.words[i].words[place] = w
	return true
}

// fingerprint is a number that differs for most texts: of their ends, middles and lengths.
func fingerprint(s string, seed uint64) uint64 {
	const odd, other = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f
	n := len(s)
	x := seed*other + uint64(n)
	if n < 8 {
		x ^= lastWord(s)
	} else {
		x ^= word8(s[n-8:]) ^ word8(s[n/2-4:])*other
	}
	x *= odd
	return x ^ x>>29
}

// word gives a word by its number from 1, or nil.
func (s *shape) word(i int, n uint8) *word {
	if n == 0 || s.words[i] == nil {
		return nil
	}
	return &s.words[i].words[(n-1)%wordCount]
}

// word reads what append wrote, and says which word it was, from 1; 0: none.
func (c *cursor) word(s *shape, i int) (string, uint8) {
	if s.number == 0 {
		return c.text(), 0
	}
	n := c.uvarint()
	if n < wordCount {
		if v := s.words[i]; v != nil && v.words[n].text != "" {
			return v.words[n].text, uint8(n) + 1
		}
		c.broken()
		return "", 0
	}
	return c.cut(n - wordCount), 0
}

// compareContent orders contents as their bytes would be if there were no words.
func (c *codec) compareContent(a, b []byte) int {
	n, k := binary.Uvarint(a)
	if m, _ := binary.Uvarint(b); n != m || n == 0 || n >= uint64(len(c.shapes)) {
		return bytes.Compare(a, b)
	}
	s := c.shapes[n]
	x, y := cursor{s: textOf(a), at: k}, cursor{s: textOf(b), at: k}
	if d := compareWord(&x, &y, s, len(s.fields)); d != 0 {
		return d
	}
	for i := range s.fields {
		d := 0
		switch s.fields[i].kind {
		case textField, listField:
			d = compareWord(&x, &y, s, i)
		default:
			from, to := x.at, y.at
			x.uvarint()
			y.uvarint()
			d = strings.Compare(x.s[from:x.at], y.s[to:y.at])
		}
		if d != 0 {
			return d
		}
	}
	return 0
}

// compareWord orders the next texts by their lengths as uvarint, then by their bytes.
func compareWord(x, y *cursor, s *shape, i int) int {
	a, _ := x.word(s, i)
	b, _ := y.word(s, i)
	if len(a) != len(b) {
		var m, n [binary.MaxVarintLen64]byte
		return bytes.Compare(binary.AppendUvarint(m[:0], uint64(len(a))), binary.AppendUvarint(n[:0], uint64(len(b))))
	}
	return strings.Compare(a, b)
}

// textOf is bytes as a text, without a copy: for as long as they do not change.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
