package evtx

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Types of values, [MS-EVEN6] 2.2.12.2.
const (
	typeNull       = 0x00
	typeString     = 0x01
	typeANSI       = 0x02
	typeInt8       = 0x03
	typeUint8      = 0x04
	typeInt16      = 0x05
	typeUint16     = 0x06
	typeInt32      = 0x07
	typeUint32     = 0x08
	typeInt64      = 0x09
	typeUint64     = 0x0a
	typeReal32     = 0x0b
	typeReal64     = 0x0c
	typeBool       = 0x0d
	typeBinary     = 0x0e
	typeGUID       = 0x0f
	typeSize       = 0x10
	typeFiletime   = 0x11
	typeSystemtime = 0x12
	typeSID        = 0x13
	typeHex32      = 0x14
	typeHex64      = 0x15
	typeHandle     = 0x20
	typeBinXML     = 0x21
	typeXML        = 0x23
	typeArray      = 0x80
)

// A value is one of a record, where it lies in the chunk.
type value struct {
	at   uint32
	size uint16
	kind byte
}

// of gives the bytes of a value.
func (v *value) of(chunk []byte) []byte { return chunk[v.at : v.at+uint32(v.size)] }

// appendValue appends a value as text, the way Windows shows it. What has not the size of its type is shown as hex.
func appendValue(b []byte, kind byte, v []byte) []byte {
	if kind&typeArray != 0 {
		return appendArray(b, kind&^typeArray, v, ", ")
	}
	switch kind {
	case typeNull:
		return b
	case typeString, typeXML:
		return appendUTF16(b, trimZeros(v))
	case typeANSI:
		return appendANSI(b, v)
	}
	if n := fixedSize(kind); n > 0 && len(v) != n {
		return appendHex(b, v)
	}
	switch kind {
	case typeInt8:
		return strconv.AppendInt(b, int64(int8(v[0])), 10)
	case typeInt16:
		return strconv.AppendInt(b, int64(int16(le.Uint16(v))), 10)
	case typeInt32:
		return strconv.AppendInt(b, int64(int32(le.Uint32(v))), 10)
	case typeInt64:
		return strconv.AppendInt(b, int64(le.Uint64(v)), 10)
	case typeUint8, typeUint16, typeUint32, typeUint64:
		return strconv.AppendUint(b, unsigned(v), 10)
	case typeReal32:
		return strconv.AppendFloat(b, float64(math.Float32frombits(le.Uint32(v))), 'g', -1, 32)
	case typeReal64:
		return strconv.AppendFloat(b, math.Float64frombits(le.Uint64(v)), 'g', -1, 64)
	case typeBool:
		return strconv.AppendBool(b, le.Uint32(v) != 0)
	case typeGUID:
		return appendGUID(b, v)
	case typeFiletime:
		return appendTime(b, filetime(le.Uint64(v)))
	case typeSystemtime:
		return appendSystemtime(b, v)
	case typeSID:
		return appendSID(b, v)
	case typeHex32, typeHex64, typeSize, typeHandle:
		if len(v) == 4 || len(v) == 8 {
			return strconv.AppendUint(append(b, "0x"...), unsigned(v), 16)
		}
	}
	return appendHex(b, v)
}

// fixedSize is the size of a type that has one; zero: it varies.
func fixedSize(kind byte) int {
	switch kind {
	case typeInt8, typeUint8:
		return 1
	case typeInt16, typeUint16:
		return 2
	case typeInt32, typeUint32, typeReal32, typeBool, typeHex32:
		return 4
	case typeInt64, typeUint64, typeReal64, typeFiletime, typeHex64:
		return 8
	case typeGUID, typeSystemtime:
		return 16
	}
	return 0
}

// unsigned is a little-endian number of 1 to 8 bytes.
func unsigned(v []byte) uint64 {
	switch len(v) { // as fast as it can be: half of all values are numbers
	case 2:
		return uint64(le.Uint16(v))
	case 4:
		return uint64(le.Uint32(v))
	case 8:
		return le.Uint64(v)
	}
	n := uint64(0)
	for i := min(len(v), 8) - 1; i >= 0; i-- {
		n = n<<8 | uint64(v[i])
	}
	return n
}

