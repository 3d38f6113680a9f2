package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"spor/cmd/internal/cli"
	"spor/cmd/spor/internal/interview"
)

// maxLine bounds what is typed in one line, in bytes.
const maxLine = 16 << 10

// screenWidth is where lines are broken, in letters: every console has that many.
const screenWidth = 76

// Why no line came.
var (
	errClosed  = errors.New("the window was closed, or the input has ended")
	errPressed = errors.New("Ctrl-C was pressed")
)

// A console asks a person, line by line. It moves no cursor and has no colours: what reads the screen aloud reads all of it.
type console struct {
	out     io.Writer
	lines   chan string
	ended   chan struct{} // of the input: a token each time
	signals chan os.Signal
	closed  bool // the window, or the input has ended
}

// newConsole takes over a terminal, and with it the signals: from here on Ctrl-C asks first.
func newConsole(s cli.Streams) *console {
	c := &console{out: s.Out, lines: make(chan string), ended: make(chan struct{}, 1), signals: make(chan os.Signal, 4)}
	if isLatin1(locale()) {
		c.out = latin1{s.Out}
	}
	signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	signal.Notify(c.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go c.read(s.In)
	return c
}

// read gives the lines as they come. On Windows Ctrl-C looks like the end of the input, after which more can come.
func (c *console) read(in io.Reader) {
	r := bufio.NewReaderSize(in, maxLine)
	for tries := 0; tries < 3; tries++ {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			c.lines <- typed(line)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull), err == nil:
			tries = -1
			continue
		}
		select {
		case c.ended <- struct{}{}:
		default: // nobody has taken the last one yet
		}
		if runtime.GOOS != "windows" {
			return
		}
		time.Sleep(time.Second)
	}
}

// typed makes clean text of a line: of UTF-8, or else of Latin-1, without keys that are no letters.
func typed(line []byte) string {
	text := string(line)
	if !utf8.Valid(line) {
		runes := make([]rune, len(line))
		for i, b := range line {
			runes[i] = rune(b)
		}
		text = string(runes)
	}
	var b strings.Builder
	for escape := 0; len(text) > 0; {
		r, n := utf8.DecodeRuneInString(text)
		text = text[n:]
		switch {
		case r == 0x1b: // an arrow key, for instance: ESC [ D (ECMA-48, control sequences)
			escape = 1
		case escape == 1 && (r == '[' || r == 'O'):
			escape = 2
		case escape > 0:
			if escape == 1 || r >= 0x40 && r <= 0x7e {
				escape = 0
			}
		case r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}

// line waits for one line. A Ctrl-C and the end of the input are errors, and so is the closing of the window.
func (c *console) line() (string, error) {
	line, err := c.wait()
	c.closed = c.closed || errors.Is(err, errClosed)
	return line, err
}

func (c *console) wait() (string, error) {
	select {
	case line := <-c.lines:
		return line, nil
	case s := <-c.signals:
		return "", pressed(s)
	case <-c.ended:
		select { // was it Ctrl-C?
		case s := <-c.signals:
			return "", pressed(s)
		case <-time.After(300 * time.Millisecond):
			return "", errClosed
		}
	}
}

func pressed(s os.Signal) error {
	if s == os.Interrupt {
		return errPressed
	}
	return errClosed
}

// say writes a text, broken into lines.
func (c *console) say(text string) { fmt.Fprintln(c.out, interview.Wrap(text, screenWidth)) }

// ask writes what can be typed, and waits for it.
func (c *console) ask(prompt string) (string, error) {
	fmt.Fprint(c.out, interview.Wrap(prompt, screenWidth), "\n> ")
	return c.line()
}

// isLatin1 tells whether a locale's terminal shows Latin-1: "nb_NO.ISO-8859-1", or an old name without a character set does not
// say so, and UTF-8 is what such systems have now.
func isLatin1(locale string) bool {
	_, set, _ := strings.Cut(strings.ToLower(locale), ".")
	set, _, _ = strings.Cut(strings.ReplaceAll(set, "-", ""), "@")
	return set == "iso88591" || set == "iso885915"
}

// latin1 writes UTF-8 to a terminal that shows Latin-1.
type latin1 struct{ io.Writer }

func (w latin1) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p))
	for _, r := range string(p) {
		if r > 0xff {
			r = '?'
		}
		out = append(out, byte(r))
	}
	_, err := w.Writer.Write(out)
	return len(p), err
}
