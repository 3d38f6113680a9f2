package timeline

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"sync"
)

// A Packing is a way to compress one file, as rotated logs are. It is a value; package packed has the list of those that a
// program may have beside gzip.
type Packing struct {
	Name     string   // "xz"
	Magic    string   // what such a file begins with
	Suffixes []string // what its name has behind the file's own: ".xz"
	// Open gives what the file holds. It is bounded in memory, whatever the file says of itself; how much comes out is
	// bounded by Limits.
	Open func(io.Reader) (io.Reader, error)
}

// gzipped is RFC 1952. Every program has it.
var gzipped = &Packing{
	Name: "gzip", Magic: "\x1f\x8b", Suffixes: []string{".gz"},
	Open: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
}

// inner is the name of the file that is compressed.
func (p *Packing) inner(name string) string {
	for _, s := range p.Suffixes {
		if inner, ok := strings.CutSuffix(name, s); ok {
			return inner
		}
	}
	return name
}

// A match is what is known of a file by its beginning. The zero match is nothing.
type match struct {
	format  *Format  // nil: what the file expands to tells
	packing *Packing // nil: it is not compressed
}

// parser names what reads the file.
func (m match) parser() string {
	if m.format == nil {
		return m.packing.Name
	}
	return m.format.Name
}

// know looks at the first bytes of a file, and into gzip files. Of what is compressed in another way, the first bytes do
// not give the beginning of what it holds: parse looks there.
func (fs Formats) know(name string, head []byte, packings []*Packing) match {
	if f := fs.Find(name, head); f != nil {
		return match{format: f}
	}
	for _, p := range packings {
		if strings.HasPrefix(string(head[:min(len(head), len(p.Magic))]), p.Magic) {
			return match{packing: p}
		}
	}
	if !bytes.HasPrefix(head, []byte(gzipped.Magic)) {
		return match{}
	}
	g := peeks.Get().(*peek)
	defer peeks.Put(g)
	g.from.Reset(head)
	if err := g.z.Reset(&g.from); err != nil {
		return match{}
	}
	n, _ := io.ReadFull(&g.z, g.inner[:]) // the head ends in the middle: what came out is enough
	if f := fs.Find(gzipped.inner(name), g.inner[:n]); f != nil {
		return match{format: f, packing: gzipped}
	}
	return match{}
}

// A peek looks into a gzip file. They are kept, because one needs 50 KB and a host has thousands of such files.
type peek struct {
	from  bytes.Reader
	z     gzip.Reader
	inner [HeadSize]byte
}

var peeks = sync.Pool{New: func() any { return new(peek) }}

// unpack makes the Input of what a compressed file holds, and finds its format where it is not known yet; nil: it has
// none. An error says why its beginning cannot be read.
func (m match) unpack(in Input, fs Formats, l Limits) (Input, *Format, error) {
	x := &expand{packing: m.packing, src: counted{r: in.R}, limit: l.expanded()}
	in.Name, in.R, in.Size, in.Beside = m.packing.inner(in.Name), x, -1, nil
	if m.format != nil {
		return in, m.format, nil
	}
	head := make([]byte, HeadSize)
	n, err := io.ReadFull(x, head)
	if n == 0 && !errors.Is(err, io.EOF) {
		return in, nil, err
	}
	in.R = io.MultiReader(bytes.NewReader(head[:n]), x)
	return in, fs.Find(in.Name, head[:n]), nil
}

var (
	errExpanded = errors.New("expands to more than the limit")
	errBomb     = errors.New("expands more than a thousandfold, as no log does")
)

// Of what a log is made of, the best compression leaves one part in some hundreds; gzip can make no more than 1,032.
const (
	maxRatio  = 1000
	freeRatio = 4 << 20 // so much may come out of anything
)

// expand reads what a compressed file holds, up to a limit that is an error, and up to a ratio that is one.
type expand struct {
	packing *Packing
	src     counted
	z       io.Reader
	limit   int64
	out     int64
}

func (e *expand) Read(p []byte) (int, error) {
	if e.z == nil {
		z, err := e.packing.Open(&e.src)
		if err != nil {
			return 0, err
		}
		e.z = z
	}
	switch {
	case e.out >= e.limit:
		return 0, errExpanded
	case e.out > freeRatio && e.out/maxRatio > e.src.n:
		return 0, errBomb
	}
	n, err := e.z.Read(p[:min(int64(len(p)), e.limit-e.out)])
	e.out += int64(n)
	return n, err
}

// counted is a reader that knows how much was read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
