package rawfile

import "encoding/binary"

// Numbers of LZX as WIM images and the overlay filter use it ([MS-PATCH] with a window of 32 KiB, and no header).
const (
	lzxSlots    = 30
	lzxMain     = 256 + 8*lzxSlots
	lzxLengths  = 249
	lzxFileSize = 12_000_000 // what jumps are translated with
)

// lzxState is what goes on from block to block of a chunk.
type lzxState struct {
	in            wordBits
	main          [lzxMain]uint8
	length        [lzxLengths]uint8
	recent        [3]int
	mainCode      *huffman
	lengthCode    *huffman
	alignedCode   *huffman // nil: of a block without
	bases, extras [lzxSlots]int
}

// lzx unpacks one chunk.
func lzx(dst, src []byte) error {
	s := &lzxState{in: wordBits{src: src}, recent: [3]int{1, 1, 1}}
	s.in.fill(16)
	for i, base := 0, 0; i < lzxSlots; i++ {
		if i >= 4 {
			s.extras[i] = i/2 - 1
		}
		s.bases[i] = base
		base += 1 << s.extras[i]
	}
	for n := 0; n < len(dst); {
		kind := s.in.take(3)
		size := 32768
		if s.in.take(1) == 0 {
			size = int(s.in.take(16))
		}
		if size == 0 || size > len(dst)-n {
			return damaged("a block of %d bytes at %d of %d", size, n, len(dst))
		}
		var err error
		switch kind {
		case 1, 2:
			if err = s.codes(kind == 2); err == nil {
				err = s.block(dst[:n+size], n)
			}
		case 3:
			err = s.stored(dst[n : n+size])
		default:
			err = damaged("a block of kind %d", kind)
		}
		if err != nil {
			return err
		}
		n += size
	}
	lzxJumps(dst)
	return s.in.over()
}

// codes reads the codes of a block.
func (s *lzxState) codes(aligned bool) (err error) {
	s.alignedCode = nil
	if aligned {
		var lengths [8]uint8
		for i := range lengths {
			lengths[i] = uint8(s.in.take(3))
		}
		if s.alignedCode, err = newHuffman(lengths[:], 7); err != nil {
			return err
		}
	}
	for _, part := range [][]uint8{s.main[:256], s.main[256:], s.length[:]} {
		if err := s.lengths(part); err != nil {
			return err
		}
	}
	if s.mainCode, err = newHuffman(s.main[:], 16); err != nil {
		return err
	}
	s.lengthCode, err = newHuffman(s.length[:], 16)
	return err
}

// lengths reads code lengths, which are told as differences to those of the block before, in a code of their own.
func (s *lzxState) lengths(of []uint8) error {
	var pre [20]uint8
	for i := range pre {
		pre[i] = uint8(s.in.take(4))
	}
	code, err := newHuffman(pre[:], 15)
	if err != nil {
		return err
	}
	for i := 0; i < len(of); {
		symbol, err := code.read(&s.in)
		if err != nil {
			return err
		}
		times, value := 1, uint8(0)
		switch symbol {
		case 17:
			times = 4 + int(s.in.take(4))
		case 18:
			times = 20 + int(s.in.take(5))
		case 19:
			times = 4 + int(s.in.take(1))
			if symbol, err = code.read(&s.in); err != nil {
				return err
			}
			if symbol > 16 {
				return damaged("a code length told by %d", symbol)
			}
			value = uint8((int(of[i]) - symbol + 17) % 17)
		default:
			value = uint8((int(of[i]) - symbol + 17) % 17)
		}
		for range min(times, len(of)-i) { // those of the format's own maker may tell of more than there are
			of[i] = value
			i++
		}
	}
	return nil
}

// block unpacks a compressed block, from n to the end of dst.
func (s *lzxState) block(dst []byte, n int) error {
	for n < len(dst) {
		symbol, err := s.mainCode.read(&s.in)
		if err != nil {
			return err
		}
		if symbol < 256 {
			dst[n] = byte(symbol)
			n++
			continue
		}
		length, slot := symbol&7, (symbol-256)>>3
		if length == 7 {
			more, err := s.lengthCode.read(&s.in)
			if err != nil {
				return err
			}
			length += more
		}
		length += 2
		back, err := s.distance(slot)
		if err != nil {
			return err
		}
		if back <= 0 || back > n || length > len(dst)-n {
			return damaged("a reference of %d bytes, %d back, at %d", length, back, n)
		}
		for range length {
			dst[n] = dst[n-back]
			n++
		}
	}
	return nil
}

// distance reads how far back a reference leads; the last three are remembered and can be named.
func (s *lzxState) distance(slot int) (int, error) {
	if slot < 3 {
		s.recent[0], s.recent[slot] = s.recent[slot], s.recent[0]
		return s.recent[0], nil
	}
	extra := s.extras[slot]
	back := s.bases[slot] - 2
	if s.alignedCode != nil && extra >= 3 {
		back += int(s.in.take(uint(extra-3))) << 3
		low, err := s.alignedCode.read(&s.in)
		if err != nil {
			return 0, err
		}
		back += low
	} else {
		back += int(s.in.take(uint(extra)))
	}
	s.recent = [3]int{back, s.recent[0], s.recent[1]}
	return back, nil
}

// stored reads a block that was not compressed: it begins at the next word, even where the last one is just over.
func (s *lzxState) stored(dst []byte) error {
	taken := s.in.at*8 - int(s.in.have)
	at := (taken/16 + 1) * 2
	if at+12+len(dst) > len(s.in.src) {
		return errBits
	}
	for i := range s.recent {
		s.recent[i] = int(int32(binary.LittleEndian.Uint32(s.in.src[at+4*i:])))
	}
	copy(dst, s.in.src[at+12:])
	s.in.at = at + 12 + (len(dst)+1)&^1
	s.in.bits, s.in.have = 0, 0
	s.in.fill(16)
	return nil
}

// lzxJumps turns the absolute targets of what may be calls of x86 (E8) back into relative ones.
func lzxJumps(b []byte) {
	for i := 0; i < len(b)-10; i++ {
		if b[i] != 0xe8 {
			continue
		}
		target := int32(binary.LittleEndian.Uint32(b[i+1:]))
		switch {
		case target >= 0 && target < lzxFileSize:
			target -= int32(i)
		case target < 0 && target >= -int32(i):
			target += lzxFileSize
		}
		binary.LittleEndian.PutUint32(b[i+1:], uint32(target))
		i += 4
	}
}
