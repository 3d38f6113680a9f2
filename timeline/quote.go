package timeline

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// appendString appends a text as a JSON string. False: it is not UTF-8, and what was appended is of no use.
func appendString(b []byte, s string) ([]byte, bool) {
	return appendRest(append(b, '"'), s)
}

// appendRest is appendString behind the first quotation mark.
func appendRest(b []byte, s string) ([]byte, bool) {
	for {
		n := len(b)
		b = slices.Grow(b, len(s)+8)
		k := copyPlain(b[n:n+len(s)+8], s)
		b, s = b[:n+k], s[k:]
		if s == "" {
			return append(b, '"'), true
		}
		if s[0] < utf8.RuneSelf {
			b, s = appendEscaped(b, s[0]), s[1:]
			continue
		}
		k = 0
		for k < len(s) && s[k] >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[k:])
			if r == utf8.RuneError && size == 1 {
				return b, false
			}
			k += size
		}
		b, s = append(b, s[:k]...), s[k:]
	}
}

// copyPlain copies the beginning of a text that is ASCII and stands in JSON as it is, most often all of it, and says how
// long that is. It may write eight bytes more.
func copyPlain(to []byte, s string) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := word8(s[i:])
		binary.LittleEndian.PutUint64(to[i:], x)
		if odd := special(x); odd != 0 {
			return i + bits.TrailingZeros64(odd)/8
		}
	}
	if i == len(s) {
		return i
	}
	x := lastWord(s[i:])
	binary.LittleEndian.PutUint64(to[i:], x)
	if odd := special(x); odd != 0 {
		return i + bits.TrailingZeros64(odd)/8
	}
	return len(s)
}

// special marks the highest bit of bytes that are no ASCII or need an escape. The lowest that is marked is one of them;
// above it a borrow can mark others.
func special(x uint64) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	return (x | (x - ' '*ones) | ((x ^ '"'*ones) - ones) | ((x ^ '\\'*ones) - ones) | ((x ^ 0x7f*ones) - ones)) & high
}

// word8 is the first eight bytes of a text.
func word8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// lastWord is a text of one to seven bytes, with blanks behind it.
func lastWord(s string) uint64 {
	const blanks = 0x2020202020202020
	n := len(s)
	x := uint64(s[0])
	switch {
	case n >= 4:
		x = uint64(half(s)) | uint64(half(s[n-4:]))<<(8*(n-4)) // those in the middle twice
	case n >= 2:
		x |= uint64(s[1])<<8 | uint64(s[n-1])<<(8*(n-1))
	}
	return x | blanks<<(8*n)
}

func half(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

const hexDigits = "0123456789abcdef"

// appendEscaped appends an ASCII character that may not stand in a JSON string, and DEL, which may but is not seen.
func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
