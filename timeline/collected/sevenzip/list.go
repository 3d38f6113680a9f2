package sevenzip

import (
	"encoding/binary"
	"io"
	"math/bits"
	"strings"
	"time"
	"unicode/utf16"
)

// The properties of 7zFormat.txt.
const (
	idEnd           = 0x00
	idHeader        = 0x01
	idProperties    = 0x02
	idAdditional    = 0x03
	idMainStreams   = 0x04
	idFiles         = 0x05
	idPackInfo      = 0x06
	idUnpackInfo    = 0x07
	idSubstreams    = 0x08
	idSize          = 0x09
	idCRC           = 0x0a
	idFolder        = 0x0b
	idUnpackSize    = 0x0c
	idStreamCount   = 0x0d
	idEmptyStream   = 0x0e
	idEmptyFile     = 0x0f
	idNames         = 0x11
	idModified      = 0x14
	idEncodedHeader = 0x17
)

// A list is the header of an archive while it is read. What goes beyond its end, or counts more than it could hold, makes it bad,
// and everything read from it then is zero.
type list struct {
	b    []byte
	bad  bool
	many bool // it is bad for counting more than maxCount
	r    io.ReaderAt
	size int64 // of the archive
}

func (l *list) byte() byte {
	if len(l.b) == 0 {
		l.bad = true
		return 0
	}
	c := l.b[0]
	l.b = l.b[1:]
	return c
}

// take gives the next bytes, of the list itself.
func (l *list) take(n uint64) []byte {
	if l.bad || n > uint64(len(l.b)) {
		l.bad, l.b = true, nil
		return nil
	}
	b := l.b[:n]
	l.b = l.b[n:]
	return b
}

// number reads a NUMBER: as many ones at the top of the first byte as bytes follow, whose rest is the highest part.
func (l *list) number() uint64 {
	first := l.byte()
	extra := bits.LeadingZeros8(^first)
	var n uint64
	for i, c := range l.take(uint64(extra)) {
		n |= uint64(c) << (8 * i)
	}
	if extra < 7 {
		n |= uint64(first&(1<<(7-extra)-1)) << (8 * extra)
	}
	if l.bad {
		return 0
	}
	return n
}

// err says why the list is bad.
func (l *list) err() error {
	if l.many {
		return errMany
	}
	return errList
}

// count reads how many of something follow, each of which takes a byte at least.
func (l *list) count() int {
	n := l.number()
	if n > maxCount {
		l.bad, l.many, l.b = true, true, nil
		return 0
	}
	if n > uint64(len(l.b))+1 {
		l.bad, l.b = true, nil
		return 0
	}
	return int(n)
}

// flags reads a vector of so many bits.
func (l *list) flags(n int) []bool {
	b := l.take(uint64(n+7) / 8)
	all := make([]bool, n)
	for i := range all {
		all[i] = !l.bad && b[i/8]&(0x80>>(i%8)) != 0
	}
	return all
}

// defined reads which of so many have a value.
func (l *list) defined(n int) []bool {
	if l.byte() == 0 {
		return l.flags(n)
	}
	all := make([]bool, n)
	for i := range all {
		all[i] = true
	}
	return all
}

// digests passes over checksums, and says which there are: whoever hands on the archive vouches for it.
func (l *list) digests(n int) []bool {
	has := l.defined(n)
	for _, ok := range has {
		if ok {
			l.take(4)
		}
	}
	return has
}

// header reads what is in the archive.
func (l *list) header(a *Archive) error {
	var counts [][]int64 // sizes of the files in each block
	listed := false
	for !l.bad {
		switch l.number() {
		case idEnd:
			for _, f := range a.Files {
				l.bad = l.bad || f.Block >= len(a.blocks) || f.Block >= 0 && f.Offset+f.Size > a.blocks[f.Block].size
			}
			if l.bad {
				return l.err()
			}
			return nil
		case idProperties:
			for l.number() != idEnd && !l.bad {
				l.take(l.number())
			}
		case idAdditional:
			l.streams()
		case idMainStreams:
			a.blocks, counts = l.streams()
		case idFiles:
			l.bad, listed = l.bad || listed, true
			a.Files = l.files(counts)
		default:
			return errList
		}
	}
	return l.err()
}

