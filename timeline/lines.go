package timeline

import (
	"bufio"
	"errors"
	"io"
	"iter"
)

// A Line is one line of a text file.
type Line struct {
	Offset int64  // of its first byte
	Text   []byte // without the line end; valid until the next line
	Cut    int64  // bytes over the bound, left out
}

// LinesMax reads text line by line, keeping a number of bytes of each. An error ends it. Parsers of text logs read through
// package lines, which is faster and knows what hosts do to files; this is for lines longer than any log has.
func LinesMax(r io.Reader, most int) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		b := bufio.NewReaderSize(r, most)
		offset := int64(0)
		for {
			text, err := b.ReadSlice('\n')
			line := Line{Offset: offset, Text: text}
			offset += int64(len(text))
			if errors.Is(err, bufio.ErrBufferFull) {
				line.Text = append([]byte(nil), text...)
				line.Cut, err = skipLine(b)
				offset += line.Cut
			}
			if err != nil && !errors.Is(err, io.EOF) {
				if len(line.Text) == 0 || yield(line, nil) {
					yield(Line{Offset: offset}, err)
				}
				return
			}
			if err != nil && len(line.Text) == 0 {
				return
			}
			line.Text = trimEnd(line.Text)
			if !yield(line, nil) || err != nil {
				return
			}
		}
	}
}

// skipLine reads to the end of a line and says how long that was.
func skipLine(b *bufio.Reader) (int64, error) {
	n := int64(0)
	for {
		rest, err := b.ReadSlice('\n')
		n += int64(len(rest))
		if !errors.Is(err, bufio.ErrBufferFull) {
			return n, err
		}
	}
}

// trimEnd cuts the line end: LF, or CR LF.
func trimEnd(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
		if n > 1 && b[n-2] == '\r' {
			b = b[:n-2]
		}
	}
	return b
}
