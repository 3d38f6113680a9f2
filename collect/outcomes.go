package collect

import (
	"encoding/binary"
	"iter"
	"slices"
	"strings"

	"spor/artifacts"
)

// Outcomes are what became of all that was planned, in order. There may be a million, and most are alike: each is kept as
// what differs from the one before, about twenty bytes of it.
type Outcomes struct {
	blocks [][]byte
	last   []byte         // the block being filled
	path   artifacts.Path // of the outcome before
	n      int

	texts  []string // sources and reasons
	number map[string]int
}

const (
	blockOutcomes = 256     // that one is found among by reading from the first
	maxTexts      = 1 << 12 // remembered; a reason beyond is written out, for it may have the file's name in it
)

// What the first byte of a kept outcome says; the status is its lower bits.
const (
	outcomeStatus   = 0x07
	outcomeGap      = 0x08
	outcomeReason   = 0x10 // has a reason
	outcomeItem     = 0x20 // is in an item
	outcomeOwnItem  = 0x40 // called as its path, below itemFolder
	outcomeHasBytes = 0x80
)

// itemFolder is where the bundle has what has a path on the host. Other names are kept as well, in more bytes.
const itemFolder = "files"

// Len is how many there are.
func (l *Outcomes) Len() int { return l.n }

// Add keeps one.
func (l *Outcomes) Add(o artifacts.Outcome) {
	if l.n%blockOutcomes == 0 {
		l.seal()
	}
	head := byte(o.Status) & outcomeStatus
	for _, is := range []struct {
		so  bool
		bit byte
	}{
		{o.Gap, outcomeGap},
		{o.Reason != "", outcomeReason},
		{o.Item != "", outcomeItem},
		{o.Item != "" && isOwnItem(&o), outcomeOwnItem},
		{o.Bytes != 0, outcomeHasBytes},
	} {
		if is.so {
			head |= is.bit
		}
	}
	b := append(l.last, head)
	b = l.appendText(b, o.Source)
	same := common(string(l.path), string(o.Path))
	b = binary.AppendUvarint(b, uint64(same))
	b = appendString(b, string(o.Path[same:]))
	if head&outcomeReason != 0 {
		b = l.appendText(b, o.Reason)
	}
	if head&(outcomeItem|outcomeOwnItem) == outcomeItem {
		b = appendString(b, o.Item)
	}
	if head&outcomeHasBytes != 0 {
		b = binary.AppendVarint(b, o.Bytes)
	}
	l.last, l.path = b, o.Path
	l.n++
}

func isOwnItem(o *artifacts.Outcome) bool {
	return len(o.Item) == len(itemFolder)+len(o.Path) && strings.HasPrefix(o.Item, itemFolder) && o.Item[len(itemFolder):] == string(o.Path)
}

// seal begins a new block, in which nothing leans on the blocks before.
func (l *Outcomes) seal() {
	if len(l.last) > 0 {
		l.blocks = append(l.blocks, slices.Clone(l.last))
	}
	l.last, l.path = l.last[:0], ""
}

// appendText writes the number of a text that is remembered, or 0 and the text.
func (l *Outcomes) appendText(b []byte, s string) []byte {
	n, known := l.number[s]
	if !known && len(l.texts) < maxTexts {
		if l.number == nil {
			l.number = make(map[string]int)
		}
		l.texts = append(l.texts, s)
		n = len(l.texts)
		l.number[s] = n
	}
	b = binary.AppendUvarint(b, uint64(n))
	if n == 0 {
		b = appendString(b, s)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// common is how many bytes two texts begin with alike.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// All gives them in order. None may be added meanwhile.
func (l *Outcomes) All() iter.Seq[artifacts.Outcome] {
	return func(yield func(artifacts.Outcome) bool) {
		for _, block := range append(slices.Clip(l.blocks), l.last) {
			for o := range l.block(block) {
				if !yield(o) {
					return
				}
			}
		}
	}
}

// List is all of them at once.
func (l *Outcomes) List() []artifacts.Outcome { return slices.Collect(l.All()) }

// at gives one by its number from 0.
func (l *Outcomes) at(i int) artifacts.Outcome {
	block := l.last
	if n := i / blockOutcomes; n < len(l.blocks) {
		block = l.blocks[n]
	}
	i %= blockOutcomes
	for o := range l.block(block) {
		if i--; i < 0 {
			return o
		}
	}
	return artifacts.Outcome{}
}

// block gives the outcomes of a block.
func (l *Outcomes) block(b []byte) iter.Seq[artifacts.Outcome] {
	return func(yield func(artifacts.Outcome) bool) {
		r := kept{b: b, texts: l.texts}
		for len(r.b) > 0 {
			if !yield(r.outcome()) {
				return
			}
		}
	}
}

// kept reads what Add wrote.
type kept struct {
	b     []byte
	texts []string
	path  artifacts.Path
}

func (r *kept) outcome() artifacts.Outcome {
	head := r.b[0]
	r.b = r.b[1:]
	o := artifacts.Outcome{Status: artifacts.Status(head & outcomeStatus), Gap: head&outcomeGap != 0, Source: r.text()}
	same := r.number()
	item := itemFolder + string(r.path[:same]) + r.string() // one text for both
	o.Path = artifacts.Path(item[len(itemFolder):])
	r.path = o.Path
	if head&outcomeReason != 0 {
		o.Reason = r.text()
	}
	switch {
	case head&outcomeOwnItem != 0:
		o.Item = item
	case head&outcomeItem != 0:
		o.Item = r.string()
	}
	if head&outcomeHasBytes != 0 {
		var n int
		o.Bytes, n = binary.Varint(r.b)
		r.b = r.b[n:]
	}
	return o
}

func (r *kept) number() int {
	v, n := binary.Uvarint(r.b)
	r.b = r.b[n:]
	return int(v)
}

func (r *kept) string() string {
	n := r.number()
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *kept) text() string {
	if n := r.number(); n > 0 {
		return r.texts[n-1]
	}
	return r.string()
}
