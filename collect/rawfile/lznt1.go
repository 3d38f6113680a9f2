package rawfile

// lznt1 unpacks what NTFS compressed ([MS-XCA] 2.5): chunks of 4096 bytes, each with a header of its size; a chunk is
// stored as it is, or as groups of eight literals and references. It returns how many bytes it made; what is behind
// them are zeros.
func lznt1(dst, src []byte) (int, error) {
	const chunk = 4096
	at := 0
	for len(src) >= 2 {
		header := int(src[0]) | int(src[1])<<8
		if header == 0 {
			break
		}
		size := header&0xfff + 1
		if size > len(src)-2 {
			return at, damaged("a compressed chunk of %d bytes, there are %d", size, len(src)-2)
		}
		if at >= len(dst) {
			return at, damaged("more compressed chunks than the unit has room for")
		}
		out, in := dst[at:min(at+chunk, len(dst))], src[2:2+size]
		src = src[2+size:]
		n := copy(out, in)
		if header&0x8000 != 0 {
			var err error
			if n, err = lznt1Chunk(out, in); err != nil {
				return at, err
			}
		}
		clear(out[n:])
		at += len(out)
	}
	return at, nil
}

// lznt1Chunk unpacks one chunk. How the 16 bits of a reference are shared between distance and length depends on how
// far the chunk has come.
func lznt1Chunk(dst, src []byte) (n int, err error) {
	for len(src) > 0 {
		flags := src[0]
		src = src[1:]
		for i := 0; i < 8 && len(src) > 0; i, flags = i+1, flags>>1 {
			if n >= len(dst) {
				return n, damaged("a compressed chunk that makes more than %d bytes", len(dst))
			}
			if flags&1 == 0 {
				dst[n] = src[0]
				src, n = src[1:], n+1
				continue
			}
			if len(src) < 2 || n == 0 {
				return n, damaged("a reference in a compressed chunk is cut off or leads before it")
			}
			ref := int(src[0]) | int(src[1])<<8
			src = src[2:]
			bits := 12
			for m := n - 1; m >= 16; m >>= 1 {
				bits--
			}
			back, length := ref>>bits+1, ref&(1<<bits-1)+3
			if back > n || length > len(dst)-n {
				return n, damaged("a reference of %d bytes, %d back, at %d of a compressed chunk", length, back, n)
			}
			for range length {
				dst[n] = dst[n-back]
				n++
			}
		}
	}
	return n, nil
}