// trimZeros cuts the zero characters behind a UTF-16 string.
func trimZeros(v []byte) []byte {
	for len(v) >= 2 && v[len(v)-1] == 0 && v[len(v)-2] == 0 {
		v = v[:len(v)-2]
	}
	return v
}

// appendUTF16 appends UTF-16 as UTF-8, four characters at a time as long as they are ASCII; a lone surrogate becomes
// U+FFFD, an odd byte at the end is dropped.
func appendUTF16(b, v []byte) []byte {
	b = slices.Grow(b, len(v)/2+4)
	for len(v) >= 8 {
		x := le.Uint64(v)
		if x&0xff80ff80ff80ff80 != 0 {
			break
		}
		x = (x | x>>8) & 0x0000ffff0000ffff
		b = le.AppendUint32(b, uint32(x|x>>16))
		v = v[8:]
	}
	for len(v) >= 2 {
		r := rune(le.Uint16(v))
		v = v[2:]
		if r < utf8.RuneSelf {
			b = append(b, byte(r))
			continue
		}
		if utf16.IsSurrogate(r) {
			if len(v) >= 2 {
				if both := utf16.DecodeRune(r, rune(le.Uint16(v))); both != utf8.RuneError {
					b = utf8.AppendRune(b, both)
					v = v[2:]
					continue
				}
			}
			r = utf8.RuneError
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

// appendANSI appends text of a code page that is not said; bytes over 127 are taken for Latin-1.
func appendANSI(b, v []byte) []byte {
	for len(v) > 0 && v[len(v)-1] == 0 {
		v = v[:len(v)-1]
	}
	for _, c := range v {
		b = utf8.AppendRune(b, rune(c))
	}
	return b
}

func appendHex(b, v []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range v {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}

// guidOrder is the order in which the bytes of a GUID are shown: its first three parts are little-endian numbers.
var guidOrder = [16]byte{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}

func appendGUID(b, v []byte) []byte {
	const digits = "0123456789abcdef"
	v = v[:16]
	b = append(b, '{')
	for i, at := range guidOrder {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, digits[v[at]>>4], digits[v[at]&15])
	}
	return append(b, '}')
}

// appendSID appends S-1-5-…, [MS-DTYP] 2.4.2.
func appendSID(b, v []byte) []byte {
	if len(v) < 8 || len(v) < 8+4*int(v[1]) {
		return appendHex(b, v)
	}
	b = strconv.AppendUint(append(b, "S-"...), uint64(v[0]), 10)
	authority := uint64(binary.BigEndian.Uint16(v[2:]))<<32 | uint64(binary.BigEndian.Uint32(v[4:]))
	b = strconv.AppendUint(append(b, '-'), authority, 10)
	for i := range int(v[1]) {
		b = strconv.AppendUint(append(b, '-'), uint64(le.Uint32(v[8+4*i:])), 10)
	}
	return b
}

func appendTime(b []byte, t time.Time) []byte {
	return t.AppendFormat(b, "2006-01-02T15:04:05.0000000Z")
}

func appendSystemtime(b, v []byte) []byte {
	f := func(i int) uint16 { return le.Uint16(v[2*i:]) }
	return fmt.Appendf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", f(0), f(1), f(3), f(4), f(5), f(6), f(7))
}

// appendArray appends the elements of an array: strings end with a zero, the others have the size of their type.
func appendArray(b []byte, kind byte, v []byte, between string) []byte {
	start := len(b)
	for n := 0; len(v) > 0; n++ {
		var one []byte
		if one, v = element(kind, v); n > 0 {
			b = append(b, between...)
		}
		b = appendValue(b, kind, one)
	}
	return b[:max(start, len(b))]
}

// element cuts the first element off an array.
func element(kind byte, v []byte) (one, rest []byte) {
	size := fixedSize(kind)
	switch {
	case kind == typeString:
		for i := 0; i+1 < len(v); i += 2 {
			if v[i] == 0 && v[i+1] == 0 {
				return v[:i], v[i+2:]
			}
		}
		return v, nil
	case kind == typeANSI:
		for i := range v {
			if v[i] == 0 {
				return v[:i], v[i+1:]
			}
		}
		return v, nil
	case kind == typeSID && len(v) >= 8:
		size = 8 + 4*int(v[1])
	case kind == typeSize || kind == typeHandle:
		size = 8
	}
	if size == 0 || size > len(v) {
		return v, nil
	}
	return v[:size], v[size:]
}
