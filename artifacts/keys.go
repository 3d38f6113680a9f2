package artifacts

import (
	"math/bits"
	"math/rand/v2"
)

// Keys is a set of 64-bit hashes with a small number at each, for what is to be known of a million paths: ten bytes a key
// where a map takes thirty, and sixteen with the numbers. It has no pointers, so that nothing of it is looked through for garbage. The zero
// value is empty.
type Keys struct {
	parts []part // one, or 256 by the first byte of the key, so that growing never holds all of it twice
	n     int
}

// A part is an open-addressed table; zero is the free slot.
type part struct {
	keys    []uint64
	numbers []uint32 // beside keys; nil: all are zero
	n       int
}

// scatter is this process's own, so that nobody can make many keys fall on one slot.
var scatter = rand.Uint64() | 1

// manyKeys is how many one part holds before there are 256.
const manyKeys = 1 << 12

// Len is how many keys there are.
func (k *Keys) Len() int { return k.n }

// Get gives the number of a key, and whether it is there.
func (k *Keys) Get(key uint64) (uint32, bool) {
	if k.n == 0 {
		return 0, false
	}
	p := k.part(key)
	if len(p.keys) == 0 {
		return 0, false
	}
	i := p.slot(nonzero(key))
	if p.keys[i] == 0 {
		return 0, false
	}
	if p.numbers == nil {
		return 0, true
	}
	return p.numbers[i], true
}

// Has tells whether a key is there.
func (k *Keys) Has(key uint64) bool {
	_, ok := k.Get(key)
	return ok
}

// Put sets the number of a key.
func (k *Keys) Put(key uint64, number uint32) {
	if k.parts == nil {
		k.parts = make([]part, 1)
	}
	if k.n == manyKeys && len(k.parts) == 1 {
		old := k.parts[0]
		k.parts = make([]part, 256)
		for i, key := range old.keys {
			if key != 0 {
				k.part(key).put(key, old.number(i))
			}
		}
	}
	if k.part(key).put(nonzero(key), number) {
		k.n++
	}
}

func (k *Keys) part(key uint64) *part {
	if len(k.parts) == 1 {
		return &k.parts[0]
	}
	return &k.parts[nonzero(key)>>56]
}

// nonzero gives the one key that is the free slot another value.
func nonzero(key uint64) uint64 { return max(key, 1) }

func (p *part) number(i int) uint32 {
	if p.numbers == nil {
		return 0
	}
	return p.numbers[i]
}

// slot is where a key is, or the free slot where it belongs. The table is never full.
func (p *part) slot(key uint64) int {
	size := uint64(len(p.keys))
	high, _ := bits.Mul64(key*scatter, size)
	i := int(high)
	for p.keys[i] != 0 && p.keys[i] != key {
		if i++; i == len(p.keys) {
			i = 0
		}
	}
	return i
}

func (p *part) put(key uint64, number uint32) (fresh bool) {
	if p.n >= len(p.keys)-len(p.keys)/8-1 {
		p.grow()
	}
	i := p.slot(key)
	if fresh = p.keys[i] == 0; fresh {
		p.keys[i] = key
		p.n++
	}
	if number != 0 && p.numbers == nil {
		p.numbers = make([]uint32, len(p.keys))
	}
	if p.numbers != nil {
		p.numbers[i] = number
	}
	return fresh
}

// grow makes the table a third larger.
func (p *part) grow() {
	old := *p
	p.keys = make([]uint64, len(old.keys)+len(old.keys)/3+8)
	if old.numbers != nil {
		p.numbers = make([]uint32, len(p.keys))
	}
	for i, key := range old.keys {
		if key == 0 {
			continue
		}
		at := p.slot(key)
		p.keys[at] = key
		if old.numbers != nil {
			p.numbers[at] = old.numbers[i]
		}
	}
}