// streams reads blocks, and the sizes of the files in each.
func (l *list) streams() (blocks []block, sizes [][]int64) {
	var packed []int64
	at := int64(headSize)
	for !l.bad {
		switch l.number() {
		case idEnd:
			if sizes == nil {
				for _, b := range blocks {
					sizes = append(sizes, []int64{b.size})
				}
			}
			return blocks, sizes
		case idPackInfo:
			at += int64(min(l.number(), uint64(l.size)))
			packed = l.packed()
		case idUnpackInfo:
			blocks = l.folders(at, packed)
		case idSubstreams:
			l.bad = l.bad || sizes != nil
			sizes = l.substreams(blocks)
		default:
			l.bad = true
		}
	}
	return nil, nil
}

// packed reads the sizes of packed streams.
func (l *list) packed() (sizes []int64) {
	n := l.count()
	for !l.bad {
		switch l.number() {
		case idEnd:
			return sizes
		case idSize:
			for i := 0; i < n && !l.bad; i++ {
				sizes = append(sizes, int64(min(l.number(), uint64(l.size))))
			}
		case idCRC:
			l.digests(n)
		default:
			l.bad = true
		}
	}
	return nil
}

// folders reads how each block is packed and where it lies.
func (l *list) folders(at int64, packed []int64) []block {
	if l.number() != idFolder {
		l.bad = true
	}
	n := l.count()
	if l.byte() != 0 { // the list lies elsewhere
		l.bad = true
	}
	blocks, outputs := make([]block, n), make([]int, n)
	for i := 0; i < n && !l.bad; i++ {
		var streams int
		streams, outputs[i] = l.folder(&blocks[i])
		for j := range streams {
			if len(packed) == 0 {
				l.bad = true
				break
			}
			if j == 0 {
				blocks[i].packed = [2]int64{at, packed[0]}
			}
			at, packed = at+packed[0], packed[1:]
		}
	}
	if l.number() != idUnpackSize {
		l.bad = true
	}
	for i := 0; i < n && !l.bad; i++ {
		for j := range outputs[i] {
			if size := l.number(); j == 0 {
				blocks[i].size = int64(min(size, 1<<62))
			}
		}
	}
	for !l.bad {
		switch l.number() {
		case idEnd:
			return blocks
		case idCRC:
			for i, ok := range l.digests(n) {
				blocks[i].summed = ok
			}
		default:
			l.bad = true
		}
	}
	return nil
}

const maxCoders = 32

// folder reads a block's coders; streams is how many packed ones it has, outputs how many come out of its coders.
func (l *list) folder(b *block) (streams, outputs int) {
	n, inputs := l.count(), 0
	if n == 0 || n > maxCoders {
		l.bad = true
		return 0, 0
	}
	for i := range n {
		flags := l.byte()
		var method uint64
		for _, c := range l.take(uint64(flags & 0x0f)) {
			method = method<<8 | uint64(c)
		}
		in, out := 1, 1
		if flags&0x10 != 0 {
			in, out = l.count(), l.count()
		}
		if in > maxCoders || out > maxCoders {
			l.bad = true
			return 0, 0
		}
		var props []byte
		if flags&0x20 != 0 {
			props = l.take(l.number())
		}
		inputs, outputs = inputs+in, outputs+out
		if i == 0 || method == methodAES {
			b.coder = coder{method, props}
		}
	}
	bound := max(outputs-1, 0)
	for range bound {
		l.number()
		l.number()
	}
	if streams = inputs - bound; streams > 1 {
		for range streams {
			l.number()
		}
	}
	if n > 1 && b.coder.method != methodAES {
		b.why = errFilter
	}
	if l.bad || streams < 1 || streams > maxCoders {
		l.bad = true
		return 0, 0
	}
	return streams, outputs
}

