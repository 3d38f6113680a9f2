package winapi

import "unicode/utf8"

// Windows names are any sequence of 16-bit numbers. WTF-8 (simonsapin.github.io/wtf-8) is UTF-8 that also encodes lone
// surrogates, so that every such name has a spelling in bytes and comes back as it was. Go's own conversion outside
// Windows replaces them.

const (
	highSurrogate = 0xd800
	lowSurrogate  = 0xdc00
	pastSurrogate = 0xe000
)

// Decode gives UTF-16 as WTF-8. A NUL ends nothing.
func Decode(u []uint16) string {
	b := make([]byte, 0, len(u)+len(u)/2)
	for i := 0; i < len(u); i++ {
		r := rune(u[i])
		switch {
		case r < highSurrogate || r >= pastSurrogate:
			b = utf8.AppendRune(b, r)
		case r < lowSurrogate && i+1 < len(u) && lowSurrogate <= u[i+1] && u[i+1] < pastSurrogate:
			i++
			b = utf8.AppendRune(b, (r-highSurrogate)<<10|(rune(u[i])-lowSurrogate)+0x10000)
		default:
			b = append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
		}
	}
	return string(b)
}

// DecodeBytes gives UTF-16LE as WTF-8, up to the first NUL. An odd byte at the end is left out.
func DecodeBytes(b []byte) string {
	u := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		c := uint16(b[0]) | uint16(b[1])<<8
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return Decode(u)
}

// Encode gives WTF-8 as UTF-16 without a NUL at the end. Bytes that are not WTF-8 become U+FFFD.
func Encode(s string) []uint16 {
	u := make([]uint16, 0, len(s))
	for i := 0; i < len(s); {
		if c, ok := surrogate(s[i:]); ok {
			u = append(u, c)
			i += 3
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r >= 0x10000 {
			r -= 0x10000
			u = append(u, highSurrogate|uint16(r>>10), lowSurrogate|uint16(r&0x3ff))
		} else {
			u = append(u, uint16(r))
		}
		i += n
	}
	return u
}

// surrogate reads the three bytes that WTF-8 has for a lone surrogate.
func surrogate(s string) (uint16, bool) {
	if len(s) < 3 || s[0] != 0xed || s[1]&0xe0 != 0xa0 || s[2]&0xc0 != 0x80 {
		return 0, false
	}
	return 0xd000 | uint16(s[1]&0x3f)<<6 | uint16(s[2]&0x3f), true
}
