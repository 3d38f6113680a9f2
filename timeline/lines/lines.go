// Package lines reads text logs line by line, at the speed of memory: a block of the file becomes one string, and the
// lines are parts of it, so that a line costs no allocation and stays valid for as long as somebody holds it.
//
// What hostile or unlucky hosts write is met here, for all text formats at once: lines of any length, line ends of LF and
// CR LF, zero bytes where a crash left a stretch unwritten, and UTF-16 with a byte order mark (The Unicode Standard 15.0,
// 23.8) as some Windows programs write it.
package lines

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// Max is how much of one line is kept, in bytes; logs of any kind stay far below it.
const Max = 64 << 10

// A Line is one line of a text file.
type Line struct {
	Offset int64  // of its first byte in the file
	Text   string // without the line end; of UTF-16, in UTF-8
	Cut    int64  // bytes over the bound, left out; the line end is not one of them
}

// block is how much is made a string at once. It holds any line that is kept whole.
const block = 2 * Max

// blocks are used again: every file of a host is asked whether it is a log, and few are.
var blocks = sync.Pool{New: func() any { return new([block]byte) }}

// Read gives the lines of a file. An error about zero bytes stands for the stretch it names, and the lines go on; any
// other is the reader's own and ends them, after what was read before it.
func Read(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		buf := blocks.Get().(*[block]byte)
		defer blocks.Put(buf)
		s := reader{r: r, buf: buf[:], yield: yield}
		s.fill(4)
		switch b := s.buf[:s.have]; {
		case bytes.HasPrefix(b, []byte{0xff, 0xfe}) && !bytes.HasPrefix(b, []byte{0xff, 0xfe, 0, 0}):
			s.wide(0)
			return
		case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
			s.wide(1)
			return
		case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
			s.drop(3)
		}
		s.narrow()
	}
}

// Heads gives the first bytes of each line of a file, as many as are asked for at most, each valid until the next. It is
// for looking over a file before it is read: it knows neither UTF-16 nor damage, and the end of the file is its only error.
func Heads(r io.Reader, most int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		buf := blocks.Get().(*[block]byte)
		defer blocks.Put(buf)
		s := reader{r: r, buf: buf[:]}
		inside := false // the block begins in the middle of a line
		for {
			s.fill(1)
			rest := s.buf[:s.have]
			if len(rest) == 0 {
				return
			}
			for len(rest) > 0 {
				line, after := rest, rest[:0]
				end := bytes.IndexByte(rest, '\n')
				ended := end >= 0
				if ended {
					line, after = rest[:end], rest[end+1:]
				}
				if !ended && !inside && len(rest) < most && s.err == nil {
					break // the head may go on in the next block
				}
				if !inside && !yield(line[:min(most, len(line))]) {
					return
				}
				inside, rest = !ended, after
			}
			s.drop(s.have - len(rest))
			if len(rest) > 0 {
				s.fill(len(rest) + 1)
			}
		}
	}
}

// A reader holds the bytes that are not given yet.
type reader struct {
	r      io.Reader
	buf    []byte
	have   int   // bytes in buf
	offset int64 // of buf[0] in the file
	err    error // of r, met
	zeros  int64 // zero bytes before buf[0], not yet told
	yield  func(Line, error) bool
}

// fill reads until there are n bytes, or no more.
func (s *reader) fill(n int) {
	for empty := 0; s.have < n && s.err == nil; {
		var k int
		k, s.err = s.r.Read(s.buf[s.have:])
		s.have += k
		if k > 0 {
			empty = 0
		} else if empty++; empty > 100 && s.err == nil {
			s.err = io.ErrNoProgress
		}
	}
}

// drop forgets the first n bytes.
func (s *reader) drop(n int) {
	s.have = copy(s.buf, s.buf[n:s.have])
	s.offset += int64(n)
}

// narrow gives the lines of bytes.
func (s *reader) narrow() {
	for seen := 0; ; {
		end := bytes.LastIndexByte(s.buf[seen:s.have], '\n')
		switch {
		case end >= 0:
			end += seen + 1
			if !s.lines(string(s.buf[:end])) {
				return
			}
			s.drop(end)
			seen = s.have
		case s.have == len(s.buf):
			if !s.long() {
				return
			}
			seen = 0
		case s.err != nil:
			s.last()
			return
		default:
			seen = s.have
			s.fill(s.have + 1)
		}
	}
}

// last gives what stands behind the last line end, and the error.
func (s *reader) last() {
	if s.have > 0 && !s.line(string(s.buf[:s.have]), s.offset) {
		return
	}
	if !s.tellZeros(s.offset + int64(s.have)) {
		return
	}
	if !errors.Is(s.err, io.EOF) {
		s.yield(Line{}, fmt.Errorf("after offset %d: %w", s.offset+int64(s.have), s.err))
	}
}

// lines gives the lines of whole ones.
func (s *reader) lines(text string) bool {
	at := s.offset
	for text != "" {
		end := strings.IndexByte(text, '\n')
		if !s.line(text[:end], at) {
			return false
		}
		text, at = text[end+1:], at+int64(end)+1
	}
	return true
}

