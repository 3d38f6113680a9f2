package evtx

import "bytes"

// cache holds compiled templates: those of this chunk by their offset, and those of chunks before by GUID and size, where
// a definition is known again by all of its bytes and names. By the first bytes of the GUID alone it is found only for
// carved records, whose definition is overwritten, and the values must then fit.
type cache struct {
	chunk map[int]*template
	bad   map[int]error // definitions of this chunk that cannot be compiled
	byID  map[uint32]*template
	known map[cacheKey][]*template
	held  int // bytes
}

type cacheKey struct {
	guid [16]byte
	size int
}

// A file has some hundred templates of about a kilobyte.
const (
	maxHeld     = 4 << 20
	maxVariants = 16
)

func newCache() *cache {
	return &cache{chunk: map[int]*template{}, bad: map[int]error{}, byID: map[uint32]*template{}, known: map[cacheKey][]*template{}}
}

func (c *cache) newChunk() {
	clear(c.chunk)
	clear(c.bad)
}

// definition is the head of a template definition: link (4), GUID (16), size (4).
const definitionHead = 24

// at gives the template whose definition is at an offset into the chunk, and the definition's length.
func (c *cache) at(chunk []byte, offset int, id uint32) (*template, int, error) {
	if offset < firstRecord || offset+definitionHead > len(chunk) {
		return nil, 0, errNoTemplate
	}
	if le.Uint32(chunk[offset+4:]) != id {
		return nil, 0, errNoTemplate
	}
	size := int(le.Uint32(chunk[offset+20:]))
	start := offset + definitionHead
	if size < 0 || size > len(chunk)-start {
		return nil, 0, errCut
	}
	if t := c.chunk[offset]; t != nil {
		return t, definitionHead + size, nil
	}
	if err := c.bad[offset]; err != nil {
		return nil, 0, err
	}
	key := cacheKey{guid: [16]byte(chunk[offset+4:]), size: size}
	for _, t := range c.known[key] {
		if t.same(chunk, start) {
			c.chunk[offset] = t
			return t, definitionHead + size, nil
		}
	}
	t, err := compile(chunk, start, start+size, true)
	if err != nil {
		c.bad[offset] = err
		return nil, 0, err
	}
	c.keep(key, t)
	c.chunk[offset] = t
	return t, definitionHead + size, nil
}

// keep remembers a template for the chunks to come.
func (c *cache) keep(key cacheKey, t *template) {
	if c.held > maxHeld {
		clear(c.known)
		clear(c.byID)
		c.held = 0
	}
	if len(c.known[key]) >= maxVariants {
		return
	}
	t.raw = bytes.Clone(t.raw)
	c.byID[le.Uint32(key.guid[:])] = t
	c.held += 4*len(t.raw) + 1024
	c.known[key] = append(c.known[key], t)
}

// same tells whether the definition at start of a chunk is that of the template: all bytes but the offsets, and all names.
func (t *template) same(chunk []byte, start int) bool {
	b := chunk[start : start+len(t.raw)]
	at := 0
	for i := range t.holes {
		h := &t.holes[i]
		if !bytes.Equal(t.raw[at:h.at], b[at:h.at]) {
			return false
		}
		offset := int(le.Uint32(b[h.at:]))
		at = h.at + 4
		if (offset == start+at) != h.inline {
			return false
		}
		raw, ok := nameAt(chunk, offset)
		if !ok || !bytes.Equal(raw, h.name) {
			return false
		}
		if h.inline {
			at += 4 // the link to the next name
		}
	}
	return bytes.Equal(t.raw[at:], b[at:])
}
