package eventlog

import (
	"bytes"
	"maps"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// words.tsv has the kinds of values. A line that begins with = is a kind's name, then the names of the fields that are of
// it, and the public source of the words; each that follows is numbers and what they mean: # in the words is the last hex
// digit of the number; 1/2 are two numbers that say of one thing that it is disabled, and enabled. a:b is a kind that begins
// with the words of b; empty words say that a number means nothing. Of a kind whose name ends in + the numbers are bits: a
// value is all that are set in it, unless it has words of its own.

// A Kind is what numbers of one sort mean.
type Kind struct {
	name  string
	flags []uint64 // in the order of the table; none: the numbers are values
	words map[uint64]string
}

// kinds are those of the table by name, and, behind a dot, by the names of the fields that are of them.
var kinds = sync.OnceValue(func() map[string]*Kind {
	words, _ := texts()
	amid := &Kind{name: "references"}
	table := map[string]*Kind{amid.name: amid, ".AccessReason": amid, ".Properties": amid}
	var k *Kind
	bits := false
	for _, r := range rows(words) {
		if r.key[0] != '=' {
			off, on, switched := strings.Cut(r.key, "/")
			if switched {
				k.add(off, r.text+" - disabled", bits)
				k.add(on, r.text+" - enabled", bits)
			} else {
				k.add(r.key, r.text, bits)
			}
			continue
		}
		names := strings.Fields(r.key[1:])
		name, base, _ := strings.Cut(names[0], ":")
		name, bits = strings.CutSuffix(name, "+")
		k = &Kind{name: name, words: map[uint64]string{}}
		if b := table[base]; b != nil {
			maps.Copy(k.words, b.words)
		}
		table[name] = k
		for _, field := range names[1:] {
			table["."+field] = k
		}
	}
	return table
})

// add takes numbers of the table.
func (k *Kind) add(list, words string, bits bool) {
	for _, n := range numbers(list) {
		k.words[n] = strings.Replace(words, "#", strconv.FormatUint(n&15, 10), 1)
		if bits && n&(n-1) == 0 && n != 0 {
			k.flags = append(k.flags, n)
		}
	}
}

// KindOf gives the kind that the fields of a name are of; nil: none.
func KindOf(field string) *Kind { return kinds()["."+field] }

// Append appends the words for a number, decimal or hex; false: there are none.
func (k *Kind) Append(b, v []byte) ([]byte, bool) {
	if k == nil || len(v) == 0 || len(v) > 20 {
		return b, false
	}
	n, err := strconv.ParseUint(string(v), 0, 64)
	if err != nil {
		return b, false
	}
	return k.appendNumber(b, n)
}

func (k *Kind) appendNumber(b []byte, n uint64) ([]byte, bool) {
	if k.name == "error" && n>>16 == win32Facility {
		n &= 0xffff
	}
	if w, ok := k.words[n]; ok {
		return append(b, w...), true
	}
	start := len(b)
	for _, bit := range k.flags {
		if n&bit == 0 {
			continue
		}
		if len(b) > start {
			b = append(b, ", "...)
		}
		b = append(b, k.words[bit]...)
		n &^= bit
	}
	if len(b) > start && n != 0 { // bits that are not in the table
		b = strconv.AppendUint(append(b, ", 0x"...), n, 16)
	}
	return b, len(b) > start
}

// win32Facility is what an HRESULT begins with that holds a system error.
const win32Facility = 0x8007

// appendReferences appends what a value means that is %%nnnn, or several of them and nothing else; false: it is not that,
// or one of them is not known.
func (k *Kind) appendReferences(b, v []byte) ([]byte, bool) {
	if k == nil || len(v) > 0 && v[0] > ',' { // most values
		return b, false
	}
	start := len(b)
	for {
		v = bytes.TrimLeft(v, whiteSpace+",")
		if len(v) == 0 {
			return b, len(b) > start
		}
		n, rest, ok := reference(v)
		if !ok {
			break
		}
		if len(b) > start {
			b = append(b, ", "...)
		}
		if b, ok = k.appendNumber(b, n); !ok {
			break
		}
		v = rest
	}
	return b[:start], false
}

// appendAmid appends a value with the references that its words begin with as what they mean; one that is not known stays as
// it is. False: there are none.
func (k *Kind) appendAmid(b, v []byte) ([]byte, bool) {
	start, known := len(b), false
	for len(v) > 0 {
		if n, rest, ok := reference(v); ok && k != nil {
			if b, ok = k.appendNumber(b, n); ok {
				v, known = rest, true
			}
		}
		n := 0
		for n < len(v) && v[n] > ' ' {
			n++
		}
		b, v, n = append(b, v[:n]...), v[n:], 0
		for n < len(v) && v[n] <= ' ' {
			n++
		}
		if v = v[n:]; len(v) > 0 && len(b) > start {
			b = append(b, ' ')
		}
	}
	if !known {
		b = b[:start]
	}
	return b, known
}

// whiteSpace is what stands between references.
const whiteSpace = " \t\r\n"

// reference reads %%nnnn, behind which no letter follows.
func reference(v []byte) (n uint64, rest []byte, ok bool) {
	if len(v) < 3 || v[0] != '%' || v[1] != '%' {
		return 0, v, false
	}
	i := 2
	for ; i < len(v) && i < 12 && '0' <= v[i] && v[i] <= '9'; i++ {
		n = 10*n + uint64(v[i]-'0')
	}
	return n, v[i:], i > 2
}

// Empty tells whether a value says nothing; Windows writes a dash.
func Empty(v []byte) bool { return len(v) == 0 || len(v) == 1 && v[0] == '-' }

// Cut gives at most so many bytes of a value, whole characters, and dots where there was more.
func Cut(v []byte, most int) []byte {
	if len(v) <= most {
		return v
	}
	for most > 0 && !utf8.RuneStart(v[most]) {
		most--
	}
	return append(v[:most:most], "..."...)
}

// AppendFlat appends a value with each stretch of white space and control characters as one blank.
func AppendFlat(b, v []byte) []byte {
	for len(v) > 0 {
		n := 0
		for n < len(v) && v[n] > ' ' {
			n++
		}
		if b = append(b, v[:n]...); n == len(v) {
			break
		}
		b = append(b, ' ')
		for n < len(v) && v[n] <= ' ' {
			n++
		}
		v = v[n:]
	}
	return b
}
