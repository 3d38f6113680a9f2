package journald

// object is the head of one.
type object struct {
	kind  byte
	flags byte // how the payload is compressed
	off   int64
	size  int64 // with this head, without what fills up to a multiple of eight
}

// dataHead is where the payload of a data object begins.
func (h *header) dataHead() int {
	if h.compact {
		return 72
	}
	return 64
}

// item is the size of a reference in an entry.
func (h *header) item() int {
	if h.compact {
		return 4
	}
	return 16
}

// plausible reads the head of an object and tells whether it can be one. b are the bytes at off, at least objectHead; the
// more of them there are, the more is asked of them.
func (j *journal) plausible(b []byte, off int64) (object, bool) {
	o := object{kind: b[0], flags: b[1], off: off, size: int64(le.Uint64(b[8:]))}
	if o.kind < kindData || o.kind > kindTag || le.Uint64(b)>>16 != 0 || o.size < objectHead || o.size >= 1<<40 ||
		j.size >= 0 && o.size > j.size-off {
		return o, false
	}
	if o.flags != 0 && (o.kind != kindData || o.flags&(o.flags-1) != 0 || o.flags > packedZstd) {
		return o, false
	}
	switch o.kind {
	case kindData:
		return o, o.size > int64(j.dataHead()) && linked(b, 24, 32, 40, 48) && j.named(b, o.flags)
	case kindField:
		return o, o.size > 40 && linked(b, 24, 32)
	case kindEntry:
		return o, o.size >= entryHead && (o.size-entryHead)%int64(j.item()) == 0
	case kindDataTable:
		return o, o.size == int64(j.tables[0])+objectHead
	case kindFieldTable:
		return o, o.size == int64(j.tables[1])+objectHead
	case kindArray:
		return o, o.size >= 24 && linked(b, 16)
	default:
		return o, o.size == 64
	}
}

// linked tells whether offsets in an object are offsets of objects.
func linked(b []byte, at ...int) bool {
	for _, i := range at {
		if i+8 <= len(b) && le.Uint64(b[i:])&7 != 0 {
			return false
		}
	}
	return true
}

// named tells whether a payload begins with what can be a name.
func (j *journal) named(b []byte, flags byte) bool {
	at := j.dataHead()
	if flags != 0 || len(b) <= at {
		return true
	}
	c := b[at]
	return 'A' <= c && c <= 'Z' || c == '_' || '0' <= c && c <= '9'
}

// sound tells whether an object at an offset that is in the window is one and its size is true: another follows it and
// nothing speaks against it, or no other is to be found inside it.
func (j *journal) sound(off int64) (object, bool) {
	b := j.ahead(off, 80)
	if len(b) < objectHead {
		return object{}, false
	}
	o, ok := j.plausible(b, off)
	if !ok {
		return o, false
	}
	after := off + aligned(o.size)
	next := j.ahead(after, 80)
	followed := off >= j.tail // by the end, by zeros, or by what is out of sight
	if len(next) >= objectHead && !isZero(next[:objectHead]) {
		_, followed = j.plausible(next, after)
	}
	if followed && !j.doubtful(o) {
		return o, true
	}
	for at := off + objectHead; at < after && at+objectHead <= off+window/2; at += 8 {
		b := j.ahead(at, 80)
		if len(b) < 80 {
			break
		}
		if inner, ok := j.plausible(b, at); ok && j.followed(inner) {
			return o, false
		}
	}
	return o, true
}

// doubtful tells whether something speaks against the size of an object. One that is wrong may lead to another object,
// far behind, by chance.
func (j *journal) doubtful(o object) bool {
	const small, large = 512, 4096 // a small error costs little, a large object is rare
	if o.off < j.tail && o.off+o.size > j.tail {
		return true
	}
	switch {
	case o.kind == kindData && o.flags == 0 && small < o.size && o.size <= window/2:
		b := j.ahead(o.off, int(o.size))
		return int64(len(b)) == o.size && j.hash(b[j.dataHead():]) != le.Uint64(b[16:])
	case o.kind == kindEntry:
		b := j.ahead(o.off, int(min(o.size, entryHead+16*maxItems)))
		for step := j.item(); len(b) >= entryHead+step; b = b[step:] {
			if at := j.reference(b[entryHead:]); at&7 != 0 || at >= o.off || at == 0 && len(b) > entryHead+step {
				return true
			}
		}
		return false
	default:
		return (o.kind == kindData || o.kind == kindArray) && o.size > large
	}
}

// reference reads an item of an entry.
func (h *header) reference(b []byte) int64 {
	if h.compact {
		return int64(le.Uint32(b))
	}
	return int64(le.Uint64(b))
}

// followed tells whether an object ends where another begins.
func (j *journal) followed(o object) bool {
	after := o.off + aligned(o.size)
	b := j.ahead(after, 80)
	if len(b) < objectHead {
		return false
	}
	_, ok := j.plausible(b, after)
	return ok
}

// ahead gives up to n bytes at an offset at or behind what is read next, as far as the file can be seen.
func (j *journal) ahead(off int64, n int) []byte {
	skip := off - j.off
	if skip+int64(n) <= window {
		b, _ := j.r.Peek(int(skip) + n)
		return b[min(int(skip), len(b)):]
	}
	if j.at == nil {
		return nil
	}
	b := j.data.scratch[:n]
	k, _ := j.at.ReadAt(b, off)
	return b[:max(k, 0)]
}
