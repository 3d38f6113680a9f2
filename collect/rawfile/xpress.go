package rawfile

import "encoding/binary"

// xpress unpacks one chunk of XPRESS Huffman ([MS-XCA] 2.2): 256 bytes of code lengths for 512 symbols, 4 bits each;
// then 16-bit words of bits with the bytes of long lengths between them.
func xpress(dst, src []byte) error {
	if len(src) < 256+4 {
		return damaged("%d bytes", len(src))
	}
	var lengths [512]uint8
	for i, c := range src[:256] {
		lengths[2*i], lengths[2*i+1] = c&15, c>>4
	}
	codes, err := newHuffman(lengths[:], 15)
	if err != nil {
		return err
	}
	in := &wordBits{src: src[256:]}
	in.fill(32)
	for n := 0; n < len(dst); {
		symbol, err := codes.read(in)
		if err != nil {
			return err
		}
		if symbol < 256 {
			dst[n] = byte(symbol)
			n++
			continue
		}
		symbol -= 256
		length := symbol & 15
		if length == 15 {
			if length, err = in.longLength(); err != nil {
				return err
			}
		}
		length += 3
		log := uint(symbol >> 4)
		back := 1<<log | int(in.take(log))
		if back > n || length > len(dst)-n {
			return damaged("a reference of %d bytes, %d back, at %d", length, back, n)
		}
		for range length {
			dst[n] = dst[n-back]
			n++
		}
	}
	return in.over()
}

// longLength reads a length that the symbol has no room for: one byte, two or four.
func (b *wordBits) longLength() (int, error) {
	rest := b.src[min(b.at, len(b.src)):]
	if len(rest) < 1 {
		return 0, errBits
	}
	n := int(rest[0])
	b.at++
	if n < 255 {
		return n + 15, nil
	}
	if len(rest) < 3 {
		return 0, errBits
	}
	n = int(binary.LittleEndian.Uint16(rest[1:]))
	b.at += 2
	if n == 0 {
		if len(rest) < 7 {
			return 0, errBits
		}
		n = int(binary.LittleEndian.Uint32(rest[3:]) & 0x7fffffff)
		b.at += 4
	}
	if n < 15 {
		return 0, damaged("a length of %d", n)
	}
	return n, nil
}

var errBits = damaged("the compressed bytes end early")

// wordBits are bits in 16-bit little-endian words, the highest first. At least 16 are always there to be looked at,
// zeros behind the end.
type wordBits struct {
	src  []byte
	at   int    // of the next word
	bits uint64 // the highest of have bits comes next
	have uint
	past int // words read behind the end
}

// peek gives the next n bits, at most 16, without taking them.
func (b *wordBits) peek(n uint) uint32 {
	return uint32(b.bits>>(b.have-n)) & (1<<n - 1)
}

// skip takes n bits, and reads the next word when there are fewer than 16, no sooner: bytes stand between the words.
func (b *wordBits) skip(n uint) {
	b.have -= n
	b.fill(16)
}

func (b *wordBits) fill(least uint) {
	for b.have < least {
		var w uint64
		if b.at+2 <= len(b.src) {
			w = uint64(b.src[b.at]) | uint64(b.src[b.at+1])<<8
		} else {
			b.past++
		}
		b.at += 2
		b.bits = b.bits<<16 | w
		b.have += 16
	}
}

func (b *wordBits) take(n uint) uint32 {
	v := b.peek(n)
	b.skip(n)
	return v
}

// over tells whether more was read than there was.
func (b *wordBits) over() error {
	if b.past > 2 {
		return errBits
	}
	return nil
}
