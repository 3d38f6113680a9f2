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

// Bounds of what is typed, in bytes: of one line, of what is pasted at once, and of a line that a terminal of Linux passes on with its end:
// it drops the rest without a word (N_TTY_BUF_SIZE).
const (
	maxLine   = 16 << 10
	maxPasted = 4 * maxLine
	ttyLine   = 4095
)

// pasting is how long after a line the next one still was pasted with it.
const pasting = 30 * time.Millisecond

// screenWidth is where lines are broken, in letters, unless the terminal is narrower.
const screenWidth = 76

// Why no line came.
var (
	errClosed  = errors.New("the window was closed, or the input has ended")
	errPressed = errors.New("Ctrl-C was pressed")
	errDone    = errors.New("nobody waits for a line any more")
)

// A console asks a person, line by line. It moves no cursor and has no colours: what reads the screen aloud reads all of it.
// It reads only when a line is wanted: the console of Windows shows what is typed where its cursor stood when the reading began.
type console struct {
	out     io.Writer
	wanted  chan struct{} // one more line
	lines   chan entry
	ended   chan struct{} // instead of a line: the input has ended, or on Windows Ctrl-C was pressed
	signals chan os.Signal
	reading bool // a line is wanted that has not come
	cut     bool // the line will not come: Ctrl-C was pressed while it was read, which on Windows ends the reading
	long    bool // of what was read last not all was kept
	closed  bool // the window, or the input has ended
	width   func() int
}

// An entry is one line, or the lines that were pasted at once.
type entry struct {
	text string
	long bool // not all of it was kept
}

// newConsole takes over a terminal, and with it the signals: from here on Ctrl-C asks first.
func newConsole(s cli.Streams) *console {
	c := &console{out: s.Out, wanted: make(chan struct{}, 1), lines: make(chan entry), ended: make(chan struct{}), signals: make(chan os.Signal, 4)}
	c.width = func() int { return columns(s.Out) }
	if isLatin1(locale()) {
		c.out = latin1{s.Out}
	}
	signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	signal.Notify(c.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go c.read(s.In)
	return c
}

// read gives each line that is wanted, or says that there is none. What is there already when a line has come was pasted with
// it, and belongs to it: a pasted letter must not answer the questions that are still to come.
func (c *console) read(in io.Reader) {
	r := bufio.NewReaderSize(in, maxLine)
	for range c.wanted {
		one, err := readLine(r)
		if err != nil && one.text == "" {
			c.ended <- struct{}{}
			continue
		}
		for one.text != "" && err == nil && (r.Buffered() > 0 || pasted(in)) {
			var more entry
			more, err = readLine(r)
			if one.long = one.long || more.long || len(one.text) > maxPasted; len(one.text) <= maxPasted {
				one.text += "\n" + more.text
			}
		}
		c.lines <- one
	}
}

// readLine reads one. What of it is over maxLine is left out.
func readLine(r *bufio.Reader) (entry, error) {
	line, err := r.ReadSlice('\n')
	one := entry{long: len(line) >= ttyLine}
	if one.long { // the last letter may be cut in two
		line = line[:len(line)-1]
		for range utf8.UTFMax - 1 {
			if last, n := utf8.DecodeLastRune(line); last == utf8.RuneError && n == 1 {
				line = line[:len(line)-1]
			}
		}
	}
	one.text = typed(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	return one, err
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
	if c.closed {
		return "", errClosed
	}
	c.want()
	line, err := c.wait(nil)
	c.closed = c.closed || errors.Is(err, errClosed)
	return line, err
}

// want lets a line be read, unless one is waited for already.
func (c *console) want() {
	if !c.reading {
		c.reading = true
		c.wanted <- struct{}{}
	}
}

// wait waits for the line that is wanted, if any, for what comes instead, or for the end of whatever goes on meanwhile.
func (c *console) wait(done <-chan struct{}) (string, error) {
	for {
		select {
		case one := <-c.lines:
			c.reading, c.cut, c.long = false, false, one.long
			return strings.TrimSpace(one.text), nil
		case s := <-c.signals:
			c.cut = runtime.GOOS == "windows" && c.reading
			return "", pressed(s)
		case <-done:
			return "", errDone
		case <-c.ended:
			c.reading = false
			if c.cut { // by the Ctrl-C that we know of
				c.cut = false
				c.want()
				continue
			}
			select { // by one that is on its way?
			case s := <-c.signals:
				return "", pressed(s)
			case <-time.After(300 * time.Millisecond):
				return "", errClosed
			}
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
func (c *console) say(text string) { fmt.Fprintln(c.out, interview.Wrap(text, lineWidth(c.width()))) }

// lineWidth is where lines are broken on a terminal of that many columns.
func lineWidth(columns int) int { return min(screenWidth, max(columns-4, 16)) }

// ask writes what can be typed, and waits for it.
func (c *console) ask(prompt string) (string, error) {
	fmt.Fprint(c.out, interview.Wrap(prompt, lineWidth(c.width())), "\n> ")
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