// line gives one line, without its zero bytes at both ends.
func (s *reader) line(text string, at int64) bool {
	if n := len(text); n > 0 && text[n-1] == '\r' {
		text = text[:n-1]
	}
	if n := len(text); n > 0 && (text[0] == 0 || text[n-1] == 0) {
		rest := strings.TrimLeft(text, "\x00")
		s.zeros += int64(n - len(rest))
		at += int64(n - len(rest))
		if rest == "" {
			return true // the next line, or the end, tells
		}
		if text = strings.TrimRight(rest, "\x00"); len(text) < len(rest) {
			if !s.tellZeros(at) {
				return false
			}
			s.zeros = int64(len(rest) - len(text))
			return s.give(text, at) && s.tellZeros(at+int64(len(rest)))
		}
	}
	if s.zeros > 0 && !s.tellZeros(at) {
		return false
	}
	return s.give(text, at)
}

func (s *reader) give(text string, at int64) bool {
	l := Line{Offset: at, Text: text}
	if len(text) > Max {
		l.Text, l.Cut = text[:Max], int64(len(text)-Max)
	}
	return s.yield(l, nil)
}

// tellZeros reports the zero bytes that end at an offset.
func (s *reader) tellZeros(end int64) bool {
	n := s.zeros
	if n == 0 {
		return true
	}
	s.zeros = 0
	return s.yield(Line{}, fmt.Errorf("%d zero bytes before offset %d", n, end))
}

// long gives a line that is longer than a block, or passes over a block's zero bytes.
func (s *reader) long() bool {
	if s.buf[0] == 0 {
		n := s.have - len(bytes.TrimLeft(s.buf[:s.have], "\x00"))
		s.zeros += int64(n)
		s.drop(n)
		s.fill(s.have + 1)
		return true
	}
	if !s.tellZeros(s.offset) {
		return false
	}
	l := Line{Offset: s.offset, Text: string(s.buf[:Max]), Cut: -Max}
	for {
		end := bytes.IndexByte(s.buf[:s.have], '\n')
		if end >= 0 || s.err != nil {
			n := end
			if end < 0 {
				n, end = s.have, s.have-1
			}
			l.Cut += int64(n)
			s.drop(end + 1)
			return s.yield(l, nil)
		}
		l.Cut += int64(s.have)
		s.drop(s.have)
		s.fill(1)
	}
}

// wide gives the lines of UTF-16, whose units have their lower byte at low: 0 in little-endian, 1 in big-endian.
func (s *reader) wide(low int) {
	s.drop(2)
	w := wideLine{offset: s.offset}
	for {
		s.fill(2)
		if s.have < 2 {
			break
		}
		n := s.have &^ 1
		for i := 0; i < n; i += 2 {
			unit := rune(s.buf[i+1-low])<<8 | rune(s.buf[i+low])
			if unit != '\n' {
				w.add(unit)
				continue
			}
			if !s.giveWide(&w, s.offset+int64(i)+2) {
				return
			}
		}
		s.drop(n)
	}
	if (len(w.text) > 0 || w.cut > 0) && !s.giveWide(&w, s.offset) || !s.tellZeros(s.offset) {
		return
	}
	if s.have == 1 && errors.Is(s.err, io.EOF) {
		s.yield(Line{}, fmt.Errorf("half a character at offset %d", s.offset))
	} else if !errors.Is(s.err, io.EOF) {
		s.yield(Line{}, fmt.Errorf("after offset %d: %w", s.offset, s.err))
	}
}

// A wideLine is a line of UTF-16 as it grows.
type wideLine struct {
	offset int64
	text   []byte
	cut    int64
	high   rune // a surrogate that waits for its other half; 0: none
}

func (w *wideLine) add(unit rune) {
	switch {
	case w.high != 0:
		if r := utf16.DecodeRune(w.high, unit); r != utf8.RuneError {
			unit, w.high = r, 0
			break
		}
		w.text, w.high = utf8.AppendRune(w.text, utf8.RuneError), 0
		fallthrough
	default:
		if 0xd800 <= unit && unit < 0xdc00 {
			w.high = unit
			return
		}
	}
	if len(w.text) < Max {
		w.text = utf8.AppendRune(w.text, unit)
	} else {
		w.cut += int64(utf8.RuneLen(unit))
	}
}

// giveWide gives a line and begins the next at an offset.
func (s *reader) giveWide(w *wideLine, next int64) bool {
	if w.high != 0 {
		w.text = utf8.AppendRune(w.text, utf8.RuneError)
	}
	text, ok := string(w.text), true
	if w.cut > 0 {
		ok = s.yield(Line{Offset: w.offset, Text: text, Cut: w.cut}, nil)
	} else {
		text = strings.TrimSuffix(text, "\r")
		ok = s.line(text, w.offset)
	}
	*w = wideLine{offset: next, text: w.text[:0]}
	return ok
}