// substreams reads how many files each block has, and their sizes but for the last's.
func (l *list) substreams(blocks []block) [][]int64 {
	counts := make([]int, len(blocks))
	for i := range counts {
		counts[i] = 1
	}
	id := l.number()
	if id == idStreamCount {
		all := 0
		for i := range counts {
			counts[i] = l.count()
			if all += counts[i]; all > maxCount || all > len(l.b)+len(blocks)+1 {
				l.bad, l.many = true, all > maxCount
				return nil
			}
		}
		id = l.number()
	}
	sizes, unsummed := make([][]int64, len(blocks)), 0
	for i, n := range counts {
		if l.bad {
			return nil
		}
		if n != 1 || !blocks[i].summed {
			unsummed += n
		}
		left := blocks[i].size
		for j := range n {
			size := left
			if j+1 < n {
				if id != idSize {
					l.bad = true
					return nil
				}
				size = int64(min(l.number(), uint64(left)))
			}
			left -= size
			sizes[i] = append(sizes[i], size)
		}
	}
	if id == idSize {
		id = l.number()
	}
	if id == idCRC {
		l.digests(unsummed)
		id = l.number()
	}
	l.bad = l.bad || id != idEnd
	return sizes
}

// files reads names and times, and puts the files into their blocks.
func (l *list) files(sizes [][]int64) []File {
	n := l.count()
	files, empty, folder := make([]File, n), make([]bool, n), make([]bool, n)
	filed := false
	for !l.bad {
		id := l.number()
		if id == idEnd {
			break
		}
		p := list{b: l.take(l.number())}
		switch id {
		case idEmptyStream:
			empty = p.flags(n)
			copy(folder, empty)
		case idEmptyFile:
			p.bad, filed = filed, true
			p.emptyFiles(empty, folder)
		case idNames:
			p.names(files)
		case idModified:
			p.times(files)
		}
		l.bad = l.bad || p.bad
	}
	if l.bad {
		return nil
	}
	out, ok := placed(files, empty, folder, sizes)
	l.bad = !ok
	return out
}

// emptyFiles reads which of the empty streams are files, not folders.
func (p *list) emptyFiles(empty, folder []bool) {
	n := 0
	for _, e := range empty {
		if e {
			n++
		}
	}
	file := p.flags(n)
	for i, at := 0, 0; i < len(empty); i++ {
		if empty[i] {
			folder[i] = !file[at]
			at++
		}
	}
}

func (p *list) names(files []File) {
	if p.byte() != 0 { // they lie elsewhere
		p.bad = true
	}
	for i := range files {
		var units []uint16
		for {
			b := p.take(2)
			if p.bad {
				return
			}
			u := binary.LittleEndian.Uint16(b)
			if u == 0 {
				break
			}
			units = append(units, u)
		}
		files[i].Name = strings.ReplaceAll(string(utf16.Decode(units)), `\`, "/")
	}
}

func (p *list) times(files []File) {
	has := p.defined(len(files))
	if p.byte() != 0 {
		p.bad = true
	}
	for i := range files {
		if !has[i] {
			continue
		}
		b := p.take(8)
		if p.bad {
			return
		}
		const since1601 = 11644473600
		ticks := binary.LittleEndian.Uint64(b)
		files[i].Modified = time.Unix(int64(ticks/1e7)-since1601, int64(ticks%1e7)*100).UTC()
	}
}

// placed gives the files without folders, each with its place; false: there are more names than files.
func placed(files []File, empty, folder []bool, sizes [][]int64) (out []File, ok bool) {
	block, nth, at := 0, 0, int64(0)
	for i, f := range files {
		f.Block = -1
		if !empty[i] {
			for block < len(sizes) && nth == len(sizes[block]) {
				block, nth, at = block+1, 0, 0
			}
			if block == len(sizes) {
				return out, false
			}
			f.Block, f.Offset, f.Size = block, at, sizes[block][nth]
			at += f.Size
			nth++
		}
		if !folder[i] {
			out = append(out, f)
		}
	}
	return out, true
}
