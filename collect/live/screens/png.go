package screens

import (
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// A canvas writes a picture as PNG (W3C PNG Specification, second edition) while its rows come: truecolour of 8 bits,
// each row as its difference to the one above. image/png would want the whole picture in memory.
type canvas struct {
	w             io.Writer
	z             *zlib.Writer
	width         int
	last, row     []byte
	err           error
	first         [3]byte // the color of the first pixel
	begun, varied bool    // there is another color than the first
	light         bool    // there is a pixel that is not nearly black
}

func newCanvas(w io.Writer, width, height int) *canvas {
	c := &canvas{w: w, width: width, last: make([]byte, 3*width), row: make([]byte, 1+3*width)}
	_, c.err = w.Write([]byte("\x89PNG\r\n\x1a\n"))
	header := binary.BigEndian.AppendUint32(nil, uint32(width))
	header = binary.BigEndian.AppendUint32(header, uint32(height))
	c.chunk("IHDR", append(header, 8, 2, 0, 0, 0)) // 8 bits, truecolour, deflate, adaptive filter, not interlaced
	c.z, _ = zlib.NewWriterLevel(data{c}, zlib.BestSpeed)
	return c
}

// add takes a row of pixels in the order of GDI: blue, green, red, and one byte that means nothing.
func (c *canvas) add(bgrx []byte) {
	const dark = 8 // of 255
	c.row[0] = 2   // the filter "up"
	for i := range c.width {
		p := bgrx[4*i : 4*i+4]
		rgb := [3]byte{p[2], p[1], p[0]}
		if !c.begun {
			c.first, c.begun = rgb, true
		}
		c.varied = c.varied || rgb != c.first
		c.light = c.light || rgb[0] > dark || rgb[1] > dark || rgb[2] > dark
		for k := range 3 {
			c.row[1+3*i+k] = rgb[k] - c.last[3*i+k]
			c.last[3*i+k] = rgb[k]
		}
	}
	if c.err == nil {
		_, c.err = c.z.Write(c.row)
	}
}

// end finishes the picture and tells what it looks like, as in Shot.Look.
func (c *canvas) end() (look string, err error) {
	if err := c.z.Close(); c.err == nil {
		c.err = err
	}
	c.chunk("IEND", nil)
	switch {
	case !c.light:
		look = "black"
	case !c.varied:
		look = "one color"
	}
	return look, c.err
}

func (c *canvas) chunk(kind string, content []byte) {
	if c.err != nil {
		return
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	b = append(append(b, kind...), content...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
	_, c.err = c.w.Write(b)
}

// data makes chunks of what is compressed.
type data struct{ c *canvas }

func (d data) Write(b []byte) (int, error) {
	d.c.chunk("IDAT", b)
	return len(b), d.c.err
}
