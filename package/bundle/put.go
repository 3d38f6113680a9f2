package bundle

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // for indicators that know no better
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"spor/artifacts"
	"spor/package/manifest"
)

// Bounds of what is stored but once in a volume.
const (
	leastSame    = block   // bytes: below, a link is no smaller
	maxOriginals = 1 << 15 // remembered
)

// maxProgram is the size up to which programs and scripts get MD5 and SHA-1 beside SHA-256, in bytes. Malware stays far
// below it; MD5 costs more than twice what SHA-256 does.
const maxProgram = 32 << 20

// putting is an item on its way into the archive.
type putting struct {
	*Writer
	entry manifest.Entry
	sums  sums
	parts []manifest.Part
}

// sums are what is known of content by its hashes.
type sums struct {
	sha256    hash.Hash
	sha1, md5 hash.Hash // nil: not asked for
}

func (s *sums) Write(b []byte) (int, error) {
	s.sha256.Write(b)
	if s.md5 != nil {
		s.md5.Write(b)
		s.sha1.Write(b)
	}
	return len(b), nil
}

// isProgram tells whether content begins as what a system can execute: PE and DOS, ELF, Mach-O, scripts.
func isProgram(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	switch binary.BigEndian.Uint32(head) {
	case 0x7f454c46, 0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe:
		return true
	}
	return string(head[:2]) == "MZ" || string(head[:2]) == "#!"
}

func (p *putting) finish(cut error) {
	e := &p.entry
	if e.SHA256 == "" {
		e.SHA256 = hex.EncodeToString(p.sums.sha256.Sum(nil))
		if p.sums.md5 != nil {
			e.MD5, e.SHA1 = hex.EncodeToString(p.sums.md5.Sum(nil)), hex.EncodeToString(p.sums.sha1.Sum(nil))
		}
	}
	e.Volume = p.vol.number
	if len(p.parts) > 0 {
		e.Volume = p.parts[0].Volume
		if p.parts[0].Name != e.Name {
			e.Parts = p.parts
		}
	}
	if cut != nil {
		e.Cut = cut.Error()
	}
	if e.After != nil {
		e.Changed = e.After()
	}
	if cut == nil && e.Padding == 0 && e.Sparse == nil && len(e.Parts) == 0 && e.Link == "" && e.SameAs == "" {
		p.vol.remember(e)
	}
}

// store writes the item's content. The first error is the evidence's, the second the store's.
func (p *putting) store(r io.Reader) (cut, fatal error) {
	e := &p.entry
	p.sums.sha256 = sha256.New()
	if e.Link != "" {
		e.SameAs, e.Sparse = "", nil
		return nil, nil
	}
	if first, ok := p.vol.linked[e.SameAs]; ok && e.SameAs != "" {
		e.Size, e.SHA256, e.SHA1, e.MD5 = first.Size, first.SHA256, first.SHA1, first.MD5
		e.Sparse = nil
		return nil, p.link()
	}
	e.SameAs = ""
	if e.Sparse != nil {
		kept := sparseMap(e.Sparse.Runs, e.Sparse.Size)
		e.Sparse = &artifacts.Sparse{Size: e.Sparse.Size, Count: len(e.Sparse.Runs)}
		e.Item.Size += int64(len(kept))
		r = io.MultiReader(bytes.NewReader(kept), r)
	}
	return p.content(r)
}

// link writes a hard link to the item that e.SameAs names.
func (p *putting) link() error {
	return p.vol.begin(member{name: p.entry.Name, kind: typeLink, link: p.entry.SameAs, mod: p.entry.Times.Modified})
}

// content writes the item's bytes as one or more files of the archive.
func (p *putting) content(r io.Reader) (cut, fatal error) {
	head := p.buf[:wholeItem]
	n, err := io.ReadFull(r, head)
	size := p.entry.Item.Size
	if (size <= maxProgram || err != nil) && size >= 0 && p.entry.Sparse == nil && isProgram(head[:n]) {
		p.sums.md5, p.sums.sha1 = md5.New(), sha1.New()
	}
	switch {
	case err == nil && size > wholeItem:
		return p.known(head, r)
	case err == nil:
		return p.unknown(n, r)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = nil
	}
	if p.entry.Sparse != nil && size > int64(n) { // what is stored must be as long as the map says
		_, fatal = p.known(head[:n], bytes.NewReader(nil))
		return err, fatal
	}
	return err, p.small(head[:n])
}

// small stores an item that was read whole, as a link where the volume has its content already.
func (p *putting) small(content []byte) error {
	if len(content) < leastSame || p.entry.Sparse != nil {
		return p.part(content, nil, int64(len(content)), true)
	}
	var sum [sha256.Size]byte
	p.sums.Write(content)
	p.sums.sha256.Sum(sum[:0])
	if first, ok := p.vol.same[sum]; ok {
		p.entry.SameAs, p.entry.Size = first, int64(len(content))
		return p.link()
	}
	p.sums.sha256.Reset()
	return p.hashed(content, sum)
}

