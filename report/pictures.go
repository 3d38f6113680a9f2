package report

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"unicode/utf16"
	"unicode/utf8"
)

// Pictures of screens come from the examined host: they are decoded here, within bounds, and written anew, so that what a
// browser is given was made by this program. The originals stay beside the page.
const (
	maxPictures      = 12
	maxPictureFile   = 48 << 20 // bytes
	maxPicturePixels = 48 << 20 // three monitors of 5120×2880
	pictureWidth     = 1280     // pixels, of the small one
	pictureQuality   = 72       // of JPEG: text is still read
)

var errTooLarge = errors.New("larger than is read")

// picture makes a data: URI of a PNG of the folder.
func picture(fsys fs.FS, name string) (template.URL, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPictureFile+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxPictureFile {
		return "", errTooLarge
	}
	c, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	if c.Width <= 0 || c.Height <= 0 || int64(c.Width)*int64(c.Height) > maxPicturePixels {
		return "", fmt.Errorf("%d×%d pixels: %w", c.Width, c.Height, errTooLarge)
	}
	large, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, smaller(large, pictureWidth), &jpeg.Options{Quality: pictureQuality}); err != nil {
		return "", err
	}
	return template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), nil
}

// smaller makes a picture of at most a width, each pixel the mean of those it stands for; what is not opaque lies on white.
func smaller(from image.Image, width int) *image.RGBA {
	r := from.Bounds()
	flat := image.NewRGBA(image.Rect(0, 0, r.Dx(), r.Dy()))
	draw.Draw(flat, flat.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(flat, flat.Bounds(), from, r.Min, draw.Over)
	if r.Dx() <= width {
		return flat
	}
	height := max(1, r.Dy()*width/r.Dx())
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		y0, y1 := y*r.Dy()/height, max((y+1)*r.Dy()/height, y*r.Dy()/height+1)
		for x := range width {
			x0, x1 := x*r.Dx()/width, max((x+1)*r.Dx()/width, x*r.Dx()/width+1)
			var sum [3]int
			for yy := y0; yy < y1; yy++ {
				row := flat.Pix[yy*flat.Stride+4*x0 : yy*flat.Stride+4*x1]
				for i := 0; i < len(row); i += 4 {
					sum[0], sum[1], sum[2] = sum[0]+int(row[i]), sum[1]+int(row[i+1]), sum[2]+int(row[i+2])
				}
			}
			n := (x1 - x0) * (y1 - y0)
			out.SetRGBA(x, y, color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255})
		}
	}
	return out
}

// A Note is a file with a name like a ransom note's.
type Note struct {
	Item string // in the folder
	Path string // on the host
	Text string // its beginning; empty: it is no text
}

const (
	maxNotes    = 5
	maxNoteFile = 16 << 10 // bytes read
	noteText    = 4_000    // characters shown
)

// notes reads the files that findings call ransom notes. Notes of the same text are one.
func (in *Input) notes(fsys fs.FS) {
	list := newItems(in)
	seen := map[string]bool{}
	for i := range in.Findings {
		f := &in.Findings[i]
		item := list.of(f)
		if f.Rule != "ransom-note-name" || link(".", item) == "" || len(in.Notes) == maxNotes {
			continue
		}
		text, err := noteBeginning(fsys, item)
		if err != nil {
			in.fault(item, err)
			continue
		}
		if !seen[text] {
			seen[text] = true
			in.Notes = append(in.Notes, Note{Item: item, Path: f.Path.String(), Text: text})
		}
	}
}

func noteBeginning(fsys fs.FS, item string) (string, error) {
	f, err := fsys.Open(item)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxNoteFile))
	return plainText(b), err
}

// plainText reads UTF-8, UTF-16 with its mark, or else Latin-1; what has zero bytes is no text.
func plainText(b []byte) string {
	if len(b) >= 2 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff) {
		low := int(b[0]) & 1 // the mark is FF FE where the low byte comes first
		var u []uint16
		for i := 2; i+1 < len(b); i += 2 {
			u = append(u, uint16(b[i+1-low])|uint16(b[i+low])<<8)
		}
		return string(utf16.Decode(u))
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return ""
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	for torn := range min(len(b)+1, utf8.UTFMax) { // bytes of the last character
		if whole := b[:len(b)-torn]; utf8.Valid(whole) {
			return string(whole)
		}
	}
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}
