package rawfile

// fast is how many bits of a code are looked up at once.
const fast = 10

// A huffman is a canonical prefix code: of codes as long as each other, that of the lower symbol comes first.
type huffman struct {
	quick   [1 << fast]uint16 // symbol and length of short codes: symbol<<4 | length; zero: none
	symbols []uint16          // by code
	count   [17]int           // codes of a length
	most    int               // bits
}

// newHuffman makes the code of its lengths, zero being no code. It is an error to have more codes than there can be.
func newHuffman(lengths []uint8, most int) (*huffman, error) {
	h := &huffman{most: most}
	for _, l := range lengths {
		if int(l) > most {
			return nil, damaged("a code of %d bits", l)
		}
		h.count[l]++
	}
	h.count[0] = 0
	var next, at [17]int
	code, total := 0, 0
	for l := 1; l <= most; l++ {
		code = (code + h.count[l-1]) << 1
		next[l], at[l] = code, total
		total += h.count[l]
		if code+h.count[l] > 1<<l {
			return nil, damaged("more codes of %d bits than there can be", l)
		}
	}
	h.symbols = make([]uint16, total)
	for s, l := range lengths {
		if l == 0 {
			continue
		}
		h.symbols[at[l]] = uint16(s)
		at[l]++
		if l <= fast {
			first := next[l] << (fast - l)
			for i := range 1 << (fast - l) {
				h.quick[first+i] = uint16(s)<<4 | uint16(l)
			}
		}
		next[l]++
	}
	return h, nil
}

// read takes one symbol.
func (h *huffman) read(in *wordBits) (int, error) {
	if q := h.quick[in.peek(fast)]; q != 0 {
		in.skip(uint(q & 15))
		return int(q >> 4), nil
	}
	bits := int(in.peek(16))
	code, first, at := 0, 0, 0
	for l := 1; l <= h.most; l++ {
		code = bits >> (16 - l)
		if code-first < h.count[l] {
			in.skip(uint(l))
			return int(h.symbols[at+code-first]), nil
		}
		at += h.count[l]
		first = (first + h.count[l]) << 1
	}
	return 0, damaged("bits that are no code")
}
