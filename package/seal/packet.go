package seal

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/bits"
)

// Tags of packets (RFC 9580, section 5) in the new format, and the version of the encrypted packet.
const (
	tagSessionKey    = 0xc0 | 1
	tagPassphraseKey = 0xc0 | 3
	tagMarker        = 0xc0 | 10
	tagLiteral       = 0xc0 | 11
	tagEncrypted     = 0xc0 | 18
	tagCode          = 0xc0 | 19
	tagPadding       = 0xc0 | 21
	versionCode      = 1 // encrypted with a modification detection code
)

// Public-key algorithms (RFC 9580, section 9.1) whose session keys canonical looks at.
const (
	algoRSA    = 1
	algoECDH   = 18
	algoX25519 = 25
)

// Lengths of new-format packets (RFC 4880, section 4.2.2): of one, two or five octets, or one octet for a part whose
// size is a power of two and that another length follows.
func definiteLength(n int) []byte {
	switch {
	case n < 192:
		return []byte{byte(n)}
	case n < 8384:
		return []byte{byte((n-192)>>8) + 192, byte(n - 192)}
	default:
		return []byte{255, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
}

func partialLength(n int) byte { return 0xe0 | byte(bits.TrailingZeros(uint(n))) }

// lengthSize is how many octets a length has that begins with this one.
func lengthSize(first byte) int {
	switch {
	case first < 192:
		return 1
	case first < 224:
		return 2
	case first < 255:
		return 1
	default:
		return 5
	}
}

// readLength reads a length; more says that it is a part's.
func readLength(next func() (byte, error)) (n int64, more bool, err error) {
	var octets [5]byte
	if octets[0], err = next(); err != nil {
		return 0, false, err
	}
	for i := 1; i < lengthSize(octets[0]); i++ {
		if octets[i], err = next(); err != nil {
			return 0, false, err
		}
	}
	switch first := octets[0]; {
	case first < 192:
		return int64(first), false, nil
	case first < 224:
		return int64(first-192)<<8 + int64(octets[1]) + 192, false, nil
	case first < 255:
		return 1 << (first & 0x1f), true, nil
	default:
		return int64(octets[1])<<24 | int64(octets[2])<<16 | int64(octets[3])<<8 | int64(octets[4]), false, nil
	}
}

// A packetBody reads the body of a new-format packet whose tag was read. It returns io.EOF at its end, and
// io.ErrUnexpectedEOF where the stream ends before.
type packetBody struct {
	in   *bufio.Reader
	left int64 // of the part
	more bool  // a length follows it
}

func (b *packetBody) Read(p []byte) (n int, err error) {
	for b.left == 0 {
		if !b.more {
			return 0, io.EOF
		}
		if b.left, b.more, err = readLength(b.in.ReadByte); err != nil {
			return 0, early(err)
		}
	}
	n, err = b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, early(err)
}

func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readKeyPackets takes the packets before the encrypted data, whole.
func readKeyPackets(in *bufio.Reader) (packets [][]byte, err error) {
	for total := 0; ; {
		first, err := in.Peek(1)
		if err != nil {
			return nil, torn(err)
		}
		tag := first[0]
		if tag&0xc0 == 0x80 { // old format
			tag = 0xc0 | tag>>2&0xf
		}
		switch tag {
		case tagSessionKey, tagPassphraseKey, tagMarker, tagPadding:
		default:
			if len(packets) == 0 {
				return nil, fmt.Errorf("%w: it does not begin with a session key", ErrDamaged)
			}
			return packets, nil
		}
		packet, err := readPacket(in)
		if err != nil {
			return nil, torn(err)
		}
		if total += len(packet); total > maxKeyPackets {
			return nil, fmt.Errorf("%w: its session keys are too large", ErrDamaged)
		}
		packets = append(packets, packet)
	}
}

// readPacket reads a small packet of a length that it states, in either format.
func readPacket(in *bufio.Reader) ([]byte, error) {
	var packet bytes.Buffer
	next := func() (byte, error) {
		b, err := in.ReadByte()
		packet.WriteByte(b)
		return b, err
	}
	tag, err := next()
	if err != nil {
		return nil, err
	}
	var size int64
	var more bool
	if tag&0x40 != 0 {
		size, more, err = readLength(next)
	} else {
		more = tag&3 == 3 // of no stated length
		for octets := 1 << (tag & 3); octets > 0 && !more && err == nil; octets-- {
			var b byte
			b, err = next()
			size = size<<8 | int64(b)
		}
	}
	if err != nil {
		return nil, err
	}
	if more || size > maxPacket {
		return nil, fmt.Errorf("%w: a session key of no or too large a size", ErrDamaged)
	}
	_, err = io.CopyN(&packet, in, size)
	return packet.Bytes(), err
}

// canonical tells whether a session key packet for RSA or ECDH is written in the one way there is. Its bits that an
// integer's length or a point of Curve25519 leave to chance are covered by nothing else.
func canonical(packet []byte) bool {
	const algorithm, fields = 9, 10 // after the version (3) and the key's id
	if len(packet) < 2 || packet[0]&0x40 == 0 {
		return true // an older tool's
	}
	body := packet[1+lengthSize(packet[1]):]
	if len(body) < fields+3 || body[0] != 3 {
		return true
	}
	n := int(body[fields])<<8 | int(body[fields+1])
	number := body[fields+2:]
	switch body[algorithm] {
	case algoRSA:
		return n == 8*(len(number)-1)+bits.Len8(number[0])
	case algoECDH:
		size := (n + 7) / 8
		if size > len(number) || n != 8*(size-1)+bits.Len8(number[0]) {
			return false
		}
		montgomery := size == 1+32 || size == 1+56 // Curve25519, Curve448; all others' points are longer
		return !montgomery || number[0] == 0x40 && (size != 1+32 || number[32] < 0x80)
	case algoX25519:
		return len(body) < fields+32 || body[fields+31] < 0x80
	}
	return true
}