// hashed stores an item that was read and hashed already.
func (p *putting) hashed(content []byte, sum [sha256.Size]byte) error {
	e := &p.entry
	size := int64(len(content))
	if err := p.makeRoom(size); err != nil {
		return err
	}
	if err := p.vol.begin(member{name: e.Name, kind: typeFile, size: size, mod: e.Times.Modified}); err != nil {
		return err
	}
	if _, err := p.vol.tar.Write(content); err != nil {
		return err
	}
	e.Size, e.SHA256 = size, hex.EncodeToString(sum[:])
	if p.sums.md5 != nil {
		e.MD5, e.SHA1 = hex.EncodeToString(p.sums.md5.Sum(nil)), hex.EncodeToString(p.sums.sha1.Sum(nil))
	}
	p.add(manifest.Part{Name: e.Name, Volume: p.vol.number, Size: size, SHA256: e.SHA256})
	return nil
}

func (p *putting) add(part manifest.Part) {
	p.parts = append(p.parts, part)
	p.vol.open = append(p.vol.open, part)
}

// known stores an item that says how large it is, of which head is read already: in one piece, or as many as the room
// in the volumes asks for. What the source does not give is made up by zeros in the archive and told in the record.
func (p *putting) known(head []byte, r io.Reader) (cut, fatal error) {
	src := &source{r: r}
	for left := p.entry.Item.Size; left > 0; {
		size, err := p.room(left)
		if err != nil {
			return nil, err
		}
		if len(p.parts) == 0 && size < wholeItem { // head is in the buffer and wants to be whole
			size = min(left, wholeItem)
		}
		last := size == left
		if err := p.part(head, src, size, last && len(p.parts) == 0); err != nil {
			return nil, err
		}
		head, left = nil, left-size
		if src.end {
			break
		}
	}
	return src.err, nil
}

// unknown stores an item of unknown size, of which the first n bytes are in the buffer, in parts that are read whole
// before they are written. Such items are few, so that the room of a part is theirs alone.
func (p *putting) unknown(n int, r io.Reader) (cut, fatal error) {
	buf := make([]byte, min(streamPart, p.opts.VolumeSize/4))
	copy(buf, p.buf[:n])
	for {
		m, err := io.ReadFull(r, buf[n:])
		n += m
		end := err != nil
		if n > 0 || len(p.parts) == 0 {
			if err := p.part(buf[:n], nil, int64(n), end && len(p.parts) == 0); err != nil {
				return nil, err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, nil
		case err != nil:
			return err, nil
		}
		n = 0
	}
}

// part writes one file of the archive: head, then what src gives, then zeros up to size.
func (p *putting) part(head []byte, src *source, size int64, whole bool) error {
	if err := p.makeRoom(size); err != nil {
		return err
	}
	e := &p.entry
	m := member{name: e.Name, kind: typeFile, size: size, mod: e.Times.Modified}
	own := p.sums.sha256 // of the part: the item's where it is the only one
	to := io.Writer(&p.sums)
	if !whole {
		m.name = fmt.Sprintf("%s.part%03d", e.Name, len(p.parts)+1)
		own = sha256.New()
		to = io.MultiWriter(&p.sums, own)
	} else if e.Sparse != nil {
		m.sparse = e.Sparse.Size
	}
	if err := p.vol.begin(m); err != nil {
		return err
	}
	to.Write(head) // a hash never fails
	if _, err := p.vol.tar.Write(head); err != nil {
		return err
	}
	got := int64(len(head))
	if src != nil {
		n, err := io.CopyBuffer(io.MultiWriter(p.vol.tar, to), struct{ io.Reader }{io.LimitReader(src, size-got)}, p.buf)
		if err != nil {
			return err
		}
		got += n
	}
	if got < size {
		e.Padding += size - got
		if _, err := io.CopyN(p.vol.tar, zeros{}, size-got); err != nil {
			return err
		}
	}
	e.Size += got
	p.add(manifest.Part{Name: m.name, Volume: p.vol.number, Size: got, SHA256: hex.EncodeToString(own.Sum(nil))})
	return nil
}

// source hides the evidence's error from io.Copy, for which only the archive can fail.
type source struct {
	r   io.Reader
	end bool
	err error // why it ended too early
}

func (s *source) Read(b []byte) (int, error) {
	if s.end {
		return 0, io.EOF
	}
	n, err := s.r.Read(b)
	if err != nil {
		s.end = true
		if err != io.EOF {
			s.err = err
		}
		return n, io.EOF
	}
	return n, nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// room tells how much of an item of the given size may go into a file now, beginning a new volume where too little room
// is left.
func (w *Writer) room(size int64) (int64, error) {
	for range 2 {
		free, err := w.vol.free(size, w.opts.VolumeSize)
		if err != nil || free >= size {
			return size, err
		}
		if free >= w.opts.VolumeSize/8 {
			return free, nil
		}
		if err := w.nextVolume(); err != nil {
			return 0, err
		}
	}
	return min(size, w.opts.VolumeSize-2*reserve), nil
}

// makeRoom begins a new volume where this one cannot hold size more bytes, unless it is a fresh one.
func (w *Writer) makeRoom(size int64) error {
	free, err := w.vol.free(size, w.opts.VolumeSize)
	if err != nil || free >= size || w.vol.fresh() {
		return err
	}
	return w.nextVolume()
}
